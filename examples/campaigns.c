/* Two GraphQL queries, resolved level by level from Redis and PostgreSQL:
 *
 *   { campaigns(first: 5) { id title events(first: 2) { id title } } }
 *   { artists(first: 5) { name albums(first: 2) { title tracks(first: 3) { name composer } } } }
 *
 * A level costs one SQL statement (which ids?) and one MGET (their entities), however many parents
 * it has; what Redis lacks costs one statement more, and is filled in. Your GraphQL layer would
 * make the levels.
 *
 *   campaigns                              both queries, cold and warm: a line of JSON each
 *   campaigns --lines campaigns|artists    that query, once for each line of standard input
 *   campaigns .. --trace FILE              and the last answer as a trace: Perfetto loads it,
 *                                          waterfall.c draws it
 *   cc campaigns.c $(pkg-config --cflags --libs entitycache) -o campaigns
 *
 * Servers: ENTITYCACHE_REDIS_URI, ENTITYCACHE_POSTGRES. */
#define _POSIX_C_SOURCE 200112L

#include <entitycache.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TOP 5                  /* campaigns, artists */
#define MIDDLE 2               /* events of a campaign, albums of an artist */
#define LEAVES 3               /* tracks of an album */
#define PARENTS (TOP * MIDDLE) /* at most, of one level */
#define LEVELS 3

/* The memory side: structs of yours, and which columns their members are. Columns that are not
 * here are not fetched, and not cached. */
typedef struct Titled {
    int64_t id;
    entc_str title;
} Titled; /* a campaign, or an event: they look alike here */

typedef struct Artist {
    int64_t artist_id;
    entc_str name;
} Artist;

typedef struct Album {
    int64_t album_id;
    entc_str title;
} Album;

typedef struct Track {
    int64_t track_id;
    entc_str name;
    entc_str composer;
} Track;

static const entc_field titled_fields[] = {ENTC_FIELD(Titled, id, ENTC_INT64, ENTC_KEY),
                                           ENTC_FIELD(Titled, title, ENTC_TEXT, 0)};
static const entc_field artist_fields[] = {ENTC_FIELD(Artist, artist_id, ENTC_INT64, ENTC_KEY),
                                           ENTC_FIELD(Artist, name, ENTC_TEXT, ENTC_NULLABLE)};
static const entc_field album_fields[] = {ENTC_FIELD(Album, album_id, ENTC_INT64, ENTC_KEY),
                                          ENTC_FIELD(Album, title, ENTC_TEXT, 0)};
static const entc_field track_fields[] = {ENTC_FIELD(Track, track_id, ENTC_INT64, ENTC_KEY),
                                          ENTC_FIELD(Track, name, ENTC_TEXT, 0),
                                          ENTC_FIELD(Track, composer, ENTC_TEXT, ENTC_NULLABLE)};
static const entc_entity_desc campaign = ENTC_ENTITY("Campaign", Titled, titled_fields);
static const entc_entity_desc event = ENTC_ENTITY("Event", Titled, titled_fields);
static const entc_entity_desc artist = ENTC_ENTITY("Artist", Artist, artist_fields);
static const entc_entity_desc album = ENTC_ENTITY("Album", Album, album_fields);
static const entc_entity_desc track = ENTC_ENTITY("Track", Track, track_fields);

/* The storage side: the column that holds the parent's key, and the order; tables are below. */
static const entc_relation_desc has_events = ENTC_HAS_MANY("events", "campaign_id", "id");
static const entc_relation_desc has_albums = ENTC_HAS_MANY("albums", "artist_id", "album_id");
static const entc_relation_desc has_tracks = ENTC_HAS_MANY("tracks", "album_id", "track_id");

/* A member of a JSON object; SQL's NULL is null. Entities hold valid UTF-8, which JSON takes. */
static void print_text(const char *name, entc_str text)
{
    printf("\"%s\":%s", name, text.ptr ? "\"" : "null");
    for (size_t i = 0; text.ptr && i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20)
            printf("\\u%04x", c);
        else
            printf("%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    printf("%s", text.ptr ? "\"" : "");
}

static void print_titled(const void *record)
{
    const Titled *self = record;

    printf("\"id\":%" PRId64 ",", self->id);
    print_text("title", self->title);
}

static void print_artist(const void *record)
{
    print_text("name", ((const Artist *)record)->name);
}

static void print_album(const void *record)
{
    print_text("title", ((const Album *)record)->title);
}

static void print_track(const void *record)
{
    const Track *self = record;

    print_text("name", self->name);
    putchar(',');
    print_text("composer", self->composer);
}

/* A level of a query: how many entities each one above it has, and what is selected of them. */
typedef struct Level {
    const char *field;
    int32_t first;
    void (*print)(const void *record);
    const entc_entity_desc *entity;
    entc_model_desc table;
    const entc_relation_desc *relation; /* from the level above; NULL at the top */
} Level;

static const Level campaigns[] = {
    {"campaigns", TOP, print_titled, &campaign, ENTC_MODEL("campaigns"), NULL},
    {"events", MIDDLE, print_titled, &event, ENTC_MODEL("events"), &has_events}};
static const Level artists[] = {
    {"artists", TOP, print_artist, &artist, ENTC_MODEL("artist"), NULL},
    {"albums", MIDDLE, print_album, &album, ENTC_MODEL("album"), &has_albums},
    {"tracks", LEAVES, print_track, &track, ENTC_MODEL("track"), &has_tracks}};

/* Repositories and relations are made once, and used by any thread as long as the host lives. */
typedef struct Query {
    const Level *levels;
    size_t depth;
    BaseCacheRepository *repositories[LEVELS];
    entc_relation *relations[LEVELS];
} Query;

/* What was fetched: on each level a page for each entity of the level above, in their order. */
typedef struct Answer {
    entc_page *pages[LEVELS][PARENTS];
    size_t printed[LEVELS];
} Answer;

/* The first failure ends it, and `err` tells its story. */
static entc_status query_open(Query *query, entc_engine *engine, entc_error **err)
{
    BaseCacheRepository **made = query->repositories;
    const Level *level = query->levels;
    entc_status status = ENTC_OK;

    for (size_t i = 0; status == ENTC_OK && i < query->depth; i++, level++) {
        status = entc_repository_new(engine, &level->table, level->entity, NULL, &made[i], err);
        if (status == ENTC_OK && i > 0)
            status =
                entc_relation_new(made[i - 1], made[i], level->relation, &query->relations[i], err);
    }
    return status;
}

static void query_close(Query *query)
{
    for (size_t i = 0; i < query->depth; i++) {
        entc_relation_free(query->relations[i]);
        entc_repository_free(query->repositories[i]);
    }
}

/* Lists the ids of a level's entities, which are the parents of the next level. */
static size_t list_parents(entc_page *const *pages, size_t page_count, entc_value *ids)
{
    size_t count = 0;

    for (size_t i = 0; i < page_count; i++) {
        for (size_t j = 0; j < entc_page_count(pages[i]); j++) {
            if (entc_page_record(pages[i], j))
                entc_page_id(pages[i], j, 0, &ids[count++]);
        }
    }
    return count;
}

static entc_status fetch(const Query *query, entc_request *request, Answer *answer,
                         entc_error **err)
{
    entc_page_args args = ENTC_FIRST(query->levels[0].first);
    entc_call call = ENTC_CALL_INIT;
    entc_value ids[PARENTS];
    size_t count = 1;
    entc_status status =
        entc_request_list(request, query->repositories[0], &args, answer->pages[0], err);

    call.request = request;
    for (size_t i = 1; status == ENTC_OK && i < query->depth; i++) {
        count = list_parents(answer->pages[i - 1], count, ids);
        args.first = query->levels[i].first;
        status = entc_relation_get_many(query->relations[i], ids, count, &args, &call,
                                        answer->pages[i], NULL, err);
    }
    return status;
}

/* Prints the next page of a level, with all that is below it. */
static void print_page(const Query *query, Answer *answer, size_t level)
{
    const entc_page *page = answer->pages[level][answer->printed[level]++];

    printf("\"%s\":[", query->levels[level].field);
    for (size_t i = 0; i < entc_page_count(page); i++) {
        const void *record = entc_page_record(page, i);

        printf("%s%s", i ? "," : "", record ? "{" : "null");
        if (!record)
            continue; /* deleted since its id was read, or failed: see entc_page_status() */
        query->levels[level].print(record);
        if (level + 1 < query->depth) {
            putchar(',');
            print_page(query, answer, level + 1);
        }
        putchar('}');
    }
    putchar(']');
}

/* Answers the query once, as one line of JSON with what it cost. */
static int resolve(const Query *query, entc_engine *engine, entc_error **err)
{
    Answer answer = {{{NULL}}, {0}};
    entc_request *request = NULL;
    const char *report = NULL;
    const int ok = entc_request_new(engine, NULL, &request, err) == ENTC_OK &&
                   fetch(query, request, &answer, err) == ENTC_OK;

    if (ok) {
        printf("{\"data\":{");
        print_page(query, &answer, 0);
        report = entc_request_report(request);
        printf("},\"extensions\":%s}\n", report ? report : "{}");
    }
    for (size_t i = 0; i < LEVELS * PARENTS; i++)
        entc_page_unref(answer.pages[i / PARENTS][i % PARENTS]);
    entc_request_free(request);
    return ok && fflush(stdout) == 0;
}

/* Options come in pairs. */
static int read_options(int argc, char **argv, const char **only, const char **file)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--lines") == 0)
            *only = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--trace") == 0)
            *file = argv[i + 1];
        else
            return 0;
    }
    return !*only || strcmp(*only, "campaigns") == 0 || strcmp(*only, "artists") == 0;
}

/* An engine from the environment; with a trace it is told of what it does. */
static entc_status open_engine(entc_trace *trace, entc_engine **engine, entc_error **err)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_status status = entc_engine_options_from_env(&options, err);

    options.event = trace ? entc_trace_event : NULL;
    options.event_user = trace;
    return status == ENTC_OK ? entc_engine_new(&options, engine, err) : status;
}

/* Writes the trace when the fills are over too, for which no answer waits. */
static int write_trace(entc_engine *engine, entc_trace *trace, const char *path)
{
    struct pollfd work = {entc_engine_fd(engine), POLLIN, 0};
    entc_buffer *text = NULL;
    FILE *file = NULL;
    int ok = 0;

    while (poll(&work, 1, 50) == 1 && entc_engine_process(engine) == ENTC_OK)
        continue;
    if (entc_buffer_new(&text) == ENTC_OK && entc_trace_write(trace, text) == ENTC_OK)
        file = fopen(path, "w");
    if (file) {
        ok = fwrite(entc_buffer_text(text), entc_buffer_length(text), 1, file) == 1;
        ok = fclose(file) == 0 && ok;
    }
    entc_buffer_free(text);
    return ok;
}

int main(int argc, char **argv)
{
    Query queries[] = {{campaigns, 2, {NULL}, {NULL}}, {artists, 3, {NULL}, {NULL}}};
    const char *only = NULL;
    const char *file = NULL;
    entc_trace *trace = NULL;
    entc_engine *engine = NULL;
    entc_error *err = NULL;
    int ok = 0;

    if (!read_options(argc, argv, &only, &file)) {
        fprintf(stderr, "usage: campaigns [--lines campaigns|artists] [--trace FILE]\n");
        return 2;
    }
    ok = (!file || entc_trace_new(NULL, &trace, &err) == ENTC_OK) &&
         open_engine(trace, &engine, &err) == ENTC_OK;
    for (size_t i = 0; ok && i < sizeof(queries) / sizeof(queries[0]); i++) {
        if (only && strcmp(only, queries[i].levels[0].field) != 0)
            continue;
        ok = query_open(&queries[i], engine, &err) == ENTC_OK;
        for (int run = 0; ok && (only ? getchar() == '\n' : run < 2); run++) {
            entc_trace_clear(trace);
            ok = resolve(&queries[i], engine, &err);
        }
        query_close(&queries[i]);
    }
    ok = ok && (!file || write_trace(engine, trace, file));
    if (!ok)
        fprintf(stderr, "campaigns: %s\n%s\n", err ? entc_error_message(err) : strerror(errno),
                entc_error_hint(err));
    entc_error_free(err);
    entc_engine_free(engine);
    entc_trace_free(trace);
    return ok ? 0 : 1;
}
