/* Proves that a cached value which is not what it should be is a miss, is counted, and does not
 * stay: corrupt, foreign and too large ones are removed before the lease, reshaped ones are filled
 * over. */
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

static void heals(struct world *world, const char *value, const char *journal)
{
    const int64_t ids[] = {1};
    entc_op *op = NULL;

    fake_db_put(&world->db, "users", 1, "ann", 0);
    fake_cache_put(&world->cache, "User-1", value);
    op = world_read(world, ids, 1, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    engine_op_unref(op);
    assert_journal(world, journal);
    assert_string_equal(fake_cache_value(&world->cache, "User-1"), "{\"id\":1,\"name\":\"ann\"}");
    assert_counter(world, MISSES, 1);
    op = world_read(world, ids, 1, ENTC_OK);
    assert_counter(world, HITS, 1);
    engine_op_unref(op);
}

static const char removed[] = "MGET User-1\nINVALIDATE User-1\nLEASE User-1\nIDS 1\n"
                              "FILL User-1={\"id\":1,\"name\":\"ann\"}\n";

static void a_corrupt_value_is_removed_before_the_lease_and_filled_anew(void **state)
{
    struct world *world = *state;

    heals(world, "{\"id\":1,\"name\":\"an", removed);
    assert_counter(world, CORRUPT, 1);
    assert_counter(world, REDIS_COMMANDS, 6);
}

static void a_value_of_another_id_is_never_handed_out(void **state)
{
    struct world *world = *state;

    heals(world, "{\"id\":2,\"name\":\"bob\"}", removed);
    assert_counter(world, FOREIGN, 1);
    assert_counter(world, CORRUPT, 0);
}

static void a_value_larger_than_we_would_write_is_removed(void **state)
{
    struct world *world = *state;
    char large[1200] = "{\"id\":1,\"name\":\"";

    memset(large + strlen(large), 'x', 1100);
    strcpy(large + 1150, "\"}");
    heals(world, large, removed);
    assert_counter(world, CORRUPT, 1);
}

static void a_reshaped_value_is_filled_over(void **state)
{
    struct world *world = *state;

    heals(world, "{\"id\":1}",
          "MGET User-1\nLEASE User-1\nIDS 1\nFILL User-1={\"id\":1,\"name\":\"ann\"}\n");
    assert_counter(world, RESHAPED, 1);
}

static void a_value_of_a_newer_version_with_one_more_member_is_a_hit(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = NULL;

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"age\":[3],\"name\":\"ann\"}");
    op = world_read(world, ids, 1, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_counter(world, HITS, 1);
    engine_op_unref(op);
}

static void what_is_wrong_in_a_batch_harms_nothing_else_in_it(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2, 3, 4, 5};
    entc_op *op = NULL;

    for (int64_t id = 1; id <= 5; id++)
        fake_db_put(&world->db, "users", id, "row", 0);
    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"hit\"}");
    fake_cache_put(&world->cache, "User-2", "garbage");
    fake_cache_put(&world->cache, "User-3", "{\"id\":1,\"name\":\"hit\"}");
    fake_cache_put(&world->cache, "User-4", "null");
    op = world_read(world, ids, 5, ENTC_OK);
    assert_user(op, 0, 1, "hit");
    assert_user(op, 1, 2, "row");
    assert_user(op, 2, 3, "row");
    assert_slot(op, 3, ENTC_E_NOT_FOUND);
    assert_user(op, 4, 5, "row");
    assert_journal(world, "MGET User-1 User-2 User-3 User-4 User-5\n"
                          "INVALIDATE User-2 User-3\nLEASE User-2 User-3 User-5\nIDS 2 3 5\n"
                          "FILL User-2={\"id\":2,\"name\":\"row\"} "
                          "User-3={\"id\":3,\"name\":\"row\"} "
                          "User-5={\"id\":5,\"name\":\"row\"}\n");
    engine_op_unref(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_corrupt_value_is_removed_before_the_lease_and_filled_anew),
        TEST(a_value_of_another_id_is_never_handed_out),
        TEST(a_value_larger_than_we_would_write_is_removed),
        TEST(a_reshaped_value_is_filled_over),
        TEST(a_value_of_a_newer_version_with_one_more_member_is_a_hit),
        TEST(what_is_wrong_in_a_batch_harms_nothing_else_in_it),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
