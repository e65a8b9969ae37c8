/* The fakes. Everything here may be called by any thread, so it aborts instead of failing a test of
 * cmocka, which jumps back into its own thread. */
#include "fake.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Generous: sanitizers, valgrind and a busy machine all at once. */
#define PATIENCE_US INT64_C(30000000)

_Atomic int64_t fake_clock_us = 1000000;

/* ---- checks ---- */

void fake_check(bool is_true, const char *what, const char *file, int line)
{
    if (is_true)
        return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

void await(bool (*is_true)(const void *), const void *what, const char *sentence)
{
    int64_t until_us = clock_now_us() + PATIENCE_US;

    for (int i = 0; !is_true(what); i++) {
        if (clock_now_us() > until_us) {
            fprintf(stderr, "waited in vain: %s\n", sentence);
            abort();
        }
        if (i < 64)
            sched_yield();
        else
            poll(NULL, 0, 1);
    }
}

struct count_goal {
    const atomic_int *count;
    int at_least;
};

static bool is_counted(const void *what)
{
    const struct count_goal *goal = what;

    return atomic_load(goal->count) >= goal->at_least;
}

void await_count(const atomic_int *count, int at_least)
{
    struct count_goal goal = {count, at_least};

    await(is_counted, &goal, "a count was reached");
}

struct engine_goal {
    struct engine *engine;
    size_t sleepers;
};

static bool is_driver_asleep(const void *what)
{
    const struct engine_goal *goal = what;
    bool is_so = false;

    pthread_mutex_lock(&goal->engine->lock);
    is_so = goal->engine->is_asleep;
    pthread_mutex_unlock(&goal->engine->lock);
    return is_so;
}

void await_driver_asleep(struct engine *engine)
{
    struct engine_goal goal = {engine, 0};

    await(is_driver_asleep, &goal, "the driver sleeps");
}

static bool are_asleep(const void *what)
{
    const struct engine_goal *goal = what;
    const struct list *head = &goal->engine->sleepers;
    size_t count = 0;

    pthread_mutex_lock(&goal->engine->lock);
    for (const struct list *link = head->next; link != head; link = link->next)
        count++;
    pthread_mutex_unlock(&goal->engine->lock);
    return count == goal->sleepers;
}

void await_sleepers(struct engine *engine, size_t count)
{
    struct engine_goal goal = {engine, count};

    await(are_asleep, &goal, "so many threads sleep");
}

static bool is_undriven(const void *what)
{
    const struct engine_goal *goal = what;
    bool is_so = false;

    pthread_mutex_lock(&goal->engine->lock);
    is_so = !goal->engine->is_driven;
    pthread_mutex_unlock(&goal->engine->lock);
    return is_so;
}

void await_undriven(struct engine *engine)
{
    struct engine_goal goal = {engine, 0};

    await(is_undriven, &goal, "nobody drives");
}

/* ---- descriptors ---- */

struct channel channel_open(void)
{
    int ends[2] = {-1, -1};

    CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    return (struct channel){ends[0], ends[1]};
}

void channel_put(const struct channel *channel)
{
    CHECK(write(channel->out, "x", 1) == 1);
}

void channel_close(const struct channel *channel)
{
    close(channel->in);
    close(channel->out);
}

bool is_readable(int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    return poll(&poll_fd, 1, 0) == 1;
}

void await_readable(int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    CHECK(poll(&poll_fd, 1, (int)(PATIENCE_US / 1000)) == 1);
}

void process_until(struct engine *engine, const atomic_int *count, int at_least)
{
    while (atomic_load(count) < at_least) {
        await_readable(engine_fd(engine));
        CHECK(engine_process(engine) == ENTC_OK);
    }
}

void thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    CHECK(pthread_create(thread, NULL, run, argument) == 0);
}

void thread_join(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- operations ---- */

static struct fake *of(entc_op *op)
{
    return (struct fake *)op;
}

static void begin(struct fake *fake)
{
    atomic_fetch_add(&fake->seen->started, 1);
    if (fake->on_start)
        fake->on_start(fake);
}

static void let_go(struct fake *fake)
{
    engine_watch_remove(fake->op.engine, &fake->watch);
    engine_timer_stop(fake->op.engine, &fake->timer);
}

static void start_inert(entc_op *op)
{
    begin(of(op));
}

static void start_ready(entc_op *op)
{
    begin(of(op));
    engine_op_complete(op, ENTC_OK, NULL);
}

static void pipe_ready(struct engine_watch *watch, uint32_t events)
{
    struct fake *fake = BASE_CONTAINER(watch, struct fake, watch);
    char byte = 0;

    CHECK(events & EPOLLIN);
    if (read(fake->fd, &byte, 1) != 1)
        return;
    let_go(fake);
    engine_op_complete(&fake->op, ENTC_OK, NULL);
}

static void start_pipe(entc_op *op)
{
    struct fake *fake = of(op);

    begin(fake);
    fake->watch.ready = pipe_ready;
    CHECK(engine_watch_add(op->engine, &fake->watch, fake->fd, EPOLLIN) == ENTC_OK);
    if (fake->poke_fd >= 0)
        CHECK(write(fake->poke_fd, "x", 1) == 1);
}

static void timer_fire(struct engine_timer *timer)
{
    engine_op_complete(&BASE_CONTAINER(timer, struct fake, timer)->op, ENTC_OK, NULL);
}

static void start_timer(entc_op *op)
{
    struct fake *fake = of(op);

    begin(fake);
    fake->timer.fire = timer_fire;
    CHECK(engine_timer_set(op->engine, &fake->timer, engine_now_us(op->engine) + fake->after_us));
}

static void abandon(entc_op *op)
{
    atomic_fetch_add(&of(op)->seen->abandoned, 1);
    let_go(of(op));
}

static void destroy(entc_op *op)
{
    struct seen *seen = of(op)->seen;

    CHECK(of(op)->watch.fd == -1 || engine_is_forked(op->engine));
    engine_op_fini(op);
    free(of(op));
    atomic_fetch_add(&seen->destroyed, 1);
}

const struct engine_op_kind fake_inert = {"inert", start_inert, abandon, destroy, NULL};
const struct engine_op_kind fake_ready = {"ready", start_ready, abandon, destroy, NULL};
const struct engine_op_kind fake_pipe = {"pipe", start_pipe, abandon, destroy, NULL};
const struct engine_op_kind fake_timer = {"timer", start_timer, abandon, destroy, NULL};

void fake_done(entc_op *op, void *user)
{
    struct seen *seen = user;

    CHECK(engine_op_is_done(op));
    CHECK(engine_in_callback(op->engine));
    atomic_store(&seen->status, op->status);
    atomic_store(&seen->called_by, pthread_self());
    atomic_fetch_add(&seen->called, 1);
}

struct fake *fake_new(struct engine *engine, const struct engine_op_kind *kind, struct seen *seen)
{
    struct fake *fake = calloc(1, sizeof(*fake));

    CHECK(fake != NULL);
    engine_op_init(&fake->op, engine, kind, ENGINE_NEVER, fake_done, seen);
    fake->seen = seen;
    fake->fd = -1;
    fake->poke_fd = -1;
    fake->watch.fd = -1;
    return fake;
}

struct fake *fake_new_pipe(struct engine *engine, int fd, struct seen *seen)
{
    struct fake *fake = fake_new(engine, &fake_pipe, seen);

    fake->fd = fd;
    return fake;
}

struct fake *fake_new_timer(struct engine *engine, int64_t after_us, struct seen *seen)
{
    struct fake *fake = fake_new(engine, &fake_timer, seen);

    fake->after_us = after_us;
    return fake;
}

void fake_submit(struct fake *fake)
{
    CHECK(engine_op_submit(&fake->op) == ENTC_OK);
}

static void finish(struct engine_task *task)
{
    struct fake *fake = BASE_CONTAINER(task, struct fake, finish_task);

    if (!engine_op_is_completed(&fake->op))
        let_go(fake);
    engine_op_complete(&fake->op, fake->finish_status, NULL);
    engine_op_unref(&fake->op);
}

void fake_finish(struct fake *fake, entc_status status)
{
    fake->finish_status = status;
    fake->finish_task.run = finish;
    engine_op_ref(&fake->op);
    engine_post(fake->op.engine, &fake->finish_task);
}

/* ---- engines ---- */

static int64_t fake_now(void)
{
    return atomic_load(&fake_clock_us);
}

static struct engine *make(uint32_t drive, int64_t (*now_us)(void))
{
    struct engine_config config = {.drive = drive, .now_us = now_us};
    struct engine *engine = NULL;

    CHECK(engine_new(&config, &engine, NULL) == ENTC_OK);
    return engine;
}

struct engine *fake_engine(uint32_t drive)
{
    return make(drive, NULL);
}

struct engine *fake_engine_clocked(uint32_t drive)
{
    return make(drive, fake_now);
}

void fake_engine_free(struct engine *engine)
{
    CHECK(engine_close(engine, 0, NULL, NULL) == ENTC_OK);
    engine_unref(engine);
}
