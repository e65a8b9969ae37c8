/* The port: what the repository sees. Submit only queues, and the queue is served in the FLUSH
 * phase of the same turn; so done is never called inside submit or detach, and queries of one turn
 * leave together. */
#include "postgres/internal.h"

static struct postgres_port *port_of(struct db_port *port)
{
    return (struct postgres_port *)(void *)port;
}

static entc_status submit(struct db_port *db_port, struct db_query *query, entc_error **reterr)
{
    struct postgres_port *port = port_of(db_port);
    struct postgres_pending *pending = NULL;

    if (port->is_closed)
        return error_set(reterr, ENTC_E_CLOSED, "postgres", "the engine was closed");
    if (postgres_pool_is_down(port))
        return error_copy(reterr, port->down, ENTC_E_UNAVAILABLE);
    pending = base_allocate_zeroed(port->allocator, sizeof(*pending));
    if (!pending)
        return error_no_memory(reterr);
    pending->port = port;
    pending->query = query;
    query->pending = pending;
    query->is_lost = false;
    query->statements = 0;
    query->rows = 0;
    query->bytes = 0;
    postgres_pool_push(port, pending);
    postgres_pool_wake(port);
    return ENTC_OK;
}

static void detach(struct db_port *db_port, struct db_query *query)
{
    struct postgres_port *port = port_of(db_port);
    struct postgres_pending *pending = query->pending;
    struct postgres_connection *connection = NULL;

    /* Its answer is just being handed over: it gets no more of it. */
    if (port->reader.query == query)
        port->reader.query = NULL;
    if (!pending)
        return;
    connection = pending->connection;
    if (!connection)
        postgres_pool_remove(port, pending);
    postgres_event_cancelled(pending);
    postgres_pool_take(pending);
    if (connection) {
        connection->pending = NULL;
        postgres_cancel_start(connection);
    }
}

static void close_port(struct db_port *db_port)
{
    struct postgres_port *port = port_of(db_port);

    port->is_closed = true;
    /* A forked child leaves the parent's engine as it is. */
    if (!engine_is_forked(port->engine)) {
        engine_hook_stop(&port->hook);
        engine_timer_stop(port->engine, &port->retry);
    }
    for (int state = 0; state < LINK_STATES; state++)
        while (!list_is_empty(&port->connections[state]))
            postgres_connection_free(
                BASE_CONTAINER(port->connections[state].next, struct postgres_connection, link));
}

static void free_port(struct db_port *db_port)
{
    struct postgres_port *port = port_of(db_port);

    close_port(db_port);
    while (port->waiting_count > 0) {
        struct postgres_pending *pending =
            BASE_CONTAINER(port->waiting.next, struct postgres_pending, link);

        postgres_pool_remove(port, pending);
        base_release(port->allocator, pending);
    }
    if (port->lookup)
        postgres_lookup_forget(port);
    postgres_targets_unref(port->targets);
    postgres_settings_fini(&port->settings);
    postgres_reader_fini(&port->reader);
    buffer_fini(&port->sql);
    buffer_fini(&port->bytes);
    entc_error_free(port->down);
    entc_error_free(port->error);
    base_release(port->allocator, port);
}

static const struct db_port_ops ops = {
    .submit = submit,
    .detach = detach,
    .close = close_port,
    .free = free_port,
};

static struct postgres_port *allocate_port(const struct postgres_config *config)
{
    const entc_allocator *allocator = engine_allocator(config->engine);
    struct postgres_port *port = base_allocate_zeroed(allocator, sizeof(*port));

    if (!port)
        return NULL;
    port->port.ops = &ops;
    port->engine = config->engine;
    port->allocator = allocator;
    port->log = config->log;
    port->events = config->events;
    port->connect_timeout_us = config->connect_timeout_us;
    port->limit = config->connections;
    port->hook.run = postgres_pool_run;
    port->retry.fire = postgres_pool_retry;
    for (int state = 0; state < LINK_STATES; state++)
        list_init(&port->connections[state]);
    list_init(&port->waiting);
    postgres_reader_init(&port->reader, allocator);
    buffer_init(&port->sql, allocator);
    buffer_init(&port->bytes, allocator);
    return port;
}

entc_status postgres_port_new(const struct postgres_config *config, struct db_port **ret_port,
                              entc_error **reterr)
{
    struct postgres_port *port = allocate_port(config);
    entc_status status = ENTC_OK;

    if (!port)
        return error_no_memory(reterr);
    status = postgres_settings_init(&port->settings, config->conninfo, port->allocator, reterr);
    if (status)
        goto out;
    status = random_seed(&port->random);
    if (status) {
        error_set(reterr, status, "postgres", "the system gives no random numbers");
        goto out;
    }
    if (!port->settings.has_names)
        status = postgres_targets_find(&port->settings, &port->targets, reterr);
out:
    if (status)
        free_port(&port->port);
    else
        *ret_port = &port->port;
    return status;
}
