/* Who may see what: the request's authorize callback is asked for every entity that is handed out,
 * on every path; what it denies is that slot's ENTC_E_FORBIDDEN, and nobody else's. */
#include "reported.h"

#include <pthread.h>
#include <string.h>

/* Who looks, and what the callback saw. */
struct viewer {
    struct fixture *f;
    int asked;
    int64_t denies; /* 0: every even id */
    BaseCacheRepository *repository;
    entc_request *request;
    pthread_t thread;
    bool reads; /* reads another entity meanwhile */
};

static entc_status authorize(entc_request *request, BaseCacheRepository *repository,
                             const entc_entity *entity, void *user)
{
    struct viewer *viewer = user;
    const Campaign *record = entc_entity_record(entity);
    const entc_value other = fixture_id(8);
    entc_entity *read = NULL;

    viewer->asked++;
    viewer->request = request;
    viewer->repository = repository;
    viewer->thread = pthread_self();
    /* No lock is held: it may ask for more, even block. */
    if (viewer->reads) {
        assert_int_equal(entc_repository_get_by_id(viewer->f->campaigns, &other, NULL, &read, NULL),
                         ENTC_OK);
        entc_entity_unref(read);
    }
    if (viewer->denies)
        return record->id == viewer->denies ? ENTC_E_FORBIDDEN : ENTC_OK;
    return record->id % 2 ? ENTC_OK : ENTC_E_FORBIDDEN;
}

static entc_request *view(struct fixture *f, struct viewer *viewer)
{
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;

    options.authorize = authorize;
    options.user = viewer;
    viewer->f = f;
    return request_new(f, &options);
}

static void one_that_is_denied_is_forbidden_and_named(void **state)
{
    struct fixture *f = *state;
    struct viewer viewer = {0};
    entc_request *request = view(f, &viewer);

    assert_ok(f, request_get(f, request, f->campaigns, 1));
    assert_int_equal(viewer.asked, 1);
    assert_ptr_equal(viewer.request, request);
    assert_ptr_equal(viewer.repository, f->campaigns);
    assert_true(pthread_equal(viewer.thread, pthread_self()));
    assert_status(f, request_get(f, request, f->campaigns, 2), ENTC_E_FORBIDDEN);
    fixture_assert_says(entc_error_message(f->error), "denied entity 'Campaign'");
    assert_int_equal(entc_error_is_retryable(f->error), 0);
    assert_int_equal(viewer.asked, 2);
    assert_status(f, request_get(f, request, f->campaigns, 998), ENTC_E_NOT_FOUND);
    assert_int_equal(viewer.asked, 2);
    assert_int_equal(reported(request, "denied"), 1);
    assert_int_equal(reported(request, "entities/Campaign/denied"), 1);
    assert_int_equal(reported(request, "entities/Campaign/absents"), 1);
    assert_int_equal(reported(request, "errors"), 0);
    assert_int_equal(fixture_counters(f).denied, 1);
    entc_request_free(request);
}

static void nothing_is_remembered_of_a_denial(void **state)
{
    struct fixture *f = *state;
    struct viewer viewer = {.denies = 2};
    entc_request *request = view(f, &viewer);
    entc_entity *entity = NULL;

    assert_status(f, request_get(f, request, f->campaigns, 2), ENTC_E_FORBIDDEN);
    fixture_await_fills(f, 1);
    fixture_assert_value(f, "Campaign-2", "{\"id\":2,\"title\":\"Campaign 2\"}");
    assert_status(f, request_get(f, request, f->campaigns, 2), ENTC_E_FORBIDDEN);
    assert_int_equal(viewer.asked, 2);
    viewer.denies = 1;
    assert_ok(f, request_get(f, request, f->campaigns, 2));
    assert_int_equal(viewer.asked, 3);
    entity = fixture_get(f, f->campaigns, 1);
    entc_entity_unref(entity);
    entc_request_free(request);
}

static void of_many_only_the_denied_slots_are_empty(void **state)
{
    struct fixture *f = *state;
    struct viewer viewer = {0};
    static const int64_t ids[] = {1, 2, 999, 2, 3};
    static const entc_status wanted[] = {ENTC_OK, ENTC_E_FORBIDDEN, ENTC_E_NOT_FOUND,
                                         ENTC_E_FORBIDDEN, ENTC_OK};
    entc_call call = ENTC_CALL_INIT;
    entc_entity *entities[5];
    entc_status statuses[5];

    call.request = view(f, &viewer);
    assert_ok(f, entc_repository_get_many_int64(f->campaigns, ids, 5, &call, entities, statuses,
                                                &f->error));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(statuses[i], wanted[i]);
        assert_true((entities[i] != NULL) == (wanted[i] == ENTC_OK));
    }
    assert_int_equal(viewer.asked, 4);
    entc_entities_unref(entities, 5);
    assert_ok(
        f, entc_repository_get_many_int64(f->campaigns, ids, 5, &call, entities, NULL, &f->error));
    assert_null(entities[1]);
    entc_entities_unref(entities, 5);
    entc_request_free(call.request);
}

static void an_operation_asks_when_it_is_taken(void **state)
{
    struct fixture *f = *state;
    struct viewer viewer = {0};
    const entc_value ids[2] = {fixture_id(1), fixture_id(2)};
    entc_call call = ENTC_CALL_INIT;
    entc_entity *entities[2];
    entc_status statuses[2];
    entc_entity *one = NULL;
    entc_op *op = NULL;

    call.request = view(f, &viewer);
    assert_ok(f, entc_repository_get_many_async(f->campaigns, ids, 2, &call, &op, &f->error));
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_int_equal(viewer.asked, 0);
    assert_int_equal(entc_op_take_entities(op, entities, statuses, 2), ENTC_OK);
    assert_int_equal(viewer.asked, 2);
    assert_int_equal(statuses[0], ENTC_OK);
    assert_int_equal(statuses[1], ENTC_E_FORBIDDEN);
    assert_null(entities[1]);
    entc_entities_unref(entities, 2);
    entc_op_unref(op);
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &ids[1], &call, &op, &f->error));
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_int_equal(entc_op_take_entity(op, &one), ENTC_E_FORBIDDEN);
    assert_null(one);
    entc_op_unref(op);
    entc_request_free(call.request);
}

static void a_list_has_empty_slots_and_keeps_its_ids(void **state)
{
    struct fixture *f = *state;
    struct viewer viewer = {0};
    entc_request *request = view(f, &viewer);
    const entc_page_args first = ENTC_FIRST(3);
    entc_page *page = NULL;

    assert_ok(f, entc_request_list(request, f->campaigns, &first, &page, &f->error));
    assert_int_equal(entc_page_count(page), 3);
    assert_int_equal(entc_page_has_next(page), 1);
    for (size_t i = 0; i < 3; i++) {
        entc_value id;

        assert_int_equal(entc_page_id(page, i, 0, &id), ENTC_OK);
        assert_int_equal(id.as.int64, i + 1);
        assert_int_equal(entc_page_status(page, i), i == 1 ? ENTC_E_FORBIDDEN : ENTC_OK);
        assert_true((entc_page_entity(page, i) != NULL) == (i != 1));
        assert_true((entc_page_record(page, i) != NULL) == (i != 1));
    }
    assert_int_equal(viewer.asked, 3);
    entc_request_free(request);
    fixture_assert_campaign(entc_page_entity(page, 2), 3);
    entc_page_unref(page);
}

static void pages_of_a_relation_are_each_their_own(void **state)
{
    struct fixture *f = *state;
    struct viewer viewer = {.denies = 101};
    entc_request *request = view(f, &viewer);
    const entc_page_args first = ENTC_FIRST(2);
    const entc_value parents[3] = {fixture_id(1), fixture_id(2), fixture_id(1)};
    entc_call call = ENTC_CALL_INIT;
    entc_page *pages[3];
    entc_op *op = NULL;

    call.request = request;
    assert_ok(f, entc_relation_get_many(f->has_events, parents, 3, &first, &call, pages, NULL,
                                        &f->error));
    assert_int_equal(viewer.asked, 6);
    assert_ptr_equal(viewer.repository, f->events);
    for (size_t i = 0; i < 3; i += 2) {
        assert_null(entc_page_entity(pages[i], 0));
        assert_int_equal(entc_page_status(pages[i], 0), ENTC_E_FORBIDDEN);
        fixture_assert_event(entc_page_entity(pages[i], 1), 102);
    }
    fixture_assert_event(entc_page_entity(pages[1], 0), 201);
    for (size_t i = 0; i < 3; i++)
        entc_page_unref(pages[i]);
    assert_ok(
        f, entc_relation_get_many_async(f->has_events, parents, 1, &first, &call, &op, &f->error));
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_int_equal(entc_op_take_pages(op, pages, 1), ENTC_OK);
    assert_null(entc_page_entity(pages[0], 0));
    entc_page_unref(pages[0]);
    entc_op_unref(op);
    assert_int_equal(reported(request, "entities/Event/denied"), 3);
    entc_request_free(request);
}

static void a_shared_batch_is_denied_to_one_request_and_given_to_the_other(void **state)
{
    struct fixture *f = *state;
    struct viewer strict = {.denies = 1};
    struct viewer lenient = {.denies = 7};
    entc_request *requests[3] = {view(f, &strict), view(f, &lenient), NULL};
    const entc_value id = fixture_id(1);
    entc_op *ops[3];

    for (int i = 0; i < 3; i++) {
        entc_call call = ENTC_CALL_INIT;

        call.request = requests[i];
        assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, &call, &ops[i], &f->error));
    }
    for (int i = 0; i < 3; i++) {
        entc_entity *entity = NULL;

        assert_int_equal(fixture_finish(f, ops[i]), ENTC_OK);
        assert_int_equal(entc_op_take_entity(ops[i], &entity), i == 0 ? ENTC_E_FORBIDDEN : ENTC_OK);
        assert_true((entity != NULL) == (i > 0));
        entc_entity_unref(entity);
        entc_op_unref(ops[i]);
        entc_request_free(requests[i]);
    }
    assert_int_equal(fixture_counters(f).batches, 1);
    assert_int_equal(strict.asked + lenient.asked, 2);
}

static void the_callback_may_read_more(void **state)
{
    struct fixture *f = *state;
    struct viewer viewer = {.denies = 99, .reads = true};
    entc_request *request = view(f, &viewer);

    assert_ok(f, request_get_many(f, request, f->campaigns, 1, 3));
    assert_int_equal(viewer.asked, 3);
    entc_request_free(request);
}

static void what_is_taken_after_the_request_was_freed_is_forbidden_unasked(void **state)
{
    struct fixture *f = *state;
    struct viewer viewer = {.denies = 99};
    const entc_value id = fixture_id(1);
    const entc_page_args first = ENTC_FIRST(2);
    entc_call call = ENTC_CALL_INIT;
    entc_entity *entity = NULL;
    entc_page *page = NULL;
    entc_op *one = NULL;
    entc_op *list = NULL;

    call.request = view(f, &viewer);
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, &call, &one, &f->error));
    assert_ok(f, entc_repository_list_async(f->campaigns, &first, &call, &list, &f->error));
    assert_int_equal(fixture_finish(f, one), ENTC_OK);
    assert_int_equal(fixture_finish(f, list), ENTC_OK);
    entc_request_free(call.request);
    assert_int_equal(entc_op_take_entity(one, &entity), ENTC_E_FORBIDDEN);
    assert_int_equal(entc_op_take_pages(list, &page, 1), ENTC_OK);
    assert_null(entc_page_entity(page, 0));
    assert_int_equal(entc_page_status(page, 0), ENTC_E_FORBIDDEN);
    assert_int_equal(viewer.asked, 0);
    entc_page_unref(page);
    entc_op_unref(one);
    entc_op_unref(list);
}

/* ---- overrides ---- */

typedef struct Answering {
    BaseCacheRepository base;
    entc_entity *stand_in; /* borrowed */
} Answering;

static entc_status answering_many(BaseCacheRepository *repository, const entc_value *ids,
                                  size_t count, const entc_call *call, entc_op **ret_op,
                                  entc_error **reterr)
{
    entc_entity *entities[4] = {NULL, NULL, NULL, NULL};
    entc_status status = entc_op_new(repository->engine, count, call, ret_op, reterr);

    (void)ids;
    for (size_t i = 0; i < count && i < 4 && !status; i++)
        entities[i] = entc_entity_ref(((Answering *)repository)->stand_in);
    return status ? status : entc_op_resolve(*ret_op, entities, NULL, count);
}

static void what_an_override_answers_is_asked_for_too(void **state)
{
    struct fixture *f = *state;
    const BaseCacheRepositoryOps ops = {sizeof(ops), NULL, answering_many};
    struct viewer viewer = {.denies = 801};
    const entc_value id = fixture_id(3);
    entc_call call = ENTC_CALL_INIT;
    Answering mine;
    entc_entity *entity = NULL;
    entc_op *op = NULL;

    memset(&mine, 0, sizeof(mine));
    assert_ok(f, entc_repository_init(&mine.base, f->engine, &fixture_event_table, &fixture_event,
                                      &ops, &f->error));
    mine.stand_in = fixture_get(f, f->events, 801);
    call.request = view(f, &viewer);
    assert_status(f, request_get(f, call.request, &mine.base, 3), ENTC_E_FORBIDDEN);
    assert_ptr_equal(viewer.repository, &mine.base);
    assert_ok(f, entc_repository_get_by_id_async(&mine.base, &id, &call, &op, &f->error));
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_int_equal(entc_op_take_entity(op, &entity), ENTC_E_FORBIDDEN);
    /* Nobody can tell any more through which repository it came. */
    assert_null(viewer.repository);
    entc_op_unref(op);
    entc_entity_unref(mine.stand_in);
    entc_repository_fini(&mine.base);
    entc_request_free(call.request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(one_that_is_denied_is_forbidden_and_named),
        IN_BOTH_DRIVES(nothing_is_remembered_of_a_denial),
        IN_BOTH_DRIVES(of_many_only_the_denied_slots_are_empty),
        IN_BOTH_DRIVES(an_operation_asks_when_it_is_taken),
        IN_BOTH_DRIVES(a_list_has_empty_slots_and_keeps_its_ids),
        IN_BOTH_DRIVES(pages_of_a_relation_are_each_their_own),
        IN_BOTH_DRIVES(a_shared_batch_is_denied_to_one_request_and_given_to_the_other),
        IN_BOTH_DRIVES(the_callback_may_read_more),
        IN_BOTH_DRIVES(what_is_taken_after_the_request_was_freed_is_forbidden_unasked),
        IN_BOTH_DRIVES(what_an_override_answers_is_asked_for_too),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
