/* Host code: callbacks, and host steps on behalf of an operation. When it is due, and which thread
 * runs it.
 *
 * Invariant: it runs without the lock, and for one operation one piece at a time: a step that still
 * runs when its operation is over is not overtaken by the callback. */
#include "engine/internal.h"

#include <errno.h>
#include <unistd.h>

/* What engine_process() alone does. */
static bool has_work(const struct engine *engine)
{
    return !list_is_empty(&engine->deliveries) || !list_is_empty(&engine->open_groups);
}

void engine_host_signal_locked(struct engine *engine)
{
    uint64_t one = 1;

    if (engine->is_due_signalled || !has_work(engine) || !atomic_load(&engine->is_watched))
        return;
    engine->is_due_signalled = true;
    while (write(engine->due_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

static void unsignal_locked(struct engine *engine)
{
    uint64_t count = 0;

    if (!engine->is_due_signalled || has_work(engine))
        return;
    engine->is_due_signalled = false;
    while (read(engine->due_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        continue;
}

void engine_host_due_locked(entc_op *op)
{
    if (list_is_linked(&op->delivery))
        return;
    if (op->is_inside) {
        op->is_due_again = true;
        return;
    }
    engine_op_ref(op);
    atomic_store(&op->is_due, true);
    list_push(&op->engine->deliveries, &op->delivery);
    if (op->step && op->group) {
        list_push(&op->group->due, &op->group_due);
        atomic_store(&op->group->has_due, true);
        engine_group_wake_locked(op->group);
    }
    if (!op->engine->is_processing)
        engine_host_signal_locked(op->engine);
}

static void unqueue_locked(entc_op *op)
{
    list_remove(&op->delivery);
    atomic_store(&op->is_due, false);
    if (!list_is_linked(&op->group_due))
        return;
    list_remove(&op->group_due);
    atomic_store(&op->group->has_due, !list_is_empty(&op->group->due));
}

entc_op *engine_host_next_locked(entc_op *op)
{
    if (atomic_load(&op->is_due))
        return op;
    if (!op->group || list_is_empty(&op->group->due))
        return NULL;
    return BASE_CONTAINER(op->group->due.next, entc_op, group_due);
}

void engine_op_host_step(entc_op *op, void (*step)(entc_op *op))
{
    struct engine *engine = op->engine;

    if (engine_op_is_completed(op))
        return;
    pthread_mutex_lock(&engine->lock);
    op->step = step;
    engine_host_due_locked(op);
    engine_op_wake_locked(op);
    pthread_mutex_unlock(&engine->lock);
}

bool engine_host_forget_step_locked(entc_op *op)
{
    bool was_queued = list_is_linked(&op->delivery);

    op->step = NULL;
    op->is_due_again = false;
    if (was_queued)
        unqueue_locked(op);
    return was_queued;
}

/* Back from host code. What became due for the same operation meanwhile comes next. */
static void leave_locked(struct engine *engine, entc_op *op, struct engine_frame *frame)
{
    list_remove(&frame->link);
    atomic_fetch_sub(&engine->frame_count, 1);
    op->is_inside = false;
    if (op->is_due_again) {
        op->is_due_again = false;
        engine_host_due_locked(op);
        engine_op_wake_locked(op);
        /* The driver may be one that waits for just this. */
        if (engine->is_asleep)
            engine_signal_locked(engine);
    }
    if (frame->is_step && op->group) {
        op->group->inside--;
        engine_group_consider_locked(op->group);
    }
    if (atomic_load(&engine->life) == ENGINE_CLOSING && list_is_empty(&engine->frames))
        engine_wake_all_locked(engine);
}

void engine_host_run_locked(struct engine *engine, entc_op *op)
{
    void (*step)(entc_op *) = op->step;
    struct engine_frame frame = {.thread = pthread_self(), .is_step = step != NULL};

    op->step = NULL;
    op->is_inside = true;
    if (step && op->group)
        op->group->inside++;
    unqueue_locked(op);
    list_push(&engine->frames, &frame.link);
    atomic_fetch_add(&engine->frame_count, 1);
    pthread_mutex_unlock(&engine->lock);
    if (step)
        step(op);
    else
        op->done(op, op->user);
    pthread_mutex_lock(&engine->lock);
    leave_locked(engine, op, &frame);
    pthread_mutex_unlock(&engine->lock);
    engine_op_unref(op);
    pthread_mutex_lock(&engine->lock);
}

void engine_host_run_all_locked(struct engine *engine)
{
    struct list *first = &engine->deliveries;
    size_t most = 0;

    /* Host code that is made due by this host code waits for the next call: the loop is bounded. */
    for (struct list *link = first->next; link != first; link = link->next)
        most++;
    while (most-- > 0 && !list_is_empty(first))
        engine_host_run_locked(engine, BASE_CONTAINER(first->next, entc_op, delivery));
    engine_host_signal_locked(engine);
    unsignal_locked(engine);
}

static const struct engine_frame *own_frame_locked(const struct engine *engine)
{
    const struct list *first = &engine->frames;

    for (const struct list *link = first->next; link != first; link = link->next) {
        const struct engine_frame *frame = BASE_CONTAINER(link, struct engine_frame, link);

        if (pthread_equal(frame->thread, pthread_self()))
            return frame;
    }
    return NULL;
}

bool engine_in_callback(struct engine *engine)
{
    bool is_inside = false;

    /* A lock of the parent may be held by a thread that a forked child does not have. */
    if (engine_is_forked(engine) || atomic_load(&engine->frame_count) == 0)
        return false;
    pthread_mutex_lock(&engine->lock);
    is_inside = own_frame_locked(engine) != NULL;
    pthread_mutex_unlock(&engine->lock);
    return is_inside;
}

bool engine_accepts_locked(struct engine *engine)
{
    const struct engine_frame *frame = NULL;

    if (atomic_load(&engine->life) == ENGINE_OPEN)
        return true;
    if (atomic_load(&engine->life) == ENGINE_CLOSED || engine->is_ending)
        return false;
    frame = own_frame_locked(engine);
    if (frame)
        return frame->is_step;
    return engine->is_driven && pthread_equal(engine->driver, pthread_self());
}
