/* The hand-written floor: what somebody would write for just this table, with no library between.
 *
 * One blocking socket to Redis, RESP by hand, JSON read in place by a parser that knows the members
 * and their order, records in an arena that is thrown away as a whole; libpq with binary results.
 * It checks nothing that it does not need: no leases, no deadlines, no foreign values. That is what
 * the library is measured against. */
#ifndef ENTC_BENCH_FLOOR_H
#define ENTC_BENCH_FLOOR_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

struct floor_text {
    const char *ptr;
    size_t len;
};

struct floor_event {
    int64_t id;
    int64_t campaign_id;
    int64_t capacity;
    struct floor_text title;
    struct floor_text venue;
    int64_t starts_at;
    double price;
    uint8_t is_public;
};

struct floor {
    int redis;
    PGconn *postgres;
    char *out;
    char *in;
    size_t in_capacity;
    char *arena;
    size_t arena_used;
    size_t arena_capacity;
};

/* `redis_path`: a unix socket. Exit on failure: a bench without servers has no result. */
void floor_open(struct floor *floor, const char *redis_path, const char *conninfo);
void floor_close(struct floor *floor);

/* MGET of Event-<id>, every value decoded into the arena. Returns how many were there. */
size_t floor_mget_events(struct floor *floor, const int64_t *ids, size_t count,
                         struct floor_event *events);
/* The same for Campaign-<id>: {"id":..,"title":".."}; returns how many were there. */
size_t floor_mget_campaigns(struct floor *floor, const int64_t *ids, size_t count);
/* Decodes one value as the library writes it; 0 when it is not in that form. */
int floor_decode(struct floor *floor, const char *json, size_t length, struct floor_event *event);
/* Writes the same text; returns its length. */
size_t floor_encode(const struct floor_event *event, char *out);
/* SELECT of whole rows by `= ANY`. */
size_t floor_select_events(struct floor *floor, const int64_t *ids, size_t count,
                           struct floor_event *events);
/* Ids of the first campaigns; ids of the first events of each. */
size_t floor_list(struct floor *floor, int64_t first, int64_t *ids);
size_t floor_pages(struct floor *floor, const int64_t *parents, size_t count, int64_t first,
                   int64_t *ids);

#endif
