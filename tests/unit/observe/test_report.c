/* Proves that a report is JSON with every counter once and exact, and that it survives any failed
 * allocation, cJSON's included. */
#include "allocator.h"
#include "observe/observe.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

/* Written by hand: the report's contract. */
static const struct {
    enum tally_counter counter;
    const char *name;
} members[] = {
    {TALLY_SQL_QUERIES, "sqlQueries"},
    {TALLY_SQL_ROWS, "sqlRows"},
    {TALLY_SQL_US, "sqlMicroseconds"},
    {TALLY_REDIS_COMMANDS, "redisCommands"},
    {TALLY_REDIS_MGETS, "redisMgets"},
    {TALLY_REDIS_LEASES, "redisLeases"},
    {TALLY_REDIS_KEYS, "redisKeys"},
    {TALLY_REDIS_US, "redisMicroseconds"},
    {TALLY_REDIS_FAILURES, "redisFailures"},
    {TALLY_HITS, "hits"},
    {TALLY_MISSES, "misses"},
    {TALLY_NEGATIVES, "negatives"},
    {TALLY_ABSENTS, "absents"},
    {TALLY_FILLS, "fills"},
    {TALLY_FILLS_REFUSED, "fillsRefused"},
    {TALLY_CORRUPT, "corrupt"},
    {TALLY_FOREIGN, "foreign"},
    {TALLY_RESHAPED, "reshaped"},
    {TALLY_UNCACHEABLE, "uncacheable"},
    {TALLY_COALESCED, "coalesced"},
    {TALLY_BATCHES, "batches"},
    {TALLY_ERRORS, "errors"},
    {TALLY_LOADS, "loads"},
    {TALLY_LOAD_BATCHES, "loadBatches"},
    {TALLY_LOAD_KEYS, "loadKeys"},
    {TALLY_LOAD_MEMO_HITS, "loadMemoHits"},
    {TALLY_LOAD_COALESCED, "loadCoalesced"},
};
#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

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

/* The report as cJSON reads it back; the whole text must be the document. */
static cJSON *parse(struct fixture *fixture)
{
    const char *end = NULL;
    const char *text = buffer_text(&fixture->buffer);
    cJSON *document = cJSON_ParseWithOpts(text, &end, true);

    assert_non_null(document);
    assert_ptr_equal(end, text + fixture->buffer.length);
    return document;
}

static size_t occurrences(const cJSON *object, const char *name)
{
    const cJSON *member = NULL;
    size_t count = 0;

    cJSON_ArrayForEach(member, object)
    {
        count += strcmp(member->string, name) == 0;
    }
    return count;
}

static void every_counter_stands_in_the_report_once_with_its_number(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;
    const cJSON *object = NULL;

    assert_int_equal(MEMBER_COUNT, TALLY_COUNT);
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        tally_add(fixture->tally, members[i].counter, 1000 + i);
    assert_true(tally_report(fixture->tally, 4711, &fixture->buffer));
    document = parse(fixture);
    assert_int_equal(cJSON_GetArraySize(document), 1);
    object = cJSON_GetObjectItemCaseSensitive(document, "dataFetching");
    assert_int_equal(cJSON_GetArraySize(object), MEMBER_COUNT + 1);
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, members[i].name);

        assert_int_equal(occurrences(object, members[i].name), 1);
        assert_true(cJSON_IsNumber(member));
        assert_true(member->valuedouble == (double)(1000 + i));
    }
    assert_int_equal(occurrences(object, "microseconds"), 1);
    assert_true(cJSON_GetObjectItemCaseSensitive(object, "microseconds")->valuedouble == 4711);
    cJSON_Delete(document);
}

static void the_report_of_nothing_is_zeros(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;
    const cJSON *member = NULL;

    assert_true(tally_report(fixture->tally, 0, &fixture->buffer));
    document = parse(fixture);
    cJSON_ArrayForEach(member, document->child)
    {
        assert_true(cJSON_IsNumber(member));
        assert_true(member->valuedouble == 0);
    }
    cJSON_Delete(document);
}

/* 2^53 + 1 and 2^64 - 1 are no doubles. */
static void the_largest_counters_are_told_exactly(void **state)
{
    struct fixture *fixture = *state;
    const char *text = NULL;

    for (size_t i = 0; i < TALLY_COUNT; i++)
        tally_add(fixture->tally, (enum tally_counter)i, UINT64_MAX);
    tally_add(fixture->tally, TALLY_HITS, 1); /* wraps to 0 */
    tally_add(fixture->tally, TALLY_HITS, 9007199254740993u);
    assert_true(tally_report(fixture->tally, INT64_MAX, &fixture->buffer));
    text = buffer_text(&fixture->buffer);
    assert_non_null(strstr(text, "\"sqlQueries\":18446744073709551615,"));
    assert_non_null(strstr(text, "\"hits\":9007199254740993,"));
    assert_non_null(strstr(text, "\"microseconds\":9223372036854775807}"));
    cJSON_Delete(parse(fixture));
}

static void a_time_that_went_backwards_counts_as_zero(void **state)
{
    struct fixture *fixture = *state;

    assert_true(tally_report(fixture->tally, -5, &fixture->buffer));
    assert_non_null(strstr(buffer_text(&fixture->buffer), "\"microseconds\":0}"));
}

static void a_report_replaces_what_the_buffer_held(void **state)
{
    struct fixture *fixture = *state;

    buffer_append_text(&fixture->buffer, "rubbish");
    assert_true(tally_report(fixture->tally, 1, &fixture->buffer));
    cJSON_Delete(parse(fixture));
    tally_add(fixture->tally, TALLY_HITS, 7);
    assert_true(tally_report(fixture->tally, 2, &fixture->buffer));
    assert_non_null(strstr(buffer_text(&fixture->buffer), "\"hits\":7,"));
    cJSON_Delete(parse(fixture));
}

static void without_memory_for_the_text_there_is_no_report(void **state)
{
    struct fixture *fixture = *state;

    test_allocator_fail_at(&fixture->memory, 1, true);
    assert_false(tally_report(fixture->tally, 1, &fixture->buffer));
    assert_int_equal(fixture->buffer.length, 0);
    test_allocator_fail_at(&fixture->memory, 0, false);
    assert_true(tally_report(fixture->tally, 1, &fixture->buffer));
}

/* cJSON's hooks have no user data. */
static struct test_allocator cjson_memory;

static void *cjson_allocate(size_t size)
{
    return base_allocate(&cjson_memory.allocator, size);
}

static void cjson_release(void *block)
{
    base_release(&cjson_memory.allocator, block);
}

static void whichever_allocation_of_cjson_fails_nothing_leaks(void **state)
{
    struct fixture *fixture = *state;
    cJSON_Hooks hooks = {cjson_allocate, cjson_release};
    uint64_t failures = 0;

    test_allocator_init(&cjson_memory);
    cJSON_InitHooks(&hooks);
    for (uint64_t n = 1;; n++) {
        test_allocator_fail_at(&cjson_memory, n, false);
        const bool done = tally_report(fixture->tally, 1, &fixture->buffer);

        assert_int_equal(done, test_allocator_calls(&cjson_memory) < n);
        assert_int_equal(done, fixture->buffer.length > 0);
        assert_int_equal(test_allocator_live(&cjson_memory), 0);
        if (done)
            break;
        failures++;
    }
    cJSON_InitHooks(NULL);
    assert_in_range(failures, TALLY_COUNT, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_counter_stands_in_the_report_once_with_its_number,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_report_of_nothing_is_zeros, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_largest_counters_are_told_exactly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_time_that_went_backwards_counts_as_zero, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_report_replaces_what_the_buffer_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_for_the_text_there_is_no_report, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(whichever_allocation_of_cjson_fails_nothing_leaks, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
