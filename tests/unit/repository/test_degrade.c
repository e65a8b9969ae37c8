/* Proves what a read does when a server fails it: a cache fault never fails a read while the
 * database answers, and without the database hits are served and misses fail at once, and say so.
 */
#include "world.h"

static int set_up(void **state)
{
    struct world *world = world_new();

    fake_db_put(&world->db, "users", 1, "ann", 0);
    fake_db_put(&world->db, "users", 2, "bob", 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    world_free(*state);
    return 0;
}

/* ---- the cache ---- */

static void without_a_cache_the_database_is_asked_at_once(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 9};
    entc_op *op = NULL;

    world->services->cache = NULL;
    op = world_read(world, ids, 2, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_slot(op, 1, ENTC_E_NOT_FOUND);
    assert_journal(world, "IDS 1 9\n");
    assert_counter(world, REDIS_FAILURES, 0);
    assert_counter(world, MISSES, 2);
    assert_counter(world, FILLS, 0);
    engine_op_unref(op);
}

static void a_cache_that_refuses_costs_a_failure_and_no_fill(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = NULL;

    world->cache.refuses = ENTC_E_UNAVAILABLE;
    op = world_read(world, ids, 1, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_journal(world, "IDS 1\n");
    assert_counter(world, REDIS_FAILURES, 1);
    assert_counter(world, REDIS_COMMANDS, 0);
    engine_op_unref(op);
}

static void a_cache_that_fails_the_mget_is_done_without(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    /* What a connection said before it failed is not believed. */
    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"cached\"}");
    world->cache.is_held = true;
    world_turn(world);
    world_cache_fail(world, 1, false);
    world_settle(world);
    assert_user(op, 0, 1, "ann");
    assert_user(op, 1, 2, "bob");
    assert_journal(world, "MGET User-1 User-2\nIDS 1 2\n");
    assert_counter(world, REDIS_FAILURES, 1);
    assert_counter(world, HITS, 0);
    engine_op_unref(op);
}

static void an_mget_whose_connection_was_lost_is_repeated_once(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"cached\"}");
    fake_cache_put(&world->cache, "User-2", "{\"id\":2,\"name\":\"cached\"}");
    world->cache.is_held = true;
    world_turn(world);
    world_cache_fail(world, 1, true);
    world_settle(world);
    world_cache_answer(world);
    assert_user(op, 0, 1, "cached");
    assert_user(op, 1, 2, "cached");
    assert_journal(world, "MGET User-1 User-2\nMGET User-1 User-2\n");
    assert_counter(world, REDIS_FAILURES, 0);
    assert_counter(world, REDIS_MGETS, 2);
    engine_op_unref(op);
}

static void an_mget_lost_twice_is_done_without(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    world->cache.is_held = true;
    world_turn(world);
    world_cache_fail(world, 0, true);
    world_cache_fail(world, 0, true);
    world_settle(world);
    assert_user(op, 0, 1, "ann");
    assert_journal(world, "MGET User-1\nMGET User-1\nIDS 1\n");
    assert_counter(world, REDIS_FAILURES, 1);
    engine_op_unref(op);
}

static void leases_that_fail_are_done_without_and_nothing_is_filled(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    world->cache.is_held = true;
    world_turn(world);
    world_cache_answer(world);
    world_cache_fail(world, 1, true);
    world_settle(world);
    assert_user(op, 0, 1, "ann");
    assert_journal(world, "MGET User-1\nLEASE User-1\nIDS 1\n");
    assert_counter(world, REDIS_FAILURES, 1);
    engine_op_unref(op);
}

static void a_slow_mget_is_given_up_at_the_budget_and_what_was_answered_counts(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"cached\"}");
    world->cache.is_held = true;
    world_turn(world);
    world_cache_deliver(world, 1);
    world_advance(world, WORLD_REDIS_TIMEOUT_US - 1);
    assert_journal(world, "MGET User-1 User-2\n");
    world_advance(world, 1);
    world_settle(world);
    assert_journal(world, "detach MGET User-1 User-2\nIDS 2\n");
    assert_user(op, 0, 1, "cached");
    assert_user(op, 1, 2, "bob");
    assert_counter(world, HITS, 1);
    assert_counter(world, MISSES, 1);
    assert_counter(world, FILLS, 0);
    assert_counter(world, REDIS_FAILURES, 1);
    assert_counter(world, REDIS_US, WORLD_REDIS_TIMEOUT_US);
    engine_op_unref(op);
}

static void the_budget_is_the_sum_of_all_waits_for_the_cache_and_not_of_others(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    strcpy(fake_cache_entry(&world->cache, "User-2")->lease, "r:another");
    world->cache.is_held = true;
    world->db.is_held = true;
    world_turn(world);
    world_advance(world, 12000);
    world_cache_answer(world);
    world_advance(world, 5000);
    world_cache_answer(world);
    world_advance(world, 1000000);
    world_db_answer(world);
    assert_journal(world, "MGET User-1 User-2\nLEASE User-1 User-2\nIDS 1\n"
                          "FILL User-1={\"id\":1,\"name\":\"ann\"}\nMGET User-2\n");
    world_advance(world, 2999);
    assert_journal(world, "");
    world_advance(world, 1);
    assert_journal(world, "detach MGET User-2\nIDS 2\n");
    world_db_answer(world);
    assert_user(op, 1, 2, "bob");
    assert_counter(world, REDIS_FAILURES, 1);
    engine_op_unref(op);
}

static void a_budget_that_is_used_up_is_not_asked_for_more(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = NULL;

    world->services->redis_timeout_us = 0;
    op = world_read(world, ids, 1, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_journal(world, "IDS 1\n");
    assert_counter(world, REDIS_FAILURES, 1);
    engine_op_unref(op);
}

static void leases_that_are_too_slow_are_given_back(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    world->cache.is_held = true;
    world_turn(world);
    world_cache_answer(world);
    world_advance(world, WORLD_REDIS_TIMEOUT_US);
    world_settle(world);
    assert_journal(world,
                   "MGET User-1\nLEASE User-1\ndetach LEASE User-1\nUNLEASE User-1\nIDS 1\n");
    assert_user(op, 0, 1, "ann");
    assert_counter(world, FILLS, 0);
    assert_counter(world, REDIS_FAILURES, 1);
    engine_op_unref(op);
}

static void a_fill_that_the_cache_does_not_take_changes_nothing(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    world->db.is_held = true;
    world_settle(world);
    world->cache.refuses = ENTC_E_UNAVAILABLE;
    world_db_answer(world);
    assert_user(op, 0, 1, "ann");
    assert_counter(world, FILLS, 0);
    engine_op_unref(op);
}

/* ---- the database ---- */

static void without_a_database_hits_are_served_and_misses_fail_at_once_and_say_so(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    const int64_t miss[] = {2};
    entc_op *op = NULL;

    world->db.refuses = ENTC_E_UNAVAILABLE;
    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"cached\"}");
    op = world_read(world, ids, 2, ENTC_OK);
    assert_user(op, 0, 1, "cached");
    assert_slot(op, 1, ENTC_E_UNAVAILABLE);
    engine_op_unref(op);
    assert_journal(world, "MGET User-1 User-2\nLEASE User-2\nUNLEASE User-2\n");
    op = world_read(world, miss, 1, ENTC_E_UNAVAILABLE);
    assert_int_equal(entc_error_code(op->error), ENTC_E_UNAVAILABLE);
    assert_string_equal(entc_error_message(op->error),
                        "entity 'User': neither the cache nor the database could answer: "
                        "the server is down");
    assert_int_equal(entc_error_is_retryable(op->error), 1);
    assert_counter(world, ERRORS, 2);
    assert_counter(world, MISSES, 2);
    engine_op_unref(op);
}

static void a_query_whose_connection_was_lost_is_repeated_once(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    world->db.is_held = true;
    world_settle(world);
    world_db_fail(world, 1, ENTC_E_UNAVAILABLE, true, "connection lost");
    world_db_answer(world);
    world_settle(world);
    assert_user(op, 0, 1, "ann");
    assert_user(op, 1, 2, "bob");
    assert_journal(world, "MGET User-1 User-2\nLEASE User-1 User-2\nIDS 1 2\nIDS 1 2\n"
                          "FILL User-1={\"id\":1,\"name\":\"ann\"} "
                          "User-2={\"id\":2,\"name\":\"bob\"}\n");
    assert_counter(world, SQL_QUERIES, 2);
    assert_counter(world, ERRORS, 0);
    engine_op_unref(op);
}

static void a_query_lost_twice_fails_and_gives_the_leases_back(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    world->db.is_held = true;
    world_settle(world);
    world_db_fail(world, 1, ENTC_E_UNAVAILABLE, true, "connection lost");
    world_db_fail(world, 0, ENTC_E_UNAVAILABLE, true, "connection lost");
    world_settle(world);
    assert_done(op, ENTC_E_UNAVAILABLE);
    assert_journal(world, "MGET User-1\nLEASE User-1\nIDS 1\nIDS 1\nUNLEASE User-1\n");
    engine_op_unref(op);
}

static void a_refused_statement_is_told_as_the_database_told_it(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);
    entc_entity *entities[2];
    entc_status statuses[2];

    world->db.is_held = true;
    world_settle(world);
    world_db_fail(world, 2, ENTC_E_SCHEMA, false, "column \"name\" is missing");
    world_settle(world);
    assert_done(op, ENTC_E_SCHEMA);
    assert_string_equal(entc_error_message(op->error), "column \"name\" is missing");
    assert_int_equal(repository_op_take(op, entities, statuses, 2), ENTC_E_SCHEMA);
    assert_null(entities[0]);
    assert_null(entities[1]);
    assert_int_equal(statuses[1], ENTC_E_SCHEMA);
    assert_counter(world, SQL_QUERIES, 1);
    engine_op_unref(op);
}

static void a_row_that_cannot_be_an_entity_fails_its_slot_and_is_not_cached(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2, 9};
    const int64_t bad[] = {1};
    entc_op *op = NULL;

    world->db.bad_id = 1;
    op = world_read(world, ids, 3, ENTC_OK);
    assert_slot(op, 0, ENTC_E_SCHEMA);
    assert_user(op, 1, 2, "bob");
    assert_slot(op, 2, ENTC_E_NOT_FOUND);
    assert_journal(world, "MGET User-1 User-2 User-9\nLEASE User-1 User-2 User-9\nIDS 1 2 9\n"
                          "FILL User-2={\"id\":2,\"name\":\"bob\"} User-9=null\n"
                          "UNLEASE User-1\n");
    assert_counter(world, ERRORS, 1);
    engine_op_unref(op);
    op = world_read(world, bad, 1, ENTC_E_SCHEMA);
    assert_string_equal(entc_error_message(op->error), "NULL in a field that is not nullable");
    engine_op_unref(op);
}

static void a_bad_row_of_a_query_that_was_lost_does_not_count(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    world->db.bad_id = 1;
    world->db.is_held = true;
    world_settle(world);
    world_db_fail(world, 2, ENTC_E_UNAVAILABLE, true, "connection lost");
    world->db.bad_id = 0;
    world_db_answer(world);
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_user(op, 1, 2, "bob");
    engine_op_unref(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(without_a_cache_the_database_is_asked_at_once),
        TEST(a_cache_that_refuses_costs_a_failure_and_no_fill),
        TEST(a_cache_that_fails_the_mget_is_done_without),
        TEST(an_mget_whose_connection_was_lost_is_repeated_once),
        TEST(an_mget_lost_twice_is_done_without),
        TEST(leases_that_fail_are_done_without_and_nothing_is_filled),
        TEST(a_slow_mget_is_given_up_at_the_budget_and_what_was_answered_counts),
        TEST(the_budget_is_the_sum_of_all_waits_for_the_cache_and_not_of_others),
        TEST(a_budget_that_is_used_up_is_not_asked_for_more),
        TEST(leases_that_are_too_slow_are_given_back),
        TEST(a_fill_that_the_cache_does_not_take_changes_nothing),
        TEST(without_a_database_hits_are_served_and_misses_fail_at_once_and_say_so),
        TEST(a_query_whose_connection_was_lost_is_repeated_once),
        TEST(a_query_lost_twice_fails_and_gives_the_leases_back),
        TEST(a_refused_statement_is_told_as_the_database_told_it),
        TEST(a_row_that_cannot_be_an_entity_fails_its_slot_and_is_not_cached),
        TEST(a_bad_row_of_a_query_that_was_lost_does_not_count),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
