/* The reactor: inbox, descriptors, phases. One turn of whoever drives.
 *
 * Invariant: a deadline is judged by a clock that was read before a look at the sockets and the
 * inbox which found nothing. So a process that was paused, wherever it was, does not fail calls
 * whose answers already lie in its buffers. */
#include "engine/internal.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Rounds of looking at the sockets before overdue timers fire. */
#define ROUNDS_BEFORE_DEADLINES 16

/* ---- inbox ---- */

static void run_closed(struct engine *engine, struct engine_task *task)
{
    pthread_mutex_lock(&engine->closed_lock);
    task->run(task);
    pthread_mutex_unlock(&engine->closed_lock);
}

void engine_post(struct engine *engine, struct engine_task *task)
{
    if (engine_is_forked(engine))
        return;
    pthread_mutex_lock(&engine->lock);
    if (atomic_load(&engine->life) == ENGINE_CLOSED) {
        pthread_mutex_unlock(&engine->lock);
        run_closed(engine, task);
        return;
    }
    engine_post_locked(engine, task);
    pthread_mutex_unlock(&engine->lock);
}

void engine_post_locked(struct engine *engine, struct engine_task *task)
{
    task->next = NULL;
    *engine->inbox_end = task;
    engine->inbox_end = &task->next;
    /* A driver that is awake looks at the inbox before it sleeps. Without a driver only a watched
     * descriptor needs to know: a thread that waits looks by itself. */
    if (engine->is_driven ? engine->is_asleep : atomic_load(&engine->is_watched))
        engine_signal_locked(engine);
}

static bool run_inbox(struct engine *engine)
{
    struct engine_task *task = NULL;
    bool any = false;

    pthread_mutex_lock(&engine->lock);
    task = engine->inbox;
    engine->inbox = NULL;
    engine->inbox_end = &engine->inbox;
    pthread_mutex_unlock(&engine->lock);
    any = task != NULL;
    while (task) {
        struct engine_task *next = task->next;

        task->run(task);
        task = next;
    }
    return any;
}

void engine_signal_locked(struct engine *engine)
{
    uint64_t one = 1;
    ssize_t written = 0;

    if (engine->is_signalled)
        return;
    engine->is_signalled = true;
    do
        written = write(engine->event_fd, &one, sizeof(one));
    while (written < 0 && errno == EINTR);
}

static void read_signal(struct engine *engine)
{
    uint64_t count = 0;
    ssize_t got = 0;

    pthread_mutex_lock(&engine->lock);
    do
        got = read(engine->event_fd, &count, sizeof(count));
    while (got < 0 && errno == EINTR);
    engine->is_signalled = false;
    pthread_mutex_unlock(&engine->lock);
}

/* ---- phases ---- */

void engine_hook_set(struct engine *engine, struct engine_hook *hook, enum engine_phase phase)
{
    if (!list_is_linked(&hook->link))
        list_push(&engine->hooks[phase], &hook->link);
}

void engine_hook_stop(struct engine_hook *hook)
{
    list_remove(&hook->link);
}

static bool run_hooks(struct engine *engine, enum engine_phase phase)
{
    struct list *link = NULL;
    bool any = false;

    while ((link = list_pop(&engine->hooks[phase])) != NULL) {
        struct engine_hook *hook = BASE_CONTAINER(link, struct engine_hook, link);

        any = true;
        hook->run(hook);
    }
    return any;
}

void engine_run_ready(struct engine *engine)
{
    bool any = true;

    engine->turn_us = engine->now_us();
    run_inbox(engine);
    while (any) {
        any = run_hooks(engine, ENGINE_DISPATCH);
        any = run_hooks(engine, ENGINE_FLUSH) || any;
        any = engine_op_finish_all(engine) || any;
    }
}

/* ---- descriptors ---- */

entc_status engine_watch_add(struct engine *engine, struct engine_watch *watch, int fd,
                             uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};

    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return errno == ENOMEM ? ENTC_E_NO_MEMORY : ENTC_E_SYSTEM;
    watch->fd = fd;
    watch->events = events;
    return ENTC_OK;
}

entc_status engine_watch_change(struct engine *engine, struct engine_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};

    if (watch->events == events)
        return ENTC_OK;
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
        return errno == ENOMEM ? ENTC_E_NO_MEMORY : ENTC_E_SYSTEM;
    watch->events = events;
    return ENTC_OK;
}

void engine_watch_remove(struct engine *engine, struct engine_watch *watch)
{
    if (watch->fd < 0)
        return;
    /* A forked child shares the epoll instance with its parent, which still needs the socket. */
    if (!engine_is_forked(engine))
        epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
    watch->events = 0;
    for (int i = engine->event_next; i < engine->event_count; i++) {
        if (engine->events[i].data.ptr == watch)
            engine->events[i].data.ptr = NULL;
    }
}

static void hand_out(struct engine *engine)
{
    while (engine->event_next < engine->event_count) {
        struct epoll_event event = engine->events[engine->event_next++];
        struct engine_watch *watch = event.data.ptr;

        if (event.data.ptr == &engine->event_fd) {
            read_signal(engine);
        } else if (event.data.ptr == &engine->timer_fd) {
            uint64_t expirations = 0;

            engine->armed_us = ENGINE_NEVER;
            while (read(engine->timer_fd, &expirations, sizeof(expirations)) < 0 && errno == EINTR)
                continue;
        } else if (watch) {
            watch->ready(watch, event.events);
        }
    }
}

/* Returns how many events there were. */
static int look(struct engine *engine, int timeout_ms)
{
    int count = epoll_wait(engine->epoll_fd, engine->events, ENGINE_EVENTS_MAX, timeout_ms);

    engine->event_next = 0;
    engine->event_count = count > 0 ? count : 0;
    return engine->event_count;
}

/* Milliseconds, rounded up: waking early would spin. */
static int sleep_ms(const struct engine *engine, int64_t limit_us)
{
    int64_t first = engine_timer_first(engine);
    int64_t left = limit_us;

    if (first != ENGINE_NEVER) {
        int64_t until = first - engine->now_us();

        if (until < left)
            left = until;
    }
    if (left <= 0)
        return 0;
    return left > INT64_C(60000000) ? 60000 : (int)((left + 999) / 1000);
}

static int fall_asleep(struct engine *engine, int64_t limit_us)
{
    int timeout_ms = limit_us > 0 ? sleep_ms(engine, limit_us) : 0;

    if (timeout_ms == 0)
        return 0;
    pthread_mutex_lock(&engine->lock);
    if (engine->inbox || atomic_load(&engine->is_wanted))
        timeout_ms = 0;
    else
        engine->is_asleep = true;
    pthread_mutex_unlock(&engine->lock);
    return timeout_ms;
}

/* Looks again until nothing is left that came before the clock was read. */
static void judge_deadlines(struct engine *engine)
{
    for (int round = 0; round < ROUNDS_BEFORE_DEADLINES; round++) {
        bool any = false;

        engine->turn_us = engine->now_us();
        if (engine_timer_first(engine) > engine->turn_us)
            return;
        any = look(engine, 0) > 0;
        hand_out(engine);
        any = run_inbox(engine) || any;
        if (!any)
            break;
    }
    engine_timer_fire(engine);
}

void engine_poll(struct engine *engine, int64_t limit_us)
{
    int timeout_ms = fall_asleep(engine, limit_us);

    look(engine, timeout_ms);
    if (timeout_ms > 0) {
        pthread_mutex_lock(&engine->lock);
        engine->is_asleep = false;
        pthread_mutex_unlock(&engine->lock);
    }
    engine->turn_us = engine->now_us();
    hand_out(engine);
    judge_deadlines(engine);
}

void engine_arm(struct engine *engine)
{
    int64_t first = engine_timer_first(engine);
    int64_t left = 0;
    struct itimerspec when = {{0, 0}, {0, 0}};

    /* One that is set too early wakes the host once for nothing; that is cheaper than a system call
     * each time. */
    if (first >= engine->armed_us)
        return;
    left = first - engine->now_us();
    if (left < 1)
        left = 1;
    when.it_value.tv_sec = (time_t)(left / 1000000);
    when.it_value.tv_nsec = (long)(left % 1000000) * 1000;
    if (timerfd_settime(engine->timer_fd, 0, &when, NULL) == 0)
        engine->armed_us = first;
}
