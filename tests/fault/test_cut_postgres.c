/* What passes between the library and PostgreSQL is cut, split or bent at every byte: a read is
 * sent once more on another connection, and nobody gets half an answer. */
#include "fault.h"

#define FEW 3
#define EVERY 1000000

static const enum test_proxy_end ends[] = {PROXY_CLOSE, PROXY_RESET, PROXY_HALF_CLOSE};
#define ENDS (sizeof(ends) / sizeof(ends[0]))

static void without_cache(struct fault *fault)
{
    fault->f->options.redis_uri = "none";
    fault->f->options.postgres_connections = 1;
    fault_remake(fault);
}

/* Bytes of one side that a read on an established connection takes. */
static int64_t measure(struct fault *fault, enum test_proxy_side side)
{
    int64_t before = 0;

    fault_read(fault, FEW);
    before = test_proxy_bytes(fault->postgres, side);
    fault_read(fault, FEW);
    return test_proxy_bytes(fault->postgres, side) - before;
}

static void cut_once(struct fault *fault, enum test_proxy_side side)
{
    int64_t length = 0;

    without_cache(fault);
    length = measure(fault, side);
    assert_true(length > 100);
    for (int64_t n = 0; n < length; n++) {
        const int64_t cuts = test_proxy_cuts(fault->postgres);

        test_proxy_cut(fault->postgres, side, n, ends[(size_t)n % ENDS], 1);
        fault_read_soon(fault, FEW);
        fault_await_cuts(fault, fault->postgres, cuts + 1);
        test_proxy_heal(fault->postgres);
        fault_read_soon(fault, FEW);
    }
    assert_int_equal(fixture_counters(fault->f).errors, 0);
}

static void answers_cut_at_every_byte_are_asked_again_unnoticed(void **state)
{
    cut_once(*state, PROXY_FROM_SERVER);
}

static void questions_cut_at_every_byte_are_sent_again_unnoticed(void **state)
{
    cut_once(*state, PROXY_FROM_CLIENT);
}

/* Two connections in a row, at the same byte of their lives: whether it falls into the making of
 * the connection or into the answer, the read fails with a word that allows to try again, and the
 * next ones succeed soon. */
static void cut_twice(struct fault *fault, enum test_proxy_side side)
{
    int64_t length = 0;
    int64_t before = 0;

    without_cache(fault);
    before = test_proxy_bytes(fault->postgres, side);
    fault_read(fault, FEW);
    length = test_proxy_bytes(fault->postgres, side) - before;
    assert_true(length > 100);
    for (int64_t n = 0; n < length; n += 3) {
        entc_status status = ENTC_OK;

        fault_remake(fault);
        test_proxy_cut(fault->postgres, side, n, ends[(size_t)n % ENDS], EVERY);
        status = fault_try_read(fault, FEW);
        /* The last bytes, which only say that the server is ready again, may be lost. */
        if (status == ENTC_OK)
            assert_true(n > length - 20);
        else
            assert_int_equal(status, ENTC_E_UNAVAILABLE);
        test_proxy_heal(fault->postgres);
        fixture_free_engine(fault->f);
    }
    fixture_make_engine(fault->f);
}

static void connections_cut_at_any_byte_of_their_life_fail_the_read_that_needs_them(void **state)
{
    cut_twice(*state, PROXY_FROM_SERVER);
}

static void connections_cut_at_any_byte_sent_fail_the_read_that_needs_them(void **state)
{
    cut_twice(*state, PROXY_FROM_CLIENT);
}

static void reads_recover_at_once_from_a_server_that_hung_up_on_everybody(void **state)
{
    struct fault *fault = *state;

    fault->f->options.postgres_connections = 1;
    fault_remake(fault);
    test_proxy_cut(fault->postgres, PROXY_FROM_SERVER, 0, PROXY_RESET, EVERY);
    for (int i = 0; i < 50; i++)
        assert_int_equal(fault_try_read(fault, FEW), ENTC_E_UNAVAILABLE);
    test_proxy_heal(fault->postgres);
    fault_recover_both(fault);
}

static void answers_that_trickle_or_are_split_anywhere_are_read_as_ever(void **state)
{
    struct fault *fault = *state;

    without_cache(fault);
    for (size_t step = 1; step <= 24; step++) {
        test_proxy_trickle(fault->postgres, PROXY_FROM_SERVER, step, 0);
        test_proxy_trickle(fault->postgres, PROXY_FROM_CLIENT, 25 - step, 0);
        if (step % 8 == 1)
            fault_remake(fault);
        fault_read(fault, FIXTURE_CAMPAIGNS);
    }
    assert_int_equal(fixture_counters(fault->f).errors, 0);
}

static void a_slow_postgres_fails_calls_at_their_deadline_and_no_later(void **state)
{
    struct fault *fault = *state;
    int64_t began = 0;

    fault->f->options.timeout_us = 300000;
    fault->f->options.connect_timeout_us = 300000;
    fault_remake(fault);
    fault_recover_both(fault);
    fault_empty_cache(fault);
    test_proxy_delay(fault->postgres, PROXY_FROM_SERVER, 1000000);
    began = fixture_now_us();
    assert_int_equal(fault_try_read(fault, FEW), ENTC_E_TIMEOUT);
    assert_true(fixture_now_us() - began >= 300000);
    assert_true(fixture_now_us() - began < FAULT_SOON_US);
    test_proxy_heal(fault->postgres);
    fault_recover_both(fault);
}

static void an_answer_that_stops_in_its_middle_ends_at_the_deadline(void **state)
{
    struct fault *fault = *state;
    int64_t length = 0;

    fault->f->options.timeout_us = 300000;
    fault->f->options.connect_timeout_us = 300000;
    without_cache(fault);
    length = measure(fault, PROXY_FROM_SERVER);
    for (int64_t n = 1; n < length; n += 61) {
        const int64_t began = fixture_now_us();

        test_proxy_cut(fault->postgres, PROXY_FROM_SERVER, n, PROXY_SILENCE, 1);
        assert_int_equal(fault_try_read(fault, FEW), ENTC_E_TIMEOUT);
        assert_true(fixture_now_us() - began >= 300000);
        assert_true(fixture_now_us() - began < FAULT_SOON_US);
        test_proxy_heal(fault->postgres);
        while (fault_try_read(fault, FEW) != ENTC_OK)
            assert_true(fixture_now_us() - began < 300000 + 2 * FAULT_RECOVERY_US);
    }
}

/* What the bytes say may change, and a row with them; but no call hangs beyond its deadline, none
 * gets an entity that it did not ask for, and the next connection is sound. */
static void bits_flipped_all_over_an_answer_harm_one_call_at_most(void **state)
{
    struct fault *fault = *state;
    struct fixture *f = fault->f;
    int64_t length = 0;

    f->options.timeout_us = 100000;
    f->options.connect_timeout_us = 100000;
    without_cache(fault);
    length = measure(fault, PROXY_FROM_SERVER);
    for (int64_t n = 0; n < length; n += 3) {
        const int64_t began = fixture_now_us();
        entc_value id = fixture_id(2);
        entc_entity *entity = NULL;

        test_proxy_flip(fault->postgres, PROXY_FROM_SERVER, n, (uint8_t)(1u << (n % 8)));
        if (entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &f->error) == ENTC_OK)
            assert_int_equal(((const Campaign *)entc_entity_record(entity))->id, 2);
        entc_entity_unref(entity);
        test_proxy_heal(fault->postgres);
        while (fault_try_read(fault, FEW) != ENTC_OK)
            assert_true(fixture_now_us() - began < 100000 + 2 * FAULT_RECOVERY_US);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_UNIX(answers_cut_at_every_byte_are_asked_again_unnoticed),
        OVER_TCP(questions_cut_at_every_byte_are_sent_again_unnoticed),
        OVER_UNIX(connections_cut_at_any_byte_of_their_life_fail_the_read_that_needs_them),
        OVER_TCP(connections_cut_at_any_byte_sent_fail_the_read_that_needs_them),
        OVER_UNIX(reads_recover_at_once_from_a_server_that_hung_up_on_everybody),
        OVER_TCP(answers_that_trickle_or_are_split_anywhere_are_read_as_ever),
        OVER_UNIX(a_slow_postgres_fails_calls_at_their_deadline_and_no_later),
        OVER_UNIX(an_answer_that_stops_in_its_middle_ends_at_the_deadline),
        OVER_UNIX(bits_flipped_all_over_an_answer_harm_one_call_at_most),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
