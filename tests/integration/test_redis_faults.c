/* Proves on a real Redis that a connection is clean or dead: whatever happens to the server, to a
 * batch or to memory, batches end once, and replies reach those who asked. */
#include "redis_rig.h"
#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND_US INT64_C(1000000)

struct scene {
    struct test_redis redis;
    struct redis_rig rig;
};

static void open_scene(struct scene *scene, const char *const *extra, int64_t stall_us)
{
    test_redis_start(&scene->redis, extra);
    rig_open_with(&scene->rig, scene->redis.uri, NULL, NULL, 10 * SECOND_US, stall_us);
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

/* ---- detach ---- */

static void replies_of_detached_batches_are_swallowed_and_the_next_are_right(void **state)
{
    static const enum cache_step steps[] = {CACHE_MGET,    CACHE_LEASE,      CACHE_FILL,
                                            CACHE_UNLEASE, CACHE_INVALIDATE, CACHE_UNBLOCK};
    struct scene scene;

    (void)state;
    open_scene(&scene, NULL, 10 * SECOND_US);
    rig_tell(&scene.redis, "MSET Next-0 zero Next-1 one");
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct rig_batch *lost = make(&scene, steps[i], "Lost-", 7);
        struct rig_batch *next = make(&scene, CACHE_MGET, "Next-", 3);

        test_redis_pause(&scene.redis);
        assert_int_equal(rig_submit(lost), ENTC_OK);
        rig_turn(&scene.rig);
        assert_int_not_equal(lost->batch.commands, 0);
        rig_detach(lost);
        assert_int_equal(rig_submit(next), ENTC_OK);
        rig_turn(&scene.rig);
        test_redis_resume(&scene.redis);
        assert_int_equal(rig_wait(next), ENTC_OK);
        assert_string_equal(next->values[0], "zero");
        assert_string_equal(next->values[1], "one");
        assert_null(next->values[2]);
        assert_int_equal(lost->done_calls + (int)lost->values_told, 0);
        rig_batch_free(lost);
        rig_batch_free(next);
    }
    close_scene(&scene);
}

static void what_was_detached_before_the_send_never_reaches_the_server(void **state)
{
    struct scene scene;
    struct rig_batch *lost = NULL;
    struct rig_batch *next = NULL;

    (void)state;
    open_scene(&scene, NULL, 10 * SECOND_US);
    lost = make(&scene, CACHE_LEASE, "Lost-", 3);
    next = make(&scene, CACHE_LEASE, "Next-", 3);
    assert_int_equal(rig_submit(lost), ENTC_OK);
    assert_int_equal(rig_submit(next), ENTC_OK);
    rig_detach(lost);
    assert_int_equal(rig_wait(next), ENTC_OK);
    assert_int_equal(lost->batch.commands, 0);
    assert_int_equal(test_redis_integer(&scene.redis, "EXISTS {Lost-0}:l {Lost-1}:l"), 0);
    assert_int_equal(test_redis_integer(&scene.redis, "EXISTS {Next-0}:l {Next-1}:l"), 2);
    rig_batch_free(lost);
    rig_batch_free(next);
    close_scene(&scene);
}

/* The socket is full: a half-sent request must go to its end, those behind it need not. */
static void a_hung_server_does_not_mix_up_what_was_half_sent(void **state)
{
    static char value[64 * 1024];
    struct scene scene;
    struct rig_batch *batches[40];
    struct rig_batch *next = NULL;
    size_t sent = 0;

    (void)state;
    memset(value, '7', sizeof(value));
    open_scene(&scene, NULL, 10 * SECOND_US);
    test_redis_pause(&scene.redis);
    for (int i = 0; i < 40; i++) {
        batches[i] = make(&scene, CACHE_FILL, "User-", 4);
        for (int k = 0; k < 4; k++)
            batches[i]->items[k].value = (struct span){value, sizeof(value)};
        assert_int_equal(rig_submit(batches[i]), ENTC_OK);
        rig_turn(&scene.rig);
    }
    for (int i = 0; i < 40; i += 2)
        rig_detach(batches[i]);
    next = make(&scene, CACHE_MGET, "User-", 2);
    assert_int_equal(rig_submit(next), ENTC_OK);
    test_redis_resume(&scene.redis);
    assert_int_equal(rig_wait(next), ENTC_OK);
    for (int i = 0; i < 40; i++) {
        if (i % 2)
            assert_int_equal(rig_wait(batches[i]), ENTC_OK);
        assert_int_equal(batches[i]->done_calls, i % 2);
        sent += batches[i]->batch.commands > 0;
        rig_batch_free(batches[i]);
    }
    assert_in_range(sent, 21, 39); /* some of the detached were sent, some were not */
    rig_batch_free(next);
    close_scene(&scene);
}

/* ---- death ---- */

static void a_server_killed_in_flight_loses_the_batches_and_is_found_again(void **state)
{
    struct scene scene;
    struct rig_batch *sent = NULL;
    struct rig_batch *queued = NULL;
    struct rig_batch *detached = NULL;

    (void)state;
    open_scene(&scene, NULL, 10 * SECOND_US);
    sent = make(&scene, CACHE_MGET, "User-", 3);
    queued = make(&scene, CACHE_LEASE, "User-", 3);
    detached = make(&scene, CACHE_MGET, "User-", 3);
    test_redis_pause(&scene.redis);
    assert_int_equal(rig_submit(sent), ENTC_OK);
    assert_int_equal(rig_submit(detached), ENTC_OK);
    rig_turn(&scene.rig);
    rig_detach(detached);
    test_redis_kill(&scene.redis);
    assert_int_equal(rig_submit(queued), ENTC_OK);
    assert_int_equal(rig_wait(queued), ENTC_E_UNAVAILABLE);
    assert_int_equal(sent->done_calls, 1);
    assert_int_equal(sent->status, ENTC_E_UNAVAILABLE);
    assert_true(sent->batch.is_lost);
    assert_true(queued->batch.is_lost);
    assert_int_equal(detached->done_calls, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(queued->items[i].result, -1);
    /* The socket is dead: refused at once, and nothing was lost. */
    rig_batch_reset(sent);
    assert_int_equal(rig_submit(sent), ENTC_E_UNAVAILABLE);
    test_redis_restart(&scene.redis);
    rig_run_until_ok(sent);
    assert_null(sent->values[0]);
    rig_batch_reset(queued);
    assert_int_equal(rig_run(queued), ENTC_OK);
    assert_int_equal(queued->items[0].result, 1);
    rig_batch_free(sent);
    rig_batch_free(queued);
    rig_batch_free(detached);
    close_scene(&scene);
}

static void a_working_connection_that_is_lost_is_replaced_at_once(void **state)
{
    struct scene scene;
    struct rig_batch *batch = NULL;

    (void)state;
    open_scene(&scene, NULL, 10 * SECOND_US);
    batch = make(&scene, CACHE_MGET, "User-", 1);
    for (int i = 0; i < 5; i++) {
        test_redis_restart(&scene.redis);
        rig_rest(&scene.rig, 10000); /* the end of the connection */
        assert_int_equal(rig_run(batch), ENTC_OK);
        rig_batch_reset(batch);
    }
    assert_int_equal(scene.rig.lines[ENTC_LOG_WARNING], 0);
    rig_batch_free(batch);
    close_scene(&scene);
}

static void submit_again(struct rig_batch *batch)
{
    if (batch->status == ENTC_E_UNAVAILABLE && batch->done_calls == 1)
        batch->submitted = rig_submit(batch);
}

static void a_batch_may_be_submitted_again_from_its_own_death(void **state)
{
    struct scene scene;
    struct rig_batch *batch = NULL;
    const int64_t until_us = clock_now_us() + 20 * SECOND_US;

    (void)state;
    open_scene(&scene, NULL, 10 * SECOND_US);
    batch = make(&scene, CACHE_MGET, "User-", 1);
    batch->then = submit_again;
    test_redis_pause(&scene.redis);
    assert_int_equal(rig_submit(batch), ENTC_OK);
    rig_turn(&scene.rig);
    test_redis_restart(&scene.redis);
    while (batch->done_calls < 2 && clock_now_us() < until_us)
        rig_rest(&scene.rig, 100);
    assert_int_equal(batch->submitted, ENTC_OK);
    assert_int_equal(batch->done_calls, 2);
    assert_int_equal(batch->status, ENTC_OK);
    rig_batch_free(batch);
    close_scene(&scene);
}

static void a_silent_server_is_given_up_and_used_again_when_it_speaks(void **state)
{
    struct scene scene;
    struct rig_batch *batch = NULL;
    int64_t began_us = 0;

    (void)state;
    open_scene(&scene, NULL, SECOND_US / 10);
    batch = make(&scene, CACHE_MGET, "User-", 1);
    test_redis_pause(&scene.redis);
    began_us = clock_now_us();
    assert_int_equal(rig_run(batch), ENTC_E_UNAVAILABLE);
    assert_true(clock_now_us() - began_us >= SECOND_US / 10);
    assert_true(batch->batch.is_lost);
    rig_batch_reset(batch);
    /* It is tried again, in vain, then refused without being tried. */
    assert_int_equal(rig_run(batch), ENTC_E_UNAVAILABLE);
    rig_batch_reset(batch);
    test_redis_resume(&scene.redis);
    rig_run_until_ok(batch);
    rig_batch_free(batch);
    close_scene(&scene);
}

/* Idle longer than the stall: silence counts only while something is owed. */
static void an_idle_connection_is_not_given_up(void **state)
{
    struct scene scene;
    int64_t before = 0;
    const int64_t until_us = clock_now_us() + SECOND_US / 5;

    (void)state;
    open_scene(&scene, NULL, SECOND_US / 20);
    before = rig_connections(&scene.redis);
    while (clock_now_us() < until_us)
        rig_rest(&scene.rig, (int)((until_us - clock_now_us()) / 1000) + 1);
    free(rig_get(&scene.rig, "User-1"));
    assert_int_equal(rig_connections(&scene.redis), before + 1); /* that of asking */
    close_scene(&scene);
}

static void a_value_larger_than_any_may_be_ends_the_connection_and_the_next_one_serves(void **state)
{
    struct scene scene;
    struct rig_batch *batch = NULL;
    char *other = NULL;

    (void)state;
    open_scene(&scene, NULL, 10 * SECOND_US);
    rig_tell(&scene.redis, "SETRANGE User-1 8000000 x");
    rig_tell(&scene.redis, "SET Other-1 x");
    batch = make(&scene, CACHE_MGET, "User-", 2);
    assert_int_equal(rig_run(batch), ENTC_E_UNAVAILABLE);
    assert_true(batch->batch.is_lost);
    other = rig_get(&scene.rig, "Other-1");
    assert_string_equal(other, "x");
    free(other);
    rig_batch_free(batch);
    close_scene(&scene);
}

/* ---- fork ---- */

static void a_forked_child_frees_its_copy_and_the_parent_goes_on(void **state)
{
    struct scene scene;
    int status = -1;
    pid_t child = 0;

    (void)state;
    open_scene(&scene, NULL, 10 * SECOND_US);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        scene.rig.port->ops->free(scene.rig.port);
        execlp("true", "true", NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free(rig_get(&scene.rig, "User-1"));
    assert_int_equal(scene.rig.lines[ENTC_LOG_INFO] + scene.rig.lines[ENTC_LOG_WARNING], 0);
    close_scene(&scene);
}

/* ---- memory ---- */

/* From opening to closing, with the n-th allocation failing: every batch ends or is refused, and
 * with memory back the same port serves. */
static void live_with_a_failing_allocation(struct test_redis *redis, uint64_t n, bool from_then_on,
                                           uint64_t *ret_calls)
{
    struct redis_rig rig;
    struct rig_batch *batches[3];

    rig_open(&rig, redis->uri);
    batches[0] = rig_batch_new(&rig, CACHE_MGET, "User-", 3);
    batches[1] = rig_batch_new(&rig, CACHE_LEASE, "User-", 3);
    batches[2] = rig_batch_new(&rig, CACHE_INVALIDATE, "User-", 300);
    test_allocator_fail_at(&rig.memory, n, from_then_on);
    for (int i = 0; i < 3; i++) {
        entc_status status = rig_submit(batches[i]);

        if (status == ENTC_OK)
            status = rig_wait(batches[i]);
        assert_true(status == ENTC_OK || status == ENTC_E_UNAVAILABLE ||
                    status == ENTC_E_NO_MEMORY);
    }
    *ret_calls = test_allocator_calls(&rig.memory);
    test_allocator_fail_at(&rig.memory, 0, false);
    for (int i = 0; i < 3; i++) {
        rig_batch_reset(batches[i]);
        rig_run_until_ok(batches[i]);
        rig_batch_free(batches[i]);
    }
    rig_close(&rig);
}

static void an_allocation_that_fails_anywhere_fails_a_batch_at_most(void **state)
{
    struct test_redis redis;
    uint64_t calls = UINT64_MAX;

    (void)state;
    test_redis_start(&redis, NULL);
    for (uint64_t n = 1; n <= calls; n++)
        live_with_a_failing_allocation(&redis, n, false, &calls);
    calls = UINT64_MAX;
    for (uint64_t n = 1; n <= calls; n++)
        live_with_a_failing_allocation(&redis, n, true, &calls);
    test_redis_stop(&redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_detached_batches_are_swallowed_and_the_next_are_right),
        cmocka_unit_test(what_was_detached_before_the_send_never_reaches_the_server),
        cmocka_unit_test(a_hung_server_does_not_mix_up_what_was_half_sent),
        cmocka_unit_test(a_server_killed_in_flight_loses_the_batches_and_is_found_again),
        cmocka_unit_test(a_working_connection_that_is_lost_is_replaced_at_once),
        cmocka_unit_test(a_batch_may_be_submitted_again_from_its_own_death),
        cmocka_unit_test(a_silent_server_is_given_up_and_used_again_when_it_speaks),
        cmocka_unit_test(an_idle_connection_is_not_given_up),
        cmocka_unit_test(
            a_value_larger_than_any_may_be_ends_the_connection_and_the_next_one_serves),
        cmocka_unit_test(a_forked_child_frees_its_copy_and_the_parent_goes_on),
        cmocka_unit_test(an_allocation_that_fails_anywhere_fails_a_batch_at_most)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
