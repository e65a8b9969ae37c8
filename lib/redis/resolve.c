/* Host names, looked up on a helper thread, because getaddrinfo() blocks for as long as a name
 * server likes.
 *
 * The look-up owns all it needs and the connection may forget it at any time: it then frees what it
 * found. One look-up at a time: a name server that hangs collects no threads. */
#include "redis/internal.h"

#include <stdio.h>

#define PORT_MAX 6

struct redis_resolve {
    struct engine_helper helper;
    const entc_allocator *allocator;
    struct redis_connection *connection; /* [driver] NULL: nobody waits */
    struct addrinfo *found;
    char port[PORT_MAX];
    char host[];
};

static void work(struct engine_helper *helper)
{
    struct redis_resolve *resolve = BASE_CONTAINER(helper, struct redis_resolve, helper);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    if (getaddrinfo(resolve->host, resolve->port, &hints, &resolve->found) != 0)
        resolve->found = NULL;
}

static void done(struct engine_helper *helper)
{
    struct redis_resolve *resolve = BASE_CONTAINER(helper, struct redis_resolve, helper);
    struct redis_connection *connection = resolve->connection;
    struct addrinfo *found = resolve->found;

    base_release(resolve->allocator, resolve);
    if (connection) {
        connection->resolve = NULL;
        redis_connection_resolved(connection, found);
    } else if (found) {
        freeaddrinfo(found);
    }
}

entc_status redis_resolve_start(struct redis_connection *connection)
{
    const char *host = connection->address.host;
    const size_t size = strlen(host) + 1;
    struct redis_resolve *resolve = NULL;
    entc_status status = ENTC_OK;

    if (connection->resolve)
        return ENTC_OK;
    resolve = base_allocate_zeroed(connection->allocator, sizeof(*resolve) + size);
    if (!resolve)
        return ENTC_E_NO_MEMORY;
    resolve->helper.work = work;
    resolve->helper.done = done;
    resolve->allocator = connection->allocator;
    resolve->connection = connection;
    memcpy(resolve->host, host, size);
    snprintf(resolve->port, sizeof(resolve->port), "%u", (unsigned)connection->address.port);
    status = engine_helper_start(connection->engine, &resolve->helper);
    if (status)
        base_release(connection->allocator, resolve);
    else
        connection->resolve = resolve;
    return status;
}

void redis_resolve_orphan(struct redis_connection *connection)
{
    if (connection->resolve)
        connection->resolve->connection = NULL;
    connection->resolve = NULL;
}
