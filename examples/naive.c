/* The naive way, to compare with: what is usually written first, on plain libpq and hiredis.
 *
 * Each entity is one GET, each miss one SELECT and one SET, each parent's list of children one more
 * SELECT. It answers the queries of campaigns.c with the same data, and nothing is made slower than
 * this way must be: the same sockets, kept open, and rows that come as JSON.
 *
 *   naive                              both queries, cold and warm: a line of JSON each
 *   naive --lines campaigns|artists    that query, once for each line of standard input
 *   naive .. --trace FILE              and the last answer as a trace, for waterfall.c
 *   cc naive.c $(pkg-config --cflags --libs hiredis libpq libcjson) -o naive
 *
 * Servers: ENTITYCACHE_REDIS_URI, which must be unix:///path here, and ENTITYCACHE_POSTGRES. */
#define _POSIX_C_SOURCE 200809L

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

#define UNIX_SCHEME "unix://"

/* One level of a query. `list` gives ids in order, of the parent $1 unless it is the top. */
typedef struct Level {
    const char *field;
    const char *entity;
    const char *list;
    const char *row;
    const char *selection[3]; /* ends with NULL */
    const struct Level *children;
} Level;

static const Level events = {
    "events",
    "Event",
    "SELECT id FROM events WHERE campaign_id = $1 ORDER BY id LIMIT 2",
    "SELECT row_to_json(e) FROM (SELECT id, title FROM events WHERE id = $1) AS e",
    {"id", "title", NULL},
    NULL,
};
static const Level campaigns = {
    "campaigns",
    "Campaign",
    "SELECT id FROM campaigns ORDER BY id LIMIT 5",
    "SELECT row_to_json(c) FROM (SELECT id, title FROM campaigns WHERE id = $1) AS c",
    {"id", "title", NULL},
    &events,
};
static const Level tracks = {
    "tracks",
    "Track",
    "SELECT track_id FROM track WHERE album_id = $1 ORDER BY track_id LIMIT 3",
    "SELECT row_to_json(t) FROM (SELECT track_id, name, composer FROM track"
    " WHERE track_id = $1) AS t",
    {"name", "composer", NULL},
    NULL,
};
static const Level albums = {
    "albums",
    "Album",
    "SELECT album_id FROM album WHERE artist_id = $1 ORDER BY album_id LIMIT 2",
    "SELECT row_to_json(a) FROM (SELECT album_id, title FROM album WHERE album_id = $1) AS a",
    {"title", NULL, NULL},
    &tracks,
};
static const Level artists = {
    "artists",
    "Artist",
    "SELECT artist_id FROM artist ORDER BY artist_id LIMIT 5",
    "SELECT row_to_json(a) FROM (SELECT artist_id, name FROM artist WHERE artist_id = $1) AS a",
    {"name", NULL, NULL},
    &albums,
};

typedef struct Naive {
    PGconn *database;
    redisContext *redis;
    int sql_queries;
    int redis_commands;
    Trace trace;
} Naive;

/* An example that cannot go on says why and ends. */
static void fail(const char *message)
{
    fprintf(stderr, "naive: %s\n", message);
    exit(1);
}

static PGresult *query(Naive *naive, const char *name, const char *sql, const char *id)
{
    const int64_t begin = trace_begin(&naive->trace);
    PGresult *result = PQexecParams(naive->database, sql, id ? 1 : 0, NULL, &id, NULL, NULL, 0);

    trace_end(&naive->trace, begin, TRACE_POSTGRES, "SQL", name, id != NULL);
    naive->sql_queries++;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail(PQerrorMessage(naive->database));
    return result;
}

static redisReply *expect(const Naive *naive, redisReply *reply)
{
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        fail(reply ? reply->str : naive->redis->errstr);
    return reply;
}

static cJSON *decode(Naive *naive, const Level *level, const char *text)
{
    const int64_t begin = trace_begin(&naive->trace);
    cJSON *entity = cJSON_Parse(text);

    trace_end(&naive->trace, begin, TRACE_DECODE, "", level->entity, 1);
    if (!entity)
        fail("an entity is no JSON");
    return entity;
}

static redisReply *get(Naive *naive, const Level *level, const char *id)
{
    const int64_t begin = trace_begin(&naive->trace);
    redisReply *reply = redisCommand(naive->redis, "GET naive:%s-%s", level->entity, id);

    trace_end(&naive->trace, begin, TRACE_REDIS, "GET", level->entity, 1);
    naive->redis_commands++;
    return expect(naive, reply);
}

static void set(Naive *naive, const Level *level, const char *id, const char *text)
{
    const int64_t begin = trace_begin(&naive->trace);
    redisReply *reply =
        redisCommand(naive->redis, "SET naive:%s-%s %s EX 300", level->entity, id, text);

    trace_end(&naive->trace, begin, TRACE_REDIS, "SET", level->entity, 1);
    naive->redis_commands++;
    freeReplyObject(expect(naive, reply));
}

/* The entity, as the cache or else its row holds it. */
static cJSON *get_by_id(Naive *naive, const Level *level, const char *id)
{
    const int64_t begin = trace_begin(&naive->trace);
    redisReply *reply = get(naive, level, id);
    cJSON *entity = NULL;

    if (reply->type == REDIS_REPLY_STRING) {
        entity = decode(naive, level, reply->str);
    } else {
        PGresult *row = query(naive, level->entity, level->row, id);

        if (PQntuples(row) != 1)
            fail("a row is gone");
        entity = decode(naive, level, PQgetvalue(row, 0, 0));
        set(naive, level, id, PQgetvalue(row, 0, 0));
        PQclear(row);
    }
    freeReplyObject(reply);
    trace_end(&naive->trace, begin, TRACE_BATCH, "", level->entity, 1);
    return entity;
}

/* The entities of a level, below one parent, with their children. */
static cJSON *resolve(Naive *naive, const Level *level, const char *parent)
{
    PGresult *ids = query(naive, level->field, level->list, parent);
    cJSON *list = cJSON_CreateArray();

    for (int i = 0; i < PQntuples(ids); i++) {
        const char *id = PQgetvalue(ids, i, 0);
        cJSON *entity = get_by_id(naive, level, id);
        cJSON *object = cJSON_CreateObject();

        for (const char *const *name = level->selection; *name; name++)
            cJSON_AddItemToObject(object, *name,
                                  cJSON_DetachItemFromObjectCaseSensitive(entity, *name));
        if (level->children)
            cJSON_AddItemToObject(object, level->children->field,
                                  resolve(naive, level->children, id));
        cJSON_AddItemToArray(list, object);
        cJSON_Delete(entity);
    }
    PQclear(ids);
    return list;
}

/* Answers the query once, as one line of JSON with what it cost, like campaigns.c. */
static void answer(Naive *naive, const Level *top)
{
    const int64_t start = trace_now_us();
    cJSON *data = cJSON_CreateObject();
    char *text = NULL;

    naive->sql_queries = 0;
    naive->redis_commands = 0;
    naive->trace.count = 0;
    cJSON_AddItemToObject(data, top->field, resolve(naive, top, NULL));
    text = cJSON_PrintUnformatted(data);
    trace_end(&naive->trace, start, TRACE_REQUEST, "request", "", 0);
    if (!text)
        fail("no memory");
    printf("{\"data\":%s,\"extensions\":{\"dataFetching\":{\"sqlQueries\":%d,\"redisCommands\":%d,"
           "\"microseconds\":%" PRId64 "}}}\n",
           text, naive->sql_queries, naive->redis_commands, trace_now_us() - start);
    if (fflush(stdout) != 0)
        fail("standard output is closed");
    cJSON_free(text);
    cJSON_Delete(data);
}

static void connect_servers(Naive *naive)
{
    const char *postgres = getenv("ENTITYCACHE_POSTGRES");
    const char *redis = getenv("ENTITYCACHE_REDIS_URI");

    if (!redis || strncmp(redis, UNIX_SCHEME, strlen(UNIX_SCHEME)) != 0)
        fail("ENTITYCACHE_REDIS_URI must be unix:///path");
    naive->redis = redisConnectUnix(redis + strlen(UNIX_SCHEME));
    if (!naive->redis || naive->redis->err)
        fail(naive->redis ? naive->redis->errstr : "no memory");
    naive->database = PQconnectdb(postgres ? postgres : "");
    if (PQstatus(naive->database) != CONNECTION_OK)
        fail(PQerrorMessage(naive->database));
}

/* Options come in pairs. */
static int read_options(int argc, char **argv, const char **only, const char **trace)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--lines") == 0)
            *only = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--trace") == 0)
            *trace = argv[i + 1];
        else
            return 0;
    }
    return !*only || strcmp(*only, "campaigns") == 0 || strcmp(*only, "artists") == 0;
}

int main(int argc, char **argv)
{
    static Naive naive; /* its trace is large */
    const Level *const queries[] = {&campaigns, &artists};
    const char *only = NULL;
    const char *trace = NULL;

    if (!read_options(argc, argv, &only, &trace)) {
        fprintf(stderr, "usage: naive [--lines campaigns|artists] [--trace FILE]\n");
        return 2;
    }
    naive.trace.is_on = trace != NULL;
    connect_servers(&naive);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        if (only && strcmp(only, queries[i]->field) != 0)
            continue;
        for (int run = 0; only ? getchar() == '\n' : run < 2; run++)
            answer(&naive, queries[i]);
    }
    PQfinish(naive.database);
    redisFree(naive.redis);
    if (trace && !trace_write(&naive.trace, trace))
        fail("the trace cannot be written");
    return 0;
}
