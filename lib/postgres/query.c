/* One query on one connection: sent, read, answered. The connection is free for the next query
 * before the answer is handed over, so a callee that asks again at once finds it. A read that met a
 * connection which had died while it was idle is sent once more, on another; so is one that the
 * server asks to repeat. Nobody hears of either.
 *
 * There is no statement_timeout here: set_config() would be one more statement to parse, run and
 * answer for every read, and a deadline of the client does the same, since a query whose deadline
 * passes is cancelled on the server. */
#include "postgres/internal.h"

#include <sys/epoll.h>

#define REPEATS_MAX 3

/* How long input may lie unseen in libpq's TLS layer, see read_answer(). */
#define UNSEEN_US INT64_C(10000)

#define BINARY 1

/* ---- answers ---- */

static void send_again(struct postgres_pending *pending)
{
    postgres_pool_push_front(pending->port, pending);
    postgres_pool_wake(pending->port);
}

/* libpq tells the end of a session without a SQLSTATE. */
static void end_lost(struct postgres_pending *pending, const PGresult *result)
{
    struct postgres_port *port = pending->port;
    struct db_query *query = postgres_pool_take(pending);

    postgres_error_of_result(&port->error, query, result);
    error_set(&port->error, ENTC_E_UNAVAILABLE, "postgres", "%s", entc_error_message(port->error));
    query->is_lost = true;
    query->done(query, ENTC_E_UNAVAILABLE, port->error);
}

static void end_failed(struct postgres_pending *pending, const PGresult *result)
{
    struct postgres_port *port = pending->port;
    const struct postgres_failure *failure =
        postgres_failure_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
    struct db_query *query = NULL;
    entc_status status = ENTC_OK;

    if (failure->is_repeatable && pending->repeats < REPEATS_MAX) {
        pending->repeats++;
        send_again(pending);
        return;
    }
    query = postgres_pool_take(pending);
    /* Not that of `failure` when it is libpq that lacks memory. */
    status = postgres_error_of_result(&port->error, query, result);
    query->is_lost = failure->is_lost;
    query->done(query, status, port->error);
}

static void end_answered(struct postgres_pending *pending, const PGresult *result)
{
    struct postgres_port *port = pending->port;
    struct postgres_reader *reader = &port->reader;
    struct db_query *query = postgres_pool_take(pending);
    struct event_span span = postgres_event_read(port, query);
    entc_status status = postgres_reader_give(reader, query, result);

    postgres_event_read_end(port, &span, reader->query ? query->rows : 0, result, status);
    /* It may have been detached by what it was given. */
    if (reader->query != query)
        return;
    reader->query = NULL;
    query->done(query, status, status ? reader->error : NULL);
}

/* The host's own statement did something, or nothing, instead of answering ids. */
static void end_rowless(struct postgres_pending *pending)
{
    struct postgres_port *port = pending->port;
    struct db_query *query = postgres_pool_take(pending);

    error_set(&port->error, ENTC_E_INVALID, "argument",
              "the statement answers no rows, but ids of entity '%s' were asked for",
              query->model->type->name);
    error_hint(&port->error, "give one SELECT of the columns of the key");
    query->done(query, ENTC_E_INVALID, port->error);
}

/* After COPY libpq would give the same result for ever; the connection is no longer idle, and so is
 * closed. */
static bool is_copy(const PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

static void end(struct postgres_pending *pending, const PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK)
        end_answered(pending, result);
    else if (status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY || is_copy(result))
        end_rowless(pending);
    else
        end_failed(pending, result);
}

static void end_refused(struct postgres_pending *pending, entc_status status)
{
    struct postgres_port *port = pending->port;
    struct db_query *query = postgres_pool_take(pending);

    if (status == ENTC_E_NO_MEMORY)
        error_no_memory(&port->error);
    else
        error_set(&port->error, status, "postgres",
                  "%zu ids of %s.%s, of %u parts, are more than one statement takes",
                  query->id_count, query->model->schema, query->model->read_from,
                  query->link ? query->link->count : query->model->type->key_count);
    query->done(query, status, port->error);
}

/* ---- the connection's part ---- */

static struct postgres_pending *take_off(struct postgres_connection *connection,
                                         PGresult **ret_result)
{
    struct postgres_pending *pending = connection->pending;

    *ret_result = connection->result;
    connection->pending = NULL;
    connection->result = NULL;
    pending->connection = NULL;
    postgres_event_answered(pending, *ret_result);
    return pending;
}

static void keep_first(struct postgres_connection *connection, PGresult *result)
{
    if (connection->result)
        PQclear(result);
    else
        connection->result = result;
}

/* The connection died. What it said before counts: a whole answer is an answer. */
static void lose(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;
    const bool was_used = connection->is_used;
    struct postgres_pending *pending = NULL;
    PGresult *result = NULL;

    /* Without a socket PQgetResult() does not wait. */
    while (PQstatus(connection->libpq) == CONNECTION_BAD &&
           (result = PQgetResult(connection->libpq)) != NULL)
        keep_first(connection, result);
    pending = take_off(connection, &result);
    postgres_connection_free(connection);
    postgres_pool_lost(port);
    if (PQresultStatus(result) == PGRES_TUPLES_OK || PQresultErrorField(result, PG_DIAG_SQLSTATE)) {
        end(pending, result);
    } else if (was_used && !pending->was_resent) {
        pending->was_resent = true;
        send_again(pending);
    } else {
        end_lost(pending, result);
    }
    PQclear(result);
}

/* All of the answer is here. */
static void finish(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;
    PGresult *result = NULL;
    struct postgres_pending *pending = take_off(connection, &result);

    engine_timer_stop(port->engine, &connection->timer);
    if (PQstatus(connection->libpq) == CONNECTION_OK && !connection->is_doomed &&
        PQtransactionStatus(connection->libpq) == PQTRANS_IDLE) {
        connection->is_used = true;
        postgres_connection_set_state(connection, LINK_IDLE);
        postgres_pool_wake(port);
    } else {
        postgres_connection_free(connection);
    }
    end(pending, result);
    PQclear(result);
}

/* An encrypted connection may hold input that was decrypted with what came before it, which no
 * socket will announce (libpq fills its buffer with a part of a TLS record). So as long as the
 * answer is not whole, it is asked again a little later. */
static bool is_encrypted(const struct postgres_connection *connection)
{
    return PQsslInUse(connection->libpq) || PQgssEncInUse(connection->libpq);
}

static void read_answer(struct postgres_connection *connection)
{
    struct engine *engine = connection->port->engine;

    while (!PQisBusy(connection->libpq)) {
        PGresult *result = PQgetResult(connection->libpq);

        if (result)
            keep_first(connection, result);
        if (!result || is_copy(connection->result)) {
            finish(connection);
            return;
        }
    }
    /* Without memory for the timer the socket's next event does it, or the deadline. */
    if (is_encrypted(connection))
        engine_timer_set(engine, &connection->timer, engine_turn_us(engine) + UNSEEN_US);
}

/* Sends what the socket takes. While something is left the socket is watched for reading too, lest
 * both sides wait for each other. */
static bool flush(struct postgres_connection *connection)
{
    const int left = PQflush(connection->libpq);

    return left >= 0 && postgres_connection_watch(connection, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void postgres_query_ready(struct postgres_connection *connection, uint32_t events)
{
    bool is_alive = true;

    if (events & ~(uint32_t)EPOLLOUT)
        is_alive = PQconsumeInput(connection->libpq);
    if (is_alive && (connection->watch.events & EPOLLOUT))
        is_alive = flush(connection);
    if (is_alive)
        read_answer(connection);
    else
        lose(connection);
}

void postgres_query_timer(struct postgres_connection *connection)
{
    postgres_query_ready(connection, EPOLLIN);
}

void postgres_query_send(struct postgres_connection *connection, struct postgres_pending *pending)
{
    struct postgres_port *port = connection->port;
    struct postgres_params params;
    entc_status status = postgres_params_write(&params, &port->bytes, pending->query);
    bool is_sent = false;

    if (!status && !postgres_sql_write(&port->sql, pending->query))
        status = ENTC_E_NO_MEMORY;
    if (status) {
        end_refused(pending, status);
        return;
    }
    pending->connection = connection;
    connection->pending = pending;
    postgres_connection_set_state(connection, LINK_BUSY);
    is_sent = PQsendQueryParams(connection->libpq, port->sql.bytes, params.count, params.types,
                                params.values, params.lengths, params.formats, BINARY);
    if (!is_sent && PQstatus(connection->libpq) == CONNECTION_OK) {
        /* libpq is out of memory, and what it has of the statement is of no use. */
        PGresult *nothing = NULL;

        take_off(connection, &nothing);
        postgres_connection_free(connection);
        end_refused(pending, ENTC_E_NO_MEMORY);
        return;
    }
    if (is_sent) {
        pending->query->statements++;
        postgres_event_sent(pending, port->sql.bytes);
    }
    if (!is_sent || !flush(connection))
        lose(connection);
}
