/* Proves what an operation takes of its request's limits, that one above is refused before anything
 * is sent for it, and that nobody else notices. */
#include "world.h"

static const int64_t one[] = {1};
static const int64_t two[] = {2};
static const int64_t three[] = {3};
static const int64_t both[] = {1, 2};

static int set_up(void **state)
{
    struct world *world = world_new();

    for (int64_t id = 1; id <= 6; id++)
        fake_db_put(&world->db, "users", id, "row", 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    world_free(*state);
    return 0;
}

/* Reads in the request; what it came to. */
static entc_status read_in(struct world *world, struct entc_request *request, const int64_t *ids,
                           size_t count)
{
    entc_op *op = world_get_in(world, request, ids, count);
    entc_status status = ENTC_OK;

    world_settle(world);
    assert_true(engine_op_is_done(op));
    status = op->status;
    engine_op_unref(op);
    return status;
}

static void a_cold_read_takes_an_mget_a_lease_and_a_fill_a_statement_and_a_row(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 1, 3, 1);

    assert_int_equal(read_in(world, request, one, 1), ENTC_OK);
    assert_int_equal(world_charged(request, LEDGER_SQL_QUERIES), 1);
    assert_int_equal(world_charged(request, LEDGER_REDIS_COMMANDS), 3);
    assert_int_equal(world_charged(request, LEDGER_ROWS), 1);
    assert_int_equal(world_counter(request->tally, TALLY_REDIS_COMMANDS), 3);
    assert_int_equal(world_counter(request->tally, TALLY_SQL_QUERIES), 1);
    assert_int_equal(world_counter(request->tally, TALLY_LIMITED), 0);
    repository_request_unref(request);
}

static void a_hit_takes_one_command_and_nothing_else(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 1, 2, 1);

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    for (int i = 0; i < 2; i++)
        assert_int_equal(read_in(world, request, one, 1), ENTC_OK);
    assert_int_equal(world_charged(request, LEDGER_SQL_QUERIES), 0);
    assert_int_equal(world_charged(request, LEDGER_ROWS), 0);
    assert_journal(world, "MGET User-1\nMGET User-1\n");
    assert_int_equal(read_in(world, request, one, 1), ENTC_E_LIMIT);
    assert_journal(world, "");
    repository_request_unref(request);
}

static void a_lease_that_could_not_be_ended_is_not_asked_for(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 0, 2, 0);

    assert_int_equal(read_in(world, request, one, 1), ENTC_E_LIMIT);
    assert_journal(world, "MGET User-1\n");
    assert_int_equal(world_charged(request, LEDGER_REDIS_COMMANDS), 1);
    repository_request_unref(request);
}

static void a_statement_above_the_limit_is_not_sent_and_its_lease_is_given_back(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 1, 0, 0);
    entc_op *op = NULL;

    assert_int_equal(read_in(world, request, one, 1), ENTC_OK);
    fake_journal_take(&world->journal);
    op = world_get_in(world, request, two, 1);
    world_settle(world);
    assert_done(op, ENTC_E_LIMIT);
    assert_string_equal(entc_error_message(op->error),
                        "get_many of entity 'User': the request's max_sql_queries is 1, of which 1 "
                        "are taken, and this needs 1 more");
    assert_journal(world, "MGET User-2\nLEASE User-2\nUNLEASE User-2\n");
    assert_counter(world, SQL_QUERIES, 1);
    assert_counter(world, LIMITED, 1);
    assert_int_equal(world_account(request, "User", TALLY_LIMITED), 1);
    assert_int_equal(world_why(request, "User", WHY_LIMIT_REACHED), 1);
    engine_op_unref(op);
    repository_request_unref(request);
}

static void rows_above_the_limit_are_no_half_answer_but_do_fill_the_cache(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 0, 0, 1);
    struct entc_entity *entities[2] = {(struct entc_entity *)world, NULL};
    entc_op *op = world_get_in(world, request, both, 2);

    world_settle(world);
    assert_done(op, ENTC_E_LIMIT);
    assert_int_equal(repository_op_take(op, entities, NULL, 2), ENTC_E_LIMIT);
    assert_null(entities[0]);
    assert_int_equal(world_charged(request, LEDGER_ROWS), 0);
    assert_non_null(fake_cache_value(&world->cache, "User-2"));
    assert_int_equal(read_in(world, request, both, 2), ENTC_OK);
    engine_op_unref(op);
    repository_request_unref(request);
}

static void an_id_asked_often_is_taken_once(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 1, 3, 1);
    const int64_t again[] = {1, 1, 1};
    entc_op *first = world_get_in(world, request, again, 3);
    entc_op *second = world_get_in(world, request, one, 1);

    world_settle(world);
    assert_done(first, ENTC_OK);
    assert_done(second, ENTC_OK);
    assert_int_equal(world_charged(request, LEDGER_REDIS_COMMANDS), 3);
    assert_int_equal(world_charged(request, LEDGER_ROWS), 1);
    engine_op_unref(first);
    engine_op_unref(second);
    repository_request_unref(request);
}

/* One MGET, and two for each of the leases. */
static void the_operation_that_goes_over_is_refused_and_its_neighbours_are_not(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 0, 5, 0);
    const int64_t many[] = {3, 4};
    entc_op *first = world_get_in(world, request, one, 1);
    entc_op *large = world_get_in(world, request, many, 2);
    entc_op *last = world_get_in(world, request, two, 1);

    world_settle(world);
    assert_done(first, ENTC_OK);
    assert_done(large, ENTC_E_LIMIT);
    assert_done(last, ENTC_OK);
    assert_journal(world, "MGET User-1 User-3 User-4 User-2\nLEASE User-1 User-2\nIDS 1 2\n"
                          "FILL User-1={\"id\":1,\"name\":\"row\"} "
                          "User-2={\"id\":2,\"name\":\"row\"}\n");
    engine_op_unref(first);
    engine_op_unref(large);
    engine_op_unref(last);
    repository_request_unref(request);
}

static void what_a_refused_operation_shared_is_taken_by_the_one_that_goes_on(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 0, 3, 0);
    entc_op *large = world_get_in(world, request, both, 2);
    entc_op *small = world_get_in(world, request, one, 1);

    world_settle(world);
    assert_done(large, ENTC_E_LIMIT);
    assert_done(small, ENTC_OK);
    assert_int_equal(world_charged(request, LEDGER_REDIS_COMMANDS), 3);
    engine_op_unref(large);
    engine_op_unref(small);
    repository_request_unref(request);
}

static void others_in_the_batch_get_what_a_limited_request_does_not(void **state)
{
    struct world *world = *state;
    struct entc_request *poor = world_request_limited(world, 0, 0, 1);
    struct entc_request *rich = world_request_limited(world, 1, 9, 9);
    const int64_t shared[] = {1, 2, 3};
    entc_op *denied = world_get_in(world, poor, both, 2);
    entc_op *limited = world_get_in(world, rich, shared, 3);
    entc_op *free = world_get(world, both, 2);

    world_settle(world);
    assert_done(denied, ENTC_E_LIMIT);
    for (size_t i = 0; i < 3; i++)
        assert_user(limited, i, shared[i], "row");
    for (size_t i = 0; i < 2; i++)
        assert_user(free, i, both[i], "row");
    assert_counter(world, SQL_QUERIES, 1);
    /* Each is charged for what it asked itself. */
    assert_int_equal(world_charged(rich, LEDGER_ROWS), 3);
    assert_int_equal(world_charged(rich, LEDGER_REDIS_COMMANDS), 7);
    engine_op_unref(denied);
    engine_op_unref(limited);
    engine_op_unref(free);
    repository_request_unref(poor);
    repository_request_unref(rich);
}

static void a_request_is_charged_for_its_part_of_a_shared_batch_alone(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 1, 3, 1);
    const int64_t many[] = {2, 3, 4, 5};
    entc_op *others = world_get(world, many, 4);
    entc_op *mine = world_get_in(world, request, one, 1);

    world_settle(world);
    assert_done(others, ENTC_OK);
    assert_done(mine, ENTC_OK);
    engine_op_unref(others);
    engine_op_unref(mine);
    repository_request_unref(request);
}

static void what_a_server_that_is_down_refuses_takes_nothing(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 2, 1, 0);

    world->cache.refuses = ENTC_E_UNAVAILABLE;
    assert_int_equal(read_in(world, request, one, 1), ENTC_OK);
    assert_int_equal(read_in(world, request, one, 1), ENTC_OK);
    assert_int_equal(world_charged(request, LEDGER_REDIS_COMMANDS), 0);
    assert_int_equal(read_in(world, request, one, 1), ENTC_E_LIMIT);
    repository_request_unref(request);
    request = world_request_limited(world, 1, 0, 0);
    world->db.refuses = ENTC_E_UNAVAILABLE;
    assert_int_equal(read_in(world, request, one, 1), ENTC_E_UNAVAILABLE);
    assert_int_equal(world_charged(request, LEDGER_SQL_QUERIES), 0);
    repository_request_unref(request);
}

static void a_statement_that_is_repeated_is_taken_twice(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 1, 0, 0);
    entc_op *op = world_get_in(world, request, one, 1);

    world->db.is_held = true;
    world_settle(world);
    world_db_fail(world, 0, ENTC_E_UNAVAILABLE, true, "lost");
    world_settle(world);
    assert_done(op, ENTC_E_LIMIT);
    engine_op_unref(op);
    repository_request_unref(request);
}

/* The winner's rows are taken; its neighbour lost a lease and asks the cache once more. */
static void one_that_waits_for_others_is_refused_when_it_asks_again(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 0, 3, 0);
    entc_op *op = NULL;

    world->cache.lease_result = 0;
    op = world_get_in(world, request, one, 1);
    world_settle(world);
    world_advance(world, 2000);
    world_settle(world);
    assert_done(op, ENTC_E_LIMIT);
    assert_journal(world, "MGET User-1\nLEASE User-1\n");
    engine_op_unref(op);
    repository_request_unref(request);
}

static void one_that_lost_its_lease_goes_on_when_the_winner_is_refused(void **state)
{
    struct world *world = *state;
    struct entc_request *request = world_request_limited(world, 1, 0, 0);
    entc_op *winner = NULL;
    entc_op *loser = NULL;

    assert_int_equal(read_in(world, request, two, 1), ENTC_OK);
    fake_cache_entry(&world->cache, "User-3")->lease[0] = 'x';
    fake_journal_take(&world->journal);
    winner = world_get_in(world, request, one, 1);
    loser = world_get(world, three, 1);
    world_settle(world);
    assert_done(winner, ENTC_E_LIMIT);
    assert_under_way(loser);
    world_advance(world, 2000);
    world_settle(world);
    assert_user(loser, 0, 3, "row");
    assert_journal(world,
                   "MGET User-1 User-3\nLEASE User-1 User-3\nMGET User-3\nUNBLOCK User-3\nIDS 3\n"
                   "UNLEASE User-1\n");
    engine_op_unref(winner);
    engine_op_unref(loser);
    repository_request_unref(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_cold_read_takes_an_mget_a_lease_and_a_fill_a_statement_and_a_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hit_takes_one_command_and_nothing_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_lease_that_could_not_be_ended_is_not_asked_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_statement_above_the_limit_is_not_sent_and_its_lease_is_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            rows_above_the_limit_are_no_half_answer_but_do_fill_the_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_id_asked_often_is_taken_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_operation_that_goes_over_is_refused_and_its_neighbours_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_a_refused_operation_shared_is_taken_by_the_one_that_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_in_the_batch_get_what_a_limited_request_does_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_is_charged_for_its_part_of_a_shared_batch_alone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_server_that_is_down_refuses_takes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_statement_that_is_repeated_is_taken_twice, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_waits_for_others_is_refused_when_it_asks_again,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_lost_its_lease_goes_on_when_the_winner_is_refused,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
