/* Proves that a tally counts what it was told, tells it by the caller's size, and lives as long as
 * it is referenced. */
#include "allocator.h"
#include "observe/observe.h"
#include "test.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 4
#define ROUNDS 20000

/* Written by hand: which counter belongs to which member. TALLY_LIST must not be its own witness.
 */
static const struct {
    enum tally_counter counter;
    size_t offset;
} members[] = {
    {TALLY_SQL_QUERIES, offsetof(entc_counters, sql_queries)},
    {TALLY_SQL_ROWS, offsetof(entc_counters, sql_rows)},
    {TALLY_SQL_US, offsetof(entc_counters, sql_us)},
    {TALLY_REDIS_COMMANDS, offsetof(entc_counters, redis_commands)},
    {TALLY_REDIS_MGETS, offsetof(entc_counters, redis_mgets)},
    {TALLY_REDIS_LEASES, offsetof(entc_counters, redis_leases)},
    {TALLY_REDIS_KEYS, offsetof(entc_counters, redis_keys)},
    {TALLY_REDIS_US, offsetof(entc_counters, redis_us)},
    {TALLY_REDIS_FAILURES, offsetof(entc_counters, redis_failures)},
    {TALLY_HITS, offsetof(entc_counters, hits)},
    {TALLY_MISSES, offsetof(entc_counters, misses)},
    {TALLY_NEGATIVES, offsetof(entc_counters, negatives)},
    {TALLY_ABSENTS, offsetof(entc_counters, absents)},
    {TALLY_FILLS, offsetof(entc_counters, fills)},
    {TALLY_FILLS_REFUSED, offsetof(entc_counters, fills_refused)},
    {TALLY_CORRUPT, offsetof(entc_counters, corrupt)},
    {TALLY_FOREIGN, offsetof(entc_counters, foreign)},
    {TALLY_RESHAPED, offsetof(entc_counters, reshaped)},
    {TALLY_UNCACHEABLE, offsetof(entc_counters, uncacheable)},
    {TALLY_COALESCED, offsetof(entc_counters, coalesced)},
    {TALLY_BATCHES, offsetof(entc_counters, batches)},
    {TALLY_ERRORS, offsetof(entc_counters, errors)},
    {TALLY_BATCH_IDS, offsetof(entc_counters, batch_ids)},
    {TALLY_REDIS_BYTES, offsetof(entc_counters, redis_bytes)},
    {TALLY_SQL_BYTES, offsetof(entc_counters, sql_bytes)},
    {TALLY_HEALED, offsetof(entc_counters, healed)},
    {TALLY_DENIED, offsetof(entc_counters, denied)},
    {TALLY_LIMITED, offsetof(entc_counters, limited)},
    {TALLY_LOADS, offsetof(entc_counters, loads)},
    {TALLY_LOAD_BATCHES, offsetof(entc_counters, load_batches)},
    {TALLY_LOAD_KEYS, offsetof(entc_counters, load_keys)},
    {TALLY_LOAD_MEMO_HITS, offsetof(entc_counters, load_memo_hits)},
    {TALLY_LOAD_COALESCED, offsetof(entc_counters, load_coalesced)},
};
#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

static uint64_t member(const entc_counters *counters, size_t i)
{
    uint64_t value = 0;

    memcpy(&value, (const char *)counters + members[i].offset, sizeof(value));
    return value;
}

static void every_counter_is_told_in_its_own_member(void **state)
{
    struct tally *tally = tally_new(base_default_allocator());
    entc_counters counters = {.struct_size = sizeof(counters)};

    (void)state;
    assert_non_null(tally);
    assert_int_equal(MEMBER_COUNT, TALLY_COUNT);
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        tally_add(tally, members[i].counter, 1000 + i);
    assert_int_equal(tally_read(tally, &counters, NULL), ENTC_OK);
    assert_int_equal(counters.struct_size, sizeof(counters));
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        assert_int_equal(member(&counters, i), 1000 + i);
    tally_unref(tally);
}

static void a_new_tally_is_zero_and_amounts_add_up(void **state)
{
    struct test_allocator memory;
    struct tally *tally = NULL;
    entc_counters counters = {.struct_size = sizeof(counters), .hits = 99};

    (void)state;
    test_allocator_init(&memory);
    tally = tally_new(&memory.allocator);
    assert_int_equal(tally_read(tally, &counters, NULL), ENTC_OK);
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        assert_int_equal(member(&counters, i), 0);
    tally_add(tally, TALLY_HITS, 15);
    tally_add(tally, TALLY_HITS, 0);
    tally_add(tally, TALLY_HITS, 27);
    tally_add(NULL, TALLY_HITS, 1);
    assert_int_equal(tally_read(tally, &counters, NULL), ENTC_OK);
    assert_int_equal(counters.hits, 42);
    tally_unref(tally);
    assert_int_equal(test_allocator_live(&memory), 0);
}

/* What a host compiled against a later release passes. */
struct later_counters {
    entc_counters known;
    uint64_t later[3];
    uint64_t behind;
};

static void a_larger_struct_gets_zeros_for_what_is_not_counted_yet(void **state)
{
    struct tally *tally = tally_new(base_default_allocator());
    struct later_counters counters;

    (void)state;
    assert_non_null(tally);
    memset(&counters, 0xA5, sizeof(counters));
    counters.known.struct_size = offsetof(struct later_counters, behind);
    tally_add(tally, TALLY_ERRORS, 3);
    assert_int_equal(tally_read(tally, &counters.known, NULL), ENTC_OK);
    assert_int_equal(counters.known.struct_size, offsetof(struct later_counters, behind));
    assert_int_equal(counters.known.errors, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(counters.later[i], 0);
    assert_true(counters.behind == 0xA5A5A5A5A5A5A5A5u);
    tally_unref(tally);
}

static void the_size_of_release_0_1_is_accepted_for_ever(void **state)
{
    struct tally *tally = tally_new(base_default_allocator());
    entc_counters counters = {.struct_size =
                                  offsetof(entc_counters, load_coalesced) + sizeof(uint64_t)};

    (void)state;
    assert_non_null(tally);
    tally_add(tally, TALLY_LOAD_COALESCED, 3);
    assert_int_equal(tally_read(tally, &counters, NULL), ENTC_OK);
    assert_int_equal(counters.load_coalesced, 3);
    tally_unref(tally);
}

static void a_size_that_is_none_of_ours_is_refused_and_nothing_written(void **state)
{
    static const size_t sizes[] = {0,
                                   1,
                                   sizeof(size_t),
                                   offsetof(entc_counters, errors),
                                   sizeof(entc_counters) - 1,
                                   sizeof(entc_counters) + 1,
                                   4096 + sizeof(uint64_t),
                                   SIZE_MAX};
    struct tally *tally = tally_new(base_default_allocator());
    entc_error *error = NULL;

    (void)state;
    assert_non_null(tally);
    tally_add(tally, TALLY_HITS, 3);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        entc_counters counters = {.struct_size = sizes[i], .hits = 99};

        assert_int_equal(tally_read(tally, &counters, &error), ENTC_E_INVALID);
        assert_int_equal(counters.hits, 99);
        assert_int_equal(counters.struct_size, sizes[i]);
        assert_int_equal(entc_error_code(error), ENTC_E_INVALID);
        assert_non_null(strstr(entc_error_message(error), "struct_size"));
        assert_non_null(strstr(entc_error_hint(error), "sizeof(entc_counters)"));
        assert_int_equal(tally_read(tally, &counters, NULL), ENTC_E_INVALID);
    }
    entc_error_free(error);
    tally_unref(tally);
}

static void counters_that_are_null_are_refused_by_name(void **state)
{
    struct tally *tally = tally_new(base_default_allocator());
    entc_error *error = NULL;

    (void)state;
    assert_non_null(tally);
    assert_int_equal(tally_read(tally, NULL, &error), ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(error), "ret_counters"));
    entc_error_free(error);
    tally_unref(tally);
}

static void a_tally_lives_until_its_last_reference_is_gone(void **state)
{
    struct test_allocator memory;
    struct tally *tally = NULL;

    (void)state;
    test_allocator_init(&memory);
    tally = tally_new(&memory.allocator);
    assert_ptr_equal(tally_ref(tally), tally);
    tally_unref(tally);
    assert_int_equal(test_allocator_live(&memory), 1);
    tally_add(tally, TALLY_HITS, 1);
    tally_unref(tally);
    assert_int_equal(test_allocator_live(&memory), 0);
    assert_null(tally_ref(NULL));
    tally_unref(NULL);
}

static void without_memory_there_is_no_tally(void **state)
{
    struct test_allocator memory;

    (void)state;
    test_allocator_init(&memory);
    test_allocator_fail_at(&memory, 1, false);
    assert_null(tally_new(&memory.allocator));
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void *count_and_let_go(void *user)
{
    struct tally *tally = user;

    for (int i = 0; i < ROUNDS; i++) {
        tally_add(tally_ref(tally), TALLY_HITS, 1);
        tally_unref(tally);
    }
    tally_unref(tally);
    return NULL;
}

static void threads_lose_no_count_and_no_reference(void **state)
{
    struct test_allocator memory;
    struct tally *tally = NULL;
    pthread_t threads[THREADS];
    entc_counters counters = {.struct_size = sizeof(counters)};

    (void)state;
    test_allocator_init(&memory);
    tally = tally_new(&memory.allocator);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_and_let_go, tally_ref(tally)), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(tally_read(tally, &counters, NULL), ENTC_OK);
    assert_int_equal(counters.hits, THREADS * ROUNDS);
    assert_int_equal(test_allocator_live(&memory), 1);
    tally_unref(tally);
    assert_int_equal(test_allocator_live(&memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_is_told_in_its_own_member),
        cmocka_unit_test(a_new_tally_is_zero_and_amounts_add_up),
        cmocka_unit_test(a_larger_struct_gets_zeros_for_what_is_not_counted_yet),
        cmocka_unit_test(the_size_of_release_0_1_is_accepted_for_ever),
        cmocka_unit_test(a_size_that_is_none_of_ours_is_refused_and_nothing_written),
        cmocka_unit_test(counters_that_are_null_are_refused_by_name),
        cmocka_unit_test(a_tally_lives_until_its_last_reference_is_gone),
        cmocka_unit_test(without_memory_there_is_no_tally),
        cmocka_unit_test(threads_lose_no_count_and_no_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
