/* What needs no engine: values, statuses, errors, buffers, the version; and what accepts NULL. */
#include "test.h"

#include <entitycache.h>
#include <string.h>

/* ---- values ---- */

static void a_value_is_24_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(entc_value), 24);
}

static void a_value_holds_what_was_put_in(void **state)
{
    entc_value value;

    (void)state;
    memset(&value, 0xFF, sizeof(value));
    entc_value_null(&value);
    assert_int_equal(value.type, ENTC_NULL);
    assert_int_equal(value.length, 0);
    entc_value_int64(&value, INT64_MIN);
    assert_int_equal(value.type, ENTC_INT64);
    assert_true(value.as.int64 == INT64_MIN);
    entc_value_double(&value, -0.5);
    assert_int_equal(value.type, ENTC_DOUBLE);
    assert_true(value.as.real == -0.5);
    entc_value_timestamp(&value, ENTC_TIMESTAMP_MINUS_INFINITY);
    assert_int_equal(value.type, ENTC_TIMESTAMP);
    assert_true(value.as.int64 == ENTC_TIMESTAMP_MINUS_INFINITY);
    assert_int_equal(value.length, 0);
}

static void any_number_but_0_is_true(void **state)
{
    entc_value value;

    (void)state;
    entc_value_bool(&value, -2);
    assert_int_equal(value.type, ENTC_BOOL);
    assert_int_equal(value.as.int64, 1);
    entc_value_bool(&value, 0);
    assert_int_equal(value.type, ENTC_BOOL);
    assert_int_equal(value.as.int64, 0);
}

static void text_is_borrowed_with_its_length(void **state)
{
    static const char text[] = "a\0b";
    entc_value value;

    (void)state;
    assert_int_equal(entc_value_text(&value, text, 3), ENTC_OK);
    assert_int_equal(value.type, ENTC_TEXT);
    assert_int_equal(value.length, 3);
    assert_ptr_equal(value.as.text, text);
}

static void null_text_is_a_null_value_and_empty_text_is_not(void **state)
{
    entc_value value;

    (void)state;
    assert_int_equal(entc_value_text(&value, NULL, 0), ENTC_OK);
    assert_int_equal(value.type, ENTC_NULL);
    assert_int_equal(entc_value_text(&value, "", 0), ENTC_OK);
    assert_int_equal(value.type, ENTC_TEXT);
    assert_int_equal(value.length, 0);
}

static void text_longer_than_32_bits_is_refused(void **state)
{
    entc_value value;

    (void)state;
    assert_int_equal(entc_value_text(&value, "x", (size_t)UINT32_MAX + 1), ENTC_E_INVALID);
}

/* ---- statuses and errors ---- */

static void every_status_has_its_name(void **state)
{
    static const struct {
        entc_status status;
        const char *name;
    } names[] = {{ENTC_OK, "ENTC_OK"},
                 {ENTC_E_INVALID, "ENTC_E_INVALID"},
                 {ENTC_E_NO_MEMORY, "ENTC_E_NO_MEMORY"},
                 {ENTC_E_NOT_FOUND, "ENTC_E_NOT_FOUND"},
                 {ENTC_E_TIMEOUT, "ENTC_E_TIMEOUT"},
                 {ENTC_E_CANCELLED, "ENTC_E_CANCELLED"},
                 {ENTC_E_UNAVAILABLE, "ENTC_E_UNAVAILABLE"},
                 {ENTC_E_BUSY, "ENTC_E_BUSY"},
                 {ENTC_E_AGAIN, "ENTC_E_AGAIN"},
                 {ENTC_E_CLOSED, "ENTC_E_CLOSED"},
                 {ENTC_E_REENTRANT, "ENTC_E_REENTRANT"},
                 {ENTC_E_FORKED, "ENTC_E_FORKED"},
                 {ENTC_E_SCHEMA, "ENTC_E_SCHEMA"},
                 {ENTC_E_DATABASE, "ENTC_E_DATABASE"},
                 {ENTC_E_UNSUPPORTED, "ENTC_E_UNSUPPORTED"},
                 {ENTC_E_SYSTEM, "ENTC_E_SYSTEM"},
                 {ENTC_E_FORBIDDEN, "ENTC_E_FORBIDDEN"},
                 {ENTC_E_LIMIT, "ENTC_E_LIMIT"},
                 {ENTC_E_REFUSED, "ENTC_E_REFUSED"}};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_string_equal(entc_status_name(names[i].status), names[i].name);
        assert_int_equal(names[i].status, -(entc_status)i);
    }
}

static void a_number_that_is_no_status_has_no_name(void **state)
{
    (void)state;
    assert_string_equal(entc_status_name(1), "ENTC_E_?");
    assert_string_equal(entc_status_name(-99), "ENTC_E_?");
    assert_string_equal(entc_status_name(INT32_MIN), "ENTC_E_?");
}

static void no_error_tells_nothing(void **state)
{
    (void)state;
    assert_int_equal(entc_error_code(NULL), ENTC_OK);
    assert_string_equal(entc_error_message(NULL), "");
    assert_string_equal(entc_error_hint(NULL), "");
    assert_string_equal(entc_error_sqlstate(NULL), "");
    assert_non_null(entc_error_domain(NULL));
    assert_int_equal(entc_error_is_retryable(NULL), 0);
    assert_int_equal(entc_error_is_timeout(NULL), 0);
    entc_error_free(NULL);
}

static void an_error_tells_its_story(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;

    (void)state;
    assert_int_equal(entc_engine_options_set(&options, "no.such", "1", &error), ENTC_E_INVALID);
    assert_int_equal(entc_error_code(error), ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(error), "no.such"));
    assert_null(strchr(entc_error_message(error), '\n'));
    assert_string_not_equal(entc_error_hint(error), "");
    assert_string_equal(entc_error_domain(error), "argument");
    assert_string_equal(entc_error_sqlstate(error), "");
    assert_int_equal(entc_error_is_retryable(error), 0);
    assert_int_equal(entc_error_is_timeout(error), 0);
    entc_error_free(error);
}

static void an_error_object_is_reused_and_keeps_nothing_of_the_old_story(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;
    const entc_error *first = NULL;

    (void)state;
    assert_int_equal(entc_engine_options_set(&options, "no.such", "1", &error), ENTC_E_INVALID);
    first = error;
    assert_int_equal(entc_engine_options_set(&options, "ttl_us", NULL, &error), ENTC_E_INVALID);
    assert_ptr_equal(error, first);
    assert_non_null(strstr(entc_error_message(error), "value"));
    assert_null(strstr(entc_error_message(error), "no.such"));
    assert_string_equal(entc_error_hint(error), "");
    entc_error_free(error);
}

static void success_writes_no_error(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;
    entc_error *error = NULL;

    (void)state;
    assert_int_equal(entc_engine_options_set(&options, "ttl_us", "1000000", &error), ENTC_OK);
    assert_null(error);
    assert_int_equal(entc_engine_options_set(&options, "no.such", "1", &error), ENTC_E_INVALID);
    assert_int_equal(entc_engine_options_set(&options, "ttl_us", "1000000", &error), ENTC_OK);
    assert_int_equal(entc_error_code(error), ENTC_E_INVALID);
    entc_error_free(error);
}

static void a_failure_needs_no_reterr(void **state)
{
    entc_engine_options options = ENTC_ENGINE_OPTIONS_INIT;

    (void)state;
    assert_int_equal(entc_engine_options_set(&options, "no.such", "1", NULL), ENTC_E_INVALID);
    assert_int_equal(entc_engine_new(&options, NULL, NULL), ENTC_E_INVALID);
}

/* ---- the rest ---- */

static void a_buffer_begins_empty_and_is_text_always(void **state)
{
    entc_buffer *buffer = NULL;

    (void)state;
    assert_int_equal(entc_buffer_new(&buffer), ENTC_OK);
    assert_string_equal(entc_buffer_text(buffer), "");
    assert_int_equal(entc_buffer_length(buffer), 0);
    assert_int_equal(entc_entity_json(NULL, buffer), ENTC_OK);
    assert_string_equal(entc_buffer_text(buffer), "null");
    assert_int_equal(entc_entities_json(NULL, 0, buffer), ENTC_OK);
    assert_string_equal(entc_buffer_text(buffer), "null[]");
    assert_int_equal(entc_buffer_length(buffer), 6);
    entc_buffer_clear(buffer);
    assert_string_equal(entc_buffer_text(buffer), "");
    assert_int_equal(entc_buffer_length(buffer), 0);
    entc_buffer_free(buffer);
}

static void the_library_that_runs_is_the_one_compiled_against(void **state)
{
    (void)state;
    assert_int_equal(entc_version(), ENTC_VERSION);
    assert_string_equal(entc_version_text(), "0.1.0");
}

static void whatever_is_freed_may_be_null(void **state)
{
    BaseCacheRepository zeroed;

    (void)state;
    memset(&zeroed, 0, sizeof(zeroed));
    entc_engine_free(NULL);
    entc_repository_free(NULL);
    entc_repository_fini(NULL);
    entc_repository_fini(&zeroed);
    entc_relation_free(NULL);
    entc_request_free(NULL);
    entc_buffer_free(NULL);
    entc_buffer_clear(NULL);
    entc_op_unref(NULL);
    entc_page_unref(NULL);
    entc_entity_unref(NULL);
    entc_entities_unref(NULL, 0);
    assert_null(entc_op_ref(NULL));
    assert_null(entc_page_ref(NULL));
    assert_null(entc_entity_ref(NULL));
}

static void what_is_asked_of_null_has_an_empty_answer(void **state)
{
    entc_value value;

    (void)state;
    assert_int_equal(entc_engine_fd(NULL), -1);
    assert_int_equal(entc_op_count(NULL), 0);
    assert_null(entc_op_error(NULL));
    assert_null(entc_entity_record(NULL));
    assert_null(entc_entity_name(NULL));
    assert_null(entc_entity_field_name(NULL, 0));
    assert_int_equal(entc_entity_field_count(NULL), 0);
    assert_int_equal(entc_entity_get(NULL, 0, &value), ENTC_E_INVALID);
    assert_int_equal(entc_page_count(NULL), 0);
    assert_int_equal(entc_page_has_next(NULL), 0);
    assert_null(entc_page_entity(NULL, 0));
    assert_null(entc_page_record(NULL, 0));
    assert_string_equal(entc_buffer_text(NULL), "");
    assert_int_equal(entc_buffer_length(NULL), 0);
    assert_null(entc_request_report(NULL));
}

static void a_call_on_null_is_invalid(void **state)
{
    entc_counters counters = ENTC_COUNTERS_INIT;
    entc_entity *entity = NULL;
    entc_page *page = NULL;
    entc_value value;

    (void)state;
    entc_value_int64(&value, 1);
    assert_int_equal(entc_engine_options_init(NULL, sizeof(entc_engine_options)), ENTC_E_INVALID);
    assert_int_equal(entc_engine_options_from_env(NULL, NULL), ENTC_E_INVALID);
    assert_int_equal(entc_engine_close(NULL, 0), ENTC_E_INVALID);
    assert_int_equal(entc_engine_process(NULL), ENTC_E_INVALID);
    assert_int_equal(entc_engine_counters(NULL, &counters), ENTC_E_INVALID);
    assert_int_equal(entc_op_wait(NULL, 0), ENTC_E_INVALID);
    assert_int_equal(entc_op_status(NULL), ENTC_E_INVALID);
    assert_int_equal(entc_op_cancel(NULL), ENTC_E_INVALID);
    assert_int_equal(entc_op_take_entity(NULL, &entity), ENTC_E_INVALID);
    assert_int_equal(entc_op_take_entities(NULL, &entity, NULL, 1), ENTC_E_INVALID);
    assert_int_equal(entc_op_take_pages(NULL, &page, 1), ENTC_E_INVALID);
    assert_int_equal(entc_op_new(NULL, 1, NULL, NULL, NULL), ENTC_E_INVALID);
    assert_int_equal(entc_op_resolve(NULL, &entity, NULL, 1), ENTC_E_INVALID);
    assert_int_equal(entc_op_reject(NULL, ENTC_E_BUSY, NULL), ENTC_E_INVALID);
    assert_int_equal(entc_repository_get_by_id(NULL, &value, NULL, &entity, NULL), ENTC_E_INVALID);
    assert_int_equal(entc_repository_list(NULL, NULL, NULL, &page, NULL), ENTC_E_INVALID);
    assert_int_equal(entc_request_new(NULL, NULL, NULL, NULL), ENTC_E_INVALID);
    assert_int_equal(entc_request_counters(NULL, &counters), ENTC_E_INVALID);
    assert_int_equal(entc_page_id(NULL, 0, 0, &value), ENTC_E_INVALID);
    assert_int_equal(entc_page_status(NULL, 0), ENTC_E_INVALID);
    assert_int_equal(entc_buffer_new(NULL), ENTC_E_INVALID);
    assert_int_equal(entc_entity_json(NULL, NULL), ENTC_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_24_bytes),
        cmocka_unit_test(a_value_holds_what_was_put_in),
        cmocka_unit_test(any_number_but_0_is_true),
        cmocka_unit_test(text_is_borrowed_with_its_length),
        cmocka_unit_test(null_text_is_a_null_value_and_empty_text_is_not),
        cmocka_unit_test(text_longer_than_32_bits_is_refused),
        cmocka_unit_test(every_status_has_its_name),
        cmocka_unit_test(a_number_that_is_no_status_has_no_name),
        cmocka_unit_test(no_error_tells_nothing),
        cmocka_unit_test(an_error_tells_its_story),
        cmocka_unit_test(an_error_object_is_reused_and_keeps_nothing_of_the_old_story),
        cmocka_unit_test(success_writes_no_error),
        cmocka_unit_test(a_failure_needs_no_reterr),
        cmocka_unit_test(a_buffer_begins_empty_and_is_text_always),
        cmocka_unit_test(the_library_that_runs_is_the_one_compiled_against),
        cmocka_unit_test(whatever_is_freed_may_be_null),
        cmocka_unit_test(what_is_asked_of_null_has_an_empty_answer),
        cmocka_unit_test(a_call_on_null_is_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
