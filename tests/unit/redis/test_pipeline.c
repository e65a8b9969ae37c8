/* Proves what is sent, and that losing a batch changes nothing for the others. */
#include "allocator.h"
#include "recorder.h"
#include "test.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#define TOKEN RECORDER_TOKEN

/* Appends what hiredis makes of the arguments (NULL ends them). */
static void expect(struct buffer *expected, const char *const *arguments)
{
    const char *argv[16];
    size_t lengths[16];
    char *command = NULL;
    int count = 0;
    int length = 0;

    for (; arguments[count]; count++) {
        argv[count] = arguments[count];
        lengths[count] = strlen(arguments[count]);
    }
    length = redisFormatCommandArgv(&command, count, argv, lengths);
    assert_true(length > 0);
    buffer_append(expected, command, (size_t)length);
    redisFreeCommand(command);
}

#define EXPECT(expected, ...) expect(expected, (const char *const[]){__VA_ARGS__, NULL})

static void assert_sent(struct wire *wire, struct buffer *expected)
{
    size_t length = 0;
    char *sent = wire_send(wire, &length);

    assert_int_equal(length, expected->length);
    assert_memory_equal(sent, expected->bytes, length);
    free(sent);
    buffer_clear(expected);
}

static void every_step_is_sent_as_hiredis_would_format_it(void **state)
{
    const struct redis_script *fill = redis_script_of(CACHE_FILL);
    const struct redis_script *unlease = redis_script_of(CACHE_UNLEASE);
    const struct redis_script *invalidate = redis_script_of(CACHE_INVALIDATE);
    struct recorder recorders[5];
    struct buffer expected;
    struct wire wire;

    (void)state;
    buffer_init(&expected, base_default_allocator());
    wire_open(&wire, base_default_allocator(), 1024);
    recorder_init(&recorders[0], &wire, 'a', CACHE_MGET, 3);
    recorder_init(&recorders[1], &wire, 'b', CACHE_LEASE, 2);
    recorder_init(&recorders[2], &wire, 'c', CACHE_FILL, 2);
    recorder_init(&recorders[3], &wire, 'd', CACHE_UNLEASE, 1);
    recorder_init(&recorders[4], &wire, 'e', CACHE_INVALIDATE, 2);
    for (int i = 0; i < 5; i++)
        recorder_add(&recorders[i]);
    EXPECT(&expected, "MGET", "a-0", "a-1", "a-2");
    EXPECT(&expected, "SET", "{b-0}:l", "r:" TOKEN, "NX", "PX", "3000");
    EXPECT(&expected, "SET", "{b-1}:l", "r:" TOKEN, "NX", "PX", "3000");
    EXPECT(&expected, "EVAL", fill->text, "2", "c-0", "{c-0}:l", TOKEN, "value", "3000");
    EXPECT(&expected, "EVALSHA", fill->sha1, "2", "c-1", "{c-1}:l", TOKEN, "value", "3000");
    EXPECT(&expected, "EVAL", unlease->text, "1", "{d-0}:l", TOKEN);
    EXPECT(&expected, "EVAL", invalidate->text, "1", "{e-0}:l");
    EXPECT(&expected, "DEL", "e-0");
    EXPECT(&expected, "EVALSHA", invalidate->sha1, "1", "{e-1}:l");
    EXPECT(&expected, "DEL", "e-1");
    assert_sent(&wire, &expected);
    assert_int_equal(recorders[0].batch.commands, 1);
    assert_int_equal(recorders[2].batch.commands, 2);
    assert_int_equal(recorders[4].batch.commands, 4);
    wire_close(&wire);
    buffer_fini(&expected);
}

static void a_key_of_any_bytes_stays_one_argument(void **state)
{
    static const char key[] = "User-\r\n*1\r\n$8\r\nFLUSHALL\r\n\0 %s \xFF";
    const char *argv[] = {"MGET", key};
    const size_t lengths[] = {4, sizeof(key)};
    struct recorder recorder;
    struct wire wire;
    char *command = NULL;
    size_t sent_length = 0;
    char *sent = NULL;
    const int length = redisFormatCommandArgv(&command, 2, argv, lengths);

    (void)state;
    wire_open(&wire, base_default_allocator(), 1024);
    recorder_init(&recorder, &wire, 'a', CACHE_MGET, 1);
    recorder.items[0].key = (struct span){key, sizeof(key)};
    recorder_add(&recorder);
    sent = wire_send(&wire, &sent_length);
    assert_int_equal(sent_length, length);
    assert_memory_equal(sent, command, sent_length);
    free(sent);
    redisFreeCommand(command);
    wire_close(&wire);
}

static void an_absurd_count_is_refused(void **state)
{
    struct recorder recorder;
    struct wire wire;

    (void)state;
    wire_open(&wire, base_default_allocator(), 1024);
    recorder_init(&recorder, &wire, 'a', CACHE_MGET, 1);
    recorder.batch.count = 0;
    assert_int_equal(redis_pipeline_add(&wire.pipeline, &recorder.batch), ENTC_E_INVALID);
    recorder.batch.count = REDIS_KEYS_MAX + 1;
    assert_int_equal(redis_pipeline_add(&wire.pipeline, &recorder.batch), ENTC_E_INVALID);
    assert_false(redis_pipeline_has_output(&wire.pipeline));
    wire_close(&wire);
}

/* ---- detach ---- */

static void what_was_detached_before_it_was_sent_is_not_sent(void **state)
{
    struct recorder recorders[4];
    struct buffer expected;
    struct wire wire;

    (void)state;
    for (int lost = 0; lost < 4; lost++) {
        buffer_init(&expected, base_default_allocator());
        wire_open(&wire, base_default_allocator(), 1024);
        for (int i = 0; i < 4; i++) {
            recorder_init(&recorders[i], &wire, (char)('a' + i), CACHE_MGET, 1);
            recorder_add(&recorders[i]);
            if (i != lost)
                EXPECT(&expected, "MGET", (const char[]){(char)('a' + i), '-', '0', '\0'});
        }
        redis_pipeline_detach(&wire.pipeline, &recorders[lost].batch);
        redis_pipeline_detach(&wire.pipeline, &recorders[lost].batch);
        assert_sent(&wire, &expected);
        assert_int_equal(recorders[lost].batch.commands, 0);
        assert_true(wire_feed(&wire, "*1\r\n$-1\r\n*1\r\n$-1\r\n*1\r\n$-1\r\n"));
        assert_null(redis_pipeline_front(&wire.pipeline));
        wire_close(&wire);
        buffer_fini(&expected);
    }
}

/* The kernel takes `first` bytes, then `lost` is detached, then the rest goes byte by byte. */
static void send_in_two(size_t first, int lost)
{
    static const char all[] = "*2\r\n$4\r\nMGET\r\n$3\r\na-0\r\n*2\r\n$4\r\nMGET\r\n$3\r\nb-0\r\n"
                              "*2\r\n$4\r\nMGET\r\n$3\r\nc-0\r\n";
    const size_t each = (sizeof(all) - 1) / 3;
    const bool is_sent = first > each * (size_t)lost;
    struct recorder recorders[3];
    struct buffer expected;
    struct buffer sent;
    struct wire wire;

    buffer_init(&expected, base_default_allocator());
    buffer_init(&sent, base_default_allocator());
    wire_open(&wire, base_default_allocator(), 1024);
    for (int i = 0; i < 3; i++) {
        recorder_init(&recorders[i], &wire, (char)('a' + i), CACHE_MGET, 1);
        recorder_add(&recorders[i]);
        if (i != lost || is_sent)
            buffer_append(&expected, all + each * (size_t)i, each);
    }
    buffer_append(&sent, redis_pipeline_output(&wire.pipeline).bytes, first);
    redis_pipeline_sent(&wire.pipeline, first);
    assert_int_equal(recorders[lost].batch.commands, is_sent);
    redis_pipeline_detach(&wire.pipeline, &recorders[lost].batch);
    while (redis_pipeline_output(&wire.pipeline).length > 0) {
        buffer_append(&sent, redis_pipeline_output(&wire.pipeline).bytes, 1);
        redis_pipeline_sent(&wire.pipeline, 1);
    }
    assert_int_equal(sent.length, expected.length);
    assert_memory_equal(sent.bytes, expected.bytes, sent.length);
    for (int i = 0; i < 3; i++)
        assert_true((i == lost && !is_sent) || wire_feed(&wire, "*1\r\n$-1\r\n"));
    assert_null(redis_pipeline_front(&wire.pipeline));
    for (int i = 0; i < 3; i++)
        assert_int_equal(!strchr(wire.log, 'a' + i), i == lost);
    wire_close(&wire);
    buffer_fini(&expected);
    buffer_fini(&sent);
}

static void a_half_sent_request_is_sent_to_its_end_and_its_reply_swallowed(void **state)
{
    const size_t length = 3 * strlen("*2\r\n$4\r\nMGET\r\n$3\r\na-0\r\n");

    (void)state;
    for (size_t first = 0; first <= length; first++)
        for (int lost = 0; lost < 3; lost++)
            send_in_two(first, lost);
}

static void requests_that_nobody_waits_for_do_not_pile_up(void **state)
{
    static char value[8 * 1024];
    struct recorder recorder;
    struct wire wire;

    (void)state;
    wire_open(&wire, base_default_allocator(), 1024);
    memset(value, 'x', sizeof(value));
    for (int i = 0; i < 1000; i++) {
        recorder_init(&recorder, &wire, 'a', CACHE_FILL, 1);
        recorder.items[0].value = (struct span){value, sizeof(value)};
        recorder_add(&recorder);
        redis_pipeline_detach(&wire.pipeline, &recorder.batch);
    }
    assert_true(wire.pipeline.output.length < (size_t)256 * 1024);
    assert_int_equal(redis_pipeline_output(&wire.pipeline).length, 0);
    assert_true(list_is_empty(&wire.pipeline.entries));
    wire_close(&wire);
}

/* ---- death ---- */

static void death_ends_every_batch_once(void **state)
{
    struct recorder recorders[4];
    struct wire wire;

    (void)state;
    wire_open(&wire, base_default_allocator(), 1024);
    for (int i = 0; i < 4; i++) {
        recorder_init(&recorders[i], &wire, (char)('a' + i), CACHE_LEASE, 2);
        recorder_add(&recorders[i]);
        if (i == 1)
            free(wire_send(&wire, NULL));
    }
    assert_true(wire_feed(&wire, "+OK\r\n"));
    redis_pipeline_detach(&wire.pipeline, &recorders[1].batch);
    redis_pipeline_fail(&wire.pipeline, true);
    assert_string_equal(wire.log, "a.done(UNAVAILABLE, lost) 1 -1\n"
                                  "c.done(UNAVAILABLE, lost) -1 -1\n"
                                  "d.done(UNAVAILABLE, lost) -1 -1\n");
    assert_true(list_is_empty(&wire.pipeline.entries));
    assert_false(redis_pipeline_has_output(&wire.pipeline));
    wire_close(&wire);
}

static void death_before_the_connection_was_there_loses_nothing(void **state)
{
    struct recorder recorder;
    struct wire wire;

    (void)state;
    wire_open(&wire, base_default_allocator(), 1024);
    recorder_init(&recorder, &wire, 'a', CACHE_MGET, 1);
    recorder_add(&recorder);
    redis_pipeline_fail(&wire.pipeline, false);
    assert_string_equal(wire.log, "a.done(UNAVAILABLE)\n");
    wire_close(&wire);
}

static void while_batches_die_others_may_be_detached_and_new_ones_submitted(void **state)
{
    struct recorder recorders[4];
    struct buffer expected;
    struct wire wire;

    (void)state;
    buffer_init(&expected, base_default_allocator());
    wire_open(&wire, base_default_allocator(), 1024);
    for (int i = 0; i < 4; i++)
        recorder_init(&recorders[i], &wire, (char)('a' + i), CACHE_MGET, 1);
    for (int i = 0; i < 3; i++)
        recorder_add(&recorders[i]);
    recorders[0].detach_in_done = &recorders[1].batch;
    recorders[0].submit_in_done = &recorders[3].batch;
    redis_pipeline_fail(&wire.pipeline, true);
    assert_string_equal(wire.log, "a.done(UNAVAILABLE, lost)\nc.done(UNAVAILABLE, lost)\n");
    EXPECT(&expected, "MGET", "d-0");
    assert_sent(&wire, &expected);
    wire_close(&wire);
    buffer_fini(&expected);
}

static void death_between_the_rounds_of_a_script_leaves_no_mark(void **state)
{
    struct recorder recorder;
    struct wire wire;

    (void)state;
    wire_open(&wire, base_default_allocator(), 1024);
    recorder_init(&recorder, &wire, 'a', CACHE_FILL, 3);
    recorder_add(&recorder);
    free(wire_send(&wire, NULL));
    assert_true(wire_feed(&wire, "-NOSCRIPT gone\r\n:1\r\n-NOSCRIPT gone\r\n"));
    redis_pipeline_fail(&wire.pipeline, true);
    assert_string_equal(wire.log, "a.done(UNAVAILABLE, lost) -1 1 -1\n");
    wire_close(&wire);
}

/* ---- memory ---- */

static void out_of_memory_leaves_the_others_whole(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 20; n++) {
        struct test_allocator memory;
        struct recorder recorders[3];
        struct buffer expected;
        struct wire wire;
        entc_status status = ENTC_OK;

        test_allocator_init(&memory);
        buffer_init(&expected, base_default_allocator());
        wire_open(&wire, &memory.allocator, 1024);
        for (int i = 0; i < 3; i++)
            recorder_init(&recorders[i], &wire, (char)('a' + i), CACHE_MGET, 1);
        recorder_add(&recorders[0]);
        test_allocator_fail_at(&memory, n, false);
        recorders[1].batch.step = CACHE_FILL;
        status = redis_pipeline_add(&wire.pipeline, &recorders[1].batch);
        assert_true(status == ENTC_OK || status == ENTC_E_NO_MEMORY);
        test_allocator_fail_at(&memory, 0, false);
        if (status == ENTC_OK)
            redis_pipeline_detach(&wire.pipeline, &recorders[1].batch);
        recorder_add(&recorders[2]);
        EXPECT(&expected, "MGET", "a-0");
        EXPECT(&expected, "MGET", "c-0");
        assert_sent(&wire, &expected);
        wire_close(&wire);
        buffer_fini(&expected);
        assert_int_equal(test_allocator_live(&memory), 0);
    }
}

static void a_script_that_cannot_be_repeated_for_want_of_memory_failed(void **state)
{
    struct test_allocator memory;
    struct recorder recorder;
    struct wire wire;

    (void)state;
    test_allocator_init(&memory);
    wire_open(&wire, &memory.allocator, 1024);
    recorder_init(&recorder, &wire, 'a', CACHE_UNLEASE, 2);
    recorder_add(&recorder);
    free(wire_send(&wire, NULL));
    buffer_fini(&wire.pipeline.output);
    test_allocator_fail_at(&memory, 1, true);
    assert_true(wire_feed(&wire, ":1\r\n-NOSCRIPT gone\r\n"));
    assert_string_equal(wire.log, "a.done(OK) 1 -1\n");
    assert_false(redis_pipeline_has_output(&wire.pipeline));
    wire_close(&wire);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void a_warm_pipeline_allocates_nothing(void **state)
{
    struct test_allocator memory;
    struct recorder recorder;
    struct wire wire;

    (void)state;
    test_allocator_init(&memory);
    wire_open(&wire, &memory.allocator, 1024);
    for (int round = 0; round < 3; round++) {
        recorder_init(&recorder, &wire, 'a', CACHE_MGET, 4);
        recorder_add(&recorder);
        free(wire_send(&wire, NULL));
        assert_true(wire_feed(&wire, "*4\r\n$-1\r\n$1\r\nx\r\n$-1\r\n$-1\r\n"));
        if (round == 0)
            test_allocator_fail_at(&memory, 1, true);
    }
    assert_int_equal(test_allocator_calls(&memory), 0);
    wire_close(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_sent_as_hiredis_would_format_it),
        cmocka_unit_test(a_key_of_any_bytes_stays_one_argument),
        cmocka_unit_test(an_absurd_count_is_refused),
        cmocka_unit_test(what_was_detached_before_it_was_sent_is_not_sent),
        cmocka_unit_test(a_half_sent_request_is_sent_to_its_end_and_its_reply_swallowed),
        cmocka_unit_test(requests_that_nobody_waits_for_do_not_pile_up),
        cmocka_unit_test(death_ends_every_batch_once),
        cmocka_unit_test(death_before_the_connection_was_there_loses_nothing),
        cmocka_unit_test(while_batches_die_others_may_be_detached_and_new_ones_submitted),
        cmocka_unit_test(death_between_the_rounds_of_a_script_leaves_no_mark),
        cmocka_unit_test(out_of_memory_leaves_the_others_whole),
        cmocka_unit_test(a_script_that_cannot_be_repeated_for_want_of_memory_failed),
        cmocka_unit_test(a_warm_pipeline_allocates_nothing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
