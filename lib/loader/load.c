/* Loads: the operations that the host holds. A load is made and joined to its entries on the
 * caller's thread, under the lock; from then on it waits for the answers of their batches.
 *
 * Invariant: the engine knows a load before it is completed. An answer that is on its way already
 * when the load joins may come to the driver first: it then only counts, and start() completes. */
#include "loader/internal.h"

static void start(entc_op *op);
static void abandon(entc_op *op);
static void destroy(entc_op *op);
static void explain(entc_op *op, entc_error **error);

static const struct engine_op_kind load_kind = {
    .name = "load", .start = start, .abandon = abandon, .destroy = destroy, .explain = explain};

/* ---- making ---- */

static struct loader_load *load_new(struct entc_loader *loader, size_t count, bool is_one,
                                    const struct repository_call *call)
{
    struct loader_request *request = loader->request;
    struct loader_load *load = NULL;
    int64_t deadline_us = call->deadline_us;

    if (count > (SIZE_MAX - sizeof(*load)) / sizeof(load->slots[0]))
        return NULL;
    load = base_allocate_zeroed(loader_allocator(loader),
                                sizeof(*load) + count * sizeof(load->slots[0]));
    if (!load)
        return NULL;
    if (request->head.deadline_us < deadline_us)
        deadline_us = request->head.deadline_us;
    engine_op_init(&load->op, request->head.engine, &load_kind, deadline_us, call->done,
                   call->user);
    repository_op_in(&load->op, &request->head);
    load->loader = loader_ref(loader);
    load->count = count;
    load->is_one = is_one;
    return load;
}

static void destroy(entc_op *base)
{
    struct loader_load *load = (struct loader_load *)base;
    struct entc_loader *loader = load->loader;
    const entc_allocator allocator = *loader_allocator(loader);

    for (size_t i = 0; i < load->count; i++)
        loader_entry_unref(loader, load->slots[i].entry);
    entc_error_free(load->first_error);
    engine_op_fini(base);
    base_release(&allocator, load);
    loader_unref(loader);
}

/* ---- joining ---- */

/* What one load changes, to be acted upon once the lock is free. */
struct joining {
    uint64_t memo_hits;
    uint64_t coalesced;
    bool is_first_of_request;
    bool is_first_of_loader;
    bool is_to_send;
};

/* The open batch, which the joining may begin. */
static struct entc_loader_batch *open_batch(struct entc_loader *loader, struct joining *joining)
{
    const bool was_open = loader->open != NULL;
    const bool had_some = loader->request->open_batches > 0;
    struct entc_loader_batch *batch = loader_batch_open_locked(loader);

    if (batch && !was_open) {
        joining->is_first_of_loader = true;
        joining->is_first_of_request |= !had_some;
    }
    return batch;
}

static void wait_for(struct loader_slot *slot, struct list *waiting)
{
    list_push(waiting, &slot->link);
    slot->load->pending++;
}

static entc_status join_entry(struct loader_slot *slot, struct loader_entry *entry,
                              struct joining *joining)
{
    struct entc_loader_batch *batch = NULL;
    const int64_t deadline_us = slot->load->op.deadline_us;

    if (entry->state == LOADER_KNOWN) {
        batch = open_batch(slot->load->loader, joining);
        if (!batch)
            return ENTC_E_NO_MEMORY;
        slot->entry = loader_entry_ref(entry);
        wait_for(slot, &batch->hits);
        joining->memo_hits++;
        return ENTC_OK;
    }
    if (entry->state == LOADER_COLLECTED && entry->batch->op.deadline_us < deadline_us)
        entry->batch->op.deadline_us = deadline_us;
    slot->entry = loader_entry_ref(entry);
    wait_for(slot, &entry->slots);
    joining->coalesced++;
    return ENTC_OK;
}

/* A key that is not known becomes an entry of the open batch. */
static entc_status join_batch(struct loader_slot *slot, const entc_value *key, uint64_t hash,
                              struct joining *joining)
{
    struct entc_loader *loader = slot->load->loader;
    struct entc_loader_batch *batch = open_batch(loader, joining);
    struct loader_entry *entry = batch ? loader_entry_new(loader, key, hash) : NULL;

    if (!entry)
        return ENTC_E_NO_MEMORY;
    if (!loader_memo_add(loader, entry)) {
        loader_entry_unref(loader, entry);
        return ENTC_E_NO_MEMORY;
    }
    entry->batch = batch;
    list_push(&batch->entries, &entry->link);
    batch->count++;
    if (batch->op.deadline_us < slot->load->op.deadline_us)
        batch->op.deadline_us = slot->load->op.deadline_us;
    slot->entry = loader_entry_ref(entry);
    wait_for(slot, &entry->slots);
    if (batch->count >= loader->settings.max_batch) {
        loader_batch_close_locked(loader);
        loader->is_full = loader->settings.max_batch > 1;
    }
    return ENTC_OK;
}

static entc_status join(struct loader_slot *slot, const entc_value *given, struct joining *joining)
{
    struct loader_load *load = slot->load;
    struct entc_loader *loader = load->loader;
    entc_value key[ENTC_LOADER_KEY_PARTS_MAX];
    entc_error **blame = load->first_error ? NULL : &load->first_error;
    struct loader_entry *entry = NULL;
    uint64_t hash = 0;

    slot->status = loader->source->canonical(loader, given, key, blame);
    if (slot->status)
        return ENTC_OK;
    hash = loader_key_hash(loader, key);
    entry = loader_memo_find(loader, key, hash);
    return entry ? join_entry(slot, entry, joining) : join_batch(slot, key, hash, joining);
}

/* (lock) Its slots wait no more. An entry of which nobody is left is dropped when its batch is
 * sent. */
static void detach(struct loader_load *load)
{
    for (size_t i = 0; i < load->count; i++)
        list_remove(&load->slots[i].link);
    load->pending = 0;
}

static entc_status join_all(struct loader_load *load, const entc_value *keys,
                            struct joining *joining)
{
    const uint32_t parts = load->loader->settings.parts;
    entc_status status = ENTC_OK;

    for (size_t i = 0; i < load->count && !status; i++) {
        load->slots[i].load = load;
        status = join(&load->slots[i], &keys[i * parts], joining);
    }
    return status;
}

static entc_status refuse_closed(const struct entc_loader *loader, entc_error **reterr)
{
    error_set(reterr, ENTC_E_CLOSED, LOADER_DOMAIN, "loader '%s': its request was freed",
              loader->settings.name);
    error_hint(reterr, "make a loader of a request that lives");
    return ENTC_E_CLOSED;
}

/* A single key that cannot be one fails the call. */
static entc_status single_status(struct loader_load *load, entc_error **reterr)
{
    if (!load->is_one || load->slots[0].status == ENTC_OK)
        return ENTC_OK;
    return error_copy(reterr, load->first_error, load->slots[0].status);
}

static entc_status join_and_submit(struct loader_load *load, const entc_value *keys,
                                   struct joining *joining, entc_error **reterr)
{
    struct entc_loader *loader = load->loader;
    entc_status status = ENTC_OK;

    loader_lock(loader->request);
    if (loader->is_closed)
        status = refuse_closed(loader, reterr);
    else if (join_all(load, keys, joining))
        status = error_no_memory(reterr);
    else
        status = single_status(load, reterr);
    if (!status)
        status = repository_op_submit(&load->op, reterr);
    if (status)
        detach(load);
    joining->is_to_send = loader_must_send_locked(loader->request);
    loader_unlock(loader->request);
    return status;
}

/* Without the lock: host code may load again, dispatch, or wait for nothing. */
static void act(struct entc_loader *loader, const struct joining *joining)
{
    struct loader_request *request = loader->request;

    if (joining->is_first_of_loader && loader->settings.window_us > 0)
        engine_group_close_at(&request->head.group,
                              engine_now_us(request->head.engine) + loader->settings.window_us);
    if (joining->is_to_send)
        loader_send_later(request);
    if (joining->is_first_of_loader && loader->settings.schedule)
        loader->settings.schedule(loader, loader->settings.user);
    if (joining->is_first_of_request && request->schedule)
        request->schedule(&request->head, request->head.user);
}

entc_status loader_load(struct entc_loader *loader, const entc_value *keys, size_t count,
                        bool is_one, const struct repository_call *call, entc_op **ret_op,
                        entc_error **reterr)
{
    struct joining joining = {0};
    struct loader_load *load = NULL;
    entc_status status = ENTC_OK;

    if (count > REPOSITORY_IDS_MAX / loader->settings.parts) {
        error_set(reterr, ENTC_E_INVALID, "argument", "count is %zu, above %u", count,
                  (unsigned)(REPOSITORY_IDS_MAX / loader->settings.parts));
        error_hint(reterr, "load the keys in several calls");
        return ENTC_E_INVALID;
    }
    load = load_new(loader, count, is_one, call);
    if (!load)
        return error_no_memory(reterr);
    status = join_and_submit(load, keys, &joining, reterr);
    act(loader, &joining);
    if (status) {
        engine_op_unref(&load->op);
        return status;
    }
    loader_count(loader, TALLY_LOADS, count);
    loader_count(loader, TALLY_LOAD_MEMO_HITS, joining.memo_hits);
    loader_count(loader, TALLY_LOAD_COALESCED, joining.coalesced);
    *ret_op = &load->op;
    return ENTC_OK;
}

/* ---- under way ---- */

static void start(entc_op *base)
{
    struct loader_load *load = (struct loader_load *)base;
    struct loader_request *request = load->loader->request;
    bool is_over = false;
    struct list over;

    list_init(&over);
    loader_lock(request);
    load->is_started = true;
    is_over = load->pending == 0;
    loader_unlock(request);
    if (!is_over)
        return;
    list_push(&over, &load->over);
    loader_finish(&over);
}

static void abandon(entc_op *base)
{
    struct loader_load *load = (struct loader_load *)base;

    loader_lock(load->loader->request);
    detach(load);
    loader_unlock(load->loader->request);
}

static void explain(entc_op *base, entc_error **error)
{
    const struct loader_load *load = (const struct loader_load *)base;

    error_hint(error, "loader '%s' had no answer; its batch function answers each batch once",
               load->loader->settings.name);
}

static entc_status slot_status(const struct loader_slot *slot)
{
    return slot->entry ? loader_entry_status(slot->entry) : slot->status;
}

void loader_slot_settle(struct loader_slot *slot, const entc_error *story, struct list *over)
{
    struct loader_load *load = slot->load;
    const entc_status status = slot_status(slot);

    list_remove(&slot->link);
    /* Of a batch that failed, a late answer may write the entry's own story now. */
    if (slot->entry->state == LOADER_KNOWN)
        story = slot->entry->error;
    if (status != ENTC_OK && status != ENTC_E_NOT_FOUND && !load->first_error)
        error_copy(&load->first_error, story, status);
    load->pending--;
    if (load->pending == 0 && load->is_started)
        list_push(over, &load->over);
}

/* ENTC_OK, or the failure that all slots share. An absence is one for a single key alone. */
static entc_status common_status(const struct loader_load *load)
{
    entc_status status = load->count > 0 ? slot_status(&load->slots[0]) : ENTC_OK;

    if (status == ENTC_E_NOT_FOUND && !load->is_one)
        return ENTC_OK;
    for (size_t i = 1; i < load->count && status != ENTC_OK; i++) {
        if (slot_status(&load->slots[i]) != status)
            status = ENTC_OK;
    }
    return status;
}

void loader_finish(struct list *over)
{
    struct list *link = NULL;

    while ((link = list_pop(over)) != NULL) {
        struct loader_load *load = BASE_CONTAINER(link, struct loader_load, over);
        const entc_status status = common_status(load);
        entc_error *story = status ? load->first_error : NULL;

        if (status)
            load->first_error = NULL;
        engine_op_complete(&load->op, status, story);
    }
}

/* ---- done ---- */

static struct loader_load *load_of(const entc_op *op)
{
    /* The cast only asks which kind it is. */
    return op->kind == &load_kind ? (struct loader_load *)(uintptr_t)op : NULL;
}

const struct entc_loader *loader_of_load(const entc_op *op)
{
    const struct loader_load *load = load_of(op);

    return load ? load->loader : NULL;
}

size_t loader_op_count(const entc_op *op)
{
    const struct loader_load *load = load_of(op);

    return load ? load->count : SIZE_MAX;
}

bool loader_op_is_guarded(const entc_op *op)
{
    const struct loader_load *load = load_of(op);

    return load && load->loader->impl && load->loader->request->head.authorize;
}

entc_status loader_op_values(const entc_op *op, void **ret_values, entc_status *ret_statuses,
                             size_t count)
{
    const struct loader_load *load = load_of(op);
    entc_status failure = load && load->count == count ? op->status : ENTC_E_INVALID;

    for (size_t i = 0; i < count; i++) {
        const entc_status status = failure ? failure : slot_status(&load->slots[i]);

        ret_values[i] = status ? NULL : load->slots[i].entry->value;
        if (ret_statuses)
            ret_statuses[i] = status;
    }
    return failure;
}

/* What has entities, or pages, and was not taken; else NULL. */
static struct loader_load *load_to_take(const entc_op *op, bool is_pages)
{
    struct loader_load *load = load_of(op);

    if (!load || load->is_taken || !load->loader->impl ||
        is_pages != (load->loader->relation != NULL))
        return NULL;
    return load;
}

static entc_status refuse_take(void **ret_values, entc_status *ret_statuses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ret_values[i] = NULL;
        if (ret_statuses)
            ret_statuses[i] = ENTC_E_INVALID;
    }
    return ENTC_E_INVALID;
}

/* The reference of one slot, if its viewer may have it. */
static entc_status deliver_entity(const struct entc_loader *loader, struct entc_entity **entity)
{
    entc_status verdict = repository_authorize(&loader->request->head, loader->impl, *entity);

    if (verdict)
        *entity = NULL;
    else
        entity_ref(*entity);
    return verdict;
}

entc_status loader_op_deliver_entities(entc_op *op, struct entc_entity **ret_entities,
                                       entc_status *ret_statuses, size_t count)
{
    struct loader_load *load = load_to_take(op, false);
    void **values = (void **)(void *)ret_entities;
    entc_status status = ENTC_OK;

    if (!load)
        return refuse_take(values, ret_statuses, count);
    status = loader_op_values(op, values, ret_statuses, count);
    for (size_t i = 0; i < count && !status; i++) {
        const entc_status verdict = deliver_entity(load->loader, &ret_entities[i]);

        if (verdict && ret_statuses)
            ret_statuses[i] = verdict;
    }
    load->is_taken = status == ENTC_OK;
    return status;
}

/* All or none: without memory for a page in front of another, it can be taken again. */
static entc_status deliver_pages(const struct entc_loader *loader, struct entc_page **pages,
                                 size_t count)
{
    entc_status status = ENTC_OK;

    for (size_t i = 0; i < count; i++)
        relation_page_ref(pages[i]);
    for (size_t i = 0; i < count && !status; i++)
        status = relation_page_authorize(&loader->request->head, &pages[i]);
    for (size_t i = 0; i < count && status; i++) {
        relation_page_unref(pages[i]);
        pages[i] = NULL;
    }
    return status;
}

entc_status loader_op_deliver_pages(entc_op *op, struct entc_page **ret_pages,
                                    entc_status *ret_statuses, size_t count)
{
    struct loader_load *load = load_to_take(op, true);
    void **values = (void **)(void *)ret_pages;
    entc_status status = ENTC_OK;

    if (!load)
        return refuse_take(values, ret_statuses, count);
    status = loader_op_values(op, values, ret_statuses, count);
    if (!status)
        status = deliver_pages(load->loader, ret_pages, count);
    load->is_taken = status == ENTC_OK;
    return status;
}
