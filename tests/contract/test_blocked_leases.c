/* Something else writes to the lease keys: answers are right all the same, and what can be neither
 * a lease of ours nor an intent is removed, so that the entities are cached again. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

/* What the engine logged as a warning; one thread drives. */
struct heard {
    int warnings;
    char text[512];
};

static void hear(int32_t level, const char *domain, const char *text, void *user)
{
    struct heard *heard = user;

    (void)domain;
    heard->warnings += level == ENTC_LOG_WARNING;
    snprintf(heard->text, sizeof(heard->text), "%s", text);
}

static void listen(struct fixture *f, struct heard *heard)
{
    memset(heard, 0, sizeof(*heard));
    fixture_free_engine(f);
    f->options.log = hear;
    f->options.log_user = heard;
    fixture_make_engine(f);
}

static void tell_redis(struct fixture *f, const char *command)
{
    freeReplyObject(test_redis_command(&f->redis, command));
}

static void get(struct fixture *f, int64_t id)
{
    entc_entity *entity = fixture_get(f, f->campaigns, id);

    fixture_assert_campaign(entity, id);
    entc_entity_unref(entity);
}

/* The removal is on its way when the first read returns, and stands before the second asks. */
static void assert_heals(struct fixture *f)
{
    entc_counters before = fixture_counters(f);

    get(f, 1);
    assert_int_equal(fixture_since(f, &before).fills, 0);
    assert_int_equal(fixture_since(f, &before).sql_queries, 1);
    get(f, 1);
    get(f, 1);
    assert_int_equal(fixture_since(f, &before).fills, 1);
    assert_int_equal(fixture_since(f, &before).fills_refused, 0);
    assert_int_equal(fixture_since(f, &before).hits, 1);
    assert_int_equal(fixture_since(f, &before).sql_queries, 2);
    assert_int_equal(fixture_since(f, &before).redis_failures, 0);
    fixture_assert_keys(f, "Campaign-1");
}

static void a_lease_key_of_a_foreign_type_answers_right_and_heals(void **state)
{
    static const char *const commands[] = {
        "HSET {Campaign-1}:l a b", "RPUSH {Campaign-1}:l a",    "SADD {Campaign-1}:l a",
        "ZADD {Campaign-1}:l 1 a", "XADD {Campaign-1}:l * a b",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        tell_redis(f, "FLUSHALL");
        tell_redis(f, commands[i]);
        assert_heals(f);
    }
}

static void a_lease_key_of_a_foreign_type_that_expires_one_day_heals_at_once(void **state)
{
    struct fixture *f = *state;

    tell_redis(f, "HSET {Campaign-1}:l a b");
    tell_redis(f, "EXPIRE {Campaign-1}:l 86400");
    assert_heals(f);
}

static void a_lease_key_that_never_expires_answers_right_and_heals(void **state)
{
    static const char *const commands[] = {
        "SET {Campaign-1}:l locked",
        "SET {Campaign-1}:l r:00000000000000000000000000000000",
        "SET {Campaign-1}:l w:00000000000000000000000000000000",
        "SETBIT {Campaign-1}:l 90 1",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        tell_redis(f, "FLUSHALL");
        tell_redis(f, commands[i]);
        assert_heals(f);
    }
}

static void get_four(struct fixture *f)
{
    static const int64_t ids[] = {1, 2, 3, 4};
    entc_entity *entities[4];

    assert_ok(
        f, entc_repository_get_many_int64(f->campaigns, ids, 4, NULL, entities, NULL, &f->error));
    for (size_t i = 0; i < 4; i++)
        fixture_assert_campaign(entities[i], ids[i]);
    entc_entities_unref(entities, 4);
}

static void one_blocked_key_of_a_batch_hinders_no_other(void **state)
{
    struct fixture *f = *state;
    struct heard heard;

    listen(f, &heard);
    tell_redis(f, "RPUSH {Campaign-3}:l a");
    get_four(f);
    assert_int_equal(fixture_counters(f).fills, 3);
    get_four(f);
    get_four(f);
    fixture_assert_keys(f, "Campaign-1 Campaign-2 Campaign-3 Campaign-4");
    assert_int_equal(fixture_counters(f).hits, 3 + 4);
    assert_int_equal(heard.warnings, 1);
    fixture_assert_says(heard.text, "entity 'Campaign': 1 lease keys were not ours");
}

/* Leases of other processes and intents of writers. */
static void a_lease_or_an_intent_of_others_stays(void **state)
{
    static const char *const leases[] = {"r:00000000000000000000000000000000",
                                         "w:00000000000000000000000000000000",
                                         "W:00000000000000000000000000000000"};
    struct fixture *f = *state;
    struct heard heard;

    listen(f, &heard);
    for (size_t i = 0; i < sizeof(leases) / sizeof(leases[0]); i++) {
        freeReplyObject(
            test_redis_command(&f->redis, "SET {Campaign-1}:l %s PX 600000", leases[i]));
        get(f, 1);
        get(f, 1);
        fixture_assert_value(f, "{Campaign-1}:l", leases[i]);
        fixture_assert_value(f, "Campaign-1", NULL);
    }
    assert_int_equal(fixture_counters(f).fills, 0);
    assert_int_equal(fixture_counters(f).sql_queries, 6);
    assert_int_equal(heard.warnings, 0);
}

/* Beside a corrupt value, whose removal meets the same lease key. */
static void a_corrupt_value_with_a_foreign_lease_key_heals(void **state)
{
    struct fixture *f = *state;

    tell_redis(f, "HSET {Campaign-1}:l a b");
    tell_redis(f, "SET Campaign-1 garbage");
    get(f, 1);
    get(f, 1);
    assert_int_equal(fixture_counters(f).corrupt, 1);
    assert_int_equal(fixture_counters(f).fills, 1);
    assert_int_equal(fixture_counters(f).hits, 1);
    fixture_assert_keys(f, "Campaign-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_lease_key_of_a_foreign_type_answers_right_and_heals),
        IN_BOTH_DRIVES(a_lease_key_of_a_foreign_type_that_expires_one_day_heals_at_once),
        IN_BOTH_DRIVES(a_lease_key_that_never_expires_answers_right_and_heals),
        IN_BOTH_DRIVES(one_blocked_key_of_a_batch_hinders_no_other),
        IN_BOTH_DRIVES(a_lease_or_an_intent_of_others_stays),
        IN_BOTH_DRIVES(a_corrupt_value_with_a_foreign_lease_key_heals),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
