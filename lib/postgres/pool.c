/* The pool: waiting queries meet connections, in the order in which they came. Connections are made
 * when queries wait, at most so many altogether and two at a time; after a failed attempt one at a
 * time, and not before a pause (exponential backoff with full jitter: Brooker, AWS Architecture
 * Blog, 2015). A query waits only as long as there is a connection to hope for. */
#include "postgres/internal.h"

#define CONNECTING_MAX 2
#define BACKOFF_LEAST_US INT64_C(50000)
#define BACKOFF_MOST_US INT64_C(1000000)

/* ---- the queue ---- */

void postgres_pool_push(struct postgres_port *port, struct postgres_pending *pending)
{
    list_push(&port->waiting, &pending->link);
    port->waiting_count++;
}

void postgres_pool_push_front(struct postgres_port *port, struct postgres_pending *pending)
{
    list_push(port->waiting.next, &pending->link);
    port->waiting_count++;
}

void postgres_pool_remove(struct postgres_port *port, struct postgres_pending *pending)
{
    list_remove(&pending->link);
    port->waiting_count--;
}

static struct postgres_pending *pop(struct postgres_port *port)
{
    struct postgres_pending *first =
        BASE_CONTAINER(port->waiting.next, struct postgres_pending, link);

    postgres_pool_remove(port, first);
    return first;
}

struct db_query *postgres_pool_take(struct postgres_pending *pending)
{
    struct db_query *query = pending->query;

    query->pending = NULL;
    base_release(pending->port->allocator, pending);
    return query;
}

/* Those that wait now; what their callees submit meanwhile is refused at once. */
static void fail_waiting(struct postgres_port *port)
{
    for (size_t left = port->waiting_count; left > 0 && port->waiting_count > 0; left--) {
        struct db_query *query = postgres_pool_take(pop(port));

        query->done(query, entc_error_code(port->down), port->down);
    }
}

/* ---- connections ---- */

static uint32_t living(const struct postgres_port *port)
{
    return port->counts[LINK_IDLE] + port->counts[LINK_BUSY];
}

static uint32_t connecting(const struct postgres_port *port)
{
    return port->counts[LINK_LOOKING_UP] + port->counts[LINK_CONNECTING];
}

static uint32_t all(const struct postgres_port *port)
{
    return living(port) + connecting(port) + port->counts[LINK_CANCELLING];
}

static bool is_pausing(const struct postgres_port *port)
{
    return port->failures > 0 && engine_turn_us(port->engine) < port->retry_at_us;
}

static bool may_connect(const struct postgres_port *port)
{
    const uint32_t most = port->failures ? 1 : CONNECTING_MAX;

    return all(port) < port->limit && connecting(port) < most &&
           connecting(port) < port->waiting_count && !is_pausing(port);
}

/* The one used last is the likeliest to be alive, and its server's caches to be warm. */
static struct postgres_connection *take_idle(struct postgres_port *port)
{
    struct list *idle = &port->connections[LINK_IDLE];

    while (!list_is_empty(idle)) {
        struct postgres_connection *connection =
            BASE_CONTAINER(idle->previous, struct postgres_connection, link);

        if (postgres_connection_is_sound(connection))
            return connection;
        postgres_connection_free(connection);
    }
    return NULL;
}

void postgres_pool_run(struct engine_hook *hook)
{
    struct postgres_port *port = BASE_CONTAINER(hook, struct postgres_port, hook);

    while (port->waiting_count > 0) {
        struct postgres_connection *connection = take_idle(port);

        if (connection)
            postgres_query_send(connection, pop(port));
        else if (may_connect(port))
            postgres_connection_start(port);
        else
            break;
    }
    if (port->waiting_count > 0 && living(port) + connecting(port) == 0 && is_pausing(port))
        fail_waiting(port);
}

void postgres_pool_wake(struct postgres_port *port)
{
    if (!port->is_closed)
        engine_hook_set(port->engine, &port->hook, ENGINE_FLUSH);
}

bool postgres_pool_is_down(const struct postgres_port *port)
{
    return port->failures > 0 && living(port) == 0 && (connecting(port) > 0 || is_pausing(port));
}

/* ---- what happens to connections ---- */

/* What is known already is not told again. */
static void tell(struct postgres_port *port, enum postgres_trouble trouble, const char *story)
{
    if (trouble <= port->trouble)
        return;
    port->trouble = trouble;
    log_write(port->log, ENTC_LOG_WARNING, "postgres", "%s", story);
}

void postgres_pool_connected(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;

    if (port->trouble == TROUBLE_DOWN)
        log_write(port->log, ENTC_LOG_INFO, "postgres", "connected again");
    port->trouble = TROUBLE_NONE;
    port->failures = 0;
    postgres_pool_wake(port);
}

static int64_t next_pause_us(struct postgres_port *port)
{
    int64_t most = BACKOFF_LEAST_US;

    for (uint32_t i = 1; i < port->failures && most < BACKOFF_MOST_US; i++)
        most *= 2;
    if (most > BACKOFF_MOST_US)
        most = BACKOFF_MOST_US;
    /* Never nothing: a turn of the engine must not try twice. */
    return 1 + (int64_t)random_below(&port->random, (uint64_t)most);
}

void postgres_pool_failed(struct postgres_port *port, const entc_error *error)
{
    error_copy(&port->down, error, ENTC_E_UNAVAILABLE);
    port->failures++;
    port->retry_at_us = engine_turn_us(port->engine) + next_pause_us(port);
    tell(port, TROUBLE_DOWN, entc_error_message(error));
    if (living(port) + connecting(port) == 0)
        fail_waiting(port);
    /* Who waits for another connection to be free need not wait for that alone. */
    else if (port->waiting_count > 0)
        engine_timer_set(port->engine, &port->retry, port->retry_at_us);
}

void postgres_pool_retry(struct engine_timer *timer)
{
    postgres_pool_wake(BASE_CONTAINER(timer, struct postgres_port, retry));
}

/* What killed one has most likely killed its neighbours, and their sockets may not know it yet. */
void postgres_pool_lost(struct postgres_port *port)
{
    struct list *idle = &port->connections[LINK_IDLE];

    while (!list_is_empty(idle))
        postgres_connection_free(BASE_CONTAINER(idle->next, struct postgres_connection, link));
    tell(port, TROUBLE_LOST, "a connection was lost");
}
