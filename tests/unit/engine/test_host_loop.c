/* Proves ENTC_DRIVE_HOST and the one descriptor: the host's loop watches it and processes, other
 * threads submit and wait; and that the descriptor tells the truth in ENTC_DRIVE_WAITERS too. */
#include "fake.h"

#include <poll.h>
#include <semaphore.h>

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

/* Until the descriptor has nothing more to say. */
static void settle(struct engine *engine)
{
    for (int i = 0; i < 10 && is_readable(engine_fd(engine)); i++)
        process(engine);
    assert_false(is_readable(engine_fd(engine)));
}

struct waiter {
    pthread_t thread;
    struct fake *fake;
    entc_status status; /* read after the join */
    atomic_int returned;
};

static void *submit_and_wait(void *argument)
{
    struct waiter *waiter = argument;

    fake_submit(waiter->fake);
    waiter->status = engine_op_wait(&waiter->fake->op, -1);
    atomic_store(&waiter->returned, 1);
    return NULL;
}

static void waiter_start(struct waiter *waiter, struct fake *fake)
{
    waiter->fake = fake;
    atomic_store(&waiter->returned, 0);
    thread_start(&waiter->thread, submit_and_wait, waiter);
}

/* ---- ENTC_DRIVE_HOST ---- */

static void the_descriptor_is_readable_while_there_is_something_submitted(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);

    settle(engine);
    fake_submit(fake);
    assert_true(is_readable(engine_fd(engine)));
    assert_int_equal(seen.started, 0);
    process(engine);
    assert_int_equal(seen.called, 1);
    settle(engine);
    engine_op_unref(&fake->op);
}

static void the_descriptor_is_readable_when_an_answer_has_come(void **state)
{
    struct engine *engine = *state;
    struct channel channel = channel_open();
    struct seen seen = {0};
    struct fake *fake = fake_new_pipe(engine, channel.in, &seen);

    fake_submit(fake);
    settle(engine);
    channel_put(&channel);
    assert_true(is_readable(engine_fd(engine)));
    process(engine);
    assert_int_equal(seen.called, 1);
    settle(engine);
    engine_op_unref(&fake->op);
    channel_close(&channel);
}

static void the_descriptor_is_readable_when_a_timer_is_due(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new_timer(engine, 3000, &seen);

    fake_submit(fake);
    process(engine);
    process_until(engine, &seen.called, 1);
    assert_int_equal(seen.status, ENTC_OK);
    engine_op_unref(&fake->op);
}

static void an_earlier_timer_makes_the_descriptor_readable_earlier(void **state)
{
    struct engine *engine = *state;
    struct seen seen[3] = {{0}, {0}, {0}};
    struct fake *late = fake_new_timer(engine, 3000000000, &seen[0]);
    struct fake *early[2] = {fake_new_timer(engine, 4000, &seen[1]),
                             fake_new_timer(engine, 2000, &seen[2])};

    fake_submit(late);
    process(engine);
    for (int i = 0; i < 2; i++) {
        fake_submit(early[i]);
        process(engine);
    }
    process_until(engine, &seen[2].called, 1);
    process_until(engine, &seen[1].called, 1);
    assert_int_equal(seen[0].called, 0);
    engine_op_cancel(&late->op);
    process_until(engine, &seen[0].called, 1);
    engine_op_unref(&late->op);
    for (int i = 0; i < 2; i++)
        engine_op_unref(&early[i]->op);
}

static void a_wait_of_the_loop_thread_drives_and_only_queues_the_callbacks_of_others(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct fake *other = fake_new(engine, &fake_ready, &seen[0]);
    struct fake *own = fake_new_timer(engine, 2000, &seen[1]);

    fake_submit(other);
    fake_submit(own);
    assert_int_equal(engine_op_wait(&own->op, -1), ENTC_OK);
    assert_int_equal(seen[1].called, 1);
    assert_true(engine_op_is_done(&other->op));
    assert_int_equal(seen[0].called, 0);
    assert_true(is_readable(engine_fd(engine)));
    process(engine);
    assert_int_equal(seen[0].called, 1);
    settle(engine);
    engine_op_unref(&own->op);
    engine_op_unref(&other->op);
}

static void a_wait_of_the_loop_thread_leaves_the_descriptor_armed(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct fake *other = fake_new_timer(engine, 20000, &seen[0]);
    struct fake *own = fake_new_timer(engine, 1000, &seen[1]);

    fake_submit(other);
    fake_submit(own);
    assert_int_equal(engine_op_wait(&own->op, -1), ENTC_OK);
    process_until(engine, &seen[0].called, 1);
    engine_op_unref(&own->op);
    engine_op_unref(&other->op);
}

static void other_threads_wait_without_driving(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct waiter waiter;

    waiter_start(&waiter, fake_new(engine, &fake_ready, &seen));
    await_sleepers(engine, 1);
    assert_int_equal(seen.started, 0);
    await_readable(engine_fd(engine));
    process_until(engine, &seen.called, 1);
    thread_join(waiter.thread);
    assert_int_equal(waiter.status, ENTC_OK);
    engine_op_unref(&waiter.fake->op);
}

static void *wait_briefly(void *argument)
{
    struct waiter *waiter = argument;

    fake_submit(waiter->fake);
    waiter->status = engine_op_wait(&waiter->fake->op, 2000);
    return NULL;
}

static void a_wait_elsewhere_says_again_when_the_loop_does_nothing(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct waiter waiter = {.fake = fake_new(engine, &fake_ready, &seen)};

    thread_start(&waiter.thread, wait_briefly, &waiter);
    thread_join(waiter.thread);
    assert_int_equal(waiter.status, ENTC_E_AGAIN);
    assert_int_equal(seen.started, 0);
    process_until(engine, &seen.called, 1);
    engine_op_unref(&waiter.fake->op);
}

static void a_loop_thread_that_sleeps_inline_is_woken_by_what_others_submit(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct fake *own = fake_new(engine, &fake_inert, &seen[0]);
    struct waiter waiter;

    /* Made done by the same loop, later: its own wait must carry both. */
    fake_submit(own);
    waiter_start(&waiter, fake_new(engine, &fake_ready, &seen[1]));
    while (!atomic_load(&waiter.returned))
        assert_int_equal(engine_op_wait(&own->op, 1000), ENTC_E_AGAIN);
    thread_join(waiter.thread);
    assert_true(pthread_equal(seen[1].called_by, waiter.thread));
    fake_finish(own, ENTC_OK);
    assert_int_equal(engine_op_wait(&own->op, -1), ENTC_OK);
    engine_op_unref(&own->op);
    engine_op_unref(&waiter.fake->op);
}

/* ---- two threads that call process ---- */

struct gate {
    atomic_int entered;
    sem_t open;
};

static void pass_gate(struct fake *fake)
{
    struct gate *gate = fake->context;

    atomic_store(&gate->entered, 1);
    while (sem_wait(&gate->open) < 0)
        continue;
}

static void *process_once(void *argument)
{
    CHECK(engine_process(argument) == ENTC_OK);
    return NULL;
}

static void *become_loop_and_wait(void *argument)
{
    struct waiter *waiter = argument;

    CHECK(engine_process(waiter->fake->op.engine) == ENTC_OK);
    return submit_and_wait(argument);
}

/* The second caller of process finds the first one still driving, and then waits. */
static void the_role_goes_to_the_loop_thread_that_came_last(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct gate gate = {.entered = 0};
    struct fake *slow = fake_new(engine, &fake_ready, &seen[0]);
    struct waiter waiter = {.fake = fake_new_timer(engine, 3000, &seen[1])};
    pthread_t first;

    sem_init(&gate.open, 0, 0);
    slow->on_start = pass_gate;
    slow->context = &gate;
    fake_submit(slow);
    thread_start(&first, process_once, engine);
    await_count(&gate.entered, 1);
    thread_start(&waiter.thread, become_loop_and_wait, &waiter);
    await_sleepers(engine, 1);
    sem_post(&gate.open);
    thread_join(first);
    thread_join(waiter.thread);
    assert_int_equal(waiter.status, ENTC_OK);
    assert_int_equal(seen[1].called, 1);
    engine_op_unref(&slow->op);
    engine_op_unref(&waiter.fake->op);
    sem_destroy(&gate.open);
}

/* ---- ENTC_DRIVE_WAITERS with a watched descriptor ---- */

static void a_descriptor_watched_late_tells_what_waits_already(void **state)
{
    struct engine *engine = *state;
    struct seen seen[3] = {{0}, {0}, {0}};
    struct fake *fakes[3] = {fake_new(engine, &fake_ready, &seen[0]),
                             fake_new(engine, &fake_ready, &seen[1]),
                             fake_new_timer(engine, 3000, &seen[2])};

    for (int i = 0; i < 3; i++)
        fake_submit(fakes[i]);
    assert_int_equal(engine_op_wait(&fakes[0]->op, -1), ENTC_OK);
    assert_true(is_readable(engine_fd(engine)));
    process(engine);
    assert_int_equal(seen[1].called, 1);
    process_until(engine, &seen[2].called, 1);
    settle(engine);
    for (int i = 0; i < 3; i++)
        engine_op_unref(&fakes[i]->op);
}

static void a_descriptor_watched_late_tells_what_was_only_submitted(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);

    fake_submit(fake);
    assert_true(is_readable(engine_fd(engine)));
    process_until(engine, &seen.called, 1);
    settle(engine);
    engine_op_unref(&fake->op);
}

/* Another thread drives all the time, and would swallow every event. */
static void callbacks_make_the_descriptor_readable_while_another_thread_drives(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct channel channel = channel_open();
    struct waiter waiter;

    engine_fd(engine);
    waiter_start(&waiter, fake_new(engine, &fake_inert, &seen[0]));
    await_driver_asleep(engine);
    for (int round = 1; round <= 50; round++) {
        struct fake *fake = fake_new_pipe(engine, channel.in, &seen[1]);

        fake_submit(fake);
        await_count(&seen[1].started, round);
        channel_put(&channel);
        while (!engine_op_is_done(&fake->op))
            poll(NULL, 0, 0);
        await_driver_asleep(engine);
        assert_true(is_readable(engine_fd(engine)));
        process(engine);
        assert_int_equal(seen[1].called, round);
        assert_true(pthread_equal(seen[1].called_by, pthread_self()));
        engine_op_unref(&fake->op);
    }
    fake_finish(waiter.fake, ENTC_OK);
    thread_join(waiter.thread);
    settle(engine);
    engine_op_unref(&waiter.fake->op);
    channel_close(&channel);
}

struct both {
    struct engine_task task;
    struct waiter *waiters;
};

static void finish_both(struct engine_task *task)
{
    struct both *both = BASE_CONTAINER(task, struct both, task);

    for (int i = 0; i < 2; i++)
        engine_op_complete(&both->waiters[i].fake->op, ENTC_OK, NULL);
}

/* Both are done in the same turn, so that the one who is to drive next has no reason to. Without a
 * callback nothing else makes it look at the role again. */
static void the_last_one_who_leaves_arms_the_descriptor(void **state)
{
    struct engine *engine = *state;
    struct seen seen[3] = {{0}, {0}, {0}};
    struct fake *unattended = fake_new_timer(engine, 20000, &seen[2]);
    struct waiter waiters[2];
    struct both both = {.task = {.run = finish_both}, .waiters = waiters};

    engine_fd(engine);
    for (int i = 0; i < 2; i++) {
        struct fake *fake = fake_new(engine, &fake_inert, &seen[i]);

        fake->op.done = NULL;
        waiter_start(&waiters[i], fake);
        await_driver_asleep(engine);
        await_sleepers(engine, (size_t)i);
    }
    fake_submit(unattended);
    await_count(&seen[2].started, 1);
    engine_post(engine, &both.task);
    for (int i = 0; i < 2; i++) {
        thread_join(waiters[i].thread);
        engine_op_unref(&waiters[i].fake->op);
    }
    process_until(engine, &seen[2].called, 1);
    settle(engine);
    engine_op_unref(&unattended->op);
}

static int setup_host(void **state)
{
    *state = fake_engine(ENTC_DRIVE_HOST);
    return 0;
}

static int setup_waiters(void **state)
{
    *state = fake_engine(ENTC_DRIVE_WAITERS);
    return 0;
}

static int teardown(void **state)
{
    fake_engine_free(*state);
    return 0;
}

#define IN_HOST(test) cmocka_unit_test_setup_teardown(test, setup_host, teardown)
#define IN_WAITERS(test) cmocka_unit_test_setup_teardown(test, setup_waiters, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOST(the_descriptor_is_readable_while_there_is_something_submitted),
        IN_HOST(the_descriptor_is_readable_when_an_answer_has_come),
        IN_HOST(the_descriptor_is_readable_when_a_timer_is_due),
        IN_HOST(an_earlier_timer_makes_the_descriptor_readable_earlier),
        IN_HOST(a_wait_of_the_loop_thread_drives_and_only_queues_the_callbacks_of_others),
        IN_HOST(a_wait_of_the_loop_thread_leaves_the_descriptor_armed),
        IN_HOST(other_threads_wait_without_driving),
        IN_HOST(a_wait_elsewhere_says_again_when_the_loop_does_nothing),
        IN_HOST(a_loop_thread_that_sleeps_inline_is_woken_by_what_others_submit),
        IN_HOST(the_role_goes_to_the_loop_thread_that_came_last),
        IN_WAITERS(a_descriptor_watched_late_tells_what_waits_already),
        IN_WAITERS(a_descriptor_watched_late_tells_what_was_only_submitted),
        IN_WAITERS(callbacks_make_the_descriptor_readable_while_another_thread_drives),
        IN_WAITERS(the_last_one_who_leaves_arms_the_descriptor),
        IN_WAITERS(the_descriptor_is_readable_when_a_timer_is_due),
        IN_WAITERS(an_earlier_timer_makes_the_descriptor_readable_earlier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
