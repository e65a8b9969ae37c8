/* Proves that an operation which ends early (deadline, cancel, close) lets go of all it waited for,
 * and that nobody who shares its flight notices. */
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

static const int64_t one[] = {1};
static const int64_t two[] = {2};
static const int64_t both[] = {1, 2};

static void cancel(struct world *world, entc_op *op)
{
    engine_op_cancel(op);
    world_turn(world);
    assert_done(op, ENTC_E_CANCELLED);
}

static void a_cancelled_operation_does_not_disturb_another_of_its_flight(void **state)
{
    struct world *world = *state;
    entc_op *first = world_get(world, both, 2);
    entc_op *second = world_get(world, two, 1);

    world->db.is_held = true;
    world_settle(world);
    cancel(world, first);
    assert_under_way(second);
    world_db_answer(world);
    world_settle(world);
    assert_user(second, 0, 2, "bob");
    assert_journal(world, "MGET User-1 User-2\nLEASE User-1 User-2\nIDS 1 2\n"
                          "FILL User-1={\"id\":1,\"name\":\"ann\"} "
                          "User-2={\"id\":2,\"name\":\"bob\"}\n");
    assert_counter(world, ERRORS, 2);
    assert_counter(world, MISSES, 3);
    engine_op_unref(first);
    engine_op_unref(second);
}

static void a_deadline_ends_its_operation_and_no_other(void **state)
{
    struct world *world = *state;
    struct repository_call call = world_call(NULL);
    entc_value id;
    entc_op *first = NULL;
    entc_op *second = world_get(world, one, 1);

    call.deadline_us = world_now() + 1000;
    world_value(&id, 1);
    assert_int_equal(repository_get_many(world->users, &id, 1, &call, &first, NULL), ENTC_OK);
    world->db.is_held = true;
    world_settle(world);
    world_advance(world, 1000);
    assert_done(first, ENTC_E_TIMEOUT);
    assert_int_equal(entc_error_is_timeout(first->error), 1);
    assert_under_way(second);
    world_db_answer(world);
    assert_user(second, 0, 1, "ann");
    engine_op_unref(first);
    engine_op_unref(second);
}

static void the_query_gets_the_latest_deadline_of_its_operations(void **state)
{
    struct world *world = *state;
    struct repository_call call = world_call(NULL);
    entc_value id;
    entc_op *first = world_get(world, one, 1);
    entc_op *second = NULL;

    call.deadline_us += 77;
    world_value(&id, 1);
    assert_int_equal(repository_get_many(world->users, &id, 1, &call, &second, NULL), ENTC_OK);
    world->db.is_held = true;
    world_settle(world);
    assert_true(world->db.pending[0]->deadline_us == call.deadline_us);
    engine_op_unref(first);
    engine_op_unref(second);
}

static void nothing_is_asked_for_whom_nobody_waits(void **state)
{
    struct world *world = *state;
    entc_op *first = world_get(world, both, 2);
    entc_op *second = world_get(world, two, 1);

    world->cache.is_held = true;
    world_turn(world);
    cancel(world, first);
    world_cache_answer(world);
    assert_journal(world, "MGET User-1 User-2\nLEASE User-2\n");
    world->cache.is_held = false;
    world_cache_answer(world);
    world_settle(world);
    assert_user(second, 0, 2, "bob");
    engine_op_unref(first);
    engine_op_unref(second);
}

static void a_lease_won_for_nobody_is_given_back_unused(void **state)
{
    struct world *world = *state;
    entc_op *first = world_get(world, both, 2);
    entc_op *second = world_get(world, two, 1);

    world->cache.is_held = true;
    world_turn(world);
    world_cache_answer(world);
    cancel(world, first);
    world->cache.is_held = false;
    world_cache_answer(world);
    world_settle(world);
    assert_user(second, 0, 2, "bob");
    assert_journal(world, "MGET User-1 User-2\nLEASE User-1 User-2\nIDS 2\n"
                          "FILL User-2={\"id\":2,\"name\":\"bob\"}\nUNLEASE User-1\n");
    assert_string_equal(fake_cache_entry(&world->cache, "User-1")->lease, "");
    engine_op_unref(first);
    engine_op_unref(second);
}

static void slots_answered_before_the_end_are_not_counted_twice(void **state)
{
    struct world *world = *state;
    entc_op *op = world_get(world, both, 2);
    entc_entity *entities[2] = {(entc_entity *)world, (entc_entity *)world};

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    world->db.is_held = true;
    world_settle(world);
    cancel(world, op);
    assert_counter(world, HITS, 1);
    assert_counter(world, MISSES, 1);
    assert_counter(world, ERRORS, 1);
    assert_int_equal(repository_op_take(op, entities, NULL, 2), ENTC_E_CANCELLED);
    assert_null(entities[0]);
    assert_null(entities[1]);
    engine_op_unref(op);
}

static void an_operation_cancelled_before_the_batch_was_sent_is_not_asked_for(void **state)
{
    struct world *world = *state;
    entc_op *first = world_get(world, both, 2);
    entc_op *second = world_get(world, two, 1);

    engine_op_cancel(first);
    world_settle(world);
    assert_done(first, ENTC_E_CANCELLED);
    assert_user(second, 0, 2, "bob");
    assert_journal(world, "MGET User-2\nLEASE User-2\nIDS 2\n"
                          "FILL User-2={\"id\":2,\"name\":\"bob\"}\n");
    engine_op_unref(first);
    engine_op_unref(second);
    first = world_get(world, one, 1);
    engine_op_cancel(first);
    world_settle(world);
    assert_journal(world, "");
    assert_counter(world, BATCHES, 1);
    engine_op_unref(first);
}

static void the_last_one_gone_detaches_the_mget(void **state)
{
    struct world *world = *state;
    entc_op *op = world_get(world, one, 1);

    world->cache.is_held = true;
    world_turn(world);
    cancel(world, op);
    assert_journal(world, "MGET User-1\ndetach MGET User-1\n");
    engine_op_unref(op);
}

static void the_last_one_gone_gives_back_a_lease_that_may_have_been_won(void **state)
{
    struct world *world = *state;
    entc_op *op = world_get(world, one, 1);

    world->cache.is_held = true;
    world_turn(world);
    world_cache_answer(world);
    cancel(world, op);
    assert_journal(world, "MGET User-1\nLEASE User-1\ndetach LEASE User-1\nUNLEASE User-1\n");
    engine_op_unref(op);
}

static void the_last_one_gone_detaches_the_query_and_gives_the_leases_back(void **state)
{
    struct world *world = *state;
    entc_op *first = world_get(world, both, 2);
    entc_op *second = world_get(world, two, 1);

    world->db.is_held = true;
    world_settle(world);
    cancel(world, first);
    cancel(world, second);
    world_settle(world);
    assert_journal(world, "MGET User-1 User-2\nLEASE User-1 User-2\nIDS 1 2\ndetach IDS 1 2\n"
                          "UNLEASE User-1 User-2\n");
    assert_string_equal(fake_cache_entry(&world->cache, "User-1")->lease, "");
    engine_op_unref(first);
    engine_op_unref(second);
}

static void the_last_one_gone_ends_the_losers_pause(void **state)
{
    struct world *world = *state;
    entc_op *op = world_get(world, one, 1);

    world->cache.lease_result = 0;
    world_settle(world);
    cancel(world, op);
    world_advance(world, 10000);
    world_settle(world);
    assert_journal(world, "MGET User-1\nLEASE User-1\n");
    engine_op_unref(op);
}

static void a_done_operation_is_not_ended_again(void **state)
{
    struct world *world = *state;
    entc_op *op = world_read(world, one, 1, ENTC_OK);

    engine_op_cancel(op);
    world_settle(world);
    assert_user(op, 0, 1, "ann");
    engine_op_unref(op);
}

/* ---- close ---- */

static void closing_the_repository_ends_what_is_under_way_at_every_step(void **state)
{
    struct world *world = *state;
    entc_op *in_query = world_get(world, one, 1);
    entc_op *in_mget = NULL;
    entc_op *in_inbox = NULL;
    entc_error *error = NULL;
    const struct repository_call call = world_call(NULL);

    world->db.is_held = true;
    world_settle(world);
    world->cache.is_held = true;
    in_mget = world_get(world, both, 2);
    world_turn(world);
    in_inbox = world_get(world, two, 1);
    repository_close(world->users);
    assert_int_equal(repository_get_many(world->users, NULL, 0, &call, NULL, &error),
                     ENTC_E_CLOSED);
    assert_non_null(strstr(entc_error_message(error), "User"));
    entc_error_free(error);
    world_turn(world);
    assert_done(in_query, ENTC_E_CLOSED);
    assert_done(in_mget, ENTC_E_CLOSED);
    assert_done(in_inbox, ENTC_E_CLOSED);
    assert_non_null(strstr(entc_error_message(in_mget->error), "User"));
    assert_journal(world, "MGET User-1\nLEASE User-1\nIDS 1\nMGET User-1 User-2\n"
                          "detach IDS 1\nUNLEASE User-1\ndetach MGET User-1 User-2\n");
    engine_op_unref(in_query);
    engine_op_unref(in_mget);
    engine_op_unref(in_inbox);
}

static void a_repository_may_be_freed_with_operations_under_way(void **state)
{
    struct world *world = *state;
    entc_op *op = world_get(world, one, 1);

    world->db.is_held = true;
    world_settle(world);
    repository_close(world->users);
    repository_unref(world->users);
    world->users = NULL;
    world_settle(world);
    assert_done(op, ENTC_E_CLOSED);
    engine_op_unref(op);
}

static void the_engine_may_be_closed_with_operations_and_fills_under_way(void **state)
{
    struct world *world = *state;
    entc_op *filling = world_get(world, one, 1);
    entc_op *querying = NULL;

    world_turn(world);
    world_turn(world);
    world->cache.is_held = true;
    world_turn(world);
    assert_user(filling, 0, 1, "ann");
    world->cache.is_held = false;
    querying = world_get(world, two, 1);
    world->db.is_held = true;
    world_settle(world);
    world->cache.is_held = true;
    assert_int_equal(engine_close(world->engine, 0, NULL, NULL), ENTC_OK);
    assert_done(querying, ENTC_E_CLOSED);
    repository_services_shutdown(world->services);
    assert_int_equal(world->cache.pending_count, 0);
    engine_op_unref(filling);
    engine_op_unref(querying);
}

static void a_closed_engine_refuses_with_its_story(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    entc_error *error = NULL;
    entc_op *op = NULL;
    entc_value id;

    world_value(&id, 1);
    assert_int_equal(engine_close(world->engine, 0, NULL, NULL), ENTC_OK);
    assert_int_equal(repository_get_many(world->users, &id, 1, &call, &op, &error), ENTC_E_CLOSED);
    assert_string_equal(entc_error_message(error), "the engine is closed");
    assert_int_equal(repository_host_op_new(world->engine, 1, &call, &op, &error), ENTC_E_CLOSED);
    assert_null(op);
    entc_error_free(error);
}

static void entities_outlive_repository_and_engine(void **state)
{
    struct world *world = *state;
    entc_op *op = world_read(world, one, 1, ENTC_OK);
    entc_entity *entity = NULL;
    const struct user *user = NULL;

    assert_int_equal(repository_op_take(op, &entity, NULL, 1), ENTC_OK);
    engine_op_unref(op);
    repository_close(world->users);
    repository_unref(world->users);
    world->users = NULL;
    assert_int_equal(engine_close(world->engine, 0, NULL, NULL), ENTC_OK);
    user = entity_record(entity);
    assert_string_equal(user->name.ptr, "ann");
    entity_unref(entity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_cancelled_operation_does_not_disturb_another_of_its_flight),
        TEST(a_deadline_ends_its_operation_and_no_other),
        TEST(the_query_gets_the_latest_deadline_of_its_operations),
        TEST(nothing_is_asked_for_whom_nobody_waits),
        TEST(a_lease_won_for_nobody_is_given_back_unused),
        TEST(slots_answered_before_the_end_are_not_counted_twice),
        TEST(an_operation_cancelled_before_the_batch_was_sent_is_not_asked_for),
        TEST(the_last_one_gone_detaches_the_mget),
        TEST(the_last_one_gone_gives_back_a_lease_that_may_have_been_won),
        TEST(the_last_one_gone_detaches_the_query_and_gives_the_leases_back),
        TEST(the_last_one_gone_ends_the_losers_pause),
        TEST(a_done_operation_is_not_ended_again),
        TEST(closing_the_repository_ends_what_is_under_way_at_every_step),
        TEST(a_repository_may_be_freed_with_operations_under_way),
        TEST(the_engine_may_be_closed_with_operations_and_fills_under_way),
        TEST(a_closed_engine_refuses_with_its_story),
        TEST(entities_outlive_repository_and_engine),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
