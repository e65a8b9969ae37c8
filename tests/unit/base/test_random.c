/* Proves that the generator is xoshiro256**, that that limits are kept fairly, and that seeds
 * differ. */
#include "base/base.h"
#include "test.h"

static void the_generator_gives_the_published_numbers(void **state)
{
    /* From the reference implementation with the state {1, 2, 3, 4}, as Rust's rand_xoshiro tests.
     */
    static const uint64_t expected[] = {
        11520u,
        0u,
        1509978240u,
        1215971899390074240u,
        1216172134540287360u,
        607988272756665600u,
        16172922978634559625u,
        8476171486693032832u,
        10595114339597558777u,
        2904607092377533576u,
    };
    struct random random = {{1, 2, 3, 4}};

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_true(random_next(&random) == expected[i]);
}

static void a_number_below_a_limit_stays_below_it(void **state)
{
    static const uint64_t limits[] = {
        1, 2, 3, 10, 1000003, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, UINT64_MAX};
    struct random random = {{1, 2, 3, 4}};

    (void)state;
    assert_true(random_below(&random, 0) == 0);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        for (int j = 0; j < 1000; j++)
            assert_true(random_below(&random, limits[i]) < limits[i]);
}

/* Fixed state, so the counts are always the same; 5 sigma is 456. */
static void numbers_below_a_limit_are_spread_evenly(void **state)
{
    struct random random = {{1, 2, 3, 4}};
    unsigned counts[6] = {0};

    (void)state;
    for (int i = 0; i < 60000; i++)
        counts[random_below(&random, 6)]++;
    for (size_t i = 0; i < 6; i++)
        assert_in_range(counts[i], 10000 - 456, 10000 + 456);
}

/* With 3 * 2^62 a plain remainder would give the lowest third half of all draws. */
static void a_large_limit_favours_no_third(void **state)
{
    struct random random = {{1, 2, 3, 4}};
    unsigned counts[3] = {0};

    (void)state;
    for (int i = 0; i < 30000; i++)
        counts[random_below(&random, UINT64_C(3) << 62) >> 62]++;
    for (size_t i = 0; i < 3; i++)
        assert_in_range(counts[i], 10000 - 408, 10000 + 408);
}

static void two_seeds_differ_and_are_not_zero(void **state)
{
    const struct random zero = {{0, 0, 0, 0}};
    struct random first = zero;
    struct random second = zero;

    (void)state;
    assert_int_equal(random_seed(&first), ENTC_OK);
    assert_int_equal(random_seed(&second), ENTC_OK);
    assert_memory_not_equal(&first, &second, sizeof(first));
    assert_memory_not_equal(&first, &zero, sizeof(first));
    assert_memory_not_equal(&second, &zero, sizeof(second));
}

/* getrandom() may give no more than 256 bytes at a time. */
static void random_bytes_fill_all_that_was_asked_and_no_more(void **state)
{
    unsigned char bytes[1002];
    size_t zeros = 0;

    (void)state;
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(random_bytes(bytes + 1, 1000), ENTC_OK);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[1001], 0);
    for (size_t i = 981; i < 1001; i++)
        zeros += bytes[i] == 0;
    assert_in_range(zeros, 0, 15); /* 16 zeros of 20: less likely than 2^-110 */
    assert_int_equal(random_bytes(NULL, 0), ENTC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_gives_the_published_numbers),
        cmocka_unit_test(a_number_below_a_limit_stays_below_it),
        cmocka_unit_test(numbers_below_a_limit_are_spread_evenly),
        cmocka_unit_test(a_large_limit_favours_no_third),
        cmocka_unit_test(two_seeds_differ_and_are_not_zero),
        cmocka_unit_test(random_bytes_fill_all_that_was_asked_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
