/* Connections: from an address to a session, and to its end. libpq's own state machine does the
 * talking; each target (one address) is an attempt of its own, because libpq has no time limit for
 * each of several hosts when it must not block. A connection is clean or it is closed: nothing is
 * ever drained to be used again. */
#include "postgres/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARAMETERS_MAX 8

void postgres_connection_set_state(struct postgres_connection *connection, enum postgres_link state)
{
    struct postgres_port *port = connection->port;

    if (list_is_linked(&connection->link))
        port->counts[connection->state]--;
    list_remove(&connection->link);
    connection->state = state;
    port->counts[state]++;
    list_push(&port->connections[state], &connection->link);
}

bool postgres_connection_watch(struct postgres_connection *connection, uint32_t events)
{
    struct engine *engine = connection->port->engine;

    if (connection->watch.fd >= 0)
        return engine_watch_change(engine, &connection->watch, events) == ENTC_OK;
    return engine_watch_add(engine, &connection->watch, PQsocket(connection->libpq), events) ==
           ENTC_OK;
}

/* ---- the end ---- */

/* In a forked child the socket is the parent's session: libpq must say nothing on it. False: it
 * could not be hushed, so libpq may not touch it. */
static bool hush(int fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool is_hushed = null_fd >= 0 && dup2(null_fd, fd) >= 0;

    if (null_fd >= 0)
        close(null_fd);
    if (!is_hushed)
        close(fd);
    return is_hushed;
}

/* PQfinish() says goodbye, and does not wait for that: the connection is non-blocking, and before
 * it was made so there is nobody to say it to. */
static void close_session(struct postgres_connection *connection)
{
    const int fd = PQsocket(connection->libpq);

    if (fd < 0 || !engine_is_forked(connection->port->engine) || hush(fd))
        PQfinish(connection->libpq);
    connection->libpq = NULL;
}

void postgres_connection_free(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;

    if (connection->cancel)
        postgres_cancel_orphan(connection);
    /* A forked child must not touch the parent's epoll set. */
    if (!engine_is_forked(port->engine)) {
        engine_timer_stop(port->engine, &connection->timer);
        engine_watch_remove(port->engine, &connection->watch);
    }
    PQclear(connection->result);
    if (connection->libpq)
        close_session(connection);
    postgres_targets_unref(connection->targets);
    list_remove(&connection->link);
    port->counts[connection->state]--;
    if (connection->pending)
        base_release(port->allocator, connection->pending->statement);
    base_release(port->allocator, connection->pending);
    base_release(port->allocator, connection);
    postgres_pool_wake(port);
}

/* The attempt is over: no target is left. The story is in port->error. */
static void fail(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;

    postgres_connection_free(connection);
    postgres_pool_failed(port, port->error);
}

/* ---- the beginning ---- */

/* Severity and SQLSTATE only: the text may show rows. */
static void receive_notice(void *argument, const PGresult *notice)
{
    struct postgres_connection *connection = argument;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

    if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
        connection->is_doomed = true;
    log_write(connection->port->log, ENTC_LOG_DEBUG, "postgres", "the server sends a notice: %s %s",
              severity ? severity : "of libpq", sqlstate ? sqlstate : "");
}

/* libpq tries all hosts for a standby before it takes any. Here each attempt knows one host, so
 * that is two rounds. */
static size_t attempts_of(const struct postgres_connection *connection)
{
    const size_t rounds = connection->port->settings.prefers_standby ? 2 : 1;

    return connection->targets->count * rounds;
}

static const char *session_attrs(const struct postgres_connection *connection)
{
    if (!connection->port->settings.prefers_standby)
        return NULL;
    return connection->attempt < connection->targets->count ? "standby" : "any";
}

/* Later values win over earlier ones: what stands before the text is a default, what stands behind
 * it is ours to say. NULL values are skipped. */
static PGconn *start_session(const struct postgres_connection *connection,
                             const struct postgres_target *target)
{
    const struct postgres_settings *settings = &connection->port->settings;
    const char *const keywords[] = {
        "fallback_application_name",
        "target_session_attrs",
        "dbname",
        "target_session_attrs",
        "client_encoding",
        "host",
        "hostaddr",
        "port",
        NULL,
    };
    const char *const values[] = {
        "libentitycache",
        settings->is_read_write ? "read-write" : NULL,
        settings->text,
        session_attrs(connection),
        "UTF8",
        target->host->name,
        target->address,
        target->host->port,
        NULL,
    };

    return PQconnectStartParams(keywords, values, 1);
}

static entc_status open_target(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;
    const struct postgres_target *target =
        &connection->targets->items[connection->attempt % connection->targets->count];

    connection->libpq = start_session(connection, target);
    connection->attempt++;
    if (!connection->libpq)
        return error_no_memory(&port->error);
    if (PQstatus(connection->libpq) == CONNECTION_BAD)
        return postgres_error_of_connect(&port->error, PQerrorMessage(connection->libpq));
    PQsetErrorVerbosity(connection->libpq, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(connection->libpq, receive_notice, connection);
    if (!engine_timer_set(port->engine, &connection->timer,
                          engine_turn_us(port->engine) + port->connect_timeout_us))
        return error_no_memory(&port->error);
    if (!postgres_connection_watch(connection, EPOLLOUT))
        return error_set(&port->error, ENTC_E_UNAVAILABLE, "postgres",
                         "the connection's socket cannot be watched");
    return ENTC_OK;
}

/* Goes on to the next target that can be tried. */
static void try_next(struct postgres_connection *connection)
{
    struct engine *engine = connection->port->engine;

    while (connection->attempt < attempts_of(connection)) {
        engine_timer_stop(engine, &connection->timer);
        engine_watch_remove(engine, &connection->watch);
        if (connection->libpq)
            close_session(connection);
        if (open_target(connection) == ENTC_OK)
            return;
    }
    fail(connection);
}

static void fail_attempt(struct postgres_connection *connection)
{
    postgres_error_of_connect(&connection->port->error, PQerrorMessage(connection->libpq));
    try_next(connection);
}

static void connected(struct postgres_connection *connection)
{
    engine_timer_stop(connection->port->engine, &connection->timer);
    if (PQsetnonblocking(connection->libpq, 1) != 0 ||
        !postgres_connection_watch(connection, EPOLLIN)) {
        fail_attempt(connection);
        return;
    }
    postgres_connection_set_state(connection, LINK_IDLE);
    postgres_pool_connected(connection);
}

/* libpq may close its socket and open another, even one of the same number, which epoll would not
 * know: so the watch is made anew for every step. */
static void go_on(struct postgres_connection *connection)
{
    PostgresPollingStatusType next = PGRES_POLLING_FAILED;
    uint32_t events = 0;

    engine_watch_remove(connection->port->engine, &connection->watch);
    next = PQconnectPoll(connection->libpq);
    if (next == PGRES_POLLING_OK) {
        connected(connection);
        return;
    }
    if (next == PGRES_POLLING_READING)
        events = EPOLLIN;
    else if (next == PGRES_POLLING_WRITING)
        events = EPOLLOUT;
    if (!events || !postgres_connection_watch(connection, events))
        fail_attempt(connection);
}

/* ---- idle ---- */

/* Takes in what came unasked: a notice, a parameter's new value, a farewell, an end. False: the
 * session is over. */
static bool read_unasked(struct postgres_connection *connection)
{
    return PQconsumeInput(connection->libpq) && !PQisBusy(connection->libpq) &&
           PQstatus(connection->libpq) == CONNECTION_OK && !connection->is_doomed;
}

/* One look at the socket finds the farewell of a server that stopped since, or bytes that belong to
 * nothing. */
bool postgres_connection_is_sound(struct postgres_connection *connection)
{
    char byte;
    ssize_t got = recv(PQsocket(connection->libpq), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    return got > 0 && read_unasked(connection);
}

/* ---- the engine's calls ---- */

static void ready(struct engine_watch *watch, uint32_t events)
{
    struct postgres_connection *connection =
        BASE_CONTAINER(watch, struct postgres_connection, watch);

    if (connection->state == LINK_CONNECTING)
        go_on(connection);
    else if (connection->state == LINK_BUSY)
        postgres_query_ready(connection, events);
    else if (connection->state == LINK_IDLE && !read_unasked(connection))
        postgres_connection_free(connection);
}

static void fire(struct engine_timer *timer)
{
    struct postgres_connection *connection =
        BASE_CONTAINER(timer, struct postgres_connection, timer);
    struct postgres_port *port = connection->port;
    const int64_t waited_ms = port->connect_timeout_us / 1000;

    if (connection->state == LINK_BUSY) {
        postgres_query_timer(connection);
    } else if (connection->state == LINK_LOOKING_UP) {
        error_set(&port->error, ENTC_E_UNAVAILABLE, "postgres",
                  "the host's name was not looked up within %" PRId64 " ms", waited_ms);
        fail(connection);
    } else if (connection->state == LINK_CONNECTING) {
        const char *host = PQhost(connection->libpq);

        error_set(&port->error, ENTC_E_UNAVAILABLE, "postgres",
                  "connection to server at \"%s\", port %s: no answer within %" PRId64 " ms",
                  host ? host : "", PQport(connection->libpq), waited_ms);
        try_next(connection);
    }
}

/* ---- starting ---- */

void postgres_connection_found(struct postgres_connection *connection,
                               struct postgres_targets *targets, const entc_error *error)
{
    struct postgres_port *port = connection->port;

    if (!targets) {
        error_copy(&port->error, error, ENTC_E_UNAVAILABLE);
        fail(connection);
        return;
    }
    connection->targets = postgres_targets_ref(targets);
    postgres_connection_set_state(connection, LINK_CONNECTING);
    try_next(connection);
}

static entc_status look_up(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;

    if (!engine_timer_set(port->engine, &connection->timer,
                          engine_turn_us(port->engine) + port->connect_timeout_us))
        return error_no_memory(&port->error);
    if (postgres_lookup_start(port) != ENTC_OK)
        return error_set(&port->error, ENTC_E_UNAVAILABLE, "postgres",
                         "no thread can be had to look up the host's name");
    return ENTC_OK;
}

void postgres_connection_start(struct postgres_port *port)
{
    struct postgres_connection *connection =
        base_allocate_zeroed(port->allocator, sizeof(*connection));

    if (!connection) {
        error_no_memory(&port->error);
        postgres_pool_failed(port, port->error);
        return;
    }
    connection->port = port;
    connection->watch.fd = -1;
    connection->watch.ready = ready;
    connection->timer.fire = fire;
    postgres_connection_set_state(connection, LINK_LOOKING_UP);
    if (port->targets)
        postgres_connection_found(connection, port->targets, NULL);
    else if (look_up(connection) != ENTC_OK)
        fail(connection);
}
