/* Operations that answer entities: made on the caller's thread, begun by the driver, taken by the
 * caller.
 *
 * All that needs no driver is done before the submit: ids are made canonical and hashed, keys are
 * written. One block holds the operation and its arrays, one buffer the keys. A slot is
 * ENTC_E_AGAIN until it has its answer. */
#include "repository/flight.h"

static void start(entc_op *op);
static void abandon(entc_op *op);

static const struct engine_op_kind read_kind = {.name = "get_many",
                                                .start = start,
                                                .abandon = abandon,
                                                .destroy = repository_entities_op_destroy};

/* ---- making ---- */

static struct entities_op *op_new(struct entc_repository_impl *impl, const entc_value *ids,
                                  size_t count, const struct repository_call *call,
                                  char **ret_texts)
{
    struct engine *engine = impl->services->engine;
    const size_t parts = impl->type->key_count;
    struct entities_op *op = NULL;
    const size_t slot_size = sizeof(*op->entities) + parts * sizeof(*op->ids) +
                             sizeof(*op->hashes) + sizeof(*op->statuses) + sizeof(*op->entries) +
                             sizeof(*op->key_lengths);
    char *rest = NULL;

    op = base_allocate(engine_allocator(engine),
                       sizeof(*op) + count * slot_size +
                           repository_id_text_bytes(impl->type, ids, count));
    if (!op)
        return NULL;
    *op = (struct entities_op){.impl = repository_ref(impl), .count = count};
    engine_op_init(&op->op, engine, &read_kind, call->deadline_us, call->done, call->user);
    op->request = repository_request_ref(call->request);
    op->account = repository_account(op->request, impl);
    repository_op_in(&op->op, op->request);
    op->parent = call->parent;
    buffer_init(&op->keys, engine_allocator(engine));
    atomic_init(&op->is_answered, false);
    /* From the widest to the narrowest, so that each is aligned. */
    rest = (char *)(op + 1);
    op->entities = base_carve(&rest, count, sizeof(*op->entities));
    op->ids = base_carve(&rest, count * parts, sizeof(*op->ids));
    op->hashes = base_carve(&rest, count, sizeof(*op->hashes));
    op->statuses = base_carve(&rest, count, sizeof(*op->statuses));
    op->entries = base_carve(&rest, count, sizeof(*op->entries));
    op->key_lengths = base_carve(&rest, count, sizeof(*op->key_lengths));
    *ret_texts = rest;
    if (count)
        memset(op->entities, 0, count * sizeof(*op->entities));
    return op;
}

static bool write_key(struct entities_op *op, size_t slot)
{
    const struct buffer *head = &op->impl->key_head;
    const uint32_t parts = op->impl->type->key_count;
    size_t before = op->keys.length;

    if (!buffer_append(&op->keys, head->bytes, head->length) ||
        !codec_id_append(&op->ids[slot * parts], parts, &op->keys))
        return false;
    op->key_lengths[slot] = (uint16_t)(op->keys.length - before);
    return true;
}

/* Room for a part and its comma; one that is longer makes room for itself. */
#define USUAL_PART (TEXT_INT64_MAX + 1)

/* Canonical ids, their texts copied to `texts`, with hash and key. False when memory is out. */
static bool read_ids(struct entities_op *op, const entc_value *ids, char *texts)
{
    const struct entc_repository_impl *impl = op->impl;
    const uint32_t parts = impl->type->key_count;

    if (!buffer_reserve(&op->keys, op->count * (impl->key_head.length + parts * USUAL_PART)))
        return false;
    for (size_t i = 0; i < op->count; i++) {
        entc_value *id = &op->ids[i * parts];
        entc_error **blame = op->first_error ? NULL : &op->first_error;

        op->key_lengths[i] = 0;
        op->statuses[i] = codec_id(impl->type, &ids[i * parts], id, blame);
        if (op->statuses[i] != ENTC_OK)
            continue;
        repository_id_keep_texts(id, parts, &texts);
        op->hashes[i] = repository_id_hash(impl->services, id, parts);
        if (!write_key(op, i))
            return false;
        op->statuses[i] = ENTC_E_AGAIN;
        op->pending++;
    }
    return true;
}

static entc_status check(struct entc_repository_impl *impl, const entc_value *ids, size_t count,
                         entc_error **reterr)
{
    if (atomic_load(&impl->is_closed))
        return repository_is_closed_error(impl, reterr);
    if (count > 0 && !ids) {
        error_set(reterr, ENTC_E_INVALID, "argument", "ids is NULL, but count is %zu", count);
        error_hint(reterr, "pass an array of %zu values", count * impl->type->key_count);
        return ENTC_E_INVALID;
    }
    if (count > REPOSITORY_IDS_MAX / impl->type->key_count) {
        error_set(reterr, ENTC_E_INVALID, "argument", "count is %zu, above %u", count,
                  (unsigned)(REPOSITORY_IDS_MAX / impl->type->key_count));
        error_hint(reterr, "ask for the ids in several calls");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

entc_status repository_get_many(struct entc_repository_impl *impl, const entc_value *ids,
                                size_t count, const struct repository_call *call, entc_op **ret_op,
                                entc_error **reterr)
{
    entc_status status = check(impl, ids, count, reterr);
    struct entities_op *op = NULL;
    char *texts = NULL;

    if (status)
        return status;
    op = op_new(impl, ids, count, call, &texts);
    if (!op)
        return error_no_memory(reterr);
    if (!read_ids(op, ids, texts))
        status = error_no_memory(reterr);
    else
        status = repository_op_submit(&op->op, reterr);
    if (status)
        engine_op_unref(&op->op);
    else
        *ret_op = &op->op;
    return status;
}

entc_status repository_op_submit(entc_op *op, entc_error **reterr)
{
    entc_status status = engine_op_submit(op);

    if (status == ENTC_E_FORKED) {
        error_set(reterr, status, "engine", "the engine belongs to the parent process");
        error_hint(reterr, "make a new engine in the child");
    } else if (status != ENTC_OK) {
        error_set(reterr, status, "engine", "the engine is closed");
    }
    return status;
}

void repository_entities_op_destroy(entc_op *base)
{
    struct entities_op *op = (struct entities_op *)base;
    struct entc_repository_impl *impl = op->impl;
    const entc_allocator allocator = *engine_allocator(base->engine);

    for (size_t i = 0; i < op->count; i++)
        entity_unref(op->entities[i]);
    repository_request_unref(op->request);
    entc_error_free(op->first_error);
    buffer_fini(&op->keys);
    engine_op_fini(base);
    base_release(&allocator, op);
    repository_unref(impl);
}

/* ---- under way ---- */

static struct repository_batch *open_batch(struct entc_repository_impl *impl)
{
    if (!impl->open) {
        impl->open = repository_batch_new(impl);
        if (impl->open)
            engine_hook_set(impl->services->engine, &impl->dispatch, ENGINE_DISPATCH);
    }
    return impl->open;
}

/* No slot got anywhere: the whole batch is out of memory. */
static void refuse(struct entities_op *op)
{
    struct entc_repository_impl *impl = op->impl;
    struct repository_batch *batch = impl->open;

    if (batch && list_is_empty(&batch->ops)) {
        impl->open = NULL;
        engine_hook_stop(&impl->dispatch);
        repository_batch_free(batch);
    }
    engine_op_complete(&op->op, ENTC_E_NO_MEMORY, NULL);
}

static void count_invalid(const struct entities_op *op)
{
    account_count(op->impl->services->tally, op->account, TALLY_ERRORS, op->count - op->pending);
}

static void start(entc_op *base)
{
    struct entities_op *op = (struct entities_op *)base;
    entc_error *error = NULL;
    struct repository_batch *batch = NULL;

    if (atomic_load(&op->impl->is_closed)) {
        repository_is_closed_error(op->impl, &error);
        engine_op_complete(base, ENTC_E_CLOSED, error);
        return;
    }
    count_invalid(op);
    if (op->pending == 0) {
        repository_entities_op_finish(op);
        return;
    }
    batch = open_batch(op->impl);
    if (!batch || !repository_batch_join(batch, op))
        refuse(op);
}

static void abandon(entc_op *base)
{
    repository_batch_leave((struct entities_op *)base);
}

/* ---- the end ---- */

void repository_entities_op_blame(struct entities_op *op, entc_status status,
                                  const entc_error *story)
{
    if (op->first_error)
        return;
    if (story)
        error_copy(&op->first_error, story, status);
    else if (status == ENTC_E_NO_MEMORY)
        error_no_memory(&op->first_error);
}

/* ENTC_OK, or the failure that all slots share. An absence is no failure. */
static entc_status common_status(const struct entities_op *op)
{
    entc_status status = op->count > 0 ? op->statuses[0] : ENTC_OK;

    if (status == ENTC_E_NOT_FOUND)
        return ENTC_OK;
    for (size_t i = 1; i < op->count && status != ENTC_OK; i++)
        if (op->statuses[i] != status)
            status = ENTC_OK;
    return status;
}

void repository_entities_op_finish(struct entities_op *op)
{
    entc_status status = common_status(op);
    entc_error *story = NULL;

    if (status != ENTC_OK) {
        story = op->first_error;
        op->first_error = NULL;
    }
    engine_op_complete(&op->op, status, story);
}

/* ---- taking ---- */

struct entities_op *repository_entities_op(entc_op *base)
{
    return base->kind->destroy == repository_entities_op_destroy ? (struct entities_op *)base
                                                                 : NULL;
}

static entc_status check_take(const struct entities_op *op, size_t count)
{
    if (!op || count != op->count)
        return ENTC_E_INVALID;
    if (!engine_op_is_done(&op->op))
        return ENTC_E_AGAIN;
    if (op->op.status != ENTC_OK)
        return op->op.status;
    return op->is_taken ? ENTC_E_INVALID : ENTC_OK;
}

entc_status repository_op_take(entc_op *base, struct entc_entity **ret_entities,
                               entc_status *ret_statuses, size_t count)
{
    struct entities_op *op = repository_entities_op(base);
    entc_status status = check_take(op, count);

    for (size_t i = 0; i < count; i++) {
        ret_entities[i] = status == ENTC_OK ? op->entities[i] : NULL;
        if (ret_statuses)
            ret_statuses[i] = status == ENTC_OK ? op->statuses[i] : status;
    }
    if (status != ENTC_OK)
        return status;
    op->is_taken = true;
    if (count > 0)
        memset(op->entities, 0, count * sizeof(*op->entities));
    return ENTC_OK;
}
