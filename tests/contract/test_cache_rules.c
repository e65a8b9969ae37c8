/* What stands in Redis, and what it costs: the key is Entity-ID, the value plain JSON or null,
 * every entry has a life; a hit is one MGET and nothing more. */
#include "fixture.h"

#include <stdio.h>

#define ONE "{\"id\":1,\"title\":\"Campaign 1\"}"
#define MANY 50

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

static void get_absent(struct fixture *f, int64_t id)
{
    entc_value value = fixture_id(id);
    entc_entity *entity = NULL;

    assert_status(f, entc_repository_get_by_id(f->campaigns, &value, NULL, &entity, &f->error),
                  ENTC_E_NOT_FOUND);
}

/* ---- keys and values ---- */

static void the_key_is_entity_and_id_and_the_value_plain_json(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 1);
    fixture_warm(f, f->events, 302, 302);
    fixture_assert_keys(f, "Campaign-1 Event-302");
    fixture_assert_value(f, "Campaign-1", ONE);
    fixture_assert_value(f, "Event-302", "{\"id\":302,\"title\":\"Event 302\",\"campaign_id\":3}");
}

static void prefix_and_cache_name_stand_in_the_key(void **state)
{
    struct fixture *f = *state;
    entc_model_desc model = fixture_campaign_table;
    BaseCacheRepository *campaigns = NULL;

    f->options.key_prefix = "t42:";
    remake_engine(f);
    model.cache_name = "Promotion";
    assert_ok(
        f, entc_repository_new(f->engine, &model, &fixture_campaign, NULL, &campaigns, &f->error));
    fixture_warm(f, f->campaigns, 1, 1);
    fixture_warm(f, campaigns, 2, 2);
    fixture_assert_keys(f, "t42:Campaign-1 t42:Promotion-2");
    entc_repository_free(campaigns);
}

static void what_other_tools_wrote_as_plain_json_is_a_hit(void **state)
{
    struct fixture *f = *state;

    freeReplyObject(test_redis_command(&f->redis, "SET Campaign-1 %s",
                                       " { \"extra\" : [1, {\"a\": null}], \"title\" :"
                                       " \"Campaign\\u0020\\u0031\" , \"id\" : 1 } "));
    get(f, 1);
    assert_int_equal(fixture_counters(f).hits, 1);
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void no_lease_remains_after_a_fill(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 8);
    get_absent(f, 999);
    fixture_await_fills(f, 9);
    assert_int_equal(fixture_counters(f).redis_leases, 9);
    fixture_assert_keys(f, "Campaign-1 Campaign-2 Campaign-3 Campaign-4 Campaign-5 Campaign-6 "
                           "Campaign-7 Campaign-8 Campaign-999");
}

/* ---- what it costs ---- */

static void a_hit_is_one_mget_and_nothing_more(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {1, 2, 3, 999, 2};
    entc_entity *entities[5];
    entc_counters before;
    int64_t commands = 0;
    int64_t mgets = 0;
    size_t statements = 0;

    fixture_warm(f, f->campaigns, 1, 3);
    get_absent(f, 999);
    fixture_await_fills(f, 4);
    before = fixture_counters(f);
    commands = fixture_redis_commands(f);
    mgets = test_redis_calls(&f->redis, "mget");
    statements = test_postgres_statements(&f->postgres, "");
    assert_ok(
        f, entc_repository_get_many_int64(f->campaigns, ids, 5, NULL, entities, NULL, &f->error));
    entc_entities_unref(entities, 5);
    get(f, 1);
    assert_int_equal(test_redis_calls(&f->redis, "mget"), mgets + 2);
    assert_int_equal(fixture_redis_commands(f), commands + 2);
    assert_int_equal(test_postgres_statements(&f->postgres, ""), statements);
    assert_int_equal(fixture_since(f, &before).redis_commands, 2);
    assert_int_equal(fixture_since(f, &before).redis_mgets, 2);
    assert_int_equal(fixture_since(f, &before).redis_keys, 5);
    assert_int_equal(fixture_since(f, &before).hits, 5);
    assert_int_equal(fixture_since(f, &before).negatives, 1);
    assert_int_equal(fixture_since(f, &before).misses, 0);
    assert_int_equal(fixture_since(f, &before).batches, 2);
}

/* On a server that has seen no script yet, too. */
static void a_fill_stands_before_the_next_read_asks(void **state)
{
    struct fixture *f = *state;

    get(f, 1);
    get(f, 1);
    get_absent(f, 999);
    get_absent(f, 999);
    assert_int_equal(fixture_counters(f).hits, 1);
    assert_int_equal(fixture_counters(f).negatives, 1);
    assert_int_equal(fixture_counters(f).redis_mgets, 4);
    assert_int_equal(fixture_counters(f).redis_leases, 2);
    assert_int_equal(fixture_counters(f).sql_queries, 2);
}

static void scripts_that_the_server_lost_are_said_again(void **state)
{
    struct fixture *f = *state;

    fixture_warm(f, f->campaigns, 1, 1);
    freeReplyObject(test_redis_command(&f->redis, "SCRIPT FLUSH"));
    fixture_warm(f, f->campaigns, 2, 4);
    fixture_assert_keys(f, "Campaign-1 Campaign-2 Campaign-3 Campaign-4");
    assert_int_equal(fixture_counters(f).redis_failures, 0);
    assert_int_equal(fixture_counters(f).fills_refused, 0);
}

static void all_misses_of_a_batch_are_one_statement(void **state)
{
    struct fixture *f = *state;
    size_t statements = test_postgres_statements(&f->postgres, "campaigns");

    fixture_warm(f, f->campaigns, 1, 8);
    assert_int_equal(test_postgres_statements(&f->postgres, "campaigns"), statements + 1);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).sql_rows, 8);
    assert_int_equal(fixture_counters(f).misses, 8);
    assert_int_equal(fixture_counters(f).fills, 8);
    assert_int_equal(fixture_counters(f).fills_refused, 0);
    assert_int_equal(fixture_counters(f).redis_mgets, 1);
}

static void an_absent_id_asked_again_and_again_costs_one_statement(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10; i++) {
        get_absent(f, 999);
        fixture_await_fills(f, 1);
    }
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).absents, 1);
    assert_int_equal(fixture_counters(f).negatives, 9);
    assert_int_equal(fixture_counters(f).errors, 0);
    fixture_assert_value(f, "Campaign-999", "null");
}

static void a_batch_of_hits_and_absent_ids_asks_for_the_absent_alone(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {1, 901, 2, 902};
    entc_entity *entities[4];
    entc_counters before;

    fixture_warm(f, f->campaigns, 1, 2);
    before = fixture_counters(f);
    assert_ok(
        f, entc_repository_get_many_int64(f->campaigns, ids, 4, NULL, entities, NULL, &f->error));
    fixture_assert_campaign(entities[0], 1);
    assert_null(entities[1]);
    fixture_assert_campaign(entities[2], 2);
    assert_null(entities[3]);
    entc_entities_unref(entities, 4);
    assert_int_equal(fixture_since(f, &before).sql_queries, 1);
    assert_int_equal(fixture_since(f, &before).sql_rows, 0);
    assert_int_equal(fixture_since(f, &before).hits, 2);
    assert_int_equal(fixture_since(f, &before).absents, 2);
    fixture_await_fills(f, 4);
}

/* ---- lives ---- */

/* Lives at most `ttl_ms`, and at least nine tenths of it, of which some have passed since. */
static int64_t assert_life(struct fixture *f, const char *key, int64_t ttl_ms, int64_t since_us)
{
    int64_t left = test_redis_integer(&f->redis, "PTTL %s", key);
    int64_t passed = (fixture_now_us() - since_us) / 1000 + 1;

    if (left > ttl_ms || left + passed < ttl_ms * 9 / 10)
        fail_msg("%s lives %lld ms, not 0.9 to 1 of %lld", key, (long long)left, (long long)ttl_ms);
    return left;
}

static void every_entry_of_a_batch_has_a_life(void **state)
{
    struct fixture *f = *state;
    int64_t since = fixture_now_us();
    int64_t shortest = INT64_MAX;
    int64_t longest = 0;

    test_postgres_sql(&f->postgres, "INSERT INTO campaigns SELECT c, 'Campaign ' || c"
                                    " FROM generate_series(9, 50) AS c");
    fixture_warm(f, f->campaigns, 1, MANY);
    for (int id = 1; id <= MANY; id++) {
        char key[32];
        int64_t left = 0;

        snprintf(key, sizeof(key), "Campaign-%d", id);
        left = assert_life(f, key, 300000, since);
        shortest = left < shortest ? left : shortest;
        longest = left > longest ? left : longest;
    }
    /* They do not all end at once: of fifty uniform draws out of 30 s, one second apart at least.
     */
    assert_true(longest - shortest > 1000);
}

static void an_absence_has_a_shorter_life(void **state)
{
    struct fixture *f = *state;
    int64_t since = fixture_now_us();

    get_absent(f, 999);
    fixture_await_fills(f, 1);
    assert_life(f, "Campaign-999", 20000, since);
}

static void lives_can_be_given_by_engine_and_by_model(void **state)
{
    struct fixture *f = *state;
    entc_model_desc model = fixture_campaign_table;
    BaseCacheRepository *campaigns = NULL;
    int64_t since = 0;

    f->options.ttl_us = 100000000;
    f->options.negative_ttl_us = 50000000;
    remake_engine(f);
    since = fixture_now_us();
    fixture_warm(f, f->campaigns, 1, 1);
    get_absent(f, 901);
    fixture_await_fills(f, 2);
    assert_life(f, "Campaign-1", 100000, since);
    assert_life(f, "Campaign-901", 50000, since);
    model.cache_name = "Other";
    model.ttl_us = 700000000;
    model.negative_ttl_us = 60000000;
    assert_ok(
        f, entc_repository_new(f->engine, &model, &fixture_campaign, NULL, &campaigns, &f->error));
    entc_repository_free(f->campaigns);
    f->campaigns = campaigns;
    since = fixture_now_us();
    get(f, 1);
    get_absent(f, 901);
    fixture_await_fills(f, 4);
    assert_life(f, "Other-1", 700000, since);
    assert_life(f, "Other-901", 60000, since);
}

static void absences_are_not_cached_when_told_so(void **state)
{
    struct fixture *f = *state;

    f->options.negative_ttl_us = -1;
    remake_engine(f);
    get_absent(f, 999);
    get_absent(f, 999);
    assert_int_equal(fixture_counters(f).sql_queries, 2);
    assert_int_equal(fixture_counters(f).absents, 2);
    fixture_warm(f, f->campaigns, 1, 1);
    fixture_assert_keys(f, "Campaign-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(the_key_is_entity_and_id_and_the_value_plain_json),
        IN_BOTH_DRIVES(prefix_and_cache_name_stand_in_the_key),
        IN_BOTH_DRIVES(what_other_tools_wrote_as_plain_json_is_a_hit),
        IN_BOTH_DRIVES(no_lease_remains_after_a_fill),
        IN_BOTH_DRIVES(a_hit_is_one_mget_and_nothing_more),
        IN_BOTH_DRIVES(a_fill_stands_before_the_next_read_asks),
        IN_BOTH_DRIVES(scripts_that_the_server_lost_are_said_again),
        IN_BOTH_DRIVES(all_misses_of_a_batch_are_one_statement),
        IN_BOTH_DRIVES(an_absent_id_asked_again_and_again_costs_one_statement),
        IN_BOTH_DRIVES(a_batch_of_hits_and_absent_ids_asks_for_the_absent_alone),
        IN_BOTH_DRIVES(every_entry_of_a_batch_has_a_life),
        IN_BOTH_DRIVES(an_absence_has_a_shorter_life),
        IN_BOTH_DRIVES(lives_can_be_given_by_engine_and_by_model),
        IN_BOTH_DRIVES(absences_are_not_cached_when_told_so),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
