/* Cancelling: a query that nobody waits for must not go on working on the server, perhaps behind a
 * lock for hours. PQcancel() blocks, so it runs on a helper thread; its connection is closed when
 * that is done, and counts as one of the pool until then, so that queries which the server did not
 * end yet never are more than the pool is large.
 *
 * A server that is frozen accepts PQcancel()'s bytes and never answers, for which libpq knows no
 * time limit; but engine_close() waits for helpers. So the helper waits for a second thread, for as
 * long as an attempt to connect may take, and then leaves it alone: it owns all it touches, and
 * ends when the server wakes or the kernel gives up. There are never more of these than connections
 * froze with a query on them. */
#include "postgres/internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Held by the helper and by the thread that it waits for. Of malloc(), because it may outlive the
 * engine and its allocator, as libpq's part of it does anyhow. */
struct request {
    atomic_uint references;
    PGcancel *libpq;
    int event_fd; /* becomes readable when the server was told */
};

struct postgres_cancel {
    struct engine_helper helper;
    struct postgres_port *port;             /* for the driver only */
    struct postgres_connection *connection; /* for the driver only; NULL: gone before */
    struct request *request;
    int timeout_ms;
};

static struct request *request_new(PGconn *libpq)
{
    struct request *request = malloc(sizeof(*request));

    if (!request)
        return NULL;
    atomic_init(&request->references, 1);
    request->libpq = PQgetCancel(libpq);
    request->event_fd = eventfd(0, EFD_CLOEXEC);
    return request;
}

static void request_unref(struct request *request)
{
    if (!request || atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) != 1)
        return;
    PQfreeCancel(request->libpq);
    if (request->event_fd >= 0)
        close(request->event_fd);
    free(request);
}

static void *tell_server(void *argument)
{
    struct request *request = argument;
    char complaint[256];
    const uint64_t one = 1;
    ssize_t written = 0;

    /* Whether it worked cannot be known, and the connection is closed in any case. */
    PQcancel(request->libpq, complaint, sizeof(complaint));
    do
        written = write(request->event_fd, &one, sizeof(one));
    while (written < 0 && errno == EINTR);
    request_unref(request);
    return NULL;
}

static bool start_detached(struct request *request)
{
    pthread_attr_t attributes;
    pthread_t thread;
    bool is_started = false;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    atomic_fetch_add_explicit(&request->references, 1, memory_order_relaxed);
    /* It inherits the helper's signal mask, which blocks all. */
    is_started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                 pthread_create(&thread, &attributes, tell_server, request) == 0;
    pthread_attr_destroy(&attributes);
    if (!is_started)
        request_unref(request);
    return is_started;
}

static void work(struct engine_helper *helper)
{
    struct postgres_cancel *cancel = BASE_CONTAINER(helper, struct postgres_cancel, helper);
    struct pollfd told = {.fd = cancel->request->event_fd, .events = POLLIN};

    if (start_detached(cancel->request))
        poll(&told, 1, cancel->timeout_ms);
}

static void cancel_free(struct postgres_cancel *cancel)
{
    request_unref(cancel->request);
    base_release(cancel->port->allocator, cancel);
}

static void done(struct engine_helper *helper)
{
    struct postgres_cancel *cancel = BASE_CONTAINER(helper, struct postgres_cancel, helper);
    struct postgres_connection *connection = cancel->connection;

    if (connection) {
        connection->cancel = NULL;
        postgres_connection_free(connection);
    }
    cancel_free(cancel);
}

static struct postgres_cancel *cancel_new(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;
    struct postgres_cancel *cancel = base_allocate_zeroed(port->allocator, sizeof(*cancel));
    const int64_t timeout_ms = (port->connect_timeout_us + 999) / 1000;

    if (!cancel)
        return NULL;
    cancel->port = port;
    cancel->connection = connection;
    cancel->helper.work = work;
    cancel->helper.done = done;
    cancel->timeout_ms = timeout_ms < INT32_MAX ? (int)timeout_ms : INT32_MAX;
    cancel->request = request_new(connection->libpq);
    if (!cancel->request || !cancel->request->libpq || cancel->request->event_fd < 0) {
        cancel_free(cancel);
        return NULL;
    }
    return cancel;
}

void postgres_cancel_start(struct postgres_connection *connection)
{
    struct postgres_port *port = connection->port;
    struct postgres_cancel *cancel = NULL;

    /* What was not sent whole does not run: the server meets the end of the stream first. */
    if (!(connection->watch.events & EPOLLOUT))
        cancel = cancel_new(connection);
    if (cancel && engine_helper_start(port->engine, &cancel->helper) != ENTC_OK) {
        cancel_free(cancel);
        cancel = NULL;
    }
    if (!cancel) {
        postgres_connection_free(connection);
        return;
    }
    connection->cancel = cancel;
    engine_timer_stop(port->engine, &connection->timer);
    engine_watch_remove(port->engine, &connection->watch);
    postgres_connection_set_state(connection, LINK_CANCELLING);
}

void postgres_cancel_orphan(struct postgres_connection *connection)
{
    struct postgres_cancel *cancel = connection->cancel;

    connection->cancel = NULL;
    cancel->connection = NULL;
    /* Both threads were not forked: nobody else will free this. */
    if (engine_is_forked(cancel->port->engine)) {
        atomic_store(&cancel->request->references, 1);
        cancel_free(cancel);
    }
}
