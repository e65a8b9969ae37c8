/* Every corruption of a valid cached value by one byte, at every place: the answer is the row, or
 * exactly what a valid value says that the corruption happens to be; a miss is counted and heals.
 */
#include "spoil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest value of the table. */
#define LONGEST 600

/* Makes the n-th corruption of the value in `bytes`; false when there are fewer. */
typedef bool (*corruption)(char *bytes, size_t *length, size_t n);

static bool flip(char *bytes, size_t *length, size_t n)
{
    static const char patterns[] = {0x01, 0x02, 0x04, 0x10, 0x20, (char)0x80, (char)0xFF};

    if (n >= *length * sizeof(patterns))
        return false;
    bytes[n / sizeof(patterns)] =
        (char)(bytes[n / sizeof(patterns)] ^ patterns[n % sizeof(patterns)]);
    return true;
}

static bool take_out(char *bytes, size_t *length, size_t n)
{
    if (n >= *length)
        return false;
    memmove(bytes + n, bytes + n + 1, *length - n - 1);
    --*length;
    return true;
}

static bool put_in(char *bytes, size_t *length, size_t n)
{
    static const char patterns[] = {'0', '9', '"', ' ', '\\', ',', '}', '\0', (char)0xFF};
    const size_t place = n / sizeof(patterns);

    if (place > *length)
        return false;
    memmove(bytes + place + 1, bytes + place, *length - place);
    bytes[place] = patterns[n % sizeof(patterns)];
    ++*length;
    return true;
}

static bool cut_off(char *bytes, size_t *length, size_t n)
{
    (void)bytes;
    if (n >= *length)
        return false;
    *length = n;
    return true;
}

static bool exchange(char *bytes, size_t *length, size_t n)
{
    char first = 0;

    if (n + 1 >= *length)
        return false;
    first = bytes[n];
    bytes[n] = bytes[n + 1];
    bytes[n + 1] = first;
    return true;
}

static size_t count_of(corruption corrupt, size_t length)
{
    char bytes[LONGEST];
    size_t n = 0;
    size_t changed = length;

    assert_true(length < LONGEST);
    memset(bytes, '0', sizeof(bytes));
    while (corrupt(bytes, &changed, n)) {
        changed = length;
        n++;
    }
    return n;
}

/* One row for each; all rows are equally long. */
static void corrupt_everywhere(struct fixture *f, corruption corrupt, bool is_always_seen)
{
    struct spoil spoil;
    size_t count = 0;

    spoil_open(&spoil, f, 1);
    count = count_of(corrupt, spoil.right[0].length);
    spoil_close(&spoil);
    fixture_free_engine(f);
    freeReplyObject(test_redis_command(&f->redis, "FLUSHALL"));
    fixture_make_engine(f);
    spoil_open(&spoil, f, count);
    for (size_t i = 0; i < count; i++) {
        char bytes[LONGEST];
        size_t length = spoil.right[i].length;

        memcpy(bytes, spoil.right[i].bytes, length);
        assert_true(corrupt(bytes, &length, i));
        spoil_set(&spoil, i, bytes, length);
    }
    spoil_write(&spoil);
    if (is_always_seen)
        spoil_check_none(&spoil);
    else
        assert_in_range(spoil_check(&spoil), 1, count - 1);
    spoil_close(&spoil);
}

static void a_flipped_byte_is_the_row_or_a_miss_that_heals(void **state)
{
    corrupt_everywhere(*state, flip, false);
}

static void a_byte_less_is_the_row_or_a_miss_that_heals(void **state)
{
    corrupt_everywhere(*state, take_out, false);
}

static void a_byte_more_is_the_row_or_a_miss_that_heals(void **state)
{
    corrupt_everywhere(*state, put_in, false);
}

static void two_bytes_exchanged_are_the_row_or_a_miss_that_heals(void **state)
{
    corrupt_everywhere(*state, exchange, false);
}

static void a_value_that_ends_early_is_never_believed(void **state)
{
    corrupt_everywhere(*state, cut_off, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_flipped_byte_is_the_row_or_a_miss_that_heals),
        IN_BOTH_DRIVES(a_byte_less_is_the_row_or_a_miss_that_heals),
        IN_BOTH_DRIVES(a_byte_more_is_the_row_or_a_miss_that_heals),
        IN_BOTH_DRIVES(two_bytes_exchanged_are_the_row_or_a_miss_that_heals),
        IN_BOTH_DRIVES(a_value_that_ends_early_is_never_believed),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
