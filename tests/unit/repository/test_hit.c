/* Proves what a read costs and answers when the cache has what is asked for: one MGET and nothing
 * more, by index, with every duplicate. */
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

static void a_hit_costs_one_mget_and_nothing_more(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1, 2};
    entc_op *op = NULL;

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    fake_cache_put(&world->cache, "User-2", "{\"id\":2,\"name\":\"bob\"}");
    op = world_read(world, ids, 2, ENTC_OK);
    assert_user(op, 0, 1, "ann");
    assert_user(op, 1, 2, "bob");
    assert_journal(world, "MGET User-1 User-2\n");
    assert_counter(world, HITS, 2);
    assert_counter(world, MISSES, 0);
    assert_counter(world, REDIS_MGETS, 1);
    assert_counter(world, REDIS_COMMANDS, 1);
    assert_counter(world, REDIS_KEYS, 2);
    assert_counter(world, SQL_QUERIES, 0);
    assert_counter(world, BATCHES, 1);
    engine_op_unref(op);
}

static void duplicates_are_answered_each_in_their_order_and_asked_once(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {2, 1, 2, 2, 1};
    entc_op *op = NULL;

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    fake_db_put(&world->db, "users", 2, "bob", 0);
    op = world_read(world, ids, 5, ENTC_OK);
    for (size_t i = 0; i < 5; i++)
        assert_user(op, i, ids[i], ids[i] == 1 ? "ann" : "bob");
    assert_journal(world, "MGET User-2 User-1\nLEASE User-2\nIDS 2\n"
                          "FILL User-2={\"id\":2,\"name\":\"bob\"}\n");
    assert_counter(world, HITS, 2);
    assert_counter(world, MISSES, 3);
    assert_counter(world, COALESCED, 0);
    engine_op_unref(op);
}

static entc_value text_value(const char *text)
{
    return (entc_value){.type = ENTC_TEXT, .length = (uint32_t)strlen(text), .as.text = text};
}

static void the_number_1_and_the_text_1_are_one_id(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    entc_value ids[2];
    entc_op *op = NULL;

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    world_value(&ids[0], 1);
    ids[1] = text_value("1");
    assert_int_equal(repository_get_many(world->users, ids, 2, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    assert_user(op, 0, 1, "ann");
    assert_user(op, 1, 1, "ann");
    assert_journal(world, "MGET User-1\n");
    engine_op_unref(op);
}

static void an_invalid_id_fails_its_slot_and_no_other(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    entc_value ids[3];
    entc_op *op = NULL;

    fake_cache_put(&world->cache, "User-7", "{\"id\":7,\"name\":\"eve\"}");
    ids[0] = text_value("007");
    world_value(&ids[1], 7);
    ids[2] = text_value("7 ");
    assert_int_equal(repository_get_many(world->users, ids, 3, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    assert_done(op, ENTC_OK);
    assert_slot(op, 0, ENTC_E_INVALID);
    assert_user(op, 1, 7, "eve");
    assert_slot(op, 2, ENTC_E_INVALID);
    assert_counter(world, ERRORS, 2);
    assert_journal(world, "MGET User-7\n");
    engine_op_unref(op);
}

static void ids_that_are_all_invalid_fail_the_call_with_the_story_and_ask_nobody(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    entc_value ids[2];
    entc_op *op = NULL;
    entc_entity *entities[2] = {(entc_entity *)world, (entc_entity *)world};
    entc_status statuses[2] = {0, 0};

    ids[0] = text_value("x");
    ids[1] = text_value("");
    assert_int_equal(repository_get_many(world->users, ids, 2, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    assert_done(op, ENTC_E_INVALID);
    assert_int_equal(entc_error_code(op->error), ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(op->error), "User"));
    assert_int_equal(repository_op_take(op, entities, statuses, 2), ENTC_E_INVALID);
    assert_null(entities[0]);
    assert_null(entities[1]);
    assert_int_equal(statuses[1], ENTC_E_INVALID);
    assert_journal(world, "");
    engine_op_unref(op);
}

static void an_empty_batch_is_ok_and_asks_nobody(void **state)
{
    struct world *world = *state;
    entc_op *op = world_read(world, NULL, 0, ENTC_OK);

    assert_int_equal(repository_op_take(op, NULL, NULL, 0), ENTC_OK);
    assert_journal(world, "");
    assert_counter(world, BATCHES, 0);
    engine_op_unref(op);
}

static void text_ids_are_encoded_in_the_key_and_kept_whole_elsewhere(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    char given[] = "a{b c";
    entc_value ids[2] = {text_value(given), text_value("plain")};
    entc_op *op = NULL;
    const struct tag *tag = NULL;

    fake_db_put_text(&world->db, "tags", "a{b c", "odd");
    assert_int_equal(repository_get_many(world->tags, ids, 2, &call, &op, NULL), ENTC_OK);
    memset(given, 'x', sizeof(given) - 1);
    world_settle(world);
    assert_slot(op, 1, ENTC_E_NOT_FOUND);
    assert_slot(op, 0, ENTC_OK);
    tag = entity_record(repository_entities_op(op)->entities[0]);
    assert_string_equal(tag->name.ptr, "odd");
    assert_journal(world, "MGET Tag-a%7Bb%20c Tag-plain\nLEASE Tag-a%7Bb%20c Tag-plain\n"
                          "IDS a{b c plain\n"
                          "FILL Tag-a%7Bb%20c={\"code\":\"a{b c\",\"name\":\"odd\"} "
                          "Tag-plain=null\n");
    engine_op_unref(op);
}

static void keys_begin_with_the_engines_prefix(void **state)
{
    struct world *world = *state;
    const entc_field fields[] = {ENTC_FIELD(struct user, id, ENTC_INT64, ENTC_KEY),
                                 ENTC_FIELD(struct user, name, ENTC_TEXT, 0)};
    const entc_entity_desc entity = ENTC_ENTITY("Guest", struct user, fields);
    const entc_model_desc model = ENTC_MODEL("guests");
    const struct repository_call call = world_call(NULL);
    char prefix[] = "t42:";
    struct entc_repository_impl *guests = NULL;
    entc_value id;
    entc_op *op = NULL;

    world->services->key_prefix = prefix;
    assert_int_equal(repository_new(world->services, &model, &entity, &guests, NULL), ENTC_OK);
    world->services->key_prefix = NULL;
    world_value(&id, -7);
    assert_int_equal(repository_get_many(guests, &id, 1, &call, &op, NULL), ENTC_OK);
    world_settle(world);
    assert_journal(world, "MGET t42:Guest--7\nLEASE t42:Guest--7\nIDS -7\n"
                          "FILL t42:Guest--7=null\n");
    engine_op_unref(op);
    repository_close(guests);
    repository_unref(guests);
}

static void entities_are_taken_once_and_by_their_right_count(void **state)
{
    struct world *world = *state;
    const int64_t ids[] = {1};
    entc_op *op = world_get(world, ids, 1);
    entc_entity *taken[2] = {NULL, NULL};
    entc_status statuses[1] = {ENTC_E_BUSY};

    fake_cache_put(&world->cache, "User-1", "{\"id\":1,\"name\":\"ann\"}");
    assert_int_equal(repository_op_take(op, taken, NULL, 1), ENTC_E_AGAIN);
    world_settle(world);
    assert_int_equal(repository_op_take(op, taken, NULL, 2), ENTC_E_INVALID);
    assert_int_equal(repository_op_take(op, taken, statuses, 1), ENTC_OK);
    assert_int_equal(statuses[0], ENTC_OK);
    assert_non_null(taken[0]);
    entity_unref(taken[0]);
    assert_int_equal(repository_op_take(op, taken, statuses, 1), ENTC_E_INVALID);
    assert_null(taken[0]);
    engine_op_unref(op);
}

static void a_thousand_ids_are_one_mget_and_one_query(void **state)
{
    struct world *world = *state;
    static int64_t ids[1000];
    entc_op *op = NULL;

    for (int64_t i = 0; i < 1000; i++) {
        ids[i] = i * 7 - 350;
        fake_db_put(&world->db, "users", ids[i], "many", 0);
    }
    op = world_read(world, ids, 1000, ENTC_OK);
    for (size_t i = 0; i < 1000; i++)
        assert_user(op, i, ids[i], "many");
    engine_op_unref(op);
    op = world_read(world, ids, 1000, ENTC_OK);
    for (size_t i = 0; i < 1000; i++)
        assert_user(op, i, ids[i], "many");
    engine_op_unref(op);
    assert_counter(world, REDIS_MGETS, 2);
    assert_counter(world, SQL_QUERIES, 1);
    assert_counter(world, HITS, 1000);
    assert_counter(world, MISSES, 1000);
    assert_counter(world, FILLS, 1000);
}

static void what_cannot_be_asked_is_refused_with_its_name(void **state)
{
    struct world *world = *state;
    const struct repository_call call = world_call(NULL);
    entc_error *error = NULL;
    entc_op *op = NULL;

    assert_int_equal(repository_get_many(world->users, NULL, 3, &call, &op, &error),
                     ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(error), "ids is NULL"));
    assert_int_equal(repository_get_many(world->users, (const entc_value *)world,
                                         REPOSITORY_IDS_MAX + (size_t)1, &call, &op, &error),
                     ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(error), "count is 16777217"));
    assert_null(op);
    entc_error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_hit_costs_one_mget_and_nothing_more),
        TEST(duplicates_are_answered_each_in_their_order_and_asked_once),
        TEST(the_number_1_and_the_text_1_are_one_id),
        TEST(an_invalid_id_fails_its_slot_and_no_other),
        TEST(ids_that_are_all_invalid_fail_the_call_with_the_story_and_ask_nobody),
        TEST(an_empty_batch_is_ok_and_asks_nobody),
        TEST(text_ids_are_encoded_in_the_key_and_kept_whole_elsewhere),
        TEST(keys_begin_with_the_engines_prefix),
        TEST(entities_are_taken_once_and_by_their_right_count),
        TEST(a_thousand_ids_are_one_mget_and_one_query),
        TEST(what_cannot_be_asked_is_refused_with_its_name),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
