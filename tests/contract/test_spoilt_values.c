/* Values in the cache that are wrong as a whole: none is believed, each is a counted miss, and
 * heals.
 */
#include "spoil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HUGE_VALUE ((size_t)10 * 1024 * 1024)

/* The row's own value, and something behind it. */
static void set_with_tail(struct spoil *spoil, size_t i, const char *tail, size_t length)
{
    const struct spoil_value *right = &spoil->right[i];
    char *bytes = malloc(right->length + length);

    assert_non_null(bytes);
    memcpy(bytes, right->bytes, right->length);
    memcpy(bytes + right->length, tail, length);
    spoil_set(spoil, i, bytes, right->length + length);
    free(bytes);
}

/* The row's own value with one more member at its end. */
static void set_with_member(struct spoil *spoil, size_t i, const char *member)
{
    const struct spoil_value *right = &spoil->right[i];
    const size_t room = right->length + strlen(member) + 2;
    char *bytes = malloc(room);

    assert_non_null(bytes);
    snprintf(bytes, room, "%.*s,%s}", (int)right->length - 1, right->bytes, member);
    spoil_set(spoil, i, bytes, strlen(bytes));
    free(bytes);
}

static void what_follows_a_value_makes_it_a_miss(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } tails[] = {{"x", 1}, {"}", 1}, {",", 1}, {"\0", 1}, {"{}", 2}, {"null", 4}, {" \n\t\r0", 5}};
    struct spoil spoil;

    spoil_open(&spoil, *state, sizeof(tails) / sizeof(tails[0]));
    for (size_t i = 0; i < spoil.count; i++)
        set_with_tail(&spoil, i, tails[i].bytes, tails[i].length);
    spoil_write(&spoil);
    spoil_check_none(&spoil);
    assert_int_equal(fixture_counters(*state).corrupt, spoil.count);
    spoil_close(&spoil);
}

/* Also when both say the same: cJSON and JSON.parse do not agree which of two counts. */
static void a_declared_member_that_stands_there_twice_makes_a_miss(void **state)
{
    static const char *const members[] = {
        "\"flag\":true", "\"id\":100002",  "\"whole\":0",        "\"words\":\"\"",
        "\"real\":null", "\"\\u0069d\":1", "\"maybe_words\":[]", "\"instant\":\"infinity\""};
    struct spoil spoil;

    spoil_open(&spoil, *state, sizeof(members) / sizeof(members[0]));
    for (size_t i = 0; i < spoil.count; i++)
        set_with_member(&spoil, i, members[i]);
    spoil_write(&spoil);
    spoil_check_none(&spoil);
    assert_int_equal(fixture_counters(*state).corrupt, spoil.count);
    spoil_close(&spoil);
}

static char *nested(size_t depth)
{
    char *member = malloc(2 * depth + 8);

    assert_non_null(member);
    memcpy(member, "\"x\":", 4);
    memset(member + 4, '[', depth);
    memset(member + 4 + depth, ']', depth);
    member[4 + 2 * depth] = '\0';
    return member;
}

/* The object itself is one level of the 32. */
static void deep_nesting_makes_a_miss_and_less_deep_is_ignored(void **state)
{
    static const size_t depths[] = {1, 31, 32, 33, 1000, 100000};
    struct spoil spoil;

    spoil_open(&spoil, *state, sizeof(depths) / sizeof(depths[0]));
    for (size_t i = 0; i < spoil.count; i++) {
        char *member = nested(depths[i]);

        set_with_member(&spoil, i, member);
        free(member);
    }
    spoil_write(&spoil);
    assert_int_equal(spoil_check(&spoil), 2);
    assert_int_equal(fixture_counters(*state).corrupt, spoil.count - 2);
    spoil_close(&spoil);
}

static void what_is_no_object_of_this_shape_makes_a_miss(void **state)
{
    static const char *const values[] = {"",
                                         "{}",
                                         "[]",
                                         "0",
                                         "true",
                                         "\"null\"",
                                         "nul",
                                         "NULL",
                                         "null null",
                                         "[null]",
                                         "{\"id\":100009}",
                                         "\xEF\xBB\xBF{}",
                                         "{\"ID\":100011}",
                                         " ",
                                         "NaN"};
    struct spoil spoil;

    spoil_open(&spoil, *state, sizeof(values) / sizeof(values[0]));
    for (size_t i = 0; i < spoil.count; i++)
        spoil_set(&spoil, i, values[i], strlen(values[i]));
    spoil_write(&spoil);
    spoil_check_none(&spoil);
    assert_true(fixture_counters(*state).corrupt + fixture_counters(*state).reshaped ==
                spoil.count);
    spoil_close(&spoil);
}

static void the_value_of_another_id_makes_a_miss(void **state)
{
    struct spoil spoil;

    spoil_open(&spoil, *state, 8);
    for (size_t i = 0; i < spoil.count; i++) {
        const struct spoil_value *other = &spoil.right[(i + 1) % spoil.count];

        spoil_set(&spoil, i, other->bytes, other->length);
    }
    spoil_write(&spoil);
    spoil_check_none(&spoil);
    assert_int_equal(fixture_counters(*state).foreign, spoil.count);
    spoil_close(&spoil);
}

static void the_value_of_another_entity_makes_a_miss(void **state)
{
    static const char campaign[] = "{\"id\":100001,\"title\":\"Campaign\"}";
    struct spoil spoil;

    spoil_open(&spoil, *state, 1);
    spoil_set(&spoil, 0, campaign, strlen(campaign));
    spoil_write(&spoil);
    spoil_check_none(&spoil);
    assert_int_equal(fixture_counters(*state).reshaped, 1);
    spoil_close(&spoil);
}

static void a_key_of_another_redis_type_makes_a_miss(void **state)
{
    static const char *const commands[] = {"HSET %s a b",   "RPUSH %s a",    "SADD %s a",
                                           "ZADD %s 1 a",   "XADD %s * a b", "PFADD %s a b c",
                                           "SETBIT %s 90 1"};
    struct fixture *f = *state;
    struct spoil spoil;
    char key[32];

    spoil_open(&spoil, f, sizeof(commands) / sizeof(commands[0]));
    for (size_t i = 0; i < spoil.count; i++) {
        freeReplyObject(test_redis_command(&f->redis, "DEL %s", spoil_key(&spoil, i, key)));
        freeReplyObject(test_redis_command(&f->redis, commands[i], key));
    }
    spoil_check_none(&spoil);
    spoil_close(&spoil);
}

/* One above what is cached, the limit of the reader, and far beyond; alone and among good ones. */
static void a_huge_value_makes_a_miss_and_heals_beside_good_ones(void **state)
{
    static const size_t sizes[] = {1024 * 1024 + 1, 1024 * 1024 + 200 * 1024, HUGE_VALUE,
                                   HUGE_VALUE};
    char *huge = malloc(HUGE_VALUE);
    struct spoil spoil;

    assert_non_null(huge);
    memset(huge, ' ', HUGE_VALUE);
    for (size_t count = 1; count <= 4; count++) {
        spoil_open(&spoil, *state, 40);
        for (size_t i = 0; i < count; i++)
            spoil_set(&spoil, 10 * i, huge, sizes[count == 1 ? 3 : i]);
        spoil_write(&spoil);
        assert_int_equal(spoil_check(&spoil), spoil.count - count);
        spoil_close(&spoil);
        fixture_free_engine(*state);
        freeReplyObject(test_redis_command(&((struct fixture *)*state)->redis, "FLUSHALL"));
        fixture_make_engine(*state);
    }
    free(huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(what_follows_a_value_makes_it_a_miss),
        IN_BOTH_DRIVES(a_declared_member_that_stands_there_twice_makes_a_miss),
        IN_BOTH_DRIVES(deep_nesting_makes_a_miss_and_less_deep_is_ignored),
        IN_BOTH_DRIVES(what_is_no_object_of_this_shape_makes_a_miss),
        IN_BOTH_DRIVES(the_value_of_another_id_makes_a_miss),
        IN_BOTH_DRIVES(the_value_of_another_entity_makes_a_miss),
        IN_BOTH_DRIVES(a_key_of_another_redis_type_makes_a_miss),
        IN_BOTH_DRIVES(a_huge_value_makes_a_miss_and_heals_beside_good_ones),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
