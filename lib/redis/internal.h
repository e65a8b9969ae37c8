/* redis, inside: what the files of this room share; nobody else includes it.
 *
 * The pieces, from the wire up: `command` writes requests, `scripts` holds the Lua texts, `errors`
 * judges error replies, `pipeline` keeps the order of requests and of the replies they are owed,
 * `reply` reads replies and gives each to the request that is next, `connection` owns the socket,
 * `connect` and `resolve` open it, `breaker` tells when the server is left alone, `port` is what
 * the repository sees. Everything here is [driver]. */
#ifndef ENTC_REDIS_INTERNAL_H
#define ENTC_REDIS_INTERNAL_H

#include "redis/redis.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- command.c: RESP requests, length-counted, straight into the output ---- */

void redis_command(struct buffer *output, size_t arguments);
void redis_argument(struct buffer *output, const char *bytes, size_t length);
void redis_argument_text(struct buffer *output, const char *text);
void redis_argument_number(struct buffer *output, int64_t number);
/* One argument made of three pieces. */
void redis_argument_framed(struct buffer *output, const char *before, struct span middle,
                           const char *after);

/* ---- scripts.c ---- */

struct redis_script {
    const char *sha1; /* of the text, as SCRIPT LOAD answers it */
    const char *text;
};

/* NULL for a step that is a plain command. */
const struct redis_script *redis_script_of(enum cache_step step);

/* ---- errors.c ---- */

enum redis_verdict {
    REDIS_VERDICT_ITEM,   /* this item failed, the others may do well */
    REDIS_VERDICT_DOWN,   /* the server cannot serve this batch */
    REDIS_VERDICT_REPEAT, /* the script is not there: say the command again with its text */
    REDIS_VERDICT_RETIRE, /* as DOWN, and what the address leads to now may be better: reconnect */
    REDIS_VERDICT_REFUSED /* as DOWN, and this connection will never serve us: close it */
};

struct redis_error {
    const char *prefix; /* of the reply, ends where a word ends */
    enum redis_verdict verdict;
    int32_t level; /* of its log message; 0: none */
    const char
        *story; /* for the log: our own words, because a server's may quote keys and values */
};

/* Index of the row that fits; the last row fits everything. Below 32: rows are bits of a mask. */
uint32_t redis_error_find(const char *text, size_t length);
const struct redis_error *redis_error_at(uint32_t index);

/* ---- pipeline.c ---- */

/* Written into an item that is to be repeated; never seen outside. */
#define REDIS_RESULT_REPEAT (-2)
/* Redis refuses commands with more arguments than 1024 * 1024. */
#define REDIS_KEYS_MAX (1024 * 1024 - 1)

/* A request that is owed replies. Without a batch it is a sink that swallows exactly these, or, as
 * long as it is not sent, garbage that the next packing removes. */
struct redis_pending {
    struct list link;
    struct cache_batch *batch;
    enum cache_step step;
    size_t count;   /* MGET: length of its array */
    size_t replies; /* still to come */
    size_t item; /* that the next reply is about; MGET: 1 + the slot that comes next, 0 before its
                    head came */
    size_t repeats; /* items to be repeated with EVAL */
    size_t begin;   /* in the output, while it is not sent */
    size_t length;
    uint32_t commands;
    bool is_sent;        /* the kernel has a byte of it */
    bool is_evaluated;   /* EVAL: the second round */
    bool is_second_half; /* INVALIDATE: the next reply is DEL's */
    bool is_late;        /* its batch was given up because no reply came in time */
    bool is_failed;      /* a reply said that the server cannot serve it */
};

struct redis_pipeline {
    const entc_allocator *allocator;
    struct list entries; /* in the order of their replies: first those sent, then the others */
    struct list *unsent; /* the first that is not sent, or &entries */
    struct list spare;
    struct buffer output;
    size_t sent;     /* bytes of output that the kernel has */
    size_t garbage;  /* bytes of output that belong to entries without a batch */
    unsigned loaded; /* a bit for each cache_step whose script this connection has brought */
};

void redis_pipeline_init(struct redis_pipeline *pipeline, const entc_allocator *allocator);
/* Forgets all entries without a word. */
void redis_pipeline_fini(struct redis_pipeline *pipeline);
/* Formats the batch and queues it. ENTC_E_INVALID: too many keys; ENTC_E_NO_MEMORY. */
entc_status redis_pipeline_add(struct redis_pipeline *pipeline, struct cache_batch *batch);
void redis_pipeline_detach(struct redis_pipeline *pipeline, struct cache_batch *batch);
/* The bytes to send now; and that the kernel took the first `length` of them. */
struct span redis_pipeline_output(struct redis_pipeline *pipeline);
void redis_pipeline_sent(struct redis_pipeline *pipeline, size_t length);
bool redis_pipeline_has_output(const struct redis_pipeline *pipeline);
/* The entry whose reply comes next; NULL when none is owed. */
struct redis_pending *redis_pipeline_front(const struct redis_pipeline *pipeline);
/* One reply of the front entry is complete. After its last one the entry is repeated, if it must
 * be, or its batch is done. */
void redis_pipeline_answered(struct redis_pipeline *pipeline);
/* Empties the pipeline, then ends every batch that was in it. */
void redis_pipeline_fail(struct redis_pipeline *pipeline, bool is_lost);

/* ---- reply.c ---- */

struct redis_replies {
    struct redisReader *reader;
    struct redis_pipeline *pipeline;
    size_t limit;      /* bytes of one reply element that may lie unread, or be announced */
    char last;         /* the last byte that the reader took */
    size_t peak;       /* bytes that the reader's own buffer held at most */
    size_t greetings;  /* +OK owed to AUTH and SELECT; they come before all others */
    uint32_t errors;   /* bit for each row of the error table that was met */
    uint32_t served;   /* batches that were waited for and got what they asked */
    uint32_t refused;  /* MGETs that got an error, since this was last looked at */
    bool is_good;      /* the server serves in time */
    const char *fault; /* why the connection is dead; static */
};

bool redis_replies_init(struct redis_replies *replies, struct redis_pipeline *pipeline,
                        uint64_t max_value_bytes);
void redis_replies_fini(struct redis_replies *replies);
/* Reads what came, calls `value` and `done` of batches. False: the connection is dead, see fault.
 */
bool redis_replies_feed(struct redis_replies *replies, const char *bytes, size_t length);

/* ---- connection.c, connect.c, resolve.c, breaker.c ---- */

enum redis_link { LINK_IDLE, LINK_RESOLVING, LINK_CONNECTING, LINK_GREETING, LINK_READY };

struct redis_connection {
    struct cache_port port; /* first */
    struct engine *engine;
    const entc_allocator *allocator;
    const struct log *log;
    struct redis_address address;
    int64_t connect_timeout_us;
    int64_t stall_us;
    uint64_t max_value_bytes;

    enum redis_link link;
    int fd; /* -1: none */
    struct engine_watch watch;
    struct engine_timer timer; /* to connect; then of the stall */
    struct engine_hook flush;
    struct redis_pipeline pipeline;
    struct redis_replies replies;
    struct buffer greeting; /* AUTH and SELECT, until they are sent */
    size_t greeting_sent;
    char *chunk; /* what recv writes into */

    int64_t connect_by_us;
    int64_t quiet_since_us;     /* last byte, or first request unanswered, whichever is later */
    struct addrinfo *addresses; /* of the host, to be freed */
    struct addrinfo *next_address;
    struct addrinfo unix_info;
    struct sockaddr_un unix_address;
    struct redis_resolve *resolve; /* a helper at work, or NULL */

    struct random random;
    uint32_t failures;    /* deaths and openings of the breaker in a row */
    uint32_t served;      /* batches since the last of them */
    uint32_t outcomes;    /* of the last batches: a bit for each, 1 is a failure */
    int64_t retry_at_us;  /* not before */
    bool is_probing;      /* after failures: the one batch that tries was taken */
    bool is_retired;      /* takes no more; closes when its last reply came */
    bool is_closed;       /* for ever */
    bool is_refusal_told; /* logged that the server refused AUTH or SELECT */
    uint32_t told;        /* rows of the error table that were logged */
};

#define REDIS_CHUNK_BYTES (64 * 1024)

/* Begins to connect; from LINK_IDLE. It may end in any state: ready, under way, or idle again. */
void redis_connection_open(struct redis_connection *connection);
/* [connect.c] The attempt failed: the next address, or death. */
void redis_connection_next(struct redis_connection *connection, const char *why);
/* The look-up is over. `found` (may be NULL) is taken. */
void redis_connection_resolved(struct redis_connection *connection, struct addrinfo *found);
/* The socket is connected: greet, then serve. */
void redis_connection_connected(struct redis_connection *connection);
/* Ready for batches, for what was queued too. */
void redis_connection_serve(struct redis_connection *connection);
/* Watches the socket and (re)arms the timer. False: it died of it. */
bool redis_connection_watch(struct redis_connection *connection, uint32_t events);
bool redis_connection_time(struct redis_connection *connection, int64_t at_us);
/* Closes the socket, ends all batches with ENTC_E_UNAVAILABLE, and says when to try again. */
void redis_connection_die(struct redis_connection *connection, const char *why);
/* Closes the socket and forgets what belongs to it; batches stay. */
void redis_connection_drop(struct redis_connection *connection);
/* engine's callbacks, for redis_port_new(). */
void redis_connection_ready(struct engine_watch *watch, uint32_t events);
void redis_connection_timeout(struct engine_timer *timer);
void redis_connection_flush(struct engine_hook *hook);

/* The server failed: not again before a while, longer each time in a row. */
void redis_breaker_back_off(struct redis_connection *connection);
/* A batch was given up because its reply did not come in time. */
void redis_breaker_late(struct redis_connection *connection);
/* Takes in what the replies said of the batches. */
void redis_breaker_judge(struct redis_connection *connection);
/* Whether the server failed and was not found to serve since. */
bool redis_breaker_is_suspect(const struct redis_connection *connection);
/* Whether a batch is not to be sent now. */
bool redis_breaker_refuses(const struct redis_connection *connection);

/* Starts a look-up of the host on a helper thread, unless one is at work. */
entc_status redis_resolve_start(struct redis_connection *connection);
/* Its result is for nobody. */
void redis_resolve_orphan(struct redis_connection *connection);

#endif
