/* How batches and loads end when the host errs: wrong answers, no answers, things freed early. */
#include "loading.h"

#include <string.h>

/* ---- answers that are wrong ---- */

static void a_wrong_number_of_results_fails_the_batch_with_a_clear_error(void **state)
{
    struct loading it;
    entc_op *first = NULL;
    entc_op *second = NULL;
    void *values[3];

    loading_open(&it, *state, NULL);
    it.answer = LOADING_LATER;
    first = loading_load(&it, 1);
    second = loading_load(&it, 2);
    assert_ok(it.f, entc_engine_process(it.f->engine));
    for (int64_t i = 0; i < 3; i++)
        values[i] = loading_value(&it, i);
    assert_status(it.f, entc_loader_batch_resolve(it.held[0], values, NULL, 3, &it.f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(it.f->error), "2 keys was answered with 3 values");
    assert_int_equal(it.destroyed, 3);
    loading_assert_status(&it, first, ENTC_E_INVALID, "2 keys was answered with 3 values");
    loading_assert_status(&it, second, ENTC_E_INVALID, "2 keys was answered with 3 values");
    it.answer = LOADING_NOW;
    loading_assert_loads(&it, 1);
    loading_close(&it);
}

static void a_second_answer_is_refused_with_a_clear_error(void **state)
{
    struct loading it;
    entc_op *op = NULL;
    void *value = NULL;

    loading_open(&it, *state, NULL);
    it.answer = LOADING_LATER;
    op = loading_load(&it, 1);
    assert_ok(it.f, entc_engine_process(it.f->engine));
    assert_ok(it.f, loading_resolve(&it, 0));
    value = loading_value(&it, 99);
    assert_status(it.f, entc_loader_batch_resolve(it.held[0], &value, NULL, 1, &it.f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(it.f->error), "answered twice");
    assert_int_equal(it.destroyed, 1);
    loading_assert_value(&it, op, 10);
    assert_status(it.f, entc_loader_batch_reject(it.held[0], ENTC_E_BUSY, NULL, &it.f->error),
                  ENTC_E_INVALID);
    loading_assert_value(&it, loading_load(&it, 1), 10);
    loading_close(&it);
}

static void statuses_that_end_nothing_are_refused(void **state)
{
    struct loading it;
    entc_op *op = NULL;
    const entc_status again = ENTC_E_AGAIN;
    void *value = NULL;

    loading_open(&it, *state, NULL);
    it.answer = LOADING_LATER;
    op = loading_load(&it, 1);
    assert_ok(it.f, entc_engine_process(it.f->engine));
    assert_status(it.f, entc_loader_batch_reject(it.held[0], ENTC_OK, NULL, &it.f->error),
                  ENTC_E_INVALID);
    assert_status(it.f, entc_loader_batch_reject(it.held[0], ENTC_E_AGAIN, NULL, &it.f->error),
                  ENTC_E_INVALID);
    assert_status(it.f, entc_loader_batch_reject(NULL, ENTC_E_BUSY, NULL, &it.f->error),
                  ENTC_E_INVALID);
    assert_status(it.f, entc_loader_batch_resolve(NULL, NULL, NULL, 0, &it.f->error),
                  ENTC_E_INVALID);
    value = loading_value(&it, 1);
    assert_ok(it.f, entc_loader_batch_resolve(it.held[0], &value, &again, 1, &it.f->error));
    loading_assert_status(&it, op, ENTC_E_INVALID, "answered a key");
    loading_close(&it);
}

static void a_batch_that_is_never_answered_ends_its_loads_at_their_deadline(void **state)
{
    struct loading it;
    entc_call call = ENTC_CALL_INIT;
    entc_value key = fixture_id(1);
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    it.answer = LOADING_LATER;
    call.timeout_us = 5000;
    assert_ok(it.f, entc_loader_load(it.loader, &key, &call, &op, &it.f->error));
    assert_ok(it.f, entc_op_wait(op, -1));
    fixture_assert_says(entc_error_hint(entc_op_error(op)), "answers each batch once");
    loading_assert_status(&it, op, ENTC_E_TIMEOUT, "deadline");
    assert_int_equal(it.batch_count, 1);
    /* Nothing is remembered of it, and its answer comes too late. */
    it.answer = LOADING_NOW;
    loading_assert_loads(&it, 1);
    assert_status(it.f, loading_resolve(&it, 0), ENTC_E_TIMEOUT);
    fixture_assert_says(entc_error_message(it.f->error), "when it was over");
    loading_assert_loads(&it, 1);
    loading_close(&it);
}

static void an_answer_after_the_end_of_everything_is_refused_and_given_back(void **state)
{
    struct loading it;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    it.answer = LOADING_LATER;
    op = loading_load(&it, 1);
    assert_ok(it.f, entc_engine_process(it.f->engine));
    assert_int_equal(it.batch_count, 1);
    entc_request_free(it.request);
    entc_loader_free(it.loader);
    it.request = NULL;
    it.loader = NULL;
    loading_assert_status(&it, op, ENTC_E_CANCELLED, "its request was freed");
    assert_status(it.f, loading_resolve(&it, 0), ENTC_E_CANCELLED);
    fixture_assert_says(entc_error_message(it.f->error), "when it was over");
    assert_int_equal(it.destroyed, 1);
    loading_close(&it);
}

static void an_answer_after_the_engine_was_closed_is_refused(void **state)
{
    struct loading it;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    it.answer = LOADING_LATER;
    op = loading_load(&it, 1);
    assert_ok(it.f, entc_engine_process(it.f->engine));
    assert_ok(it.f, entc_engine_close(it.f->engine, 0));
    assert_int_equal(entc_op_status(op), ENTC_E_CLOSED);
    assert_status(it.f, loading_resolve(&it, 0), ENTC_E_CLOSED);
    entc_op_unref(op);
    entc_loader_free(it.loader);
    entc_request_free(it.request);
    assert_int_equal(it.destroyed, 1);
}

/* ---- freed early ---- */

static void a_load_never_dispatched_is_released_when_its_request_is_freed(void **state)
{
    struct loading it;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    op = loading_load(&it, 1);
    entc_request_free(it.request);
    it.request = NULL;
    loading_assert_status(&it, op, ENTC_E_CANCELLED, "its request was freed");
    assert_int_equal(it.batch_count, 0);
    loading_close(&it);
}

static void a_load_never_dispatched_is_released_when_its_loader_is_freed(void **state)
{
    struct loading it;
    struct loading other;
    entc_op *op = NULL;
    entc_op *stays = NULL;

    loading_open(&it, *state, NULL);
    loading_open_in(&other, &it, NULL);
    op = loading_load(&it, 1);
    stays = loading_load(&other, 2);
    entc_loader_free(it.loader);
    it.loader = NULL;
    loading_assert_status(&it, op, ENTC_E_CANCELLED, "its loader was freed");
    assert_int_equal(it.batch_count, 0);
    loading_assert_value(&other, stays, 20);
    loading_close(&other);
    loading_close(&it);
}

static void a_freed_request_cancels_its_other_operations_too(void **state)
{
    struct fixture *f = *state;
    const entc_page_args first = ENTC_FIRST(2);
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);
    entc_op *ops[2];

    assert_ok(f, entc_request_new(f->engine, NULL, &call.request, &f->error));
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, &call, &ops[0], &f->error));
    assert_ok(f, entc_repository_list_async(f->campaigns, &first, &call, &ops[1], &f->error));
    entc_request_free(call.request);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(f, entc_op_wait(ops[i], -1));
        assert_int_equal(entc_op_status(ops[i]), ENTC_E_CANCELLED);
        entc_op_unref(ops[i]);
    }
}

static void a_loader_whose_request_was_freed_takes_no_more(void **state)
{
    struct loading it;
    entc_value key = fixture_id(1);
    entc_loader_batch *batch = NULL;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    entc_request_free(it.request);
    it.request = NULL;
    assert_status(it.f, entc_loader_load(it.loader, &key, NULL, &op, &it.f->error), ENTC_E_CLOSED);
    fixture_assert_says(entc_error_message(it.f->error), "its request was freed");
    assert_status(it.f,
                  entc_loader_prime(it.loader, &key, loading_value(&it, 1), ENTC_OK, &it.f->error),
                  ENTC_E_CLOSED);
    assert_status(it.f, entc_loader_prime_pending(it.loader, &key, &batch, &it.f->error),
                  ENTC_E_CLOSED);
    assert_ok(it.f, entc_loader_dispatch(it.loader));
    assert_string_equal(entc_loader_name(it.loader), "loader");
    loading_close(&it);
}

static void a_load_that_is_cancelled_is_not_asked_for(void **state)
{
    struct loading it;
    entc_op *gone = NULL;
    entc_op *stays = NULL;

    loading_open(&it, *state, NULL);
    gone = loading_load(&it, 1);
    stays = loading_load(&it, 2);
    assert_ok(it.f, entc_op_cancel(gone));
    loading_assert_value(&it, stays, 20);
    loading_assert_status(&it, gone, ENTC_E_CANCELLED, "was cancelled");
    loading_assert_batch(&it, 0, KEYS(2));
    loading_assert_loads(&it, 1);
    loading_close(&it);
}

/* ---- misuse ---- */

static void null_arguments_are_refused(void **state)
{
    struct loading it;
    struct fixture *f = *state;
    entc_value key = fixture_id(1);
    entc_value null = {0};
    entc_loader *loader = NULL;
    entc_op *op = NULL;

    loading_open(&it, f, NULL);
    assert_status(f, entc_loader_new(NULL, loading_batch, &it, NULL, &loader, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_loader_new(it.request, NULL, &it, NULL, &loader, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "function is NULL");
    assert_status(f, entc_loader_new(it.request, loading_batch, &it, NULL, NULL, &f->error),
                  ENTC_E_INVALID);
    assert_status(f, entc_loader_load(it.loader, NULL, NULL, &op, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "key is NULL");
    assert_status(f, entc_loader_load(it.loader, &null, NULL, &op, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "key is NULL");
    assert_status(f, entc_loader_load(NULL, &key, NULL, &op, &f->error), ENTC_E_INVALID);
    assert_status(f, entc_loader_load(it.loader, &key, NULL, NULL, &f->error), ENTC_E_INVALID);
    assert_status(f, entc_loader_load_many(it.loader, NULL, 1, NULL, &op, &f->error),
                  ENTC_E_INVALID);
    assert_null(op);
    entc_loader_free(NULL);
    assert_string_equal(entc_loader_name(NULL), "");
    loading_close(&it);
}

static void options_that_cannot_be_are_refused(void **state)
{
    struct fixture *f = *state;
    const entc_loader_options initial = ENTC_LOADER_OPTIONS_INIT;
    entc_loader_options options[6];
    struct loading it;
    entc_loader *loader = NULL;

    loading_open(&it, f, NULL);
    for (size_t i = 0; i < 6; i++)
        options[i] = initial;
    options[0].max_batch = 0;
    options[1].key_parts = 33;
    options[2].window_us = -1;
    options[3].flags = 4;
    options[4].name = "\xFF";
    options[5].struct_size = 4;
    for (size_t i = 0; i < 6; i++)
        assert_status(
            f, entc_loader_new(it.request, loading_batch, &it, &options[i], &loader, &f->error),
            ENTC_E_INVALID);
    assert_status(f,
                  entc_loader_new(it.request, loading_batch, &it, &options[0], &loader, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "max_batch is 0");
    assert_null(loader);
    loading_close(&it);
}

static void a_loader_has_a_name_that_errors_tell(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;

    options.name = "brands of campaigns";
    loading_open(&it, *state, &options);
    assert_string_equal(entc_loader_name(it.loader), "brands of campaigns");
    it.answer = LOADING_ODD_FAIL;
    loading_assert_status(&it, loading_load(&it, 1), ENTC_E_DATABASE, "'brands of campaigns'");
    loading_close(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_wrong_number_of_results_fails_the_batch_with_a_clear_error),
        IN_BOTH_DRIVES(a_second_answer_is_refused_with_a_clear_error),
        IN_BOTH_DRIVES(statuses_that_end_nothing_are_refused),
        IN_BOTH_DRIVES(a_batch_that_is_never_answered_ends_its_loads_at_their_deadline),
        IN_BOTH_DRIVES(an_answer_after_the_end_of_everything_is_refused_and_given_back),
        IN_BOTH_DRIVES(an_answer_after_the_engine_was_closed_is_refused),
        IN_BOTH_DRIVES(a_load_never_dispatched_is_released_when_its_request_is_freed),
        IN_BOTH_DRIVES(a_load_never_dispatched_is_released_when_its_loader_is_freed),
        IN_BOTH_DRIVES(a_freed_request_cancels_its_other_operations_too),
        IN_BOTH_DRIVES(a_loader_whose_request_was_freed_takes_no_more),
        IN_BOTH_DRIVES(a_load_that_is_cancelled_is_not_asked_for),
        IN_BOTH_DRIVES(null_arguments_are_refused),
        IN_BOTH_DRIVES(options_that_cannot_be_are_refused),
        IN_BOTH_DRIVES(a_loader_has_a_name_that_errors_tell),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
