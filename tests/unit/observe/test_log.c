/* Proves which messages reach the host's log, and in what shape. */
#include "observe/observe.h"
#include "test.h"

struct heard {
    int times;
    int32_t level;
    const char *domain;
    char text[2048];
};

static void hear(int32_t level, const char *domain, const char *text, void *user)
{
    struct heard *heard = user;

    heard->times++;
    heard->level = level;
    heard->domain = domain;
    memcpy(heard->text, text, strlen(text) + 1);
}

static void a_message_arrives_with_level_domain_and_text(void **state)
{
    struct heard heard = {0};
    const struct log log = {ENTC_LOG_WARNING, hear, &heard};

    (void)state;
    log_write(&log, ENTC_LOG_ERROR, "redis", "connection to %s:%d lost", "cache", 6379);
    assert_int_equal(heard.times, 1);
    assert_int_equal(heard.level, ENTC_LOG_ERROR);
    assert_string_equal(heard.domain, "redis");
    assert_string_equal(heard.text, "connection to cache:6379 lost");
}

static void only_messages_up_to_the_level_arrive(void **state)
{
    (void)state;
    for (int32_t limit = ENTC_LOG_ERROR; limit <= ENTC_LOG_DEBUG; limit++) {
        for (int32_t level = ENTC_LOG_ERROR; level <= ENTC_LOG_DEBUG; level++) {
            struct heard heard = {0};
            const struct log log = {limit, hear, &heard};

            log_write(&log, level, "engine", "x");
            assert_int_equal(heard.times, level <= limit);
        }
    }
}

static void without_a_log_or_a_function_nothing_happens(void **state)
{
    struct heard heard = {0};
    const struct log log = {ENTC_LOG_DEBUG, NULL, &heard};

    (void)state;
    log_write(NULL, ENTC_LOG_ERROR, "engine", "x");
    log_write(&log, ENTC_LOG_ERROR, "engine", "x");
    assert_int_equal(heard.times, 0);
}

static void a_message_is_one_line_of_utf8(void **state)
{
    struct heard heard = {0};
    const struct log log = {ENTC_LOG_DEBUG, hear, &heard};

    (void)state;
    log_write(&log, ENTC_LOG_INFO, "postgres", "%s",
              "FATAL:\tthe \xFF"
              "database\nstops\n");
    assert_string_equal(heard.text, "FATAL: the ?database stops");
}

static void a_long_message_is_cut_between_characters(void **state)
{
    struct heard heard = {0};
    const struct log log = {ENTC_LOG_DEBUG, hear, &heard};
    char text[3001] = "";

    (void)state;
    for (size_t at = 0; at < 3000; at += 3)
        memcpy(text + at, "\xE2\x82\xAC", 4);
    for (size_t shift = 0; shift < 3; shift++) {
        log_write(&log, ENTC_LOG_INFO, "engine", "%.*s%s", (int)shift, "aa", text);
        assert_int_equal(strlen(heard.text), 1023 - (1023 - shift) % 3);
        assert_memory_equal(heard.text + shift, text, strlen(heard.text) - shift);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_with_level_domain_and_text),
        cmocka_unit_test(only_messages_up_to_the_level_arrive),
        cmocka_unit_test(without_a_log_or_a_function_nothing_happens),
        cmocka_unit_test(a_message_is_one_line_of_utf8),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
