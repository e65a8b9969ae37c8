/* Proves what follows an error reply, a script that the server lost, and calls from inside `value`
 * and `done`. */
#include "recorder.h"
#include "test.h"

#include <stdlib.h>

/* ---- errors ---- */

static void an_error_about_the_server_fails_the_batch_and_not_the_connection(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_MGET, 2);
    scene_ask(&scene, 'b', CACHE_LEASE, 2);
    scene_ask(&scene, 'c', CACHE_MGET, 1);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "-LOADING Redis is loading the dataset in memory\r\n"
                                       "-NOVELTY of a server to come\r\n+OK\r\n"));
    assert_true(wire_feed(&scene.wire, "*1\r\n$1\r\nx\r\n"));
    assert_string_equal(scene.wire.log, "a.done(UNAVAILABLE)\n"
                                        "b.done(UNAVAILABLE) -1 1\n"
                                        "c.0=x\nc.done(OK)\n");
    scene_close(&scene);
}

static void an_answer_proves_that_the_server_serves_and_an_error_does_not(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_MGET, 1);
    scene_ask(&scene, 'b', CACHE_FILL, 1);
    scene_ask(&scene, 'c', CACHE_LEASE, 1);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "-MASTERDOWN alone\r\n-CLUSTERDOWN too\r\n"));
    assert_false(scene.wire.replies.is_good);
    assert_true(wire_feed(&scene.wire, "-OOM but alive\r\n"));
    assert_true(scene.wire.replies.is_good);
    scene_close(&scene);
}

/* ---- scripts that the server does not know ---- */

static void a_lost_script_is_repeated_once_with_its_text(void **state)
{
    struct scene scene;
    char *sent = NULL;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_FILL, 3);
    scene_ask(&scene, 'b', CACHE_MGET, 1);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "-NOSCRIPT No matching script.\r\n:1\r\n"
                                       "-NOSCRIPT No matching script.\r\n*1\r\n$-1\r\n"));
    assert_string_equal(scene.wire.log, "b.0=nil\nb.done(OK)\n");
    sent = wire_send(&scene.wire, NULL);
    assert_non_null(strstr(sent, "EVAL\r\n"));
    assert_non_null(strstr(sent, "a-0"));
    assert_null(strstr(sent, "a-1"));
    assert_non_null(strstr(sent, "a-2"));
    free(sent);
    assert_true(wire_feed(&scene.wire, ":0\r\n-NOSCRIPT No matching script.\r\n"));
    assert_string_equal(scene.wire.log, "b.0=nil\nb.done(OK)\na.done(OK) 0 1 -1\n");
    assert_int_equal(scene.recorders[0].batch.commands, 5);
    assert_false(redis_pipeline_has_output(&scene.wire.pipeline));
    scene_close(&scene);
}

static void a_lost_script_of_invalidate_is_repeated_with_its_del(void **state)
{
    struct scene scene;
    char *sent = NULL;
    const char *eval = NULL;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_INVALIDATE, 2);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, ":1\r\n:1\r\n-NOSCRIPT gone\r\n:1\r\n"));
    assert_string_equal(scene.wire.log, "");
    sent = wire_send(&scene.wire, NULL);
    eval = strstr(sent, "EVAL\r\n");
    assert_non_null(eval);
    assert_non_null(strstr(eval, "{a-1}:l\r\n*2\r\n$3\r\nDEL\r\n$3\r\na-1\r\n"));
    assert_null(strstr(sent, "a-0"));
    free(sent);
    assert_true(wire_feed(&scene.wire, ":1\r\n:0\r\n"));
    assert_string_equal(scene.wire.log, "a.done(OK) 1 1\n");
    scene_close(&scene);
}

/* The L step is unknown and its DEL fails: the pair is repeated, and the end counts. */
static void a_lost_script_whose_del_failed_is_repeated_with_it(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_INVALIDATE, 2);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, ":1\r\n:1\r\n-NOSCRIPT gone\r\n-OOM no room\r\n"));
    assert_string_equal(scene.wire.log, "");
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, ":1\r\n:1\r\n"));
    assert_string_equal(scene.wire.log, "a.done(OK) 1 1\n");
    scene_close(&scene);
}

/* No server says that of a plain command; if one does, it is an error like any other. */
static void a_plain_command_is_never_repeated(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_LEASE, 2);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "+OK\r\n-NOSCRIPT strange\r\n"));
    assert_string_equal(scene.wire.log, "a.done(OK) 1 -1\n");
    scene_close(&scene);
}

static void invalidate_whose_del_failed_has_failed(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_INVALIDATE, 3);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, ":1\r\n-WRONGTYPE of something\r\n"
                                       "-WRONGTYPE of something\r\n:1\r\n:1\r\n:0\r\n"));
    assert_string_equal(scene.wire.log, "a.done(OK) -1 -1 1\n");
    scene_close(&scene);
}

static void a_batch_that_was_detached_is_not_repeated(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_FILL, 2);
    scene_ask(&scene, 'b', CACHE_FILL, 2);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "-NOSCRIPT gone\r\n"));
    redis_pipeline_detach(&scene.wire.pipeline, &scene.recorders[0].batch);
    assert_true(wire_feed(&scene.wire, "-NOSCRIPT gone\r\n-NOSCRIPT gone\r\n-NOSCRIPT gone\r\n"));
    assert_true(redis_pipeline_has_output(&scene.wire.pipeline));
    redis_pipeline_detach(&scene.wire.pipeline, &scene.recorders[1].batch);
    assert_int_equal(redis_pipeline_output(&scene.wire.pipeline).length, 0);
    assert_null(redis_pipeline_front(&scene.wire.pipeline));
    assert_string_equal(scene.wire.log, "");
    scene_close(&scene);
}

static void a_repetition_that_is_detached_becomes_a_sink(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_INVALIDATE, 2);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "-NOSCRIPT gone\r\n:1\r\n-NOSCRIPT gone\r\n:1\r\n"));
    scene_ask(&scene, 'b', CACHE_LEASE, 1);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, ":1\r\n"));
    redis_pipeline_detach(&scene.wire.pipeline, &scene.recorders[0].batch);
    assert_true(wire_feed(&scene.wire, ":1\r\n:1\r\n:0\r\n+OK\r\n"));
    assert_string_equal(scene.wire.log, "b.done(OK) 1\n");
    scene_close(&scene);
}

/* ---- calls that call back ---- */

static void a_batch_may_be_detached_while_its_values_come(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_MGET, 3);
    scene_ask(&scene, 'b', CACHE_MGET, 1);
    scene.recorders[0].detach_in_value = &scene.recorders[0].batch;
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "*3\r\n$-1\r\n$-1\r\n$-1\r\n*1\r\n$-1\r\n"));
    assert_string_equal(scene.wire.log, "a.0=nil\nb.0=nil\nb.done(OK)\n");
    scene_close(&scene);
}

static void done_may_detach_others_and_submit_more(void **state)
{
    struct scene scene;
    struct recorder *again = NULL;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_MGET, 1);
    scene_ask(&scene, 'b', CACHE_MGET, 1);
    scene_ask(&scene, 'c', CACHE_MGET, 1);
    again = &scene.recorders[3];
    recorder_init(again, &scene.wire, 'd', CACHE_LEASE, 2);
    scene.recorders[0].detach_in_done = &scene.recorders[1].batch;
    scene.recorders[0].submit_in_done = &again->batch;
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "*1\r\n$-1\r\n*1\r\n$-1\r\n*1\r\n$-1\r\n"));
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "+OK\r\n$-1\r\n"));
    assert_string_equal(scene.wire.log, "a.0=nil\na.done(OK)\nc.0=nil\nc.done(OK)\n"
                                        "d.done(OK) 1 0\n");
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_about_the_server_fails_the_batch_and_not_the_connection),
        cmocka_unit_test(an_answer_proves_that_the_server_serves_and_an_error_does_not),
        cmocka_unit_test(a_lost_script_is_repeated_once_with_its_text),
        cmocka_unit_test(a_lost_script_of_invalidate_is_repeated_with_its_del),
        cmocka_unit_test(a_lost_script_whose_del_failed_is_repeated_with_it),
        cmocka_unit_test(a_plain_command_is_never_repeated),
        cmocka_unit_test(invalidate_whose_del_failed_has_failed),
        cmocka_unit_test(a_batch_that_was_detached_is_not_repeated),
        cmocka_unit_test(a_repetition_that_is_detached_becomes_a_sink),
        cmocka_unit_test(a_batch_may_be_detached_while_its_values_come),
        cmocka_unit_test(done_may_detach_others_and_submit_more)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
