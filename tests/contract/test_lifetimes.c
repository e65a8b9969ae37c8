/* Who outlives whom: handles are freed in any order, results outlive them all, closing ends what is
 * under way, and nothing calls the host afterwards. */
#include "fixture.h"

#include <string.h>

static void count_call(entc_op *op, void *user)
{
    (void)op;
    ++*(int *)user;
}

static entc_op *submit(struct fixture *f, int64_t id, int *calls)
{
    entc_call call = ENTC_CALL_INIT;
    entc_value value = fixture_id(id);
    entc_op *op = NULL;

    call.done = calls ? count_call : NULL;
    call.user = calls;
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &value, &call, &op, &f->error));
    return op;
}

/* ---- results ---- */

static void an_entity_outlives_its_repository_and_its_engine(void **state)
{
    struct fixture *f = *state;
    entc_entity *cold = fixture_get(f, f->events, 302);
    entc_entity *warm = NULL;
    entc_buffer *buffer = NULL;

    fixture_await_fills(f, 1);
    warm = fixture_get(f, f->events, 302);
    fixture_free_engine(f);
    fixture_assert_event(cold, 302);
    fixture_assert_event(warm, 302);
    assert_string_equal(entc_entity_name(cold), "Event");
    assert_string_equal(entc_entity_field_name(warm, 2), "campaign_id");
    assert_ok(f, entc_buffer_new(&buffer));
    assert_ok(f, entc_entity_json(warm, buffer));
    assert_string_equal(entc_buffer_text(buffer),
                        "{\"id\":302,\"title\":\"Event 302\",\"campaign_id\":3}");
    entc_buffer_free(buffer);
    assert_ptr_equal(entc_entity_ref(warm), warm);
    entc_entity_unref(warm);
    entc_entity_unref(warm);
    entc_entity_unref(cold);
}

static void pages_operations_and_requests_outlive_the_engine(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(3);
    entc_op *op = submit(f, 1, NULL);
    entc_request *request = NULL;
    entc_page *page = NULL;
    entc_entity *entity = NULL;
    entc_counters cost = ENTC_COUNTERS_INIT;

    assert_ok(f, entc_op_wait(op, -1));
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_ok(f, entc_request_list(request, f->campaigns, &first, &page, &f->error));
    fixture_free_engine(f);
    fixture_assert_campaign(entc_page_entity(page, 2), 3);
    assert_ok(f, entc_op_take_entity(op, &entity));
    fixture_assert_campaign(entity, 1);
    assert_int_equal(entc_request_counters(request, &cost), ENTC_OK);
    assert_true(cost.sql_queries >= 1);
    assert_non_null(entc_request_report(request));
    entc_page_unref(page);
    entc_op_unref(op);
    entc_request_free(request);
    entc_entity_unref(entity);
}

/* ---- order of freeing ---- */

static void free_in(struct fixture *f, const char *order)
{
    for (const char *c = order; *c; c++) {
        switch (*c) {
        case 'e':
            entc_engine_free(f->engine);
            break;
        case 'p':
            entc_repository_free(f->campaigns);
            break;
        case 'c':
            entc_repository_free(f->events);
            break;
        default:
            entc_relation_free(f->has_events);
            break;
        }
    }
    f->engine = NULL;
    f->campaigns = NULL;
    f->events = NULL;
    f->has_events = NULL;
}

static void handles_are_freed_in_any_order(void **state)
{
    struct fixture *f = *state;
    static const char *const orders[] = {"epcr", "ercp", "pcre", "rpce", "pecr", "crep",
                                         "cpre", "perc", "rcep", "cerp", "prec", "repc"};

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (!f->engine)
            fixture_make_engine(f);
        entc_entity_unref(fixture_get(f, f->campaigns, 1));
        free_in(f, orders[i]);
    }
}

static void handles_are_freed_in_any_order_under_way(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(3);
    static const char *const orders[] = {"epcr", "pcre", "rpce", "cerp", "prec"};

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        entc_value parent = fixture_id(1);
        entc_op *ops[4];
        int calls = 0;
        entc_call call = ENTC_CALL_INIT;

        if (!f->engine)
            fixture_make_engine(f);
        call.done = count_call;
        call.user = &calls;
        ops[0] = submit(f, 1, &calls);
        ops[1] = submit(f, 2, NULL);
        assert_ok(f, entc_repository_list_async(f->events, &first, &call, &ops[2], &f->error));
        assert_ok(f, entc_relation_get_many_async(f->has_events, &parent, 1, &first, &call, &ops[3],
                                                  &f->error));
        entc_op_wait(ops[1], i % 2 ? 0 : -1);
        free_in(f, orders[i]);
        assert_int_equal(calls, 3);
        for (size_t j = 0; j < 4; j++) {
            assert_true(entc_op_status(ops[j]) == ENTC_OK ||
                        entc_op_status(ops[j]) == ENTC_E_CLOSED);
            entc_op_unref(ops[j]);
        }
    }
}

static void an_embedded_repository_is_finished_twice_and_begun_again(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository repository;
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;

    for (int i = 0; i < 3; i++) {
        memset(&repository, 0xFF, sizeof(repository));
        assert_ok(f, entc_repository_init(&repository, f->engine, &fixture_campaign_table,
                                          &fixture_campaign, NULL, &f->error));
        entc_entity_unref(fixture_get(f, &repository, 1));
        entc_repository_fini(&repository);
        assert_status(f, entc_repository_get_by_id(&repository, &id, NULL, &entity, &f->error),
                      ENTC_E_INVALID);
        assert_null(entity);
        entc_repository_fini(&repository);
    }
    assert_ok(f, entc_repository_init(&repository, f->engine, &fixture_campaign_table,
                                      &fixture_campaign, NULL, &f->error));
    fixture_free_engine(f);
    entc_repository_fini(&repository);
}

static void a_repository_that_failed_to_begin_needs_no_end(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository repository;
    entc_model_desc model = ENTC_MODEL(NULL);

    memset(&repository, 0xFF, sizeof(repository));
    assert_status(
        f, entc_repository_init(&repository, f->engine, &model, &fixture_campaign, NULL, &f->error),
        ENTC_E_INVALID);
    entc_repository_fini(&repository);
}

/* ---- freeing a repository while it is used ---- */

static void operations_of_a_freed_repository_complete_as_closed(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    int calls = 0;
    entc_op *sent = submit(f, 1, &calls);
    entc_op *unsent = NULL;
    entc_entity *event = NULL;

    fixture_await_locked(f, 1);
    unsent = submit(f, 2, &calls);
    entc_relation_free(f->has_events);
    f->has_events = NULL;
    entc_repository_free(f->campaigns);
    f->campaigns = NULL;
    assert_int_equal(fixture_finish(f, sent), ENTC_E_CLOSED);
    assert_int_equal(fixture_finish(f, unsent), ENTC_E_CLOSED);
    assert_string_not_equal(entc_error_message(entc_op_error(sent)), "");
    assert_ok(f, entc_op_wait(sent, -1));
    assert_ok(f, entc_op_wait(unsent, -1));
    assert_int_equal(calls, 2);
    fixture_unlock(lock);
    event = fixture_get(f, f->events, 101);
    fixture_assert_event(event, 101);
    entc_entity_unref(event);
    entc_op_unref(sent);
    entc_op_unref(unsent);
}

static void a_relation_whose_children_are_gone_is_closed(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    entc_value parent = fixture_id(1);
    entc_page *page = NULL;

    entc_repository_free(f->events);
    f->events = NULL;
    assert_status(
        f, entc_relation_get_many(f->has_events, &parent, 1, &first, NULL, &page, NULL, &f->error),
        ENTC_E_CLOSED);
    assert_null(page);
    assert_string_not_equal(entc_error_message(f->error), "");
}

/* ---- closing ---- */

static void closing_with_time_lets_operations_end(void **state)
{
    struct fixture *f = *state;
    int calls = 0;
    entc_op *ops[8];

    for (int64_t i = 0; i < 8; i++)
        ops[i] = submit(f, i + 1, &calls);
    assert_ok(f, entc_engine_close(f->engine, 20000000));
    assert_int_equal(calls, 8);
    for (int64_t i = 0; i < 8; i++) {
        entc_entity *entity = NULL;

        assert_ok(f, entc_op_take_entity(ops[i], &entity));
        fixture_assert_campaign(entity, i + 1);
        entc_entity_unref(entity);
        entc_op_unref(ops[i]);
    }
}

static void closing_without_time_completes_what_is_under_way_as_closed(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    int calls = 0;
    entc_op *sent = submit(f, 1, &calls);
    entc_op *unsent = NULL;
    entc_entity *entity = NULL;

    fixture_await_locked(f, 1);
    unsent = submit(f, 2, &calls);
    assert_int_equal(calls, 0);
    assert_ok(f, entc_engine_close(f->engine, 0));
    assert_int_equal(calls, 2);
    assert_int_equal(entc_op_status(sent), ENTC_E_CLOSED);
    assert_int_equal(entc_op_status(unsent), ENTC_E_CLOSED);
    assert_int_equal(entc_op_take_entity(sent, &entity), ENTC_E_CLOSED);
    assert_ok(f, entc_op_wait(sent, -1));
    assert_ok(f, entc_op_cancel(sent));
    assert_int_equal(calls, 2);
    entc_op_unref(sent);
    entc_op_unref(unsent);
    fixture_unlock(lock);
}

static void a_closed_engine_refuses_everything_new(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_page *page = NULL;
    entc_op *op = NULL;
    entc_request *request = NULL;
    BaseCacheRepository *repository = NULL;
    entc_relation *relation = NULL;
    entc_counters counters = ENTC_COUNTERS_INIT;

    assert_ok(f, entc_engine_close(f->engine, 0));
    assert_status(f, entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &f->error),
                  ENTC_E_CLOSED);
    fixture_assert_says(entc_error_message(f->error), "closed");
    assert_status(f, entc_repository_get_many(f->campaigns, &id, 1, NULL, &entity, NULL, &f->error),
                  ENTC_E_CLOSED);
    assert_status(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &op, &f->error),
                  ENTC_E_CLOSED);
    assert_status(f, entc_repository_list(f->campaigns, &first, NULL, &page, &f->error),
                  ENTC_E_CLOSED);
    assert_status(
        f, entc_relation_get_many(f->has_events, &id, 1, &first, NULL, &page, NULL, &f->error),
        ENTC_E_CLOSED);
    assert_status(f, entc_request_new(f->engine, NULL, &request, &f->error), ENTC_E_CLOSED);
    assert_status(f, entc_op_new(f->engine, 1, NULL, &op, &f->error), ENTC_E_CLOSED);
    assert_status(f,
                  entc_repository_new(f->engine, &fixture_event_table, &fixture_event, NULL,
                                      &repository, &f->error),
                  ENTC_E_CLOSED);
    assert_status(
        f, entc_relation_new(f->campaigns, f->events, &fixture_has_events, &relation, &f->error),
        ENTC_E_CLOSED);
    assert_int_equal(entc_engine_process(f->engine), ENTC_E_CLOSED);
    assert_int_equal(entc_engine_counters(f->engine, &counters), ENTC_OK);
    assert_ok(f, entc_engine_close(f->engine, 1000000));
    assert_true(!entity && !page && !op && !request && !repository && !relation);
}

static void closing_refuses_a_negative_time(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(entc_engine_close(f->engine, -1), ENTC_E_INVALID);
    entc_entity_unref(fixture_get(f, f->campaigns, 1));
}

static void an_answer_of_the_host_after_the_end_is_taken_and_dropped(void **state)
{
    struct fixture *f = *state;
    entc_op *op = NULL;
    entc_entity *entity = fixture_get(f, f->campaigns, 1);
    entc_entity *given[1] = {entc_entity_ref(entity)};
    int calls = 0;
    entc_call call = ENTC_CALL_INIT;

    call.done = count_call;
    call.user = &calls;
    assert_ok(f, entc_op_new(f->engine, 1, &call, &op, &f->error));
    fixture_free_engine(f);
    assert_int_equal(calls, 1);
    assert_int_equal(entc_op_status(op), ENTC_E_CLOSED);
    assert_ok(f, entc_op_resolve(op, given, NULL, 1));
    assert_int_equal(entc_op_status(op), ENTC_E_CLOSED);
    entc_op_unref(op);
    assert_int_equal(calls, 1);
    fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
}

static void two_engines_live_side_by_side(void **state)
{
    struct fixture *f = *state;
    struct fixture other = *f;
    entc_op *op = submit(f, 1, NULL);

    other.drive = other.options.drive = ENTC_DRIVE_HOST - f->drive;
    fixture_make_engine(&other);
    entc_entity_unref(fixture_get(&other, other.campaigns, 2));
    assert_int_equal(entc_op_status(op), ENTC_E_AGAIN);
    fixture_free_engine(&other);
    assert_ok(f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_status(op), ENTC_OK);
    entc_op_unref(op);
    assert_int_equal(fixture_counters(f).misses, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(an_entity_outlives_its_repository_and_its_engine),
        IN_BOTH_DRIVES(pages_operations_and_requests_outlive_the_engine),
        IN_BOTH_DRIVES(handles_are_freed_in_any_order),
        IN_BOTH_DRIVES(handles_are_freed_in_any_order_under_way),
        IN_BOTH_DRIVES(an_embedded_repository_is_finished_twice_and_begun_again),
        IN_BOTH_DRIVES(a_repository_that_failed_to_begin_needs_no_end),
        IN_BOTH_DRIVES(operations_of_a_freed_repository_complete_as_closed),
        IN_BOTH_DRIVES(a_relation_whose_children_are_gone_is_closed),
        IN_BOTH_DRIVES(closing_with_time_lets_operations_end),
        IN_BOTH_DRIVES(closing_without_time_completes_what_is_under_way_as_closed),
        IN_BOTH_DRIVES(a_closed_engine_refuses_everything_new),
        IN_BOTH_DRIVES(closing_refuses_a_negative_time),
        IN_BOTH_DRIVES(an_answer_of_the_host_after_the_end_is_taken_and_dropped),
        IN_BOTH_DRIVES(two_engines_live_side_by_side),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
