/* redis: the cache port over hiredis. Own sockets, one pipelined connection, deadlines that detach.
 *
 * hiredis reads replies; requests are written by us (see command.c), sockets, timeouts and the
 * reply objects are ours too. The only room that includes hiredis. A connection is clean or dead:
 * it dies of EOF, of what is not RESP, of a reply of wrong count or type, of memory that is out in
 * the reader, of silence for `stall_us` with requests unanswered, of a value that outgrows
 * `max_value_bytes`, and when the server asks for a password that we do not have. All else, error
 * replies included, it survives; a server that turns out to be a read-only replica is left when all
 * its replies came, because the address may lead to a master by now. */
#ifndef ENTC_REDIS_H
#define ENTC_REDIS_H

#include "engine/engine.h"
#include "observe/observe.h"
#include "ports/ports.h"

/* Where and as whom. Parsed without I/O; texts are owned by the struct. */
struct redis_address {
    const entc_allocator *allocator; /* must outlive the address, also when it is moved */
    char *path;                      /* unix socket, or NULL */
    char *host;                      /* name or numeric address, or NULL */
    char *user;                      /* or NULL */
    char *password;                  /* or NULL; wiped when freed */
    uint16_t port;
    int32_t database;
};

/* redis://[user[:password]@]host[:port][/db], unix:///path[?db=N] (also
 * unix://user:password@/path); percent-encoding in user, password and path; [::1]. rediss:// is
 * ENTC_E_UNSUPPORTED (never plaintext); anything else ENTC_E_INVALID with what is wrong, never with
 * the password in it. `user` and `password` override, unless they are NULL or empty. */
entc_status redis_address_parse(struct redis_address *address, const char *uri, const char *user,
                                const char *password, const entc_allocator *allocator,
                                entc_error **reterr);
void redis_address_fini(struct redis_address *address);

struct redis_config {
    struct engine *engine;         /* must outlive the port */
    struct redis_address *address; /* moved: emptied on success */
    int64_t connect_timeout_us;    /* with look-up of the name and greeting */
    int64_t stall_us;
    uint64_t max_value_bytes;
    const struct log *log; /* lives as long as the port */
};

/* Connects when the first batch comes; batches queue meanwhile. After a failure it answers
 * ENTC_E_UNAVAILABLE at once until a backoff of 50 ms to 1 s with full jitter is over; then one
 * batch probes, and the others are refused until the server served it. Batches that were detached
 * as late, and MGETs answered by errors, are failures too: after five in a row, or ten of the last
 * twenty, the server is left alone in the same way. A connection that worked is replaced at once.
 * Batches of a connection that had been ready when it died are told `is_lost`,
 * also those whose bytes were still queued.
 *
 * close: from the driver, with no batch left; then free. In a forked child free closes the
 * descriptor and leaves the memory, which a thread of the parent may have been changing. */
entc_status redis_port_new(struct redis_config *config, struct cache_port **ret_port,
                           entc_error **reterr);

#endif
