/* What is told of a query: a span for each statement from when it was handed to libpq until all of
 * its answer came, and one for the reading of a good answer.
 *
 * Invariant: a span is open exactly while its query runs on a connection, so a statement that is
 * sent twice has two, and one that is cancelled ends there. */
#include "postgres/internal.h"

/* Without memory for its text a statement is told all the same. */
void postgres_event_sent(struct postgres_pending *pending, const char *statement)
{
    const struct postgres_port *port = pending->port;
    const struct db_query *query = pending->query;

    if (!port->events)
        return;

    struct event_span what = {.kind = ENTC_SPAN_POSTGRES};
    pending->statement = base_copy_text(port->allocator, statement);
    what.begin_us = engine_now_us(port->engine);
    what.place = query->place;
    what.name = query->name;
    what.text = pending->statement;
    what.keys = query->id_count;
    event_begin(port->events, &pending->span, &what);
}

static void end(struct postgres_pending *pending, entc_event *event)
{
    const struct postgres_port *port = pending->port;

    event->time_us = engine_now_us(port->engine);
    event_end(port->events, &pending->span, event);
    base_release(port->allocator, pending->statement);
    pending->statement = NULL;
}

/* libpq tells the end of a session without a SQLSTATE. */
static entc_status status_of(const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return ENTC_OK;
    return sqlstate ? postgres_failure_of(sqlstate)->status : ENTC_E_UNAVAILABLE;
}

void postgres_event_answered(struct postgres_pending *pending, const PGresult *result)
{
    if (!pending->span.id)
        return;

    entc_event event = {.status = status_of(result)};
    event.rows = (uint64_t)PQntuples(result);
    event.bytes = result ? PQresultMemorySize(result) : 0;
    end(pending, &event);
}

void postgres_event_cancelled(struct postgres_pending *pending)
{
    if (!pending->span.id)
        return;

    entc_event event = {.status = ENTC_E_CANCELLED};
    end(pending, &event);
}

struct event_span postgres_event_read(struct postgres_port *port, const struct db_query *query)
{
    struct event_span span = {0};

    if (!port->events)
        return span;

    struct event_span what = {.kind = ENTC_SPAN_DECODE};
    what.begin_us = engine_now_us(port->engine);
    what.place = query->place;
    what.name = query->name;
    what.text = "rows";
    event_begin(port->events, &span, &what);
    return span;
}

void postgres_event_read_end(struct postgres_port *port, struct event_span *span, uint64_t rows,
                             const PGresult *result, entc_status status)
{
    if (!span->id)
        return;

    entc_event event = {.keys = rows, .status = status};
    event.time_us = engine_now_us(port->engine);
    event.bytes = PQresultMemorySize(result);
    event_end(port->events, span, &event);
}
