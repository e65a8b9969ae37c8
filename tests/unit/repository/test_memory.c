/* Proves that whatever allocation fails, nothing crashes, nothing leaks, every operation ends with
 * a status that fits, and the repository serves the next call. */
#include "world.h"

/* Every step of the read path: hits, faults, winners, losers, fills, absences, a large row. */
static void furnish(struct world *world)
{
    static char large[1500];

    memset(large, 'x', sizeof(large) - 1);
    for (int64_t id = 1; id <= 8; id++)
        fake_db_put(&world->db, "users", id, id == 8 ? large : "row", 0);
    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"hit\"}");
    fake_cache_put(&world->cache, "User-2", "corrupt");
    fake_cache_put(&world->cache, "User-3", "{\"id\":1,\"name\":\"foreign\"}");
    fake_cache_put(&world->cache, "User-4", "{\"id\":4}");
    strcpy(fake_cache_entry(&world->cache, "User-5")->lease, "r:another");
    fake_db_put_text(&world->db, "tags", "a b", "tag");
}

static void assert_status_fits(entc_op *op, entc_status expected)
{
    assert_true(engine_op_is_done(op));
    assert_true(op->status == ENTC_OK || op->status == expected || op->status == ENTC_E_NO_MEMORY);
    for (size_t i = 0; i < repository_entities_op(op)->count && op->status == ENTC_OK; i++) {
        entc_status status = repository_entities_op(op)->statuses[i];

        assert_true(status == ENTC_OK || status == ENTC_E_NOT_FOUND || status == ENTC_E_NO_MEMORY ||
                    status == ENTC_E_INVALID);
    }
}

/* Submits; NULL when memory is out. */
static entc_op *submit(struct entc_repository_impl *impl, const entc_value *ids, size_t count)
{
    const struct repository_call call = world_call(NULL);
    entc_error *error = NULL;
    entc_op *op = NULL;
    entc_status status = repository_get_many(impl, ids, count, &call, &op, &error);

    if (status != ENTC_OK) {
        assert_int_equal(status, ENTC_E_NO_MEMORY);
        assert_int_equal(entc_error_code(error), ENTC_E_NO_MEMORY);
        assert_null(op);
    }
    entc_error_free(error);
    return op;
}

static void read_all(struct world *world)
{
    entc_value ids[12];
    const entc_value code = {.type = ENTC_TEXT, .length = 3, .as.text = "a b"};
    entc_op *ops[4];

    for (int64_t i = 0; i < 12; i++)
        world_value(&ids[i], i < 10 ? i : 1);
    ops[0] = submit(world->users, ids, 12);
    ops[1] = submit(world->users, &ids[3], 2);
    ops[2] = submit(world->tags, &code, 1);
    ops[3] = submit(world->tags, &ids[0], 1); /* no id of a tag */
    world_settle(world);
    world_advance(world, 2000);
    world_settle(world);
    for (size_t i = 0; i < 4; i++) {
        if (!ops[i])
            continue;
        assert_status_fits(ops[i], i == 3 ? ENTC_E_INVALID : ENTC_OK);
        engine_op_unref(ops[i]);
    }
}

static void assert_still_serves(struct world *world)
{
    const int64_t ids[] = {6, 99};
    entc_op *op = NULL;

    world->memory.fail_at = 0;
    op = world_get(world, ids, 2);
    world_settle(world);
    world_advance(world, 2000);
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_user(op, 0, 6, "row");
    assert_slot(op, 1, ENTC_E_NOT_FOUND);
    engine_op_unref(op);
}

static void fail_everywhere(bool from_then_on)
{
    uint64_t n = 0;
    bool was_reached = true;

    while (was_reached) {
        struct world *world = world_new_failing(++n, from_then_on);

        if (!world)
            continue;
        furnish(world);
        read_all(world);
        was_reached = test_allocator_calls(&world->memory) >= n;
        assert_still_serves(world);
        world_free(world);
    }
    assert_true(n > 40);
}

static void every_single_allocation_may_fail(void **state)
{
    (void)state;
    fail_everywhere(false);
}

static void memory_may_run_out_for_good_at_any_point(void **state)
{
    (void)state;
    fail_everywhere(true);
}

/* A whole world beforehand, so that what is rare comes within reach: the 64th timer of the engine's
 * heap, requests, keys that outgrow their reservation. */
#define HOST_OPS 61

static bool run_late(uint64_t n)
{
    static const char braces[] = "{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}";
    const entc_value code = {.type = ENTC_TEXT, .length = 40, .as.text = braces};
    struct world *world = world_new();
    struct entc_request *request = world_request_new(world);
    struct repository_call call = world_call(request);
    entc_op *ops[HOST_OPS];
    entc_op *reads[2] = {NULL, NULL};
    entc_value id;
    bool was_reached = false;

    furnish(world);
    world->cache.lease_result = 0;
    for (size_t i = 0; i < HOST_OPS; i++)
        assert_int_equal(repository_host_op_new(world->engine, 1, &call, &ops[i], NULL), ENTC_OK);
    world_settle(world);
    world_value(&id, 6);
    test_allocator_fail_at(&world->memory, n, false);
    if (repository_get_many(world->users, &id, 1, &call, &reads[0], NULL) == ENTC_OK)
        assert_int_not_equal(n, 1);
    world_settle(world);
    repository_get_many(world->tags, &code, 1, &call, &reads[1], NULL);
    world_settle(world);
    world_advance(world, 2000);
    world_settle(world);
    was_reached = test_allocator_calls(&world->memory) >= n;
    for (size_t i = 0; i < 2; i++) {
        if (reads[i])
            assert_status_fits(reads[i], ENTC_OK);
        engine_op_unref(reads[i]);
    }
    world->cache.lease_result = 2;
    assert_still_serves(world);
    for (size_t i = 0; i < HOST_OPS; i++)
        engine_op_unref(ops[i]);
    repository_request_unref(request);
    world_free(world);
    return was_reached;
}

static void memory_that_is_out_late_is_met_as_well(void **state)
{
    uint64_t n = 1;

    (void)state;
    while (run_late(n))
        n++;
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_single_allocation_may_fail),
        cmocka_unit_test(memory_may_run_out_for_good_at_any_point),
        cmocka_unit_test(memory_that_is_out_late_is_met_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
