/* Proves what base/memory promises of any allocator: sizes above 0, no overflow, failures passed
 * on. */
#include "allocator.h"
#include "base/base.h"
#include "test.h"

struct strict {
    entc_allocator allocator;
    size_t smallest;
};

static void *strict_allocate(size_t size, void *user)
{
    struct strict *strict = user;

    if (size < strict->smallest)
        strict->smallest = size;
    return base_default_allocator()->allocate(size, NULL);
}

static void *strict_reallocate(void *memory, size_t size, void *user)
{
    struct strict *strict = user;

    if (size < strict->smallest)
        strict->smallest = size;
    return base_default_allocator()->reallocate(memory, size, NULL);
}

static void strict_release(void *memory, void *user)
{
    (void)user;
    assert_non_null(memory);
    base_default_allocator()->release(memory, NULL);
}

static void an_allocator_never_sees_a_size_of_zero_nor_a_null_release(void **state)
{
    struct strict strict = {{strict_allocate, strict_reallocate, strict_release, NULL}, SIZE_MAX};
    void *blocks[4] = {NULL};

    (void)state;
    strict.allocator.user = &strict;
    blocks[0] = base_allocate(&strict.allocator, 0);
    blocks[1] = base_allocate_zeroed(&strict.allocator, 0);
    blocks[2] = base_allocate_array(&strict.allocator, 0, 8);
    blocks[3] = base_reallocate(&strict.allocator, NULL, 0);
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(blocks[i]);
        base_release(&strict.allocator, blocks[i]);
    }
    base_release(&strict.allocator, NULL);
    assert_int_equal(strict.smallest, 1);
}

static void zeroed_memory_is_zero_although_the_allocator_gives_other_bytes(void **state)
{
    struct test_allocator memory;
    unsigned char *bytes = NULL;

    (void)state;
    test_allocator_init(&memory);
    bytes = base_allocate_zeroed(&memory.allocator, 100);
    assert_non_null(bytes);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(bytes[i], 0);
    base_release(&memory.allocator, bytes);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void an_array_whose_size_wraps_around_is_refused_without_asking(void **state)
{
    struct test_allocator memory;

    (void)state;
    test_allocator_init(&memory);
    assert_null(base_allocate_array(&memory.allocator, SIZE_MAX / 2, 3));
    assert_null(base_allocate_array(&memory.allocator, 3, SIZE_MAX / 2));
    assert_null(base_allocate_array(&memory.allocator, SIZE_MAX / 16 + 1, 16));
    assert_int_equal(test_allocator_calls(&memory), 0);
}

static void an_array_has_room_for_every_member(void **state)
{
    struct test_allocator memory;
    uint64_t *numbers = NULL;

    (void)state;
    test_allocator_init(&memory);
    numbers = base_allocate_array(&memory.allocator, 100, sizeof(*numbers));
    assert_non_null(numbers);
    numbers[99] = 7; /* an address sanitizer sees what is too short */
    base_release(&memory.allocator, numbers);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void each_function_passes_a_failure_on(void **state)
{
    struct test_allocator memory;
    void *block = NULL;

    (void)state;
    test_allocator_init(&memory);
    block = base_allocate(&memory.allocator, 8);
    test_allocator_fail_at(&memory, 1, true);
    assert_null(base_allocate(&memory.allocator, 8));
    assert_null(base_allocate_zeroed(&memory.allocator, 8));
    assert_null(base_allocate_array(&memory.allocator, 2, 8));
    assert_null(base_reallocate(&memory.allocator, block, 16));
    assert_null(base_copy_text(&memory.allocator, "text"));
    assert_int_equal(test_allocator_calls(&memory), 5);
    base_release(&memory.allocator, block);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void copied_text_equals_its_source_and_null_stays_null(void **state)
{
    struct test_allocator memory;
    char *copy = NULL;

    (void)state;
    test_allocator_init(&memory);
    assert_null(base_copy_text(&memory.allocator, NULL));
    assert_int_equal(test_allocator_calls(&memory), 0);
    copy = base_copy_text(&memory.allocator, "campaigns");
    assert_string_equal(copy, "campaigns");
    base_release(&memory.allocator, copy);
    copy = base_copy_text(&memory.allocator, "");
    assert_string_equal(copy, "");
    base_release(&memory.allocator, copy);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void wiping_clears_exactly_the_bytes_named(void **state)
{
    char secret[] = "password";

    (void)state;
    base_wipe(secret, 4);
    assert_memory_equal(secret, "\0\0\0\0word", 9);
    base_wipe(secret, 0);
    base_wipe(NULL, 0);
    assert_memory_equal(secret, "\0\0\0\0word", 9);
}

static void the_test_allocator_fails_where_it_was_told_to(void **state)
{
    struct test_allocator memory;
    void *first = NULL;
    void *third = NULL;

    (void)state;
    test_allocator_init(&memory);
    test_allocator_fail_at(&memory, 2, false);
    first = base_allocate(&memory.allocator, 1);
    assert_non_null(first);
    assert_null(base_allocate(&memory.allocator, 1));
    third = base_allocate(&memory.allocator, 1);
    assert_non_null(third);
    assert_int_equal(test_allocator_live(&memory), 2);
    assert_int_equal(test_allocator_calls(&memory), 3);
    test_allocator_fail_at(&memory, 2, true);
    first = base_reallocate(&memory.allocator, first, 64);
    assert_non_null(first);
    assert_null(base_reallocate(&memory.allocator, first, 128));
    assert_null(base_reallocate(&memory.allocator, NULL, 128));
    assert_int_equal(test_allocator_live(&memory), 2);
    base_release(&memory.allocator, first);
    base_release(&memory.allocator, third);
    assert_int_equal(test_allocator_live(&memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allocator_never_sees_a_size_of_zero_nor_a_null_release),
        cmocka_unit_test(zeroed_memory_is_zero_although_the_allocator_gives_other_bytes),
        cmocka_unit_test(an_array_whose_size_wraps_around_is_refused_without_asking),
        cmocka_unit_test(an_array_has_room_for_every_member),
        cmocka_unit_test(each_function_passes_a_failure_on),
        cmocka_unit_test(copied_text_equals_its_source_and_null_stays_null),
        cmocka_unit_test(wiping_clears_exactly_the_bytes_named),
        cmocka_unit_test(the_test_allocator_fails_where_it_was_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
