/* Every span that begins ends, once, whatever ends it: a cancel, a deadline, a server that dies, a
 * close; and after the close the host hears nothing. */
#include "spans.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static struct spans spans;

static entc_op *submit(struct fixture *f, entc_request *request, int64_t id, int64_t timeout_us)
{
    entc_call call = ENTC_CALL_INIT;
    entc_value value = fixture_id(id);
    entc_op *op = NULL;

    call.request = request;
    call.timeout_us = timeout_us;
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &value, &call, &op, &f->error));
    return op;
}

/* A list and pages that wait for PostgreSQL. */
static void submit_lists(struct fixture *f, int64_t timeout_us, entc_op **ops)
{
    const entc_page_args first = ENTC_FIRST(2);
    entc_call call = ENTC_CALL_INIT;
    entc_value parent = fixture_id(1);

    call.timeout_us = timeout_us;
    assert_ok(f, entc_repository_list_async(f->events, &first, &call, &ops[0], &f->error));
    assert_ok(f, entc_relation_get_many_async(f->has_events, &parent, 1, &first, &call, &ops[1],
                                              &f->error));
}

static void assert_ends(uint32_t kind, entc_status status)
{
    assert_true(spans_count(&spans, kind, NULL) > 0);
    for (size_t i = 0; i < spans.count; i++)
        if (spans.all[i].begin.kind == kind)
            assert_int_equal(spans.all[i].end.status, status);
}

static void what_is_cancelled_ends(void **state)
{
    struct fixture *f = *state;
    void *campaigns = NULL;
    void *events = NULL;
    entc_op *ops[3];

    spans_listen(f, &spans);
    campaigns = fixture_lock(f, "campaigns");
    events = fixture_lock(f, "events");
    ops[0] = submit(f, NULL, 1, 0);
    submit_lists(f, 0, ops + 1);
    fixture_await_locked(f, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(f, entc_op_cancel(ops[i]));
        assert_int_equal(fixture_finish(f, ops[i]), ENTC_E_CANCELLED);
        entc_op_unref(ops[i]);
    }
    fixture_unlock(campaigns);
    fixture_unlock(events);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_ends(ENTC_SPAN_POSTGRES, ENTC_E_CANCELLED);
    assert_ends(ENTC_SPAN_BATCH, ENTC_E_CANCELLED);
    assert_ends(ENTC_SPAN_LIST, ENTC_E_CANCELLED);
    assert_ends(ENTC_SPAN_PAGES, ENTC_E_CANCELLED);
}

static void what_runs_out_of_time_ends(void **state)
{
    struct fixture *f = *state;
    void *lock = NULL;
    entc_op *ops[2];

    spans_listen(f, &spans);
    lock = fixture_lock(f, "events");
    submit_lists(f, 100000, ops);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fixture_finish(f, ops[i]), ENTC_E_TIMEOUT);
        entc_op_unref(ops[i]);
    }
    fixture_unlock(lock);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_ends(ENTC_SPAN_LIST, ENTC_E_TIMEOUT);
    assert_ends(ENTC_SPAN_PAGES, ENTC_E_TIMEOUT);
}

static void a_step_that_redis_does_not_answer_ends_in_time(void **state)
{
    struct fixture *f = *state;
    const int64_t patient_us = f->options.redis_timeout_us;

    entc_entity_unref(fixture_get(f, f->campaigns, 1));
    f->options.redis_timeout_us = 20000;
    spans_listen(f, &spans);
    test_redis_pause(&f->redis);
    entc_entity_unref(fixture_get(f, f->campaigns, 1));
    test_redis_resume(&f->redis);
    fixture_free_engine(f);
    f->options.redis_timeout_us = patient_us;
    spans_assert_whole(&spans);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_REDIS, 0)->end.status, ENTC_E_TIMEOUT);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_BATCH, 0)->end.status, ENTC_OK);
}

static void without_redis_only_postgres_is_told(void **state)
{
    struct fixture *f = *state;

    f->options.redis_uri = "none";
    spans_listen(f, &spans);
    entc_entity_unref(fixture_get(f, f->campaigns, 1));
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_int_equal(spans_count(&spans, ENTC_SPAN_REDIS, NULL), 0);
    assert_int_equal(spans_count(&spans, ENTC_SPAN_POSTGRES, NULL), 1);
}

static void a_statement_that_fails_ends_with_its_failure(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    const entc_relation_desc desc = ENTC_HAS_MANY("odd", "no_such_column", NULL);
    entc_relation *odd = NULL;
    entc_value parent = fixture_id(1);
    entc_page *page = NULL;

    spans_listen(f, &spans);
    assert_ok(f, entc_relation_new(f->campaigns, f->events, &desc, &odd, &f->error));
    assert_status(f, entc_relation_get_many(odd, &parent, 1, &first, NULL, &page, NULL, &f->error),
                  ENTC_E_SCHEMA);
    entc_relation_free(odd);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_ends(ENTC_SPAN_POSTGRES, ENTC_E_SCHEMA);
    assert_ends(ENTC_SPAN_PAGES, ENTC_E_SCHEMA);
    assert_int_equal(spans_count(&spans, ENTC_SPAN_DECODE, NULL), 0);
}

/* The answer never came, so the read is sent again: two statements, two spans, one batch. */
static void a_statement_that_is_sent_twice_is_told_twice(void **state)
{
    struct fixture *f = *state;
    void *lock = NULL;
    entc_op *op = NULL;

    spans_listen(f, &spans);
    entc_entity_unref(fixture_get(f, f->campaigns, 2));
    lock = fixture_lock(f, "campaigns");
    op = submit(f, NULL, 1, 0);
    fixture_await_locked(f, 1);
    assert_int_equal(test_postgres_integer(&f->postgres,
                                           "SELECT count(pg_terminate_backend(pid, 10000)) FROM"
                                           " pg_stat_activity WHERE datname = current_database()"
                                           " AND wait_event_type = 'Lock'"),
                     1);
    fixture_await_locked(f, 1);
    fixture_unlock(lock);
    assert_int_equal(fixture_finish(f, op), ENTC_OK);
    entc_op_unref(op);
    assert_int_equal(fixture_counters(f).sql_queries, 3);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_int_equal(spans_count(&spans, ENTC_SPAN_BATCH, NULL), 2);
    assert_int_equal(spans_count(&spans, ENTC_SPAN_POSTGRES, NULL), 3);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_POSTGRES, 1)->end.status, ENTC_E_UNAVAILABLE);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_POSTGRES, 2)->end.status, ENTC_OK);
}

static void a_close_ends_all_and_then_there_is_silence(void **state)
{
    struct fixture *f = *state;
    entc_request *request = NULL;
    void *lock = NULL;
    entc_op *op = NULL;
    size_t heard = 0;

    spans_listen(f, &spans);
    lock = fixture_lock(f, "campaigns");
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    op = submit(f, request, 1, 0);
    fixture_await_locked(f, 1);
    assert_ok(f, entc_engine_close(f->engine, 0));
    spans_assert_whole(&spans);
    assert_ends(ENTC_SPAN_REQUEST, ENTC_E_CLOSED);
    heard = atomic_load(&spans.heard);
    assert_int_equal(entc_op_status(op), ENTC_E_CLOSED);
    entc_request_free(request);
    entc_op_unref(op);
    fixture_unlock(lock);
    fixture_free_engine(f);
    assert_int_equal(atomic_load(&spans.heard), heard);
}

static void a_repository_that_is_freed_ends_what_it_was_asked(void **state)
{
    struct fixture *f = *state;
    void *lock = NULL;
    entc_op *op = NULL;

    spans_listen(f, &spans);
    lock = fixture_lock(f, "campaigns");
    op = submit(f, NULL, 1, 0);
    fixture_await_locked(f, 1);
    entc_repository_free(f->campaigns);
    f->campaigns = NULL;
    assert_int_equal(fixture_finish(f, op), ENTC_E_CLOSED);
    entc_op_unref(op);
    fixture_unlock(lock);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
}

static void a_request_lasts_as_long_as_its_operations(void **state)
{
    struct fixture *f = *state;
    const struct span_heard *told = NULL;
    entc_request *request = NULL;
    entc_op *op = NULL;

    spans_listen(f, &spans);
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    op = submit(f, request, 1, 0);
    entc_request_free(request);
    told = spans_at(&spans, ENTC_SPAN_REQUEST, 0);
    assert_int_equal(told->end.phase, 0);
    assert_int_equal(fixture_finish(f, op), ENTC_E_CANCELLED);
    assert_int_equal(told->end.phase, 0);
    entc_op_unref(op);
    assert_int_equal(told->end.phase, ENTC_EVENT_END);
    assert_int_equal(told->end.status, ENTC_OK);
}

/* No driver must come for it. */
static void a_request_whose_operations_are_done_ends_when_it_is_freed(void **state)
{
    struct fixture *f = *state;
    entc_request *request = NULL;
    entc_entity *entity = NULL;
    entc_value id;

    spans_listen(f, &spans);
    entc_value_int64(&id, 1);
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_ok(f, entc_request_get_by_id(request, f->campaigns, &id, &entity, &f->error));
    entc_entity_unref(entity);
    entc_request_free(request);
    assert_int_equal(spans_at(&spans, ENTC_SPAN_REQUEST, 0)->end.phase, ENTC_EVENT_END);
}

static void a_forked_child_tells_nothing(void **state)
{
    struct fixture *f = *state;
    entc_request *request = NULL;
    int status = -1;
    pid_t child = 0;

    spans_listen(f, &spans);
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    entc_entity_unref(fixture_get(f, f->campaigns, 1));
    child = fork();
    if (child == 0) {
        const size_t heard = atomic_load(&spans.heard);

        entc_request_free(request);
        fixture_free_engine(f);
        /* By exec, because a child cannot free what was under way in the parent. */
        if (atomic_load(&spans.heard) == heard)
            execlp("true", "true", (char *)NULL);
        _exit(1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    entc_request_free(request);
    fixture_free_engine(f);
    spans_assert_whole(&spans);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 20

static void *read_in_requests(void *context)
{
    struct fixture *f = context;
    size_t failures = 0;

    for (int i = 0; i < ROUNDS; i++) {
        entc_call call = ENTC_CALL_INIT;
        entc_entity *entity = NULL;
        entc_value id;

        entc_value_int64(&id, 1 + i % FIXTURE_CAMPAIGNS);
        failures += entc_request_new(f->engine, NULL, &call.request, NULL) != ENTC_OK;
        failures += entc_repository_get_by_id(f->campaigns, &id, &call, &entity, NULL) != ENTC_OK;
        entc_entity_unref(entity);
        entc_request_free(call.request);
    }
    return failures ? context : NULL;
}

static void threads_are_told_of_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[THREADS];

    spans_listen(f, &spans);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_in_requests, f), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;

        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    fixture_free_engine(f);
    spans_assert_whole(&spans);
    assert_int_equal(spans_count(&spans, ENTC_SPAN_REQUEST, NULL), THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(what_is_cancelled_ends),
        IN_BOTH_DRIVES(what_runs_out_of_time_ends),
        IN_BOTH_DRIVES(a_step_that_redis_does_not_answer_ends_in_time),
        IN_BOTH_DRIVES(without_redis_only_postgres_is_told),
        IN_BOTH_DRIVES(a_statement_that_fails_ends_with_its_failure),
        IN_BOTH_DRIVES(a_statement_that_is_sent_twice_is_told_twice),
        IN_BOTH_DRIVES(a_close_ends_all_and_then_there_is_silence),
        IN_BOTH_DRIVES(a_repository_that_is_freed_ends_what_it_was_asked),
        IN_BOTH_DRIVES(a_request_lasts_as_long_as_its_operations),
        IN_BOTH_DRIVES(a_request_whose_operations_are_done_ends_when_it_is_freed),
        IN_BOTH_DRIVES(a_forked_child_tells_nothing),
        cmocka_unit_test_prestate_setup_teardown(threads_are_told_of_one_at_a_time, fixture_open,
                                                 fixture_close, &fixture_waiters),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
