/* Proves on a real Redis that the steps of coherence.md do what the protocol says they do. */
#include "redis/internal.h"
#include "redis_rig.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

struct scene {
    struct test_redis redis;
    struct redis_rig rig;
};

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    test_redis_start(&scene->redis, NULL);
    rig_open(&scene->rig, scene->redis.uri);
    *state = scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;

    rig_close(&scene->rig);
    test_redis_stop(&scene->redis);
    free(scene);
    return 0;
}

static void assert_value(struct scene *scene, const char *key, const char *expected)
{
    char *value = test_redis_text(&scene->redis, key);

    if (!value || !expected ? value != expected : strcmp(value, expected) != 0)
        test_fail("%s is %s instead of %s", key, value ? value : "nil",
                  expected ? expected : "nil");
    free(value);
}

/* ---- MGET ---- */

static void values_come_in_their_slots_and_absent_ones_as_nil(void **state)
{
    struct scene *scene = *state;
    struct rig_batch *batch = rig_batch_new(&scene->rig, CACHE_MGET, "User-", 4);

    rig_tell(&scene->redis, "MSET User-0 {\"id\":0} User-2 null");
    rig_tell(&scene->redis, "HSET User-3 field value");
    assert_int_equal(rig_run(batch), ENTC_OK);
    assert_int_equal(batch->values_told, 4);
    assert_string_equal(batch->values[0], "{\"id\":0}");
    assert_null(batch->values[1]);
    assert_string_equal(batch->values[2], "null");
    assert_null(batch->values[3]);
    assert_int_equal(batch->batch.commands, 1);
    assert_int_equal(test_redis_calls(&scene->redis, "mget"), 1);
    rig_batch_free(batch);
}

static void keys_and_values_of_any_bytes_arrive_unchanged(void **state)
{
    static const char key[] = "User-\0\r\n*1 %s \xFF\xFE{}";
    static const char value[] = "\0\r\n$-1\r\n\xFF";
    struct scene *scene = *state;
    struct rig_batch *batch = rig_batch_new(&scene->rig, CACHE_MGET, "", 1);
    redisReply *reply =
        test_redis_command(&scene->redis, "SET %b %b", key, sizeof(key), value, sizeof(value));

    freeReplyObject(reply);
    batch->items[0].key = (struct span){key, sizeof(key)};
    assert_int_equal(rig_run(batch), ENTC_OK);
    assert_int_equal(batch->lengths[0], sizeof(value));
    assert_memory_equal(batch->values[0], value, sizeof(value));
    rig_batch_free(batch);
}

static void batches_of_one_turn_share_one_write(void **state)
{
    struct scene *scene = *state;
    struct rig_batch *batches[3];
    int64_t reads[2] = {0, 0};

    free(rig_get(&scene->rig, "warm"));
    for (int round = 0; round < 2; round++) {
        redisReply *reply = test_redis_command(&scene->redis, "INFO stats");
        const char *found = strstr(reply->str, "total_reads_processed:");

        assert_non_null(found);
        reads[round] = strtoll(strchr(found, ':') + 1, NULL, 10);
        freeReplyObject(reply);
        if (round == 1)
            break;
        for (int i = 0; i < 3; i++) {
            batches[i] = rig_batch_new(&scene->rig, i == 1 ? CACHE_LEASE : CACHE_MGET, "User-", 5);
            assert_int_equal(rig_submit(batches[i]), ENTC_OK);
        }
        for (int i = 0; i < 3; i++)
            assert_int_equal(rig_wait(batches[i]), ENTC_OK);
    }
    /* One for the three batches, and two for INFO: the command, and the end of its connection. */
    assert_in_range(reads[1] - reads[0], 2, 3);
    for (int i = 0; i < 3; i++)
        rig_batch_free(batches[i]);
}

/* Larger than all buffers of sockets and readers, in both directions. */
static void batches_larger_than_every_buffer_pass(void **state)
{
    const size_t count = 5000;
    struct scene *scene = *state;
    struct rig_batch *lease = rig_batch_new(&scene->rig, CACHE_LEASE, "User-", count);
    struct rig_batch *fill = rig_batch_new(&scene->rig, CACHE_FILL, "User-", count);
    struct rig_batch *get = rig_batch_new(&scene->rig, CACHE_MGET, "User-", count);
    char *text = calloc(count, 1024);

    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        const int length =
            snprintf(text + i * 1024, 1024, "{\"id\":%zu,\"t\":\"%*s\"}", i, (int)(i % 900), "");

        fill->items[i].value = (struct span){text + i * 1024, (size_t)length};
    }
    assert_int_equal(rig_run(lease), ENTC_OK);
    assert_int_equal(rig_run(fill), ENTC_OK);
    assert_int_equal(rig_run(get), ENTC_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(lease->items[i].result, 1);
        assert_int_equal(fill->items[i].result, 1);
        assert_string_equal(get->values[i], text + i * 1024);
    }
    assert_int_equal(test_redis_calls(&scene->redis, "mget"), 1);
    assert_int_equal(get->values_told, count);
    free(text);
    rig_batch_free(lease);
    rig_batch_free(fill);
    rig_batch_free(get);
}

/* ---- LEASE ---- */

static void one_of_two_leases_for_a_key_wins_and_expires(void **state)
{
    struct scene *scene = *state;
    int64_t left_ms = 0;

    assert_int_equal(rig_step(&scene->rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000), 1);
    assert_int_equal(rig_step(&scene->rig, CACHE_LEASE, "User-1", RIG_TOKEN_B, NULL, 60000), 0);
    assert_value(scene, "{User-1}:l", "r:" RIG_TOKEN_A);
    left_ms = test_redis_integer(&scene->redis, "PTTL {User-1}:l");
    assert_in_range(left_ms, 1, 60000);
    assert_value(scene, "User-1", NULL);
}

static void no_lease_is_had_while_a_write_is_under_way(void **state)
{
    struct scene *scene = *state;

    rig_tell(&scene->redis, "SET {User-1}:l w:" RIG_TOKEN_B " PX 60000");
    assert_int_equal(rig_step(&scene->rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000), 0);
    assert_value(scene, "{User-1}:l", "w:" RIG_TOKEN_B);
}

/* ---- FILL ---- */

static void a_fill_under_its_lease_is_stored_with_its_time_to_live(void **state)
{
    struct scene *scene = *state;
    int64_t left_ms = 0;

    rig_step(&scene->rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000);
    assert_int_equal(rig_step(&scene->rig, CACHE_FILL, "User-1", RIG_TOKEN_A, "{\"id\":1}", 5000),
                     1);
    assert_value(scene, "User-1", "{\"id\":1}");
    assert_value(scene, "{User-1}:l", NULL);
    left_ms = test_redis_integer(&scene->redis, "PTTL User-1");
    assert_in_range(left_ms, 1, 5000);
    /* The same fill once more comes too late. */
    assert_int_equal(rig_step(&scene->rig, CACHE_FILL, "User-1", RIG_TOKEN_A, "old", 5000), 0);
    assert_value(scene, "User-1", "{\"id\":1}");
}

static void a_fill_whose_lease_is_gone_is_refused(void **state)
{
    struct scene *scene = *state;
    static const char *const losses[] = {"DEL {User-1}:l",
                                         "FLUSHALL",
                                         "PEXPIRE {User-1}:l 0",
                                         "SET {User-1}:l r:" RIG_TOKEN_B,
                                         "SET {User-1}:l w:" RIG_TOKEN_A,
                                         "SET {User-1}:l w:" RIG_TOKEN_B};

    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        rig_tell(&scene->redis, "FLUSHALL");
        assert_int_equal(rig_step(&scene->rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000), 1);
        rig_tell(&scene->redis, losses[i]);
        assert_int_equal(rig_step(&scene->rig, CACHE_FILL, "User-1", RIG_TOKEN_A, "old", 60000), 0);
        assert_value(scene, "User-1", NULL);
    }
}

/* ---- UNLEASE ---- */

static void unlease_gives_back_our_lease_only(void **state)
{
    struct scene *scene = *state;

    rig_step(&scene->rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000);
    assert_int_equal(rig_step(&scene->rig, CACHE_UNLEASE, "User-1", RIG_TOKEN_B, NULL, 0), 0);
    assert_value(scene, "{User-1}:l", "r:" RIG_TOKEN_A);
    assert_int_equal(rig_step(&scene->rig, CACHE_UNLEASE, "User-1", RIG_TOKEN_A, NULL, 0), 1);
    assert_value(scene, "{User-1}:l", NULL);
    assert_int_equal(rig_step(&scene->rig, CACHE_UNLEASE, "User-1", RIG_TOKEN_A, NULL, 0), 0);
}

/* ---- INVALIDATE ---- */

static void invalidate_removes_the_value_and_ends_a_readers_lease(void **state)
{
    struct scene *scene = *state;

    rig_tell(&scene->redis, "MSET User-1 {} User-2 {}");
    rig_step(&scene->rig, CACHE_LEASE, "User-1", RIG_TOKEN_A, NULL, 60000);
    assert_int_equal(rig_step(&scene->rig, CACHE_INVALIDATE, "User-1", NULL, NULL, 0), 1);
    assert_value(scene, "User-1", NULL);
    assert_value(scene, "{User-1}:l", NULL);
    assert_int_equal(rig_step(&scene->rig, CACHE_FILL, "User-1", RIG_TOKEN_A, "old", 60000), 0);
    assert_int_equal(rig_step(&scene->rig, CACHE_INVALIDATE, "User-2", NULL, NULL, 0), 1);
    assert_value(scene, "User-2", NULL);
    assert_int_equal(rig_step(&scene->rig, CACHE_INVALIDATE, "User-3", NULL, NULL, 0), 1);
}

static void invalidate_keeps_a_writers_intent_and_marks_it_contended(void **state)
{
    struct scene *scene = *state;
    int64_t left_ms = 0;

    rig_tell(&scene->redis, "SET {User-1}:l w:" RIG_TOKEN_A RIG_TOKEN_B " PX 60000");
    rig_tell(&scene->redis, "SET User-1 {}");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rig_step(&scene->rig, CACHE_INVALIDATE, "User-1", NULL, NULL, 0), 1);
        assert_value(scene, "User-1", NULL);
        assert_value(scene, "{User-1}:l", "W:" RIG_TOKEN_A RIG_TOKEN_B);
        left_ms = test_redis_integer(&scene->redis, "PTTL {User-1}:l");
        assert_in_range(left_ms, 1, 60000);
    }
}

static void invalidate_removes_a_lease_key_of_a_foreign_type(void **state)
{
    struct scene *scene = *state;
    struct rig_batch *batch = rig_batch_new(&scene->rig, CACHE_INVALIDATE, "User-", 3);

    rig_tell(&scene->redis, "HSET {User-1}:l field value");
    rig_tell(&scene->redis, "MSET User-0 {} User-1 {} User-2 {}");
    assert_int_equal(rig_run(batch), ENTC_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(batch->items[i].result, 1);
    assert_int_equal(test_redis_integer(&scene->redis, "DBSIZE"), 0);
    rig_batch_free(batch);
}

static void a_lease_key_of_a_foreign_type_fails_its_item_only(void **state)
{
    struct scene *scene = *state;
    struct rig_batch *lease = rig_batch_new(&scene->rig, CACHE_LEASE, "User-", 3);
    struct rig_batch *fill = rig_batch_new(&scene->rig, CACHE_FILL, "User-", 3);

    assert_int_equal(rig_run(lease), ENTC_OK);
    rig_tell(&scene->redis, "DEL {User-1}:l");
    rig_tell(&scene->redis, "HSET {User-1}:l field value");
    assert_int_equal(rig_run(fill), ENTC_OK);
    assert_int_equal(fill->items[0].result, 1);
    assert_int_equal(fill->items[1].result, -1);
    assert_int_equal(fill->items[2].result, 1);
    assert_int_equal(test_redis_integer(&scene->redis, "EXISTS User-0 User-1 User-2"), 2);
    rig_batch_free(lease);
    rig_batch_free(fill);
}

/* ---- UNBLOCK ---- */

static void unblock_removes_what_nobody_of_us_wrote(void **state)
{
    static const char *const foreign[] = {
        "HSET {User-1}:l field value",   "RPUSH {User-1}:l value",        "SADD {User-1}:l value",
        "ZADD {User-1}:l 1 value",       "XADD {User-1}:l * field value", "SET {User-1}:l value",
        "SET {User-1}:l r:" RIG_TOKEN_A, "SET {User-1}:l w:" RIG_TOKEN_A};
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        rig_tell(&scene->redis, foreign[i]);
        assert_int_equal(rig_step(&scene->rig, CACHE_UNBLOCK, "User-1", NULL, NULL, 0), 1);
        assert_int_equal(test_redis_integer(&scene->redis, "DBSIZE"), 0);
    }
    rig_tell(&scene->redis, "HSET {User-1}:l field value");
    rig_tell(&scene->redis, "PEXPIRE {User-1}:l 60000");
    assert_int_equal(rig_step(&scene->rig, CACHE_UNBLOCK, "User-1", NULL, NULL, 0), 1);
    assert_int_equal(rig_step(&scene->rig, CACHE_UNBLOCK, "User-1", NULL, NULL, 0), 0);
}

static void unblock_keeps_leases_intents_and_values(void **state)
{
    static const char *const ours[] = {"r:" RIG_TOKEN_A, "w:" RIG_TOKEN_A, "W:" RIG_TOKEN_A};
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        freeReplyObject(test_redis_command(&scene->redis, "SET {User-1}:l %s PX 60000", ours[i]));
        rig_tell(&scene->redis, "SET User-1 {}");
        assert_int_equal(rig_step(&scene->rig, CACHE_UNBLOCK, "User-1", NULL, NULL, 0), 0);
        assert_value(scene, "{User-1}:l", ours[i]);
        assert_value(scene, "User-1", "{}");
        assert_in_range(test_redis_integer(&scene->redis, "PTTL {User-1}:l"), 1, 60000);
    }
}

/* ---- scripts ---- */

static void the_servers_hash_of_each_script_is_ours(void **state)
{
    static const enum cache_step steps[] = {CACHE_FILL, CACHE_UNLEASE, CACHE_INVALIDATE,
                                            CACHE_UNBLOCK};
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const struct redis_script *script = redis_script_of(steps[i]);
        redisReply *reply = test_redis_command(&scene->redis, "SCRIPT LOAD %s", script->text);

        assert_int_equal(reply->type, REDIS_REPLY_STRING);
        assert_string_equal(reply->str, script->sha1);
        freeReplyObject(reply);
    }
    assert_null(redis_script_of(CACHE_MGET));
    assert_null(redis_script_of(CACHE_LEASE));
}

static void scripts_that_the_server_forgot_are_said_again(void **state)
{
    struct scene *scene = *state;

    for (int round = 0; round < 3; round++) {
        struct rig_batch *lease = rig_batch_new(&scene->rig, CACHE_LEASE, "User-", 3);
        struct rig_batch *fill = rig_batch_new(&scene->rig, CACHE_FILL, "User-", 3);
        struct rig_batch *drop = rig_batch_new(&scene->rig, CACHE_INVALIDATE, "User-", 3);

        assert_int_equal(rig_run(lease), ENTC_OK);
        rig_tell(&scene->redis, "SCRIPT FLUSH");
        assert_int_equal(rig_run(fill), ENTC_OK);
        /* The connection's first use brings the text, so it cannot be missed. */
        assert_int_equal(fill->batch.commands, round == 0 ? 3 : 6);
        rig_tell(&scene->redis, "SCRIPT FLUSH");
        assert_int_equal(rig_run(drop), ENTC_OK);
        assert_int_equal(drop->batch.commands, round == 0 ? 6 : 12);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(fill->items[i].result, 1);
            assert_int_equal(drop->items[i].result, 1);
        }
        assert_int_equal(test_redis_integer(&scene->redis, "DBSIZE"), 0);
        rig_batch_free(lease);
        rig_batch_free(fill);
        rig_batch_free(drop);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_come_in_their_slots_and_absent_ones_as_nil),
        TEST(keys_and_values_of_any_bytes_arrive_unchanged),
        TEST(batches_of_one_turn_share_one_write),
        TEST(batches_larger_than_every_buffer_pass),
        TEST(one_of_two_leases_for_a_key_wins_and_expires),
        TEST(no_lease_is_had_while_a_write_is_under_way),
        TEST(a_fill_under_its_lease_is_stored_with_its_time_to_live),
        TEST(a_fill_whose_lease_is_gone_is_refused),
        TEST(unlease_gives_back_our_lease_only),
        TEST(invalidate_removes_the_value_and_ends_a_readers_lease),
        TEST(invalidate_keeps_a_writers_intent_and_marks_it_contended),
        TEST(invalidate_removes_a_lease_key_of_a_foreign_type),
        TEST(a_lease_key_of_a_foreign_type_fails_its_item_only),
        TEST(unblock_removes_what_nobody_of_us_wrote),
        TEST(unblock_keeps_leases_intents_and_values),
        TEST(the_servers_hash_of_each_script_is_ours),
        TEST(scripts_that_the_server_forgot_are_said_again)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
