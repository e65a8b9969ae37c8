/* What an error reply means. One table; its last row fits everything, so an error that nobody
 * foresaw fails its batch and nothing else. */
#include "redis/internal.h"

#define NO_PERMISSION                                                                        \
    "the user lacks a permission: grant mget, set, get, del, pttl, eval and evalsha on the " \
    "entities' keys and their leases"

static const struct redis_error errors[] = {
    {"OOM", REDIS_VERDICT_ITEM, ENTC_LOG_WARNING,
     "the server is at its maxmemory and evicts nothing: entities are not cached"},
    {"WRONGTYPE", REDIS_VERDICT_ITEM, ENTC_LOG_WARNING,
     "a key of ours holds another type: something else writes to our keys"},
    {"TRYAGAIN", REDIS_VERDICT_ITEM, 0, ""},
    {"NOSCRIPT", REDIS_VERDICT_REPEAT, 0, ""},
    {"LOADING", REDIS_VERDICT_DOWN, ENTC_LOG_WARNING, "the server loads its data"},
    {"BUSY", REDIS_VERDICT_DOWN, ENTC_LOG_WARNING, "the server is busy with somebody's script"},
    {"MASTERDOWN", REDIS_VERDICT_DOWN, ENTC_LOG_WARNING, "the server is a replica without master"},
    {"CLUSTERDOWN", REDIS_VERDICT_DOWN, ENTC_LOG_WARNING, "the cluster is down"},
    {"MISCONF", REDIS_VERDICT_DOWN, ENTC_LOG_WARNING,
     "the server refuses writes because it cannot save to disk"},
    {"NOREPLICAS", REDIS_VERDICT_DOWN, ENTC_LOG_WARNING,
     "the server refuses writes because it has too few replicas"},
    {"READONLY", REDIS_VERDICT_RETIRE, ENTC_LOG_WARNING, "the server is a read-only replica"},
    {"MOVED", REDIS_VERDICT_DOWN, ENTC_LOG_ERROR,
     "the server is a node of a Redis Cluster, which this release cannot use"},
    {"ASK", REDIS_VERDICT_DOWN, ENTC_LOG_ERROR,
     "the server is a node of a Redis Cluster, which this release cannot use"},
    {"NOPERM", REDIS_VERDICT_DOWN, ENTC_LOG_ERROR, NO_PERMISSION},
    /* the same of a command inside a script */
    {"ERR The user executing the script", REDIS_VERDICT_DOWN, ENTC_LOG_ERROR, NO_PERMISSION},
    {"NOAUTH", REDIS_VERDICT_REFUSED, ENTC_LOG_ERROR,
     "the server asks for a password: set redis.password or put it into redis.uri"},
    {"WRONGPASS", REDIS_VERDICT_REFUSED, ENTC_LOG_ERROR, "user or password are wrong"},
    {"DENIED", REDIS_VERDICT_REFUSED, ENTC_LOG_ERROR,
     "the server is in protected mode and refuses other hosts"},
    {"ERR max number of clients reached", REDIS_VERDICT_REFUSED, ENTC_LOG_WARNING,
     "the server has its maximum of clients"},
    {"", REDIS_VERDICT_DOWN, ENTC_LOG_WARNING, "the server answers with an error unknown to us"}};

#define ERROR_COUNT ((uint32_t)(sizeof(errors) / sizeof(errors[0])))

_Static_assert(sizeof(errors) / sizeof(errors[0]) <= 32, "rows are bits of a uint32_t");

/* "MOVED" fits "MOVED 5645 host:port", not "MOVEDX". */
static bool fits(const char *prefix, const char *text, size_t length)
{
    size_t head = strlen(prefix);

    if (head == 0)
        return true;
    return length >= head && memcmp(text, prefix, head) == 0 &&
           (length == head || text[head] == ' ');
}

/* Until Redis 6 the error of a command inside a script came wrapped:
 * "ERR Error running script (call to f_..): @user_script:1: @user_script: 1: -OOM command .." */
static struct span unwrap(const char *text, size_t length)
{
    static const char wrapped[] = "ERR Error running script";
    const char *inner = NULL;

    if (length >= sizeof(wrapped) - 1 && memcmp(text, wrapped, sizeof(wrapped) - 1) == 0)
        inner = memmem(text, length, ": -", 3);
    if (!inner)
        return (struct span){text, length};
    return (struct span){inner + 3, length - (size_t)(inner + 3 - text)};
}

uint32_t redis_error_find(const char *text, size_t length)
{
    struct span error = unwrap(text, length);
    uint32_t index = 0;

    while (index < ERROR_COUNT - 1 && !fits(errors[index].prefix, error.bytes, error.length))
        index++;
    return index;
}

const struct redis_error *redis_error_at(uint32_t index)
{
    return &errors[index < ERROR_COUNT ? index : ERROR_COUNT - 1];
}
