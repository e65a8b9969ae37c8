/* The cases: each the same work, done by the library and by hand; a few compare the library with
 * itself, to tell what a request and its loaders cost. */
#include "base/base.h"
#include "bench.h"
#include "codec/codec.h"
#include "entity/entity.h"
#include "repository/repository.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Campaign {
    int64_t id;
    entc_str title;
} Campaign;

typedef struct Event {
    int64_t id;
    int64_t campaign_id;
    int64_t capacity;
    entc_str title;
    entc_str venue;
    int64_t starts_at;
    double price;
    uint8_t is_public;
} Event;

static const entc_field campaign_fields[] = {ENTC_FIELD(Campaign, id, ENTC_INT64, ENTC_KEY),
                                             ENTC_FIELD(Campaign, title, ENTC_TEXT, 0)};
static const entc_field event_fields[] = {
    ENTC_FIELD(Event, id, ENTC_INT64, ENTC_KEY), ENTC_FIELD(Event, campaign_id, ENTC_INT64, 0),
    ENTC_FIELD(Event, capacity, ENTC_INT64, 0),  ENTC_FIELD(Event, title, ENTC_TEXT, 0),
    ENTC_FIELD(Event, venue, ENTC_TEXT, 0),      ENTC_FIELD(Event, starts_at, ENTC_TIMESTAMP, 0),
    ENTC_FIELD(Event, price, ENTC_DOUBLE, 0),    ENTC_FIELD(Event, is_public, ENTC_BOOL, 0)};
static const entc_entity_desc campaign = ENTC_ENTITY("Campaign", Campaign, campaign_fields);
static const entc_entity_desc event = ENTC_ENTITY("Event", Event, event_fields);
static const entc_model_desc campaign_table = ENTC_MODEL("campaigns");
static const entc_model_desc event_table = ENTC_MODEL("events");
static const entc_relation_desc has_events = ENTC_HAS_MANY("events", "campaign_id", "id");

void bench_require(int is_right, const char *what)
{
    if (is_right)
        return;
    fprintf(stderr, "bench: %s went wrong\n", what);
    exit(1);
}

void bench_require_ok(entc_status status, const entc_error *error, const char *what)
{
    if (status == ENTC_OK)
        return;
    fprintf(stderr, "bench: %s: %s: %s\n", what, entc_status_name(status),
            entc_error_message(error));
    exit(1);
}

static int64_t draw(struct bench *bench)
{
    bench->seed = bench->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((bench->seed >> 33) % (uint64_t)bench->reach) + 1;
}

/* No id twice: the library asks for it once, the floor as often as it is there. The step is a prime
 * that divides no `reach`, so it visits all before it comes back. */
#define ID_STEP 7919

void bench_draw_ids(struct bench *bench)
{
    int64_t id = draw(bench);

    for (size_t i = 0; i < bench->batch; i++) {
        bench->ids[i] = id;
        id = (id + ID_STEP - 1) % bench->reach + 1;
    }
}

/* ---- by id ---- */

static void library_get_by_id(struct bench *bench)
{
    entc_value id;
    entc_entity *entity = NULL;
    entc_error *error = NULL;

    entc_value_int64(&id, draw(bench));
    bench_require_ok(entc_repository_get_by_id(bench->events, &id, NULL, &entity, &error), error,
                     "get_by_id");
    bench_require(((const Event *)entc_entity_record(entity))->id == id.as.int64, "get_by_id");
    entc_entity_unref(entity);
}

static void floor_get_by_id(struct bench *bench)
{
    bench->ids[0] = draw(bench);
    bench_require(floor_mget_events(&bench->floor, bench->ids, 1, bench->floor_events) == 1,
                  "floor GET");
}

static void get_many(struct bench *bench, BaseCacheRepository *events)
{
    entc_error *error = NULL;

    bench_draw_ids(bench);
    bench_require_ok(entc_repository_get_many_int64(events, bench->ids, bench->batch, NULL,
                                                    bench->entities, NULL, &error),
                     error, "get_many");
    for (size_t i = 0; i < bench->batch; i++) {
        const Event *record = entc_entity_record(bench->entities[i]);

        bench_require(record && record->id == bench->ids[i], "get_many");
    }
    entc_entities_unref(bench->entities, bench->batch);
}

static void library_get_many(struct bench *bench)
{
    get_many(bench, bench->events);
}

static void floor_get_many(struct bench *bench)
{
    bench_draw_ids(bench);
    bench_require(floor_mget_events(&bench->floor, bench->ids, bench->batch, bench->floor_events) ==
                      bench->batch,
                  "floor MGET");
}

static void library_fallback(struct bench *bench)
{
    get_many(bench, bench->events_of_database);
}

static void floor_fallback(struct bench *bench)
{
    bench_draw_ids(bench);
    bench_require(
        floor_select_events(&bench->floor, bench->ids, bench->batch, bench->floor_events) > 0,
        "floor SELECT");
}

/* ---- lists and pages ---- */

static void library_list(struct bench *bench)
{
    entc_page_args args = ENTC_FIRST((int32_t)bench->parents);
    entc_page *page = NULL;
    entc_error *error = NULL;

    bench_require_ok(entc_repository_list(bench->campaigns, &args, NULL, &page, &error), error,
                     "list");
    bench_require(entc_page_count(page) == (size_t)bench->parents && entc_page_record(page, 0),
                  "list");
    entc_page_unref(page);
}

static void floor_list_campaigns(struct bench *bench)
{
    size_t count = floor_list(&bench->floor, bench->parents, bench->ids);

    bench_require(floor_mget_campaigns(&bench->floor, bench->ids, count) == (size_t)bench->parents,
                  "floor list");
}

static void library_pages(struct bench *bench)
{
    static entc_page *pages[BENCH_BATCH_MAX];
    entc_page_args args = ENTC_FIRST(2);
    entc_error *error = NULL;

    for (int64_t i = 0; i < bench->parents; i++)
        entc_value_int64(&bench->values[i], i + 1);
    bench_require_ok(entc_relation_get_many(bench->campaign_events, bench->values,
                                            (size_t)bench->parents, &args, NULL, pages, NULL,
                                            &error),
                     error, "pages");
    for (int64_t i = 0; i < bench->parents; i++) {
        bench_require(entc_page_count(pages[i]) == 2 && entc_page_record(pages[i], 1), "pages");
        entc_page_unref(pages[i]);
    }
}

static void floor_pages_of(struct bench *bench, size_t count)
{
    static int64_t children[2 * BENCH_BATCH_MAX];
    size_t found = floor_pages(&bench->floor, bench->ids, count, 2, children);
    size_t there = 0;

    /* One MGET of up to 2000 keys, in the arrays that hold 1000. */
    for (size_t at = 0; at < found; at += BENCH_BATCH_MAX) {
        size_t some = found - at < BENCH_BATCH_MAX ? found - at : BENCH_BATCH_MAX;

        there += floor_mget_events(&bench->floor, children + at, some, bench->floor_events);
    }
    bench_require(there == 2 * count, "floor pages");
}

static void floor_pages_of_campaigns(struct bench *bench)
{
    for (int64_t i = 0; i < bench->parents; i++)
        bench->ids[i] = i + 1;
    floor_pages_of(bench, (size_t)bench->parents);
}

static void floor_query(struct bench *bench)
{
    size_t count = floor_list(&bench->floor, bench->parents, bench->ids);

    bench_require(floor_mget_campaigns(&bench->floor, bench->ids, count) == count, "floor query");
    floor_pages_of(bench, count);
}

/* ---- codec ---- */

static void library_decode(struct bench *bench)
{
    struct entc_entity *entity = NULL;

    for (size_t i = 0; i < bench->batch; i++) {
        bench_require(codec_decode(bench->draft, bench->json, bench->json_length, &entity) ==
                          CODEC_ENTITY,
                      "decode");
        bench->entities[i] = entity;
    }
    entc_entities_unref(bench->entities, bench->batch);
}

/* Into a block of its own, as an entity is: entities are given back one by one, whenever their
 * owners are done with them. (The floor of get_many keeps a whole batch in one arena.) */
static struct floor_event *floor_decode_one(struct bench *bench)
{
    struct floor_event *decoded = malloc(sizeof(*decoded) + bench->json_length);
    struct floor block = {.arena = (char *)(decoded + 1)};

    bench_require(decoded && floor_decode(&block, bench->json, bench->json_length, decoded),
                  "floor decode");
    return decoded;
}

static void floor_decode_many(struct bench *bench)
{
    static struct floor_event *events[BENCH_BATCH_MAX];

    for (size_t i = 0; i < bench->batch; i++)
        events[i] = floor_decode_one(bench);
    for (size_t i = 0; i < bench->batch; i++)
        free(events[i]);
}

static void library_encode(struct bench *bench)
{
    for (size_t i = 0; i < bench->batch; i++) {
        buffer_clear(bench->buffer);
        bench_require(codec_encode(bench->entity, bench->buffer) == CODEC_OK, "encode");
    }
    bench_require(bench->buffer->length == bench->json_length, "encode");
}

/* The entity that the library encodes, as the floor holds it: whichever cases ran before. */
static struct floor_event floor_event_of(const Event *record)
{
    return (struct floor_event){.id = record->id,
                                .campaign_id = record->campaign_id,
                                .capacity = record->capacity,
                                .title = {record->title.ptr, record->title.len},
                                .venue = {record->venue.ptr, record->venue.len},
                                .starts_at = record->starts_at,
                                .price = record->price,
                                .is_public = record->is_public};
}

static void floor_encode_many(struct bench *bench)
{
    const struct floor_event floor_event = floor_event_of(entc_entity_record(bench->entity));
    char out[1024];
    size_t length = 0;

    for (size_t i = 0; i < bench->batch; i++)
        length = floor_encode(&floor_event, out);
    bench_require(length == bench->json_length && memcmp(out, bench->json, length) == 0,
                  "floor encode");
}

const struct bench_case bench_cases[] = {
    {"get_by_id", library_get_by_id, floor_get_by_id, 1.10, 1, 0, 1000, 0, 1},
    {"get_many(10) hot", library_get_many, floor_get_many, 1.35, 10, 0, 1000, 0, 1},
    {"get_many(100) hot", library_get_many, floor_get_many, 1.35, 100, 0, 1000, 0, 1},
    {"get_many(1000) hot", library_get_many, floor_get_many, 1.35, 1000, 0, 1000, 0, 1},
    {"get_many(10) cold", library_get_many, floor_get_many, 1.10, 10, 0, 0, 0, 1},
    {"get_many(100) cold", library_get_many, floor_get_many, 1.10, 100, 0, 0, 0, 1},
    {"get_many(1000) cold", library_get_many, floor_get_many, 1.10, 1000, 0, 0, 0, 1},
    {"client CPU per entity, hot", library_get_many, floor_get_many, 2.00, 1000, 0, 1000, 1, 1000},
    {"database fallback 1000", library_fallback, floor_fallback, 1.05, 1000, 0, 0, 0, 1},
    {"list 5", library_list, floor_list_campaigns, 1.15, 0, 5, 0, 0, 1},
    {"list 100", library_list, floor_list_campaigns, 1.15, 0, 100, 0, 0, 1},
    {"pages of 5", library_pages, floor_pages_of_campaigns, 1.15, 0, 5, 0, 0, 1},
    {"pages of 100", library_pages, floor_pages_of_campaigns, 1.15, 0, 100, 0, 0, 1},
    {"pages of 1000", library_pages, floor_pages_of_campaigns, 1.15, 0, 1000, 0, 0, 1},
    {"main query, first 5", bench_query, floor_query, 1.15, 0, 5, 0, 0, 1},
    {"main query, first 100", bench_query, floor_query, 1.15, 0, 100, 0, 0, 1},
    {"request scope, first 5", bench_query, bench_query_without_request, 1.02, 0, 5, 0, 0, 1},
    {"request scope, and report, 5", bench_query_with_report, bench_query_without_request, 1.02, 0,
     5, 0, 0, 1},
    {"loads, main query, first 5", bench_query_by_loads, bench_query, 1.15, 0, 5, 0, 0, 1},
    {"loads, main query, first 100", bench_query_by_loads, bench_query, 1.15, 0, 100, 0, 0, 1},
    {"loads, 100 entities, hot", bench_loads, library_get_many, 1.35, 100, 0, 1000, 0, 1},
    {"decode", library_decode, floor_decode_many, 1.30, 100, 0, 0, 0, 100},
    {"encode", library_encode, floor_encode_many, 2.00, 100, 0, 0, 0, 100},
};
const size_t bench_case_count = sizeof(bench_cases) / sizeof(bench_cases[0]);

/* ---- setting up ---- */

static void open_engines(struct bench *bench, const char *redis_path, const char *conninfo)
{
    char uri[256];
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;

    snprintf(uri, sizeof(uri), "unix://%s", redis_path);
    options.redis_uri = uri;
    options.postgres = conninfo;
    options.redis_timeout_us = 10000000;
    options.timeout_us = 60000000;
    options.ttl_us = INT64_C(3600000000);
    bench_require_ok(entc_engine_new(&options, &bench->engine, &error), error, "engine");
    options.redis_uri = "none";
    bench_require_ok(entc_engine_new(&options, &bench->database_only, &error), error, "engine");
    bench_require_ok(entc_repository_new(bench->engine, &campaign_table, &campaign, NULL,
                                         &bench->campaigns, &error),
                     error, "campaigns");
    bench_require_ok(
        entc_repository_new(bench->engine, &event_table, &event, NULL, &bench->events, &error),
        error, "events");
    bench_require_ok(entc_repository_new(bench->database_only, &event_table, &event, NULL,
                                         &bench->events_of_database, &error),
                     error, "events");
    bench_require_ok(entc_relation_new(bench->campaigns, bench->events, &has_events,
                                       &bench->campaign_events, &error),
                     error, "relation");
}

/* Reads every entity once, so that Redis holds all of them. */
static void fill(struct bench *bench, BaseCacheRepository *repository, int64_t rows)
{
    entc_error *error = NULL;

    for (int64_t at = 0; at < rows; at += BENCH_BATCH_MAX) {
        size_t count = rows - at < BENCH_BATCH_MAX ? (size_t)(rows - at) : BENCH_BATCH_MAX;

        for (size_t i = 0; i < count; i++)
            bench->ids[i] = at + (int64_t)i + 1;
        bench_require_ok(entc_repository_get_many_int64(repository, bench->ids, count, NULL,
                                                        bench->entities, NULL, &error),
                         error, "fill");
        entc_entities_unref(bench->entities, count);
    }
}

static void prepare_codec(struct bench *bench)
{
    entc_value id;
    entc_error *error = NULL;

    bench->draft = calloc(1, sizeof(*bench->draft));
    bench->buffer = calloc(1, sizeof(*bench->buffer));
    bench_require(bench->draft && bench->buffer, "malloc");
    bench_require(entity_draft_init(bench->draft, bench->events->impl->type) == ENTC_OK, "draft");
    buffer_init(bench->buffer, base_default_allocator());
    entc_value_int64(&id, 42);
    bench_require_ok(entc_repository_get_by_id(bench->events, &id, NULL, &bench->entity, &error),
                     error, "event 42");
    bench_require(codec_encode(bench->entity, bench->buffer) == CODEC_OK, "encode");
    memcpy(bench->json, bench->buffer->bytes, bench->buffer->length);
    bench->json_length = bench->buffer->length;
}

void bench_open(struct bench *bench, const char *redis_path, const char *conninfo, int64_t rows)
{
    memset(bench, 0, sizeof(*bench));
    bench->rows = rows;
    bench->seed = 42;
    open_engines(bench, redis_path, conninfo);
    floor_open(&bench->floor, redis_path, conninfo);
    fill(bench, bench->campaigns, 1000);
    fill(bench, bench->events, rows);
    prepare_codec(bench);
}

void bench_close(struct bench *bench)
{
    entc_entity_unref(bench->entity);
    entity_draft_fini(bench->draft);
    buffer_fini(bench->buffer);
    free(bench->draft);
    free(bench->buffer);
    entc_relation_free(bench->campaign_events);
    entc_repository_free(bench->events_of_database);
    entc_repository_free(bench->events);
    entc_repository_free(bench->campaigns);
    entc_engine_free(bench->database_only);
    entc_engine_free(bench->engine);
    floor_close(&bench->floor);
}
