/* The fault proxy. One thread, one lock: the thread holds it but for its poll(), and commands take
 * it, so that a rule changes between two bytes and never under one. After each poll() every socket
 * is tried without blocking instead of asking which one was meant: what a command closed meanwhile
 * then cannot be mistaken for another. */
#include "proxy.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 65536
#define PAIRS_MAX 256
#define FILLERS 8

/* One direction of a connection. */
struct stream {
    int from;
    int to;
    char *bytes;
    size_t length; /* read */
    size_t sent;   /* of these: passed on */
    int64_t not_before_us;
    bool has_ended;  /* no more comes */
    bool was_shut;   /* and the receiver was told */
    bool is_dropped; /* what comes is thrown away */
    bool is_twice;   /* what is in the buffer passes twice */
};

struct pair {
    struct stream streams[PROXY_SIDES];
};

struct rule {
    int64_t cut_every; /* -1: never */
    int64_t cut_left;
    uint32_t cuts;
    enum test_proxy_end end;
    int64_t flip_left; /* -1: none */
    uint8_t flip_mask;
    size_t step;
    int64_t pause_us;
    int64_t delay_us;
    uint32_t duplicates;
};

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
};

struct test_proxy {
    pthread_t thread;
    pthread_mutex_t lock;
    int wake_fd;
    bool is_ending;
    union address own;
    union address server;
    int listener;         /* -1: nobody listens */
    int fillers[FILLERS]; /* connections that keep the queue of the listener full */
    enum test_proxy_door door;
    struct pair *pairs[PAIRS_MAX];
    size_t count;
    struct rule rules[PROXY_SIDES];
    int64_t passed[PROXY_SIDES];
    int64_t accepted;
    int64_t cut;
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- sockets ---- */

static socklen_t size_of(const union address *address)
{
    return address->any.sa_family == AF_UNIX ? (socklen_t)sizeof(address->un)
                                             : (socklen_t)sizeof(address->in);
}

static void parse(union address *address, const char *text)
{
    memset(address, 0, sizeof(*address));
    if (text && text[0] == '/') {
        address->un.sun_family = AF_UNIX;
        snprintf(address->un.sun_path, sizeof(address->un.sun_path), "%s", text);
    } else {
        address->in.sin_family = AF_INET;
        address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address->in.sin_port = htons((uint16_t)(text ? strtol(text, NULL, 10) : 0));
    }
}

static int open_socket(const union address *address, int flags)
{
    const int one = 1;
    const int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        test_fail("socket: %s", strerror(errno));
    if (address->any.sa_family == AF_INET) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    return fd;
}

static void start_listening(struct test_proxy *proxy, int backlog)
{
    socklen_t size = size_of(&proxy->own);

    if (proxy->own.any.sa_family == AF_UNIX)
        unlink(proxy->own.un.sun_path);
    proxy->listener = open_socket(&proxy->own, SOCK_NONBLOCK);
    if (bind(proxy->listener, &proxy->own.any, size) != 0 ||
        listen(proxy->listener, backlog) != 0 ||
        getsockname(proxy->listener, &proxy->own.any, &size) != 0)
        test_fail("the proxy cannot listen: %s", strerror(errno));
}

static void stop_listening(struct test_proxy *proxy)
{
    /* The thread's poll() may hold it open beyond the close. */
    if (proxy->listener >= 0) {
        shutdown(proxy->listener, SHUT_RDWR);
        close(proxy->listener);
    }
    if (proxy->own.any.sa_family == AF_UNIX)
        unlink(proxy->own.un.sun_path);
    for (int i = 0; i < FILLERS; i++) {
        if (proxy->fillers[i] >= 0)
            close(proxy->fillers[i]);
        proxy->fillers[i] = -1;
    }
    proxy->listener = -1;
}

/* A queue that is full and that nobody empties: the kernel drops what asks to be let in. */
static void fill_queue(struct test_proxy *proxy)
{
    for (int i = 0; i < FILLERS; i++) {
        proxy->fillers[i] = open_socket(&proxy->own, SOCK_NONBLOCK);
        if (connect(proxy->fillers[i], &proxy->own.any, size_of(&proxy->own)) != 0 &&
            errno != EINPROGRESS && errno != EAGAIN)
            test_fail("the proxy cannot fill its queue: %s", strerror(errno));
    }
}

/* ---- connections ---- */

static void close_pair(struct test_proxy *proxy, size_t number, bool is_reset)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    struct pair *pair = proxy->pairs[number];

    for (int side = 0; side < PROXY_SIDES; side++) {
        const int fd = pair->streams[side].from;

        if (fd >= 0 && is_reset)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        if (fd >= 0)
            close(fd);
        free(pair->streams[side].bytes);
    }
    free(pair);
    proxy->pairs[number] = proxy->pairs[--proxy->count];
}

static void half_close(struct stream *stream)
{
    if (stream->to >= 0)
        shutdown(stream->to, SHUT_WR);
    stream->is_dropped = true;
    stream->was_shut = true;
}

/* Ends it as told. False: the pair is gone. */
static bool end_pair(struct test_proxy *proxy, size_t number, enum test_proxy_side side,
                     enum test_proxy_end end)
{
    struct pair *pair = proxy->pairs[number];

    switch (end) {
    case PROXY_CLOSE:
    case PROXY_RESET:
        close_pair(proxy, number, end == PROXY_RESET);
        return false;
    case PROXY_HALF_CLOSE:
        half_close(&pair->streams[side]);
        break;
    case PROXY_SILENCE:
        for (int i = 0; i < PROXY_SIDES; i++)
            pair->streams[i].is_dropped = true;
        break;
    }
    return true;
}

static void add_pair(struct test_proxy *proxy, int client)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    const bool is_swallowed = proxy->door == PROXY_SWALLOW;
    int server = -1;

    if (!pair || proxy->count == PAIRS_MAX)
        test_fail("the proxy has too many connections");
    if (!is_swallowed) {
        server = open_socket(&proxy->server, 0);
        if (connect(server, &proxy->server.any, size_of(&proxy->server)) != 0) {
            close(server);
            close(client);
            free(pair);
            return;
        }
        fcntl(server, F_SETFL, O_NONBLOCK);
    }
    pair->streams[PROXY_FROM_CLIENT] = (struct stream){.from = client, .to = server};
    pair->streams[PROXY_FROM_SERVER] = (struct stream){.from = server, .to = client};
    for (int side = 0; side < PROXY_SIDES; side++) {
        pair->streams[side].bytes = malloc(BUFFER);
        pair->streams[side].is_dropped = is_swallowed;
    }
    proxy->pairs[proxy->count++] = pair;
}

static void accept_all(struct test_proxy *proxy)
{
    const int one = 1;
    int fd = -1;

    if (proxy->listener < 0 || proxy->door == PROXY_HANG)
        return;
    while ((fd = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (proxy->own.any.sa_family == AF_INET)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        proxy->accepted++;
        add_pair(proxy, fd);
    }
}

/* ---- bytes ---- */

static void fetch(struct stream *stream, struct rule *rule)
{
    ssize_t got = 0;

    if (stream->from < 0 || stream->has_ended || stream->sent < stream->length)
        return;
    stream->length = 0;
    stream->sent = 0;
    got = recv(stream->from, stream->bytes, BUFFER, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        stream->has_ended = true;
        return;
    }
    if (stream->is_dropped)
        return;
    stream->length = (size_t)got;
    stream->is_twice = rule->duplicates > 0;
    rule->duplicates -= stream->is_twice;
    if (rule->delay_us > 0)
        stream->not_before_us = now_us() + rule->delay_us;
}

static void flip(struct rule *rule, char *bytes, size_t length)
{
    if (rule->flip_left < 0 || (size_t)rule->flip_left >= length)
        return;
    bytes[rule->flip_left] = (char)(bytes[rule->flip_left] ^ rule->flip_mask);
    rule->flip_left = -1;
}

static size_t allowed(const struct stream *stream, const struct rule *rule)
{
    size_t length = stream->length - stream->sent;

    if (rule->step > 0 && length > rule->step)
        length = rule->step;
    if (rule->cut_left >= 0 && length > (size_t)rule->cut_left)
        length = (size_t)rule->cut_left;
    return length;
}

/* A cut is due: the next one is counted from here. */
static bool cut(struct test_proxy *proxy, size_t number, enum test_proxy_side side)
{
    struct rule *rule = &proxy->rules[side];

    proxy->cut++;
    rule->cut_left = --rule->cuts > 0 ? rule->cut_every : -1;
    return end_pair(proxy, number, side, rule->end);
}

static void note_passed(struct test_proxy *proxy, enum test_proxy_side side, size_t length)
{
    struct rule *rule = &proxy->rules[side];

    proxy->passed[side] += (int64_t)length;
    if (rule->cut_left > 0)
        rule->cut_left -= (int64_t)length;
    if (rule->flip_left >= 0)
        rule->flip_left -= (int64_t)length;
}

/* Passes on what may pass now. False: the pair is gone. */
static bool pass(struct test_proxy *proxy, size_t number, enum test_proxy_side side)
{
    struct stream *stream = &proxy->pairs[number]->streams[side];
    struct rule *rule = &proxy->rules[side];

    while (!stream->is_dropped && stream->sent < stream->length &&
           now_us() >= stream->not_before_us) {
        char *next = stream->bytes + stream->sent;
        const size_t length = allowed(stream, rule);
        ssize_t taken = 0;

        if (rule->cut_left == 0)
            return cut(proxy, number, side);
        flip(rule, next, length);
        taken = send(stream->to, next, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (taken <= 0) {
            close_pair(proxy, number, false);
            return false;
        }
        stream->sent += (size_t)taken;
        note_passed(proxy, side, (size_t)taken);
        if (stream->is_twice && stream->sent == stream->length) {
            stream->is_twice = false;
            stream->sent = 0;
        }
        if (rule->cut_left == 0)
            return cut(proxy, number, side);
        if (rule->pause_us > 0)
            stream->not_before_us = now_us() + rule->pause_us;
    }
    return true;
}

/* Hands the end of a stream on. False: the pair is gone. */
static bool pass_end(struct test_proxy *proxy, size_t number, enum test_proxy_side side)
{
    struct pair *pair = proxy->pairs[number];
    struct stream *stream = &pair->streams[side];

    if (stream->has_ended && stream->sent == stream->length && !stream->was_shut) {
        if (stream->to >= 0 && !stream->is_dropped)
            shutdown(stream->to, SHUT_WR);
        stream->was_shut = true;
    }
    /* Who goes ends it all; so does a server, unless silence was to be kept. */
    if ((side == PROXY_FROM_CLIENT && stream->was_shut && stream->has_ended) ||
        (pair->streams[PROXY_FROM_CLIENT].has_ended && stream->has_ended)) {
        close_pair(proxy, number, false);
        return false;
    }
    return true;
}

static bool serve(struct test_proxy *proxy, size_t number)
{
    for (int side = 0; side < PROXY_SIDES; side++) {
        fetch(&proxy->pairs[number]->streams[side], &proxy->rules[side]);
        if (!pass(proxy, number, (enum test_proxy_side)side) ||
            !pass_end(proxy, number, (enum test_proxy_side)side))
            return false;
    }
    return true;
}

/* ---- the thread ---- */

static void want(struct pollfd *fds, nfds_t *count, int fd, short events)
{
    if (fd >= 0)
        fds[(*count)++] = (struct pollfd){.fd = fd, .events = events};
}

/* What one direction waits for; lowers the time to wait. */
static void want_stream(const struct stream *stream, struct pollfd *fds, nfds_t *count,
                        int64_t *wait_us)
{
    const bool is_full = stream->sent < stream->length && !stream->is_dropped;
    const int64_t held_us = stream->not_before_us - now_us();

    if (is_full && held_us > 0)
        *wait_us = *wait_us < 0 || held_us < *wait_us ? held_us : *wait_us;
    else if (is_full)
        want(fds, count, stream->to, POLLOUT);
    else if (!stream->has_ended)
        want(fds, count, stream->from, POLLIN);
}

static void rest(struct test_proxy *proxy)
{
    struct pollfd fds[2 + 2 * PAIRS_MAX];
    struct timespec timeout = {0, 0};
    nfds_t count = 0;
    int64_t wait_us = -1;

    want(fds, &count, proxy->wake_fd, POLLIN);
    if (proxy->door != PROXY_HANG)
        want(fds, &count, proxy->listener, POLLIN);
    for (size_t i = 0; i < proxy->count; i++)
        for (int side = 0; side < PROXY_SIDES; side++)
            want_stream(&proxy->pairs[i]->streams[side], fds, &count, &wait_us);
    if (wait_us >= 0) {
        timeout.tv_sec = wait_us / 1000000;
        timeout.tv_nsec = wait_us % 1000000 * 1000;
    }
    pthread_mutex_unlock(&proxy->lock);
    ppoll(fds, count, wait_us >= 0 ? &timeout : NULL, NULL);
    pthread_mutex_lock(&proxy->lock);
}

static void *run(void *context)
{
    struct test_proxy *proxy = context;
    uint64_t wakes = 0;

    pthread_mutex_lock(&proxy->lock);
    while (!proxy->is_ending) {
        if (read(proxy->wake_fd, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
            abort();
        accept_all(proxy);
        for (size_t i = 0; i < proxy->count;)
            if (serve(proxy, i))
                i++;
        rest(proxy);
    }
    pthread_mutex_unlock(&proxy->lock);
    return NULL;
}

/* ---- commands ---- */

static void begin(struct test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
}

static void end(struct test_proxy *proxy)
{
    const uint64_t one = 1;

    if (write(proxy->wake_fd, &one, sizeof(one)) != sizeof(one))
        test_fail("the proxy cannot be woken");
    pthread_mutex_unlock(&proxy->lock);
}

static void forget_rules(struct test_proxy *proxy)
{
    for (int side = 0; side < PROXY_SIDES; side++)
        proxy->rules[side] = (struct rule){.cut_every = -1, .cut_left = -1, .flip_left = -1};
}

static void open_door(struct test_proxy *proxy, enum test_proxy_door door)
{
    if (door == proxy->door)
        return;
    stop_listening(proxy);
    proxy->door = door;
    if (door != PROXY_REFUSE)
        start_listening(proxy, door == PROXY_HANG ? 0 : 256);
    if (door == PROXY_HANG)
        fill_queue(proxy);
}

struct test_proxy *test_proxy_new(const char *address, const char *server)
{
    struct test_proxy *proxy = calloc(1, sizeof(*proxy));
    sigset_t all;
    sigset_t before;

    if (!proxy)
        test_fail("no memory for a proxy");
    pthread_mutex_init(&proxy->lock, NULL);
    parse(&proxy->own, address);
    parse(&proxy->server, server);
    proxy->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int i = 0; i < FILLERS; i++)
        proxy->fillers[i] = -1;
    forget_rules(proxy);
    start_listening(proxy, 256);
    /* Signals are for the thread of the test. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (proxy->wake_fd < 0 || pthread_create(&proxy->thread, NULL, run, proxy) != 0)
        test_fail("the proxy does not start");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return proxy;
}

void test_proxy_free(struct test_proxy *proxy)
{
    if (!proxy)
        return;
    begin(proxy);
    proxy->is_ending = true;
    end(proxy);
    pthread_join(proxy->thread, NULL);
    while (proxy->count > 0)
        close_pair(proxy, 0, false);
    stop_listening(proxy);
    close(proxy->wake_fd);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}

uint16_t test_proxy_port(const struct test_proxy *proxy)
{
    return proxy->own.any.sa_family == AF_INET ? ntohs(proxy->own.in.sin_port) : 0;
}

void test_proxy_heal(struct test_proxy *proxy)
{
    begin(proxy);
    forget_rules(proxy);
    open_door(proxy, PROXY_OPEN);
    for (size_t i = 0; i < proxy->count;) {
        struct stream *streams = proxy->pairs[i]->streams;

        for (int side = 0; side < PROXY_SIDES; side++)
            streams[side].not_before_us = 0;
        if (streams[PROXY_FROM_CLIENT].is_dropped || streams[PROXY_FROM_SERVER].is_dropped)
            close_pair(proxy, i, false);
        else
            i++;
    }
    end(proxy);
}

void test_proxy_door(struct test_proxy *proxy, enum test_proxy_door door)
{
    begin(proxy);
    open_door(proxy, door);
    end(proxy);
}

void test_proxy_drop(struct test_proxy *proxy, enum test_proxy_end how)
{
    begin(proxy);
    for (size_t i = 0; i < proxy->count;)
        if (end_pair(proxy, i, PROXY_FROM_SERVER, how))
            i++;
    end(proxy);
}

void test_proxy_cut(struct test_proxy *proxy, enum test_proxy_side side, int64_t after,
                    enum test_proxy_end how, uint32_t times)
{
    struct rule *rule = &proxy->rules[side];

    begin(proxy);
    rule->cut_every = after;
    rule->cut_left = times > 0 ? after : -1;
    rule->cuts = times;
    rule->end = how;
    end(proxy);
}

void test_proxy_flip(struct test_proxy *proxy, enum test_proxy_side side, int64_t after,
                     uint8_t mask)
{
    begin(proxy);
    proxy->rules[side].flip_left = after;
    proxy->rules[side].flip_mask = mask;
    end(proxy);
}

void test_proxy_trickle(struct test_proxy *proxy, enum test_proxy_side side, size_t step,
                        int64_t pause_us)
{
    begin(proxy);
    proxy->rules[side].step = step;
    proxy->rules[side].pause_us = pause_us;
    end(proxy);
}

void test_proxy_delay(struct test_proxy *proxy, enum test_proxy_side side, int64_t delay_us)
{
    begin(proxy);
    proxy->rules[side].delay_us = delay_us;
    end(proxy);
}

void test_proxy_duplicate(struct test_proxy *proxy, enum test_proxy_side side, uint32_t times)
{
    begin(proxy);
    proxy->rules[side].duplicates = times;
    end(proxy);
}

static int64_t read_number(struct test_proxy *proxy, const int64_t *number)
{
    int64_t value = 0;

    begin(proxy);
    value = *number;
    pthread_mutex_unlock(&proxy->lock);
    return value;
}

int64_t test_proxy_bytes(struct test_proxy *proxy, enum test_proxy_side side)
{
    return read_number(proxy, &proxy->passed[side]);
}

int64_t test_proxy_connections(struct test_proxy *proxy)
{
    return read_number(proxy, &proxy->accepted);
}

int64_t test_proxy_cuts(struct test_proxy *proxy)
{
    return read_number(proxy, &proxy->cut);
}
