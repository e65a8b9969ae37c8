/* Ends from outside: a cancel or a deadline completes its operation at once, whatever the servers
 * do, and neither its batch nor its connection notices. */
#include "fixture.h"

static entc_op *submit(struct fixture *f, BaseCacheRepository *repository, int64_t id,
                       int64_t timeout_us)
{
    entc_call call = ENTC_CALL_INIT;
    entc_value value = fixture_id(id);
    entc_op *op = NULL;

    call.timeout_us = timeout_us;
    assert_ok(f, entc_repository_get_by_id_async(repository, &value, &call, &op, &f->error));
    return op;
}

static void assert_cancelled(struct fixture *f, entc_op *op)
{
    entc_entity *entity = NULL;

    assert_int_equal(fixture_finish(f, op), ENTC_E_CANCELLED);
    assert_int_equal(entc_error_code(entc_op_error(op)), ENTC_E_CANCELLED);
    assert_int_equal(entc_op_take_entity(op, &entity), ENTC_E_CANCELLED);
    assert_null(entity);
    entc_op_unref(op);
}

static void assert_timed_out(entc_op *op)
{
    assert_int_equal(entc_op_status(op), ENTC_E_TIMEOUT);
    assert_int_equal(entc_error_is_timeout(entc_op_error(op)), 1);
    assert_int_equal(entc_error_is_retryable(entc_op_error(op)), 1);
    assert_string_not_equal(entc_error_message(entc_op_error(op)), "");
}

static void assert_answered(struct fixture *f, entc_op *op, int64_t id)
{
    entc_entity *entity = NULL;

    assert_ok(f, entc_op_wait(op, -1));
    assert_ok(f, entc_op_take_entity(op, &entity));
    fixture_assert_campaign(entity, id);
    entc_entity_unref(entity);
    entc_op_unref(op);
}

static void one_cancelled_before_it_was_sent_leaves_its_batch(void **state)
{
    struct fixture *f = *state;
    entc_op *one = submit(f, f->campaigns, 1, 0);
    entc_op *two = submit(f, f->campaigns, 2, 0);
    entc_op *same = submit(f, f->campaigns, 2, 0);

    assert_ok(f, entc_op_cancel(one));
    assert_ok(f, entc_op_cancel(one));
    assert_ok(f, entc_op_cancel(two));
    assert_answered(f, same, 2);
    assert_cancelled(f, one);
    assert_cancelled(f, two);
    assert_int_equal(fixture_counters(f).sql_rows, 1);
}

static void one_cancelled_while_redis_hangs_is_over_at_once(void **state)
{
    struct fixture *f = *state;
    entc_op *one = NULL;
    entc_op *two = NULL;

    fixture_warm(f, f->campaigns, 1, 2);
    test_redis_pause(&f->redis);
    one = submit(f, f->campaigns, 1, 0);
    two = submit(f, f->campaigns, 2, 0);
    assert_int_equal(entc_op_wait(one, 10000), ENTC_E_AGAIN);
    assert_ok(f, entc_op_cancel(one));
    assert_cancelled(f, one);
    assert_int_equal(entc_op_status(two), ENTC_E_AGAIN);
    test_redis_resume(&f->redis);
    assert_answered(f, two, 2);
    assert_int_equal(fixture_counters(f).hits, 1);
    assert_int_equal(fixture_counters(f).redis_failures, 0);
}

static void one_cancelled_while_postgres_waits_is_over_at_once(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_op *one = submit(f, f->campaigns, 1, 0);
    entc_op *two = submit(f, f->campaigns, 2, 0);

    fixture_await_locked(f, 1);
    assert_ok(f, entc_op_cancel(one));
    assert_cancelled(f, one);
    assert_int_equal(entc_op_status(two), ENTC_E_AGAIN);
    fixture_unlock(lock);
    assert_answered(f, two, 2);
}

static void a_batch_that_all_have_left_is_cancelled_on_the_server(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_op *one = submit(f, f->campaigns, 1, 0);

    fixture_await_locked(f, 1);
    assert_ok(f, entc_op_cancel(one));
    assert_cancelled(f, one);
    fixture_await_locked(f, 0);
    fixture_unlock(lock);
    /* The lease was given back: the next read fills. */
    entc_entity_unref(fixture_get(f, f->campaigns, 1));
    fixture_await_fills(f, 1);
    fixture_assert_value(f, "Campaign-1", "{\"id\":1,\"title\":\"Campaign 1\"}");
}

static void one_that_is_done_cannot_be_cancelled(void **state)
{
    struct fixture *f = *state;
    entc_op *op = submit(f, f->campaigns, 1, 0);

    assert_ok(f, entc_op_wait(op, -1));
    assert_ok(f, entc_op_cancel(op));
    assert_ok(f, entc_engine_process(f->engine));
    assert_int_equal(entc_op_status(op), ENTC_OK);
    assert_answered(f, op, 1);
}

static void lists_and_pages_are_cancelled_too(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    void *lock = fixture_lock(f, "events");
    entc_value parent = fixture_id(1);
    entc_page *page = NULL;
    entc_op *ops[2] = {NULL, NULL};

    assert_ok(f, entc_repository_list_async(f->events, &first, NULL, &ops[0], &f->error));
    assert_ok(f, entc_relation_get_many_async(f->has_events, &parent, 1, &first, NULL, &ops[1],
                                              &f->error));
    fixture_await_locked(f, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(f, entc_op_cancel(ops[i]));
        assert_int_equal(fixture_finish(f, ops[i]), ENTC_E_CANCELLED);
        assert_int_equal(entc_op_take_pages(ops[i], &page, 1), ENTC_E_CANCELLED);
        assert_null(page);
        entc_op_unref(ops[i]);
    }
    fixture_unlock(lock);
}

/* ---- deadlines ---- */

static void a_call_that_is_over_time_times_out(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    int64_t began = fixture_now_us();

    call.timeout_us = 100000;
    assert_status(f, entc_repository_get_by_id(f->campaigns, &id, &call, &entity, &f->error),
                  ENTC_E_TIMEOUT);
    assert_true(fixture_now_us() - began >= 100000);
    assert_true(fixture_now_us() - began < 5000000);
    assert_null(entity);
    assert_int_equal(entc_error_is_timeout(f->error), 1);
    fixture_unlock(lock);
    entc_entity_unref(fixture_get(f, f->campaigns, 1));
}

static void the_engines_deadline_is_the_default(void **state)
{
    struct fixture *f = *state;
    void *lock = NULL;
    entc_op *op = NULL;

    f->options.timeout_us = 100000;
    fixture_free_engine(f);
    fixture_make_engine(f);
    lock = fixture_lock(f, "campaigns");
    op = submit(f, f->campaigns, 1, 0);
    assert_ok(f, entc_op_wait(op, -1));
    assert_timed_out(op);
    entc_op_unref(op);
    fixture_unlock(lock);
}

static void a_neighbour_with_more_time_is_answered(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_op *hasty = submit(f, f->campaigns, 1, 100000);
    entc_op *patient = submit(f, f->campaigns, 1, 20000000);

    assert_ok(f, entc_op_wait(hasty, -1));
    assert_timed_out(hasty);
    entc_op_unref(hasty);
    assert_int_equal(entc_op_status(patient), ENTC_E_AGAIN);
    fixture_unlock(lock);
    assert_answered(f, patient, 1);
    assert_int_equal(fixture_counters(f).batches, 1);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
}

static void a_deadline_while_redis_hangs_is_kept(void **state)
{
    struct fixture *f = *state;
    entc_op *hasty = NULL;
    entc_op *patient = NULL;

    fixture_warm(f, f->campaigns, 1, 2);
    test_redis_pause(&f->redis);
    hasty = submit(f, f->campaigns, 1, 50000);
    patient = submit(f, f->campaigns, 2, 0);
    assert_ok(f, entc_op_wait(hasty, -1));
    assert_timed_out(hasty);
    entc_op_unref(hasty);
    test_redis_resume(&f->redis);
    assert_answered(f, patient, 2);
    assert_int_equal(fixture_counters(f).redis_failures, 0);
    /* The late reply was swallowed: the connection goes on. */
    assert_answered(f, submit(f, f->campaigns, 1, 0), 1);
    assert_int_equal(fixture_counters(f).hits, 2);
}

static void many_that_time_out_do_not_wear_the_engine_out(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");

    for (int64_t i = 0; i < 12; i++) {
        entc_op *op = submit(f, f->campaigns, i + 1, 10000);

        assert_ok(f, entc_op_wait(op, -1));
        assert_timed_out(op);
        entc_op_unref(op);
    }
    fixture_unlock(lock);
    assert_answered(f, submit(f, f->campaigns, 1, 0), 1);
}

static void readers_of_one_table_do_not_wait_for_those_of_another(void **state)
{
    struct fixture *f = *state;
    void *lock = fixture_lock(f, "campaigns");
    entc_op *stuck = submit(f, f->campaigns, 1, 0);
    entc_entity *event = NULL;

    fixture_await_locked(f, 1);
    event = fixture_get(f, f->events, 101);
    fixture_assert_event(event, 101);
    entc_entity_unref(event);
    assert_int_equal(entc_op_status(stuck), ENTC_E_AGAIN);
    fixture_unlock(lock);
    assert_answered(f, stuck, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(one_cancelled_before_it_was_sent_leaves_its_batch),
        IN_BOTH_DRIVES(one_cancelled_while_redis_hangs_is_over_at_once),
        IN_BOTH_DRIVES(one_cancelled_while_postgres_waits_is_over_at_once),
        IN_BOTH_DRIVES(a_batch_that_all_have_left_is_cancelled_on_the_server),
        IN_BOTH_DRIVES(one_that_is_done_cannot_be_cancelled),
        IN_BOTH_DRIVES(lists_and_pages_are_cancelled_too),
        IN_BOTH_DRIVES(a_call_that_is_over_time_times_out),
        IN_BOTH_DRIVES(the_engines_deadline_is_the_default),
        IN_BOTH_DRIVES(a_neighbour_with_more_time_is_answered),
        IN_BOTH_DRIVES(a_deadline_while_redis_hangs_is_kept),
        IN_BOTH_DRIVES(many_that_time_out_do_not_wear_the_engine_out),
        IN_BOTH_DRIVES(readers_of_one_table_do_not_wait_for_those_of_another),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
