/* What a loader remembers, and what the host writes into its memory. */
#include "loading.h"

#include <string.h>

/* ---- remembering ---- */

static void a_value_is_remembered(void **state)
{
    struct loading it;

    loading_open(&it, *state, NULL);
    loading_assert_loads(&it, 1);
    loading_assert_loads(&it, 1);
    assert_int_equal(it.batch_count, 1);
    assert_int_equal(it.made, 1);
    loading_close(&it);
}

static bool is_done(void *context)
{
    return entc_op_status(context) != ENTC_E_AGAIN;
}

static void a_cached_hit_resolves_with_the_batch_and_not_before(void **state)
{
    struct loading it;
    entc_op *hit = NULL;
    entc_op *miss = NULL;

    loading_open(&it, *state, NULL);
    loading_assert_loads(&it, 1);
    it.answer = LOADING_LATER;
    hit = loading_load(&it, 1);
    miss = loading_load(&it, 2);
    assert_ok(it.f, entc_engine_process(it.f->engine));
    assert_ok(it.f, entc_engine_process(it.f->engine));
    loading_assert_batch(&it, 1, KEYS(2));
    assert_int_equal(entc_op_status(hit), ENTC_E_AGAIN);
    assert_ok(it.f, loading_resolve(&it, 1));
    fixture_drive_until(it.f, is_done, hit);
    loading_assert_value(&it, hit, 10);
    loading_assert_value(&it, miss, 20);
    loading_close(&it);
}

static void hits_alone_need_no_batch_function(void **state)
{
    struct loading it;

    loading_open(&it, *state, NULL);
    loading_assert_loads(&it, 1);
    it.answer = LOADING_LATER;
    loading_assert_loads(&it, 1);
    assert_int_equal(it.batch_count, 1);
    loading_close(&it);
}

static void without_a_memo_keys_repeat_in_the_batch(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    entc_op *ops[3];

    options.flags = ENTC_LOADER_NO_MEMO;
    loading_open(&it, *state, &options);
    ops[0] = loading_load(&it, 1);
    ops[1] = loading_load(&it, 2);
    ops[2] = loading_load(&it, 1);
    loading_assert_value(&it, ops[0], 10);
    loading_assert_value(&it, ops[1], 20);
    loading_assert_value(&it, ops[2], 10);
    loading_assert_batch(&it, 0, KEYS(1, 2, 1));
    assert_int_equal(it.destroyed, 3);
    loading_assert_loads(&it, 1);
    assert_int_equal(it.batch_count, 2);
    loading_close(&it);
}

/* ---- errors ---- */

static void an_error_of_a_key_is_remembered(void **state)
{
    struct loading it;

    loading_open(&it, *state, NULL);
    it.answer = LOADING_ODD_FAIL;
    loading_assert_status(&it, loading_load(&it, 1), ENTC_E_DATABASE, "answered a key");
    it.answer = LOADING_NOW;
    loading_assert_status(&it, loading_load(&it, 1), ENTC_E_DATABASE, "answered a key");
    assert_int_equal(it.batch_count, 1);
    loading_close(&it);
}

static void the_failure_of_a_whole_batch_is_not_remembered(void **state)
{
    struct loading it;

    loading_open(&it, *state, NULL);
    it.answer = LOADING_REJECT;
    loading_assert_status(&it, loading_load(&it, 1), ENTC_E_UNAVAILABLE, "the shop is shut");
    it.answer = LOADING_NOW;
    loading_assert_loads(&it, 1);
    assert_int_equal(it.batch_count, 2);
    loading_close(&it);
}

static void one_error_reaches_all_its_loads(void **state)
{
    struct loading it;
    entc_op *ops[3];

    loading_open(&it, *state, NULL);
    it.answer = LOADING_REJECT;
    ops[0] = loading_load(&it, 1);
    ops[1] = loading_load(&it, 1);
    ops[2] = loading_load(&it, 2);
    for (size_t i = 0; i < 3; i++)
        loading_assert_status(&it, ops[i], ENTC_E_UNAVAILABLE, "the shop is shut");
    assert_int_equal(it.batch_count, 1);
    loading_close(&it);
}

static void a_hit_is_answered_though_its_batch_fails(void **state)
{
    struct loading it;
    entc_op *hit = NULL;
    entc_op *miss = NULL;

    loading_open(&it, *state, NULL);
    loading_assert_loads(&it, 1);
    it.answer = LOADING_REJECT;
    hit = loading_load(&it, 1);
    miss = loading_load(&it, 2);
    loading_assert_status(&it, miss, ENTC_E_UNAVAILABLE, NULL);
    loading_assert_value(&it, hit, 10);
    loading_close(&it);
}

/* ---- clear ---- */

static void clear_forgets_a_key(void **state)
{
    struct loading it;
    entc_value key = fixture_id(1);

    loading_open(&it, *state, NULL);
    loading_assert_loads(&it, 1);
    loading_assert_loads(&it, 2);
    assert_ok(it.f, entc_loader_clear(it.loader, &key, &it.f->error));
    assert_int_equal(it.destroyed, 1);
    loading_assert_loads(&it, 2);
    loading_assert_loads(&it, 1);
    assert_int_equal(it.batch_count, 3);
    loading_assert_batch(&it, 2, KEYS(1));
    loading_close(&it);
}

static void clear_all_forgets_all_keys(void **state)
{
    struct loading it;

    loading_open(&it, *state, NULL);
    loading_assert_loads(&it, 1);
    loading_assert_loads(&it, 2);
    assert_ok(it.f, entc_loader_clear_all(it.loader));
    assert_int_equal(it.destroyed, 2);
    loading_assert_loads(&it, 1);
    loading_assert_loads(&it, 2);
    assert_int_equal(it.batch_count, 4);
    loading_close(&it);
}

static void clear_all_inside(struct loading *it)
{
    assert_ok(it->f, entc_loader_clear_all(it->loader));
}

static void clear_all_inside_the_batch_function_leaves_its_loads_their_answers(void **state)
{
    struct loading it;

    loading_open(&it, *state, NULL);
    it.inside = clear_all_inside;
    loading_assert_loads(&it, 1);
    loading_assert_loads(&it, 1);
    assert_int_equal(it.batch_count, 2);
    assert_int_equal(it.destroyed, 2);
    loading_close(&it);
}

static void a_memo_that_is_cleared_again_and_again_still_finds_the_others(void **state)
{
    struct loading it;
    entc_value key = fixture_id(1);

    loading_open(&it, *state, NULL);
    for (int64_t i = 100; i < 120; i++) {
        entc_value other = fixture_id(i);

        assert_ok(it.f, entc_loader_prime(it.loader, &other, loading_value(&it, i * 10), ENTC_OK,
                                          &it.f->error));
    }
    for (int i = 0; i < 1000; i++) {
        assert_ok(it.f, entc_loader_prime(it.loader, &key, loading_value(&it, 10), ENTC_OK,
                                          &it.f->error));
        assert_ok(it.f, entc_loader_clear(it.loader, &key, &it.f->error));
    }
    assert_int_equal(it.destroyed, 1000);
    for (int64_t i = 100; i < 120; i++)
        loading_assert_loads(&it, i);
    assert_int_equal(it.batch_count, 0);
    loading_close(&it);
}

/* ---- prime ---- */

static void a_primed_value_is_not_asked_for(void **state)
{
    struct loading it;
    entc_value key = fixture_id(1);

    loading_open(&it, *state, NULL);
    assert_ok(it.f,
              entc_loader_prime(it.loader, &key, loading_value(&it, 77), ENTC_OK, &it.f->error));
    loading_assert_value(&it, loading_load(&it, 1), 77);
    assert_int_equal(it.batch_count, 0);
    loading_close(&it);
}

static void a_primed_error_is_told(void **state)
{
    struct loading it;
    entc_value key = fixture_id(1);

    loading_open(&it, *state, NULL);
    assert_ok(it.f, entc_loader_prime(it.loader, &key, NULL, ENTC_E_UNSUPPORTED, &it.f->error));
    loading_assert_status(&it, loading_load(&it, 1), ENTC_E_UNSUPPORTED, "primed");
    assert_int_equal(it.batch_count, 0);
    loading_close(&it);
}

static void a_primed_pending_value_is_waited_for(void **state)
{
    struct loading it;
    entc_value key = fixture_id(1);
    entc_loader_batch *batch = NULL;
    entc_loader_batch *again = NULL;
    void *value = NULL;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    assert_ok(it.f, entc_loader_prime_pending(it.loader, &key, &batch, &it.f->error));
    assert_non_null(batch);
    assert_ok(it.f, entc_loader_prime_pending(it.loader, &key, &again, &it.f->error));
    assert_null(again);
    op = loading_load(&it, 1);
    assert_int_equal(entc_op_wait(op, 0), ENTC_E_AGAIN);
    value = loading_value(&it, 55);
    assert_ok(it.f, entc_loader_batch_resolve(batch, &value, NULL, 1, &it.f->error));
    loading_assert_value(&it, op, 55);
    loading_assert_value(&it, loading_load(&it, 1), 55);
    assert_int_equal(it.batch_count, 0);
    loading_close(&it);
}

static void prime_does_not_overwrite(void **state)
{
    struct loading it;
    entc_value key = fixture_id(1);

    loading_open(&it, *state, NULL);
    loading_assert_loads(&it, 1);
    assert_ok(it.f,
              entc_loader_prime(it.loader, &key, loading_value(&it, 77), ENTC_OK, &it.f->error));
    assert_int_equal(it.destroyed, 1);
    loading_assert_value(&it, loading_load(&it, 1), 10);
    loading_close(&it);
}

static void clear_then_prime_forces(void **state)
{
    struct loading it;
    entc_value key = fixture_id(1);

    loading_open(&it, *state, NULL);
    loading_assert_loads(&it, 1);
    assert_ok(it.f, entc_loader_clear(it.loader, &key, &it.f->error));
    assert_ok(it.f,
              entc_loader_prime(it.loader, &key, loading_value(&it, 77), ENTC_OK, &it.f->error));
    loading_assert_value(&it, loading_load(&it, 1), 77);
    assert_int_equal(it.batch_count, 1);
    loading_close(&it);
}

static void a_primed_value_that_is_refused_is_given_back(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    struct loading forgetful;
    entc_value key = fixture_id(1);
    entc_loader_batch *batch = NULL;

    loading_open(&it, *state, NULL);
    options.flags = ENTC_LOADER_NO_MEMO;
    loading_open_in(&forgetful, &it, &options);
    assert_status(it.f,
                  entc_loader_prime(it.loader, NULL, loading_value(&it, 1), ENTC_OK, &it.f->error),
                  ENTC_E_INVALID);
    assert_status(it.f, entc_loader_prime(it.loader, &key, loading_value(&it, 1), 3, &it.f->error),
                  ENTC_E_INVALID);
    assert_ok(it.f, entc_loader_prime(forgetful.loader, &key, loading_value(&forgetful, 1), ENTC_OK,
                                      &it.f->error));
    assert_status(it.f, entc_loader_prime_pending(forgetful.loader, &key, &batch, &it.f->error),
                  ENTC_E_UNSUPPORTED);
    assert_int_equal(it.destroyed, 2);
    assert_int_equal(forgetful.destroyed, 1);
    loading_close(&forgetful);
    loading_close(&it);
}

/* ---- how long a value lives ---- */

static void a_value_lives_as_long_as_an_operation_shows_it(void **state)
{
    struct loading it;
    entc_op *op = NULL;
    void *value = NULL;

    loading_open(&it, *state, NULL);
    op = loading_load(&it, 1);
    assert_ok(it.f, entc_op_wait(op, -1));
    assert_ok(it.f, entc_loader_clear_all(it.loader));
    entc_loader_free(it.loader);
    it.loader = NULL;
    entc_request_free(it.request);
    it.request = NULL;
    assert_int_equal(it.destroyed, 0);
    assert_ok(it.f, entc_op_value(op, &value));
    assert_int_equal(*(int64_t *)value, 10);
    entc_op_unref(op);
    loading_close(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_value_is_remembered),
        IN_BOTH_DRIVES(a_cached_hit_resolves_with_the_batch_and_not_before),
        IN_BOTH_DRIVES(hits_alone_need_no_batch_function),
        IN_BOTH_DRIVES(without_a_memo_keys_repeat_in_the_batch),
        IN_BOTH_DRIVES(an_error_of_a_key_is_remembered),
        IN_BOTH_DRIVES(the_failure_of_a_whole_batch_is_not_remembered),
        IN_BOTH_DRIVES(one_error_reaches_all_its_loads),
        IN_BOTH_DRIVES(a_hit_is_answered_though_its_batch_fails),
        IN_BOTH_DRIVES(clear_forgets_a_key),
        IN_BOTH_DRIVES(clear_all_forgets_all_keys),
        IN_BOTH_DRIVES(clear_all_inside_the_batch_function_leaves_its_loads_their_answers),
        IN_BOTH_DRIVES(a_memo_that_is_cleared_again_and_again_still_finds_the_others),
        IN_BOTH_DRIVES(a_primed_value_is_not_asked_for),
        IN_BOTH_DRIVES(a_primed_error_is_told),
        IN_BOTH_DRIVES(a_primed_pending_value_is_waited_for),
        IN_BOTH_DRIVES(prime_does_not_overwrite),
        IN_BOTH_DRIVES(clear_then_prime_forces),
        IN_BOTH_DRIVES(a_primed_value_that_is_refused_is_given_back),
        IN_BOTH_DRIVES(a_value_lives_as_long_as_an_operation_shows_it),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
