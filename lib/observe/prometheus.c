/* Counters in Prometheus' text exposition format 0.0.4: for each a HELP, a TYPE and a sample line.
 * Names come from TALLY_LIST, so none can be missed; what counts microseconds is told in seconds,
 * as Prometheus asks. */
#include "observe.h"

#include <inttypes.h>

/* A counter without a line here is helped by its name; a test asks for the line. */
static const char *const helps[TALLY_COUNT] = {
    [TALLY_SQL_QUERIES] = "Statements sent to PostgreSQL.",
    [TALLY_SQL_ROWS] = "Rows received from PostgreSQL.",
    [TALLY_SQL_US] = "Time spent waiting for PostgreSQL.",
    [TALLY_REDIS_COMMANDS] = "Commands sent to Redis, of every kind.",
    [TALLY_REDIS_MGETS] = "MGET commands sent to Redis.",
    [TALLY_REDIS_LEASES] = "Leases asked of Redis.",
    [TALLY_REDIS_KEYS] = "Keys named in MGET commands.",
    [TALLY_REDIS_US] = "Time spent waiting for Redis.",
    [TALLY_REDIS_FAILURES] = "Batches that went on without Redis.",
    [TALLY_HITS] = "Entities answered by the cache.",
    [TALLY_MISSES] = "Ids that the cache did not answer.",
    [TALLY_NEGATIVES] = "Ids that the cache knew to be absent.",
    [TALLY_ABSENTS] = "Ids that the database knew to be absent.",
    [TALLY_FILLS] = "Entries offered to the cache, of rows and of absences.",
    [TALLY_FILLS_REFUSED] = "Fills that came too late to be true, and were not made.",
    [TALLY_CORRUPT] = "Cached values that were not strict JSON.",
    [TALLY_FOREIGN] = "Cached values of another id.",
    [TALLY_RESHAPED] = "Cached values of another shape.",
    [TALLY_UNCACHEABLE] = "Rows that the cache cannot hold.",
    [TALLY_COALESCED] = "Ids that joined a batch which held them already.",
    [TALLY_BATCHES] = "Batches of ids dispatched.",
    [TALLY_ERRORS] = "Ids answered with an error.",
    [TALLY_BATCH_IDS] = "Ids in dispatched batches, each once.",
    [TALLY_REDIS_BYTES] = "Bytes of the values that Redis sent.",
    [TALLY_SQL_BYTES] = "Bytes of the values that PostgreSQL sent.",
    [TALLY_HEALED] = "Keys of others, or spoilt, that were removed from Redis.",
    [TALLY_DENIED] = "Entities that authorize callbacks kept back.",
    [TALLY_LIMITED] = "Operations that a limit of their request ended.",
    [TALLY_LOADS] = "Keys that loaders were asked for.",
    [TALLY_LOAD_BATCHES] = "Batches of keys that loaders sent.",
    [TALLY_LOAD_KEYS] = "Keys in batches that loaders sent.",
    [TALLY_LOAD_MEMO_HITS] = "Loads of a remembered key.",
    [TALLY_LOAD_COALESCED] = "Loads that joined a batch which held their key already.",
};

#define MICROSECONDS UINT64_C(1000000)

/* "sql_us" counts time: what it is called without the unit ends before "_us". */
static size_t name_length(const char *member, bool *ret_is_time)
{
    const size_t length = strlen(member);

    *ret_is_time = length > 3 && strcmp(member + length - 3, "_us") == 0;
    return *ret_is_time ? length - 3 : length;
}

static void append(struct buffer *buffer, const char *member, const char *help, uint64_t count)
{
    bool is_time = false;
    const int length = (int)name_length(member, &is_time);
    const char *unit = is_time ? "_seconds" : "";

    buffer_append_format(buffer, "# HELP entitycache_%.*s%s_total %s\n", length, member, unit,
                         help ? help : member);
    buffer_append_format(buffer, "# TYPE entitycache_%.*s%s_total counter\n", length, member, unit);
    if (is_time)
        buffer_append_format(buffer, "entitycache_%.*s_seconds_total %" PRIu64 ".%06" PRIu64 "\n",
                             length, member, count / MICROSECONDS, count % MICROSECONDS);
    else
        buffer_append_format(buffer, "entitycache_%s_total %" PRIu64 "\n", member, count);
}

bool tally_metrics(const struct tally *tally, struct buffer *buffer)
{
    static const char *const members[TALLY_COUNT] = {
#define MEMBER(suffix, member, text) [TALLY_##suffix] = #member,
        TALLY_LIST(MEMBER)
#undef MEMBER
    };

    for (size_t i = 0; i < TALLY_COUNT; i++)
        append(buffer, members[i], helps[i],
               atomic_load_explicit(&tally->counts[i], memory_order_relaxed));
    return !buffer->failed;
}
