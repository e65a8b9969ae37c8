/* The inner object of a BaseCacheRepository: made, shared, closed.
 *
 * Invariant: whatever is under way holds a reference, so the host may free its repository at any
 * time; operations then complete with ENTC_E_CLOSED, and what the cache still owes us ends by
 * itself. */
#include "repository/flight.h"

static void run_close(struct engine_task *task);

static bool write_key_head(struct entc_repository_impl *impl)
{
    const struct repository_services *services = impl->services;
    struct buffer *head = &impl->key_head;

    buffer_init(head, engine_allocator(services->engine));
    if (services->key_prefix)
        buffer_append_text(head, services->key_prefix);
    buffer_append_text(head, impl->model->cache_name);
    buffer_append_char(head, '-');
    return !head->failed;
}

static entc_status init(struct entc_repository_impl *impl, const entc_model_desc *model,
                        const entc_entity_desc *entity, entc_error **reterr)
{
    struct schema_type *type = NULL;
    entc_status status =
        schema_type_new(entity, engine_allocator(impl->services->engine), &type, reterr);

    if (status)
        return status;
    status = schema_model_new(model, type, &impl->model, reterr);
    schema_type_unref(type);
    if (status)
        return status;
    impl->type = impl->model->type;
    if (!write_key_head(impl) || entity_draft_init(&impl->draft, impl->type) != ENTC_OK)
        return error_no_memory(reterr);
    return ENTC_OK;
}

entc_status repository_new(struct repository_services *services, const entc_model_desc *model,
                           const entc_entity_desc *entity, struct entc_repository_impl **ret_impl,
                           entc_error **reterr)
{
    struct entc_repository_impl *impl =
        base_allocate_zeroed(engine_allocator(services->engine), sizeof(*impl));
    entc_status status = ENTC_OK;

    if (!impl)
        return error_no_memory(reterr);
    atomic_init(&impl->references, 1);
    atomic_init(&impl->is_closed, false);
    atomic_init(&impl->owner, NULL);
    impl->services = repository_services_ref(services);
    list_init(&impl->flights);
    list_init(&impl->guests);
    impl->dispatch.run = repository_flight_dispatch;
    impl->close_task.run = run_close;
    status = init(impl, model, entity, reterr);
    if (status)
        repository_unref(impl);
    else
        *ret_impl = impl;
    return status;
}

struct entc_repository_impl *repository_ref(struct entc_repository_impl *impl)
{
    atomic_fetch_add_explicit(&impl->references, 1, memory_order_relaxed);
    return impl;
}

/* Any thread: a batch holds a reference, so none is left, and no hook is set. */
void repository_unref(struct entc_repository_impl *impl)
{
    struct repository_services *services = NULL;
    entc_allocator allocator;

    if (!impl || atomic_fetch_sub_explicit(&impl->references, 1, memory_order_acq_rel) != 1)
        return;
    services = impl->services;
    allocator = *engine_allocator(services->engine);
    if (impl->spare)
        repository_batch_destroy(impl->spare, &allocator);
    entity_draft_fini(&impl->draft);
    if (impl->key_head.allocator)
        buffer_fini(&impl->key_head);
    schema_model_unref(impl->model);
    base_release(&allocator, impl);
    repository_services_unref(services);
}

/* ---- closing ---- */

entc_status repository_is_closed_error(const struct entc_repository_impl *impl, entc_error **reterr)
{
    return error_set(reterr, ENTC_E_CLOSED, "engine", "the repository of entity '%s' is closed",
                     impl->type->name);
}

static void close_op(struct entities_op *op)
{
    entc_error *error = NULL;

    repository_is_closed_error(op->impl, &error);
    repository_batch_leave(op);
    engine_op_complete(&op->op, ENTC_E_CLOSED, error);
}

static void close_all(struct list *ops)
{
    /* The last one takes the batch, and the list with it. */
    bool is_last = false;

    while (!is_last) {
        is_last = ops->next->next == ops;
        close_op(BASE_CONTAINER(ops->next, struct entities_op, place));
    }
}

static void run_close(struct engine_task *task)
{
    struct entc_repository_impl *impl =
        BASE_CONTAINER(task, struct entc_repository_impl, close_task);

    if (impl->open)
        close_all(&impl->open->ops);
    while (!list_is_empty(&impl->flights))
        close_all(&BASE_CONTAINER(impl->flights.next, struct repository_batch, link)->ops);
    while (!list_is_empty(&impl->guests)) {
        struct repository_guest *guest =
            BASE_CONTAINER(impl->guests.next, struct repository_guest, link);

        guest->closed(guest);
    }
    repository_unref(impl);
}

void repository_close(struct entc_repository_impl *impl)
{
    struct engine *engine = impl->services->engine;

    atomic_store(&impl->owner, NULL);
    if (atomic_exchange(&impl->is_closed, true) || engine_is_forked(engine))
        return;
    repository_ref(impl);
    engine_post(engine, &impl->close_task);
}
