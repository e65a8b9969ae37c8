/* The entities of all pages, in one batch of the child repository. An override of get_many is
 * honoured: it is host code, so it is called in a host step, and its operation comes back to the
 * driver as a task. */
#include "relation/pages.h"

static void run_attach(struct engine_task *task);

static void fail(struct pages_op *op, entc_status status, const entc_error *story)
{
    entc_error *error = NULL;

    error_copy(&error, story, status);
    relation_pages_end(op, status, error);
}

/* ---- the answer ---- */

static void give_to_pages(struct pages_op *op, struct entc_entity **entities,
                          const entc_status *statuses)
{
    for (size_t i = 0; i < op->parent_count; i++) {
        struct entc_page *page = op->parents[i].page;

        if (page->is_ids_only)
            continue;
        if (page->count > 0) {
            memcpy(page->entities, entities, page->count * sizeof(*entities));
            memcpy(page->statuses, statuses, page->count * sizeof(*statuses));
        }
        entities += page->count;
        statuses += page->count;
    }
}

static entc_status refuse_answer(const struct pages_op *op, size_t answered, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument",
              "get_many of entity '%s' was overridden and answered %zu entities for %zu ids",
              op->impl->type->name, answered, op->id_count);
    error_hint(reterr, "return a fresh operation of entc_op_new() or of the base, with one slot "
                       "for each id");
    return ENTC_E_INVALID;
}

static entc_status take(struct pages_op *op, entc_op *answer, entc_error **reterr)
{
    const entc_allocator *allocator = engine_allocator(op->op.engine);
    const struct entities_op *head = repository_entities_op(answer);
    struct entc_entity **entities = NULL;
    entc_status *statuses = NULL;
    entc_status status = ENTC_OK;

    if (!head || head->count != op->id_count || head->is_taken)
        return refuse_answer(op, head && !head->is_taken ? head->count : 0, reterr);
    if (answer->status != ENTC_OK) {
        error_copy(reterr, answer->error, answer->status);
        return answer->status;
    }
    entities = base_allocate_array(allocator, op->id_count, sizeof(*entities) + sizeof(*statuses));
    if (!entities)
        return error_no_memory(reterr);
    statuses = (entc_status *)(void *)(entities + op->id_count);
    status = repository_op_take(answer, entities, statuses, op->id_count);
    if (status == ENTC_OK)
        give_to_pages(op, entities, statuses);
    base_release(allocator, entities);
    return status;
}

static void on_entities(entc_op *answer, void *context)
{
    struct pages_op *op = context;
    entc_error *error = NULL;
    entc_status status = take(op, answer, &error);

    op->entities = NULL;
    engine_op_unref(answer);
    relation_pages_end(op, status, error);
}

/* Takes the reference. */
static void attach(struct pages_op *op, entc_op *answer)
{
    op->entities = answer;
    engine_op_then(answer, on_entities, op);
}

void relation_children_stop(struct pages_op *op)
{
    entc_op *answer = op->entities;

    if (!answer)
        return;
    op->entities = NULL;
    engine_op_then(answer, NULL, NULL);
    engine_op_cancel(answer);
    engine_op_unref(answer);
}

/* ---- asking ---- */

/* Host code: no lock is held, and another thread may drive and even end the operation meanwhile. It
 * stays referenced, and what is read here does not change any more. */
static void ask_override(entc_op *base)
{
    struct pages_op *op = (struct pages_op *)base;
    BaseCacheRepository *owner = atomic_load(&op->impl->owner);
    int64_t left = base->deadline_us - engine_now_us(base->engine);
    entc_call call = ENTC_CALL_INIT;

    call.request = op->request;
    call.timeout_us = left > 0 ? left : 1;
    if (owner)
        op->override_status = owner->ops->get_many(owner, op->ids, op->id_count, &call,
                                                   &op->override_op, &op->override_error);
    else
        op->override_status = repository_is_closed_error(op->impl, &op->override_error);
    op->attach_task.run = run_attach;
    engine_op_ref(base);
    engine_post(base->engine, &op->attach_task);
}

static void accept_override(struct pages_op *op)
{
    entc_op *answer = op->override_op;

    op->override_op = NULL;
    if (engine_op_is_completed(&op->op)) {
        if (answer)
            engine_op_cancel(answer);
        engine_op_unref(answer);
    } else if (op->override_status != ENTC_OK) {
        engine_op_unref(answer);
        fail(op, op->override_status, op->override_error);
    } else if (!answer) {
        refuse_answer(op, 0, &op->override_error);
        fail(op, ENTC_E_INVALID, op->override_error);
    } else {
        attach(op, answer);
    }
}

static void run_attach(struct engine_task *task)
{
    struct pages_op *op = BASE_CONTAINER(task, struct pages_op, attach_task);

    accept_override(op);
    engine_op_unref(&op->op);
}

void relation_children_start(struct pages_op *op)
{
    const struct repository_call call = {
        .request = op->request, .deadline_us = op->op.deadline_us, .parent = op->span.id};
    entc_error *error = NULL;
    entc_op *answer = NULL;
    entc_status status = ENTC_OK;

    if (op->id_count == 0) {
        relation_pages_end(op, ENTC_OK, NULL);
        return;
    }
    if (op->impl->overrides_get_many) {
        engine_op_host_step(&op->op, ask_override);
        return;
    }
    status = repository_get_many(op->impl, op->ids, op->id_count, &call, &answer, &error);
    if (status == ENTC_OK)
        attach(op, answer);
    else
        relation_pages_end(op, status, error);
}
