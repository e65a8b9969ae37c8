/* Closing: the last one who drives.
 *
 * Invariant: from the moment that the engine is closing nothing new is accepted but what operations
 * under way need themselves (a list its entities), so that they can end in the time that they are
 * given; what is left when it is over ends with ENTC_E_CLOSED. When
 * engine_close() returns, no host code runs and none will. */
#include "engine/internal.h"

/* What a helper's end is looked for at the latest, should its signal get lost. */
#define HELPER_LOOK_US 1000000

static void take_role_locked(struct engine *engine)
{
    struct engine_sleeper sleeper;

    engine_sleeper_init(&sleeper, false);
    atomic_store(&engine->is_wanted, true);
    while (engine->is_driven) {
        engine_signal_locked(engine);
        engine_sleep_locked(engine, &sleeper, NULL, ENGINE_NEVER);
    }
    engine->is_driven = true;
    engine->driver = pthread_self();
    atomic_store(&engine->is_wanted, false);
    engine_sleeper_fini(&sleeper);
}

/* Another thread closes already: its close ends first. */
static void await_close_locked(struct engine *engine)
{
    struct engine_sleeper sleeper;

    engine_sleeper_init(&sleeper, false);
    while (atomic_load(&engine->life) == ENGINE_CLOSING)
        engine_sleep_locked(engine, &sleeper, NULL, ENGINE_NEVER);
    engine_sleeper_fini(&sleeper);
}

/* Runs turns, and the host code that becomes due, until nothing is under way or the time is over.
 */
static void drain(struct engine *engine, int64_t until_us)
{
    for (;;) {
        int64_t left = 0;
        bool is_due = false;

        pthread_mutex_lock(&engine->lock);
        engine_groups_close_locked(engine);
        pthread_mutex_unlock(&engine->lock);
        engine_run_ready(engine);
        pthread_mutex_lock(&engine->lock);
        engine_host_run_all_locked(engine);
        is_due = !list_is_empty(&engine->deliveries) || !list_is_empty(&engine->open_groups);
        pthread_mutex_unlock(&engine->lock);
        left = until_us - engine->now_us();
        if (list_is_empty(&engine->ops) || left <= 0)
            return;
        engine_poll(engine, is_due ? 0 : left);
    }
}

/* What was accepted a moment ago is begun, so that it can be ended too. */
static void end_the_rest(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->is_ending = true;
    pthread_mutex_unlock(&engine->lock);
    engine_run_ready(engine);
    engine_op_abandon_all(engine, ENTC_E_CLOSED);
}

/* Runs the host code that is due, waits for what other threads run, and for what that posts. */
static void finish_host_code(struct engine *engine)
{
    struct engine_sleeper sleeper;
    bool is_over = false;

    engine_sleeper_init(&sleeper, false);
    while (!is_over) {
        engine_run_ready(engine);
        pthread_mutex_lock(&engine->lock);
        engine_host_run_all_locked(engine);
        if (!engine->inbox && list_is_empty(&engine->deliveries)) {
            is_over = list_is_empty(&engine->frames);
            if (!is_over)
                engine_sleep_locked(engine, &sleeper, NULL, ENGINE_NEVER);
        }
        pthread_mutex_unlock(&engine->lock);
    }
    engine_sleeper_fini(&sleeper);
}

/* A helper's end arrives as a task; its thread may still be busy with a resolver. */
static void join_helpers(struct engine *engine)
{
    while (!list_is_empty(&engine->helpers)) {
        engine_poll(engine, HELPER_LOOK_US);
        engine_run_ready(engine);
    }
}

/* From here on tasks run inline, one at a time; those posted a moment ago run first. */
static void end_life(struct engine *engine)
{
    pthread_mutex_lock(&engine->closed_lock);
    pthread_mutex_lock(&engine->lock);
    engine_groups_close_locked(engine);
    atomic_store(&engine->life, ENGINE_CLOSED);
    engine->is_driven = false;
    engine_wake_all_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    engine_run_ready(engine);
    pthread_mutex_unlock(&engine->closed_lock);
}

entc_status engine_close(struct engine *engine, int64_t timeout_us, void (*shutdown)(void *context),
                         void *context)
{
    int64_t now = engine->now_us();

    if (engine_is_forked(engine)) {
        engine_close_descriptors(engine);
        return ENTC_E_FORKED;
    }
    if (engine_in_callback(engine))
        return ENTC_E_REENTRANT;
    pthread_mutex_lock(&engine->lock);
    if (atomic_load(&engine->life) != ENGINE_OPEN) {
        await_close_locked(engine);
        pthread_mutex_unlock(&engine->lock);
        return ENTC_OK;
    }
    atomic_store(&engine->life, ENGINE_CLOSING);
    take_role_locked(engine);
    pthread_mutex_unlock(&engine->lock);
    drain(engine, timeout_us < ENGINE_NEVER - now ? now + timeout_us : ENGINE_NEVER);
    end_the_rest(engine);
    finish_host_code(engine);
    if (shutdown)
        shutdown(context);
    join_helpers(engine);
    end_life(engine);
    return ENTC_OK;
}
