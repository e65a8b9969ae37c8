/* observe: what happened. Tallies (counters of a request or an engine), reports, and the log.
 *
 * The only room that includes cJSON. A tally is written by the thread that drives and read by any.
 */
#ifndef ENTC_OBSERVE_H
#define ENTC_OBSERVE_H

#include "base/base.h"

#include <entitycache/counters.h>
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
    X(ERRORS, errors, "errors")                        \
    X(LOADS, loads, "loads")                           \
    X(LOAD_BATCHES, load_batches, "loadBatches")       \
    X(LOAD_KEYS, load_keys, "loadKeys")                \
    X(LOAD_MEMO_HITS, load_memo_hits, "loadMemoHits")  \
    X(LOAD_COALESCED, load_coalesced, "loadCoalesced")

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

#endif
