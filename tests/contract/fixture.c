/* The servers of a test program, the tables in them, and the engine of each test. */
#include "fixture.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const int64_t fixture_event_counts[FIXTURE_CAMPAIGNS + 1] = {0, 4, 3, 2, 5, 2, 1, 0, 2};

static const entc_field campaign_fields[] = {ENTC_FIELD(Campaign, id, ENTC_INT64, ENTC_KEY),
                                             ENTC_FIELD(Campaign, title, ENTC_TEXT, 0)};
static const entc_field event_fields[] = {ENTC_FIELD(Event, id, ENTC_INT64, ENTC_KEY),
                                          ENTC_FIELD(Event, title, ENTC_TEXT, 0),
                                          ENTC_FIELD(Event, campaign_id, ENTC_INT64, 0)};

const entc_entity_desc fixture_campaign = ENTC_ENTITY("Campaign", Campaign, campaign_fields);
const entc_entity_desc fixture_event = ENTC_ENTITY("Event", Event, event_fields);
const entc_model_desc fixture_campaign_table = ENTC_MODEL("campaigns");
const entc_model_desc fixture_event_table = ENTC_MODEL("events");
const entc_relation_desc fixture_has_events = ENTC_HAS_MANY("events", "campaign_id", "id");

uint32_t fixture_waiters = ENTC_DRIVE_WAITERS;
uint32_t fixture_host = ENTC_DRIVE_HOST;

static struct fixture the_fixture;

/* ---- programs and tests ---- */

static void make_tables(struct fixture *f)
{
    test_postgres_sql(&f->postgres,
                      "CREATE TABLE campaigns (id bigint PRIMARY KEY, title text NOT NULL);"
                      "CREATE TABLE events (id bigint PRIMARY KEY, title text NOT NULL,"
                      " campaign_id bigint NOT NULL, rank integer NOT NULL);"
                      "CREATE INDEX ON events (campaign_id, id)");
}

static void fill_tables(struct fixture *f)
{
    test_postgres_sql(&f->postgres,
                      "DELETE FROM events; DELETE FROM campaigns;"
                      "INSERT INTO campaigns"
                      " SELECT c, 'Campaign ' || c FROM generate_series(1, 8) AS c;"
                      "INSERT INTO events"
                      " SELECT c * 100 + k, 'Event ' || c * 100 + k, c, k % 2"
                      " FROM (VALUES (1, 4), (2, 3), (3, 2), (4, 5), (5, 2), (6, 1), (8, 2))"
                      " AS v (c, n), generate_series(1, n) AS k");
}

/* Options in the environment are for test_options.c alone. */
static void start_redis(struct fixture *f, const char *const *arguments)
{
    memset(f, 0, sizeof(*f));
    unsetenv("ENTITYCACHE_REDIS_URI");
    unsetenv("ENTITYCACHE_POSTGRES");
    test_redis_start(&f->redis, arguments);
}

/* A state of the group would be given to each test instead of its own, which is the drive mode. */
int fixture_start_with(void **state, const char *const *redis_arguments)
{
    (void)state;
    start_redis(&the_fixture, redis_arguments);
    test_postgres_shared(&the_fixture.postgres);
    make_tables(&the_fixture);
    return 0;
}

int fixture_start(void **state)
{
    return fixture_start_with(state, NULL);
}

int fixture_start_own_with(void **state, const char *const *settings)
{
    (void)state;
    start_redis(&the_fixture, NULL);
    test_postgres_start(&the_fixture.postgres, settings);
    make_tables(&the_fixture);
    return 0;
}

int fixture_start_own(void **state)
{
    return fixture_start_own_with(state, NULL);
}

struct fixture *fixture_of_program(void)
{
    return &the_fixture;
}

int fixture_stop(void **state)
{
    (void)state;
    test_redis_stop(&the_fixture.redis);
    test_postgres_drop(&the_fixture.postgres);
    return 0;
}

void fixture_make_engine(struct fixture *f)
{
    assert_ok(f, entc_engine_new(&f->options, &f->engine, &f->error));
    assert_ok(f, entc_repository_new(f->engine, &fixture_campaign_table, &fixture_campaign, NULL,
                                     &f->campaigns, &f->error));
    assert_ok(f, entc_repository_new(f->engine, &fixture_event_table, &fixture_event, NULL,
                                     &f->events, &f->error));
    assert_ok(f, entc_relation_new(f->campaigns, f->events, &fixture_has_events, &f->has_events,
                                   &f->error));
}

void fixture_free_engine(struct fixture *f)
{
    entc_relation_free(f->has_events);
    entc_repository_free(f->events);
    entc_repository_free(f->campaigns);
    entc_engine_free(f->engine);
    f->has_events = NULL;
    f->events = NULL;
    f->campaigns = NULL;
    f->engine = NULL;
}

void fixture_stop_postgres(struct fixture *f, const char *mode)
{
    test_postgres_stop(&f->postgres, mode);
    f->is_postgres_down = true;
}

void fixture_start_postgres(struct fixture *f)
{
    test_postgres_restart(&f->postgres);
    f->is_postgres_down = false;
}

/* A test that failed may have left them down. */
static void bring_servers_up(struct fixture *f)
{
    if (f->redis.pid == 0)
        test_redis_restart(&f->redis);
    test_redis_resume(&f->redis);
    if (f->is_postgres_down)
        fixture_start_postgres(f);
}

int fixture_open(void **state)
{
    struct fixture *f = &the_fixture;
    const entc_engine_options defaults = ENTC_ENGINE_OPTIONS_INIT;

    f->drive = *(const uint32_t *)*state;
    f->options = defaults;
    f->options.drive = f->drive;
    f->options.redis_uri = f->redis.uri;
    f->options.postgres = f->postgres.conninfo;
    f->options.redis_timeout_us = 5000000;
    f->options.redis_stall_us = 5000000;
    f->options.connect_timeout_us = 5000000;
    f->options.timeout_us = 20000000;
    bring_servers_up(f);
    freeReplyObject(test_redis_command(&f->redis, "FLUSHALL"));
    freeReplyObject(test_redis_command(&f->redis, "SCRIPT FLUSH"));
    fill_tables(f);
    fixture_make_engine(f);
    *state = f;
    return 0;
}

int fixture_close(void **state)
{
    struct fixture *f = &the_fixture;

    (void)state;
    for (size_t i = 0; i < FIXTURE_LOCKS; i++)
        if (f->locks[i] != NULL)
            fixture_unlock(f->locks[i]);
    fixture_free_engine(f);
    entc_error_free(f->error);
    f->error = NULL;
    return 0;
}

/* ---- checks ---- */

void fixture_check(const struct fixture *f, entc_status got, entc_status wanted, const char *call,
                   const char *file, int line)
{
    if (got == wanted)
        return;
    print_error("%s\ngave %s, not %s: %s (%s)\n", call, entc_status_name(got),
                entc_status_name(wanted), entc_error_message(f->error), entc_error_hint(f->error));
    _fail(file, line);
}

void fixture_assert_says(const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text == NULL ? "(null)" : text, part);
}

static void assert_title(const entc_str *title, const char *word, int64_t id)
{
    char wanted[64];

    snprintf(wanted, sizeof(wanted), "%s %lld", word, (long long)id);
    assert_non_null(title->ptr);
    assert_string_equal(title->ptr, wanted);
    assert_int_equal(title->len, strlen(wanted));
}

void fixture_assert_campaign(const entc_entity *entity, int64_t id)
{
    const Campaign *campaign = entc_entity_record(entity);

    assert_non_null(campaign);
    assert_int_equal(campaign->id, id);
    assert_title(&campaign->title, "Campaign", id);
}

void fixture_assert_event(const entc_entity *entity, int64_t id)
{
    const Event *event = entc_entity_record(entity);

    assert_non_null(event);
    assert_int_equal(event->id, id);
    assert_title(&event->title, "Event", id);
    assert_int_equal(event->campaign_id, id / 100);
}

static int compare_names(const void *a, const void *b)
{
    const redisReply *const *left = a;
    const redisReply *const *right = b;

    return strcmp((*left)->str, (*right)->str);
}

void fixture_assert_keys(struct fixture *f, const char *names)
{
    redisReply *reply = test_redis_command(&f->redis, "KEYS *");
    char found[4096] = "";
    size_t length = 0;

    if (reply->elements > 0)
        qsort(reply->element, reply->elements, sizeof(reply->element[0]), compare_names);
    for (size_t i = 0; i < reply->elements && length < sizeof(found); i++)
        length += (size_t)snprintf(found + length, sizeof(found) - length, "%s%s", i ? " " : "",
                                   reply->element[i]->str);
    freeReplyObject(reply);
    assert_string_equal(found, names);
}

void fixture_assert_value(struct fixture *f, const char *key, const char *value)
{
    char *found = test_redis_text(&f->redis, key);

    if (value == NULL)
        assert_null(found);
    else if (found == NULL)
        fail_msg("there is no key %s", key);
    else
        assert_string_equal(found, value);
    free(found);
}

/* ---- asking ---- */

entc_value fixture_id(int64_t number)
{
    entc_value value;

    entc_value_int64(&value, number);
    return value;
}

entc_value fixture_text(const char *text)
{
    entc_value value;

    assert_int_equal(entc_value_text(&value, text, strlen(text)), ENTC_OK);
    return value;
}

entc_entity *fixture_get(struct fixture *f, BaseCacheRepository *repository, int64_t id)
{
    entc_entity *entity = NULL;
    entc_value value = fixture_id(id);

    assert_ok(f, entc_repository_get_by_id(repository, &value, NULL, &entity, &f->error));
    assert_non_null(entity);
    return entity;
}

static void read_all(struct fixture *f, BaseCacheRepository *repository, const int64_t *ids,
                     size_t count)
{
    entc_entity **entities = calloc(count, sizeof(entc_entity *));

    assert_non_null(entities);
    assert_ok(
        f, entc_repository_get_many_int64(repository, ids, count, NULL, entities, NULL, &f->error));
    for (size_t i = 0; i < count; i++)
        assert_non_null(entities[i]);
    entc_entities_unref(entities, count);
    free(entities);
}

/* On a starved machine Redis may be late even here; what was read without it fills nothing. */
void fixture_warm(struct fixture *f, BaseCacheRepository *repository, int64_t from, int64_t to)
{
    const int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);
    size_t count = (size_t)(to - from + 1);
    int64_t *ids = calloc(count, sizeof(*ids));
    entc_counters before;

    assert_non_null(ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = from + (int64_t)i;
    do {
        before = fixture_counters(f);
        read_all(f, repository, ids, count);
    } while (fixture_since(f, &before).redis_failures > 0 && fixture_now_us() < end);
    free(ids);
    fixture_await_fills(f, before.fills + fixture_since(f, &before).misses);
}

entc_counters fixture_counters(const struct fixture *f)
{
    entc_counters counters = ENTC_COUNTERS_INIT;

    assert_int_equal(entc_engine_counters(f->engine, &counters), ENTC_OK);
    return counters;
}

/* Behind its size the struct is nothing but counters. */
entc_counters fixture_since(const struct fixture *f, const entc_counters *before)
{
    entc_counters now = fixture_counters(f);
    uint64_t *numbers = &now.sql_queries;
    const uint64_t *old = &before->sql_queries;
    size_t count = (sizeof(now) - offsetof(entc_counters, sql_queries)) / sizeof(*numbers);

    for (size_t i = 0; i < count; i++)
        numbers[i] -= old[i];
    return now;
}

int64_t fixture_redis_commands(struct fixture *f)
{
    redisReply *reply = test_redis_command(&f->redis, "INFO commandstats");
    int64_t sum = 0;

    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    for (const char *line = strstr(reply->str, "cmdstat_"); line != NULL;
         line = strstr(line + 1, "cmdstat_")) {
        const char *calls = strstr(line, ":calls=");

        if (calls != NULL && strncmp(line, "cmdstat_info:", 13) != 0)
            sum += strtoll(calls + 7, NULL, 10);
    }
    freeReplyObject(reply);
    return sum;
}

/* ---- driving and waiting ---- */

int64_t fixture_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool fixture_turn(struct fixture *f, int timeout_ms)
{
    struct pollfd wait = {.fd = entc_engine_fd(f->engine), .events = POLLIN};
    bool is_readable = poll(&wait, 1, timeout_ms) == 1;

    assert_ok(f, entc_engine_process(f->engine));
    return is_readable;
}

void fixture_drive_until(struct fixture *f, bool (*is_met)(void *context), void *context)
{
    int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);

    while (!is_met(context)) {
        if (fixture_now_us() > end)
            fail_msg("what was waited for did not come");
        /* A condition may also change without a word to the engine. */
        fixture_turn(f, 10);
    }
}

static bool is_done(void *context)
{
    const entc_op *op = context;

    return entc_op_status(op) != ENTC_E_AGAIN;
}

entc_status fixture_finish(struct fixture *f, entc_op *op)
{
    fixture_drive_until(f, is_done, op);
    return entc_op_status(op);
}

struct fills {
    struct fixture *f;
    uint64_t count;
};

static bool has_leases(struct fixture *f)
{
    redisReply *reply = test_redis_command(&f->redis, "KEYS *{*}:l");
    bool has_some = reply->elements > 0;

    freeReplyObject(reply);
    return has_some;
}

static bool are_filled(void *context)
{
    const struct fills *fills = context;

    return fixture_counters(fills->f).fills >= fills->count && !has_leases(fills->f);
}

void fixture_await_fills(struct fixture *f, uint64_t count)
{
    struct fills fills = {f, count};

    fixture_drive_until(f, are_filled, &fills);
    assert_true(fixture_counters(f).fills == count);
}

void *fixture_lock(struct fixture *f, const char *table)
{
    char text[320];
    PGconn *connection = NULL;
    PGresult *result = NULL;

    snprintf(text, sizeof(text), "%s application_name=entc-test", f->postgres.conninfo);
    connection = PQconnectdb(text);
    snprintf(text, sizeof(text), "BEGIN; LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", table);
    result = PQexec(connection, text);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", text, PQerrorMessage(connection));
    PQclear(result);
    for (size_t i = 0; i < FIXTURE_LOCKS; i++) {
        if (f->locks[i] == NULL) {
            f->locks[i] = connection;
            return connection;
        }
    }
    PQfinish(connection);
    fail_msg("too many locks");
    return NULL;
}

void fixture_unlock(void *lock)
{
    for (size_t i = 0; i < FIXTURE_LOCKS; i++)
        if (the_fixture.locks[i] == lock)
            the_fixture.locks[i] = NULL;
    PQfinish(lock);
}

struct locked {
    struct fixture *f;
    int64_t count;
};

static bool are_locked(void *context)
{
    struct locked *locked = context;

    return test_postgres_integer(
               &locked->f->postgres,
               "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
               " AND datname = current_database()") == locked->count;
}

void fixture_await_locked(struct fixture *f, int64_t count)
{
    struct locked locked = {f, count};

    fixture_drive_until(f, are_locked, &locked);
}
