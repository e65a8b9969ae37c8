/* Proves host steps: host code on behalf of an operation that goes on afterwards. */
#include "fake.h"

#include <semaphore.h>

/* An operation with a step: what it does, and what was seen of it. */
struct stepper {
    struct fake *fake;
    struct seen seen;
    atomic_int stepped;
    pthread_t stepped_by; /* read after `stepped` */
    int more;             /* it asks for so many further steps */
    atomic_int waits;     /* it waits for `open` */
    sem_t open;
    bool is_finished_by_step;
    entc_status process; /* what it was answered inside */
    entc_status wait;
    struct engine_task again_task;
};

static void run_step(entc_op *op);

static void ask_again(struct engine_task *task)
{
    struct stepper *it = BASE_CONTAINER(task, struct stepper, again_task);

    engine_op_host_step(&it->fake->op, run_step);
}

/* Posts, as a room does that hears of a result in host code. */
static void run_step(entc_op *op)
{
    struct stepper *it = ((struct fake *)op)->context;

    CHECK(engine_in_callback(op->engine));
    CHECK(!engine_op_is_done(op) || atomic_load(&it->waits));
    it->process = engine_process(op->engine);
    it->wait = engine_op_wait(op, -1);
    it->stepped_by = pthread_self();
    if (it->more > 0) {
        it->more--;
        it->again_task.run = ask_again;
        engine_post(op->engine, &it->again_task);
    } else if (it->is_finished_by_step) {
        fake_finish(it->fake, ENTC_OK);
    }
    atomic_fetch_add(&it->stepped, 1);
    while (atomic_load(&it->waits) && sem_wait(&it->open) < 0)
        continue;
}

static void ask(struct fake *fake)
{
    struct stepper *it = fake->context;

    engine_op_host_step(&fake->op, run_step);
    CHECK(atomic_load(&it->stepped) == 0);
}

static void stepper_init(struct stepper *it, struct engine *engine)
{
    memset(it, 0, sizeof(*it));
    it->fake = fake_new(engine, &fake_inert, &it->seen);
    it->fake->context = it;
    it->fake->on_start = ask;
    it->is_finished_by_step = true;
    sem_init(&it->open, 0, 0);
}

static void stepper_fini(struct stepper *it)
{
    engine_op_unref(&it->fake->op);
    sem_destroy(&it->open);
    assert_int_equal(it->seen.destroyed, 1);
}

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

static void *wait_in_thread(void *argument)
{
    struct stepper *it = argument;

    CHECK(engine_op_wait(&it->fake->op, -1) == ENTC_OK);
    return NULL;
}

static void *process_in_thread(void *argument)
{
    CHECK(engine_process(argument) == ENTC_OK);
    return NULL;
}

/* ---- where it runs ---- */

static void a_step_runs_inside_process_and_the_operation_goes_on(void **state)
{
    struct engine *engine = *state;
    struct stepper it;

    stepper_init(&it, engine);
    fake_submit(it.fake);
    process(engine);
    assert_int_equal(it.stepped, 1);
    assert_int_equal(it.seen.called, 0);
    process(engine);
    assert_int_equal(it.stepped, 1);
    assert_int_equal(it.seen.called, 1);
    assert_int_equal(it.seen.status, ENTC_OK);
    stepper_fini(&it);
}

static void blocking_inside_a_step_is_refused(void **state)
{
    struct stepper it;

    stepper_init(&it, *state);
    fake_submit(it.fake);
    process(*state);
    assert_int_equal(it.process, ENTC_E_REENTRANT);
    assert_int_equal(it.wait, ENTC_E_REENTRANT);
    process(*state);
    stepper_fini(&it);
}

static void a_wait_for_the_operation_runs_its_steps_and_its_callback(void **state)
{
    struct stepper it;

    stepper_init(&it, *state);
    it.more = 3;
    fake_submit(it.fake);
    assert_int_equal(engine_op_wait(&it.fake->op, -1), ENTC_OK);
    assert_int_equal(it.stepped, 4);
    assert_int_equal(it.seen.called, 1);
    stepper_fini(&it);
}

static void a_wait_for_another_operation_does_not_run_it(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *other = fake_new_timer(engine, 1000, &seen);
    struct stepper it;

    stepper_init(&it, engine);
    fake_submit(it.fake);
    fake_submit(other);
    assert_int_equal(engine_op_wait(&other->op, -1), ENTC_OK);
    assert_int_equal(it.seen.started, 1);
    assert_int_equal(it.stepped, 0);
    assert_int_equal(engine_op_wait(&it.fake->op, -1), ENTC_OK);
    assert_int_equal(it.stepped, 1);
    engine_op_unref(&other->op);
    stepper_fini(&it);
}

static void one_who_sleeps_is_woken_for_the_step_of_its_operation(void **state)
{
    struct engine *engine = *state;
    struct stepper driving;
    struct stepper it;
    pthread_t threads[2];

    stepper_init(&driving, engine);
    driving.fake->on_start = NULL;
    stepper_init(&it, engine);
    it.fake->on_start = NULL;
    fake_submit(driving.fake);
    fake_submit(it.fake);
    thread_start(&threads[0], wait_in_thread, &driving);
    await_driver_asleep(engine);
    thread_start(&threads[1], wait_in_thread, &it);
    await_sleepers(engine, 1);
    it.again_task.run = ask_again;
    engine_post(engine, &it.again_task);
    thread_join(threads[1]);
    assert_int_equal(it.stepped, 1);
    assert_true(pthread_equal(it.stepped_by, threads[1]));
    fake_finish(driving.fake, ENTC_OK);
    thread_join(threads[0]);
    stepper_fini(&it);
    stepper_fini(&driving);
}

static void in_host_mode_a_thread_that_waits_runs_the_step_itself(void **state)
{
    struct engine *engine = fake_engine(ENTC_DRIVE_HOST);
    struct stepper it;
    pthread_t thread;

    (void)state;
    stepper_init(&it, engine);
    it.fake->on_start = NULL;
    fake_submit(it.fake);
    process(engine);
    thread_start(&thread, wait_in_thread, &it);
    await_sleepers(engine, 1);
    /* As a room would inside a turn; nobody else drives here. */
    engine_op_host_step(&it.fake->op, run_step);
    await_count(&it.stepped, 1);
    assert_true(pthread_equal(it.stepped_by, thread));
    process_until(engine, &it.seen.called, 1);
    thread_join(thread);
    stepper_fini(&it);
    fake_engine_free(engine);
}

static void in_host_mode_a_step_makes_the_descriptor_readable(void **state)
{
    struct engine *engine = fake_engine(ENTC_DRIVE_HOST);
    struct seen seen = {0};
    struct fake *own = fake_new_timer(engine, 1000, &seen);
    struct stepper it;

    (void)state;
    stepper_init(&it, engine);
    fake_submit(it.fake);
    fake_submit(own);
    assert_int_equal(engine_op_wait(&own->op, -1), ENTC_OK);
    assert_int_equal(it.stepped, 0);
    assert_true(is_readable(engine_fd(engine)));
    process_until(engine, &it.seen.called, 1);
    assert_int_equal(it.stepped, 1);
    stepper_fini(&it);
    engine_op_unref(&own->op);
    fake_engine_free(engine);
}

/* ---- when the operation ends ---- */

static void cancel_by_task(struct fake *fake)
{
    engine_op_host_step(&fake->op, run_step);
    engine_op_cancel(&fake->op);
}

static void a_step_that_did_not_run_before_the_end_never_does(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *other = fake_new_timer(engine, 1000, &seen);
    struct stepper it;

    stepper_init(&it, engine);
    it.fake->on_start = cancel_by_task;
    fake_submit(it.fake);
    fake_submit(other);
    assert_int_equal(engine_op_wait(&other->op, -1), ENTC_OK);
    process(engine);
    assert_int_equal(it.stepped, 0);
    assert_int_equal(it.seen.called, 1);
    assert_int_equal(it.seen.status, ENTC_E_CANCELLED);
    engine_op_unref(&other->op);
    stepper_fini(&it);
}

static void complete_and_ask(struct fake *fake)
{
    engine_op_complete(&fake->op, ENTC_OK, NULL);
    engine_op_host_step(&fake->op, run_step);
}

static void a_completed_operation_asks_for_steps_in_vain(void **state)
{
    struct stepper it;

    stepper_init(&it, *state);
    it.fake->on_start = complete_and_ask;
    fake_submit(it.fake);
    assert_int_equal(engine_op_wait(&it.fake->op, -1), ENTC_OK);
    process(*state);
    assert_int_equal(it.stepped, 0);
    assert_int_equal(it.seen.called, 1);
    stepper_fini(&it);
}

/* The operation ends while its step still runs in another thread. */
static void the_callback_waits_until_a_step_that_runs_has_returned(void **state)
{
    struct engine *engine = *state;
    struct stepper it;
    pthread_t thread;

    stepper_init(&it, engine);
    it.is_finished_by_step = false;
    atomic_store(&it.waits, 1);
    fake_submit(it.fake);
    thread_start(&thread, process_in_thread, engine);
    await_count(&it.stepped, 1);
    engine_op_cancel(&it.fake->op);
    for (int i = 0; i < 3; i++)
        process(engine);
    assert_int_equal(engine_op_wait(&it.fake->op, -1), ENTC_OK);
    assert_int_equal(it.fake->op.status, ENTC_E_CANCELLED);
    assert_int_equal(it.seen.called, 0);
    sem_post(&it.open);
    thread_join(thread);
    process(engine);
    assert_int_equal(it.seen.called, 1);
    stepper_fini(&it);
}

/* As above, but it asks for a second step: the driver sleeps while it waits for just that. */
static void a_step_that_is_due_again_while_it_runs_comes_after_it(void **state)
{
    struct engine *engine = *state;
    struct stepper it;
    pthread_t threads[2];

    stepper_init(&it, engine);
    it.more = 1;
    atomic_store(&it.waits, 1);
    fake_submit(it.fake);
    thread_start(&threads[0], process_in_thread, engine);
    await_count(&it.stepped, 1);
    thread_start(&threads[1], wait_in_thread, &it);
    await_driver_asleep(engine);
    assert_int_equal(it.stepped, 1);
    atomic_store(&it.waits, 0);
    sem_post(&it.open);
    thread_join(threads[0]);
    thread_join(threads[1]);
    assert_int_equal(it.stepped, 2);
    assert_int_equal(it.seen.called, 1);
    stepper_fini(&it);
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
        WITH_ENGINE(a_step_runs_inside_process_and_the_operation_goes_on),
        WITH_ENGINE(blocking_inside_a_step_is_refused),
        WITH_ENGINE(a_wait_for_the_operation_runs_its_steps_and_its_callback),
        WITH_ENGINE(a_wait_for_another_operation_does_not_run_it),
        WITH_ENGINE(one_who_sleeps_is_woken_for_the_step_of_its_operation),
        cmocka_unit_test(in_host_mode_a_thread_that_waits_runs_the_step_itself),
        cmocka_unit_test(in_host_mode_a_step_makes_the_descriptor_readable),
        WITH_ENGINE(a_step_that_did_not_run_before_the_end_never_does),
        WITH_ENGINE(a_completed_operation_asks_for_steps_in_vain),
        WITH_ENGINE(the_callback_waits_until_a_step_that_runs_has_returned),
        WITH_ENGINE(a_step_that_is_due_again_while_it_runs_comes_after_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
