/* observe: what happened. Tallies (counters of a request or an engine), reports, the log, events
 * and what is made of them.
 *
 * The only room that includes cJSON. A tally is written by the thread that drives and read by any.
 */
#ifndef ENTC_OBSERVE_H
#define ENTC_OBSERVE_H

#include "base/base.h"

#include <entitycache/counters.h>
#include <entitycache/observe.h>
#include <stdatomic.h>

/* One line a counter: enum suffix, member of entc_counters, name in the JSON report. */
#define TALLY_LIST(X)                                  \
    X(SQL_QUERIES, sql_queries, "sqlQueries")          \
    X(SQL_ROWS, sql_rows, "sqlRows")                   \
    X(SQL_US, sql_us, "sqlMicroseconds")               \
    X(REDIS_COMMANDS, redis_commands, "redisCommands") \
    X(REDIS_MGETS, redis_mgets, "redisMgets")          \
    X(REDIS_LEASES, redis_leases, "redisLeases")       \
    X(REDIS_KEYS, redis_keys, "redisKeys")             \
    X(REDIS_US, redis_us, "redisMicroseconds")         \
    X(REDIS_FAILURES, redis_failures, "redisFailures") \
    X(HITS, hits, "hits")                              \
    X(MISSES, misses, "misses")                        \
    X(NEGATIVES, negatives, "negatives")               \
    X(ABSENTS, absents, "absents")                     \
    X(FILLS, fills, "fills")                           \
    X(FILLS_REFUSED, fills_refused, "fillsRefused")    \
    X(CORRUPT, corrupt, "corrupt")                     \
    X(FOREIGN, foreign, "foreign")                     \
    X(RESHAPED, reshaped, "reshaped")                  \
    X(UNCACHEABLE, uncacheable, "uncacheable")         \
    X(COALESCED, coalesced, "coalesced")               \
    X(BATCHES, batches, "batches")                     \
    X(ERRORS, errors, "errors")

enum tally_counter {
#define TALLY_ENUM(suffix, member, text) TALLY_##suffix,
    TALLY_LIST(TALLY_ENUM)
#undef TALLY_ENUM
        TALLY_COUNT
};

struct tally {
    atomic_uint references;
    entc_allocator allocator;
    _Atomic uint64_t counts[TALLY_COUNT];
};

struct tally *tally_new(const entc_allocator *allocator); /* NULL when memory is out */
struct tally *tally_ref(struct tally *tally);             /* NULL gives NULL */
void tally_unref(struct tally *tally);                    /* NULL is accepted */

static inline void tally_add(struct tally *tally, enum tally_counter counter, uint64_t amount)
{
    if (tally && amount)
        atomic_fetch_add_explicit(&tally->counts[counter], amount, memory_order_relaxed);
}

/* Copies what both sides know, by ret_counters->struct_size, which stays. A newer and larger struct
 * gets zeros for what this release does not count. ENTC_E_INVALID for NULL, for less than release
 * 0.1 had, for more than 4096 bytes and for a size that no array of counters has; then nothing is
 * written. */
entc_status tally_read(const struct tally *tally, entc_counters *ret_counters, entc_error **reterr);

/* Writes {"dataFetching":{...}} into `buffer` (cleared first), by cJSON, with one member for each
 * counter, exact up to 2^64 - 1, and "microseconds" (since the request began; negative counts as
 * 0). False when memory is out: the buffer is then empty. */
bool tally_report(const struct tally *tally, int64_t elapsed_us, struct buffer *buffer);

/* The host's log. NULL or level above the limit: nothing happens. A message is one line of UTF-8,
 * cut at 1023 bytes. */
struct log {
    int32_t level;
    entc_log_fn write;
    void *user;
};

void log_write(const struct log *log, int32_t level, const char *domain, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Appends every counter in Prometheus' text format. False when memory is out: see the buffer. */
bool tally_metrics(const struct tally *tally, struct buffer *buffer);

/* ---- events ----
 *
 * Who emits holds a `struct events *`, which is NULL when the host wants none: look at that first,
 * and nothing costs anything, no clock and no formatting. A span that was not begun is zero, and
 * its end is nothing. */

struct events;

/* Where a span belongs. */
struct event_place {
    uint64_t parent;  /* the span that caused it, or 0 */
    uint64_t request; /* the span of its request, or 0 */
};

/* A span, in the thing that it tells about. */
struct event_span {
    uint64_t id; /* 0: none is open */
    struct event_place place;
    int64_t begin_us;
    const char *name; /* borrowed until the end */
    const char *text; /* likewise, or NULL */
    uint64_t keys;
    uint32_t kind;
};

/* A span that events_close() ends when nobody did before. */
struct event_scope {
    struct event_span span;
    struct list link;
};

/* One reference for the caller; NULL when memory is out. */
struct events *events_new(const entc_allocator *allocator, entc_event_fn write, void *user);
struct events *events_ref(struct events *events); /* NULL gives NULL */
void events_unref(struct events *events);         /* NULL is accepted */
/* Ends the scopes that are open, with ENTC_E_CLOSED; afterwards the host hears nothing. NULL is
 * accepted. */
void events_close(struct events *events, int64_t now_us);

/* Begins what `what` describes, and keeps it in `span`. */
void event_begin(struct events *events, struct event_span *span, const struct event_span *what);
/* Ends a span, if it was begun. Of `event` the caller writes what only the end knows: time_us,
 * numbers, status; `keys` of 0 stays what the beginning said. */
void event_end(struct events *events, struct event_span *span, entc_event *event);
/* The same for a scope, by any thread. */
void event_scope_begin(struct events *events, struct event_scope *scope,
                       const struct event_span *what);
void event_scope_end(struct events *events, struct event_scope *scope, entc_event *event);

/* ---- traces: see entitycache/observe.h ---- */

entc_status trace_new(const entc_allocator *allocator, uint64_t spans, entc_trace **ret_trace,
                      entc_error **reterr);
void trace_free(entc_trace *trace);
void trace_clear(entc_trace *trace);
void trace_event(entc_trace *trace, const entc_event *event);
/* Appends the trace as JSON. False when memory is out: see the buffer. */
bool trace_write(entc_trace *trace, struct buffer *buffer);

#endif
