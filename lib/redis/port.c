/* The cache port: what the repository sees of a connection.
 *
 * Here it is decided whether a batch is taken. While the server is known to be down, the answer is
 * ENTC_E_UNAVAILABLE at once: a read then goes to the database without waiting. After a failure one
 * batch probes, and the others are refused until the server served it. */
#include "redis/internal.h"

#include <unistd.h>

static struct redis_connection *of_port(struct cache_port *port)
{
    return BASE_CONTAINER(port, struct redis_connection, port);
}

static entc_status submit(struct cache_port *port, struct cache_batch *batch)
{
    struct redis_connection *connection = of_port(port);
    entc_status status = ENTC_OK;

    batch->is_refused = redis_breaker_refuses(connection);
    if (connection->is_closed || connection->is_retired || batch->is_refused)
        return ENTC_E_UNAVAILABLE;
    if (connection->link == LINK_IDLE) {
        redis_connection_open(connection);
        if (connection->link == LINK_IDLE)
            return ENTC_E_UNAVAILABLE;
    }
    status = redis_pipeline_add(&connection->pipeline, batch);
    if (status)
        return status;
    connection->is_probing = true;
    if (connection->link == LINK_READY)
        engine_hook_set(connection->engine, &connection->flush, ENGINE_FLUSH);
    return ENTC_OK;
}

static void detach(struct cache_port *port, struct cache_batch *batch)
{
    struct redis_connection *connection = of_port(port);
    const bool is_late = batch->is_late && batch->pending;

    redis_pipeline_detach(&connection->pipeline, batch);
    if (is_late)
        redis_breaker_late(connection);
}

/* What is left are sinks. */
static void close_port(struct cache_port *port)
{
    struct redis_connection *connection = of_port(port);

    connection->is_closed = true;
    redis_resolve_orphan(connection);
    redis_connection_drop(connection);
    redis_pipeline_fini(&connection->pipeline);
}

/* In a forked child only the descriptor is closed: the parent's epoll must not hear of it, and what
 * the driver was in the middle of when the process forked is not to be walked. */
static void free_port(struct cache_port *port)
{
    struct redis_connection *connection = of_port(port);
    const entc_allocator *allocator = connection->allocator;

    if (engine_is_forked(connection->engine)) {
        if (connection->fd >= 0)
            close(connection->fd);
        return;
    }
    if (!connection->is_closed)
        close_port(port);
    if (connection->addresses)
        freeaddrinfo(connection->addresses);
    buffer_fini(&connection->greeting);
    redis_address_fini(&connection->address);
    base_release(allocator, connection->chunk);
    base_release(allocator, connection);
}

static const struct cache_port_ops ops = {
    .submit = submit, .detach = detach, .close = close_port, .free = free_port};

entc_status redis_port_new(struct redis_config *config, struct cache_port **ret_port,
                           entc_error **reterr)
{
    const entc_allocator *allocator = engine_allocator(config->engine);
    struct redis_connection *connection = base_allocate_zeroed(allocator, sizeof(*connection));

    if (!connection)
        return error_no_memory(reterr);
    connection->chunk = base_allocate(allocator, REDIS_CHUNK_BYTES);
    if (!connection->chunk) {
        base_release(allocator, connection);
        return error_no_memory(reterr);
    }
    if (random_seed(&connection->random) != ENTC_OK) {
        base_release(allocator, connection->chunk);
        base_release(allocator, connection);
        return error_set(reterr, ENTC_E_SYSTEM, "redis", "the kernel has no randomness");
    }
    connection->port.ops = &ops;
    connection->engine = config->engine;
    connection->allocator = allocator;
    connection->log = config->log;
    connection->connect_timeout_us = config->connect_timeout_us;
    connection->stall_us = config->stall_us;
    connection->max_value_bytes = config->max_value_bytes;
    connection->address = *config->address;
    *config->address = (struct redis_address){.allocator = config->address->allocator};
    connection->fd = -1;
    connection->watch = (struct engine_watch){.fd = -1, .ready = redis_connection_ready};
    connection->timer.fire = redis_connection_timeout;
    connection->flush.run = redis_connection_flush;
    redis_pipeline_init(&connection->pipeline, allocator);
    buffer_init(&connection->greeting, allocator);
    *ret_port = &connection->port;
    return ENTC_OK;
}
