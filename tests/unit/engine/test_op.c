/* Proves the life of an operation: accepted, begun by the driver, ended once, done for everybody.
 */
#include "allocator.h"
#include "fake.h"

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

static void expect(const struct seen *seen, int started, int abandoned, int called, int destroyed)
{
    assert_int_equal(seen->started, started);
    assert_int_equal(seen->abandoned, abandoned);
    assert_int_equal(seen->called, called);
    assert_int_equal(seen->destroyed, destroyed);
}

/* ---- the usual way ---- */

static void submit_starts_nothing_and_calls_nobody(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);

    fake_submit(fake);
    expect(&seen, 0, 0, 0, 0);
    assert_false(engine_op_is_done(&fake->op));
    process(engine);
    expect(&seen, 1, 0, 1, 0);
    assert_int_equal(seen.status, ENTC_OK);
    assert_null(fake->op.error);
    engine_op_unref(&fake->op);
    expect(&seen, 1, 0, 1, 1);
}

static void an_operation_whose_caller_let_go_still_calls_back_once(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);

    fake_submit(fake);
    engine_op_unref(&fake->op);
    process(engine);
    process(engine);
    expect(&seen, 1, 0, 1, 1);
}

static void operations_without_a_callback_just_become_done(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);

    fake->op.done = NULL;
    fake_submit(fake);
    process(engine);
    assert_true(engine_op_is_done(&fake->op));
    assert_int_equal(engine_op_wait(&fake->op, -1), ENTC_OK);
    engine_op_unref(&fake->op);
    expect(&seen, 1, 0, 0, 1);
}

static void callbacks_come_in_the_order_in_which_operations_were_done(void **state)
{
    struct engine *engine = *state;
    struct seen seen[3] = {{0}, {0}, {0}};
    struct fake *fakes[3];
    struct list *link = NULL;

    for (int i = 0; i < 3; i++) {
        fakes[i] = fake_new(engine, &fake_ready, &seen[i]);
        fake_submit(fakes[i]);
    }
    assert_int_equal(engine_op_wait(&fakes[2]->op, -1), ENTC_OK);
    link = engine->deliveries.next;
    assert_ptr_equal(BASE_CONTAINER(link, entc_op, delivery), &fakes[0]->op);
    assert_ptr_equal(BASE_CONTAINER(link->next, entc_op, delivery), &fakes[1]->op);
    process(engine);
    for (int i = 0; i < 3; i++) {
        expect(&seen[i], 1, 0, 1, 0);
        engine_op_unref(&fakes[i]->op);
    }
}

static void an_operation_outlives_the_handle_of_its_engine(void **state)
{
    struct engine *engine = fake_engine(ENTC_DRIVE_WAITERS);
    struct seen seen = {0};
    struct fake *ended = fake_new(engine, &fake_ready, &seen);
    struct fake *broken = fake_new(engine, &fake_inert, &seen);

    (void)state;
    fake_submit(ended);
    fake_submit(broken);
    assert_int_equal(engine_op_wait(&ended->op, -1), ENTC_OK);
    fake_engine_free(engine);
    assert_int_equal(ended->op.status, ENTC_OK);
    assert_int_equal(engine_op_wait(&broken->op, -1), ENTC_OK);
    assert_int_equal(broken->op.status, ENTC_E_CLOSED);
    assert_string_equal(entc_error_message(broken->op.error),
                        "inert was under way when the engine was closed");
    engine_op_cancel(&ended->op);
    engine_op_unref(&ended->op);
    engine_op_unref(&broken->op);
    assert_int_equal(seen.destroyed, 2);
}

/* ---- ended from outside ---- */

static void a_deadline_ends_an_operation_with_timeout_and_its_story(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake->op.deadline_us = fake_clock_us + 1000;
    fake_submit(fake);
    process(engine);
    fake_clock_us += 999;
    process(engine);
    expect(&seen, 1, 0, 0, 0);
    fake_clock_us += 1;
    process(engine);
    process(engine);
    expect(&seen, 1, 1, 1, 0);
    assert_int_equal(seen.status, ENTC_E_TIMEOUT);
    assert_int_equal(entc_error_code(fake->op.error), ENTC_E_TIMEOUT);
    assert_string_equal(entc_error_domain(fake->op.error), "engine");
    assert_string_equal(entc_error_message(fake->op.error),
                        "inert was not done when its deadline passed");
    engine_op_unref(&fake->op);
}

static void an_answer_after_the_deadline_changes_nothing(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake->op.deadline_us = fake_clock_us + 1000;
    fake_submit(fake);
    process(engine);
    fake_clock_us += 1000;
    process(engine);
    fake_finish(fake, ENTC_OK);
    process(engine);
    expect(&seen, 1, 1, 1, 0);
    assert_int_equal(fake->op.status, ENTC_E_TIMEOUT);
    engine_op_unref(&fake->op);
}

static void a_deadline_after_the_answer_changes_nothing(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake->op.deadline_us = fake_clock_us + 1000;
    fake_submit(fake);
    process(engine);
    fake_finish(fake, ENTC_OK);
    process(engine);
    assert_int_equal(engine_timer_first(engine), ENGINE_NEVER);
    fake_clock_us += 1000;
    process(engine);
    expect(&seen, 1, 0, 1, 0);
    assert_int_equal(fake->op.status, ENTC_OK);
    engine_op_unref(&fake->op);
}

static void a_cancelled_operation_ends_with_cancelled_once(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake_submit(fake);
    process(engine);
    engine_op_cancel(&fake->op);
    engine_op_cancel(&fake->op);
    expect(&seen, 1, 0, 0, 0);
    process(engine);
    engine_op_cancel(&fake->op);
    process(engine);
    expect(&seen, 1, 1, 1, 0);
    assert_int_equal(seen.status, ENTC_E_CANCELLED);
    assert_string_equal(entc_error_message(fake->op.error), "inert was cancelled");
    engine_op_unref(&fake->op);
    assert_int_equal(seen.destroyed, 1);
}

static void a_cancel_before_the_start_comes_after_it(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake_submit(fake);
    engine_op_cancel(&fake->op);
    engine_op_unref(&fake->op);
    process(engine);
    expect(&seen, 1, 1, 1, 1);
    assert_int_equal(seen.status, ENTC_E_CANCELLED);
}

static void a_cancel_that_meets_a_completed_operation_changes_nothing(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);

    fake_submit(fake);
    engine_op_cancel(&fake->op);
    process(engine);
    engine_op_cancel(&fake->op);
    process(engine);
    expect(&seen, 1, 0, 1, 0);
    assert_int_equal(seen.status, ENTC_OK);
    engine_op_unref(&fake->op);
    assert_int_equal(seen.destroyed, 1);
}

static void what_was_never_submitted_cannot_be_cancelled(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    engine_op_cancel(&fake->op);
    process(engine);
    engine_op_unref(&fake->op);
    expect(&seen, 0, 0, 0, 1);
}

static void complete_twice(struct fake *fake)
{
    entc_error *first = NULL;
    entc_error *second = NULL;

    error_set(&first, ENTC_E_BUSY, "engine", "first");
    error_set(&second, ENTC_E_DATABASE, "engine", "second");
    engine_op_complete(&fake->op, ENTC_E_BUSY, first);
    assert_true(engine_op_is_completed(&fake->op));
    assert_false(engine_op_is_done(&fake->op));
    engine_op_complete(&fake->op, ENTC_E_DATABASE, second);
}

static void a_second_completion_is_ignored_and_its_error_freed(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake->on_start = complete_twice;
    fake_submit(fake);
    process(engine);
    expect(&seen, 1, 0, 1, 0);
    assert_int_equal(fake->op.status, ENTC_E_BUSY);
    assert_string_equal(entc_error_message(fake->op.error), "first");
    engine_op_unref(&fake->op);
}

static void complete_myself(entc_op *op)
{
    atomic_fetch_add(&((struct fake *)op)->seen->abandoned, 1);
    engine_op_complete(op, ENTC_E_BUSY, NULL);
}

static void an_operation_that_completes_itself_when_abandoned_keeps_its_status(void **state)
{
    struct engine *engine = *state;
    struct engine_op_kind kind = fake_inert;
    struct seen seen = {0};
    struct fake *fake = NULL;

    kind.abandon = complete_myself;
    fake = fake_new(engine, &kind, &seen);
    fake_submit(fake);
    engine_op_cancel(&fake->op);
    process(engine);
    expect(&seen, 1, 1, 1, 0);
    assert_int_equal(seen.status, ENTC_E_BUSY);
    engine_op_unref(&fake->op);
}

static void an_operation_need_not_know_how_to_be_abandoned(void **state)
{
    struct engine *engine = *state;
    struct engine_op_kind kind = fake_inert;
    struct seen seen = {0};
    struct fake *fake = NULL;

    kind.abandon = NULL;
    fake = fake_new(engine, &kind, &seen);
    fake_submit(fake);
    engine_op_cancel(&fake->op);
    process(engine);
    assert_int_equal(seen.status, ENTC_E_CANCELLED);
    engine_op_unref(&fake->op);
}

/* ---- no memory ---- */

static void without_memory_for_its_deadline_an_operation_ends_unstarted(void **state)
{
    struct test_allocator memory;
    struct engine_config config = {.allocator = &memory.allocator};
    struct engine *engine = NULL;
    struct seen seen = {0};
    struct fake *fake = NULL;

    (void)state;
    test_allocator_init(&memory);
    assert_int_equal(engine_new(&config, &engine, NULL), ENTC_OK);
    test_allocator_fail_at(&memory, 1, true);
    fake = fake_new(engine, &fake_inert, &seen);
    fake->op.deadline_us = engine_now_us(engine) + 60000000;
    fake_submit(fake);
    assert_int_equal(engine_op_wait(&fake->op, -1), ENTC_OK);
    expect(&seen, 0, 0, 1, 0);
    assert_int_equal(seen.status, ENTC_E_NO_MEMORY);
    assert_int_equal(entc_error_code(fake->op.error), ENTC_E_NO_MEMORY);
    engine_op_unref(&fake->op);
    fake_engine_free(engine);
    assert_int_equal(test_allocator_live(&memory), 0);
}

static void an_engine_without_memory_is_not_made(void **state)
{
    struct test_allocator memory;
    struct engine_config config = {.allocator = &memory.allocator};
    struct engine *engine = NULL;
    entc_error *error = NULL;

    (void)state;
    test_allocator_init(&memory);
    test_allocator_fail_at(&memory, 1, true);
    assert_int_equal(engine_new(&config, &engine, &error), ENTC_E_NO_MEMORY);
    assert_null(engine);
    assert_int_equal(entc_error_code(error), ENTC_E_NO_MEMORY);
    entc_error_free(error);
    assert_int_equal(test_allocator_live(&memory), 0);
}

/* ---- continuations ---- */

static void count_then(entc_op *op, void *context)
{
    assert_true(engine_op_is_done(op));
    ++*(int *)context;
}

static void a_continuation_runs_once_when_the_operation_is_done(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);
    int count = 0;

    fake_submit(fake);
    process(engine);
    engine_op_then(&fake->op, count_then, &count);
    assert_int_equal(count, 0);
    fake_finish(fake, ENTC_OK);
    process(engine);
    process(engine);
    assert_int_equal(count, 1);
    engine_op_then(&fake->op, count_then, &count);
    assert_int_equal(count, 2);
    engine_op_unref(&fake->op);
}

static void a_continuation_that_was_removed_does_not_run(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);
    int count = 0;

    fake_submit(fake);
    process(engine);
    engine_op_then(&fake->op, count_then, &count);
    engine_op_then(&fake->op, NULL, NULL);
    fake_finish(fake, ENTC_OK);
    process(engine);
    assert_int_equal(count, 0);
    engine_op_unref(&fake->op);
}

/* ---- inside callbacks ---- */

struct follower {
    struct seen *seen;
    struct fake *next;
    int called;
};

static void submit_next(entc_op *op, void *user)
{
    struct follower *follower = user;

    (void)op;
    follower->called++;
    fake_submit(follower->next);
    assert_int_equal(follower->seen->started, 0);
    assert_int_equal(follower->seen->called, 0);
}

static void a_callback_may_submit_and_nothing_runs_inside_it(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct seen next_seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);
    struct follower follower = {&next_seen, fake_new(engine, &fake_ready, &next_seen), 0};

    fake->op.done = submit_next;
    fake->op.user = &follower;
    fake_submit(fake);
    engine_op_unref(&fake->op);
    process(engine);
    assert_int_equal(follower.called, 1);
    process(engine);
    expect(&next_seen, 1, 0, 1, 0);
    engine_op_unref(&follower.next->op);
}

static void let_go(entc_op *op, void *user)
{
    ++*(int *)user;
    engine_op_unref(op);
}

static void a_callback_may_give_back_the_reference_of_the_one_who_waits(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);
    int called = 0;

    fake->op.done = let_go;
    fake->op.user = &called;
    fake_submit(fake);
    assert_int_equal(engine_op_wait(&fake->op, -1), ENTC_OK);
    assert_int_equal(called, 1);
    assert_int_equal(seen.destroyed, 1);
}

static int setup(void **state)
{
    *state = fake_engine_clocked(ENTC_DRIVE_WAITERS);
    return 0;
}

static int teardown(void **state)
{
    fake_engine_free(*state);
    return 0;
}

#define WITH_ENGINE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ENGINE(submit_starts_nothing_and_calls_nobody),
        WITH_ENGINE(an_operation_whose_caller_let_go_still_calls_back_once),
        WITH_ENGINE(operations_without_a_callback_just_become_done),
        WITH_ENGINE(callbacks_come_in_the_order_in_which_operations_were_done),
        cmocka_unit_test(an_operation_outlives_the_handle_of_its_engine),
        WITH_ENGINE(a_deadline_ends_an_operation_with_timeout_and_its_story),
        WITH_ENGINE(an_answer_after_the_deadline_changes_nothing),
        WITH_ENGINE(a_deadline_after_the_answer_changes_nothing),
        WITH_ENGINE(a_cancelled_operation_ends_with_cancelled_once),
        WITH_ENGINE(a_cancel_before_the_start_comes_after_it),
        WITH_ENGINE(a_cancel_that_meets_a_completed_operation_changes_nothing),
        WITH_ENGINE(what_was_never_submitted_cannot_be_cancelled),
        WITH_ENGINE(a_second_completion_is_ignored_and_its_error_freed),
        WITH_ENGINE(an_operation_that_completes_itself_when_abandoned_keeps_its_status),
        WITH_ENGINE(an_operation_need_not_know_how_to_be_abandoned),
        cmocka_unit_test(without_memory_for_its_deadline_an_operation_ends_unstarted),
        cmocka_unit_test(an_engine_without_memory_is_not_made),
        WITH_ENGINE(a_continuation_runs_once_when_the_operation_is_done),
        WITH_ENGINE(a_continuation_that_was_removed_does_not_run),
        WITH_ENGINE(a_callback_may_submit_and_nothing_runs_inside_it),
        WITH_ENGINE(a_callback_may_give_back_the_reference_of_the_one_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
