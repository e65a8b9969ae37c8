/* Proves closing: nothing new, the rest ends, every callback comes, nothing runs afterwards. */
#include "fake.h"

#include <semaphore.h>

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

static void closed(struct engine *engine, int64_t timeout_us)
{
    assert_int_equal(engine_close(engine, timeout_us, NULL, NULL), ENTC_OK);
}

/* ---- what becomes of operations ---- */

static void a_closed_engine_refuses_everything_new(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);

    assert_int_equal(engine_admits(engine), ENTC_OK);
    closed(engine, 0);
    assert_int_equal(engine_admits(engine), ENTC_E_CLOSED);
    assert_int_equal(engine_op_submit(&fake->op), ENTC_E_CLOSED);
    assert_int_equal(engine_process(engine), ENTC_E_CLOSED);
    engine_op_unref(&fake->op);
    assert_int_equal(seen.started + seen.called, 0);
    assert_int_equal(seen.destroyed, 1);
}

static void operations_are_given_their_time_to_end(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *timer = fake_new_timer(engine, 5000, &seen);
    struct fake *ready = fake_new(engine, &fake_ready, &seen);

    fake_submit(timer);
    fake_submit(ready);
    closed(engine, 60000000);
    assert_int_equal(seen.called, 2);
    assert_int_equal(timer->op.status, ENTC_OK);
    assert_int_equal(ready->op.status, ENTC_OK);
    engine_op_unref(&timer->op);
    engine_op_unref(&ready->op);
}

static void what_is_under_way_when_the_time_is_over_ends_as_closed(void **state)
{
    struct engine *engine = *state;
    struct channel channel = channel_open();
    struct seen seen[4] = {{0}, {0}, {0}, {0}};
    struct fake *fakes[4] = {
        fake_new(engine, &fake_inert, &seen[0]), fake_new_pipe(engine, channel.in, &seen[1]),
        fake_new_timer(engine, 3000000000, &seen[2]), fake_new(engine, &fake_inert, &seen[3])};

    for (int i = 0; i < 4; i++) {
        if (i == 3)
            process(engine);
        fake_submit(fakes[i]);
    }
    closed(engine, 2000);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(seen[i].started, 1);
        assert_int_equal(seen[i].abandoned, 1);
        assert_int_equal(seen[i].called, 1);
        assert_int_equal(seen[i].status, ENTC_E_CLOSED);
        assert_true(pthread_equal(seen[i].called_by, pthread_self()));
        engine_op_unref(&fakes[i]->op);
        assert_int_equal(seen[i].destroyed, 1);
    }
    channel_close(&channel);
}

static void callbacks_that_were_due_already_come_at_the_close(void **state)
{
    struct engine *engine = *state;
    struct seen seen[2] = {{0}, {0}};
    struct fake *other = fake_new(engine, &fake_ready, &seen[0]);
    struct fake *own = fake_new(engine, &fake_ready, &seen[1]);

    fake_submit(other);
    fake_submit(own);
    engine_op_unref(&other->op);
    assert_int_equal(engine_op_wait(&own->op, -1), ENTC_OK);
    engine_op_unref(&own->op);
    assert_int_equal(seen[0].called, 0);
    closed(engine, 0);
    assert_int_equal(seen[0].called, 1);
    assert_int_equal(seen[0].destroyed, 1);
}

static void finish_in_step(entc_op *op)
{
    fake_finish((struct fake *)op, ENTC_OK);
}

static void ask_for_step(struct fake *fake)
{
    engine_op_host_step(&fake->op, finish_in_step);
}

static void a_host_step_that_is_due_runs_while_there_is_time(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake->on_start = ask_for_step;
    fake_submit(fake);
    closed(engine, 60000000);
    assert_int_equal(seen.status, ENTC_OK);
    assert_int_equal(seen.called, 1);
    engine_op_unref(&fake->op);
}

static void a_cancel_after_the_close_changes_nothing(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    fake_submit(fake);
    closed(engine, 0);
    engine_op_cancel(&fake->op);
    assert_int_equal(fake->op.status, ENTC_E_CLOSED);
    engine_op_unref(&fake->op);
    assert_int_equal(seen.destroyed, 1);
}

/* ---- inside callbacks ---- */

struct inside {
    struct seen next_seen;
    struct fake *next;
    entc_status submit;
    entc_status close;
};

static void submit_and_close(entc_op *op, void *user)
{
    struct inside *inside = user;

    inside->submit = engine_op_submit(&inside->next->op);
    inside->close = engine_close(op->engine, 0, NULL, NULL);
    engine_op_cancel(op);
}

static void a_callback_of_the_close_can_neither_submit_nor_close(void **state)
{
    struct engine *engine = *state;
    struct inside inside = {.submit = ENTC_OK};
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    inside.next = fake_new(engine, &fake_ready, &inside.next_seen);
    fake->op.done = submit_and_close;
    fake->op.user = &inside;
    fake_submit(fake);
    closed(engine, 0);
    assert_int_equal(inside.submit, ENTC_E_CLOSED);
    assert_int_equal(inside.close, ENTC_E_REENTRANT);
    engine_op_unref(&inside.next->op);
    engine_op_unref(&fake->op);
    assert_int_equal(seen.destroyed, 1);
}

struct gate {
    atomic_int entered;
    atomic_int left;
    sem_t open;
};

static void pass_gate(entc_op *op, void *user)
{
    struct gate *gate = user;

    (void)op;
    atomic_store(&gate->entered, 1);
    while (sem_wait(&gate->open) < 0)
        continue;
    atomic_store(&gate->left, 1);
}

static void *wait_in_thread(void *argument)
{
    struct fake *fake = argument;

    CHECK(engine_op_wait(&fake->op, -1) == ENTC_OK);
    return NULL;
}

struct closer {
    struct engine *engine;
    struct gate *gate; /* may be NULL */
    atomic_int returned;
};

static void *close_in_thread(void *argument)
{
    struct closer *closer = argument;

    CHECK(engine_close(closer->engine, 0, NULL, NULL) == ENTC_OK);
    CHECK(!closer->gate || atomic_load(&closer->gate->left));
    atomic_store(&closer->returned, 1);
    return NULL;
}

static void the_close_waits_for_a_callback_that_another_thread_runs(void **state)
{
    struct engine *engine = *state;
    struct gate gate = {.entered = 0};
    struct closer closer = {.engine = engine, .gate = &gate};
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);
    pthread_t threads[2];

    sem_init(&gate.open, 0, 0);
    fake->op.done = pass_gate;
    fake->op.user = &gate;
    fake_submit(fake);
    thread_start(&threads[0], wait_in_thread, fake);
    await_count(&gate.entered, 1);
    thread_start(&threads[1], close_in_thread, &closer);
    await_sleepers(engine, 1);
    assert_int_equal(atomic_load(&closer.returned), 0);
    sem_post(&gate.open);
    thread_join(threads[1]);
    thread_join(threads[0]);
    engine_op_unref(&fake->op);
    sem_destroy(&gate.open);
}

/* ---- other threads ---- */

static atomic_int shutdowns;
static atomic_int done_before_shutdown;

static void count_shutdown(void *context)
{
    const struct fake *fake = context;

    atomic_fetch_add(&shutdowns, 1);
    atomic_store(&done_before_shutdown, engine_op_is_done(&fake->op));
}

static void connections_are_shut_once_after_the_last_operation(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    atomic_store(&shutdowns, 0);
    fake_submit(fake);
    assert_int_equal(engine_close(engine, 0, count_shutdown, fake), ENTC_OK);
    assert_int_equal(engine_close(engine, 0, count_shutdown, fake), ENTC_OK);
    assert_int_equal(shutdowns, 1);
    assert_int_equal(done_before_shutdown, 1);
    engine_op_unref(&fake->op);
}

#define CLOSERS 4

static void of_many_who_close_at_once_all_return_when_it_is_closed(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);
    struct closer closers[CLOSERS];
    pthread_t threads[CLOSERS];

    fake_submit(fake);
    for (int i = 0; i < CLOSERS; i++) {
        closers[i] = (struct closer){.engine = engine};
        thread_start(&threads[i], close_in_thread, &closers[i]);
    }
    for (int i = 0; i < CLOSERS; i++)
        thread_join(threads[i]);
    assert_int_equal(seen.called, 1);
    assert_int_equal(engine_admits(engine), ENTC_E_CLOSED);
    engine_op_unref(&fake->op);
}

#define WAITERS 4

static void threads_that_wait_are_released_by_the_close(void **state)
{
    struct engine *engine = *state;
    struct seen seen[WAITERS];
    struct fake *fakes[WAITERS];
    pthread_t threads[WAITERS];

    memset(seen, 0, sizeof(seen));
    for (int i = 0; i < WAITERS; i++) {
        fakes[i] = fake_new(engine, &fake_inert, &seen[i]);
        fake_submit(fakes[i]);
        thread_start(&threads[i], wait_in_thread, fakes[i]);
    }
    await_driver_asleep(engine);
    await_sleepers(engine, WAITERS - 1);
    closed(engine, 1000);
    for (int i = 0; i < WAITERS; i++) {
        thread_join(threads[i]);
        assert_int_equal(fakes[i]->op.status, ENTC_E_CLOSED);
        assert_int_equal(seen[i].called, 1);
        engine_op_unref(&fakes[i]->op);
    }
}

static void threads_that_wait_in_host_mode_are_released_too(void **state)
{
    struct engine *engine = fake_engine(ENTC_DRIVE_HOST);
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);
    pthread_t thread;

    (void)state;
    fake_submit(fake);
    thread_start(&thread, wait_in_thread, fake);
    await_sleepers(engine, 1);
    fake_engine_free(engine);
    thread_join(thread);
    assert_int_equal(seen.status, ENTC_E_CLOSED);
    engine_op_unref(&fake->op);
}

/* ---- tasks ---- */

#define POSTERS 4
#define POSTS 500

struct count_task {
    struct engine_task task;
    struct engine *engine;
    int *runs; /* not atomic: tasks never run side by side */
    struct count_task *next;
};

static void count_run(struct engine_task *task)
{
    struct count_task *it = BASE_CONTAINER(task, struct count_task, task);

    ++*it->runs;
    if (it->next)
        engine_post(it->engine, &it->next->task);
}

static void tasks_posted_before_the_close_run_in_it(void **state)
{
    struct engine *engine = *state;
    int runs = 0;
    struct count_task second = {.task = {.run = count_run}, .engine = engine, .runs = &runs};
    struct count_task first = {
        .task = {.run = count_run}, .engine = engine, .runs = &runs, .next = &second};

    engine_post(engine, &first.task);
    assert_int_equal(runs, 0);
    closed(engine, 0);
    assert_int_equal(runs, 2);
}

static void tasks_posted_after_the_close_run_inline(void **state)
{
    struct engine *engine = *state;
    int runs = 0;
    struct count_task second = {.task = {.run = count_run}, .engine = engine, .runs = &runs};
    struct count_task first = {
        .task = {.run = count_run}, .engine = engine, .runs = &runs, .next = &second};

    closed(engine, 0);
    engine_post(engine, &first.task);
    assert_int_equal(runs, 2);
}

struct poster {
    struct engine *engine;
    int *runs;
    atomic_int *posted;
    struct count_task tasks[POSTS];
};

static void *post_many(void *argument)
{
    struct poster *poster = argument;

    for (int i = 0; i < POSTS; i++) {
        poster->tasks[i] = (struct count_task){
            .task = {.run = count_run}, .engine = poster->engine, .runs = poster->runs};
        engine_post(poster->engine, &poster->tasks[i].task);
        atomic_fetch_add(poster->posted, 1);
    }
    return NULL;
}

static void tasks_that_race_with_the_close_each_run_once_and_one_at_a_time(void **state)
{
    struct engine *engine = *state;
    static struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    atomic_int posted = 0;
    int runs = 0;

    for (int i = 0; i < POSTERS; i++) {
        posters[i].engine = engine;
        posters[i].runs = &runs;
        posters[i].posted = &posted;
        thread_start(&threads[i], post_many, &posters[i]);
    }
    await_count(&posted, POSTS);
    closed(engine, 0);
    for (int i = 0; i < POSTERS; i++)
        thread_join(threads[i]);
    assert_int_equal(runs, POSTERS * POSTS);
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
        WITH_ENGINE(a_closed_engine_refuses_everything_new),
        WITH_ENGINE(operations_are_given_their_time_to_end),
        WITH_ENGINE(what_is_under_way_when_the_time_is_over_ends_as_closed),
        WITH_ENGINE(callbacks_that_were_due_already_come_at_the_close),
        WITH_ENGINE(a_host_step_that_is_due_runs_while_there_is_time),
        WITH_ENGINE(a_cancel_after_the_close_changes_nothing),
        WITH_ENGINE(a_callback_of_the_close_can_neither_submit_nor_close),
        WITH_ENGINE(the_close_waits_for_a_callback_that_another_thread_runs),
        WITH_ENGINE(connections_are_shut_once_after_the_last_operation),
        WITH_ENGINE(of_many_who_close_at_once_all_return_when_it_is_closed),
        WITH_ENGINE(threads_that_wait_are_released_by_the_close),
        cmocka_unit_test(threads_that_wait_in_host_mode_are_released_too),
        WITH_ENGINE(tasks_posted_before_the_close_run_in_it),
        WITH_ENGINE(tasks_posted_after_the_close_run_inline),
        WITH_ENGINE(tasks_that_race_with_the_close_each_run_once_and_one_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
