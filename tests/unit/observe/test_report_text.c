/* Proves that the report for people keeps its columns and its width whatever the numbers and names,
 * and says only what is worth a look. */
#include "allocator.h"
#include "observe/observe.h"
#include "test.h"

#include <stdlib.h>

#define WIDTH 80

struct fixture {
    struct test_allocator memory;
    struct tally *total;
    struct ledger *ledger;
    struct buffer buffer;
};

static const uint64_t limits[LEDGER_LIMITS] = {[LEDGER_REDIS_COMMANDS] = 5};

static int set_up(void **state)
{
    struct fixture *fixture = malloc(sizeof(*fixture));

    assert_non_null(fixture);
    test_allocator_init(&fixture->memory);
    fixture->total = tally_new(&fixture->memory.allocator);
    assert_non_null(fixture->total);
    fixture->ledger = ledger_new(&fixture->memory.allocator, fixture->total, limits);
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
    tally_unref(fixture->total);
    live = test_allocator_live(&fixture->memory);
    free(fixture);
    return live == 0 ? 0 : -1;
}

static const char *text(struct fixture *fixture, int64_t elapsed_us)
{
    assert_true(ledger_report_text(fixture->ledger, elapsed_us, &fixture->buffer));
    return buffer_text(&fixture->buffer);
}

static struct account *entity(struct fixture *fixture, const char *name)
{
    return ledger_account(fixture->ledger, ACCOUNT_ENTITY, NULL, name);
}

/* Characters, not bytes. */
static size_t columns(const char *line, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)line[i] & 0xC0) != 0x80;
    return count;
}

static void nothing_is_one_line(void **state)
{
    assert_string_equal(text(*state, 0),
                        "request 0.00 ms: SQL 0 (0 rows, 0.00 ms), Redis 0 (0.00 ms), errors 0\n");
}

static void each_account_is_a_line_with_its_numbers_in_their_columns(void **state)
{
    struct fixture *fixture = *state;
    struct account *campaign = entity(fixture, "Campaign");
    struct account *events =
        ledger_account(fixture->ledger, ACCOUNT_RELATION, "Campaign", "events");

    account_add(campaign, TALLY_BATCHES, 2);
    account_add(campaign, TALLY_BATCH_IDS, 5);
    account_add(campaign, TALLY_HITS, 3);
    account_add(campaign, TALLY_MISSES, 2);
    account_add(campaign, TALLY_SQL_QUERIES, 1);
    account_add(campaign, TALLY_SQL_ROWS, 2);
    account_add(campaign, TALLY_REDIS_BYTES, 100);
    account_add(campaign, TALLY_SQL_BYTES, 23);
    account_add(campaign, TALLY_REDIS_COMMANDS, 7);
    account_add(campaign, TALLY_REDIS_US, 1234);
    account_add(campaign, TALLY_SQL_US, 560);
    account_note(events, TALLY_BATCHES, 1);
    account_note(events, TALLY_BATCH_IDS, 5);
    account_add(events, TALLY_SQL_QUERIES, 1);
    assert_string_equal(
        text(fixture, 4321),
        "request 4.32 ms: SQL 2 (2 rows, 0.56 ms), Redis 7 (1.23 ms), errors 0\n"
        "                batches   mean   hits misses   SQL   rows  bytes Redis ms SQL ms\n"
        "Campaign              2    2.5      3      2     1      2    123     1.23   0.56\n"
        "Campaign.events       1    5.0      -      -     1      0      0     0.00   0.00\n");
}

static void what_is_worth_a_look_stands_below(void **state)
{
    struct fixture *fixture = *state;
    struct account *campaign = entity(fixture, "Campaign");
    const char *told = NULL;

    account_add(campaign, TALLY_COALESCED, 3);
    account_add(campaign, TALLY_DENIED, 1);
    account_add(campaign, TALLY_LOADS, 5);
    account_add(campaign, TALLY_LOAD_BATCHES, 1);
    account_why(campaign, WHY_REDIS_DOWN, 4);
    for (int i = 0; i < 3; i++)
        account_run(campaign, SHAPE_BY_ID, 0, 1);
    assert_true(ledger_charge(fixture->ledger, LEDGER_REDIS_COMMANDS, 4));
    told = strstr(text(fixture, 1), "also");
    assert_non_null(told);
    assert_string_equal(told, "also Campaign: 5 loads, 1 batch of loads, 3 coalesced, 1 denied\n"
                              "why redis_down: Campaign x4: Redis cannot be reached\n"
                              "why limit_near: max_redis_commands: 4 of 5 are taken\n"
                              "n+1 suspect: Campaign by id: 3 batches of one\n");
}

static void no_line_is_wider_than_the_screen_and_the_table_stays_straight(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {
        "A", "A name that is far too long for its column",
        "\xc3\x9c\xc3\xb6\xc3\xa4\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 and some more text"};
    const char *line = NULL;
    size_t lines = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct account *account = entity(fixture, names[i]);

        for (size_t counter = 0; counter < TALLY_COUNT; counter++)
            account_note(account, (enum tally_counter)counter, i ? UINT64_MAX : 99999);
        for (size_t why = 0; why < WHY_COUNT; why++)
            account_why(account, (enum why)why, UINT64_MAX);
    }
    line = text(fixture, INT64_MAX);
    assert_true(text_is_utf8(line, strlen(line)));
    for (const char *end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const size_t width = columns(line, (size_t)(end - line));

        assert_in_range(width, 1, WIDTH);
        if (lines >= 1 && lines <= sizeof(names) / sizeof(names[0]))
            assert_int_equal(width, WIDTH);
        lines++;
    }
    assert_int_equal(*line, '\0');
}

static void without_memory_there_is_no_text(void **state)
{
    struct fixture *fixture = *state;

    entity(fixture, "Campaign");
    test_allocator_fail_at(&fixture->memory, 1, true);
    assert_false(ledger_report_text(fixture->ledger, 1, &fixture->buffer));
    assert_int_equal(fixture->buffer.length, 0);
    test_allocator_fail_at(&fixture->memory, 0, false);
    assert_true(ledger_report_text(fixture->ledger, 1, &fixture->buffer));
}

static void the_story_names_who_ran_statements_and_fits(void **state)
{
    struct fixture *fixture = *state;
    char story[64];
    char short_story[8];

    account_add(entity(fixture, "Campaign"), TALLY_SQL_QUERIES, 3);
    account_add(entity(fixture, "Cached"), TALLY_HITS, 3);
    account_add(ledger_account(fixture->ledger, ACCOUNT_RELATION, "Campaign", "events"),
                TALLY_SQL_QUERIES, 1);
    ledger_story(fixture->ledger, story, sizeof(story));
    assert_string_equal(story, "Campaign: 3, Campaign.events: 1");
    ledger_story(fixture->ledger, short_story, sizeof(short_story));
    assert_string_equal(short_story, "Campaig");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_account_is_a_line_with_its_numbers_in_their_columns,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_worth_a_look_stands_below, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            no_line_is_wider_than_the_screen_and_the_table_stays_straight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_there_is_no_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_story_names_who_ran_statements_and_fits, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
