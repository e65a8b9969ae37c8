/* Operations: accepted, begun by the driver, completed once, then done for everybody.
 *
 * Completed and done are two steps: what a completion still has to send (fills) is offered to the
 * sockets between them. References: the caller's, the engine's while under way, and one for host
 * code that is due. */
#include "engine/internal.h"

static void op_start(struct engine_task *task);
static void op_cancel(struct engine_task *task);
static void op_expire(struct engine_timer *timer);

void engine_op_init(entc_op *op, struct engine *engine, const struct engine_op_kind *kind,
                    int64_t deadline_us, entc_done_fn done, void *user)
{
    *op = (entc_op){.kind = kind, .deadline_us = deadline_us, .done = done, .user = user};
    atomic_init(&op->references, 1);
    atomic_init(&op->state, ENGINE_OP_NEW);
    atomic_init(&op->is_due, false);
    atomic_init(&op->cancel_posted, false);
    op->engine = engine_ref(engine);
    op->timer.fire = op_expire;
    op->start_task.run = op_start;
    op->cancel_task.run = op_cancel;
    list_init(&op->waiters);
}

void engine_op_fini(entc_op *op)
{
    entc_error_free(op->error);
    op->error = NULL;
    engine_unref(op->engine);
}

entc_op *engine_op_ref(entc_op *op)
{
    if (op)
        atomic_fetch_add_explicit(&op->references, 1, memory_order_relaxed);
    return op;
}

void engine_op_unref(entc_op *op)
{
    if (op && atomic_fetch_sub_explicit(&op->references, 1, memory_order_acq_rel) == 1)
        op->kind->destroy(op);
}

entc_status engine_op_submit(entc_op *op)
{
    struct engine *engine = op->engine;

    if (engine_is_forked(engine))
        return ENTC_E_FORKED;
    pthread_mutex_lock(&engine->lock);
    if (!engine_accepts_locked(engine)) {
        pthread_mutex_unlock(&engine->lock);
        return ENTC_E_CLOSED;
    }
    engine_op_ref(op);
    atomic_store(&op->state, ENGINE_OP_UNDER_WAY);
    engine_post_locked(engine, &op->start_task);
    pthread_mutex_unlock(&engine->lock);
    return ENTC_OK;
}

static void op_start(struct engine_task *task)
{
    entc_op *op = BASE_CONTAINER(task, entc_op, start_task);
    struct engine *engine = op->engine;

    list_push(&engine->ops, &op->link);
    if (op->group)
        list_push(&op->group->ops, &op->group_link);
    if (op->deadline_us != ENGINE_NEVER && !engine_timer_set(engine, &op->timer, op->deadline_us)) {
        engine_op_complete(op, ENTC_E_NO_MEMORY, NULL);
        return;
    }
    op->kind->start(op);
}

bool engine_op_is_completed(const entc_op *op)
{
    return atomic_load_explicit(&op->state, memory_order_relaxed) >= ENGINE_OP_COMPLETED;
}

bool engine_op_is_done(const entc_op *op)
{
    return atomic_load_explicit(&op->state, memory_order_acquire) == ENGINE_OP_DONE;
}

void engine_op_complete(entc_op *op, entc_status status, entc_error *error)
{
    struct engine *engine = op->engine;

    if (engine_op_is_completed(op)) {
        entc_error_free(error);
        return;
    }
    op->status = status;
    op->error = error;
    if (status == ENTC_E_NO_MEMORY && !error)
        error_no_memory(&op->error);
    atomic_store(&op->state, ENGINE_OP_COMPLETED);
    engine_timer_stop(engine, &op->timer);
    list_remove(&op->link);
    list_remove(&op->group_link);
    if (op->group)
        atomic_fetch_add(&op->group->ending, 1);
    list_push(&engine->finishing, &op->finishing);
}

/* It lets go of all it waits for, then it is completed. */
void engine_op_end(entc_op *op, entc_status status, const char *why)
{
    entc_error *error = NULL;

    if (engine_op_is_completed(op))
        return;
    op->status = status;
    if (op->kind->abandon)
        op->kind->abandon(op);
    error_set(&error, status, "engine", "%s %s", op->kind->name, why);
    if (op->kind->explain)
        op->kind->explain(op, &error);
    engine_op_complete(op, status, error);
}

static void op_expire(struct engine_timer *timer)
{
    engine_op_end(BASE_CONTAINER(timer, entc_op, timer), ENTC_E_TIMEOUT,
                  "was not done when its deadline passed");
}

static void op_cancel(struct engine_task *task)
{
    entc_op *op = BASE_CONTAINER(task, entc_op, cancel_task);

    engine_op_end(op, ENTC_E_CANCELLED, "was cancelled");
    engine_op_unref(op);
}

void engine_op_cancel(entc_op *op)
{
    /* In a forked child the task would be dropped, and its reference with it. */
    if (engine_is_forked(op->engine) || engine_op_is_done(op) ||
        atomic_load(&op->state) == ENGINE_OP_NEW)
        return;
    if (atomic_exchange(&op->cancel_posted, true))
        return;
    engine_op_ref(op);
    engine_post(op->engine, &op->cancel_task);
}

void engine_op_abandon_all(struct engine *engine, entc_status status)
{
    while (!list_is_empty(&engine->ops))
        engine_op_end(BASE_CONTAINER(engine->ops.next, entc_op, link), status,
                      "was under way when the engine was closed");
}

void engine_op_then(entc_op *op, void (*then)(entc_op *op, void *context), void *context)
{
    op->then = then;
    op->then_context = context;
    if (then && engine_op_is_done(op)) {
        op->then = NULL;
        then(op, context);
    }
}

void engine_op_wake_locked(entc_op *op)
{
    for (struct list *link = op->waiters.next; link != &op->waiters; link = link->next)
        engine_wake_locked(BASE_CONTAINER(link, struct engine_sleeper, op_link));
}

static void finish(struct engine *engine, entc_op *op)
{
    void (*then)(entc_op *, void *) = NULL;
    bool had_step = false;

    pthread_mutex_lock(&engine->lock);
    had_step = engine_host_forget_step_locked(op);
    atomic_store_explicit(&op->state, ENGINE_OP_DONE, memory_order_release);
    if (op->done)
        engine_host_due_locked(op);
    engine_group_op_done_locked(op);
    engine_op_wake_locked(op);
    pthread_mutex_unlock(&engine->lock);
    then = op->then;
    op->then = NULL;
    if (then)
        then(op, op->then_context);
    if (had_step)
        engine_op_unref(op);
    engine_op_unref(op);
}

bool engine_op_finish_all(struct engine *engine)
{
    struct list *last = engine->finishing.previous;
    struct list *link = NULL;

    if (list_is_empty(&engine->finishing))
        return false;
    /* What a continuation completes waits for the phases: it may have set a hook before. */
    do {
        link = list_pop(&engine->finishing);
        finish(engine, BASE_CONTAINER(link, entc_op, finishing));
    } while (link != last);
    return true;
}
