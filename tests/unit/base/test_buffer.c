/* Proves that a buffer holds what was appended, and that a failure leaves a true beginning. */
#include "allocator.h"
#include "base/base.h"
#include "test.h"

#include <inttypes.h>
#include <stdio.h>

/* Appends by every way there is; the same text each time. */
static void append_in_every_way(struct buffer *buffer, int round)
{
    buffer_append(buffer, "bytes\0;", 7);
    buffer_append_text(buffer, "text;");
    buffer_append_char(buffer, 'c');
    buffer_append_int64(buffer, INT64_MIN);
    buffer_append_format(buffer, "<%d:%s>", round, "a format long enough to need growth by itself");
}

static void what_was_appended_is_there_in_order(void **state)
{
    static const char expected[] = "bytes\0;text;c-9223372036854775808"
                                   "<7:a format long enough to need growth by itself>";
    struct test_allocator memory;
    struct buffer buffer;

    (void)state;
    test_allocator_init(&memory);
    buffer_init(&buffer, &memory.allocator);
    append_in_every_way(&buffer, 7);
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, sizeof(expected) - 1);
    assert_memory_equal(buffer.bytes, expected, sizeof(expected) - 1);
    assert_memory_equal(buffer_text(&buffer), expected, sizeof(expected));
    assert_int_equal(buffer.length, sizeof(expected) - 1);
    buffer_fini(&buffer);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void an_empty_buffer_has_no_memory_but_has_text(void **state)
{
    struct test_allocator memory;
    struct buffer buffer;

    (void)state;
    test_allocator_init(&memory);
    buffer_init(&buffer, &memory.allocator);
    assert_true(buffer_append(&buffer, NULL, 0));
    assert_true(buffer_append_text(&buffer, ""));
    assert_null(buffer.bytes);
    assert_int_equal(test_allocator_calls(&memory), 0);
    assert_string_equal(buffer_text(&buffer), "");
    assert_int_equal(buffer.length, 0);
    buffer_fini(&buffer);
    buffer_fini(&buffer);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void many_small_appends_cost_few_allocations(void **state)
{
    struct test_allocator memory;
    struct buffer buffer;

    (void)state;
    test_allocator_init(&memory);
    buffer_init(&buffer, &memory.allocator);
    for (int i = 0; i < 100000; i++)
        assert_true(buffer_append_char(&buffer, (char)('a' + i % 26)));
    assert_int_equal(buffer.length, 100000);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(buffer.bytes[i], 'a' + (int)(i % 26));
    assert_in_range(test_allocator_calls(&memory), 1, 20);
    buffer_fini(&buffer);
}

static void reserved_room_needs_no_more_memory(void **state)
{
    struct test_allocator memory;
    struct buffer buffer;
    char filler[1000];

    (void)state;
    memset(filler, 'x', sizeof(filler));
    test_allocator_init(&memory);
    buffer_init(&buffer, &memory.allocator);
    assert_true(buffer_reserve(&buffer, sizeof(filler)));
    test_allocator_fail_at(&memory, 1, true);
    for (size_t i = 0; i < 10; i++)
        assert_true(buffer_append(&buffer, filler, 100));
    assert_int_equal(test_allocator_calls(&memory), 0);
    buffer_fini(&buffer);
}

static void clearing_keeps_the_memory_and_forgets_the_failure(void **state)
{
    struct test_allocator memory;
    struct buffer buffer;
    const char *bytes = NULL;

    (void)state;
    test_allocator_init(&memory);
    buffer_init(&buffer, &memory.allocator);
    buffer_append_text(&buffer, "first");
    bytes = buffer.bytes;
    test_allocator_fail_at(&memory, 1, true);
    assert_false(buffer_reserve(&buffer, 1000));
    assert_true(buffer.failed);
    buffer_clear(&buffer);
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, 0);
    assert_true(buffer_append_text(&buffer, "second"));
    assert_ptr_equal(buffer.bytes, bytes);
    assert_string_equal(buffer_text(&buffer), "second");
    buffer_fini(&buffer);
}

static void whichever_allocation_fails_the_bytes_are_a_true_beginning(void **state)
{
    struct test_allocator memory;
    struct buffer whole;
    struct buffer buffer;
    uint64_t failures = 0;

    (void)state;
    test_allocator_init(&memory);
    buffer_init(&whole, base_default_allocator());
    for (int round = 0; round < 20; round++)
        append_in_every_way(&whole, round);
    assert_false(whole.failed);
    for (uint64_t n = 1;; n++) {
        buffer_init(&buffer, &memory.allocator);
        test_allocator_fail_at(&memory, n, false);
        for (int round = 0; round < 20; round++)
            append_in_every_way(&buffer, round);
        assert_in_range(buffer.length, 0, whole.length);
        if (buffer.length)
            assert_memory_equal(buffer.bytes, whole.bytes, buffer.length);
        assert_int_equal(buffer.failed, test_allocator_calls(&memory) >= n);
        assert_int_equal(buffer.failed, buffer.length < whole.length);
        failures += buffer.failed;
        buffer_fini(&buffer);
        assert_int_equal(test_allocator_live(&memory), 0);
        if (test_allocator_calls(&memory) < n)
            break;
    }
    assert_in_range(failures, 3, 20);
    buffer_fini(&whole);
}

static void after_a_failure_nothing_is_appended_behind_the_gap(void **state)
{
    struct test_allocator memory;
    struct buffer buffer;

    (void)state;
    test_allocator_init(&memory);
    buffer_init(&buffer, &memory.allocator);
    buffer_append_text(&buffer, "kept");
    test_allocator_fail_at(&memory, 1, false);
    assert_false(buffer_reserve(&buffer, 1000));
    assert_false(buffer_append_char(&buffer, 'x'));
    assert_false(buffer_append_text(&buffer, "x"));
    assert_false(buffer_append_int64(&buffer, 1));
    assert_false(buffer_append_format(&buffer, "x"));
    assert_null(buffer_text(&buffer));
    assert_int_equal(buffer.length, 4);
    assert_memory_equal(buffer.bytes, "kept", 4);
    assert_int_equal(test_allocator_calls(&memory), 1);
    buffer_fini(&buffer);
}

static void text_without_memory_for_its_terminator_is_null(void **state)
{
    struct test_allocator memory;
    struct buffer buffer;

    (void)state;
    test_allocator_init(&memory);
    buffer_init(&buffer, &memory.allocator);
    buffer_append_char(&buffer, 'x');
    while (buffer.length < buffer.capacity)
        buffer_append_char(&buffer, 'x');
    test_allocator_fail_at(&memory, 1, false);
    assert_null(buffer_text(&buffer));
    assert_true(buffer.failed);
    buffer_fini(&buffer);
}

static void a_size_that_wraps_around_is_refused_without_asking(void **state)
{
    struct test_allocator memory;
    struct buffer buffer;

    (void)state;
    test_allocator_init(&memory);
    buffer_init(&buffer, &memory.allocator);
    buffer_append_text(&buffer, "kept");
    test_allocator_fail_at(&memory, 0, false);
    assert_false(buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    assert_int_equal(test_allocator_calls(&memory), 0);
    assert_memory_equal(buffer.bytes, "kept", 4);
    buffer_fini(&buffer);
}

static void formats_of_every_length_around_the_room_left_are_whole(void **state)
{
    char expected[201] = "";
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, base_default_allocator());
    for (int length = 0; length <= 200; length++) {
        snprintf(expected, sizeof(expected), "%0*d", length ? length : 1, 7);
        buffer_fini(&buffer);
        assert_true(buffer_append_char(&buffer, '>'));
        assert_true(buffer_append_format(&buffer, "%0*d", length ? length : 1, 7));
        assert_int_equal(buffer.length, strlen(expected) + 1);
        assert_string_equal(buffer_text(&buffer) + 1, expected);
    }
    buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_appended_is_there_in_order),
        cmocka_unit_test(an_empty_buffer_has_no_memory_but_has_text),
        cmocka_unit_test(many_small_appends_cost_few_allocations),
        cmocka_unit_test(reserved_room_needs_no_more_memory),
        cmocka_unit_test(clearing_keeps_the_memory_and_forgets_the_failure),
        cmocka_unit_test(whichever_allocation_fails_the_bytes_are_a_true_beginning),
        cmocka_unit_test(after_a_failure_nothing_is_appended_behind_the_gap),
        cmocka_unit_test(text_without_memory_for_its_terminator_is_null),
        cmocka_unit_test(a_size_that_wraps_around_is_refused_without_asking),
        cmocka_unit_test(formats_of_every_length_around_the_room_left_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
