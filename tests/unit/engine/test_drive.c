/* Proves ENTC_DRIVE_WAITERS: whoever waits drives, hands the role on, and runs only its own host
 * code. */
#include "fake.h"

#include <semaphore.h>

struct waiter {
    pthread_t thread;
    struct fake *fake;
    int64_t timeout_us;
    entc_status status; /* of the wait; read after the join */
    atomic_int returned;
};

static void *wait_in_thread(void *argument)
{
    struct waiter *waiter = argument;

    waiter->status = engine_op_wait(&waiter->fake->op, waiter->timeout_us);
    atomic_store(&waiter->returned, 1);
    return NULL;
}

static void waiter_start(struct waiter *waiter, struct fake *fake, int64_t timeout_us)
{
    waiter->fake = fake;
    waiter->timeout_us = timeout_us;
    atomic_store(&waiter->returned, 0);
    thread_start(&waiter->thread, wait_in_thread, waiter);
}

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

/* ---- one thread ---- */

static void a_wait_drives_until_its_operation_is_done(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new_timer(engine, 2000, &seen);

    fake_submit(fake);
    assert_int_equal(engine_op_wait(&fake->op, -1), ENTC_OK);
    assert_int_equal(seen.called, 1);
    assert_true(pthread_equal(seen.called_by, pthread_self()));
    assert_int_equal(engine_op_wait(&fake->op, 0), ENTC_OK);
    assert_int_equal(seen.called, 1);
    engine_op_unref(&fake->op);
}

static void a_wait_without_time_makes_one_turn_of_progress(void **state)
{
    struct engine *engine = *state;
    struct channel channel = channel_open();
    struct seen seen = {0};
    struct fake *fake = fake_new_pipe(engine, channel.in, &seen);

    fake_submit(fake);
    assert_int_equal(engine_op_wait(&fake->op, 0), ENTC_E_AGAIN);
    assert_int_equal(seen.started, 1);
    assert_int_equal(engine_op_wait(&fake->op, 0), ENTC_E_AGAIN);
    channel_put(&channel);
    assert_int_equal(engine_op_wait(&fake->op, 0), ENTC_OK);
    assert_int_equal(seen.called, 1);
    engine_op_unref(&fake->op);
    channel_close(&channel);
}

static void a_wait_whose_time_is_over_says_again_and_fails_nothing(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);
    int64_t before_us = clock_now_us();

    fake_submit(fake);
    assert_int_equal(engine_op_wait(&fake->op, 3000), ENTC_E_AGAIN);
    assert_true(clock_now_us() - before_us >= 3000);
    assert_int_equal(seen.started, 1);
    assert_false(engine_op_is_done(&fake->op));
    fake_finish(fake, ENTC_OK);
    assert_int_equal(engine_op_wait(&fake->op, INT64_MAX), ENTC_OK);
    assert_int_equal(seen.status, ENTC_OK);
    engine_op_unref(&fake->op);
}

static void a_wait_ends_with_the_deadline_of_its_operation(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake->op.deadline_us = engine_now_us(engine) + 2000;
    fake_submit(fake);
    assert_int_equal(engine_op_wait(&fake->op, -1), ENTC_OK);
    assert_int_equal(fake->op.status, ENTC_E_TIMEOUT);
    engine_op_unref(&fake->op);
}

static void callbacks_of_others_wait_for_process_or_their_own_wait(void **state)
{
    struct engine *engine = *state;
    struct seen seen[3] = {{0}, {0}, {0}};
    struct fake *fakes[3];

    for (int i = 0; i < 3; i++) {
        fakes[i] = fake_new(engine, &fake_ready, &seen[i]);
        fake_submit(fakes[i]);
    }
    assert_int_equal(engine_op_wait(&fakes[0]->op, -1), ENTC_OK);
    assert_true(engine_op_is_done(&fakes[1]->op) && engine_op_is_done(&fakes[2]->op));
    assert_int_equal(seen[0].called, 1);
    assert_int_equal(seen[1].called + seen[2].called, 0);
    assert_int_equal(engine_op_wait(&fakes[1]->op, 0), ENTC_OK);
    assert_int_equal(seen[1].called, 1);
    assert_int_equal(seen[2].called, 0);
    process(engine);
    process(engine);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(seen[i].called, 1);
        engine_op_unref(&fakes[i]->op);
    }
}

struct inside {
    struct engine *engine;
    struct engine *other_engine;
    struct fake *unfinished;
    entc_status wait;
    entc_status wait_without_time;
    entc_status wait_for_itself;
    entc_status process;
    entc_status close;
    entc_status elsewhere;
    bool is_inside;
    bool is_inside_other;
};

static void try_everything(entc_op *op, void *user)
{
    struct inside *inside = user;
    struct seen seen = {0};
    struct fake *other = fake_new(inside->other_engine, &fake_ready, &seen);

    inside->is_inside = engine_in_callback(inside->engine);
    inside->is_inside_other = engine_in_callback(inside->other_engine);
    inside->wait = engine_op_wait(&inside->unfinished->op, -1);
    inside->wait_without_time = engine_op_wait(&inside->unfinished->op, 0);
    inside->wait_for_itself = engine_op_wait(op, -1);
    inside->process = engine_process(inside->engine);
    inside->close = engine_close(inside->engine, 0, NULL, NULL);
    fake_submit(other);
    inside->elsewhere = engine_op_wait(&other->op, -1);
    engine_op_unref(&other->op);
}

static void blocking_inside_a_callback_is_refused_but_not_on_another_engine(void **state)
{
    struct engine *engine = *state;
    struct inside inside = {.engine = engine, .other_engine = fake_engine(ENTC_DRIVE_WAITERS)};
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);

    inside.unfinished = fake_new(engine, &fake_inert, &seen);
    fake->op.done = try_everything;
    fake->op.user = &inside;
    fake_submit(inside.unfinished);
    fake_submit(fake);
    assert_int_equal(engine_op_wait(&fake->op, -1), ENTC_OK);
    assert_true(inside.is_inside);
    assert_false(inside.is_inside_other);
    assert_int_equal(inside.wait, ENTC_E_REENTRANT);
    assert_int_equal(inside.wait_without_time, ENTC_E_REENTRANT);
    assert_int_equal(inside.wait_for_itself, ENTC_OK);
    assert_int_equal(inside.process, ENTC_E_REENTRANT);
    assert_int_equal(inside.close, ENTC_E_REENTRANT);
    assert_int_equal(inside.elsewhere, ENTC_OK);
    assert_false(engine_in_callback(engine));
    fake_finish(inside.unfinished, ENTC_OK);
    assert_int_equal(engine_op_wait(&inside.unfinished->op, -1), ENTC_OK);
    engine_op_unref(&fake->op);
    engine_op_unref(&inside.unfinished->op);
    fake_engine_free(inside.other_engine);
}

/* ---- several threads ---- */

static void a_driver_that_sleeps_is_woken_by_what_others_submit(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct fake *first = fake_new(engine, &fake_inert, &seen[0]);
    struct fake *second = fake_new(engine, &fake_ready, &seen[1]);
    struct waiter waiter;

    fake_submit(first);
    waiter_start(&waiter, first, -1);
    await_driver_asleep(engine);
    fake_submit(second);
    assert_int_equal(engine_op_wait(&second->op, -1), ENTC_OK);
    assert_true(pthread_equal(seen[1].called_by, pthread_self()));
    assert_int_equal(atomic_load(&waiter.returned), 0);
    await_driver_asleep(engine);
    fake_finish(first, ENTC_OK);
    thread_join(waiter.thread);
    assert_int_equal(waiter.status, ENTC_OK);
    assert_true(pthread_equal(seen[0].called_by, waiter.thread));
    engine_op_unref(&first->op);
    engine_op_unref(&second->op);
}

static void whoever_is_done_hands_the_role_to_one_who_still_waits(void **state)
{
    struct engine *engine = *state;
    struct seen seen[3] = {{0}, {0}, {0}};
    struct fake *fakes[3];
    struct channel channels[3];
    struct waiter waiters[3];

    for (int i = 0; i < 3; i++) {
        channels[i] = channel_open();
        fakes[i] = fake_new_pipe(engine, channels[i].in, &seen[i]);
        fake_submit(fakes[i]);
        waiter_start(&waiters[i], fakes[i], -1);
        await_driver_asleep(engine);
        await_sleepers(engine, (size_t)i);
    }
    for (int i = 0; i < 3; i++) {
        await_driver_asleep(engine);
        channel_put(&channels[i]);
        thread_join(waiters[i].thread);
        assert_int_equal(waiters[i].status, ENTC_OK);
        assert_true(pthread_equal(seen[i].called_by, waiters[i].thread));
        engine_op_unref(&fakes[i]->op);
        channel_close(&channels[i]);
    }
}

static void one_who_sleeps_is_woken_when_another_completes_its_operation(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct fake *fakes[2];
    struct channel channels[2];
    struct waiter waiters[2];

    for (int i = 0; i < 2; i++) {
        channels[i] = channel_open();
        fakes[i] = fake_new_pipe(engine, channels[i].in, &seen[i]);
        fake_submit(fakes[i]);
        waiter_start(&waiters[i], fakes[i], -1);
        await_driver_asleep(engine);
        await_sleepers(engine, (size_t)i);
    }
    for (int i = 1; i >= 0; i--) {
        await_driver_asleep(engine);
        channel_put(&channels[i]);
        thread_join(waiters[i].thread);
        assert_true(pthread_equal(seen[i].called_by, waiters[i].thread));
        engine_op_unref(&fakes[i]->op);
        channel_close(&channels[i]);
    }
}

static void one_whose_time_is_over_leaves_while_another_drives_on(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct fake *first = fake_new(engine, &fake_inert, &seen[0]);
    struct fake *second = fake_new(engine, &fake_inert, &seen[1]);
    struct waiter waiter;

    fake_submit(first);
    fake_submit(second);
    waiter_start(&waiter, first, -1);
    await_driver_asleep(engine);
    assert_int_equal(engine_op_wait(&second->op, 2000), ENTC_E_AGAIN);
    assert_int_equal(engine_op_wait(&second->op, 0), ENTC_E_AGAIN);
    fake_finish(second, ENTC_OK);
    assert_int_equal(engine_op_wait(&second->op, 60000000), ENTC_OK);
    fake_finish(first, ENTC_OK);
    thread_join(waiter.thread);
    engine_op_unref(&first->op);
    engine_op_unref(&second->op);
}

#define CROWD 6

static void many_may_wait_for_one_operation_whose_callback_comes_once(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);
    struct waiter waiters[CROWD];

    fake_submit(fake);
    for (int i = 0; i < CROWD; i++)
        waiter_start(&waiters[i], fake, -1);
    await_sleepers(engine, CROWD - 1);
    fake_finish(fake, ENTC_OK);
    for (int i = 0; i < CROWD; i++) {
        thread_join(waiters[i].thread);
        assert_int_equal(waiters[i].status, ENTC_OK);
    }
    assert_int_equal(seen.called, 1);
    engine_op_unref(&fake->op);
}

static void process_beside_a_driver_only_delivers(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct fake *first = fake_new(engine, &fake_inert, &seen[0]);
    struct fake *second = fake_new(engine, &fake_ready, &seen[1]);
    struct waiter waiter;

    fake_submit(first);
    waiter_start(&waiter, first, -1);
    await_driver_asleep(engine);
    fake_submit(second);
    while (!seen[1].called)
        process(engine);
    assert_true(pthread_equal(seen[1].called_by, pthread_self()));
    fake_finish(first, ENTC_OK);
    thread_join(waiter.thread);
    engine_op_unref(&first->op);
    engine_op_unref(&second->op);
}

/* A callback that blocks until it is let go on. */
struct gate {
    struct seen *seen;
    atomic_int entered;
    sem_t open;
};

static void pass_gate(entc_op *op, void *user)
{
    struct gate *gate = user;

    atomic_store(&gate->entered, 1);
    while (sem_wait(&gate->open) < 0)
        continue;
    fake_done(op, gate->seen);
}

struct both {
    struct engine_task task;
    struct fake **fakes;
};

static void finish_both(struct engine_task *task)
{
    struct both *both = BASE_CONTAINER(task, struct both, task);

    for (int i = 0; i < 2; i++)
        engine_op_complete(&both->fakes[i]->op, ENTC_OK, NULL);
}

/* The first two are done in the same turn; the second one is next in line to drive, but has a
 * callback to run first. */
static void while_an_heir_runs_its_callback_another_one_drives(void **state)
{
    struct engine *engine = *state;
    struct seen seen[3] = {{0}, {0}, {0}};
    struct gate gate = {.seen = &seen[1]};
    struct fake *fakes[3];
    struct both both = {.task = {.run = finish_both}, .fakes = fakes};
    struct channel channel = channel_open();
    struct waiter waiters[3];

    sem_init(&gate.open, 0, 0);
    for (int i = 0; i < 3; i++) {
        fakes[i] = i == 2 ? fake_new_pipe(engine, channel.in, &seen[i])
                          : fake_new(engine, &fake_inert, &seen[i]);
        if (i == 1) {
            fakes[i]->op.done = pass_gate;
            fakes[i]->op.user = &gate;
        }
        fake_submit(fakes[i]);
        waiter_start(&waiters[i], fakes[i], -1);
        await_driver_asleep(engine);
        await_sleepers(engine, (size_t)i);
    }
    engine_post(engine, &both.task);
    await_count(&gate.entered, 1);
    thread_join(waiters[0].thread);
    await_driver_asleep(engine);
    channel_put(&channel);
    thread_join(waiters[2].thread);
    assert_int_equal(atomic_load(&waiters[1].returned), 0);
    sem_post(&gate.open);
    thread_join(waiters[1].thread);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(seen[i].called, 1);
        engine_op_unref(&fakes[i]->op);
    }
    channel_close(&channel);
    sem_destroy(&gate.open);
}

static int setup(void **state)
{
    *state = fake_engine(ENTC_DRIVE_WAITERS);
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
        WITH_ENGINE(a_wait_drives_until_its_operation_is_done),
        WITH_ENGINE(a_wait_without_time_makes_one_turn_of_progress),
        WITH_ENGINE(a_wait_whose_time_is_over_says_again_and_fails_nothing),
        WITH_ENGINE(a_wait_ends_with_the_deadline_of_its_operation),
        WITH_ENGINE(callbacks_of_others_wait_for_process_or_their_own_wait),
        WITH_ENGINE(blocking_inside_a_callback_is_refused_but_not_on_another_engine),
        WITH_ENGINE(a_driver_that_sleeps_is_woken_by_what_others_submit),
        WITH_ENGINE(whoever_is_done_hands_the_role_to_one_who_still_waits),
        WITH_ENGINE(one_who_sleeps_is_woken_when_another_completes_its_operation),
        WITH_ENGINE(one_whose_time_is_over_leaves_while_another_drives_on),
        WITH_ENGINE(many_may_wait_for_one_operation_whose_callback_comes_once),
        WITH_ENGINE(process_beside_a_driver_only_delivers),
        WITH_ENGINE(while_an_heir_runs_its_callback_another_one_drives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
