/* The floor for PostgreSQL: libpq, blocking, binary both ways, the statement's text a constant. */
#include "floor.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INT8_ARRAY 1016
#define INT8 20

static char *array_of(const int64_t *ids, size_t count, int *ret_length)
{
    char *bytes = malloc(20 + count * 12);
    uint32_t head[5] = {htonl(1), 0, htonl(INT8), htonl((uint32_t)count), htonl(1)};

    if (!bytes)
        exit(1);
    memcpy(bytes, head, sizeof(head));
    for (size_t i = 0; i < count; i++) {
        uint32_t length = htonl(8);
        uint64_t value = htobe64((uint64_t)ids[i]);

        memcpy(bytes + 20 + i * 12, &length, 4);
        memcpy(bytes + 24 + i * 12, &value, 8);
    }
    *ret_length = (int)(20 + count * 12);
    return bytes;
}

static int64_t int8_at(const PGresult *result, int row, int column)
{
    uint64_t value = 0;

    memcpy(&value, PQgetvalue(result, row, column), 8);
    return (int64_t)be64toh(value);
}

/* The first ids of an int8[] without NULLs: dimensions, flags, type, count and lower bound, then
 * each with its length before it. An empty array has no dimension. */
static size_t read_array(const char *bytes, size_t first, int64_t *ids)
{
    uint32_t dimensions = 0;
    uint32_t count = 0;
    uint64_t id = 0;

    memcpy(&dimensions, bytes, 4);
    if (dimensions == 0)
        return 0;
    memcpy(&count, bytes + 12, 4);
    count = ntohl(count) < first ? ntohl(count) : (uint32_t)first;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&id, bytes + 24 + (size_t)i * 12, 8);
        ids[i] = (int64_t)be64toh(id);
    }
    return count;
}

static const char *keep(struct floor *floor, const PGresult *result, int row, int column,
                        size_t *ret_length)
{
    size_t length = (size_t)PQgetlength(result, row, column);
    char *at = floor->arena + floor->arena_used;

    memcpy(at, PQgetvalue(result, row, column), length);
    at[length] = '\0';
    floor->arena_used += length + 1;
    *ret_length = length;
    return at;
}

static PGresult *run(struct floor *floor, const char *sql, int count, const Oid *types,
                     const char *const *values, const int *lengths)
{
    static const int formats[2] = {1, 1};
    PGresult *result =
        PQexecParams(floor->postgres, sql, count, types, values, lengths, formats, 1);

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s", PQerrorMessage(floor->postgres));
        exit(1);
    }
    return result;
}

static void read_row(struct floor *floor, const PGresult *result, int row,
                     struct floor_event *event)
{
    uint64_t bits = 0;

    event->id = int8_at(result, row, 0);
    event->campaign_id = int8_at(result, row, 1);
    event->capacity = int8_at(result, row, 2);
    event->title.ptr = keep(floor, result, row, 3, &event->title.len);
    event->venue.ptr = keep(floor, result, row, 4, &event->venue.len);
    event->starts_at = int8_at(result, row, 5) + INT64_C(946684800000000);
    memcpy(&bits, PQgetvalue(result, row, 6), 8);
    bits = be64toh(bits);
    memcpy(&event->price, &bits, 8);
    event->is_public = (uint8_t)*PQgetvalue(result, row, 7);
}

size_t floor_select_events(struct floor *floor, const int64_t *ids, size_t count,
                           struct floor_event *events)
{
    static const char sql[] =
        "SELECT \"id\",\"campaign_id\",\"capacity\",\"title\",\"venue\",\"starts_at\",\"price\","
        "\"is_public\" FROM \"public\".\"events\" WHERE \"id\" = ANY($1)";
    const Oid types[] = {INT8_ARRAY};
    int length = 0;
    char *array = array_of(ids, count, &length);
    const char *values[] = {array};
    PGresult *result = run(floor, sql, 1, types, values, &length);
    int rows = PQntuples(result);

    floor->arena_used = 0;
    for (int row = 0; row < rows; row++)
        read_row(floor, result, row, &events[row]);
    PQclear(result);
    free(array);
    return (size_t)rows;
}

size_t floor_list(struct floor *floor, int64_t first, int64_t *ids)
{
    const Oid types[] = {INT8};
    uint64_t limit = htobe64((uint64_t)first + 1);
    const char *values[] = {(const char *)&limit};
    const int lengths[] = {8};
    PGresult *result =
        run(floor, "SELECT \"id\" FROM \"public\".\"campaigns\" ORDER BY \"id\" LIMIT $1", 1, types,
            values, lengths);
    int rows = PQntuples(result);
    size_t count = rows > first ? (size_t)first : (size_t)rows;

    for (size_t row = 0; row < count; row++)
        ids[row] = int8_at(result, (int)row, 0);
    PQclear(result);
    return count;
}

size_t floor_pages(struct floor *floor, const int64_t *parents, size_t count, int64_t first,
                   int64_t *ids)
{
    /* The library's own form: what is compared is the clients, not two plans. */
    static const char sql[] =
        "SELECT p.i,ARRAY(SELECT \"id\" FROM \"public\".\"events\" WHERE \"campaign_id\" = p.k "
        "ORDER BY \"id\" LIMIT $2) FROM unnest($1) WITH ORDINALITY AS p(k,i)";
    const Oid types[] = {INT8_ARRAY, INT8};
    uint64_t limit = htobe64((uint64_t)first + 1);
    int lengths[] = {0, 8};
    char *array = array_of(parents, count, &lengths[0]);
    const char *values[] = {array, (const char *)&limit};
    PGresult *result = run(floor, sql, 2, types, values, lengths);
    int rows = PQntuples(result);
    size_t kept = 0;

    for (int row = 0; row < rows; row++)
        kept += read_array(PQgetvalue(result, row, 1), (size_t)first, ids + kept);
    PQclear(result);
    free(array);
    return kept;
}
