/* Proves that the clock is CLOCK_MONOTONIC in microseconds. */
#include "base/base.h"
#include "test.h"

#include <time.h>

static int64_t kernel_nanoseconds(void)
{
    struct timespec now = {0, 0};

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void the_clock_tells_the_kernels_monotonic_time_in_microseconds(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        const int64_t before = kernel_nanoseconds() / 1000;
        const int64_t now = clock_now_us();
        const int64_t after = kernel_nanoseconds() / 1000;

        assert_true(before <= now && now <= after);
    }
}

static void the_clock_moves_in_steps_below_a_millisecond_and_never_back(void **state)
{
    int64_t last = clock_now_us();
    int64_t smallest = INT64_MAX;

    (void)state;
    for (int i = 0; i < 100000 || smallest == INT64_MAX; i++) {
        const int64_t step = clock_now_us() - last;

        assert_true(step >= 0);
        if (step > 0 && step < smallest)
            smallest = step;
        last += step;
    }
    assert_in_range(smallest, 1, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_tells_the_kernels_monotonic_time_in_microseconds),
        cmocka_unit_test(the_clock_moves_in_steps_below_a_millisecond_and_never_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
