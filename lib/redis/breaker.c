/* The circuit breaker: whether the server is asked at all (Nygard, "Release It!", 2007).
 *
 * A server that is down costs nothing, because the next attempt waits. One that accepts and does
 * not answer in time would cost every read its whole budget; so after IN_A_ROW failures in a row,
 * or HALF of the last WINDOW, it is left alone for a while, and then asked by one batch at a time
 * until one is served in time. What that batch left on the connection counts as under way until it
 * is answered or the connection dies of its silence. */
#include "redis/internal.h"

#define BACKOFF_MIN_US INT64_C(50000)
#define BACKOFF_MAX_US INT64_C(1000000)
#define BACKOFF_DOUBLINGS 5
#define IN_A_ROW 5u
#define WINDOW 20u
#define HALF (WINDOW / 2)

/* Full jitter (Brooker, "Exponential Backoff And Jitter", 2015): clients that lost one server
 * together do not come back together. */
void redis_breaker_back_off(struct redis_connection *connection)
{
    uint32_t doublings =
        connection->failures < BACKOFF_DOUBLINGS ? connection->failures : BACKOFF_DOUBLINGS;
    int64_t limit_us = BACKOFF_MIN_US << doublings;

    connection->failures++;
    connection->served = 0;
    connection->outcomes = 0;
    if (limit_us > BACKOFF_MAX_US)
        limit_us = BACKOFF_MAX_US;
    connection->retry_at_us = engine_now_us(connection->engine) +
                              (int64_t)random_below(&connection->random, (uint64_t)limit_us);
}

bool redis_breaker_is_suspect(const struct redis_connection *connection)
{
    return connection->failures > 0 &&
           !(connection->link == LINK_READY && connection->replies.is_good);
}

static bool is_probe_under_way(const struct redis_connection *connection)
{
    if (connection->link == LINK_READY)
        return !list_is_empty(&connection->pipeline.entries);
    return connection->link != LINK_IDLE && connection->is_probing;
}

bool redis_breaker_refuses(const struct redis_connection *connection)
{
    return redis_breaker_is_suspect(connection) &&
           (connection->retry_at_us > engine_now_us(connection->engine) ||
            is_probe_under_way(connection));
}

static void fail(struct redis_connection *connection, const char *why)
{
    const bool was_suspect = redis_breaker_is_suspect(connection);
    const uint32_t row = (1u << IN_A_ROW) - 1;
    uint32_t failures = 0;

    connection->outcomes = (connection->outcomes << 1 | 1) & ((1u << WINDOW) - 1);
    for (uint32_t bits = connection->outcomes; bits; bits &= bits - 1)
        failures++;
    if (!was_suspect && (connection->outcomes & row) != row && failures < HALF)
        return;
    redis_breaker_back_off(connection);
    connection->replies.is_good = false;
    log_write(connection->log, was_suspect ? ENTC_LOG_DEBUG : ENTC_LOG_WARNING, "redis",
              "%s: it is left alone for a while", why);
}

void redis_breaker_late(struct redis_connection *connection)
{
    fail(connection, "the server does not answer in time");
}

void redis_breaker_judge(struct redis_connection *connection)
{
    struct redis_replies *replies = &connection->replies;

    for (; replies->served > 0; replies->served--) {
        connection->outcomes = connection->outcomes << 1 & ((1u << WINDOW) - 1);
        connection->served++;
    }
    if (connection->served >= WINDOW)
        connection->failures = 0;
    for (; replies->refused > 0; replies->refused--)
        fail(connection, "the server refuses to read");
}
