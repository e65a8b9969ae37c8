/* observe: what happened. Tallies (counters of a request or an engine), the ledger of a request
 * with its accounts, reports, the log, events and what is made of them.
 *
 * A tally is written by the thread that drives and read by any. */
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
    X(ERRORS, errors, "errors")                        \
    X(BATCH_IDS, batch_ids, "batchIds")                \
    X(REDIS_BYTES, redis_bytes, "redisBytes")          \
    X(SQL_BYTES, sql_bytes, "sqlBytes")                \
    X(HEALED, healed, "healed")                        \
    X(DENIED, denied, "denied")                        \
    X(LIMITED, limited, "limited")                     \
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

/* ---- the ledger of a request: who cost it what, why, and what it may cost ---- */

/* Why something was not answered by the cache, not kept in it, or split into several batches.
 * Suffix, stable code, words of at most 50 characters. */
#define WHY_LIST(X)                                                                    \
    X(CACHE_OFF, "cache_off", "the engine has no Redis")                               \
    X(REDIS_DOWN, "redis_down", "Redis cannot be reached")                             \
    X(BREAKER_OPEN, "breaker_open", "Redis failed, and is left alone for a while")     \
    X(REDIS_LATE, "redis_late", "Redis did not answer in its time")                    \
    X(REDIS_LOST, "redis_lost", "the connection to Redis died")                        \
    X(REDIS_ERROR, "redis_error", "Redis answered with an error")                      \
    X(CORRUPT, "value_corrupt", "the cached value is no JSON of ours")                 \
    X(FOREIGN, "value_foreign", "the cached value is of another id")                   \
    X(RESHAPED, "value_reshaped", "the cached value has another shape")                \
    X(LEASE_LOST, "lease_lost", "another reader fills it, or a writer writes")         \
    X(FILL_REFUSED, "fill_refused", "the fill came too late to be true")               \
    X(TOO_LARGE, "value_too_large", "the row is larger than a cached value may be")    \
    X(UNCACHEABLE, "value_uncacheable", "the row holds what JSON would not give back") \
    X(NEGATIVES_OFF, "negatives_off", "absences of this entity are not cached")        \
    X(NO_MEMORY, "no_memory", "there was no memory for it")                            \
    X(BATCH_SENT, "batch_closed", "asked after a batch was sent: a batch more")        \
    X(BATCH_SHAPE, "batch_shape", "asked in a different shape: a statement more")      \
    X(BATCH_MAX, "batch_max", "more keys than a batch may have: a batch more")         \
    X(LIMIT_REACHED, "limit_reached", "the request may not take more")

enum why {
#define WHY_ENUM(suffix, code, words) WHY_##suffix,
    WHY_LIST(WHY_ENUM)
#undef WHY_ENUM
        WHY_COUNT
};

enum account_kind { ACCOUNT_ENTITY, ACCOUNT_RELATION, ACCOUNT_LOADER, ACCOUNT_KINDS };

/* What a batch asks for; with its order and filters it is a statement's shape. */
enum shape_kind { SHAPE_BY_ID, SHAPE_LIST, SHAPE_PAGES, SHAPE_KEYS /* of a loader */ };

#define ACCOUNT_SHAPES 8

struct account_shape {
    _Atomic uint64_t key; /* its hash with its kind below; 0: free */
    _Atomic uint64_t runs;
    _Atomic uint64_t singles; /* runs of one key; each list is one */
};

/* What one entity, relation or loader cost one request. Belongs to its ledger. */
struct account {
    struct ledger *ledger; /* no reference */
    _Atomic(struct account *) next;
    uint32_t kind; /* enum account_kind */
    char *name;    /* NULL: what has no account of its own */
    char *parents; /* the entity that a relation starts at; "" for others */
    _Atomic uint64_t counts[TALLY_COUNT];
    _Atomic uint64_t whys[WHY_COUNT];
    atomic_uint flights; /* batches that were sent and are not over */
    struct account_shape shapes[ACCOUNT_SHAPES];
};

enum ledger_limit { LEDGER_SQL_QUERIES, LEDGER_REDIS_COMMANDS, LEDGER_ROWS, LEDGER_LIMITS };

#define LEDGER_ACCOUNTS_MAX 256u

/* The accounts of a request and what they come to together; refcounted, for any thread. */
struct ledger {
    atomic_uint references;
    entc_allocator allocator;
    struct tally *total;             /* a reference */
    _Atomic(struct account *) first; /* in the order in which they were asked for */
    atomic_uint count;
    struct account others;          /* of what there was no room or memory for */
    uint64_t limits[LEDGER_LIMITS]; /* 0: none; written before it is shared */
    bool has_limits;
    _Atomic uint64_t charged[LEDGER_LIMITS]; /* written by the driver */
};

/* `limits` may be NULL. NULL when memory is out. */
struct ledger *ledger_new(const entc_allocator *allocator, struct tally *total,
                          const uint64_t limits[LEDGER_LIMITS]);
struct ledger *ledger_ref(struct ledger *ledger); /* NULL gives NULL */
void ledger_unref(struct ledger *ledger);         /* NULL is accepted */

/* The account of that name, made when it is the first time; once for each operation. Never fails:
 * without memory or above LEDGER_ACCOUNTS_MAX it is `others`. NULL for a NULL ledger. */
struct account *ledger_account(struct ledger *ledger, enum account_kind kind, const char *parents,
                               const char *name);

/* Counts for the account alone: what its own share is and no part of the request's sum. */
static inline void account_note(struct account *account, enum tally_counter counter,
                                uint64_t amount)
{
    if (account && amount)
        atomic_fetch_add_explicit(&account->counts[counter], amount, memory_order_relaxed);
}

/* Counts for the account and its request. NULL: nobody. */
static inline void account_add(struct account *account, enum tally_counter counter, uint64_t amount)
{
    if (!account)
        return;
    account_note(account, counter, amount);
    tally_add(account->ledger->total, counter, amount);
}

/* Counts for all who must know: the engine, and, in a request, the request and the account. */
static inline void account_count(struct tally *engine, struct account *account,
                                 enum tally_counter counter, uint64_t amount)
{
    tally_add(engine, counter, amount);
    account_add(account, counter, amount);
}

static inline void account_why(struct account *account, enum why why, uint64_t amount)
{
    if (account && amount)
        atomic_fetch_add_explicit(&account->whys[why], amount, memory_order_relaxed);
}

/* One batch of so many keys was sent on behalf of the request; `hash` tells its shape from others
 * of its kind. NULL: nobody. */
void account_run(struct account *account, enum shape_kind kind, uint64_t hash, uint64_t keys);

/* [driver] Before something is sent: false, and nothing is charged, when it would go over. */
bool ledger_charge(struct ledger *ledger, enum ledger_limit limit, uint64_t amount);
/* [driver] It was not sent after all. */
void ledger_refund(struct ledger *ledger, enum ledger_limit limit, uint64_t amount);
/* Writes the story of a refused charge, and returns ENTC_E_LIMIT. */
entc_status account_refuse(struct account *account, enum ledger_limit limit, uint64_t amount,
                           const char *asked_by, entc_error **reterr);

/* ---- reports ---- */

/* Writes {"dataFetching":{...}} into `buffer` (cleared first): one member for each
 * counter, exact up to 2^64 - 1, "microseconds" (since the request began; negative counts as 0),
 * the accounts, whys and suspects. False when memory is out: the buffer is then empty. */
bool ledger_report(struct ledger *ledger, int64_t elapsed_us, struct buffer *buffer);
/* The same for people: one screen. */
bool ledger_report_text(struct ledger *ledger, int64_t elapsed_us, struct buffer *buffer);
/* Who ran how many statements, in one line for an error; NUL-terminated, cut at `size`. */
void ledger_story(struct ledger *ledger, char *out, size_t size);

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

/* NULL when memory is out. */
struct events *events_new(const entc_allocator *allocator, entc_event_fn write, void *user);
void events_free(struct events *events); /* NULL is accepted */
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
