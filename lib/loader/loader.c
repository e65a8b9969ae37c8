/* Loaders: made, primed, cleared, closed. Refcounted: the handle, batches and loads hold one; the
 * request's own loaders are held by the request until it is freed. */
#include "loader/internal.h"

/* ---- life ---- */

static void run_end(struct engine_task *task);

const entc_allocator *loader_allocator(const struct entc_loader *loader)
{
    return engine_allocator(loader->request->head.engine);
}

void loader_count(const struct entc_loader *loader, enum tally_counter counter, uint64_t amount)
{
    account_count(loader->request->services->tally, loader->account, counter, amount);
}

entc_status loader_make(struct entc_request *base, const struct loader_source *source,
                        const struct loader_settings *settings, struct entc_loader **ret_loader,
                        entc_error **reterr)
{
    struct loader_request *request = BASE_CONTAINER(base, struct loader_request, head);
    const entc_allocator *allocator = engine_allocator(base->engine);
    const size_t name_size = strlen(settings->name) + 1;
    struct entc_loader *loader = base_allocate_zeroed(allocator, sizeof(*loader) + name_size);

    if (!loader)
        return error_no_memory(reterr);
    atomic_init(&loader->references, 1);
    repository_request_ref(base);
    loader->request = request;
    loader->source = source;
    loader->settings = *settings;
    memcpy(loader->name, settings->name, name_size);
    loader->settings.name = loader->name;
    loader->end_task.run = run_end;
    loader_memo_init(&loader->memo, allocator);
    list_init(&loader->handles);
    *ret_loader = loader;
    return ENTC_OK;
}

struct entc_loader *loader_ref(struct entc_loader *loader)
{
    atomic_fetch_add_explicit(&loader->references, 1, memory_order_relaxed);
    return loader;
}

void loader_unref(struct entc_loader *loader)
{
    struct loader_request *request = NULL;

    if (!loader || atomic_fetch_sub_explicit(&loader->references, 1, memory_order_acq_rel) != 1)
        return;
    request = loader->request;
    if (loader->source->fini)
        loader->source->fini(loader);
    index_fini(&loader->memo.index);
    base_release(loader_allocator(loader), loader);
    repository_request_unref(&request->head);
}

void loader_close_locked(struct entc_loader *loader, struct list *handles, struct loader_memo *memo)
{
    struct list *link = NULL;

    loader->is_closed = true;
    list_remove(&loader->link);
    while ((link = list_pop(&loader->handles)) != NULL)
        list_push(handles, link);
    loader_memo_take(loader, memo);
}

void loader_drop(struct entc_loader *loader, struct list *handles, struct loader_memo *memo)
{
    struct list *link = NULL;

    while ((link = list_pop(handles)) != NULL)
        engine_op_unref(&BASE_CONTAINER(link, struct entc_loader_batch, link)->op);
    loader_memo_release(loader, memo);
}

const char *loader_name(const struct entc_loader *loader)
{
    return loader->settings.name;
}

struct entc_request *loader_request(const struct entc_loader *loader)
{
    return &loader->request->head;
}

struct repository_services *loader_services(const struct entc_loader *loader)
{
    return loader->request->services;
}

/* ---- over host code ---- */

static bool can_be_key(const entc_value *part)
{
    return part->type == ENTC_INT64 || part->type == ENTC_UUID ||
           (part->type == ENTC_TEXT && part->as.text);
}

static entc_status host_canonical(const struct entc_loader *loader, const entc_value *given,
                                  entc_value *ret_key, entc_error **reterr)
{
    for (uint32_t i = 0; i < loader->settings.parts; i++) {
        if (!can_be_key(&given[i])) {
            error_set(reterr, ENTC_E_INVALID, LOADER_DOMAIN, "loader '%s': part %u of a key is %s",
                      loader->settings.name, (unsigned)i,
                      given[i].type == ENTC_NULL ? "NULL" : "of a type that no key has");
            error_hint(reterr, "keys are ENTC_INT64, ENTC_TEXT or ENTC_UUID");
            return ENTC_E_INVALID;
        }
        ret_key[i] = given[i];
        if (given[i].type != ENTC_TEXT)
            ret_key[i].length = 0;
    }
    return ENTC_OK;
}

/* A host step: no lock is held. */
static void call_function(entc_op *op)
{
    struct entc_loader_batch *batch = (struct entc_loader_batch *)op;
    const struct loader_settings *settings = &batch->loader->settings;

    loader_batch_hand_out(batch);
    settings->function(batch, batch->keys, batch->count, settings->user);
}

static void host_fetch(struct entc_loader_batch *batch)
{
    account_run(batch->loader->account, SHAPE_KEYS, 0, batch->count);
    engine_op_host_step(&batch->op, call_function);
}

static void host_release(struct entc_loader *loader, void *value)
{
    if (loader->settings.destroy)
        loader->settings.destroy(value, loader->settings.user);
}

static const struct loader_source host_source = {
    .canonical = host_canonical, .fetch = host_fetch, .release = host_release};

entc_status loader_new(struct entc_request *base, const struct loader_settings *settings,
                       struct entc_loader **ret_loader, entc_error **reterr)
{
    struct loader_request *request = BASE_CONTAINER(base, struct loader_request, head);
    entc_status status = loader_make(base, &host_source, settings, ret_loader, reterr);

    if (status)
        return status;
    (*ret_loader)->account = ledger_account(base->ledger, ACCOUNT_LOADER, NULL, settings->name);
    loader_lock(request);
    list_push(&request->loaders, &(*ret_loader)->link);
    loader_unlock(request);
    return ENTC_OK;
}

/* [driver] */
static void run_end(struct engine_task *task)
{
    struct entc_loader *loader = BASE_CONTAINER(task, struct entc_loader, end_task);

    loader_end_loads(loader, "was under way when its loader was freed");
    loader_unref(loader);
}

void loader_free(struct entc_loader *loader)
{
    struct loader_request *request = NULL;
    struct loader_memo memo;
    struct list handles;
    bool was_closed = false;
    bool is_to_send = false;

    /* The request's own are borrowed by the host. */
    if (!loader || loader->impl)
        return;
    request = loader->request;
    list_init(&handles);
    loader_lock(request);
    was_closed = loader->is_closed;
    loader_close_locked(loader, &handles, &memo);
    loader_batch_close_locked(loader);
    is_to_send = loader_must_send_locked(request);
    loader_unlock(request);
    loader_drop(loader, &handles, &memo);
    /* Its loads end first, so that nothing is left to be sent. */
    if (!was_closed && !engine_is_forked(request->head.engine)) {
        loader_ref(loader);
        engine_post(request->head.engine, &loader->end_task);
    }
    if (is_to_send)
        loader_send_later(request);
    loader_unref(loader);
}

void loader_dispatch(struct entc_loader *loader)
{
    struct loader_request *request = loader->request;
    bool is_to_send = false;

    loader_lock(request);
    loader_batch_close_locked(loader);
    is_to_send = loader_must_send_locked(request);
    loader_unlock(request);
    if (is_to_send)
        loader_send_later(request);
}
