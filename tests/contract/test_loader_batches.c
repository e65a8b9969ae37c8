/* What a loader puts together, and when it hands it to the batch function. */
#include "loading.h"

#include <string.h>

/* ---- together ---- */

static void many_loads_of_one_frame_are_one_batch(void **state)
{
    struct loading it;
    entc_op *ops[5];

    loading_open(&it, *state, NULL);
    for (int64_t i = 0; i < 5; i++)
        ops[i] = loading_load(&it, i);
    assert_int_equal(it.batch_count, 0);
    for (int64_t i = 0; i < 5; i++)
        loading_assert_value(&it, ops[i], i * 10);
    assert_int_equal(it.batch_count, 1);
    loading_assert_batch(&it, 0, KEYS(0, 1, 2, 3, 4));
    loading_close(&it);
}

static void identical_keys_are_coalesced(void **state)
{
    struct loading it;
    entc_op *first = NULL;
    entc_op *second = NULL;

    loading_open(&it, *state, NULL);
    first = loading_load(&it, 1);
    second = loading_load(&it, 1);
    loading_assert_value(&it, first, 10);
    loading_assert_value(&it, second, 10);
    assert_int_equal(it.batch_count, 1);
    loading_assert_batch(&it, 0, KEYS(1));
    assert_int_equal(it.made, 1);
    loading_close(&it);
}

static void max_batch_counts_real_keys_only(void **state)
{
    static const int64_t asked[7] = {1, 2, 1, 2, 1, 3, 3};
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    entc_op *ops[7];

    options.max_batch = 3;
    loading_open(&it, *state, &options);
    for (size_t i = 0; i < 7; i++)
        ops[i] = loading_load(&it, asked[i]);
    for (size_t i = 0; i < 7; i++)
        loading_assert_value(&it, ops[i], asked[i] * 10);
    assert_int_equal(it.batch_count, 1);
    loading_assert_batch(&it, 0, KEYS(1, 2, 3));
    loading_close(&it);
}

static void a_batch_has_no_more_than_max_batch_keys(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    entc_op *ops[5];

    options.max_batch = 2;
    loading_open(&it, *state, &options);
    for (int64_t i = 0; i < 5; i++)
        ops[i] = loading_load(&it, i);
    for (int64_t i = 0; i < 5; i++)
        loading_assert_value(&it, ops[i], i * 10);
    assert_int_equal(it.batch_count, 3);
    loading_assert_batch(&it, 0, KEYS(0, 1));
    loading_assert_batch(&it, 1, KEYS(2, 3));
    loading_assert_batch(&it, 2, KEYS(4));
    loading_close(&it);
}

static void identical_keys_are_coalesced_across_sized_batches_too(void **state)
{
    static const int64_t asked[4] = {1, 2, 1, 3};
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    entc_op *ops[4];

    options.max_batch = 2;
    loading_open(&it, *state, &options);
    for (size_t i = 0; i < 4; i++)
        ops[i] = loading_load(&it, asked[i]);
    for (size_t i = 0; i < 4; i++)
        loading_assert_value(&it, ops[i], asked[i] * 10);
    assert_int_equal(it.batch_count, 2);
    loading_assert_batch(&it, 0, KEYS(1, 2));
    loading_assert_batch(&it, 1, KEYS(3));
    loading_close(&it);
}

static void with_batching_off_each_key_is_a_batch(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    entc_op *ops[3];

    options.flags = ENTC_LOADER_NO_BATCHING;
    loading_open(&it, *state, &options);
    ops[0] = loading_load(&it, 1);
    ops[1] = loading_load(&it, 2);
    ops[2] = loading_load(&it, 1);
    loading_assert_value(&it, ops[0], 10);
    loading_assert_value(&it, ops[1], 20);
    loading_assert_value(&it, ops[2], 10);
    assert_int_equal(it.batch_count, 2);
    loading_assert_batch(&it, 0, KEYS(1));
    loading_assert_batch(&it, 1, KEYS(2));
    loading_close(&it);
}

static void keys_are_bytes_and_composite_parts(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    entc_value keys[5][2];
    entc_op *ops[5];

    options.key_parts = 2;
    loading_open(&it, *state, &options);
    for (size_t i = 0; i < 5; i++)
        keys[i][0] = keys[i][1] = fixture_id(7);
    keys[1][1] = fixture_text("7");
    assert_int_equal(entc_value_text(&keys[2][1], "7\0", 2), ENTC_OK);
    assert_int_equal(entc_value_text(&keys[3][1], "\xFF\0x", 3), ENTC_OK);
    it.answer = LOADING_LATER;
    for (size_t i = 0; i < 5; i++)
        assert_ok(it.f, entc_loader_load(it.loader, keys[i], NULL, &ops[i], &it.f->error));
    assert_ok(it.f, entc_engine_process(it.f->engine));
    /* The last is the first again. */
    assert_int_equal(it.key_counts[0], 4);
    assert_ok(it.f, entc_loader_batch_reject(it.held[0], ENTC_E_BUSY, NULL, &it.f->error));
    for (size_t i = 0; i < 5; i++)
        loading_assert_status(&it, ops[i], ENTC_E_BUSY, "loader");
    loading_close(&it);
}

/* ---- load_many ---- */

static void load_many_keeps_order_and_duplicates(void **state)
{
    static const int64_t asked[5] = {3, 1, 3, 2, 1};
    struct loading it;
    entc_value keys[5];
    void *values[5];
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    for (size_t i = 0; i < 5; i++)
        keys[i] = fixture_id(asked[i]);
    assert_ok(it.f, entc_loader_load_many(it.loader, keys, 5, NULL, &op, &it.f->error));
    assert_ok(it.f, entc_op_wait(op, -1));
    assert_int_equal(entc_op_count(op), 5);
    assert_ok(it.f, entc_op_values(op, values, NULL, 5));
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(*(int64_t *)values[i], asked[i] * 10);
    loading_assert_batch(&it, 0, KEYS(3, 1, 2));
    entc_op_unref(op);
    loading_close(&it);
}

static void load_many_tells_an_error_for_each_key(void **state)
{
    struct loading it;
    entc_value keys[3] = {fixture_id(1), fixture_id(2), fixture_id(3)};
    entc_status statuses[3];
    void *values[3];
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    it.answer = LOADING_ODD_FAIL;
    entc_value_null(&keys[2]);
    assert_ok(it.f, entc_loader_load_many(it.loader, keys, 3, NULL, &op, &it.f->error));
    assert_ok(it.f, entc_op_wait(op, -1));
    assert_ok(it.f, entc_op_values(op, values, statuses, 3));
    assert_int_equal(statuses[0], ENTC_E_DATABASE);
    assert_int_equal(statuses[1], ENTC_OK);
    assert_int_equal(statuses[2], ENTC_E_INVALID);
    assert_null(values[0]);
    assert_int_equal(*(int64_t *)values[1], 20);
    assert_null(values[2]);
    entc_op_unref(op);
    loading_close(&it);
}

static void load_many_takes_an_empty_list(void **state)
{
    struct loading it;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    assert_ok(it.f, entc_loader_load_many(it.loader, NULL, 0, NULL, &op, &it.f->error));
    assert_ok(it.f, entc_op_wait(op, -1));
    assert_ok(it.f, entc_op_status(op));
    assert_int_equal(entc_op_count(op), 0);
    assert_ok(it.f, entc_op_values(op, NULL, NULL, 0));
    assert_int_equal(it.batch_count, 0);
    entc_op_unref(op);
    loading_close(&it);
}

/* ---- when a batch closes ---- */

static void the_next_process_closes_a_batch(void **state)
{
    struct loading it;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    op = loading_load(&it, 4);
    assert_ok(it.f, entc_engine_process(it.f->engine));
    assert_int_equal(it.batch_count, 1);
    loading_assert_value(&it, op, 40);
    loading_close(&it);
}

static void an_open_batch_makes_the_descriptor_readable(void **state)
{
    struct loading it;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    entc_engine_fd(it.f->engine);
    while (fixture_turn(it.f, 0))
        continue;
    op = loading_load(&it, 4);
    assert_true(fixture_turn(it.f, FIXTURE_PATIENCE_MS));
    assert_int_equal(it.batch_count, 1);
    loading_assert_value(&it, op, 40);
    loading_close(&it);
}

static void a_batch_is_dispatched_by_hand(void **state)
{
    struct loading it;
    entc_op *first = NULL;
    entc_op *second = NULL;

    loading_open(&it, *state, NULL);
    first = loading_load(&it, 1);
    assert_ok(it.f, entc_loader_dispatch(it.loader));
    second = loading_load(&it, 2);
    loading_assert_value(&it, second, 20);
    loading_assert_value(&it, first, 10);
    assert_int_equal(it.batch_count, 2);
    loading_assert_batch(&it, 0, KEYS(1));
    loading_assert_batch(&it, 1, KEYS(2));
    assert_int_equal(entc_loader_dispatch(NULL), ENTC_E_INVALID);
    loading_close(&it);
}

static void all_loaders_of_a_request_close_together(void **state)
{
    struct loading it;
    struct loading other;
    entc_op *first = NULL;
    entc_op *second = NULL;

    loading_open(&it, *state, NULL);
    loading_open_in(&other, &it, NULL);
    first = loading_load(&it, 1);
    second = loading_load(&other, 2);
    /* The first one's wait sends both. */
    loading_assert_value(&it, first, 10);
    assert_int_equal(other.batch_count, 1);
    loading_assert_value(&it, second, 20);
    loading_close(&other);
    loading_close(&it);
}

static void waiting_for_any_operation_of_the_request_closes_its_loaders(void **state)
{
    struct loading it;
    entc_call call = ENTC_CALL_INIT;
    entc_value id = fixture_id(1);
    entc_entity *entity = NULL;
    entc_op *op = NULL;

    loading_open(&it, *state, NULL);
    call.request = it.request;
    op = loading_load(&it, 1);
    assert_ok(it.f, entc_repository_get_by_id(it.f->campaigns, &id, &call, &entity, &it.f->error));
    entc_entity_unref(entity);
    assert_int_equal(it.batch_count, 1);
    loading_assert_value(&it, op, 10);
    loading_close(&it);
}

static void a_window_closes_a_batch_that_nobody_waits_for(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    struct fixture *f = *state;
    entc_value id = fixture_id(1);
    void *lock = NULL;
    entc_counters counters = ENTC_COUNTERS_INIT;
    entc_op *stranger = NULL;
    entc_op *op = NULL;

    options.window_us = 1000;
    loading_open(&it, f, &options);
    it.answer = LOADING_LATER;
    /* Somebody drives, but waits for another thing. */
    lock = fixture_lock(f, "campaigns");
    assert_ok(f, entc_repository_get_by_id_async(f->campaigns, &id, NULL, &stranger, &f->error));
    op = loading_load(&it, 1);
    while (counters.load_batches == 0) {
        assert_int_equal(entc_op_wait(stranger, 1000), ENTC_E_AGAIN);
        assert_ok(f, entc_request_counters(it.request, &counters));
    }
    fixture_unlock(lock);
    assert_int_equal(entc_op_wait(op, 0), ENTC_E_AGAIN);
    assert_int_equal(it.batch_count, 1);
    assert_ok(f, loading_resolve(&it, 0));
    loading_assert_value(&it, op, 10);
    assert_ok(f, entc_op_wait(stranger, -1));
    entc_op_unref(stranger);
    loading_close(&it);
}

/* ---- schedules ---- */

struct schedule {
    int calls;
    bool dispatches;
};

static struct schedule the_schedule;

static void on_schedule(entc_loader *loader, void *user)
{
    (void)user;
    the_schedule.calls++;
    if (the_schedule.dispatches)
        entc_loader_dispatch(loader);
}

static void a_schedule_function_is_called_once_for_each_batch(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    entc_op *ops[3];

    the_schedule = (struct schedule){0, false};
    options.schedule = on_schedule;
    loading_open(&it, *state, &options);
    ops[0] = loading_load(&it, 1);
    ops[1] = loading_load(&it, 2);
    assert_int_equal(the_schedule.calls, 1);
    loading_assert_value(&it, ops[0], 10);
    loading_assert_value(&it, ops[1], 20);
    ops[2] = loading_load(&it, 3);
    assert_int_equal(the_schedule.calls, 2);
    loading_assert_value(&it, ops[2], 30);
    loading_close(&it);
}

static void a_schedule_function_may_dispatch_at_once_inside_load(void **state)
{
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct loading it;
    entc_op *first = NULL;
    entc_op *second = NULL;

    the_schedule = (struct schedule){0, true};
    options.schedule = on_schedule;
    loading_open(&it, *state, &options);
    first = loading_load(&it, 1);
    second = loading_load(&it, 2);
    assert_int_equal(the_schedule.calls, 2);
    loading_assert_value(&it, first, 10);
    loading_assert_value(&it, second, 20);
    loading_assert_batch(&it, 0, KEYS(1));
    loading_assert_batch(&it, 1, KEYS(2));
    loading_close(&it);
}

static void on_request_schedule(entc_request *request, void *user)
{
    ++*(int *)user;
    (void)request;
}

static void the_request_is_scheduled_once_by_its_first_pending_load(void **state)
{
    struct fixture *f = *state;
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    struct loading it;
    struct loading other;
    entc_op *ops[4];
    int calls = 0;

    memset(&it, 0, sizeof(it));
    it.f = f;
    options.schedule = on_request_schedule;
    options.user = &calls;
    assert_ok(f, entc_request_new(f->engine, &options, &it.request, &f->error));
    loading_open_in(&it, &it, NULL);
    loading_open_in(&other, &it, NULL);
    ops[0] = loading_load(&it, 1);
    ops[1] = loading_load(&it, 2);
    ops[2] = loading_load(&other, 3);
    assert_int_equal(calls, 1);
    assert_ok(f, entc_request_dispatch(it.request));
    loading_assert_value(&it, ops[0], 10);
    loading_assert_value(&it, ops[1], 20);
    loading_assert_value(&other, ops[2], 30);
    ops[3] = loading_load(&other, 4);
    assert_int_equal(calls, 2);
    loading_assert_value(&other, ops[3], 40);
    loading_close(&other);
    loading_close(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(many_loads_of_one_frame_are_one_batch),
        IN_BOTH_DRIVES(identical_keys_are_coalesced),
        IN_BOTH_DRIVES(max_batch_counts_real_keys_only),
        IN_BOTH_DRIVES(a_batch_has_no_more_than_max_batch_keys),
        IN_BOTH_DRIVES(identical_keys_are_coalesced_across_sized_batches_too),
        IN_BOTH_DRIVES(with_batching_off_each_key_is_a_batch),
        IN_BOTH_DRIVES(keys_are_bytes_and_composite_parts),
        IN_BOTH_DRIVES(load_many_keeps_order_and_duplicates),
        IN_BOTH_DRIVES(load_many_tells_an_error_for_each_key),
        IN_BOTH_DRIVES(load_many_takes_an_empty_list),
        IN_BOTH_DRIVES(the_next_process_closes_a_batch),
        IN_BOTH_DRIVES(an_open_batch_makes_the_descriptor_readable),
        IN_BOTH_DRIVES(a_batch_is_dispatched_by_hand),
        IN_BOTH_DRIVES(all_loaders_of_a_request_close_together),
        IN_BOTH_DRIVES(waiting_for_any_operation_of_the_request_closes_its_loaders),
        IN_BOTH_DRIVES(a_window_closes_a_batch_that_nobody_waits_for),
        IN_BOTH_DRIVES(a_schedule_function_is_called_once_for_each_batch),
        IN_BOTH_DRIVES(a_schedule_function_may_dispatch_at_once_inside_load),
        IN_BOTH_DRIVES(the_request_is_scheduled_once_by_its_first_pending_load),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
