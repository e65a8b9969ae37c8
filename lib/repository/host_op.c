/* Operations that the host itself completes: entc_op_new(), resolve, reject.
 *
 * The answer is written on the host's thread, then a task tells the driver; `is_answered` is taken
 * once, so one thread only writes. A deadline or cancel that comes first has completed the
 * operation; what is resolved afterwards is given back. */
#include "repository/flight.h"

static void run_answer(struct engine_task *task);

/* It waits for the host, and the engine for its deadline. */
static void start(entc_op *op)
{
    (void)op;
}

static const struct engine_op_kind host_kind = {
    .name = "get_many of the host", .start = start, .destroy = repository_entities_op_destroy};

static struct entities_op *op_new(struct engine *engine, size_t count,
                                  const struct repository_call *call)
{
    struct entities_op *op = NULL;
    const size_t slot_size = sizeof(*op->entities) + sizeof(*op->statuses);

    op = base_allocate_zeroed(engine_allocator(engine), sizeof(*op) + count * slot_size);
    if (!op)
        return NULL;
    engine_op_init(&op->op, engine, &host_kind, call->deadline_us, call->done, call->user);
    op->count = count;
    op->is_of_host = true;
    op->request = repository_request_ref(call->request);
    repository_op_in(&op->op, op->request);
    op->entities = (struct entc_entity **)(void *)(op + 1);
    op->statuses = (entc_status *)(void *)(op->entities + count);
    op->answer_task.run = run_answer;
    atomic_init(&op->is_answered, false);
    buffer_init(&op->keys, engine_allocator(engine));
    return op;
}

entc_status repository_host_op_new(struct engine *engine, size_t count,
                                   const struct repository_call *call, entc_op **ret_op,
                                   entc_error **reterr)
{
    struct entities_op *op = NULL;
    entc_status status = ENTC_OK;

    if (count > REPOSITORY_IDS_MAX) {
        error_set(reterr, ENTC_E_INVALID, "argument", "count is %zu, above %u", count,
                  (unsigned)REPOSITORY_IDS_MAX);
        error_hint(reterr, "answer the ids in several operations");
        return ENTC_E_INVALID;
    }
    op = op_new(engine, count, call);
    if (!op)
        return error_no_memory(reterr);
    status = repository_op_submit(&op->op, reterr);
    if (status)
        engine_op_unref(&op->op);
    else
        *ret_op = &op->op;
    return status;
}

static void give_back(struct entities_op *op)
{
    for (size_t i = 0; i < op->count; i++) {
        entity_unref(op->entities[i]);
        op->entities[i] = NULL;
    }
}

/* Slots may have failed without a story; the operation needs one when all failed alike. */
static void tell_slots(struct entities_op *op)
{
    for (size_t i = 0; i < op->count; i++) {
        entc_status status = op->statuses[i];

        if (status == ENTC_OK || status == ENTC_E_NOT_FOUND)
            continue;
        error_set(&op->first_error, status, "engine", "the host answered with %s",
                  entc_status_name(status));
        return;
    }
}

static void run_answer(struct engine_task *task)
{
    struct entities_op *op = BASE_CONTAINER(task, struct entities_op, answer_task);
    entc_error *story = NULL;

    if (engine_op_is_completed(&op->op)) {
        give_back(op);
    } else if (op->answer != ENTC_OK) {
        story = op->first_error;
        op->first_error = NULL;
        engine_op_complete(&op->op, op->answer, story);
    } else {
        tell_slots(op);
        repository_entities_op_finish(op);
    }
    engine_op_unref(&op->op);
}

static void post_answer(struct entities_op *op)
{
    engine_op_ref(&op->op);
    engine_post(op->op.engine, &op->answer_task);
}

/* True for an operation of the host that is answered for the first time. */
static bool claim(struct entities_op *op)
{
    return op->is_of_host && !atomic_exchange(&op->is_answered, true);
}

/* A status that is none, and one that would mean "wait", are the host's mistake. */
static entc_status slot_status(const struct entc_entity *entity, const entc_status *statuses,
                               size_t slot)
{
    entc_status status = statuses ? statuses[slot] : ENTC_OK;

    if (status == ENTC_OK)
        return entity ? ENTC_OK : ENTC_E_NOT_FOUND;
    return status > 0 || status == ENTC_E_AGAIN ? ENTC_E_INVALID : status;
}

static void write_slots(struct entities_op *op, struct entc_entity **entities,
                        const entc_status *statuses)
{
    for (size_t i = 0; i < op->count; i++) {
        op->statuses[i] = slot_status(entities[i], statuses, i);
        if (op->statuses[i] == ENTC_OK)
            op->entities[i] = entities[i];
        else
            entity_unref(entities[i]);
    }
}

static entc_status refuse(entc_status status, struct entc_entity **entities, size_t count)
{
    for (size_t i = 0; entities && i < count; i++)
        entity_unref(entities[i]);
    return status;
}

entc_status repository_host_op_resolve(entc_op *base, struct entc_entity **entities,
                                       const entc_status *statuses, size_t count)
{
    struct entities_op *op = repository_entities_op(base);

    if (engine_is_forked(base->engine))
        return refuse(ENTC_E_FORKED, entities, count);
    if (!op || count != op->count || (count > 0 && !entities) || !claim(op))
        return refuse(ENTC_E_INVALID, entities, count);
    write_slots(op, entities, statuses);
    post_answer(op);
    return ENTC_OK;
}

entc_status repository_host_op_reject(entc_op *base, entc_status status, const char *message)
{
    struct entities_op *op = repository_entities_op(base);

    if (engine_is_forked(base->engine))
        return ENTC_E_FORKED;
    if (!op || status >= 0 || status == ENTC_E_AGAIN || !claim(op))
        return ENTC_E_INVALID;
    op->answer = status;
    if (status != ENTC_E_NOT_FOUND)
        error_set(&op->first_error, status, "engine", "%s",
                  message ? message : "the host rejected the operation");
    post_answer(op);
    return ENTC_OK;
}
