/* Proves that every counter stands once in Prometheus' text, in the strict form of its exposition
 * format 0.0.4, with times in seconds. */
#include "allocator.h"
#include "observe/observe.h"
#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const members[] = {
#define MEMBER(suffix, member, text) #member,
    TALLY_LIST(MEMBER)
#undef MEMBER
};

struct fixture {
    struct test_allocator memory;
    struct tally *tally;
    struct buffer buffer;
};

static int set_up(void **state)
{
    struct fixture *fixture = malloc(sizeof(*fixture));

    assert_non_null(fixture);
    test_allocator_init(&fixture->memory);
    fixture->tally = tally_new(&fixture->memory.allocator);
    assert_non_null(fixture->tally);
    buffer_init(&fixture->buffer, &fixture->memory.allocator);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    const size_t live = (buffer_fini(&fixture->buffer), tally_unref(fixture->tally),
                         test_allocator_live(&fixture->memory));

    free(fixture);
    return live == 0 ? 0 : -1;
}

/* Cuts the first line off, without its end; every line has one. */
static char *take_line(char **text)
{
    char *line = *text;
    char *end = strchr(line, '\n');

    assert_non_null(end);
    *end = '\0';
    *text = end + 1;
    return line;
}

/* The line begins with `begin` and the metric's name; what follows behind one space. */
static const char *expect(const char *line, const char *begin, const char *name)
{
    const size_t length = strlen(begin);

    assert_memory_equal(line, begin, length);
    assert_memory_equal(line + length, name, strlen(name));
    assert_int_equal(line[length + strlen(name)], ' ');
    return line + length + strlen(name) + 1;
}

static void expect_name(char out[80], const char *member)
{
    const size_t length = strlen(member);
    const bool is_time = length > 3 && strcmp(member + length - 3, "_us") == 0;

    snprintf(out, 80, "entitycache_%.*s%s_total", (int)(is_time ? length - 3 : length), member,
             is_time ? "_seconds" : "");
    for (const char *c = out; *c; c++)
        assert_true(islower((unsigned char)*c) || *c == '_');
}

static void expect_counter(char **text, const char *member, double value)
{
    char name[80];
    const char *help = NULL;
    const char *sample = NULL;
    char *end = NULL;

    expect_name(name, member);
    help = expect(take_line(text), "# HELP ", name);
    assert_true(isupper((unsigned char)help[0]));
    assert_int_equal(help[strlen(help) - 1], '.');
    assert_null(strchr(help, '\\'));
    assert_string_equal(expect(take_line(text), "# TYPE ", name), "counter");
    sample = expect(take_line(text), "", name);
    assert_true(isdigit((unsigned char)sample[0]));
    assert_true(strtod(sample, &end) == value);
    assert_string_equal(end, "");
}

static void every_counter_stands_there_once_with_help_and_type(void **state)
{
    struct fixture *fixture = *state;
    char *text = NULL;

    for (size_t i = 0; i < TALLY_COUNT; i++)
        tally_add(fixture->tally, (enum tally_counter)i, 1000000 * (i + 1));
    assert_true(tally_metrics(fixture->tally, &fixture->buffer));
    assert_non_null(buffer_text(&fixture->buffer));
    text = fixture->buffer.bytes;
    assert_int_equal(strlen(text), fixture->buffer.length);
    for (size_t i = 0; i < TALLY_COUNT; i++) {
        const bool is_time = i == TALLY_SQL_US || i == TALLY_REDIS_US;

        expect_counter(&text, members[i], (double)(is_time ? i + 1 : 1000000 * (i + 1)));
    }
    assert_string_equal(text, "");
}

static void times_are_told_in_seconds_to_the_microsecond(void **state)
{
    struct fixture *fixture = *state;

    tally_add(fixture->tally, TALLY_SQL_US, 12000345);
    tally_add(fixture->tally, TALLY_REDIS_US, 7);
    assert_true(tally_metrics(fixture->tally, &fixture->buffer));
    assert_non_null(
        strstr(buffer_text(&fixture->buffer), "\nentitycache_sql_seconds_total 12.000345\n"));
    assert_non_null(
        strstr(buffer_text(&fixture->buffer), "\nentitycache_redis_seconds_total 0.000007\n"));
}

static void the_largest_counter_is_told_exactly(void **state)
{
    struct fixture *fixture = *state;

    tally_add(fixture->tally, TALLY_HITS, UINT64_MAX);
    assert_true(tally_metrics(fixture->tally, &fixture->buffer));
    assert_non_null(
        strstr(buffer_text(&fixture->buffer), "\nentitycache_hits_total 18446744073709551615\n"));
}

static void memory_that_is_out_is_told(void **state)
{
    struct fixture *fixture = *state;

    test_allocator_fail_at(&fixture->memory, 2, true);
    assert_false(tally_metrics(fixture->tally, &fixture->buffer));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_counter_stands_there_once_with_help_and_type),
        TEST(times_are_told_in_seconds_to_the_microsecond),
        TEST(the_largest_counter_is_told_exactly),
        TEST(memory_that_is_out_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
