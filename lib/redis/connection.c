/* The socket: sending, receiving, silence and death.
 *
 * Invariant: a connection is clean or dead. Whatever is not exactly as expected ends it at once;
 * then nothing of it is used again, and the next one begins with empty buffers. Death comes only
 * from the engine (a socket event, a timer, the flush) or from opening, when no batch is queued
 * yet, so `done` never runs inside submit or detach. */
#include "redis/internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct redis_connection *of_watch(struct engine_watch *watch)
{
    return BASE_CONTAINER(watch, struct redis_connection, watch);
}

/* ---- death ---- */

static void forget_greeting(struct redis_connection *connection)
{
    if (connection->greeting.bytes)
        base_wipe(connection->greeting.bytes, connection->greeting.capacity);
    buffer_clear(&connection->greeting);
    connection->greeting_sent = 0;
}

void redis_connection_drop(struct redis_connection *connection)
{
    engine_timer_stop(connection->engine, &connection->timer);
    engine_hook_stop(&connection->flush);
    engine_watch_remove(connection->engine, &connection->watch);
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    connection->link = LINK_IDLE;
    connection->is_retired = false;
    redis_replies_fini(&connection->replies);
    forget_greeting(connection);
}

/* Why the server refused the greeting, in our own words. */
static const char *refusal(const struct redis_connection *connection)
{
    for (uint32_t index = 0; index < 32; index++)
        if ((connection->replies.errors & (UINT32_C(1) << index)) && *redis_error_at(index)->prefix)
            return redis_error_at(index)->story;
    return "check user, password and database number";
}

/* One message for a series of failures, and one for each working connection that was lost. */
static void tell_death(struct redis_connection *connection, const char *why)
{
    const bool was_ready = connection->link == LINK_READY;
    const bool was_idle = was_ready && !redis_pipeline_front(&connection->pipeline);
    const bool is_news = connection->failures <= 1 || connection->replies.is_good;
    const int32_t level = was_idle ? ENTC_LOG_INFO : ENTC_LOG_WARNING;

    if (connection->link != LINK_GREETING || !connection->replies.errors) {
        log_write(connection->log, is_news ? level : ENTC_LOG_DEBUG, "redis", "%s: %s",
                  was_ready ? "the connection was lost" : "no connection", why);
        return;
    }
    log_write(connection->log, connection->is_refusal_told ? ENTC_LOG_DEBUG : ENTC_LOG_ERROR,
              "redis", "%s: %s", why, refusal(connection));
    connection->is_refusal_told = true;
}

void redis_connection_die(struct redis_connection *connection, const char *why)
{
    const bool was_ready = connection->link == LINK_READY;

    if (was_ready && connection->replies.is_good && !connection->is_retired) {
        connection->failures = 0;
        connection->retry_at_us = 0;
    } else {
        redis_breaker_back_off(connection);
    }
    tell_death(connection, why);
    redis_connection_drop(connection);
    redis_pipeline_fail(&connection->pipeline, was_ready);
}

bool redis_connection_watch(struct redis_connection *connection, uint32_t events)
{
    struct engine_watch *watch = &connection->watch;
    const entc_status status =
        watch->fd < 0 ? engine_watch_add(connection->engine, watch, connection->fd, events)
                      : engine_watch_change(connection->engine, watch, events);

    if (status)
        redis_connection_die(connection, "the system refuses to watch the socket");
    return status == ENTC_OK;
}

bool redis_connection_time(struct redis_connection *connection, int64_t at_us)
{
    const bool is_set = engine_timer_set(connection->engine, &connection->timer, at_us);

    if (!is_set)
        redis_connection_die(connection, "memory is out");
    return is_set;
}

/* ---- receiving ---- */

/* Logs each kind of error once. False: one of them ended the connection. */
static bool judge_errors(struct redis_connection *connection)
{
    const uint32_t met = connection->replies.errors;
    const struct redis_error *refusal = NULL;

    for (uint32_t index = 0; index < 32; index++) {
        const uint32_t bit = UINT32_C(1) << index;
        const struct redis_error *error = redis_error_at(index);

        if (!(met & bit))
            continue;
        if (error->level && !(connection->told & bit))
            log_write(connection->log, error->level, "redis", "%s", error->story);
        connection->told |= bit;
        connection->is_retired = connection->is_retired || error->verdict == REDIS_VERDICT_RETIRE;
        if (error->verdict == REDIS_VERDICT_REFUSED)
            refusal = error;
    }
    connection->replies.errors = 0;
    if (refusal)
        connection->replies.is_good = false;
    if (refusal)
        redis_connection_die(connection, refusal->story);
    return !refusal;
}

/* False: the connection is not what it was. */
static bool digest(struct redis_connection *connection, size_t length)
{
    struct redis_replies *replies = &connection->replies;

    if (!redis_replies_feed(replies, connection->chunk, length)) {
        redis_connection_die(connection, replies->fault);
        return false;
    }
    if (connection->link == LINK_GREETING && replies->greetings == 0)
        redis_connection_serve(connection);
    redis_breaker_judge(connection);
    if (replies->errors && !judge_errors(connection))
        return false;
    if (connection->is_retired && !redis_pipeline_front(&connection->pipeline)) {
        redis_connection_die(connection, "it leads to a read-only replica");
        return false;
    }
    /* A script that the server lost is said again. */
    if (redis_pipeline_has_output(&connection->pipeline))
        engine_hook_set(connection->engine, &connection->flush, ENGINE_FLUSH);
    return true;
}

/* Reads until the socket is empty, so that no deadline is judged while an answer waits there. That
 * ends: there are only the replies to what was sent before. */
static bool receive(struct redis_connection *connection)
{
    ssize_t got = 0;

    do {
        do
            got = recv(connection->fd, connection->chunk, REDIS_CHUNK_BYTES, MSG_DONTWAIT);
        while (got < 0 && errno == EINTR);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (got <= 0) {
            redis_connection_die(connection, "the server closed the connection");
            return false;
        }
        connection->quiet_since_us = engine_turn_us(connection->engine);
        if (!digest(connection, (size_t)got))
            return false;
    } while (got == REDIS_CHUNK_BYTES);
    return true;
}

/* ---- sending ---- */

/* Bytes taken, 0 when the socket is full, -1 when it is broken. */
static ssize_t offer(int fd, const char *bytes, size_t length)
{
    ssize_t taken = 0;

    do
        taken = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (taken < 0 && errno == EINTR);
    if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        taken = 0;
    return taken;
}

static bool send_greeting(struct redis_connection *connection)
{
    struct buffer *greeting = &connection->greeting;
    const size_t left = greeting->length - connection->greeting_sent;
    const ssize_t taken =
        left ? offer(connection->fd, greeting->bytes + connection->greeting_sent, left) : 0;

    if (taken < 0) {
        redis_connection_die(connection, "the server closed the connection");
        return false;
    }
    connection->greeting_sent += (size_t)taken;
    return redis_connection_watch(connection, (size_t)taken < left ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* The timer of the stall is left running when all is answered, and looks when it fires: setting it
 * for each request would cost more than a second's idle wake-up. */
static bool send_batches(struct redis_connection *connection)
{
    const bool was_quiet = !redis_pipeline_front(&connection->pipeline);
    struct span output = {"", 0};
    ssize_t taken = 0;

    /* Nothing is owed, so nothing may lie there: it would be taken for the reply to what is sent
     * now. */
    if (was_quiet && !receive(connection))
        return false;
    output = redis_pipeline_output(&connection->pipeline);
    if (output.length)
        taken = offer(connection->fd, output.bytes, output.length);
    if (taken < 0) {
        redis_connection_die(connection, "the server closed the connection");
        return false;
    }
    redis_pipeline_sent(&connection->pipeline, (size_t)taken);
    if (was_quiet)
        connection->quiet_since_us = engine_turn_us(connection->engine);
    if (!redis_connection_watch(connection,
                                (size_t)taken < output.length ? EPOLLIN | EPOLLOUT : EPOLLIN))
        return false;
    return connection->timer.position || !redis_pipeline_front(&connection->pipeline) ||
           redis_connection_time(connection, connection->quiet_since_us + connection->stall_us);
}

void redis_connection_flush(struct engine_hook *hook)
{
    struct redis_connection *connection = BASE_CONTAINER(hook, struct redis_connection, flush);

    if (connection->link == LINK_GREETING)
        send_greeting(connection);
    else if (connection->link == LINK_READY)
        send_batches(connection);
}

void redis_connection_serve(struct redis_connection *connection)
{
    if (connection->failures)
        log_write(connection->log, ENTC_LOG_INFO, "redis", "connected again");
    connection->link = LINK_READY;
    connection->is_refusal_told = false;
    forget_greeting(connection);
    engine_timer_stop(connection->engine, &connection->timer);
    engine_hook_set(connection->engine, &connection->flush, ENGINE_FLUSH);
}

/* ---- what the socket says ---- */

static void attempt_ended(struct redis_connection *connection)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error)
        redis_connection_next(connection, "nobody answers at the address");
    else
        redis_connection_connected(connection);
}

void redis_connection_ready(struct engine_watch *watch, uint32_t events)
{
    struct redis_connection *connection = of_watch(watch);

    if (connection->link == LINK_CONNECTING) {
        attempt_ended(connection);
        return;
    }
    if ((events & ~(uint32_t)EPOLLOUT) && !receive(connection))
        return;
    if (events & EPOLLOUT)
        engine_hook_set(connection->engine, &connection->flush, ENGINE_FLUSH);
}

/* ---- silence ---- */

void redis_connection_timeout(struct engine_timer *timer)
{
    struct redis_connection *connection = BASE_CONTAINER(timer, struct redis_connection, timer);
    const int64_t stalled_at_us = connection->quiet_since_us + connection->stall_us;

    if (connection->link == LINK_CONNECTING)
        redis_connection_next(connection, "nobody answers at the address in time");
    else if (connection->link != LINK_READY)
        redis_connection_die(connection, "it took too long to connect");
    else if (!redis_pipeline_front(&connection->pipeline))
        return; /* nothing is owed: the next request sets it again */
    else if (stalled_at_us <= engine_turn_us(connection->engine))
        redis_connection_die(connection, "the server is silent");
    else
        redis_connection_time(connection, stalled_at_us);
}
