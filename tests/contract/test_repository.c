/* get_by_id and get_many: answered by index, whatever was asked. */
#include "fixture.h"

#include <string.h>

/* ---- one ---- */

static void an_entity_is_got_by_its_id(void **state)
{
    struct fixture *f = *state;
    entc_entity *entity = fixture_get(f, f->events, 302);

    fixture_assert_event(entity, 302);
    entc_entity_unref(entity);
}

static void cached_and_uncached_answers_are_equal(void **state)
{
    struct fixture *f = *state;
    entc_entity *cold = fixture_get(f, f->events, 302);
    entc_entity *warm = NULL;

    fixture_await_fills(f, 1);
    warm = fixture_get(f, f->events, 302);
    assert_int_equal(fixture_counters(f).hits, 1);
    fixture_assert_event(cold, 302);
    fixture_assert_event(warm, 302);
    entc_entity_unref(cold);
    entc_entity_unref(warm);
}

static void a_number_and_its_text_are_the_same_id(void **state)
{
    struct fixture *f = *state;
    entc_value number = fixture_id(1);
    entc_value text = fixture_text("1");
    entc_value ids[2] = {number, text};
    entc_entity *entities[2] = {NULL, NULL};
    entc_entity *entity = NULL;

    assert_ok(f, entc_repository_get_by_id(f->campaigns, &text, NULL, &entity, &f->error));
    fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
    assert_ok(f, entc_repository_get_many(f->campaigns, ids, 2, NULL, entities, NULL, &f->error));
    fixture_assert_campaign(entities[0], 1);
    fixture_assert_campaign(entities[1], 1);
    entc_entities_unref(entities, 2);
    fixture_assert_keys(f, "Campaign-1");
}

static void an_id_that_cannot_be_one_is_invalid_and_not_sent(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "007", "7 ", " 7", "+7", "-0", "7.0", "seven", "", "9223372036854775808"};
    entc_value values[16];
    size_t count = 0;

    for (; count < sizeof(texts) / sizeof(texts[0]); count++)
        values[count] = fixture_text(texts[count]);
    entc_value_null(&values[count++]);
    entc_value_double(&values[count++], 7.0);
    entc_value_bool(&values[count++], 1);
    entc_value_timestamp(&values[count++], 7);
    for (size_t i = 0; i < count; i++) {
        entc_entity *entity = NULL;

        assert_status(f,
                      entc_repository_get_by_id(f->campaigns, &values[i], NULL, &entity, &f->error),
                      ENTC_E_INVALID);
        assert_null(entity);
        fixture_assert_says(entc_error_message(f->error), "Campaign");
        assert_string_not_equal(entc_error_hint(f->error), "");
    }
    assert_int_equal(fixture_counters(f).redis_commands, 0);
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void a_missing_id_is_not_found_and_makes_no_error(void **state)
{
    struct fixture *f = *state;
    entc_value id = fixture_id(999);
    entc_entity *entity = NULL;

    for (int round = 0; round < 2; round++) {
        assert_status(f, entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &f->error),
                      ENTC_E_NOT_FOUND);
        assert_null(entity);
        assert_null(f->error);
        if (round == 0)
            fixture_await_fills(f, 1);
    }
}

static void the_smallest_and_the_largest_id_are_ids(void **state)
{
    struct fixture *f = *state;
    int64_t ids[3] = {INT64_MAX, INT64_MIN, 0};
    entc_entity *entities[3] = {NULL, NULL, NULL};

    test_postgres_sql(&f->postgres, "INSERT INTO campaigns VALUES (9223372036854775807, 'last'),"
                                    " (-9223372036854775808, 'first'), (0, 'zero')");
    for (int round = 0; round < 2; round++) {
        assert_ok(f, entc_repository_get_many_int64(f->campaigns, ids, 3, NULL, entities, NULL,
                                                    &f->error));
        for (size_t i = 0; i < 3; i++)
            assert_true(((const Campaign *)entc_entity_record(entities[i]))->id == ids[i]);
        entc_entities_unref(entities, 3);
        if (round == 0)
            fixture_await_fills(f, 3);
    }
    assert_int_equal(fixture_counters(f).hits, 3);
    fixture_assert_keys(f, "Campaign--9223372036854775808 Campaign-0 Campaign-9223372036854775807");
}

/* ---- many ---- */

static void many_are_answered_in_the_order_asked(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {7, 1, 8, 3, 2};
    entc_entity *entities[5];
    entc_status statuses[5];

    fixture_warm(f, f->campaigns, 2, 3);
    assert_ok(f, entc_repository_get_many_int64(f->campaigns, ids, 5, NULL, entities, statuses,
                                                &f->error));
    for (size_t i = 0; i < 5; i++) {
        fixture_assert_campaign(entities[i], ids[i]);
        assert_int_equal(statuses[i], ENTC_OK);
    }
    entc_entities_unref(entities, 5);
}

static void duplicates_are_answered_each_and_asked_once(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {5, 5, 999, 5, 999, 4, 5};
    entc_entity *entities[7];
    entc_status statuses[7];

    for (int round = 0; round < 2; round++) {
        assert_ok(f, entc_repository_get_many_int64(f->campaigns, ids, 7, NULL, entities, statuses,
                                                    &f->error));
        for (size_t i = 0; i < 7; i++) {
            if (ids[i] == 999) {
                assert_null(entities[i]);
                assert_int_equal(statuses[i], ENTC_E_NOT_FOUND);
            } else {
                fixture_assert_campaign(entities[i], ids[i]);
                assert_int_equal(statuses[i], ENTC_OK);
            }
        }
        entc_entities_unref(entities, 7);
        if (round == 0)
            fixture_await_fills(f, 3);
    }
    assert_int_equal(fixture_counters(f).redis_keys, 6);
    assert_int_equal(fixture_counters(f).sql_rows, 2);
}

static void each_slot_has_its_own_status(void **state)
{
    struct fixture *f = *state;
    entc_value ids[5] = {fixture_id(1), fixture_text("007"), fixture_id(999), fixture_text("2"),
                         fixture_text("two")};
    static const entc_status wanted[5] = {ENTC_OK, ENTC_E_INVALID, ENTC_E_NOT_FOUND, ENTC_OK,
                                          ENTC_E_INVALID};
    entc_entity *entities[5];
    entc_status statuses[5];

    assert_ok(f,
              entc_repository_get_many(f->campaigns, ids, 5, NULL, entities, statuses, &f->error));
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(statuses[i], wanted[i]);
        assert_true((entities[i] != NULL) == (wanted[i] == ENTC_OK));
    }
    fixture_assert_campaign(entities[0], 1);
    fixture_assert_campaign(entities[3], 2);
    entc_entities_unref(entities, 5);
}

static void when_every_slot_failed_the_same_way_the_call_failed(void **state)
{
    struct fixture *f = *state;
    entc_value ids[2] = {fixture_text("x"), fixture_text("y")};
    entc_entity *entities[2];
    entc_status statuses[2];

    memset(entities, 0xFF, sizeof(entities));
    assert_status(
        f, entc_repository_get_many(f->campaigns, ids, 2, NULL, entities, statuses, &f->error),
        ENTC_E_INVALID);
    assert_null(entities[0]);
    assert_null(entities[1]);
    assert_int_equal(statuses[0], ENTC_E_INVALID);
    assert_int_equal(statuses[1], ENTC_E_INVALID);
    assert_string_not_equal(entc_error_message(f->error), "");
    entc_entities_unref(entities, 2);
}

static void a_batch_of_absent_ids_alone_is_answered(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {901, 902, 903};
    entc_entity *entities[3];
    entc_status statuses[3];

    for (int round = 0; round < 2; round++) {
        assert_ok(f, entc_repository_get_many_int64(f->campaigns, ids, 3, NULL, entities, statuses,
                                                    &f->error));
        for (size_t i = 0; i < 3; i++) {
            assert_null(entities[i]);
            assert_int_equal(statuses[i], ENTC_E_NOT_FOUND);
        }
        if (round == 0)
            fixture_await_fills(f, 3);
    }
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).absents, 3);
    assert_int_equal(fixture_counters(f).negatives, 3);
}

static void an_empty_batch_is_ok_and_costs_nothing(void **state)
{
    struct fixture *f = *state;
    entc_op *op = NULL;

    assert_ok(f, entc_repository_get_many(f->campaigns, NULL, 0, NULL, NULL, NULL, &f->error));
    assert_ok(f,
              entc_repository_get_many_int64(f->campaigns, NULL, 0, NULL, NULL, NULL, &f->error));
    assert_ok(f, entc_repository_get_many_async(f->campaigns, NULL, 0, NULL, &op, &f->error));
    assert_ok(f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_count(op), 0);
    assert_ok(f, entc_op_take_entities(op, NULL, NULL, 0));
    entc_op_unref(op);
    assert_int_equal(fixture_counters(f).redis_commands, 0);
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void a_big_batch_is_one_mget_and_one_statement(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 3000 };
    static int64_t ids[COUNT];
    static entc_entity *entities[COUNT];
    static entc_status statuses[COUNT];

    test_postgres_sql(&f->postgres, "INSERT INTO campaigns SELECT c, 'Campaign ' || c"
                                    " FROM generate_series(1001, 3000) AS c");
    for (size_t i = 0; i < COUNT; i++)
        ids[i] = COUNT - (int64_t)i;
    for (int round = 0; round < 2; round++) {
        assert_ok(f, entc_repository_get_many_int64(f->campaigns, ids, COUNT, NULL, entities,
                                                    statuses, &f->error));
        for (size_t i = 0; i < COUNT; i++) {
            if (ids[i] > 1000 || ids[i] <= FIXTURE_CAMPAIGNS)
                fixture_assert_campaign(entities[i], ids[i]);
            else
                assert_int_equal(statuses[i], ENTC_E_NOT_FOUND);
        }
        entc_entities_unref(entities, COUNT);
        if (round == 0)
            fixture_await_fills(f, COUNT);
    }
    assert_int_equal(fixture_counters(f).redis_mgets, 2);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
}

/* ---- misuse ---- */

static void on_failure_every_slot_is_null(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {1, 2};
    entc_entity *entities[2];
    entc_status statuses[2];
    entc_call call = ENTC_CALL_INIT;

    call.flags = 1;
    memset(entities, 0xFF, sizeof(entities));
    assert_status(
        f,
        entc_repository_get_many_int64(f->campaigns, ids, 2, &call, entities, statuses, &f->error),
        ENTC_E_INVALID);
    assert_null(entities[0]);
    assert_null(entities[1]);
    assert_int_equal(statuses[0], ENTC_E_INVALID);
    entc_entities_unref(entities, 2);
}

static void ignore(entc_op *op, void *user)
{
    (void)op;
    (void)user;
}

static void a_call_that_is_made_wrong_is_refused_by_name(void **state)
{
    struct fixture *f = *state;
    const entc_call good = ENTC_CALL_INIT;
    entc_call bad[5];
    static const char *const names[5] = {"struct_size", "timeout_us", "flags", "reserved", "done"};
    entc_value id = fixture_id(1);

    for (size_t i = 0; i < 5; i++)
        bad[i] = good;
    bad[0].struct_size = 5;
    bad[1].timeout_us = -1;
    bad[2].flags = 2;
    bad[3].reserved = 1;
    bad[4].done = ignore;
    for (size_t i = 0; i < 5; i++) {
        entc_entity *entity = NULL;

        assert_status(f, entc_repository_get_by_id(f->campaigns, &id, &bad[i], &entity, &f->error),
                      ENTC_E_INVALID);
        assert_null(entity);
        fixture_assert_says(entc_error_message(f->error), names[i]);
    }
}

static void arguments_that_are_missing_are_named(void **state)
{
    struct fixture *f = *state;
    entc_value id = fixture_id(1);
    int64_t number = 1;
    entc_entity *entity = NULL;
    entc_op *op = NULL;

    assert_status(f, entc_repository_get_by_id(f->campaigns, NULL, NULL, &entity, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "id");
    assert_status(f, entc_repository_get_by_id(f->campaigns, &id, NULL, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "ret_entity");
    assert_status(f,
                  entc_repository_get_many(f->campaigns, NULL, 1, NULL, &entity, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "ids");
    assert_null(entity);
    assert_status(f, entc_repository_get_many(f->campaigns, &id, 1, NULL, NULL, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "ret_entities");
    assert_status(
        f, entc_repository_get_many_int64(f->campaigns, &number, 1, NULL, NULL, NULL, &f->error),
        ENTC_E_INVALID);
    assert_status(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "ret_op");
    assert_status(f, entc_repository_get_many_async(f->campaigns, NULL, 2, NULL, &op, &f->error),
                  ENTC_E_INVALID);
    assert_null(op);
}

static void a_struct_that_was_never_initialised_is_refused(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository repository;
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;

    memset(&repository, 0, sizeof(repository));
    assert_status(f, entc_repository_get_by_id(&repository, &id, NULL, &entity, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "not initialised");
    fixture_assert_says(entc_error_hint(f->error), "entc_repository_init");
}

static void two_repositories_may_share_a_table(void **state)
{
    struct fixture *f = *state;
    static const entc_field fields[] = {ENTC_FIELD(Campaign, id, ENTC_INT64, ENTC_KEY)};
    const entc_entity_desc entity = ENTC_ENTITY("CampaignId", Campaign, fields);
    BaseCacheRepository *ids_only = NULL;
    entc_entity *small = NULL;

    assert_ok(f, entc_repository_new(f->engine, &fixture_campaign_table, &entity, NULL, &ids_only,
                                     &f->error));
    small = fixture_get(f, ids_only, 4);
    assert_null(((const Campaign *)entc_entity_record(small))->title.ptr);
    fixture_await_fills(f, 1);
    fixture_assert_value(f, "CampaignId-4", "{\"id\":4}");
    entc_entity_unref(small);
    entc_repository_free(ids_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(an_entity_is_got_by_its_id),
        IN_BOTH_DRIVES(cached_and_uncached_answers_are_equal),
        IN_BOTH_DRIVES(a_number_and_its_text_are_the_same_id),
        IN_BOTH_DRIVES(an_id_that_cannot_be_one_is_invalid_and_not_sent),
        IN_BOTH_DRIVES(a_missing_id_is_not_found_and_makes_no_error),
        IN_BOTH_DRIVES(the_smallest_and_the_largest_id_are_ids),
        IN_BOTH_DRIVES(many_are_answered_in_the_order_asked),
        IN_BOTH_DRIVES(duplicates_are_answered_each_and_asked_once),
        IN_BOTH_DRIVES(each_slot_has_its_own_status),
        IN_BOTH_DRIVES(when_every_slot_failed_the_same_way_the_call_failed),
        IN_BOTH_DRIVES(a_batch_of_absent_ids_alone_is_answered),
        IN_BOTH_DRIVES(an_empty_batch_is_ok_and_costs_nothing),
        IN_BOTH_DRIVES(a_big_batch_is_one_mget_and_one_statement),
        IN_BOTH_DRIVES(on_failure_every_slot_is_null),
        IN_BOTH_DRIVES(a_call_that_is_made_wrong_is_refused_by_name),
        IN_BOTH_DRIVES(arguments_that_are_missing_are_named),
        IN_BOTH_DRIVES(a_struct_that_was_never_initialised_is_refused),
        IN_BOTH_DRIVES(two_repositories_may_share_a_table),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
