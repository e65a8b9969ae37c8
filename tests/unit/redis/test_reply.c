/* Proves that replies reach the batch that asked, however the bytes are cut, and that a stream
 * which is not exactly what was asked for ends the connection. */
#include "recorder.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

/* One of each, the last one detached: a sink among the others. */
static void ask_everything(struct scene *scene)
{
    scene_ask(scene, 'a', CACHE_MGET, 3);
    scene_ask(scene, 'b', CACHE_LEASE, 3);
    scene_ask(scene, 'c', CACHE_FILL, 3);
    scene_ask(scene, 'd', CACHE_MGET, 2);
    scene_ask(scene, 'e', CACHE_UNLEASE, 2);
    scene_ask(scene, 'f', CACHE_INVALIDATE, 2);
    scene_send(scene);
    redis_pipeline_detach(&scene->wire.pipeline, &scene->recorders[3].batch);
}

static const char everything[] = "*3\r\n$3\r\none\r\n$-1\r\n$0\r\n\r\n" /* a */
                                 "+OK\r\n$-1\r\n-OOM no room\r\n"       /* b */
                                 ":1\r\n:0\r\n-OOM no room\r\n"         /* c */
                                 "*2\r\n$2\r\n\r\n\r\n$-1\r\n"          /* d, swallowed */
                                 ":0\r\n:1\r\n"                         /* e */
                                 ":1\r\n:0\r\n:1\r\n:1\r\n";            /* f */

static const char everything_told[] = "a.0=one\na.1=nil\na.2=\na.done(OK)\n"
                                      "b.done(OK) 1 0 -1\n"
                                      "c.done(OK) 1 0 -1\n"
                                      "e.done(OK) 0 1\n"
                                      "f.done(OK) 1 1\n";

static void feed_in_three(size_t first, size_t second)
{
    const size_t length = sizeof(everything) - 1;
    struct scene scene;

    scene_open(&scene);
    ask_everything(&scene);
    assert_true(redis_replies_feed(&scene.wire.replies, everything, first));
    assert_true(redis_replies_feed(&scene.wire.replies, everything + first, second - first));
    assert_true(redis_replies_feed(&scene.wire.replies, everything + second, length - second));
    assert_string_equal(scene.wire.log, everything_told);
    assert_null(redis_pipeline_front(&scene.wire.pipeline));
    scene_close(&scene);
}

static void replies_cut_at_any_two_places_tell_the_same(void **state)
{
    const size_t length = sizeof(everything) - 1;

    (void)state;
    for (size_t first = 0; first <= length; first++)
        for (size_t second = first; second <= length; second++)
            feed_in_three(first, second);
}

static void replies_that_trickle_byte_by_byte_tell_the_same(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    ask_everything(&scene);
    for (size_t i = 0; i < sizeof(everything) - 1; i++)
        assert_true(redis_replies_feed(&scene.wire.replies, everything + i, 1));
    assert_string_equal(scene.wire.log, everything_told);
    scene_close(&scene);
}

static void a_batch_is_done_only_when_its_last_byte_came(void **state)
{
    const size_t length = sizeof(everything) - 1;
    struct scene scene;

    (void)state;
    scene_open(&scene);
    ask_everything(&scene);
    assert_true(redis_replies_feed(&scene.wire.replies, everything, length - 1));
    assert_null(strstr(scene.wire.log, "f.done"));
    assert_non_null(redis_pipeline_front(&scene.wire.pipeline));
    scene_close(&scene);
}

/* ---- what ends a connection ---- */

struct refusal {
    enum cache_step step;
    size_t count;
    const char *replies;
};

static void assert_refused(const struct refusal *refusal, bool is_sink)
{
    struct scene scene;

    scene_open(&scene);
    scene_ask(&scene, 'a', refusal->step, refusal->count);
    scene_send(&scene);
    if (is_sink)
        redis_pipeline_detach(&scene.wire.pipeline, &scene.recorders[0].batch);
    if (wire_feed(&scene.wire, refusal->replies))
        test_fail("step %d took %s", (int)refusal->step, refusal->replies);
    assert_non_null(scene.wire.replies.fault);
    assert_null(strstr(scene.wire.log, "done"));
    scene_close(&scene);
}

static void a_reply_of_another_type_or_count_ends_the_connection(void **state)
{
    static const struct refusal refusals[] = {{CACHE_MGET, 2, "*1\r\n"},
                                              {CACHE_MGET, 2, "*3\r\n"},
                                              {CACHE_MGET, 2, "*0\r\n"},
                                              {CACHE_MGET, 2, "*-1\r\n"},
                                              {CACHE_MGET, 2, "$-1\r\n"},
                                              {CACHE_MGET, 2, "$1\r\nx\r\n"},
                                              {CACHE_MGET, 2, "+OK\r\n"},
                                              {CACHE_MGET, 2, ":2\r\n"},
                                              {CACHE_MGET, 2, "*2\r\n:1\r\n"},
                                              {CACHE_MGET, 2, "*2\r\n+OK\r\n"},
                                              {CACHE_MGET, 2, "*2\r\n-ERR in an array\r\n"},
                                              {CACHE_MGET, 2, "*2\r\n*2\r\n"},
                                              {CACHE_MGET, 2, "*2\r\n*0\r\n"},
                                              {CACHE_MGET, 2, "*2\r\n*-1\r\n"},
                                              {CACHE_LEASE, 1, "+QUEUED\r\n"},
                                              {CACHE_LEASE, 1, "+O\r\n"},
                                              {CACHE_LEASE, 1, ":1\r\n"},
                                              {CACHE_LEASE, 1, "*-1\r\n"},
                                              {CACHE_LEASE, 1, "*1\r\n"},
                                              {CACHE_LEASE, 1, "$2\r\nOK\r\n"},
                                              {CACHE_FILL, 1, ":2\r\n"},
                                              {CACHE_FILL, 1, ":-1\r\n"},
                                              {CACHE_FILL, 1, ":4294967297\r\n"},
                                              {CACHE_FILL, 1, "$-1\r\n"},
                                              {CACHE_FILL, 1, "+OK\r\n"},
                                              {CACHE_FILL, 1, "$1\r\n1\r\n"},
                                              {CACHE_FILL, 1, "*1\r\n"},
                                              {CACHE_UNLEASE, 1, ":2\r\n"},
                                              {CACHE_UNLEASE, 1, "$-1\r\n"},
                                              {CACHE_UNBLOCK, 1, ":2\r\n"},
                                              {CACHE_UNBLOCK, 1, "$-1\r\n"},
                                              {CACHE_INVALIDATE, 1, ":0\r\n"},
                                              {CACHE_INVALIDATE, 1, "$-1\r\n"},
                                              {CACHE_INVALIDATE, 1, ":1\r\n:2\r\n"},
                                              {CACHE_INVALIDATE, 1, ":1\r\n+OK\r\n"},
                                              {CACHE_INVALIDATE, 1, ":1\r\n*1\r\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        assert_refused(&refusals[i], false);
        assert_refused(&refusals[i], true);
    }
}

static void what_is_not_resp_ends_the_connection(void **state)
{
    static const struct refusal refusals[] = {{CACHE_MGET, 1, "HTTP/1.1 400 Bad Request\r\n"},
                                              {CACHE_MGET, 1, "*x\r\n"},
                                              {CACHE_MGET, 1, "*-2\r\n"},
                                              {CACHE_MGET, 1, "*1\r\n$x\r\n"},
                                              {CACHE_MGET, 1, "*1\r\n$-2\r\n"},
                                              {CACHE_MGET, 1, "*1\r\n\r\n"},
                                              {CACHE_MGET, 1, "*2147483648\r\n"},
                                              {CACHE_MGET, 1, "*9223372036854775807\r\n"},
                                              {CACHE_MGET, 1, "*99999999999999999999999\r\n"},
                                              {CACHE_MGET, 1, "*1\r\n$99999999999999999999999\r\n"},
                                              {CACHE_FILL, 1, ":one\r\n"},
                                              {CACHE_FILL, 1, "%1\r\n"},
                                              {CACHE_FILL, 1, "#t\r\n"},
                                              {CACHE_FILL, 1, ",1.5\r\n"},
                                              {CACHE_LEASE, 1, "_\r\n"},
                                              {CACHE_LEASE, 1, ">2\r\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        assert_refused(&refusals[i], false);
}

static void a_reply_that_nobody_asked_for_ends_the_connection(void **state)
{
    static const char *const replies[] = {"+OK\r\n", ":1\r\n", "$-1\r\n",       "$1\r\nx\r\n",
                                          "*0\r\n",  "*1\r\n", "-ERR what\r\n", "*-1\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct scene scene;

        scene_open(&scene);
        assert_false(wire_feed(&scene.wire, replies[i]));
        scene_close(&scene);
        /* A request that is queued but not sent cannot have been answered. */
        scene_open(&scene);
        scene_ask(&scene, 'a', CACHE_LEASE, 1);
        assert_false(wire_feed(&scene.wire, replies[i]));
        assert_string_equal(scene.wire.log, "");
        scene_close(&scene);
    }
}

static void a_reply_that_outgrows_the_limit_ends_the_connection(void **state)
{
    static char piece[REDIS_CHUNK_BYTES];
    struct scene scene;
    size_t fed = 0;

    (void)state;
    memset(piece, 'x', sizeof(piece));
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_MGET, 1);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "*1\r\n$"));
    while (redis_replies_feed(&scene.wire.replies, piece, sizeof(piece)))
        fed += sizeof(piece);
    assert_in_range(fed, SCENE_VALUE_BYTES, scene.wire.replies.limit);
    scene_close(&scene);
}

/* Before a byte of it came, and although no line has ended: more digits make it no smaller. */
static void a_value_that_is_announced_as_too_large_is_named_at_once(void **state)
{
    static const struct {
        const char *before;
        size_t too_large;
    } cases[] = {{"*3\r\n", 1},
                 {"*3\r\n$1\r\na\r\n", 2},
                 {"*3\r\n$1\r\na\r\n$-1\r\n", 3},
                 {"*3\r\n$0\r\n\r\n", 2}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int excess = 0; excess <= 1; excess++) {
            struct scene scene;
            char head[32];

            scene_open(&scene);
            scene_ask(&scene, 'a', CACHE_MGET, 3);
            scene_send(&scene);
            assert_true(wire_feed(&scene.wire, cases[i].before));
            snprintf(head, sizeof(head), "$%zu", scene.wire.replies.limit + (size_t)excess);
            assert_int_equal(wire_feed(&scene.wire, head), excess == 0);
            assert_int_equal(scene.recorders[0].batch.too_large, excess ? cases[i].too_large : 0);
            scene_close(&scene);
        }
    }
}

static void no_length_is_so_long_that_it_passes(void **state)
{
    static const char *const heads[] = {"$18446744073709551615", "$18446744073709551616",
                                        "$18446744073709551617", "$536870912\r\n",
                                        "$99999999999999999999999999999999"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(heads) / sizeof(heads[0]); i++) {
        struct scene scene;

        scene_open(&scene);
        scene_ask(&scene, 'a', CACHE_MGET, 1);
        scene_send(&scene);
        if (i % 2)
            redis_pipeline_detach(&scene.wire.pipeline, &scene.recorders[0].batch);
        assert_true(wire_feed(&scene.wire, "*1\r\n"));
        assert_false(wire_feed(&scene.wire, heads[i / 2]));
        assert_int_equal(scene.recorders[0].batch.too_large, i % 2 ? 0 : 1);
        scene_close(&scene);
    }
}

static void what_outgrows_the_limit_unannounced_ends_the_connection(void **state)
{
    static char piece[4 * REDIS_CHUNK_BYTES];
    static const struct {
        const char *before;
        size_t too_large;
    } cases[] = {{"*", 0}, {"*3\r\n$", 1}, {"*3\r\n$1\r\na\r\n$", 2}};

    (void)state;
    memset(piece, '0', sizeof(piece));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;

        scene_open(&scene);
        scene_ask(&scene, 'a', CACHE_MGET, 3);
        scene_send(&scene);
        assert_true(wire_feed(&scene.wire, cases[i].before));
        assert_false(redis_replies_feed(&scene.wire.replies, piece, sizeof(piece)));
        assert_int_equal(scene.recorders[0].batch.too_large, cases[i].too_large);
        scene_close(&scene);
    }
}

static void values_that_are_large_only_in_sum_are_delivered(void **state)
{
    static char stream[600 * 1024];
    struct scene scene;
    size_t length = 0;

    (void)state;
    scene_open(&scene);
    for (int i = 0; i < 6; i++)
        scene_ask(&scene, (char)('a' + i), CACHE_MGET, 4);
    scene_send(&scene);
    for (int i = 0; i < 6; i++)
        redis_pipeline_detach(&scene.wire.pipeline, &scene.recorders[i].batch);
    for (int i = 0; i < 24; i++) {
        if (i % 4 == 0)
            length += (size_t)sprintf(stream + length, "*4\r\n");
        length += (size_t)sprintf(stream + length, "$20000\r\n%20000s\r\n", "");
    }
    assert_true(length > scene.wire.replies.limit);
    for (size_t at = 0; at < length; at += 10000)
        assert_true(redis_replies_feed(&scene.wire.replies, stream + at,
                                       length - at < 10000 ? length - at : 10000));
    assert_null(redis_pipeline_front(&scene.wire.pipeline));
    scene_close(&scene);
}

/* ---- greeting ---- */

static void the_greeting_is_answered_before_all_batches(void **state)
{
    struct scene scene;

    (void)state;
    scene_open(&scene);
    scene_ask(&scene, 'a', CACHE_LEASE, 1);
    scene.wire.replies.greetings = 2;
    assert_true(wire_feed(&scene.wire, "+OK\r\n+OK\r\n"));
    assert_int_equal(scene.wire.replies.greetings, 0);
    scene_send(&scene);
    assert_true(wire_feed(&scene.wire, "+OK\r\n"));
    assert_string_equal(scene.wire.log, "a.done(OK) 1\n");
    scene_close(&scene);
}

static void a_greeting_that_is_not_accepted_ends_the_connection(void **state)
{
    static const char *const replies[] = {
        "-WRONGPASS no\r\n", "$-1\r\n", ":1\r\n", "+NO\r\n", "*1\r\n", "*0\r\n", "$2\r\nOK\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct scene scene;

        scene_open(&scene);
        scene.wire.replies.greetings = 1;
        assert_false(wire_feed(&scene.wire, replies[i]));
        assert_non_null(scene.wire.replies.fault);
        scene_close(&scene);
    }
}

/* ---- hostile bytes ---- */

/* No assertion but that of the sanitizers, and that nothing is told twice. */
static void bytes_changed_at_random_do_no_harm(void **state)
{
    struct random random = {{1, 2, 3, 4}};

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char stream[sizeof(everything)];
        struct scene scene;
        bool is_alive = true;

        memcpy(stream, everything, sizeof(everything));
        for (uint64_t n = 1 + random_below(&random, 3); n > 0; n--)
            stream[random_below(&random, sizeof(stream) - 1)] =
                "0123456789\r\n$*+-:\xFFx"[random_below(&random, 20)];
        scene_open(&scene);
        ask_everything(&scene);
        for (size_t at = 0; at < sizeof(stream) - 1 && is_alive;) {
            size_t length = 1 + random_below(&random, 40);

            if (length > sizeof(stream) - 1 - at)
                length = sizeof(stream) - 1 - at;
            is_alive = redis_replies_feed(&scene.wire.replies, stream + at, length);
            at += length;
        }
        redis_pipeline_fail(&scene.wire.pipeline, true);
        for (int i = 0; i < 6; i++) {
            const char name = (char)('a' + i);
            const char line[] = {name, '.', 'd', 'o', 'n', 'e', '\0'};
            const char *first = strstr(scene.wire.log, line);

            assert_true(name == 'd' ? !first : first && !strstr(first + 1, line));
        }
        scene_close(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_cut_at_any_two_places_tell_the_same),
        cmocka_unit_test(replies_that_trickle_byte_by_byte_tell_the_same),
        cmocka_unit_test(a_batch_is_done_only_when_its_last_byte_came),
        cmocka_unit_test(a_reply_of_another_type_or_count_ends_the_connection),
        cmocka_unit_test(what_is_not_resp_ends_the_connection),
        cmocka_unit_test(a_reply_that_nobody_asked_for_ends_the_connection),
        cmocka_unit_test(a_reply_that_outgrows_the_limit_ends_the_connection),
        cmocka_unit_test(a_value_that_is_announced_as_too_large_is_named_at_once),
        cmocka_unit_test(no_length_is_so_long_that_it_passes),
        cmocka_unit_test(what_outgrows_the_limit_unannounced_ends_the_connection),
        cmocka_unit_test(values_that_are_large_only_in_sum_are_delivered),
        cmocka_unit_test(the_greeting_is_answered_before_all_batches),
        cmocka_unit_test(a_greeting_that_is_not_accepted_ends_the_connection),
        cmocka_unit_test(bytes_changed_at_random_do_no_harm)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
