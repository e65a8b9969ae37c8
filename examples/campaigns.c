/* Two GraphQL queries, answered from Redis and PostgreSQL:
 *
 *   { campaigns(first: 5) { id title events(first: 2) { id title } } }
 *   { artists(first: 5) { name albums(first: 2) { title tracks(first: 3) { name composer } } } }
 *
 * by small resolvers, one for each field, as a GraphQL engine calls them: for one object at a time.
 * They load through the request's loaders, so a level still costs one SQL statement (which ids?)
 * and one MGET (their entities), however many objects are above it; what Redis lacks costs one
 * statement more, and is filled in.
 *
 *   campaigns                              both queries, cold and warm: a line of JSON each
 *   campaigns --lines campaigns|artists    that query, once for each line of standard input
 *   campaigns .. --report FILE             and what the last answer cost, as a screen of text
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

#define TOP 5    /* campaigns, artists */
#define MIDDLE 2 /* events of a campaign, albums of an artist */
#define LEAVES 3 /* tracks of an album */

/* Lists in an answer, at most: of artists, of albums of each, of tracks of each. */
#define NODES (1 + TOP + TOP * MIDDLE)

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

/* The storage side: a table for each type, and how it hangs below another: by the column that holds
 * the parent's key, and in which order. */
static const entc_relation_desc has_events = ENTC_HAS_MANY("events", "campaign_id", "id");
static const entc_relation_desc has_albums = ENTC_HAS_MANY("albums", "artist_id", "album_id");
static const entc_relation_desc has_tracks = ENTC_HAS_MANY("tracks", "album_id", "track_id");

enum { CAMPAIGN, EVENT, ARTIST, ALBUM, TRACK, TYPES };

static const struct Type {
    const entc_entity_desc *entity;
    entc_model_desc table;
    const entc_relation_desc *relation; /* from the type before; NULL: none */
} types[TYPES] = {{&campaign, ENTC_MODEL("campaigns"), NULL},
                  {&event, ENTC_MODEL("events"), &has_events},
                  {&artist, ENTC_MODEL("artist"), NULL},
                  {&album, ENTC_MODEL("album"), &has_albums},
                  {&track, ENTC_MODEL("track"), &has_tracks}};

/* Made once, and used by any thread as long as the host lives. */
typedef struct Host {
    entc_engine *engine;
    BaseCacheRepository *repositories[TYPES];
    entc_relation *relations[TYPES];
} Host;

/* The first failure ends it, and `err` tells its story. */
static entc_status host_open(Host *self, entc_trace *trace, entc_error **err)
{
    BaseCacheRepository **made = self->repositories;
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_status status = entc_engine_options_from_env(&options, err);

    options.event = trace ? entc_trace_event : NULL;
    options.event_user = trace;
    if (status == ENTC_OK)
        status = entc_engine_new(&options, &self->engine, err);
    for (size_t i = 0; status == ENTC_OK && i < TYPES; i++) {
        status = entc_repository_new(self->engine, &types[i].table, types[i].entity, NULL, &made[i],
                                     err);
        if (status == ENTC_OK && types[i].relation)
            status = entc_relation_new(made[i - 1], made[i], types[i].relation, &self->relations[i],
                                       err);
    }
    return status;
}

static void host_close(Host *self)
{
    for (size_t i = 0; i < TYPES; i++) {
        entc_relation_free(self->relations[i]);
        entc_repository_free(self->repositories[i]);
    }
    entc_engine_free(self->engine);
}

/* ---- resolvers: of a scalar, which is there, or of a list, which is only begun ---- */

/* What resolvers share, for one GraphQL request. */
typedef struct Scope {
    const Host *host;
    entc_request *request;
    entc_error *err; /* NULL, or why the last resolver failed */
} Scope;

/* The first ones of all: a statement, and an MGET. */
static entc_op *begin_list(Scope *scope, size_t type, int32_t first)
{
    const entc_page_args args = ENTC_FIRST(first);
    entc_call call = ENTC_CALL_INIT;
    entc_op *op = NULL;

    call.request = scope->request;
    entc_repository_list_async(scope->host->repositories[type], &args, &call, &op, &scope->err);
    return op;
}

/* The first children of one parent: the loader asks for those of all parents together. */
static entc_op *begin_children(Scope *scope, size_t type, int64_t parent, int32_t first)
{
    const entc_page_args args = ENTC_FIRST(first);
    entc_loader *loader = NULL;
    entc_value key;
    entc_op *op = NULL;

    entc_value_int64(&key, parent);
    if (entc_request_relation_loader(scope->request, scope->host->relations[type], &args, &loader,
                                     &scope->err) == ENTC_OK)
        entc_loader_load(loader, &key, NULL, &op, &scope->err);
    return op;
}

static entc_op *query_campaigns(Scope *scope, const void *self)
{
    (void)self; /* the root is no object */
    return begin_list(scope, CAMPAIGN, TOP);
}

static entc_op *campaign_events(Scope *scope, const void *self)
{
    return begin_children(scope, EVENT, ((const Titled *)self)->id, MIDDLE);
}

static entc_op *query_artists(Scope *scope, const void *self)
{
    (void)self;
    return begin_list(scope, ARTIST, TOP);
}

static entc_op *artist_albums(Scope *scope, const void *self)
{
    return begin_children(scope, ALBUM, ((const Artist *)self)->artist_id, MIDDLE);
}

static entc_op *album_tracks(Scope *scope, const void *self)
{
    return begin_children(scope, TRACK, ((const Album *)self)->album_id, LEAVES);
}

/* As JSON; SQL's NULL is null. Entities hold valid UTF-8, which JSON takes. */
static void print_text(entc_str text)
{
    printf("%s", text.ptr ? "\"" : "null");
    for (size_t i = 0; text.ptr && i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20)
            printf("\\u%04x", c);
        else
            printf("%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    printf("%s", text.ptr ? "\"" : "");
}

static void titled_id(const void *self)
{
    printf("%" PRId64, ((const Titled *)self)->id);
}

static void titled_title(const void *self)
{
    print_text(((const Titled *)self)->title);
}

static void artist_name(const void *self)
{
    print_text(((const Artist *)self)->name);
}

static void album_title(const void *self)
{
    print_text(((const Album *)self)->title);
}

static void track_name(const void *self)
{
    print_text(((const Track *)self)->name);
}

static void track_composer(const void *self)
{
    print_text(((const Track *)self)->composer);
}

/* ---- the engine's part: the two queries, parsed, and how they are executed ---- */

/* A selected field is a scalar, or a list of objects of which `fields` are selected. */
typedef struct Field {
    const char *name;
    void (*print)(const void *self);
    entc_op *(*begin)(Scope *scope, const void *self);
    const struct Field *fields;
} Field;

static const Field of_event[] = {
    {"id", titled_id, NULL, NULL}, {"title", titled_title, NULL, NULL}, {NULL, NULL, NULL, NULL}};
static const Field of_campaign[] = {{"id", titled_id, NULL, NULL},
                                    {"title", titled_title, NULL, NULL},
                                    {"events", NULL, campaign_events, of_event},
                                    {NULL, NULL, NULL, NULL}};
static const Field of_track[] = {{"name", track_name, NULL, NULL},
                                 {"composer", track_composer, NULL, NULL},
                                 {NULL, NULL, NULL, NULL}};
static const Field of_album[] = {{"title", album_title, NULL, NULL},
                                 {"tracks", NULL, album_tracks, of_track},
                                 {NULL, NULL, NULL, NULL}};
static const Field of_artist[] = {{"name", artist_name, NULL, NULL},
                                  {"albums", NULL, artist_albums, of_album},
                                  {NULL, NULL, NULL, NULL}};
static const Field queries[] = {{"campaigns", NULL, query_campaigns, of_campaign},
                                {"artists", NULL, query_artists, of_artist}};

/* A list in the answer: begun, then there. */
typedef struct Node {
    const Field *field;
    entc_op *op;
    entc_page *page;
    size_t lists; /* where the lists in its objects are in the answer, one after another */
} Node;

/* Level by level. */
typedef struct Answer {
    Node nodes[NODES];
    size_t count;
} Answer;

static int complain(const entc_error *err)
{
    fprintf(stderr, "campaigns: %s\n%s\n", err ? entc_error_message(err) : strerror(errno),
            entc_error_hint(err));
    return 0;
}

static int begin(Answer *answer, Scope *scope, const Field *field, const void *self)
{
    Node *node = &answer->nodes[answer->count++];

    node->field = field;
    node->op = field->begin(scope, self);
    return node->op || complain(scope->err);
}

/* Calls the resolvers of the lists in a list's objects. */
static int begin_lists(Answer *answer, Scope *scope, Node *node)
{
    int ok = 1;

    node->lists = answer->count;
    for (size_t i = 0; i < entc_page_count(node->page); i++) {
        const void *self = entc_page_record(node->page, i);

        for (const Field *field = node->field->fields; ok && self && field->name; field++)
            ok = !field->begin || begin(answer, scope, field, self);
    }
    return ok;
}

static int finish(Node *node)
{
    entc_op_wait(node->op, -1);
    return entc_op_take_pages(node->op, &node->page, 1) == ENTC_OK ||
           complain(entc_op_error(node->op));
}

/* All lists of a level are begun before the first one is waited for: that is all that the loaders
 * need to batch them. */
static int execute(Answer *answer, Scope *scope, const Field *query)
{
    int ok = begin(answer, scope, query, NULL);

    for (size_t from = 0, to = 1; ok && from < to; from = to, to = answer->count) {
        for (size_t i = from; ok && i < to; i++)
            ok = finish(&answer->nodes[i]);
        for (size_t i = from; ok && i < to; i++)
            ok = begin_lists(answer, scope, &answer->nodes[i]);
    }
    return ok;
}

/* Prints a list with all that is below it. */
static void print_list(const Answer *answer, const Node *node)
{
    const Node *below = &answer->nodes[node->lists];

    putchar('[');
    for (size_t i = 0; i < entc_page_count(node->page); i++) {
        const void *self = entc_page_record(node->page, i);

        printf("%s%s", i ? "," : "", self ? "{" : "null");
        if (!self)
            continue; /* deleted since its id was read, or failed: see entc_page_status() */
        for (const Field *field = node->field->fields; field->name; field++) {
            printf("%s\"%s\":", field == node->field->fields ? "" : ",", field->name);
            if (field->print)
                field->print(self);
            else
                print_list(answer, below++);
        }
        putchar('}');
    }
    putchar(']');
}

static int write_file(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "w");
    int ok = file && fwrite(text, length, 1, file) == 1;

    return file && fclose(file) == 0 && ok ? 1 : complain(NULL);
}

/* Answers the query once, as one line of JSON with what it cost. */
static int resolve(const Host *host, const Field *query, const char *report_file)
{
    Answer answer = {{{NULL, NULL, NULL, 0}}, 0};
    Scope scope = {host, NULL, NULL};
    const char *report = NULL;
    int ok = entc_request_new(host->engine, NULL, &scope.request, &scope.err) == ENTC_OK
                 ? execute(&answer, &scope, query)
                 : complain(scope.err);

    if (ok) {
        printf("{\"data\":{\"%s\":", query->name);
        print_list(&answer, &answer.nodes[0]);
        report = entc_request_report(scope.request);
        printf("},\"extensions\":%s}\n", report ? report : "{}");
        ok = fflush(stdout) == 0 || complain(NULL);
    }
    if (ok && report_file) {
        report = entc_request_report_text(scope.request);
        ok = write_file(report_file, report ? report : "", report ? strlen(report) : 0);
    }
    for (size_t i = 0; i < answer.count; i++) {
        entc_page_unref(answer.nodes[i].page);
        entc_op_unref(answer.nodes[i].op);
    }
    entc_request_free(scope.request);
    entc_error_free(scope.err);
    return ok;
}

/* ---- the program ---- */

typedef struct Options {
    const char *only;
    const char *report;
    const char *trace;
} Options;

/* Options come in pairs. */
static int read_options(int argc, char **argv, Options *options)
{
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--lines") == 0)
            options->only = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--report") == 0)
            options->report = argv[i + 1];
        else if (i + 1 < argc && strcmp(argv[i], "--trace") == 0)
            options->trace = argv[i + 1];
        else
            return 0;
    }
    return !options->only || strcmp(options->only, "campaigns") == 0 ||
           strcmp(options->only, "artists") == 0;
}

/* Writes the trace when the fills are over too, for which no answer waits. */
static int write_trace(entc_engine *engine, entc_trace *trace, const char *path)
{
    struct pollfd work = {entc_engine_fd(engine), POLLIN, 0};
    entc_buffer *text = NULL;
    int ok = 0;

    while (poll(&work, 1, 50) == 1 && entc_engine_process(engine) == ENTC_OK)
        continue;
    ok = entc_buffer_new(&text) == ENTC_OK && entc_trace_write(trace, text) == ENTC_OK
             ? write_file(path, entc_buffer_text(text), entc_buffer_length(text))
             : complain(NULL);
    entc_buffer_free(text);
    return ok;
}

int main(int argc, char **argv)
{
    Options options = {NULL, NULL, NULL};
    Host host = {NULL, {NULL}, {NULL}};
    entc_trace *trace = NULL;
    entc_error *err = NULL;
    int ok = 0;

    if (!read_options(argc, argv, &options)) {
        fprintf(stderr, "usage: campaigns [--lines campaigns|artists] [--report FILE] "
                        "[--trace FILE]\n");
        return 2;
    }
    ok = ((!options.trace || entc_trace_new(NULL, &trace, &err) == ENTC_OK) &&
          host_open(&host, trace, &err) == ENTC_OK) ||
         complain(err);
    for (size_t i = 0; ok && i < sizeof(queries) / sizeof(queries[0]); i++) {
        if (options.only && strcmp(options.only, queries[i].name) != 0)
            continue;
        for (int run = 0; ok && (options.only ? getchar() == '\n' : run < 2); run++) {
            entc_trace_clear(trace);
            ok = resolve(&host, &queries[i], options.report);
        }
    }
    ok = ok && (!options.trace || write_trace(host.engine, trace, options.trace));
    entc_error_free(err);
    host_close(&host);
    entc_trace_free(trace);
    return ok ? 0 : 1;
}
