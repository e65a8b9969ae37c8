/* Proves on a real Redis what the errors of a server in trouble lead to: they are replies, so the
 * connection survives them. */
#include "redis_rig.h"
#include "test.h"

#include <stdlib.h>

#define SECOND_US INT64_C(1000000)

struct scene {
    struct test_redis redis;
    struct redis_rig rig;
};

static void open_scene(struct scene *scene, const char *const *extra)
{
    test_redis_start(&scene->redis, extra);
    rig_open(&scene->rig, scene->redis.uri);
    free(rig_get(&scene->rig, "warm"));
}

static void close_scene(struct scene *scene)
{
    rig_close(&scene->rig);
    test_redis_stop(&scene->redis);
}

static struct rig_batch *make(struct scene *scene, enum cache_step step, const char *prefix,
                              size_t count)
{
    return rig_batch_new(&scene->rig, step, prefix, count);
}

static void a_full_server_fails_leases_and_fills_but_still_answers(void **state)
{
    static const char *const extra[] = {"--maxmemory-policy", "noeviction", NULL};
    struct scene scene;
    struct rig_batch *lease = NULL;
    struct rig_batch *fill = NULL;
    struct rig_batch *drop = NULL;
    char *value = NULL;
    int64_t before = 0;

    (void)state;
    open_scene(&scene, extra);
    lease = make(&scene, CACHE_LEASE, "Early-", 2);
    assert_int_equal(rig_run(lease), ENTC_OK);
    rig_batch_free(lease);
    rig_tell(&scene.redis, "SET User-9 x");
    rig_tell(&scene.redis, "CONFIG SET maxmemory 1");
    before = rig_connections(&scene.redis);
    lease = make(&scene, CACHE_LEASE, "User-", 2);
    fill = make(&scene, CACHE_FILL, "Early-", 2);
    drop = make(&scene, CACHE_INVALIDATE, "Early-", 2);
    assert_int_equal(rig_run(lease), ENTC_OK);
    assert_int_equal(rig_run(fill), ENTC_OK);
    assert_int_equal(rig_run(drop), ENTC_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lease->items[i].result, -1);
        assert_int_equal(fill->items[i].result, -1);
        assert_int_equal(drop->items[i].result, 1);
    }
    value = rig_get(&scene.rig, "User-9");
    assert_string_equal(value, "x");
    assert_int_equal(rig_connections(&scene.redis), before + 1);
    assert_int_equal(scene.rig.lines[ENTC_LOG_WARNING], 1);
    free(value);
    rig_batch_free(lease);
    rig_batch_free(fill);
    rig_batch_free(drop);
    close_scene(&scene);
}

static void a_replica_without_master_is_down_and_the_connection_stays(void **state)
{
    static const char *const extra[] = {"--replica-serve-stale-data", "no", NULL};
    struct scene scene;
    struct rig_batch *batch = NULL;
    int64_t before = 0;

    (void)state;
    open_scene(&scene, extra);
    rig_tell(&scene.redis, "REPLICAOF 127.0.0.1 1");
    before = rig_connections(&scene.redis);
    batch = make(&scene, CACHE_MGET, "User-", 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_run(batch), ENTC_E_UNAVAILABLE);
        assert_false(batch->batch.is_lost);
        rig_batch_reset(batch);
    }
    rig_tell(&scene.redis, "REPLICAOF NO ONE");
    assert_int_equal(rig_run(batch), ENTC_OK);
    assert_int_equal(rig_connections(&scene.redis),
                     before + 2); /* REPLICAOF's, and that of asking */
    assert_int_equal(scene.rig.lines[ENTC_LOG_WARNING], 1);
    rig_batch_free(batch);
    close_scene(&scene);
}

static void a_master_that_became_a_replica_is_left_for_what_the_address_leads_to(void **state)
{
    struct scene scene;
    struct rig_batch *lease = NULL;

    (void)state;
    open_scene(&scene, NULL);
    rig_tell(&scene.redis, "REPLICAOF 127.0.0.1 1");
    lease = make(&scene, CACHE_LEASE, "User-", 2);
    assert_int_equal(rig_run(lease), ENTC_E_UNAVAILABLE);
    rig_tell(&scene.redis, "REPLICAOF NO ONE");
    rig_batch_reset(lease);
    rig_run_until_ok(lease);
    assert_int_equal(lease->items[0].result, 1);
    assert_non_null(strstr(scene.rig.logged, "read-only replica"));
    rig_batch_free(lease);
    close_scene(&scene);
}

static void a_server_busy_with_a_script_is_down_until_it_ends(void **state)
{
    static const char *const extra[] = {"--busy-reply-threshold", "1", NULL};
    struct scene scene;
    struct rig_batch *batch = NULL;
    redisContext *context = NULL;
    redisReply *reply = NULL;
    const int64_t until_us = clock_now_us() + 20 * SECOND_US;

    (void)state;
    open_scene(&scene, extra);
    batch = make(&scene, CACHE_MGET, "User-", 2);
    context = redisConnectUnixNonBlock(scene.redis.socket_path);
    assert_non_null(context);
    redisAppendCommand(context, "EVAL %s 0", "while true do end");
    for (int is_sent = 0; !is_sent;)
        assert_int_equal(redisBufferWrite(context, &is_sent), REDIS_OK);
    while (rig_run(batch) == ENTC_OK && clock_now_us() < until_us)
        rig_batch_reset(batch);
    assert_int_equal(batch->status, ENTC_E_UNAVAILABLE);
    assert_false(batch->batch.is_lost);
    reply = test_redis_command(&scene.redis, "SCRIPT KILL");
    freeReplyObject(reply);
    rig_batch_reset(batch);
    rig_run_until_ok(batch);
    redisFree(context);
    rig_batch_free(batch);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_server_fails_leases_and_fills_but_still_answers),
        cmocka_unit_test(a_replica_without_master_is_down_and_the_connection_stays),
        cmocka_unit_test(a_master_that_became_a_replica_is_left_for_what_the_address_leads_to),
        cmocka_unit_test(a_server_busy_with_a_script_is_down_until_it_ends)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
