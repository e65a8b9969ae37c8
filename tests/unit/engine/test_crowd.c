/* Proves that no wake-up is lost and no callback comes twice when many threads share one engine:
 * thousands of rounds of submit, wait, cancel and close, all at once. */
#include "fake.h"

#include <poll.h>
#include <unistd.h>

#define CROWD_MAX 64

/* A thread that asks, and the pair of pipes by which its answers come: an echo thread sends back
 * every byte, so that each round goes through the descriptors and the clock of the kernel. */
struct asker {
    pthread_t thread;
    struct engine *engine;
    struct channel question;
    struct channel answer;
    int rounds;
    int number;
    struct seen seen;
    int accepted; /* read after the join */
    bool has_company;
};

struct echo {
    pthread_t thread;
    struct asker *askers;
    int count;
    struct channel stop;
};

static void *echo_all(void *argument)
{
    struct echo *echo = argument;
    struct pollfd fds[CROWD_MAX + 1];
    char byte = 0;

    for (int i = 0; i < echo->count; i++)
        fds[i] = (struct pollfd){echo->askers[i].question.in, POLLIN, 0};
    fds[echo->count] = (struct pollfd){echo->stop.in, POLLIN, 0};
    for (;;) {
        CHECK(poll(fds, (nfds_t)echo->count + 1, -1) > 0);
        if (fds[echo->count].revents)
            return NULL;
        for (int i = 0; i < echo->count; i++)
            if (fds[i].revents && read(fds[i].fd, &byte, 1) == 1)
                channel_put(&echo->askers[i].answer);
    }
}

static void crowd_start(struct echo *echo, struct asker *askers, int count, struct engine *engine,
                        void *(*run)(void *), int rounds)
{
    *echo = (struct echo){.askers = askers, .count = count, .stop = channel_open()};
    memset(askers, 0, (size_t)count * sizeof(*askers));
    for (int i = 0; i < count; i++) {
        askers[i].engine = engine;
        askers[i].question = channel_open();
        askers[i].answer = channel_open();
        askers[i].rounds = rounds;
        askers[i].number = i;
    }
    thread_start(&echo->thread, echo_all, echo);
    for (int i = 0; i < count; i++)
        thread_start(&askers[i].thread, run, &askers[i]);
}

static void crowd_join(struct echo *echo)
{
    for (int i = 0; i < echo->count; i++)
        thread_join(echo->askers[i].thread);
}

static void crowd_end(struct echo *echo)
{
    channel_put(&echo->stop);
    thread_join(echo->thread);
    for (int i = 0; i < echo->count; i++) {
        channel_close(&echo->askers[i].question);
        channel_close(&echo->askers[i].answer);
    }
    channel_close(&echo->stop);
}

/* An operation that is answered by the echo, at once, or by a timer. */
static struct fake *asker_op(struct asker *asker, int round)
{
    struct fake *fake = NULL;

    if (round % 7 == 3)
        return fake_new(asker->engine, &fake_ready, &asker->seen);
    if (round % 97 == 5)
        return fake_new_timer(asker->engine, 300, &asker->seen);
    fake = fake_new_pipe(asker->engine, asker->answer.in, &asker->seen);
    fake->poke_fd = asker->question.out;
    return fake;
}

static void *ask_and_wait(void *argument)
{
    struct asker *asker = argument;

    for (int round = 0; round < asker->rounds; round++) {
        struct fake *fake = asker_op(asker, round);
        entc_status status = ENTC_E_AGAIN;

        fake_submit(fake);
        if (round % 11 == 2)
            CHECK(engine_op_wait(&fake->op, 0) <= ENTC_OK);
        while (round % 5 == 1 && status == ENTC_E_AGAIN)
            status = engine_op_wait(&fake->op, 2000);
        CHECK(engine_op_wait(&fake->op, -1) == ENTC_OK);
        CHECK(fake->op.status == ENTC_OK);
        engine_op_unref(&fake->op);
        /* Where only its own waits deliver, the callback has come by now. */
        if (!asker->has_company)
            CHECK(atomic_load(&asker->seen.called) == round + 1);
    }
    return NULL;
}

static void expect_all(const struct echo *echo, int rounds)
{
    for (int i = 0; i < echo->count; i++) {
        assert_int_equal(echo->askers[i].seen.started, rounds);
        assert_int_equal(echo->askers[i].seen.called, rounds);
        assert_int_equal(echo->askers[i].seen.destroyed, rounds);
        assert_int_equal(echo->askers[i].seen.abandoned, 0);
    }
}

static void blocking_crowd(int count, int rounds)
{
    struct engine *engine = fake_engine(ENTC_DRIVE_WAITERS);
    struct asker askers[CROWD_MAX];
    struct echo echo;

    crowd_start(&echo, askers, count, engine, ask_and_wait, rounds);
    crowd_join(&echo);
    expect_all(&echo, rounds);
    crowd_end(&echo);
    fake_engine_free(engine);
}

static void eight_threads_that_block_on_one_engine_all_finish(void **state)
{
    (void)state;
    blocking_crowd(8, 1500);
}

static void sixty_four_threads_that_block_on_one_engine_all_finish(void **state)
{
    (void)state;
    blocking_crowd(CROWD_MAX, 100);
}

static void two_threads_that_block_on_one_engine_all_finish(void **state)
{
    (void)state;
    blocking_crowd(2, 3000);
}

/* ---- with a loop ---- */

struct loop {
    pthread_t thread;
    struct engine *engine;
    atomic_int is_over;
};

static void *run_loop(void *argument)
{
    struct loop *loop = argument;
    struct pollfd fd = {engine_fd(loop->engine), POLLIN, 0};

    while (!atomic_load(&loop->is_over)) {
        CHECK(poll(&fd, 1, 60000) == 1);
        CHECK(engine_process(loop->engine) == ENTC_OK);
    }
    return NULL;
}

static void wake_loop(struct engine_task *task)
{
    (void)task;
}

static void loop_stop(struct loop *loop)
{
    struct engine_task task = {.run = wake_loop};

    atomic_store(&loop->is_over, 1);
    engine_post(loop->engine, &task);
    thread_join(loop->thread);
    /* The loop may have seen that it is over before the task ran. */
    CHECK(engine_process(loop->engine) == ENTC_OK);
}

/* Half of them block, half only submit, look whether it is done, and leave the callback to others.
 */
static void *ask_and_look(void *argument)
{
    struct asker *asker = argument;

    asker->has_company = true;
    if (asker->number % 2)
        return ask_and_wait(asker);
    for (int round = 0; round < asker->rounds; round++) {
        struct fake *fake = asker_op(asker, round);

        fake_submit(fake);
        engine_op_unref(&fake->op);
        await_count(&asker->seen.called, round + 1);
    }
    return NULL;
}

static void looping_crowd(uint32_t drive, int count, int rounds)
{
    struct engine *engine = fake_engine(drive);
    struct loop loop = {.engine = engine};
    struct asker askers[CROWD_MAX];
    struct echo echo;

    thread_start(&loop.thread, run_loop, &loop);
    crowd_start(&echo, askers, count, engine, ask_and_look, rounds);
    crowd_join(&echo);
    for (int i = 0; i < count; i++)
        await_count(&askers[i].seen.destroyed, rounds);
    loop_stop(&loop);
    expect_all(&echo, rounds);
    crowd_end(&echo);
    fake_engine_free(engine);
}

static void threads_submit_and_wait_while_a_loop_drives(void **state)
{
    (void)state;
    looping_crowd(ENTC_DRIVE_HOST, 8, 400);
}

static void threads_drive_while_a_loop_watches_for_callbacks(void **state)
{
    (void)state;
    looping_crowd(ENTC_DRIVE_WAITERS, 8, 400);
}

static void one_who_drives_and_a_loop_that_watches_get_along(void **state)
{
    (void)state;
    looping_crowd(ENTC_DRIVE_WAITERS, 2, 800);
}

/* ---- with cancels and a close ---- */

static void *ask_until_closed(void *argument)
{
    struct asker *asker = argument;

    for (int round = 0;; round++) {
        bool is_piped = round % 3 == 0;
        struct fake *fake = is_piped ? fake_new_timer(asker->engine, 100, &asker->seen)
                                     : fake_new(asker->engine, &fake_inert, &asker->seen);

        if (engine_op_submit(&fake->op) != ENTC_OK) {
            engine_op_unref(&fake->op);
            return NULL;
        }
        asker->accepted++;
        if (!is_piped)
            engine_op_cancel(&fake->op);
        if (asker->number % 2)
            engine_process(asker->engine);
        if (asker->number % 3)
            CHECK(engine_op_wait(&fake->op, -1) == ENTC_OK);
        CHECK(engine_op_wait(&fake->op, 0) <= ENTC_OK);
        engine_op_unref(&fake->op);
    }
}

static void every_accepted_operation_calls_back_once_whenever_it_is_closed(void **state)
{
    (void)state;
    for (int attempt = 0; attempt < 30; attempt++) {
        struct engine *engine = fake_engine(attempt % 2 ? ENTC_DRIVE_HOST : ENTC_DRIVE_WAITERS);
        struct asker askers[6];
        struct echo echo;

        crowd_start(&echo, askers, 6, engine, ask_until_closed, 0);
        await_count(&askers[attempt % 6].seen.called, attempt % 2 ? 1 : 5 * attempt);
        assert_int_equal(engine_close(engine, attempt % 3 ? 0 : 2000, NULL, NULL), ENTC_OK);
        crowd_join(&echo);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(askers[i].seen.called, askers[i].accepted);
            assert_int_equal(askers[i].seen.destroyed, askers[i].accepted + 1);
        }
        crowd_end(&echo);
        fake_engine_free(engine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_that_block_on_one_engine_all_finish),
        cmocka_unit_test(eight_threads_that_block_on_one_engine_all_finish),
        cmocka_unit_test(sixty_four_threads_that_block_on_one_engine_all_finish),
        cmocka_unit_test(threads_submit_and_wait_while_a_loop_drives),
        cmocka_unit_test(threads_drive_while_a_loop_watches_for_callbacks),
        cmocka_unit_test(one_who_drives_and_a_loop_that_watches_get_along),
        cmocka_unit_test(every_accepted_operation_calls_back_once_whenever_it_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
