/* Operations: submitted without waiting, driven by whoever processes or waits, called back exactly
 * once and only there; batched together; cancelled and expired without a neighbour noticing. */
#include "fixture.h"

#include <poll.h>
#include <string.h>

/* What a callback saw. */
struct seen {
    struct fixture *f;
    int calls;
    bool is_allowed; /* the thread is in process, close, or a wait for that operation */
    int strays;      /* calls when it was not */
    entc_status status;
    entc_entity *entity;
};

static void see(entc_op *op, void *user)
{
    struct seen *seen = user;

    seen->calls++;
    seen->strays += !seen->is_allowed;
    seen->status = entc_op_status(op);
    if (seen->status == ENTC_OK && seen->entity == NULL)
        seen->status = entc_op_take_entity(op, &seen->entity);
}

static entc_op *submit(struct fixture *f, int64_t id, struct seen *seen)
{
    entc_call call = ENTC_CALL_INIT;
    entc_value value = fixture_id(id);
    entc_op *op = NULL;

    call.done = seen ? see : NULL;
    call.user = seen;
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &value, &call, &op, &f->error));
    assert_non_null(op);
    return op;
}

static void finish(struct seen *seen, int64_t id)
{
    assert_int_equal(seen->calls, 1);
    assert_int_equal(seen->strays, 0);
    assert_int_equal(seen->status, ENTC_OK);
    fixture_assert_campaign(seen->entity, id);
    entc_entity_unref(seen->entity);
}

/* ---- poll, wait ---- */

static void an_operation_is_under_way_until_it_is_driven(void **state)
{
    struct fixture *f = *state;
    entc_op *op = submit(f, 1, NULL);
    entc_entity *entity = NULL;

    assert_int_equal(entc_op_status(op), ENTC_E_AGAIN);
    assert_null(entc_op_error(op));
    assert_int_equal(entc_op_count(op), 1);
    assert_int_equal(entc_op_take_entity(op, &entity), ENTC_E_AGAIN);
    assert_int_equal(fixture_counters(f).batches, 0);
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    assert_ok(f, entc_op_take_entity(op, &entity));
    fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
    entity = NULL;
    assert_int_equal(entc_op_take_entity(op, &entity), ENTC_E_INVALID);
    assert_null(entity);
    entc_op_unref(op);
}

static void a_result_that_nobody_takes_is_freed_with_its_operation(void **state)
{
    struct fixture *f = *state;
    entc_op *op = submit(f, 1, NULL);

    assert_ptr_equal(entc_op_ref(op), op);
    entc_op_unref(op);
    assert_ok(f, entc_op_wait(op, -1));
    entc_op_unref(op);
}

static void a_wait_that_ends_too_early_does_not_fail_the_operation(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_op *op = submit(f, 1, NULL);
    entc_entity *entity = NULL;
    int64_t began = fixture_now_us();

    assert_int_equal(entc_op_wait(op, 0), ENTC_E_AGAIN);
    assert_int_equal(entc_op_wait(op, 20000), ENTC_E_AGAIN);
    assert_true(fixture_now_us() - began >= 20000);
    assert_int_equal(entc_op_status(op), ENTC_E_AGAIN);
    fixture_unlock(lock);
    assert_ok(f, entc_op_wait(op, -1));
    assert_ok(f, entc_op_wait(op, 0));
    assert_ok(f, entc_op_take_entity(op, &entity));
    fixture_assert_campaign(entity, 1);
    entc_entity_unref(entity);
    entc_op_unref(op);
}

static void many_results_are_taken_together_and_once(void **state)
{
    struct fixture *f = *state;
    entc_value ids[3] = {fixture_id(1), fixture_id(999), fixture_id(2)};
    entc_entity *entities[3] = {NULL, NULL, NULL};
    entc_status statuses[3];
    entc_page *page = NULL;
    entc_op *op = NULL;

    assert_ok(f, entc_repository_get_many_async(f->campaigns, ids, 3, NULL, &op, &f->error));
    memset(ids, 0xFF, sizeof(ids));
    assert_int_equal(entc_op_count(op), 3);
    assert_ok(f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_take_entities(op, entities, statuses, 2), ENTC_E_INVALID);
    assert_int_equal(entc_op_take_pages(op, &page, 1), ENTC_E_INVALID);
    assert_ok(f, entc_op_take_entities(op, entities, statuses, 3));
    fixture_assert_campaign(entities[0], 1);
    assert_int_equal(statuses[1], ENTC_E_NOT_FOUND);
    fixture_assert_campaign(entities[2], 2);
    entc_entities_unref(entities, 3);
    assert_int_equal(entc_op_take_entities(op, entities, statuses, 3), ENTC_E_INVALID);
    assert_null(entities[0]);
    entc_op_unref(op);
}

/* ---- the descriptor ---- */

static void the_descriptor_tells_when_to_process(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.is_allowed = false};
    int turns = 0;

    assert_true(entc_engine_fd(f->engine) >= 0);
    entc_op_unref(submit(f, 1, &seen));
    while (seen.calls == 0) {
        struct pollfd wait = {.fd = entc_engine_fd(f->engine), .events = POLLIN};

        if (poll(&wait, 1, FIXTURE_PATIENCE_MS) != 1)
            fail_msg("the descriptor was not readable, though there was work");
        assert_int_equal(wait.revents, POLLIN);
        seen.is_allowed = true;
        assert_ok(f, entc_engine_process(f->engine));
        seen.is_allowed = false;
        /* It does not spin: each turn is for something that came. */
        assert_true(++turns < 200);
    }
    finish(&seen, 1);
}

static void the_descriptor_rests_when_all_is_done(void **state)
{
    struct fixture *f = *state;
    struct pollfd wait = {.fd = entc_engine_fd(f->engine), .events = POLLIN};
    int turns = 0;

    fixture_warm(f, f->campaigns, 1, 8);
    while (poll(&wait, 1, 50) == 1) {
        assert_ok(f, entc_engine_process(f->engine));
        assert_true(++turns < 100);
    }
}

/* ---- callbacks ---- */

static void a_callback_comes_once_from_processing_and_not_from_submitting(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.is_allowed = false};
    entc_op *op = submit(f, 1, &seen);

    assert_int_equal(seen.calls, 0);
    seen.is_allowed = true;
    fixture_finish(f, op);
    assert_ok(f, entc_engine_process(f->engine));
    seen.is_allowed = false;
    assert_ok(f, entc_op_wait(op, -1));
    entc_op_unref(op);
    finish(&seen, 1);
}

static void a_wait_for_an_operation_runs_its_callback(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.is_allowed = true};
    entc_op *op = submit(f, 1, &seen);

    assert_ok(f, entc_op_wait(op, -1));
    assert_int_equal(seen.calls, 1);
    assert_ok(f, entc_op_wait(op, -1));
    assert_ok(f, entc_engine_process(f->engine));
    entc_op_unref(op);
    finish(&seen, 1);
}

static void a_wait_for_one_operation_does_not_run_the_callback_of_another(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.is_allowed = false};
    entc_op *other = submit(f, 1, &seen);
    entc_op *op = submit(f, 2, NULL);

    assert_ok(f, entc_op_wait(op, -1));
    /* It was in the same batch, and is done; its callback waits for its turn. */
    assert_int_equal(entc_op_status(other), ENTC_OK);
    assert_int_equal(seen.calls, 0);
    entc_entity_unref(fixture_get(f, f->campaigns, 3));
    assert_int_equal(seen.calls, 0);
    seen.is_allowed = true;
    assert_ok(f, entc_engine_process(f->engine));
    finish(&seen, 1);
    entc_op_unref(op);
    entc_op_unref(other);
}

static void an_operation_that_nobody_holds_still_calls_back(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.is_allowed = true};
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);

    call.done = see;
    call.user = &seen;
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, &call, NULL, &f->error));
    for (int64_t end = fixture_now_us() + FIXTURE_PATIENCE_MS * INT64_C(1000);
         seen.calls == 0 && fixture_now_us() < end;)
        fixture_turn(f, 100);
    finish(&seen, 1);
}

static void an_absence_is_called_back_with_its_status(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.is_allowed = true};
    entc_op *op = submit(f, 999, &seen);

    assert_ok(f, entc_op_wait(op, -1));
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.status, ENTC_E_NOT_FOUND);
    assert_null(seen.entity);
    assert_null(entc_op_error(op));
    entc_op_unref(op);
}

static void try_everything_that_blocks(entc_op *op, void *user)
{
    struct seen *seen = user;
    struct fixture *f = seen->f;
    const entc_page_args first = ENTC_FIRST(1);
    entc_value id = fixture_id(2);
    entc_entity *entity = NULL;
    entc_page *page = NULL;
    entc_error *error = NULL;
    entc_op *other = NULL;

    seen->calls++;
    seen->status = entc_op_status(op);
    assert_int_equal(entc_repository_get_by_id(f->campaigns, &id, NULL, &entity, &error),
                     ENTC_E_REENTRANT);
    fixture_assert_says(entc_error_message(error), "callback");
    fixture_assert_says(entc_error_hint(error), "_async");
    assert_int_equal(entc_repository_get_many(f->campaigns, &id, 1, NULL, &entity, NULL, &error),
                     ENTC_E_REENTRANT);
    assert_int_equal(entc_repository_list(f->campaigns, &first, NULL, &page, &error),
                     ENTC_E_REENTRANT);
    assert_int_equal(
        entc_relation_get_many(f->has_events, &id, 1, &first, NULL, &page, NULL, &error),
        ENTC_E_REENTRANT);
    assert_int_equal(entc_engine_process(f->engine), ENTC_E_REENTRANT);
    assert_int_equal(entc_engine_close(f->engine, 0), ENTC_E_REENTRANT);
    assert_int_equal(entc_repository_get_by_id_async(f->campaigns, &id, NULL, &other, &error),
                     ENTC_OK);
    assert_int_equal(entc_op_wait(other, -1), ENTC_E_REENTRANT);
    assert_int_equal(entc_op_cancel(other), ENTC_OK);
    entc_op_unref(other);
    entc_error_free(error);
}

static void what_blocks_is_refused_in_a_callback_and_what_submits_is_not(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.f = f};
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);
    entc_op *op = NULL;

    call.done = try_everything_that_blocks;
    call.user = &seen;
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, &call, &op, &f->error));
    assert_ok(f, entc_op_wait(op, -1));
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.status, ENTC_OK);
    entc_op_unref(op);
    entc_entity_unref(fixture_get(f, f->campaigns, 2));
}

static void free_the_repository(entc_op *op, void *user)
{
    struct fixture *f = user;

    (void)op;
    entc_relation_free(f->has_events);
    entc_repository_free(f->campaigns);
    f->has_events = NULL;
    f->campaigns = NULL;
}

static void a_callback_may_free_the_repository_that_it_came_from(void **state)
{
    struct fixture *f = *state;
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);
    entc_op *op = NULL;

    call.done = free_the_repository;
    call.user = f;
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, &call, &op, &f->error));
    assert_ok(f, entc_op_wait(op, -1));
    assert_null(f->campaigns);
    entc_op_unref(op);
}

/* ---- batches ---- */

static void operations_submitted_together_share_one_mget_and_one_statement(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 40 };
    entc_op *ops[COUNT];

    for (int64_t i = 0; i < COUNT; i++)
        ops[i] = submit(f, i % 10 + 1, NULL);
    for (int64_t i = 0; i < COUNT; i++) {
        entc_entity *entity = NULL;
        int64_t id = i % 10 + 1;

        assert_ok(f, entc_op_wait(ops[i], -1));
        assert_int_equal(entc_op_take_entity(ops[i], &entity),
                         id <= FIXTURE_CAMPAIGNS ? ENTC_OK : ENTC_E_NOT_FOUND);
        if (id <= FIXTURE_CAMPAIGNS)
            fixture_assert_campaign(entity, id);
        entc_entity_unref(entity);
        entc_op_unref(ops[i]);
    }
    assert_int_equal(fixture_counters(f).redis_mgets, 1);
    assert_int_equal(fixture_counters(f).redis_keys, 10);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).batches, 1);
    assert_int_equal(fixture_counters(f).coalesced, COUNT - 10);
}

struct leases {
    const struct fixture *f;
    uint64_t count;
};

static bool are_asked(void *context)
{
    const struct leases *leases = context;

    return fixture_counters(leases->f).redis_leases >= leases->count;
}

/* Its rows were perhaps read before a write that the late one has to see; what it filled is fenced.
 */
static void who_comes_too_late_for_a_batch_reads_what_it_filled(void **state)
{
    struct fixture *f = *state;
    struct leases leases = {f, 2};
    void *lock = fixture_lock(f, "campaigns");
    entc_op *first = submit(f, 1, NULL);
    entc_op *late = NULL;

    fixture_await_locked(f, 1);
    late = submit(f, 1, NULL);
    fixture_drive_until(f, are_asked, &leases);
    fixture_unlock(lock);
    assert_ok(f, entc_op_wait(first, -1));
    assert_ok(f, entc_op_wait(late, -1));
    assert_int_equal(entc_op_status(late), ENTC_OK);
    assert_int_equal(fixture_counters(f).batches, 2);
    assert_int_equal(fixture_counters(f).coalesced, 0);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).fills, 1);
    assert_int_equal(fixture_counters(f).hits, 1);
    entc_op_unref(first);
    entc_op_unref(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(an_operation_is_under_way_until_it_is_driven),
        IN_BOTH_DRIVES(a_result_that_nobody_takes_is_freed_with_its_operation),
        IN_BOTH_DRIVES(a_wait_that_ends_too_early_does_not_fail_the_operation),
        IN_BOTH_DRIVES(many_results_are_taken_together_and_once),
        IN_BOTH_DRIVES(the_descriptor_tells_when_to_process),
        IN_BOTH_DRIVES(the_descriptor_rests_when_all_is_done),
        IN_BOTH_DRIVES(a_callback_comes_once_from_processing_and_not_from_submitting),
        IN_BOTH_DRIVES(a_wait_for_an_operation_runs_its_callback),
        IN_BOTH_DRIVES(a_wait_for_one_operation_does_not_run_the_callback_of_another),
        IN_BOTH_DRIVES(an_operation_that_nobody_holds_still_calls_back),
        IN_BOTH_DRIVES(an_absence_is_called_back_with_its_status),
        IN_BOTH_DRIVES(what_blocks_is_refused_in_a_callback_and_what_submits_is_not),
        IN_BOTH_DRIVES(a_callback_may_free_the_repository_that_it_came_from),
        IN_BOTH_DRIVES(operations_submitted_together_share_one_mget_and_one_statement),
        IN_BOTH_DRIVES(who_comes_too_late_for_a_batch_reads_what_it_filled),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
