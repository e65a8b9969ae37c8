/* Proves what a miss costs and leaves behind: a lease, one query, a fenced fill with a TTL, also of
 * absences; and that a fill which came too late is refused. */
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

static void a_miss_leases_asks_once_and_fills_then_it_is_a_hit(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2, 3};

    fake_cache_put(&world->cache, "User-2", "{\"id\":2,\"name\":\"bob\"}");
    fake_db_put(&world->db, "users", 3, "eve", 0);
    fake_db_put(&world->db, "users", 1, "ann", 0);
    for (int round = 0; round < 2; round++) {
        entc_op *op = world_read(world, ids, 3, ENTC_OK);

        assert_user(op, 0, 1, "ann");
        assert_user(op, 1, 2, "bob");
        assert_user(op, 2, 3, "eve");
        engine_op_unref(op);
    }
    assert_journal(world, "MGET User-1 User-2 User-3\n"
                          "LEASE User-1 User-3\n"
                          "IDS 1 3\n"
                          "FILL User-1={\"id\":1,\"name\":\"ann\"} "
                          "User-3={\"id\":3,\"name\":\"eve\"}\n"
                          "MGET User-1 User-2 User-3\n");
    assert_counter(world, HITS, 4);
    assert_counter(world, MISSES, 2);
    assert_counter(world, FILLS, 2);
    assert_counter(world, FILLS_REFUSED, 0);
    assert_counter(world, SQL_QUERIES, 1);
    assert_counter(world, SQL_ROWS, 2);
    assert_counter(world, REDIS_MGETS, 2);
    assert_counter(world, REDIS_LEASES, 2);
    assert_counter(world, REDIS_COMMANDS, 6);
    assert_counter(world, REDIS_KEYS, 6);
}

static void the_query_waits_for_the_lease_and_the_answer_for_the_offered_fill(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);

    fake_db_put(&world->db, "users", 1, "ann", 0);
    world->cache.is_held = true;
    world->db.is_held = true;
    world_settle(world);
    assert_journal(world, "MGET User-1\n");
    world_cache_answer(world);
    world_settle(world);
    assert_journal(world, "LEASE User-1\n");
    world_cache_answer(world);
    world_settle(world);
    assert_journal(world, "IDS 1\n");
    assert_under_way(op);
    world_db_answer(world);
    assert_journal(world, "FILL User-1={\"id\":1,\"name\":\"ann\"}\n");
    /* Done and counted, though the cache has not answered the fill. */
    assert_user(op, 0, 1, "ann");
    assert_counter(world, FILLS, 1);
    assert_counter(world, REDIS_COMMANDS, 3);
    engine_op_unref(op);
    world->cache.is_held = false;
    world_cache_answer(world);
}

static void ttls_are_jittered_downwards_by_at_most_a_tenth_and_never_missing(void **state)
{
    struct world *world = *state;
    static int64_t ids[200];
    int64_t least = INT64_MAX;
    int64_t most = 0;
    entc_op *op = NULL;

    for (int64_t i = 0; i < 200; i++) {
        ids[i] = i;
        if (i < 100)
            fake_db_put(&world->db, "users", i, "x", 0);
    }
    op = world_read(world, ids, 200, ENTC_OK);
    assert_int_equal(world->cache.entry_count, 200);
    for (size_t i = 0; i < 200; i++) {
        const struct fake_entry *entry = &world->cache.entries[i];
        int64_t ttl_ms = i < 100 ? 300000 : 20000;

        assert_in_range(entry->ttl_ms, ttl_ms - ttl_ms / 10, ttl_ms);
        if (i < 100 && entry->ttl_ms < least)
            least = entry->ttl_ms;
        if (i < 100 && entry->ttl_ms > most)
            most = entry->ttl_ms;
    }
    assert_true(most - least > 10000);
    engine_op_unref(op);
}

static void an_absence_is_cached_as_null_and_answered_by_the_cache(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {9};

    for (int round = 0; round < 3; round++) {
        entc_op *op = world_read(world, ids, 1, ENTC_OK);

        assert_slot(op, 0, ENTC_E_NOT_FOUND);
        assert_null(op->error);
        engine_op_unref(op);
    }
    assert_journal(world, "MGET User-9\nLEASE User-9\nIDS 9\nFILL User-9=null\n"
                          "MGET User-9\nMGET User-9\n");
    assert_counter(world, SQL_QUERIES, 1);
    assert_counter(world, ABSENTS, 1);
    assert_counter(world, NEGATIVES, 2);
    assert_counter(world, MISSES, 1);
    assert_counter(world, HITS, 0);
}

static void a_batch_whose_misses_are_all_absent_is_a_good_batch(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 8, 9};
    entc_op *op = NULL;

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    op = world_read(world, ids, 3, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_slot(op, 1, ENTC_E_NOT_FOUND);
    assert_slot(op, 2, ENTC_E_NOT_FOUND);
    engine_op_unref(op);
}

static void absences_are_not_cached_when_told_so(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {9};
    entc_op *op = NULL;

    world->services->negative_ttl_us = -1;
    op = world_read(world, ids, 1, ENTC_OK);
    assert_journal(world, "MGET User-9\nLEASE User-9\nIDS 9\nUNLEASE User-9\n");
    assert_string_equal(fake_cache_entry(&world->cache, "User-9")->lease, "");
    assert_counter(world, FILLS, 0);
    engine_op_unref(op);
}

static void a_row_too_large_for_the_cache_is_answered_but_not_cached(void **state)
{
    struct world *world = *state;
    static char large[2000];
    const int64_t ids[] = {1, 2};
    entc_op *op = NULL;

    memset(large, 'x', sizeof(large) - 1);
    fake_db_put(&world->db, "users", 1, large, 0);
    fake_db_put(&world->db, "users", 2, "bob", 0);
    op = world_read(world, ids, 2, ENTC_OK);
    assert_user(op, 0, 1, large);
    assert_user(op, 1, 2, "bob");
    assert_journal(world, "MGET User-1 User-2\nLEASE User-1 User-2\nIDS 1 2\n"
                          "FILL User-2={\"id\":2,\"name\":\"bob\"}\nUNLEASE User-1\n");
    assert_counter(world, UNCACHEABLE, 1);
    assert_counter(world, FILLS, 1);
    engine_op_unref(op);
}

static void a_row_that_the_decoder_would_refuse_is_answered_but_not_cached(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = NULL;

    fake_db_put(&world->db, "users", 1, "\xff", 0);
    op = world_read(world, ids, 1, ENTC_OK);
    assert_user(op, 0, 1, "\xff");
    assert_counter(world, UNCACHEABLE, 1);
    assert_counter(world, FILLS, 0);
    assert_null(fake_cache_value(&world->cache, "User-1"));
    engine_op_unref(op);
}

static void a_fill_whose_lease_is_gone_is_refused_and_counted(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = world_get(world, ids, 2);

    fake_db_put(&world->db, "users", 1, "old", 0);
    fake_db_put(&world->db, "users", 2, "bob", 0);
    world->db.is_held = true;
    world_settle(world);
    /* A writer's intent ended the lease meanwhile. */
    strcpy(fake_cache_entry(&world->cache, "User-1")->lease, "w:somebody");
    world->db.is_held = false;
    world_db_answer(world);
    world_settle(world);
    assert_user(op, 0, 1, "old");
    assert_null(fake_cache_value(&world->cache, "User-1"));
    assert_non_null(fake_cache_value(&world->cache, "User-2"));
    assert_counter(world, FILLS, 2);
    assert_counter(world, FILLS_REFUSED, 1);
    engine_op_unref(op);
}

static void tokens_never_come_twice(void **state)
{
    struct world *world = *state;
    static char tokens[400][CACHE_TOKEN_LENGTH + 1];
    size_t count = 0;

    world->db.is_held = true;
    for (int64_t round = 0; round < 4; round++) {
        int64_t ids[100];

        for (int64_t i = 0; i < 100; i++)
            ids[i] = round * 100 + i;
        engine_op_unref(world_get(world, ids, 100));
        world_settle(world);
    }
    for (size_t i = 0; i < world->cache.entry_count; i++) {
        const char *token = world->cache.entries[i].lease;

        assert_int_equal(strspn(token, "0123456789abcdef"), CACHE_TOKEN_LENGTH);
        for (size_t n = 0; n < count; n++)
            assert_string_not_equal(tokens[n], token);
        strcpy(tokens[count++], token);
    }
    assert_int_equal(count, 400);
}

static void rows_that_come_twice_or_unasked_are_ignored(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = NULL;

    world->db.is_doubling = true;
    fake_db_put(&world->db, "users", 1, "ann", 0);
    op = world_read(world, ids, 2, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_slot(op, 1, ENTC_E_NOT_FOUND);
    engine_op_unref(op);
}

static void a_repository_of_its_own_ttl_uses_it(void **state)
{
    struct world *world = *state;
    static const entc_field fields[] = {ENTC_FIELD(struct user, id, ENTC_INT64, ENTC_KEY),
                                        ENTC_FIELD(struct user, name, ENTC_TEXT, 0)};
    const entc_entity_desc entity = ENTC_ENTITY("Guest", struct user, fields);
    entc_model_desc model = ENTC_MODEL("users");
    struct entc_repository_impl *guests = NULL;
    const struct repository_call call = world_call(NULL);
    entc_value ids[2];
    entc_op *op = NULL;

    model.ttl_us = 10000000;
    model.negative_ttl_us = 1000000;
    model.cache_name = "g";
    assert_int_equal(repository_new(world->services, &model, &entity, &guests, NULL), ENTC_OK);
    fake_db_put(&world->db, "users", 1, "ann", 0);
    world_value(&ids[0], 1);
    world_value(&ids[1], 2);
    assert_int_equal(repository_get_many(guests, ids, 2, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    assert_in_range(fake_cache_entry(&world->cache, "g-1")->ttl_ms, 9000, 10000);
    assert_in_range(fake_cache_entry(&world->cache, "g-2")->ttl_ms, 900, 1000);
    engine_op_unref(op);
    repository_close(guests);
    repository_unref(guests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_miss_leases_asks_once_and_fills_then_it_is_a_hit),
        TEST(the_query_waits_for_the_lease_and_the_answer_for_the_offered_fill),
        TEST(ttls_are_jittered_downwards_by_at_most_a_tenth_and_never_missing),
        TEST(an_absence_is_cached_as_null_and_answered_by_the_cache),
        TEST(a_batch_whose_misses_are_all_absent_is_a_good_batch),
        TEST(absences_are_not_cached_when_told_so),
        TEST(a_row_too_large_for_the_cache_is_answered_but_not_cached),
        TEST(a_row_that_the_decoder_would_refuse_is_answered_but_not_cached),
        TEST(a_fill_whose_lease_is_gone_is_refused_and_counted),
        TEST(tokens_never_come_twice),
        TEST(rows_that_come_twice_or_unasked_are_ignored),
        TEST(a_repository_of_its_own_ttl_uses_it),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
