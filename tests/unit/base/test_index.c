/* Proves that an index finds what was put in and nothing else, however hashes fall and whatever
 * memory does. The things are numbers in a table; the index knows them by their place. */
#include "allocator.h"
#include "base/base.h"
#include "test.h"

#define MANY 100000u

static const struct hash_key key = {1, 2};

struct search {
    const uint64_t *values;
    uint64_t sought;
    size_t *compared; /* how often equals was asked; may be NULL */
};

static bool equals(const void *context, uint32_t number)
{
    const struct search *search = context;

    if (search->compared)
        ++*search->compared;
    return search->values[number] == search->sought;
}

/* The place of `sought` under `hash`, or INDEX_NONE. */
static uint32_t find(const struct index *index, const uint64_t *values, uint64_t hash,
                     uint64_t sought)
{
    const struct search search = {values, sought, NULL};

    return index_find(index, hash, equals, &search);
}

static void an_empty_index_finds_nothing_and_owns_nothing(void **state)
{
    struct test_allocator memory;
    struct index index;

    (void)state;
    test_allocator_init(&memory);
    index_init(&index, &memory.allocator);
    assert_int_equal(find(&index, NULL, 7, 7), INDEX_NONE);
    index_clear(&index);
    assert_int_equal(find(&index, NULL, 7, 7), INDEX_NONE);
    index_fini(&index);
    index_fini(&index);
    assert_int_equal(test_allocator_calls(&memory), 0);
}

static void each_of_a_hundred_thousand_things_is_found_and_no_stranger(void **state)
{
    uint64_t *values = base_allocate_array(base_default_allocator(), MANY, sizeof(*values));
    struct index index;

    (void)state;
    assert_non_null(values);
    index_init(&index, base_default_allocator());
    for (uint32_t i = 0; i < MANY; i++) {
        values[i] = (uint64_t)i * 3;
        assert_true(index_insert(&index, hash_uint64(&key, values[i]), i));
    }
    assert_int_equal(index.count, MANY);
    assert_in_range(index.capacity, MANY * 3 / 2, MANY * 4);
    for (uint64_t value = 0; value < 3 * (uint64_t)MANY; value++) {
        const uint32_t expected = value % 3 ? INDEX_NONE : (uint32_t)(value / 3);

        if (find(&index, values, hash_uint64(&key, value), value) != expected)
            fail_msg("%llu", (unsigned long long)value);
    }
    index_fini(&index);
    base_release(base_default_allocator(), values);
}

static void things_with_one_hash_are_told_apart_by_equals(void **state)
{
    static const uint64_t hashes[] = {0, 7, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 63};
    uint64_t values[300];
    struct index index;

    (void)state;
    for (size_t h = 0; h < sizeof(hashes) / sizeof(hashes[0]); h++) {
        index_init(&index, base_default_allocator());
        for (uint32_t i = 0; i < 300; i++) {
            values[i] = i;
            assert_true(index_insert(&index, hashes[h], i));
        }
        for (uint32_t i = 0; i < 300; i++)
            assert_int_equal(find(&index, values, hashes[h], i), i);
        assert_int_equal(find(&index, values, hashes[h], 300), INDEX_NONE);
        index_fini(&index);
    }
}

/* These hashes agree in their low 20 bits, so all want the same slot. */
static void things_with_one_place_are_found_and_seldom_compared(void **state)
{
    uint64_t values[300];
    size_t compared = 0;
    struct index index;

    (void)state;
    index_init(&index, base_default_allocator());
    for (uint32_t i = 0; i < 300; i++) {
        values[i] = i;
        assert_true(index_insert(&index, (uint64_t)i << 20, i));
    }
    for (uint32_t i = 0; i < 300; i++) {
        const struct search search = {values, i, &compared};

        assert_int_equal(index_find(&index, (uint64_t)i << 20, equals, &search), i);
    }
    assert_int_equal(compared, 300);
    assert_int_equal(find(&index, values, (uint64_t)300 << 20, 300), INDEX_NONE);
    index_fini(&index);
}

static void a_search_wraps_around_the_end_of_the_table(void **state)
{
    uint64_t values[4];
    struct index index;

    (void)state;
    index_init(&index, base_default_allocator());
    assert_true(index_reserve(&index, 4));
    for (uint32_t i = 0; i < 4; i++) {
        values[i] = i;
        assert_true(index_insert(&index, index.capacity - 1, i));
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(find(&index, values, index.capacity - 1, i), i);
    assert_int_equal(find(&index, values, 0, 0), INDEX_NONE);
    index_fini(&index);
}

static void clearing_forgets_all_and_keeps_the_memory(void **state)
{
    struct test_allocator memory;
    uint64_t values[100];
    struct index index;

    (void)state;
    test_allocator_init(&memory);
    index_init(&index, &memory.allocator);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            values[i] = i;
            assert_true(index_insert(&index, hash_uint64(&key, i), i));
        }
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(find(&index, values, hash_uint64(&key, i), i), i);
        index_clear(&index);
        assert_int_equal(index.count, 0);
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(find(&index, values, hash_uint64(&key, i), i), INDEX_NONE);
        test_allocator_fail_at(&memory, 1, true); /* later rounds must not allocate */
    }
    assert_int_equal(test_allocator_calls(&memory), 0);
    index_fini(&index);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void small_uses_after_a_large_one_find_only_their_own(void **state)
{
    struct test_allocator memory;
    uint64_t values[1000];
    struct index index;

    (void)state;
    test_allocator_init(&memory);
    index_init(&index, &memory.allocator);
    for (int round = 0; round < 30; round++) {
        const uint32_t count = round % 15 == 0 ? 1000 : 3;

        assert_true(index_reserve(&index, count));
        test_allocator_fail_at(&memory, 1, true); /* the first round's memory serves all */
        for (uint32_t i = 0; i < count; i++) {
            values[i] = (uint64_t)round * 1000 + i;
            assert_true(index_insert(&index, hash_uint64(&key, values[i]), i));
        }
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(find(&index, values, hash_uint64(&key, values[i]), values[i]), i);
        for (uint64_t other = 0; other < (uint64_t)round * 1000; other++)
            assert_int_equal(find(&index, values, hash_uint64(&key, other), other), INDEX_NONE);
        index_clear(&index);
        if (round == 14)
            assert_in_range(index.capacity, 1, 64);
    }
    index_fini(&index);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void reserved_inserts_need_no_memory(void **state)
{
    struct test_allocator memory;
    struct index index;

    (void)state;
    test_allocator_init(&memory);
    for (uint32_t count = 0; count < 200; count++) {
        index_init(&index, &memory.allocator);
        test_allocator_fail_at(&memory, 0, false);
        assert_true(index_reserve(&index, count));
        test_allocator_fail_at(&memory, 1, true);
        for (uint32_t i = 0; i < count; i++)
            assert_true(index_insert(&index, hash_uint64(&key, i), i));
        index_fini(&index);
    }
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void an_insert_without_memory_leaves_the_index_as_it_was(void **state)
{
    struct test_allocator memory;
    uint64_t values[1000];
    struct index index;
    uint32_t failures = 0;

    (void)state;
    test_allocator_init(&memory);
    index_init(&index, &memory.allocator);
    for (uint32_t i = 0; i < 1000; i++) {
        values[i] = i;
        test_allocator_fail_at(&memory, 1, false);
        while (!index_insert(&index, hash_uint64(&key, i), i)) {
            failures++;
            assert_int_equal(index.count, i);
            assert_int_equal(find(&index, values, hash_uint64(&key, i), i), INDEX_NONE);
            for (uint32_t j = 0; j < i; j++)
                assert_int_equal(find(&index, values, hash_uint64(&key, j), j), j);
        }
    }
    assert_in_range(failures, 3, 20);
    index_fini(&index);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void more_than_a_table_can_hold_is_refused_without_asking(void **state)
{
    struct test_allocator memory;
    struct index index;

    (void)state;
    test_allocator_init(&memory);
    index_init(&index, &memory.allocator);
    assert_false(index_reserve(&index, UINT32_MAX));
    assert_false(index_reserve(&index, (UINT32_C(1) << 30) + 1));
    assert_int_equal(test_allocator_calls(&memory), 0);
    index_fini(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_index_finds_nothing_and_owns_nothing),
        cmocka_unit_test(each_of_a_hundred_thousand_things_is_found_and_no_stranger),
        cmocka_unit_test(things_with_one_hash_are_told_apart_by_equals),
        cmocka_unit_test(things_with_one_place_are_found_and_seldom_compared),
        cmocka_unit_test(a_search_wraps_around_the_end_of_the_table),
        cmocka_unit_test(clearing_forgets_all_and_keeps_the_memory),
        cmocka_unit_test(small_uses_after_a_large_one_find_only_their_own),
        cmocka_unit_test(reserved_inserts_need_no_memory),
        cmocka_unit_test(an_insert_without_memory_leaves_the_index_as_it_was),
        cmocka_unit_test(more_than_a_table_can_hold_is_refused_without_asking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
