/* What passes between the library and Redis is cut, split, repeated or bent at every byte: answers
 * are those of the rows all the same, and the cache is used again at once. */
#include "fault.h"

#include <sched.h>
#include <string.h>

#define FEW 3 /* campaigns; with one that does not exist four keys */
#define EVERY 1000

static const enum test_proxy_end ends[] = {PROXY_CLOSE, PROXY_RESET, PROXY_HALF_CLOSE};
#define ENDS (sizeof(ends) / sizeof(ends[0]))

static bool is_quiet(void *context)
{
    static int64_t last;
    static int64_t since;
    struct fault *fault = context;
    const int64_t bytes = test_proxy_bytes(fault->redis, PROXY_FROM_SERVER);

    if (bytes != last)
        since = fixture_now_us();
    last = bytes;
    return fixture_now_us() - since > 20000;
}

/* Bytes of one side that a read of FEW takes, fills included. */
static int64_t measure(struct fault *fault, enum test_proxy_side side, bool is_cold)
{
    int64_t before = 0;

    fault_warm(fault, FEW);
    fixture_drive_until(fault->f, is_quiet, fault);
    before = test_proxy_bytes(fault->redis, side);
    if (is_cold)
        fault_empty_cache(fault);
    fault_read(fault, FEW);
    fixture_drive_until(fault->f, is_quiet, fault);
    return test_proxy_bytes(fault->redis, side) - before;
}

/* One connection is cut at each byte of a read: nobody hears of it. */
static void cut_once(struct fault *fault, enum test_proxy_side side, bool is_cold)
{
    const int64_t length = measure(fault, side, is_cold);
    const entc_counters before = fixture_counters(fault->f);

    assert_true(length > 40);
    for (int64_t n = 0; n < length; n++) {
        const int64_t cuts = test_proxy_cuts(fault->redis);

        if (is_cold)
            fault_empty_cache(fault);
        test_proxy_cut(fault->redis, side, n, ends[(size_t)n % ENDS], 1);
        fault_read_soon(fault, FEW);
        /* Of fills the rest may be under way, or it was cut before all of them were sent. */
        if (!is_cold)
            fault_await_cuts(fault, fault->redis, cuts + 1);
        test_proxy_heal(fault->redis);
        fault_read_soon(fault, FEW);
    }
    assert_int_equal(fixture_since(fault->f, &before).errors, 0);
    assert_int_equal(fixture_since(fault->f, &before).corrupt, 0);
    assert_int_equal(fixture_since(fault->f, &before).foreign, 0);
    if (!is_cold)
        assert_int_equal(fixture_since(fault->f, &before).sql_queries, 0);
    fault_recover(fault);
}

static void replies_of_hits_cut_at_every_byte_are_asked_again_unnoticed(void **state)
{
    cut_once(*state, PROXY_FROM_SERVER, false);
}

static void requests_of_hits_cut_at_every_byte_are_sent_again_unnoticed(void **state)
{
    cut_once(*state, PROXY_FROM_CLIENT, false);
}

static void replies_of_misses_cut_at_every_byte_cost_no_answer(void **state)
{
    cut_once(*state, PROXY_FROM_SERVER, true);
}

static void requests_of_misses_cut_at_every_byte_cost_no_answer(void **state)
{
    cut_once(*state, PROXY_FROM_CLIENT, true);
}

/* Each connection is cut there: the read goes on without the cache. */
static void replies_that_are_always_cut_at_some_byte_cost_the_cache_and_no_answer(void **state)
{
    struct fault *fault = *state;
    const int64_t length = measure(fault, PROXY_FROM_SERVER, false);
    const entc_counters before = fixture_counters(fault->f);

    for (int64_t n = 0; n < length; n++) {
        test_proxy_cut(fault->redis, PROXY_FROM_SERVER, n, ends[(size_t)n % ENDS], EVERY);
        fault_read_soon(fault, FEW);
        fault_read_soon(fault, FEW);
    }
    assert_int_equal(fixture_since(fault->f, &before).hits, 0);
    assert_int_equal(fixture_since(fault->f, &before).errors, 0);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

static void a_reply_that_stops_in_its_middle_is_given_up_in_time(void **state)
{
    struct fault *fault = *state;
    const int64_t length = measure(fault, PROXY_FROM_SERVER, false);

    fault_hurry(fault);
    for (int64_t n = 0; n < length; n += 37) {
        fault_recover(fault);
        test_proxy_cut(fault->redis, PROXY_FROM_SERVER, n, PROXY_SILENCE, 1);
        fault_read_soon(fault, FEW);
        test_proxy_heal(fault->redis);
    }
    fault_recover(fault);
}

static void replies_that_trickle_or_are_split_anywhere_are_read_as_ever(void **state)
{
    struct fault *fault = *state;
    const entc_counters before = fixture_counters(fault->f);

    for (size_t step = 1; step <= 64; step++) {
        test_proxy_trickle(fault->redis, PROXY_FROM_SERVER, step, 0);
        test_proxy_trickle(fault->redis, PROXY_FROM_CLIENT, 65 - step, 0);
        fault_empty_cache(fault);
        fault_read(fault, FEW);
        fault_warm(fault, FEW);
    }
    assert_int_equal(fixture_since(fault->f, &before).errors, 0);
    assert_int_equal(fixture_counters(fault->f).redis_failures, 0);
    assert_int_equal(fixture_counters(fault->f).corrupt, 0);
}

static void a_reply_that_trickles_beyond_the_budget_costs_it_and_no_answer(void **state)
{
    struct fault *fault = *state;

    fault_hurry(fault);
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    test_proxy_trickle(fault->redis, PROXY_FROM_SERVER, 1, 2000);
    for (int i = 0; i < 10; i++)
        fault_read_soon(fault, FIXTURE_CAMPAIGNS);
    assert_true(fixture_counters(fault->f).redis_failures > 0);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

/* At 4 MB a second it takes half a second; its length comes with its first bytes. */
static void a_huge_value_on_a_slow_link_is_removed(void **state)
{
    const size_t length = (size_t)2 * 1024 * 1024;
    const int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);
    struct fault *fault = *state;
    char *huge = calloc(1, length);
    char *value = NULL;

    assert_non_null(huge);
    fault_hurry(fault);
    fault_warm(fault, FEW);
    freeReplyObject(test_redis_command(&fault->f->redis, "SET Campaign-2 %b", huge, length));
    free(huge);
    test_proxy_trickle(fault->redis, PROXY_FROM_SERVER, 4096, 1000);
    do {
        free(value);
        fault_read_soon(fault, FEW);
        value = test_redis_text(&fault->f->redis, "Campaign-2");
        if (fixture_now_us() > end)
            fail_msg("the value is never removed");
    } while (!value || strcmp(value, "{\"id\":2,\"title\":\"Campaign 2\"}") != 0);
    free(value);
    assert_in_range(fixture_counters(fault->f).corrupt, 1, UINT64_MAX);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

/* A bit of a value may make another valid value: only the protocol can be protected here, and ids
 * are. So of the answer only that which holds no text is bent: heads, lengths, names, ids. */
static bool is_right_or_bent(struct fault *fault, int64_t id)
{
    struct fixture *f = fault->f;
    entc_value value = fixture_id(id);
    entc_entity *entity = NULL;
    bool is_right = false;

    assert_ok(f, entc_repository_get_by_id(f->campaigns, &value, NULL, &entity, &f->error));
    is_right = ((const Campaign *)entc_entity_record(entity))->id == id;
    entc_entity_unref(entity);
    return is_right;
}

static void a_bit_flipped_anywhere_in_a_reply_never_gives_another_entity(void **state)
{
    struct fault *fault = *state;
    int64_t before = 0;
    int64_t length = 0;

    fault->f->options.redis_timeout_us = 10000;
    fault->f->options.redis_stall_us = 20000;
    fault_remake(fault);
    fault_warm(fault, 1);
    before = test_proxy_bytes(fault->redis, PROXY_FROM_SERVER);
    assert_true(is_right_or_bent(fault, 1));
    length = test_proxy_bytes(fault->redis, PROXY_FROM_SERVER) - before;
    assert_true(length > 30 && length < 100);
    for (int64_t n = 0; n < length; n++) {
        for (int bit = 0; bit < 8; bit++) {
            test_proxy_flip(fault->redis, PROXY_FROM_SERVER, n, (uint8_t)(1u << bit));
            assert_true(is_right_or_bent(fault, 1));
            test_proxy_heal(fault->redis);
            /* What went wrong is over: the next one has the next reply, not the rest of this. */
            assert_ok(fault->f, fault_try_get(fault, 2));
        }
    }
    assert_int_equal(fixture_counters(fault->f).errors, 0);
    fault_recover(fault);
}

/* Waits without driving, so that the engine has no occasion to see them. */
static void await_bytes(struct fault *fault, int64_t bytes)
{
    const int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);

    while (test_proxy_bytes(fault->redis, PROXY_FROM_SERVER) < bytes) {
        if (fixture_now_us() > end)
            fail_msg("the second reply does not come");
        sched_yield();
    }
}

static void replies_that_come_twice_are_never_taken_for_the_next_ones(void **state)
{
    struct fault *fault = *state;
    int64_t before = 0;
    int64_t length = 0;

    fault_warm(fault, FIXTURE_CAMPAIGNS);
    before = test_proxy_bytes(fault->redis, PROXY_FROM_SERVER);
    assert_ok(fault->f, fault_try_get(fault, 1));
    length = test_proxy_bytes(fault->redis, PROXY_FROM_SERVER) - before;
    for (int64_t i = 0; i < 100; i++) {
        before = test_proxy_bytes(fault->redis, PROXY_FROM_SERVER);
        test_proxy_duplicate(fault->redis, PROXY_FROM_SERVER, 1);
        assert_ok(fault->f, fault_try_get(fault, i % FIXTURE_CAMPAIGNS + 1));
        await_bytes(fault, before + 2 * length);
        assert_ok(fault->f, fault_try_get(fault, (i + 1) % FIXTURE_CAMPAIGNS + 1));
    }
    /* They were found before anything was asked on that connection. */
    assert_int_equal(fixture_counters(fault->f).foreign, 0);
    assert_int_equal(fixture_counters(fault->f).errors, 0);
    /* Those that overtake the next request are found by their ids. */
    for (int64_t i = 0; i < 100; i++) {
        test_proxy_duplicate(fault->redis, PROXY_FROM_SERVER, 1);
        assert_ok(fault->f, fault_try_get(fault, i % FIXTURE_CAMPAIGNS + 1));
        assert_ok(fault->f, fault_try_get(fault, (i + 1) % FIXTURE_CAMPAIGNS + 1));
    }
    assert_int_equal(fixture_counters(fault->f).errors, 0);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

static void a_connection_that_swallows_everything_costs_the_budget_and_no_answer(void **state)
{
    struct fault *fault = *state;

    test_proxy_door(fault->redis, PROXY_SWALLOW);
    fault_hurry(fault);
    for (int i = 0; i < 20; i++)
        fault_read_soon(fault, FEW);
    assert_int_equal(fixture_counters(fault->f).hits, 0);
    assert_int_equal(fixture_counters(fault->f).errors, 0);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_UNIX(replies_of_hits_cut_at_every_byte_are_asked_again_unnoticed),
        OVER_TCP(replies_of_hits_cut_at_every_byte_are_asked_again_unnoticed),
        OVER_UNIX(requests_of_hits_cut_at_every_byte_are_sent_again_unnoticed),
        OVER_UNIX(replies_of_misses_cut_at_every_byte_cost_no_answer),
        OVER_TCP(requests_of_misses_cut_at_every_byte_cost_no_answer),
        OVER_UNIX(replies_that_are_always_cut_at_some_byte_cost_the_cache_and_no_answer),
        OVER_UNIX(a_reply_that_stops_in_its_middle_is_given_up_in_time),
        OVER_UNIX(replies_that_trickle_or_are_split_anywhere_are_read_as_ever),
        OVER_UNIX(a_huge_value_on_a_slow_link_is_removed),
        IN_HOST_DRIVE(a_huge_value_on_a_slow_link_is_removed),
        OVER_UNIX(a_reply_that_trickles_beyond_the_budget_costs_it_and_no_answer),
        OVER_UNIX(a_bit_flipped_anywhere_in_a_reply_never_gives_another_entity),
        OVER_UNIX(replies_that_come_twice_are_never_taken_for_the_next_ones),
        OVER_TCP(a_connection_that_swallows_everything_costs_the_budget_and_no_answer),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
