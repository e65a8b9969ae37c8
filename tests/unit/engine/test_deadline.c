/* Proves how deadlines are judged: never before what came in time was read, wherever the process
 * was stopped meanwhile. */
#include "fake.h"

#include <signal.h>

#define MANY 200

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

static struct channel late_channel;
static struct fake *late_fake;
static int64_t sleepy_us;
static int reads_before_sleep; /* -1: it does not sleep */
static void (*while_asleep)(void);

/* A clock whose process is stopped, once, just before it is read: time passes, the answer comes. */
static int64_t sleepy_now(void)
{
    if (reads_before_sleep >= 0 && reads_before_sleep-- == 0) {
        while_asleep();
        sleepy_us += 1000000;
    }
    return sleepy_us;
}

static struct engine *sleepy_engine(void)
{
    struct engine_config config = {.now_us = sleepy_now};
    struct engine *engine = NULL;

    sleepy_us = 1000;
    reads_before_sleep = -1;
    assert_int_equal(engine_new(&config, &engine, NULL), ENTC_OK);
    return engine;
}

static void an_answer_that_can_be_read_beats_a_deadline_that_is_over(void **state)
{
    struct engine *engine = *state;
    struct channel channel = channel_open();
    struct seen seen = {0};
    struct fake *fake = fake_new_pipe(engine, channel.in, &seen);

    fake->op.deadline_us = fake_clock_us + 1000;
    fake_submit(fake);
    process(engine);
    channel_put(&channel);
    fake_clock_us += 1000000;
    process(engine);
    assert_int_equal(seen.called, 1);
    assert_int_equal(seen.status, ENTC_OK);
    engine_op_unref(&fake->op);
    channel_close(&channel);
}

static void many_answers_all_beat_their_deadlines(void **state)
{
    struct engine *engine = *state;
    struct channel channels[MANY];
    struct fake *fakes[MANY];
    struct seen seen = {0};

    for (int i = 0; i < MANY; i++) {
        channels[i] = channel_open();
        fakes[i] = fake_new_pipe(engine, channels[i].in, &seen);
        fakes[i]->op.deadline_us = fake_clock_us + 1000;
        fake_submit(fakes[i]);
    }
    process(engine);
    for (int i = 0; i < MANY; i++)
        channel_put(&channels[i]);
    fake_clock_us += 1000000;
    process(engine);
    assert_int_equal(seen.called, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(fakes[i]->op.status, ENTC_OK);
        engine_op_unref(&fakes[i]->op);
        channel_close(&channels[i]);
    }
}

static void answer_by_channel(void)
{
    channel_put(&late_channel);
}

static void answer_by_task(void)
{
    fake_finish(late_fake, ENTC_OK);
}

static void pause_before_read(int reads)
{
    struct engine *engine = sleepy_engine();
    struct seen seen = {0};

    late_channel = channel_open();
    late_fake = fake_new_pipe(engine, late_channel.in, &seen);
    late_fake->op.deadline_us = sleepy_us + 500000;
    fake_submit(late_fake);
    process(engine);
    assert_int_equal(seen.started, 1);
    reads_before_sleep = reads;
    while (!engine_op_is_done(&late_fake->op))
        process(engine);
    assert_int_equal(reads_before_sleep, -1);
    assert_int_equal(late_fake->op.status, ENTC_OK);
    engine_op_unref(&late_fake->op);
    fake_engine_free(engine);
    channel_close(&late_channel);
}

/* Wherever in its turn the driver is stopped. */
static void pause_everywhere(void (*answer)(void))
{
    while_asleep = answer;
    for (int reads = 0; reads < 16; reads++)
        pause_before_read(reads);
}

static void a_pause_between_looking_and_judging_fails_nobody(void **state)
{
    (void)state;
    pause_everywhere(answer_by_channel);
}

static void an_answer_in_the_inbox_beats_a_deadline_too(void **state)
{
    (void)state;
    pause_everywhere(answer_by_task);
}

static void make_noise(struct engine_watch *watch, uint32_t events)
{
    (void)watch;
    (void)events;
}

static void a_deadline_that_is_over_is_judged_although_other_descriptors_never_rest(void **state)
{
    struct engine *engine = *state;
    struct channel channel = channel_open();
    struct engine_watch noise = {.fd = -1, .ready = make_noise};
    struct seen seen = {0};
    struct fake *fake = fake_new(engine, &fake_inert, &seen);

    channel_put(&channel);
    assert_int_equal(engine_watch_add(engine, &noise, channel.in, EPOLLIN), ENTC_OK);
    fake->op.deadline_us = fake_clock_us + 1000;
    fake_submit(fake);
    process(engine);
    fake_clock_us += 1000;
    process(engine);
    assert_int_equal(seen.status, ENTC_E_TIMEOUT);
    engine_op_unref(&fake->op);
    engine_watch_remove(engine, &noise);
    channel_close(&channel);
}

static void ignore(int number)
{
    (void)number;
}

static void *wait_for(void *argument)
{
    CHECK(engine_op_wait(argument, -1) == ENTC_OK);
    return NULL;
}

static void a_signal_neither_ends_a_wait_nor_fails_its_operation(void **state)
{
    struct engine *engine = fake_engine(ENTC_DRIVE_WAITERS);
    struct sigaction action = {.sa_handler = ignore};
    struct channel channel = channel_open();
    struct seen seen = {0};
    struct fake *fake = fake_new_pipe(engine, channel.in, &seen);
    pthread_t thread;

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    fake_submit(fake);
    thread_start(&thread, wait_for, fake);
    for (int i = 0; i < 20; i++) {
        await_driver_asleep(engine);
        assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
    }
    channel_put(&channel);
    thread_join(thread);
    assert_int_equal(seen.called, 1);
    assert_int_equal(seen.status, ENTC_OK);
    engine_op_unref(&fake->op);
    fake_engine_free(engine);
    channel_close(&channel);
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
        WITH_ENGINE(an_answer_that_can_be_read_beats_a_deadline_that_is_over),
        WITH_ENGINE(many_answers_all_beat_their_deadlines),
        WITH_ENGINE(a_pause_between_looking_and_judging_fails_nobody),
        WITH_ENGINE(an_answer_in_the_inbox_beats_a_deadline_too),
        WITH_ENGINE(a_deadline_that_is_over_is_judged_although_other_descriptors_never_rest),
        WITH_ENGINE(a_signal_neither_ends_a_wait_nor_fails_its_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
