/* The floor for Redis: one write, as many reads as it takes, everything parsed where it lies. */
#include "floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define OUT_CAPACITY ((size_t)1 << 20)

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static void *take(size_t size)
{
    void *memory = malloc(size);

    if (!memory)
        give_up("malloc");
    return memory;
}

void floor_open(struct floor *floor, const char *redis_path, const char *conninfo)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memset(floor, 0, sizeof(*floor));
    floor->redis = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", redis_path);
    if (floor->redis < 0 || connect(floor->redis, (struct sockaddr *)&address, sizeof(address)) < 0)
        give_up(redis_path);
    floor->postgres = PQconnectdb(conninfo);
    if (PQstatus(floor->postgres) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(floor->postgres));
        exit(1);
    }
    floor->out = take(OUT_CAPACITY);
    floor->in_capacity = (size_t)4 << 20;
    floor->in = take(floor->in_capacity);
    floor->arena_capacity = (size_t)4 << 20;
    floor->arena = take(floor->arena_capacity);
}

void floor_close(struct floor *floor)
{
    close(floor->redis);
    PQfinish(floor->postgres);
    free(floor->out);
    free(floor->in);
    free(floor->arena);
}

static size_t put_number(char *out, int64_t number)
{
    char digits[24];
    size_t length = 0;
    size_t written = 0;
    uint64_t rest = (uint64_t)number;

    if (number < 0) {
        out[written++] = '-';
        rest = 0 - rest;
    }
    do {
        digits[length++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    while (length)
        out[written++] = digits[--length];
    return written;
}

static void send_mget(struct floor *floor, const char *head, const int64_t *ids, size_t count)
{
    size_t head_length = strlen(head);
    char *at = floor->out;
    size_t sent = 0;

    *at++ = '*';
    at += put_number(at, (int64_t)count + 1);
    memcpy(at, "\r\n$4\r\nMGET\r\n", 12);
    at += 12;
    for (size_t i = 0; i < count; i++) {
        char id[24];
        size_t length = put_number(id, ids[i]);

        *at++ = '$';
        at += put_number(at, (int64_t)(head_length + length));
        *at++ = '\r';
        *at++ = '\n';
        memcpy(at, head, head_length);
        at += head_length;
        memcpy(at, id, length);
        at += length;
        *at++ = '\r';
        *at++ = '\n';
    }
    while (sent < (size_t)(at - floor->out)) {
        ssize_t n =
            send(floor->redis, floor->out + sent, (size_t)(at - floor->out) - sent, MSG_NOSIGNAL);

        if (n <= 0)
            give_up("send");
        sent += (size_t)n;
    }
}

struct reader {
    struct floor *floor;
    size_t have;
    size_t at;
};

static void read_more(struct reader *reader)
{
    struct floor *floor = reader->floor;
    ssize_t n = recv(floor->redis, floor->in + reader->have, floor->in_capacity - reader->have, 0);

    if (n <= 0)
        give_up("recv");
    reader->have += (size_t)n;
}

static int64_t read_header(struct reader *reader)
{
    const char *end = NULL;
    int64_t number = 0;
    size_t at = 0;
    int is_negative = 0;

    while (!(end = memchr(reader->floor->in + reader->at, '\n', reader->have - reader->at)))
        read_more(reader);
    at = reader->at + 1;
    if (reader->floor->in[at] == '-') {
        is_negative = 1;
        at++;
    }
    for (; reader->floor->in[at] >= '0'; at++)
        number = number * 10 + (reader->floor->in[at] - '0');
    reader->at = (size_t)(end - reader->floor->in) + 1;
    return is_negative ? -number : number;
}

static const char *read_bulk(struct reader *reader, size_t *ret_length)
{
    int64_t length = read_header(reader);
    const char *bytes = NULL;

    if (length < 0)
        return NULL;
    while (reader->have - reader->at < (size_t)length + 2)
        read_more(reader);
    bytes = reader->floor->in + reader->at;
    reader->at += (size_t)length + 2;
    *ret_length = (size_t)length;
    return bytes;
}

size_t floor_mget_events(struct floor *floor, const int64_t *ids, size_t count,
                         struct floor_event *events)
{
    struct reader reader = {floor, 0, 0};
    size_t there = 0;

    floor->arena_used = 0;
    send_mget(floor, "Event-", ids, count);
    read_header(&reader);
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const char *bytes = read_bulk(&reader, &length);

        if (bytes)
            there += (size_t)floor_decode(floor, bytes, length, &events[i]);
    }
    return there;
}

size_t floor_mget_campaigns(struct floor *floor, const int64_t *ids, size_t count)
{
    struct reader reader = {floor, 0, 0};
    size_t there = 0;

    send_mget(floor, "Campaign-", ids, count);
    read_header(&reader);
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const char *bytes = read_bulk(&reader, &length);
        const char *title = bytes ? memchr(bytes, ',', length) : NULL;

        if (title) {
            memcpy(floor->arena, title, length - (size_t)(title - bytes));
            there++;
        }
    }
    return there;
}
