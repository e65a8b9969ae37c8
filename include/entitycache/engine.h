/* The engine: one reactor, its connections to Redis and PostgreSQL, and everything under way on
 * them.
 *
 * One thread drives at a time. ENTC_DRIVE_WAITERS: whoever waits for an operation drives until it
 * is done, then hands the role on; there is no thread of ours. ENTC_DRIVE_HOST: only
 * entc_engine_process() drives; the host's event loop watches one descriptor and calls it; other
 * threads may submit and wait.
 *
 * Callbacks run with no lock held, only inside entc_engine_process(), entc_engine_close() or a wait
 * for that very operation, exactly once for each accepted operation, also when it is cancelled or
 * the engine is closed. */
#ifndef ENTITYCACHE_ENGINE_H
#define ENTITYCACHE_ENGINE_H

#include <entitycache/counters.h>
#include <entitycache/export.h>
#include <entitycache/observe.h>
#include <entitycache/status.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

typedef struct entc_engine entc_engine;

/* Who drives. */
#define ENTC_DRIVE_WAITERS 0u
#define ENTC_DRIVE_HOST 1u

/* Levels of log messages. */
#define ENTC_LOG_ERROR 1
#define ENTC_LOG_WARNING 2
#define ENTC_LOG_INFO 3
#define ENTC_LOG_DEBUG 4

/* Receives a log message. `text` is one line, borrowed for the call. It is called by the thread
 * that drives, must not call the library and must not block. Messages hold no ids, no values and no
 * secrets. */
typedef void (*entc_log_fn)(int32_t level, const char *domain, const char *text, void *user);

/* Where an engine's memory comes from. All three are called by any thread. hiredis and libpq do not
 * use it. */
typedef struct entc_allocator {
    /* NULL on failure; aligned as malloc's. */
    void *(*allocate)(size_t size, void *user);
    /* `memory` may be NULL; on failure it stays valid. */
    void *(*reallocate)(void *memory, size_t size, void *user);
    /* `memory` may be NULL. */
    void (*release)(void *memory, void *user);
    void *user;
} entc_allocator;

/* What an engine is made from; zero or NULL is the default. Texts are borrowed until
 * entc_engine_new() returns. */
typedef struct entc_engine_options {
    size_t struct_size;            /* sizeof(entc_engine_options) */
    uint32_t drive;                /* ENTC_DRIVE_WAITERS (default), ENTC_DRIVE_HOST */
    uint32_t postgres_connections; /* at most so many connections; default 4 */
    /* redis://[user[:password]@]host[:port][/db] or unix:///path[?db=N]; "none": no cache at all;
     * default redis://127.0.0.1:6379/0. */
    const char *redis_uri;
    /* Instead of the URI's. For entities A and B and the prefix t: it needs, and nothing else:
     * ACL SETUSER u on >secret ~t:A-* ~{t:A-*}:l ~t:B-* ~{t:B-*}:l resetchannels -@all
     *   +mget +set +get +del +pttl +eval +evalsha    (+select for another database than 0) */
    const char *redis_user;
    const char *redis_password; /* instead of the URI's */
    const char *postgres;   /* libpq's keyword=value text or URI; default: libpq's PG* variables */
    const char *key_prefix; /* before every key; [A-Za-z0-9._:-], at most 64 bytes; default none */
    int64_t timeout_us;     /* deadline of a call that names none; default 5 s */
    /* a read that waited so long, or half of its own time, asks PostgreSQL; default 20 ms */
    int64_t redis_timeout_us;
    int64_t redis_stall_us;     /* a Redis connection with requests that is silent for so long is
                                   closed; default 1 s */
    int64_t connect_timeout_us; /* to connect to one server; default 1 s */
    int64_t ttl_us;             /* of cached entities, upper bound; default 300 s */
    int64_t negative_ttl_us;    /* of cached absences; default 20 s, -1: never cached */
    int64_t lease_us;           /* life of a reader's lease; default 3 s */
    /* Larger JSON is not cached; default 1 MiB. What is larger and was put there by others is
     * removed by the read that meets it; if it exceeds the limit by 128 KiB its connection ends
     * with it, and if its length does not come within redis_timeout_us it stays. */
    uint64_t max_value_bytes;
    int32_t log_level; /* messages up to this level; default ENTC_LOG_WARNING */
    uint32_t reserved; /* 0 */
    entc_log_fn log;   /* NULL: no log */
    void *log_user;
    /* NULL: malloc; must outlive the engine and everything made from it. */
    const entc_allocator *allocator;
    entc_event_fn event; /* NULL: no events, at no cost */
    void *event_user;
} entc_engine_options;

#define ENTC_ENGINE_OPTIONS_INIT                                                                 \
    {                                                                                            \
        sizeof(entc_engine_options), 0, 0, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, NULL, NULL, NULL, NULL, NULL                                                   \
    }

/* Fills options with defaults (all zero). `size` is sizeof(entc_engine_options) as the caller knows
 * it.
 * Ownership: none. Threads: Free. Errors: ENTC_E_INVALID for NULL or a size that no release had.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_engine_options_init(entc_engine_options *options, size_t size);

/* Sets the options that the environment names: ENTITYCACHE_REDIS_URI, ENTITYCACHE_POSTGRES, and so
 * on for every name that entc_engine_options_set() takes, in upper case with `_` for `.`. libpq's
 * own PG* variables apply when no connection text is given.
 * Ownership: texts are borrowed from the environment. Threads: as getenv(). Errors: ENTC_E_INVALID
 * names the variable. Since: 0.1 */
ENTC_EXPORT entc_status entc_engine_options_from_env(entc_engine_options *options,
                                                     entc_error **reterr);

/* Sets one option by name, for bindings and configuration files: "drive" (waiters, host),
 * "redis.uri", "redis.user", "redis.password", "redis.timeout_us", "redis.stall_us", "postgres",
 * "postgres.connections", "key_prefix", "timeout_us", "connect_timeout_us", "ttl_us",
 * "negative_ttl_us", "lease_us", "max_value_bytes", "log_level".
 * Ownership: `value` is borrowed until entc_engine_new() returns. Threads: Confined.
 * Errors: ENTC_E_INVALID names the option and what it takes. Since: 0.1 */
ENTC_EXPORT entc_status entc_engine_options_set(entc_engine_options *options, const char *name,
                                                const char *value, entc_error **reterr);

/* Makes an engine. Connects nowhere: a server that is down is met by the first call that needs it.
 * NULL options are those of entc_engine_options_from_env().
 * Ownership: yours; free it with entc_engine_free(). Threads: Free.
 * Errors: ENTC_E_INVALID (an option, named), ENTC_E_UNSUPPORTED (rediss:// without TLS),
 * ENTC_E_SYSTEM, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_engine_new(const entc_engine_options *options,
                                        entc_engine **ret_engine, entc_error **reterr);

/* Stops: refuses new operations, gives those under way `timeout_us` microseconds to end, completes
 * the rest with ENTC_E_CLOSED, delivers every callback and joins helper threads. It also waits,
 * however long, for callbacks that run on other threads at that moment. No host code is called
 * afterwards. A second call does nothing. Entities stay valid.
 * Ownership: none. Threads: Free; not inside a callback.
 * Errors: ENTC_E_INVALID, ENTC_E_REENTRANT, ENTC_E_FORKED. Since: 0.1 */
ENTC_EXPORT entc_status entc_engine_close(entc_engine *engine, int64_t timeout_us);

/* Closes with a timeout of 0 if that was not done, and frees; NULL is accepted. Repositories,
 * relations, requests and operations of the engine may be freed before or after. In a forked child
 * it only closes descriptors.
 * Ownership: consumes it. Threads: Free; not inside a callback. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_engine_free(entc_engine *engine);

/* Drives what can be done now without blocking, and runs the callbacks that are due. In
 * ENTC_DRIVE_HOST the thread that calls it is the loop thread.
 * Ownership: none. Threads: Free, one at a time drives; not inside a callback.
 * Errors: ENTC_E_INVALID, ENTC_E_REENTRANT, ENTC_E_CLOSED, ENTC_E_FORKED, ENTC_E_SYSTEM.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_engine_process(entc_engine *engine);

/* Tells the one descriptor to watch for reading; when it is readable, call entc_engine_process().
 * Ownership: borrowed: never read, write or close it. Threads: Free, Callback-safe. Errors: -1 for
 * NULL. Since: 0.1 */
ENTC_EXPORT int32_t entc_engine_fd(const entc_engine *engine);

/* Copies the counters since the engine was made. `ret_counters->struct_size` must be set.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID. Since: 0.1 */
ENTC_EXPORT entc_status entc_engine_counters(const entc_engine *engine,
                                             entc_counters *ret_counters);

/* Writes the counters since the engine was made over what the buffer holds, in Prometheus' text
 * exposition format 0.0.4: serve it as `text/plain; version=0.0.4`. One counter without labels for
 * each member of entc_counters, such as entitycache_sql_queries_total; times are seconds.
 * Ownership: none. Threads: Free for the engine, Confined for the buffer; Callback-safe.
 * Errors: ENTC_E_INVALID, ENTC_E_NO_MEMORY (the buffer is then empty). Since: 0.1 */
ENTC_EXPORT entc_status entc_engine_metrics(const entc_engine *engine, entc_buffer *buffer);

ENTC_END_DECLS

#endif
