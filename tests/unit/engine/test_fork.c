/* Proves fork safety: a child is told so everywhere, and what it frees leaves the parent at work.
 *
 * A child tells through a pipe which of its checks failed first, and then kills itself: it has much
 * under way that it cannot free, which no leak checker needs to hear about. */
#include "fake.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int verdict[2]; /* a pipe */

static _Noreturn void end_child(int line)
{
    if (write(verdict[1], &line, sizeof(line)) != sizeof(line))
        abort();
    kill(getpid(), SIGKILL);
    _exit(1);
}

#define CHILD(condition)         \
    do {                         \
        if (!(condition))        \
            end_child(__LINE__); \
    } while (0)

static pid_t fork_child(void)
{
    pid_t child = 0;

    assert_int_equal(pipe2(verdict, O_CLOEXEC), 0);
    child = fork();
    if (child == 0)
        alarm(60);
    return child;
}

static void expect_child(pid_t child)
{
    int line = -1;

    assert_true(child > 0);
    close(verdict[1]);
    assert_int_equal(read(verdict[0], &line, sizeof(line)), sizeof(line));
    close(verdict[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    /* The line of the check that failed. */
    assert_int_equal(line, 0);
}

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

static void never_run(struct engine_task *task)
{
    (void)task;
    abort();
}

static void a_child_is_told_everywhere_that_it_forked(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *ended = fake_new(engine, &fake_ready, &seen);
    struct fake *under_way = fake_new(engine, &fake_inert, &seen);
    struct fake *fresh = fake_new(engine, &fake_ready, &seen);
    struct engine_task task = {.run = never_run};
    pid_t child = 0;

    fake_submit(ended);
    fake_submit(under_way);
    process(engine);
    child = fork_child();
    if (child == 0) {
        CHILD(engine_is_forked(engine));
        CHILD(engine_admits(engine) == ENTC_E_FORKED);
        CHILD(engine_op_submit(&fresh->op) == ENTC_E_FORKED);
        CHILD(engine_op_wait(&ended->op, -1) == ENTC_E_FORKED);
        CHILD(engine_op_wait(&under_way->op, -1) == ENTC_E_FORKED);
        CHILD(engine_process(engine) == ENTC_E_FORKED);
        CHILD(!engine_in_callback(engine));
        engine_op_cancel(&under_way->op);
        CHILD(atomic_load(&under_way->op.references) == 2);
        engine_post(engine, &task);
        CHILD(engine_close(engine, -1, NULL, NULL) == ENTC_E_FORKED);
        CHILD(seen.called == 1);
        end_child(0);
    }
    expect_child(child);
    assert_false(engine_is_forked(engine));
    fake_finish(under_way, ENTC_OK);
    fake_submit(fresh);
    process(engine);
    assert_int_equal(seen.called, 3);
    engine_op_unref(&ended->op);
    engine_op_unref(&under_way->op);
    engine_op_unref(&fresh->op);
}

static void listen_and_ignore(struct engine_watch *watch, uint32_t events)
{
    (void)watch;
    (void)events;
}

static void what_a_child_frees_does_not_disturb_its_parent(void **state)
{
    struct engine *engine = *state;
    struct channel channels[2] = {channel_open(), channel_open()};
    struct engine_watch watch = {.fd = -1, .ready = listen_and_ignore};
    struct seen seen = {0};
    struct fake *fake = fake_new_pipe(engine, channels[0].in, &seen);
    struct fake *timer = fake_new_timer(engine, 20000, &seen);
    pid_t child = 0;

    fake_submit(fake);
    fake_submit(timer);
    process(engine);
    assert_int_equal(engine_watch_add(engine, &watch, channels[1].in, EPOLLIN), ENTC_OK);
    child = fork_child();
    if (child == 0) {
        /* As connections and operations do when they are freed. */
        engine_watch_remove(engine, &watch);
        engine_watch_remove(engine, &fake->watch);
        channel_close(&channels[0]);
        channel_close(&channels[1]);
        CHILD(watch.fd == -1);
        engine_op_unref(&fake->op);
        engine_op_unref(&timer->op);
        CHILD(engine_close(engine, 0, NULL, NULL) == ENTC_E_FORKED);
        engine_unref(engine);
        end_child(0);
    }
    expect_child(child);
    channel_put(&channels[1]);
    assert_true(is_readable(engine_fd(engine)));
    engine_watch_remove(engine, &watch);
    channel_put(&channels[0]);
    process_until(engine, &seen.called, 2);
    assert_int_equal(fake->op.status, ENTC_OK);
    assert_int_equal(timer->op.status, ENTC_OK);
    engine_op_unref(&fake->op);
    engine_op_unref(&timer->op);
    channel_close(&channels[0]);
    channel_close(&channels[1]);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void a_child_that_closes_gives_its_descriptors_back_whatever_is_under_way(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);
    pid_t child = 0;

    fake_submit(fake);
    process(engine);
    child = fork_child();
    if (child == 0) {
        const int all[] = {engine->host_fd, engine->due_fd, engine->epoll_fd, engine->event_fd,
                           engine->timer_fd};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            CHILD(is_open(all[i]));
        CHILD(engine_close(engine, 0, NULL, NULL) == ENTC_E_FORKED);
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            CHILD(!is_open(all[i]));
        CHILD(engine_close(engine, 0, NULL, NULL) == ENTC_E_FORKED);
        end_child(0);
    }
    expect_child(child);
    fake_finish(fake, ENTC_OK);
    process_until(engine, &seen.called, 1);
    engine_op_unref(&fake->op);
}

static void a_child_makes_an_engine_of_its_own(void **state)
{
    pid_t child = 0;

    (void)state;
    child = fork_child();
    if (child == 0) {
        struct engine *own = fake_engine(ENTC_DRIVE_WAITERS);
        struct seen seen = {0};
        struct fake *fake = fake_new_timer(own, 1000, &seen);

        CHILD(!engine_is_forked(own));
        fake_submit(fake);
        CHILD(engine_op_wait(&fake->op, -1) == ENTC_OK);
        CHILD(seen.called == 1);
        engine_op_unref(&fake->op);
        CHILD(engine_close(own, 0, NULL, NULL) == ENTC_OK);
        engine_unref(own);
        end_child(0);
    }
    expect_child(child);
}

struct gate {
    atomic_int entered;
    sem_t open;
};

static void pass_gate(entc_op *op, void *user)
{
    struct gate *gate = user;

    (void)op;
    atomic_store(&gate->entered, 1);
    while (sem_wait(&gate->open) < 0)
        continue;
}

static void *wait_in_thread(void *argument)
{
    struct fake *fake = argument;

    CHECK(engine_op_wait(&fake->op, -1) == ENTC_OK);
    return NULL;
}

/* The child has neither the thread that holds the lock nor the one that runs a callback. */
static void a_child_of_a_busy_parent_never_hangs(void **state)
{
    struct engine *engine = *state;
    struct gate gate = {.entered = 0};
    struct seen seen = {0};
    struct fake *called = fake_new(engine, &fake_ready, &seen);
    struct fake *driven = fake_new(engine, &fake_inert, &seen);
    pthread_t threads[2];
    pid_t child = 0;

    sem_init(&gate.open, 0, 0);
    called->op.done = pass_gate;
    called->op.user = &gate;
    fake_submit(called);
    thread_start(&threads[0], wait_in_thread, called);
    await_count(&gate.entered, 1);
    fake_submit(driven);
    thread_start(&threads[1], wait_in_thread, driven);
    await_driver_asleep(engine);
    pthread_mutex_lock(&engine->lock);
    child = fork_child();
    if (child == 0) {
        CHILD(engine_process(engine) == ENTC_E_FORKED);
        CHILD(engine_op_wait(&driven->op, -1) == ENTC_E_FORKED);
        CHILD(!engine_in_callback(engine));
        CHILD(engine_fd(engine) >= 0);
        engine_op_cancel(&driven->op);
        engine_op_unref(&driven->op);
        CHILD(engine_close(engine, -1, NULL, NULL) == ENTC_E_FORKED);
        engine_unref(engine);
        end_child(0);
    }
    pthread_mutex_unlock(&engine->lock);
    expect_child(child);
    sem_post(&gate.open);
    thread_join(threads[0]);
    fake_finish(driven, ENTC_OK);
    thread_join(threads[1]);
    engine_op_unref(&called->op);
    engine_op_unref(&driven->op);
    sem_destroy(&gate.open);
}

static void the_last_reference_in_a_child_frees_the_engine(void **state)
{
    struct engine *engine = *state;
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_ready, &seen);
    pid_t child = 0;

    fake_submit(fake);
    process(engine);
    child = fork_child();
    if (child == 0) {
        engine_unref(engine);
        engine_op_unref(&fake->op);
        CHILD(seen.destroyed == 1);
        end_child(0);
    }
    expect_child(child);
    process(engine);
    engine_op_unref(&fake->op);
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
        WITH_ENGINE(a_child_is_told_everywhere_that_it_forked),
        WITH_ENGINE(what_a_child_frees_does_not_disturb_its_parent),
        WITH_ENGINE(a_child_that_closes_gives_its_descriptors_back_whatever_is_under_way),
        WITH_ENGINE(a_child_makes_an_engine_of_its_own),
        WITH_ENGINE(a_child_of_a_busy_parent_never_hangs),
        WITH_ENGINE(the_last_reference_in_a_child_frees_the_engine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
