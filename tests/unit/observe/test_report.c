/* Proves that a report is JSON with every counter once and exact, for the request and each account,
 * with whys and suspects, and that it survives any failed allocation. */
#include "allocator.h"
#include "observe/observe.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
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
    {TALLY_BATCH_IDS, "batchIds"},
    {TALLY_REDIS_BYTES, "redisBytes"},
    {TALLY_SQL_BYTES, "sqlBytes"},
    {TALLY_HEALED, "healed"},
    {TALLY_DENIED, "denied"},
    {TALLY_LIMITED, "limited"},
    {TALLY_LOADS, "loads"},
    {TALLY_LOAD_BATCHES, "loadBatches"},
    {TALLY_LOAD_KEYS, "loadKeys"},
    {TALLY_LOAD_MEMO_HITS, "loadMemoHits"},
    {TALLY_LOAD_COALESCED, "loadCoalesced"},
};
/* "microseconds", the accounts by their kind, "why", "suspects". */
#define MORE_MEMBERS 6
#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

struct fixture {
    struct test_allocator memory;
    struct tally *tally;
    struct ledger *ledger;
    struct buffer buffer;
};

static const uint64_t limits[LEDGER_LIMITS] = {[LEDGER_SQL_QUERIES] = 20, [LEDGER_ROWS] = 3};

static int set_up(void **state)
{
    struct fixture *fixture = malloc(sizeof(*fixture));

    assert_non_null(fixture);
    test_allocator_init(&fixture->memory);
    fixture->tally = tally_new(&fixture->memory.allocator);
    assert_non_null(fixture->tally);
    fixture->ledger = ledger_new(&fixture->memory.allocator, fixture->tally, limits);
    assert_non_null(fixture->ledger);
    buffer_init(&fixture->buffer, &fixture->memory.allocator);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    size_t live = 0;

    buffer_fini(&fixture->buffer);
    ledger_unref(fixture->ledger);
    tally_unref(fixture->tally);
    live = test_allocator_live(&fixture->memory);

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
    assert_true(ledger_report(fixture->ledger, 4711, &fixture->buffer));
    document = parse(fixture);
    assert_int_equal(cJSON_GetArraySize(document), 1);
    object = cJSON_GetObjectItemCaseSensitive(document, "dataFetching");
    assert_int_equal(cJSON_GetArraySize(object), MEMBER_COUNT + MORE_MEMBERS);
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

    assert_true(ledger_report(fixture->ledger, 0, &fixture->buffer));
    document = parse(fixture);
    cJSON_ArrayForEach(member, document->child)
    {
        assert_true(cJSON_IsNumber(member) || cJSON_GetArraySize(member) == 0);
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
    assert_true(ledger_report(fixture->ledger, INT64_MAX, &fixture->buffer));
    text = buffer_text(&fixture->buffer);
    assert_non_null(strstr(text, "\"sqlQueries\":18446744073709551615,"));
    assert_non_null(strstr(text, "\"hits\":9007199254740993,"));
    assert_non_null(strstr(text, "\"microseconds\":9223372036854775807,"));
    cJSON_Delete(parse(fixture));
}

static void a_time_that_went_backwards_counts_as_zero(void **state)
{
    struct fixture *fixture = *state;

    assert_true(ledger_report(fixture->ledger, -5, &fixture->buffer));
    assert_non_null(strstr(buffer_text(&fixture->buffer), "\"microseconds\":0,"));
}

static void a_report_replaces_what_the_buffer_held(void **state)
{
    struct fixture *fixture = *state;

    buffer_append_text(&fixture->buffer, "rubbish");
    assert_true(ledger_report(fixture->ledger, 1, &fixture->buffer));
    cJSON_Delete(parse(fixture));
    tally_add(fixture->tally, TALLY_HITS, 7);
    assert_true(ledger_report(fixture->ledger, 2, &fixture->buffer));
    assert_non_null(strstr(buffer_text(&fixture->buffer), "\"hits\":7,"));
    cJSON_Delete(parse(fixture));
}

static void without_memory_for_the_text_there_is_no_report(void **state)
{
    struct fixture *fixture = *state;

    test_allocator_fail_at(&fixture->memory, 1, true);
    assert_false(ledger_report(fixture->ledger, 1, &fixture->buffer));
    assert_int_equal(fixture->buffer.length, 0);
    test_allocator_fail_at(&fixture->memory, 0, false);
    assert_true(ledger_report(fixture->ledger, 1, &fixture->buffer));
}

/* ---- accounts ---- */

static struct account *campaign(struct fixture *fixture)
{
    return ledger_account(fixture->ledger, ACCOUNT_ENTITY, NULL, "Campaign");
}

static cJSON *report(struct fixture *fixture)
{
    assert_true(ledger_report(fixture->ledger, 1, &fixture->buffer));
    return parse(fixture);
}

static const cJSON *part(const cJSON *document, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(document->child, name);

    assert_non_null(found);
    return found;
}

static void assert_number(const cJSON *object, const char *name, double number)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    assert_true(cJSON_IsNumber(member));
    assert_true(member->valuedouble == number);
}

static void assert_text(const cJSON *object, const char *name, const char *text)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    assert_true(cJSON_IsString(member));
    assert_string_equal(member->valuestring, text);
}

static void an_account_has_every_counter_and_its_mean_batch(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;
    const cJSON *object = NULL;

    for (size_t i = 0; i < MEMBER_COUNT; i++)
        account_add(campaign(fixture), members[i].counter, 100 + i);
    account_add(campaign(fixture), TALLY_BATCH_IDS, 200);
    document = report(fixture);
    object = cJSON_GetObjectItemCaseSensitive(part(document, "entities"), "Campaign");
    assert_int_equal(cJSON_GetArraySize(object), MEMBER_COUNT + 1);
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const double more = members[i].counter == TALLY_BATCH_IDS ? 200 : 0;

        assert_int_equal(occurrences(object, members[i].name), 1);
        assert_number(object, members[i].name, (double)(100 + i) + more);
        assert_number(document->child, members[i].name, (double)(100 + i) + more);
    }
    /* 322 ids in 120 batches. */
    assert_number(object, "meanBatch", 2.7);
    cJSON_Delete(document);
}

static void a_part_leaves_out_what_is_zero(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;
    const cJSON *object = NULL;

    account_add(campaign(fixture), TALLY_HITS, 3);
    document = report(fixture);
    object = cJSON_GetObjectItemCaseSensitive(part(document, "entities"), "Campaign");
    assert_int_equal(cJSON_GetArraySize(object), 1);
    assert_number(object, "hits", 3);
    cJSON_Delete(document);
}

static void accounts_stand_by_kind_and_two_relations_of_one_name_by_their_parents(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;

    campaign(fixture);
    ledger_account(fixture->ledger, ACCOUNT_RELATION, "Campaign", "events");
    ledger_account(fixture->ledger, ACCOUNT_LOADER, NULL, "rates");
    document = report(fixture);
    assert_int_equal(occurrences(part(document, "entities"), "Campaign"), 1);
    assert_int_equal(occurrences(part(document, "relations"), "events"), 1);
    assert_int_equal(occurrences(part(document, "loaders"), "rates"), 1);
    cJSON_Delete(document);
    ledger_account(fixture->ledger, ACCOUNT_RELATION, "Venue", "events");
    document = report(fixture);
    assert_int_equal(cJSON_GetArraySize(part(document, "relations")), 2);
    assert_int_equal(occurrences(part(document, "relations"), "Campaign.events"), 1);
    assert_int_equal(occurrences(part(document, "relations"), "Venue.events"), 1);
    cJSON_Delete(document);
}

static void whys_have_their_code_whose_they_are_how_often_and_words(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;
    const cJSON *why = NULL;

    account_why(campaign(fixture), WHY_TOO_LARGE, 2);
    account_why(campaign(fixture), WHY_TOO_LARGE, 1);
    document = report(fixture);
    assert_int_equal(cJSON_GetArraySize(part(document, "why")), 1);
    why = cJSON_GetArrayItem(part(document, "why"), 0);
    assert_text(why, "code", "value_too_large");
    assert_text(why, "of", "Campaign");
    assert_number(why, "count", 3);
    assert_text(why, "words", "the row is larger than a cached value may be");
    cJSON_Delete(document);
}

static void a_limit_is_near_from_four_fifths_on(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;
    const cJSON *why = NULL;

    assert_true(ledger_charge(fixture->ledger, LEDGER_SQL_QUERIES, 15));
    document = report(fixture);
    assert_int_equal(cJSON_GetArraySize(part(document, "why")), 0);
    cJSON_Delete(document);
    assert_true(ledger_charge(fixture->ledger, LEDGER_SQL_QUERIES, 1));
    document = report(fixture);
    assert_int_equal(cJSON_GetArraySize(part(document, "why")), 1);
    why = cJSON_GetArrayItem(part(document, "why"), 0);
    assert_text(why, "code", "limit_near");
    assert_text(why, "of", "max_sql_queries");
    assert_number(why, "count", 16);
    assert_text(why, "words", "16 of 20 are taken");
    cJSON_Delete(document);
}

static void the_third_batch_of_one_is_a_suspect_and_larger_ones_are_none(void **state)
{
    struct fixture *fixture = *state;
    cJSON *document = NULL;
    const cJSON *suspect = NULL;

    for (int i = 0; i < 5; i++)
        account_run(campaign(fixture), SHAPE_BY_ID, 0, 2);
    for (uint64_t shape = 0; shape < 5; shape++)
        account_run(campaign(fixture), SHAPE_LIST, shape, 1);
    account_run(campaign(fixture), SHAPE_BY_ID, 0, 1);
    account_run(campaign(fixture), SHAPE_BY_ID, 0, 1);
    document = report(fixture);
    assert_int_equal(cJSON_GetArraySize(part(document, "suspects")), 0);
    cJSON_Delete(document);
    account_run(campaign(fixture), SHAPE_BY_ID, 0, 1);
    document = report(fixture);
    assert_int_equal(cJSON_GetArraySize(part(document, "suspects")), 1);
    suspect = cJSON_GetArrayItem(part(document, "suspects"), 0);
    assert_text(suspect, "of", "Campaign");
    assert_text(suspect, "shape", "by id");
    assert_number(suspect, "batches", 8);
    assert_number(suspect, "singles", 3);
    cJSON_Delete(document);
}

static void whichever_allocation_fails_the_report_is_whole_or_none(void **state)
{
    struct fixture *fixture = *state;
    char name[] = "Entity00";
    uint64_t failures = 0;
    bool is_done = false;

    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "Entity%02d", i);
        account_why(ledger_account(fixture->ledger, ACCOUNT_ENTITY, NULL, name), WHY_LEASE_LOST, 1);
    }
    for (uint64_t n = 1; !is_done; n++) {
        buffer_fini(&fixture->buffer);
        buffer_init(&fixture->buffer, &fixture->memory.allocator);
        test_allocator_fail_at(&fixture->memory, n, false);
        is_done = ledger_report(fixture->ledger, 1, &fixture->buffer);
        assert_int_equal(is_done, fixture->buffer.length > 0);
        failures += !is_done;
    }
    cJSON_Delete(parse(fixture));
    assert_in_range(failures, 2, 20);
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
        cmocka_unit_test_setup_teardown(an_account_has_every_counter_and_its_mean_batch, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_part_leaves_out_what_is_zero, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            accounts_stand_by_kind_and_two_relations_of_one_name_by_their_parents, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(whys_have_their_code_whose_they_are_how_often_and_words,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_limit_is_near_from_four_fifths_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_third_batch_of_one_is_a_suspect_and_larger_ones_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whichever_allocation_fails_the_report_is_whole_or_none,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
