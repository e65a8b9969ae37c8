/* What is wrong in the cache is a miss that heals: corrupt, foreign, reshaped, too large, of
 * another type. What another one fences is not filled. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define ONE "{\"id\":1,\"title\":\"Campaign 1\"}"

static void remake_engine(struct fixture *f)
{
    fixture_free_engine(f);
    fixture_make_engine(f);
}

static void get(struct fixture *f, int64_t id)
{
    entc_entity *entity = fixture_get(f, f->campaigns, id);

    fixture_assert_campaign(entity, id);
    entc_entity_unref(entity);
}

/* Puts a value under Campaign-1 and reads it: the row comes, one counter tells, and the next read
 * is a hit. */
static void assert_heals(struct fixture *f, const char *value, size_t length, uint64_t corrupt,
                         uint64_t foreign, uint64_t reshaped)
{
    const entc_counters before = fixture_counters(f);
    entc_counters since;

    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-1 %b", value, length));
    get(f, 1);
    since = fixture_since(f, &before);
    if (since.corrupt != corrupt || since.foreign != foreign || since.reshaped != reshaped ||
        since.misses != 1 || since.hits != 0)
        fail_msg("'%s' counts as corrupt %d, foreign %d, reshaped %d, hits %d", value,
                 (int)since.corrupt, (int)since.foreign, (int)since.reshaped, (int)since.hits);
    fixture_await_fills(f, before.fills + 1);
    fixture_assert_value(f, "Campaign-1", ONE);
    get(f, 1);
    assert_int_equal(fixture_since(f, &before).hits, 1);
    assert_int_equal(fixture_since(f, &before).sql_queries, 1);
}

static void a_corrupt_value_is_a_miss_that_heals(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"",
                                         "{",
                                         "{\"id\":1,\"title\":\"Campaign 1\"",
                                         "{\"id\":1,\"title\":\"Campaign 1\"}x",
                                         "{\"id\":1,\"title\":\"Campaign 1\"}{}",
                                         "{\"id\":1,\"id\":1,\"title\":\"Campaign 1\"}",
                                         "{\"id\":1,\"title\":\"Campaign 1\",}",
                                         "{'id':1,'title':'Campaign 1'}",
                                         "{\"id\":01,\"title\":\"Campaign 1\"}",
                                         "{\"id\":1,\"title\":\"\xFF\"}",
                                         "{\"id\":1,\"title\":\"\\ud800\"}",
                                         "{\"id\":1,\"title\":\"a\\u0000b\"}",
                                         "{\"id\":NaN,\"title\":\"Campaign 1\"}",
                                         "nul",
                                         "hello"};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_heals(f, values[i], strlen(values[i]), 1, 0, 0);
    assert_heals(f, "\0", 1, 1, 0, 0);
    assert_heals(f, ONE "\0", sizeof(ONE), 1, 0, 0);
}

static void the_value_of_another_id_is_a_miss_that_heals(void **state)
{
    struct fixture *f = *state;
    static const char other[] = "{\"id\":2,\"title\":\"Campaign 2\"}";

    assert_heals(f, other, strlen(other), 0, 1, 0);
}

static void a_value_of_another_shape_is_a_miss_that_heals(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"{\"id\":1}",
                                         "{}",
                                         "{\"title\":\"Campaign 1\"}",
                                         "{\"id\":1,\"title\":7}",
                                         "{\"id\":1,\"title\":null}",
                                         "{\"id\":1,\"Title\":\"Campaign 1\"}",
                                         "{\"id\":1.5,\"title\":\"Campaign 1\"}",
                                         "{\"id\":99999999999999999999,\"title\":\"Campaign 1\"}",
                                         "[]",
                                         "7",
                                         "true",
                                         "\"Campaign 1\""};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_heals(f, values[i], strlen(values[i]), 0, 0, 1);
}

static void a_value_that_is_no_string_is_a_miss_that_heals(void **state)
{
    struct fixture *f = *state;

    freeReplyObject(test_redis_command(&f->redis, "HSET Campaign-1 a b"));
    get(f, 1);
    fixture_await_fills(f, 1);
    fixture_assert_value(f, "Campaign-1", ONE);
    assert_true(test_redis_integer(&f->redis, "PTTL Campaign-1") > 0);
}

static void a_lease_key_that_is_no_string_costs_the_fill_alone(void **state)
{
    struct fixture *f = *state;

    freeReplyObject(test_redis_command(&f->redis, "HSET {Campaign-1}:l a b"));
    get(f, 1);
    get(f, 2);
    assert_int_equal(fixture_counters(f).fills, 1);
    fixture_assert_value(f, "Campaign-1", NULL);
}

static void healing_one_leaves_the_others_of_the_batch_alone(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {1, 2, 3};
    entc_entity *entities[3];
    entc_counters before;

    fixture_warm(f, f->campaigns, 1, 3);
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-2 broken"));
    before = fixture_counters(f);
    assert_ok(
        f, entc_repository_get_many_int64(f->campaigns, ids, 3, NULL, entities, NULL, &f->error));
    for (size_t i = 0; i < 3; i++)
        fixture_assert_campaign(entities[i], ids[i]);
    entc_entities_unref(entities, 3);
    assert_int_equal(fixture_since(f, &before).hits, 2);
    assert_int_equal(fixture_since(f, &before).corrupt, 1);
    assert_int_equal(fixture_since(f, &before).sql_rows, 1);
    fixture_await_fills(f, before.fills + 1);
}

/* ---- sizes ---- */

static void a_row_too_large_is_answered_and_not_cached(void **state)
{
    struct fixture *f = *state;
    entc_entity *entity = NULL;

    f->options.max_value_bytes = 100;
    remake_engine(f);
    test_postgres_sql(&f->postgres, "UPDATE campaigns SET title = repeat('x', 100) WHERE id = 1");
    for (int i = 1; i <= 2; i++) {
        entity = fixture_get(f, f->campaigns, 1);
        assert_int_equal(((const Campaign *)entc_entity_record(entity))->title.len, 100);
        entc_entity_unref(entity);
        assert_int_equal(fixture_counters(f).uncacheable, i);
    }
    fixture_warm(f, f->campaigns, 2, 2);
    fixture_assert_keys(f, "Campaign-2");
}

static void a_cached_value_too_large_is_a_miss(void **state)
{
    struct fixture *f = *state;
    char value[300];

    f->options.max_value_bytes = 100;
    remake_engine(f);
    snprintf(value, sizeof(value), "{\"id\":1,\"title\":\"Campaign 1\"%200s}", "");
    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-1 %s", value));
    get(f, 1);
    assert_int_equal(fixture_counters(f).hits, 0);
    get(f, 2);
}

/* ---- fences ---- */

static void under_another_ones_lease_nothing_is_filled(void **state)
{
    struct fixture *f = *state;
    const char *const fences[] = {"r:0123456789abcdef0123456789abcdef",
                                  "w:0123456789abcdef0123456789abcdef",
                                  "W:0123456789abcdef0123456789abcdef"};

    for (size_t i = 0; i < 3; i++) {
        freeReplyObject(test_redis_command(&f->redis, "SET {Campaign-1}:l %s PX 60000", fences[i]));
        get(f, 1);
        fixture_assert_value(f, "Campaign-1", NULL);
        fixture_assert_value(f, "{Campaign-1}:l", fences[i]);
    }
    assert_int_equal(fixture_counters(f).fills, 0);
    assert_int_equal(fixture_counters(f).sql_queries, 3);
}

/* An intent stands while a row is written: the wrong value goes, the fence stays, and is marked as
 * one that others touched. */
static void a_corrupt_value_is_removed_also_where_nothing_may_be_filled(void **state)
{
    struct fixture *f = *state;

    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-1 broken"));
    freeReplyObject(test_redis_command(
        &f->redis, "SET {Campaign-1}:l w:0123456789abcdef0123456789abcdef PX 60000"));
    get(f, 1);
    get(f, 1);
    assert_int_equal(fixture_counters(f).corrupt, 1);
    assert_int_equal(fixture_counters(f).fills, 0);
    fixture_assert_value(f, "Campaign-1", NULL);
    fixture_assert_value(f, "{Campaign-1}:l", "W:0123456789abcdef0123456789abcdef");
    assert_true(test_redis_integer(&f->redis, "PTTL {Campaign-1}:l") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_corrupt_value_is_a_miss_that_heals),
        IN_BOTH_DRIVES(the_value_of_another_id_is_a_miss_that_heals),
        IN_BOTH_DRIVES(a_value_of_another_shape_is_a_miss_that_heals),
        IN_BOTH_DRIVES(a_value_that_is_no_string_is_a_miss_that_heals),
        IN_BOTH_DRIVES(a_lease_key_that_is_no_string_costs_the_fill_alone),
        IN_BOTH_DRIVES(healing_one_leaves_the_others_of_the_batch_alone),
        IN_BOTH_DRIVES(a_row_too_large_is_answered_and_not_cached),
        IN_BOTH_DRIVES(a_cached_value_too_large_is_a_miss),
        IN_BOTH_DRIVES(under_another_ones_lease_nothing_is_filled),
        IN_BOTH_DRIVES(a_corrupt_value_is_removed_also_where_nothing_may_be_filled),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
