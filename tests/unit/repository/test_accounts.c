/* Proves what a request is told of each entity: its own numbers, why something was not cached, and
 * why a batch was split. */
#include "world.h"

#include <stdlib.h>

static const int64_t one[] = {1};
static const int64_t both[] = {1, 2};

struct scene {
    struct world *world;
    struct entc_request *request;
};

static int set_up(void **state)
{
    struct scene *scene = malloc(sizeof(*scene));

    assert_non_null(scene);
    scene->world = world_new();
    scene->request = world_request_new(scene->world);
    fake_db_put(&scene->world->db, "users", 1, "ann", 0);
    fake_db_put(&scene->world->db, "users", 2, "bob", 0);
    fake_db_put_text(&scene->world->db, "tags", "x", "ex");
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    repository_request_unref(scene->request);
    world_free(scene->world);
    free(scene);
    return 0;
}

static void read_users(struct scene *scene, const int64_t *ids, size_t count)
{
    entc_op *op = world_get_in(scene->world, scene->request, ids, count);

    world_settle(scene->world);
    assert_done(op, ENTC_OK);
    engine_op_unref(op);
}

static void read_tag(struct scene *scene)
{
    const struct repository_call call = world_call(scene->request);
    entc_value id = {.type = ENTC_TEXT, .length = 1, .as.text = "x"};
    entc_op *op = NULL;

    assert_int_equal(repository_get_many(scene->world->tags, &id, 1, &call, &op, NULL), ENTC_OK);
    world_settle(scene->world);
    assert_done(op, ENTC_OK);
    engine_op_unref(op);
}

static void assert_count(struct scene *scene, const char *entity, enum tally_counter counter,
                         uint64_t count)
{
    assert_int_equal(world_account(scene->request, entity, counter), count);
}

/* That reason and no other. */
static void assert_why(struct scene *scene, enum why why, uint64_t count)
{
    for (size_t i = 0; i < WHY_COUNT; i++)
        assert_int_equal(world_why(scene->request, "User", (enum why)i), i == why ? count : 0);
}

/* ---- numbers ---- */

static void each_entity_has_its_own_numbers_and_the_request_their_sum(void **state)
{
    struct scene *scene = *state;

    read_users(scene, both, 2);
    read_users(scene, one, 1);
    read_tag(scene);
    assert_count(scene, "User", TALLY_MISSES, 2);
    assert_count(scene, "User", TALLY_HITS, 1);
    assert_count(scene, "User", TALLY_BATCHES, 2);
    assert_count(scene, "User", TALLY_BATCH_IDS, 3);
    assert_count(scene, "User", TALLY_REDIS_MGETS, 2);
    assert_count(scene, "User", TALLY_REDIS_KEYS, 3);
    assert_count(scene, "User", TALLY_REDIS_LEASES, 2);
    assert_count(scene, "User", TALLY_REDIS_COMMANDS, 6);
    assert_count(scene, "User", TALLY_FILLS, 2);
    assert_count(scene, "User", TALLY_SQL_QUERIES, 1);
    assert_count(scene, "User", TALLY_SQL_ROWS, 2);
    assert_count(scene, "User", TALLY_SQL_BYTES, 2 * FAKE_ROW_BYTES);
    assert_count(scene, "User", TALLY_REDIS_BYTES, strlen("{\"id\":1,\"name\":\"ann\"}"));
    assert_count(scene, "Tag", TALLY_MISSES, 1);
    assert_count(scene, "Tag", TALLY_SQL_ROWS, 1);
    assert_int_equal(world_counter(scene->request->tally, TALLY_MISSES), 3);
    assert_int_equal(world_counter(scene->request->tally, TALLY_SQL_QUERIES), 2);
    assert_int_equal(world_counter(scene->request->tally, TALLY_BATCH_IDS), 4);
    assert_why(scene, WHY_COUNT, 0);
}

static void the_bytes_of_each_answer_are_counted_once(void **state)
{
    struct scene *scene = *state;
    struct world *world = scene->world;
    static const char value[] = "{\"id\":1,\"name\":\"ann\"}";
    entc_op *op = world_get_in(world, scene->request, one, 1);

    fake_cache_put(&world->cache, "User-1", value);
    world->cache.is_held = true;
    world_turn(world);
    world_cache_fail(world, 1, true);
    world_settle(world);
    world_cache_answer(world);
    assert_done(op, ENTC_OK);
    assert_count(scene, "User", TALLY_REDIS_BYTES, 2 * strlen(value));
    engine_op_unref(op);
}

static void requests_that_share_a_batch_have_each_their_account(void **state)
{
    struct scene *scene = *state;
    struct world *world = scene->world;
    struct entc_request *other = world_request_new(world);
    entc_op *first = world_get_in(world, scene->request, both, 2);
    entc_op *second = world_get_in(world, other, one, 1);
    entc_op *third = world_get_in(world, other, both, 2);

    world_settle(world);
    assert_done(first, ENTC_OK);
    assert_done(third, ENTC_OK);
    assert_count(scene, "User", TALLY_SQL_QUERIES, 1);
    assert_count(scene, "User", TALLY_COALESCED, 0);
    assert_int_equal(world_account(other, "User", TALLY_SQL_QUERIES), 1);
    assert_int_equal(world_account(other, "User", TALLY_COALESCED), 3);
    assert_int_equal(world_account(other, "User", TALLY_MISSES), 3);
    assert_counter(world, SQL_QUERIES, 1);
    assert_counter(world, MISSES, 5);
    engine_op_unref(first);
    engine_op_unref(second);
    engine_op_unref(third);
    repository_request_unref(other);
}

static void only_a_batch_of_one_id_of_the_request_is_a_single(void **state)
{
    struct scene *scene = *state;
    struct world *world = scene->world;
    struct account *account = NULL;
    entc_op *mine = world_get_in(world, scene->request, one, 1);
    entc_op *others = world_get(world, both, 2);

    world_settle(world);
    read_users(scene, both, 2);
    account = ledger_account(scene->request->ledger, ACCOUNT_ENTITY, NULL, "User");
    assert_int_equal(atomic_load(&account->shapes[0].runs), 2);
    assert_int_equal(atomic_load(&account->shapes[0].singles), 1);
    assert_int_equal(atomic_load(&account->shapes[1].runs), 0);
    engine_op_unref(mine);
    engine_op_unref(others);
}

/* ---- why ---- */

static void without_a_cache_it_is_off(void **state)
{
    struct scene *scene = *state;
    struct cache_port *cache = scene->world->services->cache;

    scene->world->services->cache = NULL;
    read_users(scene, both, 2);
    scene->world->services->cache = cache;
    assert_why(scene, WHY_CACHE_OFF, 2);
}

static void a_server_that_cannot_be_asked_is_down_or_left_alone(void **state)
{
    struct scene *scene = *state;

    scene->world->cache.refuses = ENTC_E_UNAVAILABLE;
    read_users(scene, both, 2);
    assert_why(scene, WHY_REDIS_DOWN, 2);
    scene->world->cache.is_left_alone = true;
    read_users(scene, both, 2);
    assert_int_equal(world_why(scene->request, "User", WHY_BREAKER_OPEN), 2);
    assert_int_equal(world_why(scene->request, "User", WHY_REDIS_DOWN), 2);
}

static void a_batch_that_the_cache_has_no_memory_for_goes_without(void **state)
{
    struct scene *scene = *state;

    scene->world->cache.refuses = ENTC_E_NO_MEMORY;
    read_users(scene, one, 1);
    assert_why(scene, WHY_NO_MEMORY, 1);
}

static void an_answer_that_does_not_come_in_time_is_late(void **state)
{
    struct scene *scene = *state;
    entc_op *op = world_get_in(scene->world, scene->request, both, 2);

    scene->world->cache.is_held = true;
    world_settle(scene->world);
    world_advance(scene->world, WORLD_REDIS_TIMEOUT_US);
    world_settle(scene->world);
    assert_done(op, ENTC_OK);
    assert_why(scene, WHY_REDIS_LATE, 2);
    engine_op_unref(op);
}

static void a_connection_lost_twice_is_lost_and_an_error_is_one(void **state)
{
    struct scene *scene = *state;
    struct world *world = scene->world;
    entc_op *op = world_get_in(world, scene->request, one, 1);

    world->cache.is_held = true;
    world_turn(world);
    world_cache_fail(world, 0, true);
    world_cache_fail(world, 0, true);
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_why(scene, WHY_REDIS_LOST, 1);
    engine_op_unref(op);
    op = world_get_in(world, scene->request, one, 1);
    world_turn(world);
    world_cache_fail(world, 0, false);
    world_settle(world);
    assert_int_equal(world_why(scene->request, "User", WHY_REDIS_ERROR), 1);
    engine_op_unref(op);
}

static void what_another_one_fills_is_a_lost_lease(void **state)
{
    struct scene *scene = *state;
    entc_op *op = NULL;

    scene->world->cache.lease_result = 0;
    op = world_get_in(scene->world, scene->request, both, 2);
    world_settle(scene->world);
    world_advance(scene->world, 2000);
    world_settle(scene->world);
    assert_done(op, ENTC_OK);
    assert_why(scene, WHY_LEASE_LOST, 2);
    engine_op_unref(op);
}

static void values_that_are_not_what_they_should_be_say_so_and_are_healed(void **state)
{
    struct scene *scene = *state;

    fake_cache_put(&scene->world->cache, "User-1", "{\"id\":1,");
    read_users(scene, one, 1);
    assert_why(scene, WHY_CORRUPT, 1);
    assert_count(scene, "User", TALLY_HEALED, 1);
    assert_counter(scene->world, HEALED, 1);
    fake_cache_put(&scene->world->cache, "User-1", "{\"id\":2,\"name\":\"bob\"}");
    read_users(scene, one, 1);
    assert_int_equal(world_why(scene->request, "User", WHY_FOREIGN), 1);
    assert_count(scene, "User", TALLY_HEALED, 2);
    fake_cache_put(&scene->world->cache, "User-1", "{\"id\":1}");
    read_users(scene, one, 1);
    assert_int_equal(world_why(scene->request, "User", WHY_RESHAPED), 1);
    assert_count(scene, "User", TALLY_HEALED, 2);
}

static void a_fill_that_came_too_late_says_so(void **state)
{
    struct scene *scene = *state;
    struct world *world = scene->world;
    entc_op *op = world_get_in(world, scene->request, one, 1);

    world->db.is_held = true;
    world_settle(world);
    fake_cache_entry(&world->cache, "User-1")->lease[0] = '\0';
    world_db_answer(world);
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_why(scene, WHY_FILL_REFUSED, 1);
    assert_count(scene, "User", TALLY_FILLS_REFUSED, 1);
    engine_op_unref(op);
}

static void a_row_too_large_for_the_cache_says_so(void **state)
{
    struct scene *scene = *state;

    scene->world->services->max_value_bytes = 5;
    read_users(scene, both, 2);
    assert_why(scene, WHY_TOO_LARGE, 2);
    assert_count(scene, "User", TALLY_UNCACHEABLE, 2);
}

static void an_absence_that_is_not_to_be_cached_says_so(void **state)
{
    struct scene *scene = *state;
    const int64_t nobody[] = {77};

    scene->world->services->negative_ttl_us = -1;
    read_users(scene, nobody, 1);
    assert_why(scene, WHY_NEGATIVES_OFF, 1);
}

static void a_batch_behind_one_that_is_under_way_was_closed_before(void **state)
{
    struct scene *scene = *state;
    struct world *world = scene->world;
    entc_op *first = world_get_in(world, scene->request, one, 1);
    entc_op *second = NULL;
    entc_op *stranger = NULL;

    world->cache.is_held = true;
    world_settle(world);
    stranger = world_get(world, both, 2);
    world_settle(world);
    assert_why(scene, WHY_BATCH_SENT, 0);
    second = world_get_in(world, scene->request, both, 2);
    world_settle(world);
    assert_why(scene, WHY_BATCH_SENT, 1);
    world->cache.is_held = false;
    world_cache_answer(world);
    world_settle(world);
    assert_done(second, ENTC_OK);
    read_users(scene, one, 1);
    assert_int_equal(world_why(scene->request, "User", WHY_BATCH_SENT), 1);
    engine_op_unref(first);
    engine_op_unref(second);
    engine_op_unref(stranger);
}

/* ---- memory ---- */

static void without_memory_for_its_account_a_request_is_still_counted(void **state)
{
    struct scene *scene = *state;
    struct world *world = scene->world;

    test_allocator_fail_at(&world->memory, 1, false);
    assert_ptr_equal(ledger_account(scene->request->ledger, ACCOUNT_ENTITY, NULL, "User"),
                     &scene->request->ledger->others);
    test_allocator_fail_at(&world->memory, 0, false);
    read_users(scene, both, 2);
    assert_count(scene, "User", TALLY_MISSES, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_entity_has_its_own_numbers_and_the_request_their_sum,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_bytes_of_each_answer_are_counted_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(requests_that_share_a_batch_have_each_their_account, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_a_batch_of_one_id_of_the_request_is_a_single, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_a_cache_it_is_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_that_cannot_be_asked_is_down_or_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_batch_that_the_cache_has_no_memory_for_goes_without,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_that_does_not_come_in_time_is_late, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_connection_lost_twice_is_lost_and_an_error_is_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_another_one_fills_is_a_lost_lease, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            values_that_are_not_what_they_should_be_say_so_and_are_healed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fill_that_came_too_late_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_too_large_for_the_cache_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_absence_that_is_not_to_be_cached_says_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_batch_behind_one_that_is_under_way_was_closed_before,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_for_its_account_a_request_is_still_counted,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
