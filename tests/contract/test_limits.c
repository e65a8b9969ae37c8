/* What a request may take: at the limit all is well, one above is ENTC_E_LIMIT for the operation
 * that asked, and nobody else notices. */
#include "reported.h"

static entc_request *limited(struct fixture *f, uint64_t sql_queries, uint64_t redis_commands,
                             uint64_t rows)
{
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;

    options.max_sql_queries = sql_queries;
    options.max_redis_commands = redis_commands;
    options.max_rows = rows;
    return request_new(f, &options);
}

static void statements_up_to_the_limit_run_and_the_next_is_refused(void **state)
{
    struct fixture *f = *state;
    entc_request *request = limited(f, 4, 0, 0);
    const entc_page_args first = ENTC_FIRST(2);
    entc_page *page = NULL;

    request_main_query(f, request);
    assert_int_equal(reported(request, "sqlQueries"), 4);
    assert_int_equal(reported_why(request, "limit_near", "max_sql_queries"), 4);
    assert_status(f, request_get(f, request, f->campaigns, 8), ENTC_E_LIMIT);
    fixture_assert_says(entc_error_message(f->error), "entity 'Campaign'");
    fixture_assert_says(entc_error_message(f->error), "max_sql_queries is 4");
    fixture_assert_says(entc_error_hint(f->error), "entc_request_options.max_sql_queries");
    assert_int_equal(entc_error_is_retryable(f->error), 0);
    assert_status(f, entc_request_list(request, f->campaigns, &first, &page, &f->error),
                  ENTC_E_LIMIT);
    assert_null(page);
    fixture_assert_says(entc_error_message(f->error), "list of entity 'Campaign'");
    assert_int_equal(reported(request, "sqlQueries"), 4);
    assert_int_equal(reported(request, "entities/Campaign/limited"), 2);
    assert_int_equal(reported_why(request, "limit_reached", "Campaign"), 2);
    /* What is cached needs none. */
    fixture_await_fills(f, 15);
    assert_ok(f, request_get(f, request, f->campaigns, 1));
    entc_request_free(request);
}

static void a_relations_statement_is_one_too(void **state)
{
    struct fixture *f = *state;
    entc_request *request = limited(f, 2, 0, 0);
    const entc_page_args first = ENTC_FIRST(2);
    const entc_value parents[2] = {fixture_id(1), fixture_id(2)};
    entc_status statuses[2] = {ENTC_OK, ENTC_OK};
    entc_page *pages[2];
    entc_page *top = NULL;

    assert_ok(f, entc_request_list(request, f->campaigns, &first, &top, &f->error));
    assert_status(f, entc_request_pages(request, f->has_events, top, &first, pages, 2, &f->error),
                  ENTC_E_LIMIT);
    fixture_assert_says(entc_error_message(f->error), "relation 'events'");
    assert_null(pages[0]);
    entc_page_unref(top);
    entc_request_free(request);
    /* Ids come, their entities do not: no half a page. */
    request = limited(f, 1, 0, 0);
    entc_call call = ENTC_CALL_INIT;
    call.request = request;
    assert_status(f,
                  entc_relation_get_many(f->has_events, parents, 2, &first, &call, pages, statuses,
                                         &f->error),
                  ENTC_E_LIMIT);
    assert_null(pages[0]);
    assert_null(pages[1]);
    assert_int_equal(statuses[1], ENTC_E_LIMIT);
    fixture_assert_says(entc_error_message(f->error), "entity 'Event'");
    entc_request_free(request);
}

static void commands_up_to_the_limit_are_sent_and_the_next_is_refused(void **state)
{
    struct fixture *f = *state;
    entc_request *request = limited(f, 0, 3, 0);

    assert_ok(f, request_get(f, request, f->campaigns, 1));
    fixture_await_fills(f, 1);
    assert_int_equal(reported(request, "redisCommands"), 3);
    assert_status(f, request_get(f, request, f->campaigns, 1), ENTC_E_LIMIT);
    fixture_assert_says(entc_error_message(f->error), "max_redis_commands is 3");
    assert_int_equal(reported(request, "redisCommands"), 3);
    entc_request_free(request);
    request = limited(f, 0, 2, 0);
    assert_ok(f, request_get(f, request, f->campaigns, 1));
    assert_ok(f, request_get(f, request, f->campaigns, 1));
    assert_status(f, request_get(f, request, f->campaigns, 1), ENTC_E_LIMIT);
    entc_request_free(request);
}

static void rows_up_to_the_limit_are_answered_and_one_more_is_no_answer(void **state)
{
    struct fixture *f = *state;
    entc_request *request = limited(f, 0, 0, 5);
    const entc_page_args first = ENTC_FIRST(2);
    entc_page *page = NULL;

    assert_ok(f, request_get_many(f, request, f->campaigns, 1, 5));
    assert_status(f, request_get(f, request, f->campaigns, 6), ENTC_E_LIMIT);
    fixture_assert_says(entc_error_message(f->error), "max_rows is 5");
    assert_status(f, entc_request_list(request, f->campaigns, &first, &page, &f->error),
                  ENTC_E_LIMIT);
    assert_null(page);
    entc_request_free(request);
    request = limited(f, 0, 0, 4);
    assert_status(f, request_get_many(f, request, f->events, 101, 104), ENTC_OK);
    entc_request_free(request);
}

static void others_in_the_same_batch_do_not_notice(void **state)
{
    struct fixture *f = *state;
    entc_request *poor = limited(f, 0, 0, 1);
    entc_request *rich = limited(f, 1, 9, 2);
    const entc_value ids[2] = {fixture_id(1), fixture_id(2)};
    entc_call calls[3] = {ENTC_CALL_INIT, ENTC_CALL_INIT, ENTC_CALL_INIT};
    entc_op *ops[3];

    calls[0].request = poor;
    calls[1].request = rich;
    for (int i = 0; i < 3; i++)
        assert_ok(
            f, entc_repository_get_many_async(f->campaigns, ids, 2, &calls[i], &ops[i], &f->error));
    for (int i = 0; i < 3; i++) {
        entc_entity *entities[2] = {NULL, NULL};

        assert_int_equal(fixture_finish(f, ops[i]), i == 0 ? ENTC_E_LIMIT : ENTC_OK);
        assert_int_equal(entc_op_take_entities(ops[i], entities, NULL, 2),
                         i == 0 ? ENTC_E_LIMIT : ENTC_OK);
        assert_true((entities[0] != NULL) == (i > 0));
        entc_entities_unref(entities, 2);
        entc_op_unref(ops[i]);
    }
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).limited, 1);
    entc_request_free(poor);
    entc_request_free(rich);
}

static void without_limits_there_are_none(void **state)
{
    struct fixture *f = *state;
    entc_request *request = limited(f, 0, 0, 0);

    for (int i = 0; i < 3; i++)
        request_main_query(f, request);
    assert_int_equal(reported(request, "limited"), 0);
    assert_int_equal(reported_why(request, "limit_near", "max_rows"), 0);
    entc_request_free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(statements_up_to_the_limit_run_and_the_next_is_refused),
        IN_BOTH_DRIVES(a_relations_statement_is_one_too),
        IN_BOTH_DRIVES(commands_up_to_the_limit_are_sent_and_the_next_is_refused),
        IN_BOTH_DRIVES(rows_up_to_the_limit_are_answered_and_one_more_is_no_answer),
        IN_BOTH_DRIVES(others_in_the_same_batch_do_not_notice),
        IN_BOTH_DRIVES(without_limits_there_are_none),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
