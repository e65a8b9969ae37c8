/* Proves helper threads: blocking work elsewhere, its end on the driver. */
#include "fake.h"

#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

struct errand {
    struct engine_helper helper;
    struct engine *engine;
    pthread_t worked_by;
    pthread_t done_by;
    atomic_int worked;
    atomic_int done;
    sigset_t blocked;
    sem_t go;
    struct errand *next; /* started when this one is done */
    struct fake *completes;
};

static void work(struct engine_helper *helper)
{
    struct errand *errand = BASE_CONTAINER(helper, struct errand, helper);

    while (sem_wait(&errand->go) < 0)
        continue;
    errand->worked_by = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &errand->blocked);
    atomic_fetch_add(&errand->worked, 1);
}

static void done(struct engine_helper *helper)
{
    struct errand *errand = BASE_CONTAINER(helper, struct errand, helper);

    CHECK(atomic_load(&errand->worked) == 1);
    errand->done_by = pthread_self();
    atomic_fetch_add(&errand->done, 1);
    if (errand->next)
        CHECK(engine_helper_start(errand->engine, &errand->next->helper) == ENTC_OK);
    if (errand->completes)
        engine_op_complete(&errand->completes->op, ENTC_OK, NULL);
}

static void errand_init(struct errand *errand, struct engine *engine)
{
    memset(errand, 0, sizeof(*errand));
    errand->engine = engine;
    errand->helper.work = work;
    errand->helper.done = done;
    sem_init(&errand->go, 0, 0);
}

static void start(struct errand *errand)
{
    assert_int_equal(engine_helper_start(errand->engine, &errand->helper), ENTC_OK);
}

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

static void work_is_done_elsewhere_and_its_end_comes_to_the_driver(void **state)
{
    struct engine *engine = *state;
    struct errand errand;

    errand_init(&errand, engine);
    start(&errand);
    process(engine);
    assert_int_equal(errand.worked + errand.done, 0);
    sem_post(&errand.go);
    await_readable(engine_fd(engine));
    process(engine);
    assert_int_equal(errand.done, 1);
    assert_false(pthread_equal(errand.worked_by, pthread_self()));
    assert_true(pthread_equal(errand.done_by, pthread_self()));
    sem_destroy(&errand.go);
}

static void a_helper_blocks_all_signals_and_leaves_ours_alone(void **state)
{
    struct engine *engine = *state;
    struct errand errand;
    sigset_t before;
    sigset_t after;

    errand_init(&errand, engine);
    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sem_post(&errand.go);
    start(&errand);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    process_until(engine, &errand.done, 1);
    for (int number = 1; number < NSIG; number++) {
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
        /* Those that cannot be blocked, and those that the C library keeps to itself. */
        if (number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN))
            continue;
        assert_int_equal(sigismember(&errand.blocked, number), 1);
    }
    sigemptyset(&before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sem_destroy(&errand.go);
}

static void start_errand(struct fake *fake)
{
    CHECK(engine_helper_start(fake->op.engine, &((struct errand *)fake->context)->helper) ==
          ENTC_OK);
}

static void *let_go(void *argument)
{
    struct errand *errand = argument;

    await_driver_asleep(errand->engine);
    sem_post(&errand->go);
    return NULL;
}

static void the_end_of_a_helper_wakes_a_driver_that_sleeps(void **state)
{
    struct engine *engine = fake_engine(ENTC_DRIVE_WAITERS);
    struct seen seen = {0};
    struct errand errand;
    pthread_t thread;

    (void)state;
    errand_init(&errand, engine);
    errand.completes = fake_new(engine, &fake_inert, &seen);
    errand.completes->on_start = start_errand;
    errand.completes->context = &errand;
    fake_submit(errand.completes);
    thread_start(&thread, let_go, &errand);
    assert_int_equal(engine_op_wait(&errand.completes->op, -1), ENTC_OK);
    assert_int_equal(errand.done, 1);
    thread_join(thread);
    engine_op_unref(&errand.completes->op);
    fake_engine_free(engine);
    sem_destroy(&errand.go);
}

#define MANY 16

static void several_helpers_work_side_by_side(void **state)
{
    struct engine *engine = *state;
    struct errand errands[MANY];

    for (int i = 0; i < MANY; i++) {
        errand_init(&errands[i], engine);
        start(&errands[i]);
    }
    for (int i = MANY - 1; i >= 0; i--) {
        sem_post(&errands[i].go);
        process_until(engine, &errands[i].done, 1);
        sem_destroy(&errands[i].go);
    }
}

static void free_errand(struct engine_helper *helper)
{
    struct errand *errand = BASE_CONTAINER(helper, struct errand, helper);

    sem_destroy(&errand->go);
    free(errand);
}

static void the_end_may_free_the_helper(void **state)
{
    struct engine *engine = *state;
    struct errand *errand = malloc(sizeof(*errand));

    assert_non_null(errand);
    errand_init(errand, engine);
    errand->helper.done = free_errand;
    sem_post(&errand->go);
    start(errand);
    await_readable(engine_fd(engine));
    process(engine);
    assert_true(list_is_empty(&engine->helpers));
}

static void *post_go_when_closing(void *argument)
{
    struct errand *errand = argument;

    /* The close sleeps as a driver until the helpers are back. */
    await_driver_asleep(errand->engine);
    sem_post(&errand->go);
    return NULL;
}

static void the_close_waits_for_helpers_and_for_those_they_start(void **state)
{
    struct engine *engine = *state;
    struct errand errands[2];
    pthread_t thread;

    for (int i = 0; i < 2; i++)
        errand_init(&errands[i], engine);
    errands[0].next = &errands[1];
    sem_post(&errands[1].go);
    start(&errands[0]);
    thread_start(&thread, post_go_when_closing, &errands[0]);
    assert_int_equal(engine_close(engine, 0, NULL, NULL), ENTC_OK);
    thread_join(thread);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(errands[i].done, 1);
        assert_true(pthread_equal(errands[i].done_by, pthread_self()));
        sem_destroy(&errands[i].go);
    }
}

static void when_the_system_gives_no_thread_the_start_says_so(void **state)
{
    struct engine *engine = *state;
    struct errand errand;
    pthread_attr_t usual;
    pthread_attr_t huge;

    errand_init(&errand, engine);
    assert_int_equal(pthread_getattr_default_np(&usual), 0);
    assert_int_equal(pthread_attr_init(&huge), 0);
    /* More stack than there are addresses. */
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 48), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    assert_int_equal(engine_helper_start(engine, &errand.helper), ENTC_E_SYSTEM);
    assert_int_equal(pthread_setattr_default_np(&usual), 0);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&usual);
    assert_true(list_is_empty(&engine->helpers));
    sem_destroy(&errand.go);
}

static int setup(void **state)
{
    *state = fake_engine(ENTC_DRIVE_HOST);
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
        WITH_ENGINE(work_is_done_elsewhere_and_its_end_comes_to_the_driver),
        WITH_ENGINE(a_helper_blocks_all_signals_and_leaves_ours_alone),
        cmocka_unit_test(the_end_of_a_helper_wakes_a_driver_that_sleeps),
        WITH_ENGINE(several_helpers_work_side_by_side),
        WITH_ENGINE(the_end_may_free_the_helper),
        WITH_ENGINE(the_close_waits_for_helpers_and_for_those_they_start),
        WITH_ENGINE(when_the_system_gives_no_thread_the_start_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
