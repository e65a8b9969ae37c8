/* Proves how tasks are taken from the inbox and how descriptors are watched. */
#include "fake.h"

#include <stdlib.h>
#include <unistd.h>

static void process(struct engine *engine)
{
    assert_int_equal(engine_process(engine), ENTC_OK);
}

/* ---- inbox ---- */

#define MANY_TASKS 3000
#define POSTERS 4

struct note_task {
    struct engine_task task;
    int number;
    int poster;
};

static int noted[POSTERS];
static int noted_count;

static void note(struct engine_task *task)
{
    struct note_task *it = BASE_CONTAINER(task, struct note_task, task);

    assert_int_equal(it->number, noted[it->poster]);
    noted[it->poster]++;
    noted_count++;
    free(it);
}

static void post_note(struct engine *engine, int poster, int number)
{
    struct note_task *it = calloc(1, sizeof(*it));

    CHECK(it != NULL);
    *it = (struct note_task){.task = {.run = note}, .number = number, .poster = poster};
    engine_post(engine, &it->task);
}

struct poster {
    struct engine *engine;
    int number;
    atomic_int *ended;
};

static void *post_many(void *argument)
{
    struct poster *poster = argument;

    for (int i = 0; i < MANY_TASKS; i++)
        post_note(poster->engine, poster->number, i);
    atomic_fetch_add(poster->ended, 1);
    return NULL;
}

static void forget_notes(void)
{
    memset(noted, 0, sizeof(noted));
    noted_count = 0;
}

static void tasks_run_in_the_order_in_which_they_were_posted(void **state)
{
    struct engine *engine = *state;

    forget_notes();
    for (int i = 0; i < MANY_TASKS; i++)
        post_note(engine, 0, i);
    assert_int_equal(noted_count, 0);
    process(engine);
    assert_int_equal(noted_count, MANY_TASKS);
}

static void tasks_of_each_of_many_threads_keep_their_order(void **state)
{
    struct engine *engine = *state;
    pthread_t threads[POSTERS];
    struct poster posters[POSTERS];
    atomic_int ended = 0;

    forget_notes();
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){engine, i, &ended};
        thread_start(&threads[i], post_many, &posters[i]);
    }
    while (atomic_load(&ended) < POSTERS)
        process(engine);
    process(engine);
    assert_int_equal(noted_count, POSTERS * MANY_TASKS);
    for (int i = 0; i < POSTERS; i++)
        thread_join(threads[i]);
}

static struct engine *nest_engine;
static int nest_depth;
static int nest_runs;

static void nest(struct engine_task *task)
{
    assert_int_equal(nest_depth, 0);
    nest_depth++;
    if (++nest_runs < 5)
        engine_post(nest_engine, task);
    nest_depth--;
}

static void a_task_that_posts_itself_runs_again_but_not_inside_itself(void **state)
{
    struct engine_task task = {.run = nest};

    nest_engine = *state;
    nest_runs = 0;
    engine_post(nest_engine, &task);
    for (int turn = 0; turn < 5; turn++)
        process(nest_engine);
    assert_int_equal(nest_runs, 5);
}

/* ---- descriptors ---- */

struct ear {
    struct engine_watch watch;
    struct engine *engine;
    int heard;
    uint32_t events;
    struct ear *other;
    void (*more)(struct ear *ear);
};

static void hear(struct engine_watch *watch, uint32_t events)
{
    struct ear *ear = BASE_CONTAINER(watch, struct ear, watch);

    ear->heard++;
    ear->events = events;
    if (ear->more)
        ear->more(ear);
}

static struct ear ear_for(struct engine *engine)
{
    return (struct ear){.engine = engine, .watch = {.fd = -1, .ready = hear}};
}

static void listen_to(struct ear *ear, int fd, uint32_t events)
{
    assert_int_equal(engine_watch_add(ear->engine, &ear->watch, fd, events), ENTC_OK);
}

static void a_ready_descriptor_is_reported_as_long_as_it_is_ready(void **state)
{
    struct engine *engine = *state;
    struct channel channel = channel_open();
    struct ear ear = ear_for(engine);
    char byte = 0;

    listen_to(&ear, channel.in, EPOLLIN);
    process(engine);
    assert_int_equal(ear.heard, 0);
    channel_put(&channel);
    process(engine);
    process(engine);
    assert_int_equal(ear.heard, 2);
    assert_int_equal(ear.events, EPOLLIN);
    assert_int_equal(read(channel.in, &byte, 1), 1);
    process(engine);
    assert_int_equal(ear.heard, 2);
    engine_watch_remove(engine, &ear.watch);
    channel_put(&channel);
    process(engine);
    assert_int_equal(ear.heard, 2);
    assert_int_equal(ear.watch.fd, -1);
    engine_watch_remove(engine, &ear.watch);
    channel_close(&channel);
}

static void a_change_of_events_counts_from_then_on(void **state)
{
    struct engine *engine = *state;
    struct channel channel = channel_open();
    struct ear ear = ear_for(engine);

    listen_to(&ear, channel.out, 0);
    process(engine);
    assert_int_equal(ear.heard, 0);
    assert_int_equal(engine_watch_change(engine, &ear.watch, EPOLLOUT), ENTC_OK);
    process(engine);
    assert_int_equal(ear.heard, 1);
    assert_int_equal(ear.events, EPOLLOUT);
    assert_int_equal(engine_watch_change(engine, &ear.watch, 0), ENTC_OK);
    process(engine);
    assert_int_equal(ear.heard, 1);
    engine_watch_remove(engine, &ear.watch);
    channel_close(&channel);
}

static void what_cannot_be_watched_is_refused(void **state)
{
    struct ear ear = ear_for(*state);

    assert_int_equal(engine_watch_add(*state, &ear.watch, -1, EPOLLIN), ENTC_E_SYSTEM);
    assert_int_equal(ear.watch.fd, -1);
}

static void remove_other(struct ear *ear)
{
    engine_watch_remove(ear->engine, &ear->other->watch);
}

static void a_removed_watch_hears_nothing_more_in_the_same_turn(void **state)
{
    struct engine *engine = *state;
    struct channel channels[2] = {channel_open(), channel_open()};
    struct ear ears[2] = {ear_for(engine), ear_for(engine)};

    for (int i = 0; i < 2; i++) {
        ears[i].more = remove_other;
        ears[i].other = &ears[1 - i];
        listen_to(&ears[i], channels[i].in, EPOLLIN);
        channel_put(&channels[i]);
    }
    process(engine);
    assert_int_equal(ears[0].heard + ears[1].heard, 1);
    for (int i = 0; i < 2; i++) {
        engine_watch_remove(engine, &ears[i].watch);
        channel_close(&channels[i]);
    }
}

static struct channel silent;

static void move_other_to_silence(struct ear *ear)
{
    engine_watch_remove(ear->engine, &ear->other->watch);
    listen_to(ear->other, silent.in, EPOLLIN);
}

static void a_watch_that_moved_does_not_hear_its_old_descriptor(void **state)
{
    struct engine *engine = *state;
    struct channel channels[2] = {channel_open(), channel_open()};
    struct ear ears[2] = {ear_for(engine), ear_for(engine)};

    silent = channel_open();
    for (int i = 0; i < 2; i++) {
        ears[i].more = move_other_to_silence;
        ears[i].other = &ears[1 - i];
        listen_to(&ears[i], channels[i].in, EPOLLIN);
        channel_put(&channels[i]);
    }
    process(engine);
    assert_int_equal(ears[0].heard + ears[1].heard, 1);
    for (int i = 0; i < 2; i++) {
        engine_watch_remove(engine, &ears[i].watch);
        channel_close(&channels[i]);
    }
    channel_close(&silent);
}

#define MANY_EARS 200

static void remove_self(struct ear *ear)
{
    engine_watch_remove(ear->engine, &ear->watch);
}

static void more_descriptors_than_one_look_holds_are_all_served(void **state)
{
    struct engine *engine = *state;
    struct channel channels[MANY_EARS];
    struct ear ears[MANY_EARS];

    for (int i = 0; i < MANY_EARS; i++) {
        channels[i] = channel_open();
        ears[i] = ear_for(engine);
        ears[i].more = remove_self;
        listen_to(&ears[i], channels[i].in, EPOLLIN);
        channel_put(&channels[i]);
    }
    for (int turn = 0; turn < MANY_EARS / ENGINE_EVENTS_MAX + 1; turn++)
        process(engine);
    for (int i = 0; i < MANY_EARS; i++) {
        assert_int_equal(ears[i].heard, 1);
        channel_close(&channels[i]);
    }
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
        WITH_ENGINE(tasks_run_in_the_order_in_which_they_were_posted),
        WITH_ENGINE(tasks_of_each_of_many_threads_keep_their_order),
        WITH_ENGINE(a_task_that_posts_itself_runs_again_but_not_inside_itself),
        WITH_ENGINE(a_ready_descriptor_is_reported_as_long_as_it_is_ready),
        WITH_ENGINE(a_change_of_events_counts_from_then_on),
        WITH_ENGINE(what_cannot_be_watched_is_refused),
        WITH_ENGINE(a_removed_watch_hears_nothing_more_in_the_same_turn),
        WITH_ENGINE(a_watch_that_moved_does_not_hear_its_old_descriptor),
        WITH_ENGINE(more_descriptors_than_one_look_holds_are_all_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
