/* Who drives, and who sleeps meanwhile.
 *
 * Invariant: whenever the drive role is free and a sleeper may take it, at least one such sleeper
 * is woken; whenever it is free and no sleeper may, the host's descriptor tells what is left. A
 * thread that could have driven and does something else offers the role first, so no wake-up is
 * lost. */
#include "engine/internal.h"

#include <errno.h>
#include <time.h>

/* ---- sleepers ---- */

void engine_sleeper_init(struct engine_sleeper *sleeper, bool wants_drive)
{
    pthread_condattr_t attributes;

    *sleeper = (struct engine_sleeper){.thread = pthread_self(), .wants_drive = wants_drive};
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sleeper->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

void engine_sleeper_fini(struct engine_sleeper *sleeper)
{
    pthread_cond_destroy(&sleeper->wake);
}

void engine_wake_locked(struct engine_sleeper *sleeper)
{
    sleeper->is_woken = true;
    pthread_cond_signal(&sleeper->wake);
}

void engine_wake_all_locked(struct engine *engine)
{
    for (struct list *link = engine->sleepers.next; link != &engine->sleepers; link = link->next)
        engine_wake_locked(BASE_CONTAINER(link, struct engine_sleeper, link));
}

/* Sleeps until it is woken or `until_us` (engine clock) has come. */
void engine_sleep_locked(struct engine *engine, struct engine_sleeper *sleeper, entc_op *op,
                         int64_t until_us)
{
    struct timespec at = {0, 0};
    int rc = 0;

    if (until_us != ENGINE_NEVER) {
        int64_t when = clock_now_us() + (until_us - engine->now_us());

        at.tv_sec = (time_t)(when / 1000000);
        at.tv_nsec = (long)(when % 1000000) * 1000;
    }
    list_push(&engine->sleepers, &sleeper->link);
    if (op)
        list_push(&op->waiters, &sleeper->op_link);
    if (op && op->group)
        list_push(&op->group->sleepers, &sleeper->group_link);
    while (!sleeper->is_woken && rc == 0) {
        rc = until_us == ENGINE_NEVER ? pthread_cond_wait(&sleeper->wake, &engine->lock)
                                      : pthread_cond_timedwait(&sleeper->wake, &engine->lock, &at);
    }
    if (engine->heir == sleeper)
        engine->heir = NULL;
    sleeper->is_woken = false;
    list_remove(&sleeper->link);
    list_remove(&sleeper->op_link);
    list_remove(&sleeper->group_link);
}

/* ---- the role ---- */

static bool may_drive_locked(const struct engine *engine, pthread_t thread)
{
    return engine->drive == ENTC_DRIVE_WAITERS || pthread_equal(engine->loop_thread, thread);
}

/* Wakes one heir to the role; while one is on its way no second is woken. False when nobody can
 * take it. */
static bool hand_over_locked(struct engine *engine)
{
    if (engine->heir)
        return true;
    for (struct list *link = engine->sleepers.next; link != &engine->sleepers; link = link->next) {
        struct engine_sleeper *sleeper = BASE_CONTAINER(link, struct engine_sleeper, link);

        if (sleeper->wants_drive && may_drive_locked(engine, sleeper->thread)) {
            engine->heir = sleeper;
            engine_wake_locked(sleeper);
            return true;
        }
    }
    return false;
}

void engine_role_offer_locked(struct engine *engine)
{
    if (atomic_load(&engine->life) == ENGINE_CLOSED)
        return;
    if (atomic_load(&engine->is_wanted)) {
        engine_wake_all_locked(engine);
        return;
    }
    if (hand_over_locked(engine) || !atomic_load(&engine->is_watched))
        return;
    if (engine->inbox)
        engine_signal_locked(engine);
    engine_arm(engine);
}

static void release_role_locked(struct engine *engine)
{
    engine->is_driven = false;
    engine_role_offer_locked(engine);
}

static bool must_leave(struct engine *engine, entc_op *op)
{
    return engine_op_is_done(op) || atomic_load(&op->is_due) || atomic_load(&engine->is_wanted) ||
           (op->group && atomic_load(&op->group->has_due));
}

/* Holds the role until the operation is done, has host code due, or the time is over; at least one
 * turn. */
static void drive_until(struct engine *engine, entc_op *op, int64_t until_us)
{
    for (;;) {
        int64_t left = 0;

        engine_run_ready(engine);
        if (must_leave(engine, op))
            return;
        left = until_us == ENGINE_NEVER ? ENGINE_NEVER : until_us - engine->turn_us;
        engine_poll(engine, left);
        if (left <= 0) {
            engine_run_ready(engine);
            return;
        }
    }
}

/* ---- waiting ---- */

static entc_status wait_locked(struct engine *engine, entc_op *op, int64_t until_us,
                               struct engine_sleeper *sleeper)
{
    for (;;) {
        entc_op *due = engine_host_next_locked(op);

        if (due) {
            engine_group_unblock_locked(op, sleeper);
            if (!engine->is_driven)
                engine_role_offer_locked(engine);
            engine_host_run_locked(engine, due);
            continue;
        }
        if (engine_op_is_done(op))
            return ENTC_OK;
        engine_group_block_locked(op, sleeper);
        if (!engine->is_driven && !atomic_load(&engine->is_wanted) &&
            may_drive_locked(engine, sleeper->thread)) {
            engine->is_driven = true;
            engine->driver = pthread_self();
            pthread_mutex_unlock(&engine->lock);
            drive_until(engine, op, until_us);
            pthread_mutex_lock(&engine->lock);
            release_role_locked(engine);
        } else {
            engine_sleep_locked(engine, sleeper, op, until_us);
        }
        if (until_us != ENGINE_NEVER && !engine_op_is_done(op) && !engine_host_next_locked(op) &&
            engine->now_us() >= until_us)
            return ENTC_E_AGAIN;
    }
}

entc_status engine_op_wait(entc_op *op, int64_t timeout_us)
{
    struct engine *engine = op->engine;
    struct engine_sleeper sleeper;
    int64_t until_us = ENGINE_NEVER;
    entc_status status = ENTC_OK;

    if (engine_is_forked(engine))
        return ENTC_E_FORKED;
    if (engine_in_callback(engine))
        return engine_op_is_done(op) ? ENTC_OK : ENTC_E_REENTRANT;
    if (timeout_us >= 0) {
        int64_t now = engine->now_us();

        until_us = timeout_us < ENGINE_NEVER - now ? now + timeout_us : ENGINE_NEVER;
    }
    /* Its callback may give back the reference that the caller had. */
    engine_op_ref(op);
    engine_sleeper_init(&sleeper, true);
    pthread_mutex_lock(&engine->lock);
    status = wait_locked(engine, op, until_us, &sleeper);
    engine_group_unblock_locked(op, &sleeper);
    /* Woken to drive, but done already: somebody else must. */
    if (!engine->is_driven)
        engine_role_offer_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    engine_sleeper_fini(&sleeper);
    engine_op_unref(op);
    return status;
}

static void process_turn(struct engine *engine)
{
    engine_run_ready(engine);
    engine_poll(engine, 0);
    engine_run_ready(engine);
}

entc_status engine_process(struct engine *engine)
{
    entc_status status = engine_admits(engine);

    if (status != ENTC_OK)
        return status;
    if (engine_in_callback(engine))
        return ENTC_E_REENTRANT;
    pthread_mutex_lock(&engine->lock);
    /* It may have been closed since. */
    if (atomic_load(&engine->life) == ENGINE_CLOSED) {
        pthread_mutex_unlock(&engine->lock);
        return ENTC_E_CLOSED;
    }
    engine->loop_thread = pthread_self();
    engine_groups_process_locked(engine);
    if (!engine->is_driven && !atomic_load(&engine->is_wanted)) {
        engine->is_driven = true;
        engine->driver = pthread_self();
        engine->is_processing = true;
        pthread_mutex_unlock(&engine->lock);
        process_turn(engine);
        pthread_mutex_lock(&engine->lock);
        engine->is_processing = false;
        release_role_locked(engine);
    }
    engine_host_run_all_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    return ENTC_OK;
}
