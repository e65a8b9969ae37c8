/* A server that is down, or slow, or swallows what is sent, costs a few calls something and the
 * others nothing; when it is back it is used again soon. */
#include "fault.h"

#include <string.h>

static int openings;

static void count_openings(int32_t level, const char *domain, const char *text, void *user)
{
    (void)domain;
    (void)user;
    if (level <= ENTC_LOG_DEBUG && strstr(text, "left alone") != NULL)
        openings++;
}

static void hurry_and_listen(struct fault *fault)
{
    openings = 0;
    fault->f->options.log = count_openings;
    fault->f->options.log_level = ENTC_LOG_DEBUG;
    fault_hurry(fault);
}

static void read_often(struct fault *fault, int times)
{
    for (int i = 0; i < times; i++)
        fault_read_soon(fault, FIXTURE_CAMPAIGNS);
}

/* One probe is under way until its reply came, however late. */
static void a_redis_that_is_always_late_is_asked_by_one_probe_at_a_time(void **state)
{
    const int64_t delay_us = 200000;
    struct fault *fault = *state;
    entc_counters before;
    int64_t began = 0;

    hurry_and_listen(fault);
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    test_proxy_delay(fault->redis, PROXY_FROM_SERVER, delay_us);
    read_often(fault, 5);
    assert_int_equal(openings, 1);
    before = fixture_counters(fault->f);
    began = fixture_now_us();
    read_often(fault, 200);
    assert_int_equal(fixture_since(fault->f, &before).redis_failures, 200);
    assert_true(fixture_since(fault->f, &before).redis_mgets <=
                (uint64_t)(2 + (fixture_now_us() - began) / delay_us));
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

static bool is_swallowed(void *context)
{
    struct fault *fault = context;
    static int64_t last;
    static int64_t since;
    const int64_t bytes = test_proxy_bytes(fault->redis, PROXY_FROM_SERVER);

    if (bytes != last)
        since = fixture_now_us();
    last = bytes;
    return fixture_now_us() - since > 150000;
}

static void a_redis_that_is_late_every_other_time_is_left_alone_in_the_end(void **state)
{
    struct fault *fault = *state;

    hurry_and_listen(fault);
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(openings, 0);
        fault_read(fault, FIXTURE_CAMPAIGNS);
        test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 100000);
        fault_read(fault, FIXTURE_CAMPAIGNS);
        test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 0);
        fixture_drive_until(fault->f, is_swallowed, fault);
    }
    assert_int_equal(openings, 1);
    fault_recover(fault);
}

static void a_redis_that_is_late_now_and_then_is_asked_on(void **state)
{
    struct fault *fault = *state;

    hurry_and_listen(fault);
    fault_warm(fault, FIXTURE_CAMPAIGNS);
    for (int i = 0; i < 4; i++) {
        test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 100000);
        fault_read(fault, FIXTURE_CAMPAIGNS);
        test_proxy_delay(fault->redis, PROXY_FROM_SERVER, 0);
        fixture_drive_until(fault->f, is_swallowed, fault);
        fault_read(fault, FIXTURE_CAMPAIGNS);
    }
    assert_int_equal(openings, 0);
    fault_recover(fault);
}

static void calls_do_not_each_wait_for_a_redis_that_cannot_be_reached(void **state)
{
    struct fault *fault = *state;
    int64_t began = 0;

    test_proxy_door(fault->redis, PROXY_HANG);
    hurry_and_listen(fault);
    fault_read_soon(fault, FIXTURE_CAMPAIGNS);
    began = fixture_now_us();
    read_often(fault, 200);
    /* 50 ms each would be 10 s. */
    assert_true(fixture_now_us() - began < 5000000);
    assert_int_equal(fixture_counters(fault->f).redis_failures, 201);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

static void a_redis_that_refuses_connections_costs_nothing(void **state)
{
    struct fault *fault = *state;

    fault_warm(fault, FIXTURE_CAMPAIGNS);
    test_proxy_door(fault->redis, PROXY_REFUSE);
    test_proxy_drop(fault->redis, PROXY_RESET);
    read_often(fault, 100);
    assert_int_equal(fixture_counters(fault->f).errors, 0);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

static void a_redis_that_hangs_up_on_everybody_is_not_stormed(void **state)
{
    struct fault *fault = *state;
    int64_t began = 0;
    int64_t connections = 0;

    test_proxy_cut(fault->redis, PROXY_FROM_CLIENT, 0, PROXY_CLOSE, UINT32_MAX);
    fault_hurry(fault);
    read_often(fault, 5);
    began = fixture_now_us();
    connections = test_proxy_connections(fault->redis);
    read_often(fault, 300);
    connections = test_proxy_connections(fault->redis) - connections;
    /* Half a pause of at least 400 ms on average; that all are short is less than likely. */
    assert_true(connections <= 20 + (fixture_now_us() - began) / 50000);
    test_proxy_heal(fault->redis);
    fault_recover(fault);
}

/* ---- PostgreSQL ---- */

static void calls_do_not_each_wait_for_a_postgres_that_cannot_be_reached(void **state)
{
    struct fault *fault = *state;
    int64_t began = 0;

    test_proxy_door(fault->postgres, PROXY_HANG);
    fault_hurry(fault);
    began = fixture_now_us();
    assert_int_equal(fault_try_read(fault, FIXTURE_CAMPAIGNS), ENTC_E_UNAVAILABLE);
    assert_true(fixture_now_us() - began >= 400000);
    began = fixture_now_us();
    for (int i = 0; i < 100; i++)
        assert_int_equal(fault_try_read(fault, FIXTURE_CAMPAIGNS), ENTC_E_UNAVAILABLE);
    /* Half a second each would be 50 s. */
    assert_true(fixture_now_us() - began < 10000000);
    test_proxy_heal(fault->postgres);
    fault_recover_both(fault);
}

static void a_postgres_that_swallows_everything_fails_calls_in_the_time_to_connect(void **state)
{
    struct fault *fault = *state;
    const int64_t began = fixture_now_us();

    test_proxy_door(fault->postgres, PROXY_SWALLOW);
    fault_hurry(fault);
    assert_int_equal(fault_try_read(fault, FIXTURE_CAMPAIGNS), ENTC_E_UNAVAILABLE);
    assert_true(fixture_now_us() - began < 3000000);
    test_proxy_heal(fault->postgres);
    fault_recover_both(fault);
}

static void both_down_fails_at_once_and_recovers_with_both(void **state)
{
    struct fault *fault = *state;

    fault_warm(fault, FIXTURE_CAMPAIGNS);
    test_proxy_door(fault->redis, PROXY_REFUSE);
    test_proxy_door(fault->postgres, PROXY_REFUSE);
    test_proxy_drop(fault->redis, PROXY_RESET);
    test_proxy_drop(fault->postgres, PROXY_RESET);
    for (int i = 0; i < 50; i++) {
        const int64_t began = fixture_now_us();

        assert_int_equal(fault_try_read(fault, FIXTURE_CAMPAIGNS), ENTC_E_UNAVAILABLE);
        assert_int_equal(entc_error_is_retryable(fault->f->error), 1);
        assert_true(fixture_now_us() - began < FAULT_SOON_US);
    }
    test_proxy_heal(fault->redis);
    test_proxy_heal(fault->postgres);
    fault_recover_both(fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_UNIX(a_redis_that_is_always_late_is_asked_by_one_probe_at_a_time),
        OVER_UNIX(a_redis_that_is_late_every_other_time_is_left_alone_in_the_end),
        OVER_UNIX(a_redis_that_is_late_now_and_then_is_asked_on),
        OVER_TCP(calls_do_not_each_wait_for_a_redis_that_cannot_be_reached),
        OVER_UNIX(a_redis_that_refuses_connections_costs_nothing),
        OVER_TCP(a_redis_that_refuses_connections_costs_nothing),
        OVER_UNIX(a_redis_that_hangs_up_on_everybody_is_not_stormed),
        OVER_TCP(calls_do_not_each_wait_for_a_postgres_that_cannot_be_reached),
        OVER_UNIX(a_postgres_that_swallows_everything_fails_calls_in_the_time_to_connect),
        OVER_TCP(both_down_fails_at_once_and_recovers_with_both),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
