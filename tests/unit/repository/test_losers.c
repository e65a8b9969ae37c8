/* Proves what happens to keys that another one fills, or writes: the cache once more, then the
 * database without a fill. */
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

static void lease_by_another(struct world *world, const char *key)
{
    strcpy(fake_cache_entry(&world->cache, key)->lease, "r:another");
}

static void losers_are_asked_again_after_the_winners_read(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    fake_db_put(&world->db, "users", 1, "ann", 0);
    fake_db_put(&world->db, "users", 2, "stale", 0);
    lease_by_another(world, "User-2");
    world->db.is_held = true;
    world_settle(world);
    assert_journal(world, "MGET User-1 User-2\nLEASE User-1 User-2\nIDS 1\n");
    fake_cache_put(&world->cache, "User-2", "{\"id\":2,\"name\":\"filled\"}");
    world_db_answer(world);
    world_settle(world);
    assert_journal(world, "FILL User-1={\"id\":1,\"name\":\"ann\"}\nMGET User-2\n");
    assert_user(op, 0, 1, "ann");
    assert_user(op, 1, 2, "filled");
    assert_counter(world, HITS, 1);
    assert_counter(world, MISSES, 1);
    assert_counter(world, REDIS_KEYS, 3);
    engine_op_unref(op);
}

static void where_all_lose_the_cache_is_asked_again_after_2_ms(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    lease_by_another(world, "User-1");
    world_settle(world);
    assert_journal(world, "MGET User-1\nLEASE User-1\n");
    world_advance(world, 1999);
    world_settle(world);
    assert_journal(world, "");
    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    world_advance(world, 1);
    world_settle(world);
    assert_journal(world, "MGET User-1\n");
    assert_user(op, 0, 1, "ann");
    assert_counter(world, HITS, 1);
    assert_counter(world, SQL_QUERIES, 0);
    engine_op_unref(op);
}

static void what_then_remains_goes_to_the_database_without_a_fill(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2, 3};
    entc_op *op = world_get(world, ids, 3);

    for (int64_t id = 1; id <= 2; id++)
        fake_db_put(&world->db, "users", id, "row", 0);
    lease_by_another(world, "User-2");
    lease_by_another(world, "User-3");
    world_settle(world);
    assert_journal(world, "MGET User-1 User-2 User-3\nLEASE User-1 User-2 User-3\nIDS 1\n"
                          "FILL User-1={\"id\":1,\"name\":\"row\"}\nMGET User-2 User-3\n"
                          "UNBLOCK User-2 User-3\nIDS 2 3\n");
    assert_user(op, 0, 1, "row");
    assert_user(op, 1, 2, "row");
    assert_slot(op, 2, ENTC_E_NOT_FOUND);
    assert_counter(world, SQL_QUERIES, 2);
    assert_counter(world, FILLS, 1);
    assert_counter(world, MISSES, 3);
    assert_counter(world, ABSENTS, 1);
    assert_string_equal(fake_cache_entry(&world->cache, "User-2")->lease, "r:another");
    engine_op_unref(op);
}

static void what_is_neither_lease_nor_intent_stops_blocking_its_key(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};

    fake_db_put(&world->db, "users", 1, "ann", 0);
    strcpy(fake_cache_entry(&world->cache, "User-1")->lease, "foreign");
    for (int round = 0; round < 3; round++) {
        entc_op *op = world_get(world, ids, 1);

        world_settle(world);
        world_advance(world, 2000);
        world_settle(world);
        assert_user(op, 0, 1, "ann");
        engine_op_unref(op);
    }
    assert_journal(world, "MGET User-1\nLEASE User-1\nMGET User-1\nUNBLOCK User-1\nIDS 1\n"
                          "MGET User-1\nLEASE User-1\nIDS 1\n"
                          "FILL User-1={\"id\":1,\"name\":\"ann\"}\nMGET User-1\n");
    assert_counter(world, HITS, 1);
    assert_counter(world, SQL_QUERIES, 2);
}

static void a_key_that_is_always_being_written_is_read_from_the_database(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};

    fake_db_put(&world->db, "users", 1, "ann", 0);
    strcpy(fake_cache_entry(&world->cache, "User-1")->lease, "w:writer");
    for (int round = 0; round < 2; round++) {
        entc_op *op = world_get(world, ids, 1);

        world_settle(world);
        world_advance(world, 2000);
        world_settle(world);
        assert_user(op, 0, 1, "ann");
        engine_op_unref(op);
    }
    assert_counter(world, FILLS, 0);
    assert_counter(world, SQL_QUERIES, 2);
    assert_counter(world, REDIS_FAILURES, 0);
}

static void a_key_that_cannot_be_leased_goes_with_the_winners_and_is_not_filled(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = NULL;

    fake_db_put(&world->db, "users", 1, "ann", 0);
    world->cache.lease_result = -1; /* such as OOM */
    op = world_read(world, ids, 1, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_journal(world, "MGET User-1\nLEASE User-1\nIDS 1\n");
    assert_counter(world, FILLS, 0);
    engine_op_unref(op);
}

static void losers_are_asked_again_also_when_the_winners_query_failed(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    lease_by_another(world, "User-2");
    world->db.is_held = true;
    world_settle(world);
    fake_cache_put(&world->cache, "User-2", "{\"id\":2,\"name\":\"bob\"}");
    world_db_fail(world, 0, ENTC_E_BUSY, false, "too many connections");
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_slot(op, 0, ENTC_E_BUSY);
    assert_user(op, 1, 2, "bob");
    assert_journal(world, "MGET User-1 User-2\nLEASE User-1 User-2\nIDS 1\n"
                          "UNLEASE User-1\nMGET User-2\n");
    engine_op_unref(op);
}

static void an_operation_without_losers_does_not_wait_for_them(void **state)
{
    struct world *world = *state;
    const int64_t one[] = {1};
    const int64_t two[] = {2};
    entc_op *first = world_get(world, one, 1);
    entc_op *second = world_get(world, two, 1);

    fake_db_put(&world->db, "users", 1, "ann", 0);
    lease_by_another(world, "User-2");
    world_turn(world);
    world_turn(world);
    world->cache.is_held = true;
    world_settle(world);
    assert_user(first, 0, 1, "ann");
    assert_under_way(second);
    engine_op_unref(first);
    engine_op_cancel(second);
    world_settle(world);
    assert_done(second, ENTC_E_CANCELLED);
    engine_op_unref(second);
}

static void corrupt_values_met_by_losers_are_removed_too(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    fake_db_put(&world->db, "users", 1, "ann", 0);
    lease_by_another(world, "User-1");
    world_settle(world);
    fake_cache_put(&world->cache, "User-1", "oops");
    world_advance(world, 2000);
    world_settle(world);
    assert_user(op, 0, 1, "ann");
    assert_journal(world, "MGET User-1\nLEASE User-1\nMGET User-1\nINVALIDATE User-1\n"
                          "UNBLOCK User-1\nIDS 1\n");
    assert_counter(world, CORRUPT, 1);
    engine_op_unref(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(losers_are_asked_again_after_the_winners_read),
        TEST(where_all_lose_the_cache_is_asked_again_after_2_ms),
        TEST(what_then_remains_goes_to_the_database_without_a_fill),
        TEST(what_is_neither_lease_nor_intent_stops_blocking_its_key),
        TEST(a_key_that_is_always_being_written_is_read_from_the_database),
        TEST(a_key_that_cannot_be_leased_goes_with_the_winners_and_is_not_filled),
        TEST(losers_are_asked_again_also_when_the_winners_query_failed),
        TEST(an_operation_without_losers_does_not_wait_for_them),
        TEST(corrupt_values_met_by_losers_are_removed_too),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
