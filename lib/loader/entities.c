/* The request's loader of a repository: batches of ids go through its get_many slot.
 *
 * The base's get_many needs no host code, so the driver asks directly. An override is host code: it
 * is called in a host step, and its operation comes back to the driver as a task. */
#include "loader/internal.h"

static void run_attach(struct engine_task *task);

/* ---- the answer ---- */

static entc_status refuse_count(const struct entc_loader_batch *batch, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument",
              "get_many of entity '%s' was overridden and answered another number than %u entities",
              batch->loader->impl->type->name, (unsigned)batch->count);
    error_hint(reterr, "return a fresh operation of entc_op_new() or of the base, with one slot "
                       "for each id");
    return ENTC_E_INVALID;
}

static void write_values(struct entc_loader_batch *batch, struct entc_entity **entities,
                         const entc_status *statuses, const entc_error *story)
{
    size_t slot = 0;

    for (struct list *link = batch->entries.next; link != &batch->entries; link = link->next) {
        struct loader_entry *entry = BASE_CONTAINER(link, struct loader_entry, link);

        entry->value = entities[slot];
        entry->status = statuses[slot];
        if (entry->status && entry->status != ENTC_E_NOT_FOUND)
            error_copy(&entry->error, story, entry->status);
        slot++;
    }
}

static entc_status take(struct entc_loader_batch *batch, entc_op *answer, entc_error **reterr)
{
    const entc_allocator *allocator = loader_allocator(batch->loader);
    const struct entities_op *head = repository_entities_op(answer);
    struct entc_entity **entities = NULL;
    entc_status *statuses = NULL;
    entc_status status = ENTC_OK;

    if (!head || head->count != batch->count || head->is_taken)
        return refuse_count(batch, reterr);
    entities = base_allocate_array(allocator, batch->count, sizeof(*entities) + sizeof(*statuses));
    if (!entities)
        return error_no_memory(reterr);
    statuses = (entc_status *)(void *)(entities + batch->count);
    status = repository_op_take(answer, entities, statuses, batch->count);
    if (status)
        error_copy(reterr, answer->error, status);
    else
        write_values(batch, entities, statuses, head->first_error);
    base_release(allocator, entities);
    return status;
}

static void on_entities(entc_op *answer, void *context)
{
    struct entc_loader_batch *batch = context;
    entc_error *story = NULL;
    entc_status status = take(batch, answer, &story);

    batch->inner = NULL;
    loader_batch_answer(batch, status, story);
    engine_op_unref(answer);
}

/* ---- asking ---- */

/* Host code: no lock is held, and the batch may end meanwhile; it stays referenced. */
static void ask_override(entc_op *op)
{
    struct entc_loader_batch *batch = (struct entc_loader_batch *)op;
    BaseCacheRepository *owner = atomic_load(&batch->loader->impl->owner);
    int64_t left = op->deadline_us - engine_now_us(op->engine);
    entc_call call = ENTC_CALL_INIT;

    call.request = &batch->loader->request->head;
    call.timeout_us = left > 0 ? left : 1;
    if (owner)
        batch->override_status = owner->ops->get_many(owner, batch->keys, batch->count, &call,
                                                      &batch->override_op, &batch->override_error);
    else
        batch->override_status =
            repository_is_closed_error(batch->loader->impl, &batch->override_error);
    batch->attach_task.run = run_attach;
    engine_op_ref(op);
    engine_post(op->engine, &batch->attach_task);
}

static void accept_override(struct entc_loader_batch *batch)
{
    entc_op *answer = batch->override_op;
    entc_error *story = batch->override_error;
    entc_status status = batch->override_status;

    batch->override_op = NULL;
    batch->override_error = NULL;
    if (engine_op_is_completed(&batch->op)) {
        if (answer)
            engine_op_cancel(answer);
        engine_op_unref(answer);
        entc_error_free(story);
        return;
    }
    if (status == ENTC_OK && answer) {
        batch->inner = answer;
        engine_op_then(answer, on_entities, batch);
        return;
    }
    engine_op_unref(answer);
    if (status >= 0)
        status = refuse_count(batch, &story);
    loader_batch_answer(batch, status, story);
}

static void run_attach(struct engine_task *task)
{
    struct entc_loader_batch *batch = BASE_CONTAINER(task, struct entc_loader_batch, attach_task);

    accept_override(batch);
    engine_op_unref(&batch->op);
}

static void fetch(struct entc_loader_batch *batch)
{
    struct entc_loader *loader = batch->loader;
    const struct repository_call call = {.request = &loader->request->head,
                                         .deadline_us = batch->op.deadline_us,
                                         .parent = batch->span.id};
    entc_error *story = NULL;
    entc_status status = ENTC_OK;

    if (loader->impl->overrides_get_many) {
        engine_op_host_step(&batch->op, ask_override);
        return;
    }
    status =
        repository_get_many(loader->impl, batch->keys, batch->count, &call, &batch->inner, &story);
    /* As a task: the driver does not know the batch yet. */
    if (status)
        loader_batch_post_answer(batch, status, story);
    else
        engine_op_then(batch->inner, on_entities, batch);
}

/* ---- the loader ---- */

static entc_status canonical(const struct entc_loader *loader, const entc_value *given,
                             entc_value *ret_key, entc_error **reterr)
{
    return codec_id(loader->impl->type, given, ret_key, reterr);
}

static void release(struct entc_loader *loader, void *value)
{
    (void)loader;
    entity_unref(value);
}

static void fini(struct entc_loader *loader)
{
    repository_unref(loader->impl);
}

static const struct loader_source entities_source = {
    .canonical = canonical, .fetch = fetch, .release = release, .fini = fini};

static struct entc_loader *find_locked(const struct loader_request *request,
                                       const struct entc_repository_impl *impl)
{
    const struct list *first = &request->loaders;

    for (struct list *link = first->next; link != first; link = link->next) {
        struct entc_loader *loader = BASE_CONTAINER(link, struct entc_loader, link);

        if (loader->impl == impl && !loader->relation)
            return loader;
    }
    return NULL;
}

entc_status loader_of_entities(struct entc_request *base, struct entc_repository_impl *impl,
                               struct entc_loader **ret_loader, entc_error **reterr)
{
    struct loader_request *request = BASE_CONTAINER(base, struct loader_request, head);
    const struct loader_settings settings = {.name = impl->type->name,
                                             .max_batch = ENTC_LOADER_MAX_BATCH,
                                             .parts = impl->type->key_count,
                                             .has_memo = true};
    entc_status status = ENTC_OK;

    loader_lock(request);
    *ret_loader = find_locked(request, impl);
    if (!*ret_loader)
        status = loader_make(base, &entities_source, &settings, ret_loader, reterr);
    if (!status && !(*ret_loader)->impl) {
        (*ret_loader)->impl = repository_ref(impl);
        (*ret_loader)->account = repository_account(base, impl);
        list_push(&request->loaders, &(*ret_loader)->link);
    }
    loader_unlock(request);
    return status;
}
