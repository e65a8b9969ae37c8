/* Proves which calls share a batch: those of one turn, never one that was sent; and who is told
 * what it cost. */
#include "world.h"

static int set_up(void **state)
{
    *state = world_new();
    return 0;
}

static int tear_down(void **state)
{
    world_free(*state);
    return 0;
}

static void calls_of_one_turn_share_one_mget(void **state)
{
    struct world *world = *state;
    const int64_t first_ids[] = {1, 2};
    const int64_t second_ids[] = {2, 3, 2};
    entc_op *first = world_get(world, first_ids, 2);
    entc_op *second = world_get(world, second_ids, 3);

    for (int64_t id = 1; id <= 3; id++)
        fake_db_put(&world->db, "users", id, "row", 0);
    world_settle(world);
    for (size_t i = 0; i < 2; i++)
        assert_user(first, i, first_ids[i], "row");
    for (size_t i = 0; i < 3; i++)
        assert_user(second, i, second_ids[i], "row");
    assert_journal(world,
                   "MGET User-1 User-2 User-3\nLEASE User-1 User-2 User-3\nIDS 1 2 3\n"
                   "FILL User-1={\"id\":1,\"name\":\"row\"} "
                   "User-2={\"id\":2,\"name\":\"row\"} User-3={\"id\":3,\"name\":\"row\"}\n");
    assert_counter(world, COALESCED, 2);
    assert_counter(world, BATCHES, 1);
    assert_counter(world, MISSES, 5);
    engine_op_unref(first);
    engine_op_unref(second);
}

static void a_flight_that_was_sent_is_not_joined(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *first = world_get(world, ids, 1);
    entc_op *second = NULL;

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"old\"}");
    world->cache.is_held = true;
    world_settle(world);
    second = world_get(world, ids, 1);
    world_settle(world);
    assert_journal(world, "MGET User-1\nMGET User-1\n");
    world_cache_answer(world);
    assert_user(first, 0, 1, "old");
    assert_under_way(second);
    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"new\"}");
    world_cache_answer(world);
    assert_user(second, 0, 1, "new");
    assert_counter(world, BATCHES, 2);
    assert_counter(world, COALESCED, 0);
    engine_op_unref(first);
    engine_op_unref(second);
}

static void an_operation_of_hits_does_not_wait_for_the_misses_of_another(void **state)
{
    struct world *world = *state;
    const int64_t hit[] = {1};
    const int64_t both[] = {1, 2};
    entc_op *first = world_get(world, hit, 1);
    entc_op *second = world_get(world, both, 2);

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    world->db.is_held = true;
    world_settle(world);
    assert_user(first, 0, 1, "ann");
    assert_under_way(second);
    world_db_answer(world);
    assert_user(second, 0, 1, "ann");
    assert_slot(second, 1, ENTC_E_NOT_FOUND);
    engine_op_unref(first);
    engine_op_unref(second);
}

static void repositories_of_one_turn_are_sent_in_one_turn(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    const int64_t ids[] = {1};
    const entc_value code = {.type = ENTC_TEXT, .length = 1, .as.text = "x"};
    entc_op *users = world_get(world, ids, 1);
    entc_op *tags = NULL;

    assert_int_equal(repository_get_many(world->tags, &code, 1, &call, &tags, NULL), ENTC_OK);
    world->cache.is_held = true;
    world_turn(world);
    assert_journal(world, "MGET User-1\nMGET Tag-x\n");
    engine_op_unref(users);
    engine_op_unref(tags);
}

static void a_flight_shared_by_requests_counts_in_each_and_in_the_engine_once(void **state)
{
    struct world *world = *state;
    struct entc_request *requests[3];
    const int64_t ids[] = {1, 2};
    entc_op *ops[4];

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    for (size_t i = 0; i < 3; i++)
        requests[i] = world_request_new(world);
    ops[0] = world_get_in(world, requests[0], ids, 2);
    ops[1] = world_get_in(world, requests[1], ids, 1);
    ops[2] = world_get_in(world, requests[1], ids, 1);
    ops[3] = world_get(world, ids, 2);
    world_settle(world);
    for (size_t i = 0; i < 2; i++) {
        struct tally *tally = requests[i]->tally;

        assert_int_equal(world_counter(tally, TALLY_BATCHES), 1);
        assert_int_equal(world_counter(tally, TALLY_REDIS_MGETS), 1);
        assert_int_equal(world_counter(tally, TALLY_REDIS_KEYS), 2);
        assert_int_equal(world_counter(tally, TALLY_REDIS_COMMANDS), 3);
        assert_int_equal(world_counter(tally, TALLY_SQL_QUERIES), 1);
        assert_int_equal(world_counter(tally, TALLY_FILLS), 1);
        assert_int_equal(world_counter(tally, TALLY_HITS), i == 0 ? 1 : 2);
        assert_int_equal(world_counter(tally, TALLY_MISSES), i == 0 ? 1 : 0);
        assert_int_equal(world_counter(tally, TALLY_COALESCED), i == 0 ? 0 : 2);
    }
    assert_int_equal(world_counter(requests[2]->tally, TALLY_BATCHES), 0);
    assert_counter(world, BATCHES, 1);
    assert_counter(world, SQL_QUERIES, 1);
    assert_counter(world, HITS, 4);
    assert_counter(world, MISSES, 2);
    assert_counter(world, COALESCED, 4);
    for (size_t i = 0; i < 4; i++)
        engine_op_unref(ops[i]);
    for (size_t i = 0; i < 3; i++)
        repository_request_unref(requests[i]);
}

static void time_waited_is_counted_for_each_server(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    world->cache.is_held = true;
    world->db.is_held = true;
    world_turn(world);
    world_advance(world, 300);
    world_cache_answer(world);
    world_advance(world, 50);
    world_cache_answer(world);
    world_advance(world, 7000);
    world_db_answer(world);
    assert_slot(op, 0, ENTC_E_NOT_FOUND);
    assert_counter(world, REDIS_US, 350);
    assert_counter(world, SQL_US, 7000);
    engine_op_unref(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(calls_of_one_turn_share_one_mget),
        TEST(a_flight_that_was_sent_is_not_joined),
        TEST(an_operation_of_hits_does_not_wait_for_the_misses_of_another),
        TEST(repositories_of_one_turn_are_sent_in_one_turn),
        TEST(a_flight_shared_by_requests_counts_in_each_and_in_the_engine_once),
        TEST(time_waited_is_counted_for_each_server),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
