/* Proves how errors are written, reused and read, and which of them are worth another try. */
#include "base/base.h"
#include "test.h"

static void an_error_tells_what_was_written_into_it(void **state)
{
    entc_error *error = NULL;

    (void)state;
    assert_int_equal(error_set(&error, ENTC_E_DATABASE, "postgres", "relation %s: %d", "events", 7),
                     ENTC_E_DATABASE);
    error_hint(&error, "create table %s", "events");
    error_sqlstate(&error, "42P01");
    assert_int_equal(entc_error_code(error), ENTC_E_DATABASE);
    assert_string_equal(entc_error_domain(error), "postgres");
    assert_string_equal(entc_error_message(error), "relation events: 7");
    assert_string_equal(entc_error_hint(error), "create table events");
    assert_string_equal(entc_error_sqlstate(error), "42P01");
    entc_error_free(error);
}

static void a_reused_error_keeps_its_address_and_nothing_else(void **state)
{
    entc_error *error = NULL;
    const entc_error *first = NULL;

    (void)state;
    error_set(&error, ENTC_E_DATABASE, "postgres", "first");
    error_hint(&error, "old hint");
    error_sqlstate(&error, "40001");
    first = error;
    error_set(&error, ENTC_E_INVALID, "argument", "second");
    assert_ptr_equal(error, first);
    assert_int_equal(entc_error_code(error), ENTC_E_INVALID);
    assert_string_equal(entc_error_domain(error), "argument");
    assert_string_equal(entc_error_message(error), "second");
    assert_string_equal(entc_error_hint(error), "");
    assert_string_equal(entc_error_sqlstate(error), "");
    entc_error_free(error);
}

static void a_message_may_quote_the_error_that_it_replaces(void **state)
{
    entc_error *error = NULL;

    (void)state;
    error_set(&error, ENTC_E_UNAVAILABLE, "redis", "connection refused");
    error_set(&error, ENTC_E_UNAVAILABLE, "engine", "while reading: %s (%s)",
              entc_error_message(error), entc_error_domain(error));
    assert_string_equal(entc_error_message(error), "while reading: connection refused (redis)");
    error_hint(&error, "first");
    error_hint(&error, "%s, then second", entc_error_hint(error));
    assert_string_equal(entc_error_hint(error), "first, then second");
    entc_error_free(error);
}

static void without_a_place_for_the_error_only_the_status_is_told(void **state)
{
    entc_error *error = NULL;

    (void)state;
    assert_int_equal(error_set(NULL, ENTC_E_TIMEOUT, "engine", "late"), ENTC_E_TIMEOUT);
    assert_int_equal(error_no_memory(NULL), ENTC_E_NO_MEMORY);
    error_hint(NULL, "nothing");
    error_sqlstate(NULL, "40001");
    error_hint(&error, "nothing");
    error_sqlstate(&error, "40001");
    assert_null(error);
}

static void every_reader_accepts_null(void **state)
{
    (void)state;
    entc_error_free(NULL);
    assert_int_equal(entc_error_code(NULL), ENTC_OK);
    assert_string_equal(entc_error_message(NULL), "");
    assert_string_equal(entc_error_hint(NULL), "");
    assert_string_equal(entc_error_domain(NULL), "");
    assert_string_equal(entc_error_sqlstate(NULL), "");
    assert_int_equal(entc_error_is_retryable(NULL), 0);
    assert_int_equal(entc_error_is_timeout(NULL), 0);
}

static void out_of_memory_is_one_static_error_that_nobody_changes(void **state)
{
    entc_error *error = NULL;
    entc_error *other = NULL;

    (void)state;
    assert_int_equal(error_no_memory(&error), ENTC_E_NO_MEMORY);
    error_no_memory(&other);
    assert_ptr_equal(error, other);
    error_hint(&error, "buy more");
    error_sqlstate(&error, "53200");
    assert_int_equal(entc_error_code(error), ENTC_E_NO_MEMORY);
    assert_string_equal(entc_error_message(error), "out of memory");
    assert_string_equal(entc_error_hint(error), "");
    assert_string_equal(entc_error_sqlstate(error), "");
    assert_int_equal(entc_error_is_retryable(error), 0);
    entc_error_free(error);
    assert_string_equal(entc_error_message(other), "out of memory");
}

static void the_static_error_is_replaced_when_it_is_reused(void **state)
{
    entc_error *error = NULL;
    const entc_error *fixed = NULL;

    (void)state;
    error_no_memory(&error);
    fixed = error;
    error_set(&error, ENTC_E_INVALID, "argument", "n is 0");
    assert_ptr_not_equal(error, fixed);
    assert_string_equal(entc_error_message(error), "n is 0");
    assert_string_equal(entc_error_message(fixed), "out of memory");
    entc_error_free(error);
}

static void out_of_memory_takes_the_place_of_an_error_that_is_there(void **state)
{
    entc_error *error = NULL;
    const entc_error *first = NULL;

    (void)state;
    error_set(&error, ENTC_E_DATABASE, "postgres", "first");
    error_sqlstate(&error, "40001");
    first = error;
    assert_int_equal(error_no_memory(&error), ENTC_E_NO_MEMORY);
    assert_ptr_equal(error, first);
    assert_int_equal(entc_error_code(error), ENTC_E_NO_MEMORY);
    assert_string_equal(entc_error_message(error), "out of memory");
    assert_string_equal(entc_error_sqlstate(error), "");
    entc_error_free(error);
}

static void a_copy_tells_the_same_story_and_lives_by_itself(void **state)
{
    entc_error *from = NULL;
    entc_error *copy = NULL;

    (void)state;
    error_set(&from, ENTC_E_DATABASE, "postgres", "deadlock");
    error_hint(&from, "try again");
    error_sqlstate(&from, "40P01");
    assert_int_equal(error_copy(&copy, from, ENTC_E_SYSTEM), ENTC_E_DATABASE);
    entc_error_free(from);
    assert_int_equal(entc_error_code(copy), ENTC_E_DATABASE);
    assert_string_equal(entc_error_domain(copy), "postgres");
    assert_string_equal(entc_error_message(copy), "deadlock");
    assert_string_equal(entc_error_hint(copy), "try again");
    assert_string_equal(entc_error_sqlstate(copy), "40P01");
    entc_error_free(copy);
}

static void copying_covers_each_pair_of_source_and_target(void **state)
{
    entc_error *fixed = NULL;
    entc_error *from = NULL;
    entc_error *target = NULL;
    const entc_error *place = NULL;

    (void)state;
    error_no_memory(&fixed);
    error_set(&from, ENTC_E_BUSY, "engine", "busy");
    assert_int_equal(error_copy(&target, NULL, ENTC_E_CLOSED), ENTC_E_CLOSED);
    assert_null(target);
    assert_int_equal(error_copy(NULL, from, ENTC_E_CLOSED), ENTC_E_BUSY);
    assert_int_equal(error_copy(&target, fixed, ENTC_E_CLOSED), ENTC_E_NO_MEMORY);
    assert_ptr_equal(target, fixed);
    assert_int_equal(error_copy(&target, from, ENTC_E_CLOSED),
                     ENTC_E_BUSY); /* over the static one */
    assert_string_equal(entc_error_message(target), "busy");
    place = target;
    assert_int_equal(error_copy(&target, fixed, ENTC_E_CLOSED), ENTC_E_NO_MEMORY); /* into memory */
    assert_ptr_equal(target, place);
    assert_string_equal(entc_error_message(target), "out of memory");
    assert_int_equal(error_copy(&from, from, ENTC_E_CLOSED), ENTC_E_BUSY); /* onto itself */
    assert_string_equal(entc_error_message(from), "busy");
    entc_error_free(from);
    entc_error_free(target);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    entc_error *error = NULL;
    char text[2000] = "";

    (void)state;
    /* The euro sign takes three bytes; each shift puts the cut at another place within one. */
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'a', shift);
        for (size_t at = shift; at + 3 < sizeof(text); at += 3)
            memcpy(text + at, "\xE2\x82\xAC", 4);
        error_set(&error, ENTC_E_INVALID, "argument", "%s", text);
        error_hint(&error, "%s", text);
        const size_t length = strlen(entc_error_message(error));
        const size_t hint_length = strlen(entc_error_hint(error));
        assert_int_equal(length, 511 - (511 - shift) % 3);
        assert_int_equal(hint_length, 255 - (255 - shift) % 3);
        assert_memory_equal(entc_error_message(error), text, length);
        assert_memory_equal(entc_error_hint(error), text, hint_length);
        assert_true(text_is_utf8(entc_error_message(error), length));
    }
    entc_error_free(error);
}

static void a_message_is_one_line_of_utf8_whatever_a_server_said(void **state)
{
    entc_error *error = NULL;

    (void)state;
    error_set(&error, ENTC_E_DATABASE, "postgres", "%s", "ERROR:\tbad\r\n  \xFFname\n");
    assert_string_equal(entc_error_message(error), "ERROR: bad    ?name");
    entc_error_free(error);
}

static void an_sqlstate_that_has_not_five_characters_is_none(void **state)
{
    entc_error *error = NULL;

    (void)state;
    error_set(&error, ENTC_E_DATABASE, "postgres", "x");
    error_sqlstate(&error, "40001");
    error_sqlstate(&error, "400011");
    assert_string_equal(entc_error_sqlstate(error), "");
    error_sqlstate(&error, "40001");
    error_sqlstate(&error, "4000");
    assert_string_equal(entc_error_sqlstate(error), "");
    error_sqlstate(&error, "40001");
    error_sqlstate(&error, NULL);
    assert_string_equal(entc_error_sqlstate(error), "");
    entc_error_free(error);
}

static void only_what_may_pass_by_itself_is_retryable(void **state)
{
    static const char *const passing[] = {"40001", "40P01", "53300", "57P01",
                                          "57P03", "08006", "08000"};
    static const char *const lasting[] = {"42P01", "23505", "57014", "57000", "22003", "04000"};
    entc_error *error = NULL;

    (void)state;
    for (entc_status code = ENTC_E_REFUSED; code < ENTC_OK; code++) {
        const bool expected =
            code == ENTC_E_TIMEOUT || code == ENTC_E_UNAVAILABLE || code == ENTC_E_BUSY;

        error_set(&error, code, "engine", "x");
        assert_int_equal(entc_error_is_retryable(error), expected);
    }
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        error_set(&error, ENTC_E_DATABASE, "postgres", "x");
        error_sqlstate(&error, passing[i]);
        assert_int_equal(entc_error_is_retryable(error), 1);
    }
    for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++) {
        error_set(&error, ENTC_E_DATABASE, "postgres", "x");
        error_sqlstate(&error, lasting[i]);
        assert_int_equal(entc_error_is_retryable(error), 0);
    }
    entc_error_free(error);
}

static void timeouts_are_ours_and_those_of_the_database(void **state)
{
    entc_error *error = NULL;

    (void)state;
    for (entc_status code = ENTC_E_REFUSED; code < ENTC_OK; code++) {
        error_set(&error, code, "engine", "x");
        assert_int_equal(entc_error_is_timeout(error), code == ENTC_E_TIMEOUT);
    }
    error_set(&error, ENTC_E_DATABASE, "postgres", "canceling statement due to timeout");
    error_sqlstate(&error, "57014");
    assert_int_equal(entc_error_is_timeout(error), 1);
    error_sqlstate(&error, "57P01");
    assert_int_equal(entc_error_is_timeout(error), 0);
    entc_error_free(error);
}

static void every_status_has_its_own_name(void **state)
{
#define PAIR(status)    \
    {                   \
        status, #status \
    }
    static const struct {
        entc_status status;
        const char *name;
    } pairs[] = {
        PAIR(ENTC_OK),
        PAIR(ENTC_E_INVALID),
        PAIR(ENTC_E_NO_MEMORY),
        PAIR(ENTC_E_NOT_FOUND),
        PAIR(ENTC_E_TIMEOUT),
        PAIR(ENTC_E_CANCELLED),
        PAIR(ENTC_E_UNAVAILABLE),
        PAIR(ENTC_E_BUSY),
        PAIR(ENTC_E_AGAIN),
        PAIR(ENTC_E_CLOSED),
        PAIR(ENTC_E_REENTRANT),
        PAIR(ENTC_E_FORKED),
        PAIR(ENTC_E_SCHEMA),
        PAIR(ENTC_E_DATABASE),
        PAIR(ENTC_E_UNSUPPORTED),
        PAIR(ENTC_E_SYSTEM),
        PAIR(ENTC_E_FORBIDDEN),
        PAIR(ENTC_E_LIMIT),
    };
#undef PAIR
    static const entc_status strangers[] = {1, -99, 100, INT32_MIN, INT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_string_equal(entc_status_name(pairs[i].status), pairs[i].name);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        assert_string_equal(entc_status_name(strangers[i]), "ENTC_E_?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_tells_what_was_written_into_it),
        cmocka_unit_test(a_reused_error_keeps_its_address_and_nothing_else),
        cmocka_unit_test(a_message_may_quote_the_error_that_it_replaces),
        cmocka_unit_test(without_a_place_for_the_error_only_the_status_is_told),
        cmocka_unit_test(every_reader_accepts_null),
        cmocka_unit_test(out_of_memory_is_one_static_error_that_nobody_changes),
        cmocka_unit_test(the_static_error_is_replaced_when_it_is_reused),
        cmocka_unit_test(out_of_memory_takes_the_place_of_an_error_that_is_there),
        cmocka_unit_test(a_copy_tells_the_same_story_and_lives_by_itself),
        cmocka_unit_test(copying_covers_each_pair_of_source_and_target),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(a_message_is_one_line_of_utf8_whatever_a_server_said),
        cmocka_unit_test(an_sqlstate_that_has_not_five_characters_is_none),
        cmocka_unit_test(only_what_may_pass_by_itself_is_retryable),
        cmocka_unit_test(timeouts_are_ours_and_those_of_the_database),
        cmocka_unit_test(every_status_has_its_own_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
