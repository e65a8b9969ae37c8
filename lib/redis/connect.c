/* From idle to ready: address, socket, AUTH and SELECT.
 *
 * Invariant: no batch is sent before the server accepted the greeting, because what follows a
 * refused SELECT would read and write another database. Several addresses of one host share
 * `connect_by_us`: each gets an equal part of what is left, so one that swallows packets does not
 * keep us from the next. */
#include "redis/internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define NOBODY_ANSWERS "nobody answers at the address"

static void forget_addresses(struct redis_connection *connection)
{
    if (connection->addresses)
        freeaddrinfo(connection->addresses);
    connection->addresses = NULL;
    connection->next_address = NULL;
}

/* ---- sockets ---- */

static int64_t attempt_until(const struct redis_connection *connection)
{
    const int64_t now_us = engine_now_us(connection->engine);
    int64_t left = 1;

    for (const struct addrinfo *info = connection->next_address; info; info = info->ai_next)
        left++;
    return now_us + (connection->connect_by_us - now_us) / left;
}

/* 0: connected; EINPROGRESS: under way; else why not. */
static int open_socket(struct redis_connection *connection, const struct addrinfo *info)
{
    const int one = 1;
    int error = 0;
    const int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return errno;
    if (info->ai_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    /* EINTR leaves a non-blocking connect under way. */
    if (connect(fd, info->ai_addr, info->ai_addrlen) < 0)
        error = errno == EINTR ? EINPROGRESS : errno;
    if (error && error != EINPROGRESS) {
        close(fd);
        return error;
    }
    connection->fd = fd;
    return error;
}

void redis_connection_next(struct redis_connection *connection, const char *why)
{
    int error = ECONNREFUSED;

    redis_connection_drop(connection);
    while (error != 0 && error != EINPROGRESS && connection->next_address) {
        const struct addrinfo *info = connection->next_address;

        connection->next_address = info->ai_next;
        error = open_socket(connection, info);
    }
    if (error == 0) {
        redis_connection_connected(connection);
    } else if (error == EINPROGRESS) {
        connection->link = LINK_CONNECTING;
        if (redis_connection_watch(connection, EPOLLOUT))
            redis_connection_time(connection, attempt_until(connection));
    } else {
        redis_connection_die(connection, why);
    }
}

/* ---- addresses ---- */

static void use_unix(struct redis_connection *connection)
{
    struct sockaddr_un *address = &connection->unix_address;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof(address->sun_path), "%s", connection->address.path);
    connection->unix_info = (struct addrinfo){.ai_family = AF_UNIX,
                                              .ai_socktype = SOCK_STREAM,
                                              .ai_addr = (struct sockaddr *)address,
                                              .ai_addrlen = sizeof(*address)};
    connection->next_address = &connection->unix_info;
}

/* A numeric address needs no name server, and so no thread. */
static bool use_numeric(struct redis_connection *connection)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    char port[TEXT_INT64_MAX + 1] = "";

    snprintf(port, sizeof(port), "%u", (unsigned)connection->address.port);
    if (getaddrinfo(connection->address.host, port, &hints, &connection->addresses) != 0) {
        connection->addresses = NULL;
        return false;
    }
    connection->next_address = connection->addresses;
    return true;
}

void redis_connection_open(struct redis_connection *connection)
{
    connection->connect_by_us = engine_now_us(connection->engine) + connection->connect_timeout_us;
    connection->is_probing = false;
    forget_addresses(connection);
    if (connection->address.path)
        use_unix(connection);
    if (connection->address.path || use_numeric(connection)) {
        redis_connection_next(connection, NOBODY_ANSWERS);
        return;
    }
    connection->link = LINK_RESOLVING;
    if (redis_resolve_start(connection) != ENTC_OK)
        redis_connection_die(connection, "its host name cannot be looked up now");
    else
        redis_connection_time(connection, connection->connect_by_us);
}

/* A look-up that took longer than anybody waited serves nobody: the next one asks anew. */
void redis_connection_resolved(struct redis_connection *connection, struct addrinfo *found)
{
    if (connection->link != LINK_RESOLVING) {
        if (found)
            freeaddrinfo(found);
        return;
    }
    if (!found) {
        redis_connection_die(connection, "its host name is unknown");
        return;
    }
    connection->addresses = found;
    connection->next_address = found;
    redis_connection_next(connection, NOBODY_ANSWERS);
}

/* ---- greeting ---- */

/* Room is made first: a buffer that grows would leave copies of the password behind. */
static bool format_greeting(struct redis_connection *connection)
{
    const struct redis_address *address = &connection->address;
    const char *password = address->password ? address->password : "";
    struct buffer *greeting = &connection->greeting;
    size_t room = 256 + strlen(password) + (address->user ? strlen(address->user) : 0);

    if (!buffer_reserve(greeting, room))
        return false;
    if (address->user || address->password) {
        redis_command(greeting, address->user ? 3 : 2);
        redis_argument_text(greeting, "AUTH");
        if (address->user)
            redis_argument_text(greeting, address->user);
        redis_argument_text(greeting, password);
        connection->replies.greetings++;
    }
    if (address->database) {
        redis_command(greeting, 2);
        redis_argument_text(greeting, "SELECT");
        redis_argument_number(greeting, address->database);
        connection->replies.greetings++;
    }
    return !greeting->failed;
}

void redis_connection_connected(struct redis_connection *connection)
{
    forget_addresses(connection);
    connection->link = LINK_GREETING;
    if (!redis_replies_init(&connection->replies, &connection->pipeline,
                            connection->max_value_bytes) ||
        !format_greeting(connection)) {
        redis_connection_die(connection, "memory is out");
        return;
    }
    if (!redis_connection_watch(connection, EPOLLIN))
        return;
    if (connection->replies.greetings == 0) {
        redis_connection_serve(connection);
        return;
    }
    if (redis_connection_time(connection, connection->connect_by_us))
        engine_hook_set(connection->engine, &connection->flush, ENGINE_FLUSH);
}
