/* Proves that a ledger gives each thing one account, whatever else happens; that counts reach all
 * who must know; that its memory is bounded; and what a charge is refused. */
#include "allocator.h"
#include "observe/observe.h"
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define ROUNDS 2000
#define NAMES 16

struct fixture {
    struct test_allocator memory;
    struct tally *engine;
    struct tally *total;
    struct ledger *ledger;
};

static const uint64_t limits[LEDGER_LIMITS] = {[LEDGER_SQL_QUERIES] = 3};

static int set_up(void **state)
{
    struct fixture *fixture = malloc(sizeof(*fixture));

    assert_non_null(fixture);
    test_allocator_init(&fixture->memory);
    fixture->engine = tally_new(&fixture->memory.allocator);
    fixture->total = tally_new(&fixture->memory.allocator);
    assert_non_null(fixture->engine);
    assert_non_null(fixture->total);
    fixture->ledger = ledger_new(&fixture->memory.allocator, fixture->total, limits);
    assert_non_null(fixture->ledger);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    size_t live = 0;

    ledger_unref(fixture->ledger);
    tally_unref(fixture->total);
    tally_unref(fixture->engine);
    live = test_allocator_live(&fixture->memory);
    free(fixture);
    return live == 0 ? 0 : -1;
}

static struct account *entity(struct fixture *fixture, const char *name)
{
    return ledger_account(fixture->ledger, ACCOUNT_ENTITY, NULL, name);
}

static uint64_t count_of(const _Atomic uint64_t *counts, size_t counter)
{
    return atomic_load(&counts[counter]);
}

static void a_thing_has_one_account_and_others_have_theirs(void **state)
{
    struct fixture *fixture = *state;
    struct account *campaign = entity(fixture, "Campaign");
    struct account *events =
        ledger_account(fixture->ledger, ACCOUNT_RELATION, "Campaign", "events");
    char name[] = "Campaign";

    assert_ptr_equal(entity(fixture, name), campaign);
    name[0] = 'X';
    assert_string_equal(campaign->name, "Campaign");
    assert_ptr_not_equal(entity(fixture, name), campaign);
    assert_ptr_equal(ledger_account(fixture->ledger, ACCOUNT_RELATION, "Campaign", "events"),
                     events);
    assert_ptr_not_equal(ledger_account(fixture->ledger, ACCOUNT_RELATION, "Venue", "events"),
                         events);
    assert_ptr_not_equal(entity(fixture, "events"), events);
    assert_ptr_not_equal(ledger_account(fixture->ledger, ACCOUNT_LOADER, NULL, "Campaign"),
                         campaign);
    assert_null(ledger_account(NULL, ACCOUNT_ENTITY, NULL, "Campaign"));
}

static void a_count_reaches_the_engine_the_request_and_the_account_once(void **state)
{
    struct fixture *fixture = *state;
    struct account *campaign = entity(fixture, "Campaign");
    struct account *event = entity(fixture, "Event");

    account_count(fixture->engine, campaign, TALLY_HITS, 3);
    account_count(fixture->engine, event, TALLY_HITS, 4);
    account_count(fixture->engine, NULL, TALLY_HITS, 5);
    assert_int_equal(count_of(campaign->counts, TALLY_HITS), 3);
    assert_int_equal(count_of(event->counts, TALLY_HITS), 4);
    assert_int_equal(count_of(fixture->total->counts, TALLY_HITS), 7);
    assert_int_equal(count_of(fixture->engine->counts, TALLY_HITS), 12);
    account_note(campaign, TALLY_BATCHES, 1);
    assert_int_equal(count_of(campaign->counts, TALLY_BATCHES), 1);
    assert_int_equal(count_of(fixture->total->counts, TALLY_BATCHES), 0);
}

static void without_memory_what_is_counted_is_still_in_the_sum(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = NULL;

    test_allocator_fail_at(&fixture->memory, 1, true);
    account = entity(fixture, "Campaign");
    test_allocator_fail_at(&fixture->memory, 0, false);
    assert_ptr_equal(account, &fixture->ledger->others);
    account_count(fixture->engine, account, TALLY_HITS, 3);
    account_run(account, SHAPE_BY_ID, 0, 1);
    assert_int_equal(count_of(fixture->total->counts, TALLY_HITS), 3);
    assert_int_equal(atomic_load(&account->shapes[0].runs), 0);
    assert_ptr_not_equal(entity(fixture, "Campaign"), account);
}

static void more_accounts_than_there_may_be_share_one(void **state)
{
    struct fixture *fixture = *state;
    char name[32];

    for (unsigned i = 0; i < LEDGER_ACCOUNTS_MAX; i++) {
        snprintf(name, sizeof(name), "E%u", i);
        assert_ptr_not_equal(entity(fixture, name), &fixture->ledger->others);
    }
    assert_ptr_equal(entity(fixture, "Last"), &fixture->ledger->others);
    assert_ptr_not_equal(entity(fixture, "E0"), &fixture->ledger->others);
}

static void more_shapes_than_there_may_be_are_not_kept(void **state)
{
    struct fixture *fixture = *state;
    struct account *events =
        ledger_account(fixture->ledger, ACCOUNT_RELATION, "Campaign", "events");

    for (uint64_t shape = 0; shape < 2 * ACCOUNT_SHAPES; shape++)
        account_run(events, SHAPE_PAGES, shape, 1);
    account_run(events, SHAPE_PAGES, 0, 5);
    account_run(events, SHAPE_LIST, 0, 1);
    assert_int_equal(atomic_load(&events->shapes[0].runs), 2);
    assert_int_equal(atomic_load(&events->shapes[0].singles), 1);
    assert_int_equal(atomic_load(&events->shapes[ACCOUNT_SHAPES - 1].runs), 1);
    /* Each run of another shape than the first is a statement more. */
    assert_int_equal(count_of(events->whys, WHY_BATCH_SHAPE), 2 * ACCOUNT_SHAPES - 1);
}

static void a_charge_up_to_the_limit_is_taken_and_one_above_is_not(void **state)
{
    struct fixture *fixture = *state;
    entc_error *error = NULL;

    assert_true(ledger_charge(fixture->ledger, LEDGER_SQL_QUERIES, 2));
    assert_false(ledger_charge(fixture->ledger, LEDGER_SQL_QUERIES, 2));
    assert_true(ledger_charge(fixture->ledger, LEDGER_SQL_QUERIES, 1));
    assert_false(ledger_charge(fixture->ledger, LEDGER_SQL_QUERIES, 1));
    assert_false(ledger_charge(fixture->ledger, LEDGER_SQL_QUERIES, UINT64_MAX));
    assert_int_equal(
        account_refuse(entity(fixture, "Campaign"), LEDGER_SQL_QUERIES, 1, "a test", &error),
        ENTC_E_LIMIT);
    assert_string_equal(entc_error_message(error), "a test: the request's max_sql_queries is 3, of "
                                                   "which 3 are taken, and this needs 1 more");
    assert_non_null(strstr(entc_error_hint(error), "entc_request_options.max_sql_queries"));
    entc_error_free(error);
    ledger_refund(fixture->ledger, LEDGER_SQL_QUERIES, 1);
    assert_true(ledger_charge(fixture->ledger, LEDGER_SQL_QUERIES, 1));
    /* None is set for rows. */
    assert_true(ledger_charge(fixture->ledger, LEDGER_ROWS, UINT64_MAX));
    assert_true(ledger_charge(fixture->ledger, LEDGER_ROWS, UINT64_MAX));
}

static void without_memory_there_is_no_ledger(void **state)
{
    struct fixture *fixture = *state;

    test_allocator_fail_at(&fixture->memory, 1, false);
    assert_null(ledger_new(&fixture->memory.allocator, fixture->total, NULL));
    test_allocator_fail_at(&fixture->memory, 0, false);
    assert_null(ledger_ref(NULL));
    ledger_unref(NULL);
}

static void *count_in_all(void *user)
{
    struct fixture *fixture = user;

    for (int i = 0; i < ROUNDS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "E%d", i % NAMES);
        account_count(fixture->engine, entity(fixture, name), TALLY_HITS, 1);
        account_run(entity(fixture, name), SHAPE_BY_ID, 0, 1);
    }
    ledger_unref(fixture->ledger);
    return NULL;
}

static void threads_share_accounts_and_lose_no_count(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        ledger_ref(fixture->ledger);
        assert_int_equal(pthread_create(&threads[i], NULL, count_in_all, fixture), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&fixture->ledger->count), NAMES);
    assert_int_equal(count_of(fixture->total->counts, TALLY_HITS), THREADS * ROUNDS);
    assert_int_equal(count_of(entity(fixture, "E0")->counts, TALLY_HITS), THREADS * ROUNDS / NAMES);
    assert_int_equal(atomic_load(&entity(fixture, "E0")->shapes[0].runs), THREADS * ROUNDS / NAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_thing_has_one_account_and_others_have_theirs, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_count_reaches_the_engine_the_request_and_the_account_once,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_what_is_counted_is_still_in_the_sum, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(more_accounts_than_there_may_be_share_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(more_shapes_than_there_may_be_are_not_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_charge_up_to_the_limit_is_taken_and_one_above_is_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_there_is_no_ledger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_share_accounts_and_lose_no_count, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
