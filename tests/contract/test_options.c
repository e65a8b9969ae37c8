/* Options by struct and the texts in them. No server is needed: an engine connects nowhere when it
 * is made. */
#include "test.h"

#include <entitycache.h>
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

/* ---- the struct ---- */

static void defaults_are_a_valid_set(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    assert_int_equal(try_engine(&options, NULL), ENTC_OK);
}

static void init_gives_what_the_macro_gives(void **state)
{
    const entc_engine_options by_macro = ENTC_ENGINE_OPTIONS_INIT;
    entc_engine_options options;

    (void)state;
    memset(&options, 0xFF, sizeof(options));
    assert_int_equal(entc_engine_options_init(&options, sizeof(options)), ENTC_OK);
    assert_memory_equal(&options, &by_macro, sizeof(options));
}

static void init_serves_the_larger_struct_of_a_later_release(void **state)
{
    struct {
        entc_engine_options options;
        uint64_t later[2];
    } larger;

    (void)state;
    memset(&larger, 0xFF, sizeof(larger));
    assert_int_equal(entc_engine_options_init(&larger.options, sizeof(larger)), ENTC_OK);
    assert_int_equal(larger.options.struct_size, sizeof(larger));
    assert_int_equal(larger.later[0], 0);
    assert_int_equal(larger.later[1], 0);
    assert_int_equal(try_engine(&larger.options, NULL), ENTC_OK);
}

static void init_refuses_a_size_that_no_release_had(void **state)
{
    entc_engine_options options;

    (void)state;
    assert_int_equal(entc_engine_options_init(&options, 8), ENTC_E_INVALID);
    assert_int_equal(entc_engine_options_init(&options, sizeof(options) - 1), ENTC_E_INVALID);
    assert_int_equal(entc_engine_options_init(&options, 1 << 20), ENTC_E_INVALID);
    assert_int_equal(entc_engine_options_init(&options, SIZE_MAX), ENTC_E_INVALID);
}

static void a_garbage_struct_size_is_refused_with_the_cure(void **state)
{
    static const size_t sizes[] = {0, 1, sizeof(entc_engine_options) - 1, 1 << 20, SIZE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
        entc_error *error = NULL;

        options.struct_size = sizes[i];
        assert_int_equal(try_engine(&options, &error), ENTC_E_INVALID);
        assert_says(entc_error_message(error), "struct_size");
        assert_string_not_equal(entc_error_hint(error), "");
        entc_error_free(error);
    }
}

static void an_unknown_tail_is_accepted_when_zero_and_refused_when_not(void **state)
{
    struct {
        entc_engine_options options;
        unsigned char later[24];
    } larger;
    entc_error *error = NULL;

    (void)state;
    assert_int_equal(entc_engine_options_init(&larger.options, sizeof(larger)), ENTC_OK);
    assert_int_equal(try_engine(&larger.options, NULL), ENTC_OK);
    larger.later[23] = 1;
    assert_int_equal(try_engine(&larger.options, &error), ENTC_E_INVALID);
    assert_says(entc_error_message(error), "entc_engine_options");
    assert_string_not_equal(entc_error_hint(error), "");
    entc_error_free(error);
}

static void a_number_out_of_range_is_refused_by_name(void **state)
{
    const entc_engine_options good = ENTC_ENGINE_OPTIONS_INIT;
    entc_engine_options bad[8];
    static const char *const names[] = {"drive",     "timeout_us",      "redis.timeout_us",
                                        "log_level", "negative_ttl_us", "lease_us",
                                        "ttl_us",    "max_value_bytes"};

    (void)state;
    for (size_t i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].drive = 7;
    bad[1].timeout_us = -1;
    bad[2].redis_timeout_us = INT64_MAX;
    bad[3].log_level = 5;
    bad[4].negative_ttl_us = -2;
    bad[5].lease_us = INT64_MIN;
    bad[6].ttl_us = -300;
    bad[7].max_value_bytes = UINT64_MAX;
    for (size_t i = 0; i < 8; i++) {
        entc_error *error = NULL;

        assert_int_equal(try_engine(&bad[i], &error), ENTC_E_INVALID);
        assert_says(entc_error_message(error), names[i]);
        assert_string_not_equal(entc_error_hint(error), "");
        entc_error_free(error);
    }
}

static void a_reserved_member_must_be_zero(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;

    (void)state;
    options.reserved = 1;
    assert_int_equal(try_engine(&options, &error), ENTC_E_INVALID);
    assert_says(entc_error_message(error), "reserved");
    entc_error_free(error);
}

static void a_key_prefix_has_safe_bytes_and_at_most_64(void **state)
{
    static const char *const bad[] = {"a b", "t{1}", "a%", "a/b", "\xC3\xA4", "a\n"};
    char longest[66];
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        entc_error *error = NULL;

        options.key_prefix = bad[i];
        assert_int_equal(try_engine(&options, &error), ENTC_E_INVALID);
        assert_says(entc_error_message(error), "key_prefix");
        assert_string_not_equal(entc_error_hint(error), "");
        entc_error_free(error);
    }
    memset(longest, 'x', 65);
    longest[65] = '\0';
    options.key_prefix = longest;
    assert_int_equal(try_engine(&options, NULL), ENTC_E_INVALID);
    options.key_prefix = longest + 1;
    assert_int_equal(try_engine(&options, NULL), ENTC_OK);
    options.key_prefix = "Tenant_42:a.b-c";
    assert_int_equal(try_engine(&options, NULL), ENTC_OK);
}

/* ---- connection texts ---- */

static void every_form_of_a_redis_uri_is_taken(void **state)
{
    static const char *const uris[] = {"redis://localhost",
                                       "redis://localhost/",
                                       "redis://localhost:6380/3",
                                       "redis://:secret@127.0.0.1:6379",
                                       "redis://user:p%40ss%3Aword@example.org:1/15",
                                       "redis://[::1]:6379/0",
                                       "unix:///run/redis.sock",
                                       "unix:///run/redis.sock?db=2",
                                       "unix://user:secret@/run/redis.sock",
                                       "none"};

    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
        entc_error *error = NULL;

        options.redis_uri = uris[i];
        if (try_engine(&options, &error))
            fail_msg("%s: %s", uris[i], entc_error_message(error));
    }
}

static void a_bad_redis_uri_is_refused_and_its_password_never_shown(void **state)
{
    static const char *const uris[] = {"http://user:" SECRET "@localhost",
                                       "redis:/user:" SECRET "@localhost",
                                       "redis://user:" SECRET "@localhost:port",
                                       "redis://user:" SECRET "@localhost:70000",
                                       "redis://user:" SECRET "@localhost:0x1/0",
                                       "redis://user:" SECRET "@localhost/first",
                                       "redis://user:" SECRET "@localhost/-1",
                                       "redis://user:" SECRET "%4@localhost",
                                       "redis://user:" SECRET "%zz@localhost",
                                       "redis://user:" SECRET "@[::1",
                                       "redis://user:" SECRET "@",
                                       "unix://user:" SECRET "@",
                                       "unix://user:" SECRET "@/path?db=x",
                                       "unix://user:" SECRET "@/path?what=1",
                                       SECRET,
                                       "localhost:6379"};

    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
        entc_error *error = NULL;

        options.redis_uri = uris[i];
        if (try_engine(&options, &error) != ENTC_E_INVALID)
            fail_msg("%s is not refused", uris[i]);
        assert_string_not_equal(entc_error_message(error), "");
        if (strstr(entc_error_message(error), SECRET) || strstr(entc_error_hint(error), SECRET))
            fail_msg("%s: '%s' shows the password", uris[i], entc_error_message(error));
        entc_error_free(error);
    }
}

static void tls_is_refused_rather_than_left_out(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;

    (void)state;
    options.redis_uri = "rediss://user:" SECRET "@localhost";
    assert_int_equal(try_engine(&options, &error), ENTC_E_UNSUPPORTED);
    assert_says(entc_error_message(error), "TLS");
    assert_null(strstr(entc_error_message(error), SECRET));
    assert_null(strstr(entc_error_hint(error), SECRET));
    entc_error_free(error);
}

static void a_path_too_long_for_a_socket_is_refused(void **state)
{
    char uri[256] = "unix:///";
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    memset(uri + 8, 'p', 200);
    options.redis_uri = uri;
    assert_int_equal(try_engine(&options, NULL), ENTC_E_INVALID);
}

static void both_forms_of_libpqs_text_are_taken(void **state)
{
    static const char *const texts[] = {"host=localhost dbname=shop", "dbname='my shop'",
                                        "postgresql://user:secret@localhost:5433/shop",
                                        "postgres:///shop?host=/run/postgresql", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
        entc_error *error = NULL;

        options.postgres = texts[i];
        if (try_engine(&options, &error))
            fail_msg("%s: %s", texts[i], entc_error_message(error));
    }
}

static void a_bad_postgres_text_is_refused_and_its_password_never_shown(void **state)
{
    static const char *const texts[] = {"host=localhost password=" SECRET " no_such_option=1",
                                        "password=" SECRET " dbname='unfinished",
                                        "host localhost password=" SECRET,
                                        "postgresql://user:" SECRET "@[::1",
                                        "postgresql://user:" SECRET "@localhost/shop?no_such=1"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
        entc_error *error = NULL;

        options.postgres = texts[i];
        if (try_engine(&options, &error) != ENTC_E_INVALID)
            fail_msg("%s is not refused", texts[i]);
        assert_string_not_equal(entc_error_message(error), "");
        if (strstr(entc_error_message(error), SECRET) || strstr(entc_error_hint(error), SECRET))
            fail_msg("%s: '%s' shows the password", texts[i], entc_error_message(error));
        entc_error_free(error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_a_valid_set),
        cmocka_unit_test(init_gives_what_the_macro_gives),
        cmocka_unit_test(init_serves_the_larger_struct_of_a_later_release),
        cmocka_unit_test(init_refuses_a_size_that_no_release_had),
        cmocka_unit_test(a_garbage_struct_size_is_refused_with_the_cure),
        cmocka_unit_test(an_unknown_tail_is_accepted_when_zero_and_refused_when_not),
        cmocka_unit_test(a_number_out_of_range_is_refused_by_name),
        cmocka_unit_test(a_reserved_member_must_be_zero),
        cmocka_unit_test(a_key_prefix_has_safe_bytes_and_at_most_64),
        cmocka_unit_test(every_form_of_a_redis_uri_is_taken),
        cmocka_unit_test(a_bad_redis_uri_is_refused_and_its_password_never_shown),
        cmocka_unit_test(tls_is_refused_rather_than_left_out),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused),
        cmocka_unit_test(both_forms_of_libpqs_text_are_taken),
        cmocka_unit_test(a_bad_postgres_text_is_refused_and_its_password_never_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
