/* Groups: when what a request has collected is sent.
 *
 * Invariant: as long as a group is open, its next close is certain if anybody blocks for one of its
 * operations. A thread counts as blocked from the moment that it has nothing to do but wait until
 * its operation is done, not until it wakes; and operations that end together are done together:
 * so when many threads are released by one answer, the first of them that blocks again does not
 * take the others for blocked. */
#include "engine/internal.h"

static void run_close(struct engine_task *task);
static void run_arm(struct engine_task *task);
static void fire(struct engine_timer *timer);

void engine_group_init(struct engine_group *group, struct engine *engine,
                       void (*close)(struct engine_group *group),
                       void (*unref)(struct engine_group *group))
{
    *group = (struct engine_group){
        .engine = engine, .close = close, .unref = unref, .close_at_us = ENGINE_NEVER};
    atomic_init(&group->has_due, false);
    atomic_init(&group->ending, 0);
    group->close_task.run = run_close;
    group->arm_task.run = run_arm;
    group->timer.fire = fire;
    list_init(&group->ops);
    list_init(&group->due);
    list_init(&group->sleepers);
}

/* ---- open and closed ---- */

static void close_locked(struct engine_group *group)
{
    list_remove(&group->link);
    /* What is opened while the close is on its way is closed by it too. */
    if (!group->is_open || group->is_closing)
        return;
    group->is_open = false;
    group->is_closing = true;
    group->close_at_us = ENGINE_NEVER;
    engine_post_locked(group->engine, &group->close_task);
}

/* Not behind a close: the group may be gone when that has run. */
static void close_at_locked(struct engine_group *group, int64_t at_us)
{
    if (!group->is_open || group->is_closing || at_us >= group->close_at_us)
        return;
    group->close_at_us = at_us;
    if (group->is_arming)
        return;
    group->is_arming = true;
    engine_post_locked(group->engine, &group->arm_task);
}

static void run_arm(struct engine_task *task)
{
    struct engine_group *group = BASE_CONTAINER(task, struct engine_group, arm_task);
    struct engine *engine = group->engine;
    int64_t at_us = ENGINE_NEVER;

    pthread_mutex_lock(&engine->lock);
    group->is_arming = false;
    at_us = group->close_at_us;
    pthread_mutex_unlock(&engine->lock);
    if (at_us != ENGINE_NEVER && !engine_timer_set(engine, &group->timer, at_us))
        engine_group_close(group);
}

static void fire(struct engine_timer *timer)
{
    engine_group_close(BASE_CONTAINER(timer, struct engine_group, timer));
}

static void run_close(struct engine_task *task)
{
    struct engine_group *group = BASE_CONTAINER(task, struct engine_group, close_task);
    struct engine *engine = group->engine;
    bool was_opened_again = false;

    pthread_mutex_lock(&engine->lock);
    was_opened_again = group->is_open;
    group->is_open = false;
    group->is_closing = false;
    group->close_at_us = ENGINE_NEVER;
    list_remove(&group->link);
    pthread_mutex_unlock(&engine->lock);
    engine_timer_stop(engine, &group->timer);
    group->close(group);
    if (was_opened_again)
        group->unref(group);
    group->unref(group);
}

bool engine_group_open(struct engine_group *group)
{
    struct engine *engine = group->engine;
    bool is_taken = false;

    pthread_mutex_lock(&engine->lock);
    is_taken = !group->is_open && atomic_load(&engine->life) != ENGINE_CLOSED;
    if (is_taken) {
        group->is_open = true;
        list_push(&engine->open_groups, &group->link);
        engine_host_signal_locked(engine);
        /* One who is blocked already does not look again; the one who opens may add more. */
        if (group->blocked > 0)
            close_at_locked(group, engine->now_us() + group->patience_us);
    }
    pthread_mutex_unlock(&engine->lock);
    return is_taken;
}

void engine_group_close_at(struct engine_group *group, int64_t at_us)
{
    pthread_mutex_lock(&group->engine->lock);
    close_at_locked(group, at_us);
    pthread_mutex_unlock(&group->engine->lock);
}

void engine_group_close(struct engine_group *group)
{
    pthread_mutex_lock(&group->engine->lock);
    close_locked(group);
    pthread_mutex_unlock(&group->engine->lock);
}

static void close_list_locked(struct list *groups)
{
    while (!list_is_empty(groups))
        close_locked(BASE_CONTAINER(groups->next, struct engine_group, link));
}

void engine_groups_close_locked(struct engine *engine)
{
    close_list_locked(&engine->open_groups);
    close_list_locked(&engine->patient_groups);
}

void engine_groups_process_locked(struct engine *engine)
{
    struct list *next = NULL;

    for (struct list *link = engine->open_groups.next; link != &engine->open_groups; link = next) {
        struct engine_group *group = BASE_CONTAINER(link, struct engine_group, link);

        next = link->next;
        if (group->entered == 0) {
            close_locked(group);
            continue;
        }
        close_at_locked(group, engine->now_us() + group->patience_us);
        list_remove(link);
        list_push(&engine->patient_groups, link);
    }
}

/* ---- threads ---- */

void engine_group_consider_locked(struct engine_group *group)
{
    /* One of many that end together is not taken for the last: the last of them comes here again.
     */
    if (!group->is_open || group->blocked == 0 || atomic_load(&group->ending) > 0)
        return;
    if (group->blocked >= group->entered && group->inside == 0 && list_is_empty(&group->due))
        close_locked(group);
    else
        close_at_locked(group, group->engine->now_us() + group->patience_us);
}

void engine_group_enter(struct engine_group *group)
{
    pthread_mutex_lock(&group->engine->lock);
    group->entered++;
    pthread_mutex_unlock(&group->engine->lock);
}

bool engine_group_leave(struct engine_group *group)
{
    bool has_entered = false;

    pthread_mutex_lock(&group->engine->lock);
    has_entered = group->entered > 0;
    if (has_entered) {
        group->entered--;
        engine_group_consider_locked(group);
    }
    /* Nobody is left for whom it was left open. */
    if (group->entered == 0 && list_is_linked(&group->link)) {
        list_remove(&group->link);
        list_push(&group->engine->open_groups, &group->link);
        engine_host_signal_locked(group->engine);
    }
    pthread_mutex_unlock(&group->engine->lock);
    return has_entered;
}

void engine_group_block_locked(entc_op *op, struct engine_sleeper *sleeper)
{
    struct engine_group *group = op->group;

    if (!group)
        return;
    if (!sleeper->is_blocked) {
        sleeper->is_blocked = true;
        op->blocked_threads++;
        group->blocked++;
    }
    engine_group_consider_locked(group);
}

void engine_group_unblock_locked(entc_op *op, struct engine_sleeper *sleeper)
{
    if (sleeper->is_blocked && !engine_op_is_done(op)) {
        op->blocked_threads--;
        op->group->blocked--;
    }
    sleeper->is_blocked = false;
}

void engine_group_op_done_locked(entc_op *op)
{
    if (!op->group)
        return;
    op->group->blocked -= op->blocked_threads;
    op->blocked_threads = 0;
    if (atomic_fetch_sub(&op->group->ending, 1) == 1)
        engine_group_consider_locked(op->group);
}

void engine_group_wake_locked(struct engine_group *group)
{
    const struct list *first = &group->sleepers;

    for (const struct list *link = first->next; link != first; link = link->next)
        engine_wake_locked(BASE_CONTAINER(link, struct engine_sleeper, group_link));
}

/* ---- its operations ---- */

void engine_group_end(struct engine_group *group, entc_status status, const char *why)
{
    while (!list_is_empty(&group->ops))
        engine_op_end(BASE_CONTAINER(group->ops.next, entc_op, group_link), status, why);
}
