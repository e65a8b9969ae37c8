/* The first children of many parents: one statement for all, one batch for the entities. And
 * requests: what the main query costs, counted and reported. */
#include "fixture.h"

#include <cjson/cJSON.h>
#include <string.h>

static void unref_pages(entc_page **pages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        entc_page_unref(pages[i]);
}

/* The page holds the first `count` events of a campaign. */
static void assert_children(const entc_page *page, int64_t campaign, size_t count, int32_t has_next)
{
    assert_non_null(page);
    assert_int_equal(entc_page_count(page), count);
    assert_int_equal(entc_page_has_next(page), has_next);
    for (size_t i = 0; i < count; i++)
        fixture_assert_event(entc_page_entity(page, i), campaign * 100 + 1 + (int64_t)i);
}

static void assert_first(const entc_page *page, int64_t campaign, int64_t first)
{
    int64_t has = fixture_event_counts[campaign];

    assert_children(page, campaign, (size_t)(has < first ? has : first), has > first);
}

static void each_parent_has_its_page_and_all_are_one_statement(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(3);
    entc_value parents[FIXTURE_CAMPAIGNS];
    entc_page *pages[FIXTURE_CAMPAIGNS];
    entc_status statuses[FIXTURE_CAMPAIGNS];

    for (int64_t i = 0; i < FIXTURE_CAMPAIGNS; i++)
        parents[i] = fixture_id(i + 1);
    assert_ok(f, entc_relation_get_many(f->has_events, parents, FIXTURE_CAMPAIGNS, &first, NULL,
                                        pages, statuses, &f->error));
    for (int64_t i = 0; i < FIXTURE_CAMPAIGNS; i++) {
        assert_int_equal(statuses[i], ENTC_OK);
        assert_first(pages[i], i + 1, 3);
    }
    unref_pages(pages, FIXTURE_CAMPAIGNS);
    assert_int_equal(fixture_counters(f).sql_queries, 2);
    assert_int_equal(fixture_counters(f).redis_mgets, 1);
}

static void every_number_of_children_is_right(void **state)
{
    struct fixture *f = *state;
    entc_value parents[2] = {fixture_id(4), fixture_id(1)};

    for (int32_t n = 1; n <= 6; n++) {
        const entc_page_args first = ENTC_FIRST(n);
        entc_page *pages[2];

        assert_ok(f, entc_relation_get_many(f->has_events, parents, 2, &first, NULL, pages, NULL,
                                            &f->error));
        assert_first(pages[0], 4, n);
        assert_first(pages[1], 1, n);
        unref_pages(pages, 2);
    }
}

static void parents_are_answered_by_index_with_duplicates_and_strangers(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    entc_value parents[6] = {fixture_id(4),        fixture_id(7),   fixture_text("4"),
                             fixture_text("four"), fixture_id(999), fixture_id(1)};
    entc_page *pages[6];
    entc_status statuses[6];

    assert_ok(f, entc_relation_get_many(f->has_events, parents, 6, &first, NULL, pages, statuses,
                                        &f->error));
    assert_children(pages[0], 4, 2, 1);
    assert_children(pages[1], 7, 0, 0);
    assert_children(pages[2], 4, 2, 1);
    assert_null(pages[3]);
    assert_int_equal(statuses[3], ENTC_E_INVALID);
    assert_children(pages[4], 9, 0, 0);
    assert_int_equal(statuses[4], ENTC_OK);
    assert_children(pages[5], 1, 2, 1);
    unref_pages(pages, 6);
}

static void no_parents_are_ok_and_cost_nothing(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);

    assert_ok(f,
              entc_relation_get_many(f->has_events, NULL, 0, &first, NULL, NULL, NULL, &f->error));
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void parents_without_children_cost_no_mget(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    entc_value parents[2] = {fixture_id(7), fixture_id(999)};
    entc_page *pages[2];

    assert_ok(
        f, entc_relation_get_many(f->has_events, parents, 2, &first, NULL, pages, NULL, &f->error));
    assert_children(pages[0], 7, 0, 0);
    assert_children(pages[1], 9, 0, 0);
    unref_pages(pages, 2);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).redis_mgets, 0);
}

static void the_relations_order_and_the_calls_order_are_kept(void **state)
{
    struct fixture *f = *state;
    entc_relation_desc desc = ENTC_HAS_MANY("latest", "campaign_id", "id");
    const entc_order by_rank[] = {{"rank", 0, 0}, {"id", 1, 0}};
    const entc_page_args first = ENTC_FIRST(2);
    const entc_page_args ranked = {.struct_size = sizeof(ranked),
                                   .first = 3,
                                   .order = by_rank,
                                   .order_count = 2,
                                   .order_size = sizeof(by_rank[0])};
    entc_relation *latest = NULL;
    entc_value parents[2] = {fixture_id(4), fixture_id(2)};
    entc_page *pages[2];

    desc.order_descending = 1;
    assert_ok(f, entc_relation_new(f->campaigns, f->events, &desc, &latest, &f->error));
    assert_ok(f, entc_relation_get_many(latest, parents, 2, &first, NULL, pages, NULL, &f->error));
    fixture_assert_event(entc_page_entity(pages[0], 0), 405);
    fixture_assert_event(entc_page_entity(pages[0], 1), 404);
    fixture_assert_event(entc_page_entity(pages[1], 0), 203);
    unref_pages(pages, 2);
    assert_ok(f, entc_relation_get_many(latest, parents, 2, &ranked, NULL, pages, NULL, &f->error));
    fixture_assert_event(entc_page_entity(pages[0], 0), 404);
    fixture_assert_event(entc_page_entity(pages[0], 1), 402);
    fixture_assert_event(entc_page_entity(pages[0], 2), 405);
    fixture_assert_event(entc_page_entity(pages[1], 0), 202);
    fixture_assert_event(entc_page_entity(pages[1], 1), 203);
    unref_pages(pages, 2);
    entc_relation_free(latest);
}

static void a_column_that_is_not_there_fails_the_call_and_is_named(void **state)
{
    struct fixture *f = *state;
    const entc_relation_desc desc = ENTC_HAS_MANY("odd", "no_such_column", NULL);
    const entc_page_args first = ENTC_FIRST(2);
    entc_relation *odd = NULL;
    entc_value parents[2] = {fixture_id(1), fixture_id(2)};
    entc_page *pages[2];

    memset(pages, 0xFF, sizeof(pages));
    assert_ok(f, entc_relation_new(f->campaigns, f->events, &desc, &odd, &f->error));
    assert_true(entc_relation_get_many(odd, parents, 2, &first, NULL, pages, NULL, &f->error) < 0);
    fixture_assert_says(entc_error_message(f->error), "no_such_column");
    assert_null(pages[0]);
    assert_null(pages[1]);
    entc_relation_free(odd);
}

static void a_first_of_none_is_refused(void **state)
{
    struct fixture *f = *state;
    const entc_page_args none = ENTC_FIRST(0);
    entc_value parent = fixture_id(1);
    entc_page *page = NULL;

    assert_status(
        f, entc_relation_get_many(f->has_events, &parent, 1, &none, NULL, &page, NULL, &f->error),
        ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "first");
    assert_null(page);
}

static void pages_are_an_operations_result(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    entc_value parents[2] = {fixture_id(4), fixture_id(2)};
    entc_page *pages[2] = {NULL, NULL};
    entc_op *op = NULL;

    assert_ok(
        f, entc_relation_get_many_async(f->has_events, parents, 2, &first, NULL, &op, &f->error));
    memset(parents, 0xFF, sizeof(parents));
    assert_int_equal(entc_op_count(op), 2);
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_int_equal(entc_op_take_pages(op, pages, 1), ENTC_E_INVALID);
    assert_ok(f, entc_op_take_pages(op, pages, 2));
    entc_op_unref(op);
    assert_children(pages[0], 4, 2, 1);
    assert_children(pages[1], 2, 2, 1);
    unref_pages(pages, 2);
}

/* ---- requests ---- */

/* { campaigns(first: 5) { id title events(first: 2) { id title } } } */
static void run_main_query(struct fixture *f, entc_request *request)
{
    const entc_page_args first5 = ENTC_FIRST(5);
    const entc_page_args first2 = ENTC_FIRST(2);
    entc_page *top = NULL;
    entc_page *pages[7];

    memset(pages, 0xFF, sizeof(pages));
    assert_ok(f, entc_request_list(request, f->campaigns, &first5, &top, &f->error));
    assert_int_equal(entc_page_count(top), 5);
    assert_ok(f, entc_request_pages(request, f->has_events, top, &first2, pages, 7, &f->error));
    for (int64_t i = 0; i < 5; i++) {
        fixture_assert_campaign(entc_page_entity(top, (size_t)i), i + 1);
        assert_first(pages[i], i + 1, 2);
    }
    assert_null(pages[5]);
    assert_null(pages[6]);
    unref_pages(pages, 7);
    entc_page_unref(top);
}

static void the_main_query_costs_four_statements_cold_and_two_warm(void **state)
{
    struct fixture *f = *state;

    for (int round = 0; round < 2; round++) {
        entc_request *request = NULL;
        entc_counters cost = ENTC_COUNTERS_INIT;

        assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
        run_main_query(f, request);
        assert_int_equal(entc_request_counters(request, &cost), ENTC_OK);
        assert_int_equal(cost.redis_mgets, 2);
        assert_int_equal(cost.redis_keys, 15);
        assert_int_equal(cost.redis_failures, 0);
        assert_int_equal(cost.sql_queries, round == 0 ? 4 : 2);
        assert_int_equal(cost.hits, round == 0 ? 0 : 15);
        assert_int_equal(cost.misses, round == 0 ? 15 : 0);
        assert_int_equal(cost.batches, 2);
        assert_int_equal(cost.errors, 0);
        if (round == 1)
            assert_int_equal(cost.redis_commands, 2);
        entc_request_free(request);
        fixture_await_fills(f, 15);
    }
    assert_int_equal(fixture_counters(f).sql_queries, 6);
}

static double number_of(const cJSON *object, const char *name)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);

    if (!cJSON_IsNumber(number))
        fail_msg("the report has no number %s", name);
    return number->valuedouble;
}

static void the_report_is_json_with_the_promised_names_and_right_numbers(void **state)
{
    struct fixture *f = *state;
    entc_request *request = NULL;
    entc_counters cost = ENTC_COUNTERS_INIT;
    const char *text = NULL;
    const char *end = NULL;
    cJSON *document = NULL;
    const cJSON *report = NULL;

    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    run_main_query(f, request);
    fixture_await_fills(f, 15);
    text = entc_request_report(request);
    assert_non_null(text);
    document = cJSON_ParseWithOpts(text, &end, 1);
    assert_non_null(document);
    assert_int_equal(cJSON_GetArraySize(document), 1);
    report = cJSON_GetObjectItemCaseSensitive(document, "dataFetching");
    assert_true(cJSON_IsObject(report));
    assert_int_equal(entc_request_counters(request, &cost), ENTC_OK);
    assert_int_equal(number_of(report, "sqlQueries"), 4);
    assert_int_equal(number_of(report, "sqlRows"), cost.sql_rows);
    assert_int_equal(number_of(report, "redisCommands"), cost.redis_commands);
    assert_int_equal(number_of(report, "redisMgets"), 2);
    assert_int_equal(number_of(report, "redisKeys"), 15);
    assert_int_equal(number_of(report, "hits"), 0);
    assert_int_equal(number_of(report, "misses"), 15);
    assert_int_equal(number_of(report, "negatives"), 0);
    assert_int_equal(number_of(report, "fills"), 15);
    assert_int_equal(number_of(report, "errors"), 0);
    assert_int_equal(number_of(report, "sqlMicroseconds"), cost.sql_us);
    assert_int_equal(number_of(report, "redisMicroseconds"), cost.redis_us);
    assert_true(cost.sql_us > 0);
    assert_true(number_of(report, "microseconds") > 0);
    cJSON_Delete(document);
    entc_request_free(request);
}

static void a_request_counts_its_own_calls_alone(void **state)
{
    struct fixture *f = *state;
    entc_request *one = NULL;
    entc_request *other = NULL;
    entc_counters cost = ENTC_COUNTERS_INIT;
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;

    assert_ok(f, entc_request_new(f->engine, NULL, &one, &f->error));
    assert_ok(f, entc_request_new(f->engine, NULL, &other, &f->error));
    call.request = one;
    assert_ok(f, entc_repository_get_by_id(f->campaigns, &id, &call, &entity, &f->error));
    entc_entity_unref(entity);
    entc_entity_unref(fixture_get(f, f->campaigns, 2));
    assert_int_equal(entc_request_counters(one, &cost), ENTC_OK);
    assert_int_equal(cost.misses, 1);
    assert_int_equal(cost.sql_queries, 1);
    assert_int_equal(entc_request_counters(other, &cost), ENTC_OK);
    assert_int_equal(cost.misses, 0);
    assert_int_equal(cost.sql_queries, 0);
    assert_int_equal(fixture_counters(f).misses, 2);
    entc_request_free(one);
    entc_request_free(other);
}

static void a_request_is_refused_when_made_wrong(void **state)
{
    struct fixture *f = *state;
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    entc_counters counters = {.struct_size = 8};
    const entc_page_args first = ENTC_FIRST(5);
    entc_request *request = NULL;
    entc_page *top = NULL;
    entc_page *pages[5];

    options.timeout_us = -1;
    assert_status(f, entc_request_new(f->engine, &options, &request, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "timeout_us");
    options.struct_size = 2;
    assert_status(f, entc_request_new(f->engine, &options, &request, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "struct_size");
    assert_null(request);
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_int_equal(entc_request_counters(request, &counters), ENTC_E_INVALID);
    assert_ok(f, entc_request_list(request, f->campaigns, &first, &top, &f->error));
    assert_status(f, entc_request_pages(request, f->has_events, top, &first, pages, 4, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "capacity");
    entc_page_unref(top);
    assert_ok(f, entc_request_list(request, f->events, &first, &top, &f->error));
    assert_status(f, entc_request_pages(request, f->has_events, top, &first, pages, 5, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "Campaign");
    entc_page_unref(top);
    entc_request_free(request);
}

static void a_request_that_is_over_time_times_out(void **state)
{
    struct fixture *f = *state;
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    const entc_page_args first = ENTC_FIRST(5);
    entc_request *request = NULL;
    entc_page *page = NULL;
    void *lock = fixture_lock(f, "campaigns");

    options.timeout_us = 100000;
    assert_ok(f, entc_request_new(f->engine, &options, &request, &f->error));
    assert_status(f, entc_request_list(request, f->campaigns, &first, &page, &f->error),
                  ENTC_E_TIMEOUT);
    assert_null(page);
    assert_status(f, entc_request_list(request, f->campaigns, &first, &page, &f->error),
                  ENTC_E_TIMEOUT);
    fixture_unlock(lock);
    entc_request_free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(each_parent_has_its_page_and_all_are_one_statement),
        IN_BOTH_DRIVES(every_number_of_children_is_right),
        IN_BOTH_DRIVES(parents_are_answered_by_index_with_duplicates_and_strangers),
        IN_BOTH_DRIVES(no_parents_are_ok_and_cost_nothing),
        IN_BOTH_DRIVES(parents_without_children_cost_no_mget),
        IN_BOTH_DRIVES(the_relations_order_and_the_calls_order_are_kept),
        IN_BOTH_DRIVES(a_column_that_is_not_there_fails_the_call_and_is_named),
        IN_BOTH_DRIVES(a_first_of_none_is_refused),
        IN_BOTH_DRIVES(pages_are_an_operations_result),
        IN_BOTH_DRIVES(the_main_query_costs_four_statements_cold_and_two_warm),
        IN_BOTH_DRIVES(the_report_is_json_with_the_promised_names_and_right_numbers),
        IN_BOTH_DRIVES(a_request_counts_its_own_calls_alone),
        IN_BOTH_DRIVES(a_request_is_refused_when_made_wrong),
        IN_BOTH_DRIVES(a_request_that_is_over_time_times_out),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
