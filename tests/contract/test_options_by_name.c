/* Options by name and from the environment. */
#include "test.h"

#include <entitycache.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "hunter2"

/* Makes an engine and frees it; the status. */
static entc_status try_engine(const entc_engine_options *options, entc_error **reterr)
{
    entc_engine *engine = NULL;
    entc_status status = entc_engine_new(options, &engine, reterr);

    if (status)
        assert_null(engine);
    else
        assert_non_null(engine);
    entc_engine_free(engine);
    return status;
}

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

/* ---- by name ---- */

static void every_option_can_be_set_by_name(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    static const char *const pairs[][2] = {{"drive", "host"},
                                           {"redis.uri", "none"},
                                           {"redis.user", "u"},
                                           {"redis.password", "p"},
                                           {"redis.timeout_us", "11"},
                                           {"redis.stall_us", "12"},
                                           {"postgres", "dbname=x"},
                                           {"postgres.connections", "13"},
                                           {"key_prefix", "t:"},
                                           {"timeout_us", "14"},
                                           {"connect_timeout_us", "15"},
                                           {"ttl_us", "16"},
                                           {"negative_ttl_us", "-1"},
                                           {"lease_us", "17"},
                                           {"max_value_bytes", "18"},
                                           {"log_level", "4"}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_int_equal(entc_engine_options_set(&options, pairs[i][0], pairs[i][1], NULL),
                         ENTC_OK);
    assert_int_equal(options.drive, ENTC_DRIVE_HOST);
    assert_string_equal(options.redis_uri, "none");
    assert_string_equal(options.redis_user, "u");
    assert_string_equal(options.redis_password, "p");
    assert_int_equal(options.redis_timeout_us, 11);
    assert_int_equal(options.redis_stall_us, 12);
    assert_string_equal(options.postgres, "dbname=x");
    assert_int_equal(options.postgres_connections, 13);
    assert_string_equal(options.key_prefix, "t:");
    assert_int_equal(options.timeout_us, 14);
    assert_int_equal(options.connect_timeout_us, 15);
    assert_int_equal(options.ttl_us, 16);
    assert_int_equal(options.negative_ttl_us, -1);
    assert_int_equal(options.lease_us, 17);
    assert_int_equal(options.max_value_bytes, 18);
    assert_int_equal(options.log_level, ENTC_LOG_DEBUG);
    assert_int_equal(entc_engine_options_set(&options, "drive", "waiters", NULL), ENTC_OK);
    assert_int_equal(options.drive, ENTC_DRIVE_WAITERS);
    assert_int_equal(try_engine(&options, NULL), ENTC_OK);
}

static void a_wrong_value_is_refused_with_name_and_cure_and_changes_nothing(void **state)
{
    static const char *const pairs[][2] = {{"drive", "thread"},
                                           {"drive", ""},
                                           {"timeout_us", "1s"},
                                           {"timeout_us", "+5"},
                                           {"timeout_us", " 5"},
                                           {"timeout_us", "-1"},
                                           {"negative_ttl_us", "-2"},
                                           {"log_level", "loud"},
                                           {"postgres.connections", "1001"},
                                           {"max_value_bytes", "99999999999999999999"}};
    const entc_engine_options untouched = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
        entc_error *error = NULL;

        if (entc_engine_options_set(&options, pairs[i][0], pairs[i][1], &error) != ENTC_E_INVALID)
            fail_msg("%s=%s is not refused", pairs[i][0], pairs[i][1]);
        assert_says(entc_error_message(error), pairs[i][0]);
        assert_string_not_equal(entc_error_hint(error), "");
        assert_memory_equal(&options, &untouched, sizeof(options));
        entc_error_free(error);
    }
}

static void setting_needs_initialised_options(void **state)
{
    entc_engine_options options;
    entc_error *error = NULL;

    (void)state;
    memset(&options, 0, sizeof(options));
    assert_int_equal(entc_engine_options_set(&options, "ttl_us", "1", &error), ENTC_E_INVALID);
    assert_says(entc_error_message(error), "struct_size");
    assert_string_not_equal(entc_error_hint(error), "");
    entc_error_free(error);
    assert_int_equal(entc_engine_options_set(NULL, "ttl_us", "1", NULL), ENTC_E_INVALID);
}

/* ---- from the environment ---- */

static int clear_environment(void **state)
{
    (void)state;
    unsetenv("ENTITYCACHE_DRIVE");
    unsetenv("ENTITYCACHE_REDIS_URI");
    unsetenv("ENTITYCACHE_REDIS_PASSWORD");
    unsetenv("ENTITYCACHE_POSTGRES_CONNECTIONS");
    unsetenv("ENTITYCACHE_TTL_US");
    return 0;
}

static void the_environment_sets_what_it_names_and_nothing_else(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    setenv("ENTITYCACHE_DRIVE", "host", 1);
    setenv("ENTITYCACHE_REDIS_URI", "unix:///run/redis.sock", 1);
    setenv("ENTITYCACHE_POSTGRES_CONNECTIONS", "9", 1);
    options.ttl_us = 77;
    assert_int_equal(entc_engine_options_from_env(&options, NULL), ENTC_OK);
    assert_int_equal(options.drive, ENTC_DRIVE_HOST);
    assert_string_equal(options.redis_uri, "unix:///run/redis.sock");
    assert_int_equal(options.postgres_connections, 9);
    assert_int_equal(options.ttl_us, 77);
    assert_null(options.postgres);
}

static void an_empty_variable_is_as_none(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    setenv("ENTITYCACHE_TTL_US", "", 1);
    setenv("ENTITYCACHE_REDIS_URI", "", 1);
    assert_int_equal(entc_engine_options_from_env(&options, NULL), ENTC_OK);
    assert_int_equal(options.ttl_us, 0);
    assert_null(options.redis_uri);
}

static void a_wrong_variable_is_named(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;
    char story[512];

    (void)state;
    setenv("ENTITYCACHE_TTL_US", "soon", 1);
    assert_int_equal(entc_engine_options_from_env(&options, &error), ENTC_E_INVALID);
    snprintf(story, sizeof(story), "%s %s", entc_error_message(error), entc_error_hint(error));
    assert_says(story, "ENTITYCACHE_TTL_US");
    entc_error_free(error);
}

static void an_engine_without_options_takes_the_environments(void **state)
{
    entc_error *error = NULL;

    (void)state;
    setenv("ENTITYCACHE_REDIS_URI", "rediss://:" SECRET "@localhost", 1);
    assert_int_equal(try_engine(NULL, &error), ENTC_E_UNSUPPORTED);
    assert_null(strstr(entc_error_message(error), SECRET));
    setenv("ENTITYCACHE_REDIS_URI", "none", 1);
    assert_int_equal(try_engine(NULL, &error), ENTC_OK);
    entc_error_free(error);
}

static void options_that_are_given_leave_the_environment_aside(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    setenv("ENTITYCACHE_TTL_US", "soon", 1);
    assert_int_equal(try_engine(&options, NULL), ENTC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_can_be_set_by_name),
        cmocka_unit_test(a_wrong_value_is_refused_with_name_and_cure_and_changes_nothing),
        cmocka_unit_test(setting_needs_initialised_options),
        cmocka_unit_test_setup(the_environment_sets_what_it_names_and_nothing_else,
                               clear_environment),
        cmocka_unit_test_setup(an_empty_variable_is_as_none, clear_environment),
        cmocka_unit_test_setup(a_wrong_variable_is_named, clear_environment),
        cmocka_unit_test_setup(an_engine_without_options_takes_the_environments, clear_environment),
        cmocka_unit_test_setup(options_that_are_given_leave_the_environment_aside,
                               clear_environment),
    };

    return cmocka_run_group_tests(tests, clear_environment, clear_environment);
}
