/* How an engine reaches its servers: databases, users, rights, TCP, the PG* variables; and that no
 * secret is written to the log. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "hunter2"

/* What the engine logs, one line after the other. */
struct notes {
    char text[8192];
    size_t count;
    int32_t gravest;
};

static void note(int32_t level, const char *domain, const char *text, void *user)
{
    struct notes *notes = user;
    size_t length = strlen(notes->text);

    snprintf(notes->text + length, sizeof(notes->text) - length, "%d %s %s\n", (int)level, domain,
             text);
    notes->count++;
    if (notes->gravest == 0 || level < notes->gravest)
        notes->gravest = level;
}

static void remake_engine(struct fixture *f)
{
    fixture_free_engine(f);
    fixture_make_engine(f);
}

static void drop(entc_entity *entity, int64_t id)
{
    fixture_assert_campaign(entity, id);
    entc_entity_unref(entity);
}

/* Reads twice; true when the cache answered the second time: the fill stands in front of it in the
 * same connection. */
static bool uses_the_cache(struct fixture *f)
{
    drop(fixture_get(f, f->campaigns, 1), 1);
    drop(fixture_get(f, f->campaigns, 1), 1);
    return fixture_counters(f).hits == 1 && fixture_counters(f).redis_failures == 0;
}

static void make_user(struct fixture *f, const char *rights)
{
    char command[512];
    redisReply *reply = NULL;

    snprintf(command, sizeof(command), "ACL SETUSER reader reset on >" SECRET " %s", rights);
    reply = test_redis_command(&f->redis, command);
    assert_string_equal(reply->str, "OK");
    freeReplyObject(reply);
}

static void the_database_of_the_uri_is_the_one_used(void **state)
{
    struct fixture *f = *state;
    char uri[200];
    redisReply *reply = NULL;

    snprintf(uri, sizeof(uri), "%s?db=3", f->redis.uri);
    f->options.redis_uri = uri;
    remake_engine(f);
    assert_true(uses_the_cache(f));
    reply = test_redis_command(&f->redis, "INFO keyspace");
    fixture_assert_says(reply->str, "db3:keys=1");
    assert_null(strstr(reply->str, "db0:"));
    freeReplyObject(reply);
}

static void user_and_password_of_the_uri_are_used(void **state)
{
    struct fixture *f = *state;
    char uri[200];

    make_user(f, "~* +@all");
    snprintf(uri, sizeof(uri), "unix://reader:" SECRET "@%s", f->redis.socket_path);
    f->options.redis_uri = uri;
    remake_engine(f);
    assert_true(uses_the_cache(f));
}

static void user_and_password_of_the_options_go_before_the_uris(void **state)
{
    struct fixture *f = *state;
    char uri[200];

    make_user(f, "~* +@all");
    snprintf(uri, sizeof(uri), "unix://nobody:wrong@%s", f->redis.socket_path);
    f->options.redis_uri = uri;
    f->options.redis_user = "reader";
    f->options.redis_password = SECRET;
    remake_engine(f);
    assert_true(uses_the_cache(f));
}

static void a_wrong_password_is_logged_without_it_and_reads_go_on(void **state)
{
    struct fixture *f = *state;
    struct notes notes = {.count = 0};

    f->options.redis_user = "nobody";
    f->options.redis_password = SECRET;
    f->options.log = note;
    f->options.log_user = &notes;
    f->options.log_level = ENTC_LOG_DEBUG;
    remake_engine(f);
    assert_false(uses_the_cache(f));
    assert_true(notes.count > 0);
    assert_true(notes.gravest <= ENTC_LOG_WARNING);
    fixture_assert_says(notes.text, "redis");
    assert_null(strstr(notes.text, SECRET));
}

static void log_messages_are_one_line_and_hold_no_ids_and_no_values(void **state)
{
    struct fixture *f = *state;
    struct notes notes = {.count = 0};
    size_t lines = 0;

    f->options.log = note;
    f->options.log_user = &notes;
    f->options.log_level = ENTC_LOG_DEBUG;
    remake_engine(f);
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-1 {broken"));
    drop(fixture_get(f, f->campaigns, 1), 1);
    test_redis_restart(&f->redis);
    drop(fixture_get(f, f->campaigns, 2), 2);
    fixture_free_engine(f);
    for (const char *c = notes.text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, notes.count);
    assert_null(strstr(notes.text, "Campaign 1"));
    assert_null(strstr(notes.text, "Campaign-1"));
    assert_null(strstr(notes.text, "{broken"));
}

static void messages_above_the_level_are_not_written(void **state)
{
    struct fixture *f = *state;
    struct notes notes = {.count = 0};

    f->options.log = note;
    f->options.log_user = &notes;
    f->options.log_level = ENTC_LOG_ERROR;
    remake_engine(f);
    test_redis_kill(&f->redis);
    drop(fixture_get(f, f->campaigns, 1), 1);
    assert_true(notes.gravest == 0 || notes.gravest == ENTC_LOG_ERROR);
    test_redis_restart(&f->redis);
}

/* As engine.h names them. */
#define RIGHTS \
    "~Campaign-* ~{Campaign-*}:l resetchannels -@all +mget +set +get +del +pttl +eval +evalsha"

static bool says_permission(void *context)
{
    return strstr(((const struct notes *)context)->text, "the user lacks a permission") != NULL;
}

static void the_rights_that_a_cache_needs_are_few(void **state)
{
    struct fixture *f = *state;
    struct notes notes = {.count = 0};

    make_user(f, RIGHTS);
    f->options.redis_user = "reader";
    f->options.redis_password = SECRET;
    f->options.log = note;
    f->options.log_user = &notes;
    remake_engine(f);
    assert_true(uses_the_cache(f));
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-2 {broken"));
    drop(fixture_get(f, f->campaigns, 2), 2);
    fixture_await_fills(f, 2);
    fixture_assert_value(f, "Campaign-2", "{\"id\":2,\"title\":\"Campaign 2\"}");
    freeReplyObject(test_redis_command(&f->redis, "HSET {Campaign-3}:l a b"));
    drop(fixture_get(f, f->campaigns, 3), 3);
    drop(fixture_get(f, f->campaigns, 3), 3);
    fixture_await_fills(f, 3);
    fixture_assert_keys(f, "Campaign-1 Campaign-2 Campaign-3");
    assert_int_equal(fixture_counters(f).redis_failures, 0);
    assert_int_equal(notes.count, 2);
    fixture_assert_says(notes.text,
                        "1 corrupt and 0 foreign values in the cache; they are removed");
    fixture_assert_says(notes.text, "1 lease keys were not ours");
}

/* Fills on a connection of its own bring the script's text, later ones its hash. */
static void each_of_these_rights_is_needed(void **state)
{
    static const char *const rights[] = {"-mget", "-set",  "-get",    "-del",
                                         "-pttl", "-eval", "-evalsha"};
    struct fixture *f = *state;

    f->options.redis_user = "reader";
    f->options.redis_password = SECRET;
    for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        struct notes notes = {.count = 0};
        char text[200];

        snprintf(text, sizeof(text), RIGHTS " %s", rights[i]);
        make_user(f, text);
        freeReplyObject(test_redis_command(&f->redis, "FLUSHALL"));
        freeReplyObject(test_redis_command(&f->redis, "SET {Campaign-1}:l a"));
        f->options.log = note;
        f->options.log_user = &notes;
        remake_engine(f);
        for (int64_t id = 1; id <= 3; id++)
            drop(fixture_get(f, f->campaigns, id), id);
        fixture_drive_until(f, says_permission, &notes);
        fixture_free_engine(f);
    }
}

static void missing_rights_cost_the_cache_and_no_answer(void **state)
{
    struct fixture *f = *state;

    make_user(f, "~Other-* -@all +mget +set +get +del +pttl +eval +evalsha");
    f->options.redis_user = "reader";
    f->options.redis_password = SECRET;
    remake_engine(f);
    assert_false(uses_the_cache(f));
    fixture_assert_keys(f, "");
}

static void redis_is_reached_by_tcp(void **state)
{
    struct fixture *f = *state;
    struct test_redis tcp;

    test_redis_start_tcp(&tcp, NULL);
    f->options.redis_uri = tcp.tcp_uri;
    remake_engine(f);
    assert_true(uses_the_cache(f));
    assert_int_equal(test_redis_integer(&tcp, "DBSIZE"), 1);
    fixture_assert_keys(f, "");
    fixture_free_engine(f);
    test_redis_stop(&tcp);
}

static void a_host_name_is_resolved(void **state)
{
    struct fixture *f = *state;
    struct test_redis tcp;
    char uri[64];

    test_redis_start_tcp(&tcp, NULL);
    snprintf(uri, sizeof(uri), "redis://localhost:%u", (unsigned)tcp.tcp_port);
    f->options.redis_uri = uri;
    remake_engine(f);
    assert_true(uses_the_cache(f));
    fixture_free_engine(f);
    test_redis_stop(&tcp);
}

static void libpqs_own_variables_apply_when_no_text_is_given(void **state)
{
    struct fixture *f = *state;

    setenv("PGHOST", f->postgres.directory, 1);
    setenv("PGPORT", "5432", 1);
    setenv("PGUSER", "postgres", 1);
    setenv("PGDATABASE", f->postgres.database, 1);
    f->options.postgres = NULL;
    remake_engine(f);
    drop(fixture_get(f, f->campaigns, 3), 3);
    unsetenv("PGHOST");
    unsetenv("PGPORT");
    unsetenv("PGUSER");
    unsetenv("PGDATABASE");
}

static void postgres_is_reached_by_uri(void **state)
{
    struct fixture *f = *state;
    char uri[300];

    snprintf(uri, sizeof(uri), "postgresql://postgres@/%s?host=%s&port=5432", f->postgres.database,
             f->postgres.directory);
    f->options.postgres = uri;
    remake_engine(f);
    drop(fixture_get(f, f->campaigns, 3), 3);
}

static void a_database_that_is_not_there_is_told_without_the_password(void **state)
{
    struct fixture *f = *state;
    char conninfo[300];
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_status status = ENTC_OK;

    snprintf(conninfo, sizeof(conninfo),
             "host=%s port=5432 user=postgres dbname=no_such password=" SECRET,
             f->postgres.directory);
    f->options.postgres = conninfo;
    remake_engine(f);
    status = entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &f->error);
    assert_true(status == ENTC_E_UNAVAILABLE || status == ENTC_E_DATABASE);
    assert_null(entity);
    assert_string_equal(entc_error_domain(f->error), "postgres");
    fixture_assert_says(entc_error_message(f->error), "no_such");
    assert_null(strstr(entc_error_message(f->error), SECRET));
    assert_null(strstr(entc_error_hint(f->error), SECRET));
}

static void tenants_with_prefixes_do_not_see_each_other(void **state)
{
    struct fixture *f = *state;

    f->options.key_prefix = "t1:";
    remake_engine(f);
    fixture_warm(f, f->campaigns, 1, 1);
    f->options.key_prefix = "t2:";
    remake_engine(f);
    fixture_warm(f, f->campaigns, 1, 1);
    assert_int_equal(fixture_counters(f).hits, 0);
    fixture_assert_keys(f, "t1:Campaign-1 t2:Campaign-1");
}

static void an_engine_without_redis_reads_from_postgres(void **state)
{
    struct fixture *f = *state;

    f->options.redis_uri = "none";
    remake_engine(f);
    drop(fixture_get(f, f->campaigns, 1), 1);
    drop(fixture_get(f, f->campaigns, 1), 1);
    assert_int_equal(fixture_counters(f).sql_queries, 2);
    assert_int_equal(fixture_counters(f).redis_commands, 0);
    assert_int_equal(fixture_counters(f).redis_failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(the_database_of_the_uri_is_the_one_used),
        IN_BOTH_DRIVES(user_and_password_of_the_uri_are_used),
        IN_BOTH_DRIVES(user_and_password_of_the_options_go_before_the_uris),
        IN_BOTH_DRIVES(a_wrong_password_is_logged_without_it_and_reads_go_on),
        IN_BOTH_DRIVES(log_messages_are_one_line_and_hold_no_ids_and_no_values),
        IN_BOTH_DRIVES(messages_above_the_level_are_not_written),
        IN_BOTH_DRIVES(the_rights_that_a_cache_needs_are_few),
        IN_BOTH_DRIVES(each_of_these_rights_is_needed),
        IN_BOTH_DRIVES(missing_rights_cost_the_cache_and_no_answer),
        IN_BOTH_DRIVES(redis_is_reached_by_tcp),
        IN_BOTH_DRIVES(a_host_name_is_resolved),
        IN_BOTH_DRIVES(libpqs_own_variables_apply_when_no_text_is_given),
        IN_BOTH_DRIVES(postgres_is_reached_by_uri),
        IN_BOTH_DRIVES(a_database_that_is_not_there_is_told_without_the_password),
        IN_BOTH_DRIVES(tenants_with_prefixes_do_not_see_each_other),
        IN_BOTH_DRIVES(an_engine_without_redis_reads_from_postgres),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
