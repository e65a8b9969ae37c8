/* Batches: opened by the first key, closed, sent, delivered.
 *
 * Invariant: a batch that was opened is in exactly one place: loader->open, request->ready, or on
 * its way as an operation; and it is delivered once, also when it could not be sent. */
#include "loader/internal.h"

static void start(entc_op *op);
static void abandon(entc_op *op);
static void destroy(entc_op *op);
static void explain(entc_op *op, entc_error **error);

static const struct engine_op_kind batch_kind = {
    .name = "batch", .start = start, .abandon = abandon, .destroy = destroy, .explain = explain};

/* ---- life ---- */

struct entc_loader_batch *loader_batch_new(struct entc_loader *loader)
{
    struct loader_request *request = loader->request;
    struct entc_loader_batch *batch = NULL;

    batch = base_allocate_zeroed(loader_allocator(loader), sizeof(*batch));
    if (!batch)
        return NULL;
    /* Its deadline is the latest of its loads. */
    engine_op_init(&batch->op, request->head.engine, &batch_kind, INT64_MIN, NULL, NULL);
    repository_op_in(&batch->op, &request->head);
    batch->loader = loader_ref(loader);
    list_init(&batch->entries);
    list_init(&batch->hits);
    atomic_init(&batch->is_claimed, false);
    return batch;
}

static void release_contents(struct entc_loader_batch *batch)
{
    struct list *link = NULL;

    while ((link = list_pop(&batch->entries)) != NULL)
        loader_entry_unref(batch->loader, BASE_CONTAINER(link, struct loader_entry, link));
    base_release(loader_allocator(batch->loader), batch->keys);
    batch->keys = NULL;
}

void loader_batch_shrink(struct entc_loader_batch *batch)
{
    if (batch->is_answered && batch->is_delivered)
        release_contents(batch);
}

static void destroy(entc_op *base)
{
    struct entc_loader_batch *batch = (struct entc_loader_batch *)base;
    struct entc_loader *loader = batch->loader;
    const entc_allocator allocator = *loader_allocator(loader);

    release_contents(batch);
    entc_error_free(batch->story);
    entc_error_free(batch->override_error);
    engine_op_fini(base);
    base_release(&allocator, batch);
    loader_unref(loader);
}

/* ---- open ---- */

struct entc_loader_batch *loader_batch_open_locked(struct entc_loader *loader)
{
    struct loader_request *request = loader->request;

    if (loader->open)
        return loader->open;
    loader->open = loader_batch_new(loader);
    if (!loader->open)
        return NULL;
    account_why(loader->account, WHY_BATCH_MAX, loader->is_full);
    loader->is_full = false;
    if (request->open_batches++ == 0) {
        repository_request_ref(&request->head);
        if (!engine_group_open(&request->head.group))
            repository_request_unref(&request->head);
    }
    return loader->open;
}

void loader_batch_close_locked(struct entc_loader *loader)
{
    if (!loader->open)
        return;
    list_push(&loader->request->ready, &loader->open->link);
    loader->open = NULL;
    loader->request->open_batches--;
}

bool loader_must_send_locked(struct loader_request *request)
{
    if (request->is_sending || list_is_empty(&request->ready))
        return false;
    request->is_sending = true;
    return true;
}

void loader_send_later(struct loader_request *request)
{
    repository_request_ref(&request->head);
    engine_post(request->head.engine, &request->send_task);
}

/* ---- sending ---- */

/* An entry of which no load is left is not worth a key. */
static void prune_locked(struct entc_loader_batch *batch, struct list *dropped)
{
    struct list *next = NULL;

    for (struct list *link = batch->entries.next; link != &batch->entries; link = next) {
        struct loader_entry *entry = BASE_CONTAINER(link, struct loader_entry, link);

        next = link->next;
        entry->batch = NULL;
        entry->state = LOADER_SENT;
        if (!list_is_empty(&entry->slots))
            continue;
        list_remove(link);
        batch->count--;
        list_push(dropped, link);
        if (loader_memo_remove(batch->loader, entry))
            atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel);
    }
}

static bool build_keys(struct entc_loader_batch *batch)
{
    const uint32_t parts = batch->loader->settings.parts;
    entc_value *key = NULL;

    batch->keys = base_allocate_array(loader_allocator(batch->loader), batch->count,
                                      parts * sizeof(*batch->keys));
    if (!batch->keys)
        return false;
    key = batch->keys;
    for (struct list *link = batch->entries.next; link != &batch->entries; link = link->next) {
        memcpy(key, BASE_CONTAINER(link, struct loader_entry, link)->key, parts * sizeof(*key));
        key += parts;
    }
    return true;
}

/* ---- delivering ---- */

static void settle_all(struct list *slots, const entc_error *story, struct list *over)
{
    while (!list_is_empty(slots))
        loader_slot_settle(BASE_CONTAINER(slots->next, struct loader_slot, link), story, over);
}

/* Of a batch that failed nothing is remembered. */
static void settle_entry_locked(struct entc_loader_batch *batch, struct loader_entry *entry,
                                entc_status status, const entc_error *story, struct list *over)
{
    entry->state = status ? LOADER_FAILED : LOADER_KNOWN;
    entry->failure = status;
    /* The batch has a reference too: this is not the last. */
    if (status && loader_memo_remove(batch->loader, entry))
        atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel);
    settle_all(&entry->slots, story, over);
}

/* ---- events ---- */

static void tell_begin(struct entc_loader_batch *batch)
{
    const struct entc_loader *loader = batch->loader;
    struct events *events = loader->request->services->events;

    if (!events)
        return;

    const struct event_span what = {.kind = ENTC_SPAN_LOADER,
                                    .name = loader->settings.name,
                                    .keys = batch->count,
                                    .place = repository_place(&loader->request->head, 0),
                                    .begin_us = engine_now_us(batch->op.engine)};
    event_begin(events, &batch->span, &what);
}

static void tell_end(struct entc_loader_batch *batch, entc_status status)
{
    if (batch->span.id == 0)
        return;

    entc_event event = {.status = status};
    event.time_us = engine_now_us(batch->op.engine);
    event_end(batch->loader->request->services->events, &batch->span, &event);
}

/* Tells the loads, and gives back the reference that the batch was made with. */
static void deliver(struct entc_loader_batch *batch, entc_status status, const entc_error *story)
{
    struct loader_request *request = batch->loader->request;
    struct list *next = NULL;
    struct list over;

    tell_end(batch, status);
    list_init(&over);
    loader_lock(request);
    for (struct list *link = batch->entries.next; link != &batch->entries; link = next) {
        next = link->next;
        settle_entry_locked(batch, BASE_CONTAINER(link, struct loader_entry, link), status, story,
                            &over);
    }
    settle_all(&batch->hits, NULL, &over);
    loader_unlock(request);
    loader_finish(&over);
    batch->is_delivered = true;
    loader_batch_shrink(batch);
    engine_op_unref(&batch->op);
}

static void on_done(entc_op *base, void *context)
{
    (void)context;
    deliver((struct entc_loader_batch *)base, base->status, base->error);
}

entc_status loader_batch_submit(struct entc_loader_batch *batch)
{
    entc_status status = ENTC_OK;

    engine_op_then(&batch->op, on_done, NULL);
    status = engine_op_submit(&batch->op);
    if (status)
        engine_op_then(&batch->op, NULL, NULL);
    return status;
}

static void send_batch(struct entc_loader_batch *batch)
{
    struct entc_loader *loader = batch->loader;
    struct list *link = NULL;
    struct list dropped;
    entc_error *story = NULL;
    entc_status status = ENTC_OK;

    list_init(&dropped);
    loader_lock(loader->request);
    prune_locked(batch, &dropped);
    loader_unlock(loader->request);
    while ((link = list_pop(&dropped)) != NULL)
        loader_entry_unref(loader, BASE_CONTAINER(link, struct loader_entry, link));
    if (batch->count > 0 && !build_keys(batch))
        status = error_no_memory(&story);
    else if (batch->count > 0)
        status = loader_batch_submit(batch);
    if (status == ENTC_OK && batch->count > 0) {
        loader_count(loader, TALLY_LOAD_BATCHES, 1);
        loader_count(loader, TALLY_LOAD_KEYS, batch->count);
        tell_begin(batch);
        loader->source->fetch(batch);
        return;
    }
    if (status == ENTC_E_CLOSED)
        error_set(&story, status, "engine", "the engine is closed");
    deliver(batch, status, story);
    entc_error_free(story);
}

void loader_send_ready(struct loader_request *request)
{
    struct list *link = NULL;

    do {
        loader_lock(request);
        link = list_pop(&request->ready);
        loader_unlock(request);
        if (link)
            send_batch(BASE_CONTAINER(link, struct entc_loader_batch, link));
    } while (link);
}

/* ---- under way ---- */

static bool is_of(const entc_op *op, const struct entc_loader *loader)
{
    if (op->kind == &batch_kind)
        return ((const struct entc_loader_batch *)op)->loader == loader;
    return loader_of_load(op) == loader;
}

void loader_end_loads(struct entc_loader *loader, const char *why)
{
    const struct list *first = &loader->request->head.group.ops;
    struct list *next = NULL;

    for (struct list *link = first->next; link != first; link = next) {
        entc_op *op = BASE_CONTAINER(link, entc_op, group_link);

        next = link->next;
        if (is_of(op, loader))
            engine_op_end(op, ENTC_E_CANCELLED, why);
    }
}

/* It was asked for when it was sent. */
static void start(entc_op *op)
{
    (void)op;
}

static void abandon(entc_op *base)
{
    struct entc_loader_batch *batch = (struct entc_loader_batch *)base;
    entc_op *inner = batch->inner;

    if (!inner)
        return;
    batch->inner = NULL;
    engine_op_then(inner, NULL, NULL);
    engine_op_cancel(inner);
    engine_op_unref(inner);
}

static void explain(entc_op *base, entc_error **error)
{
    const struct entc_loader_batch *batch = (const struct entc_loader_batch *)base;

    error_hint(error, "loader '%s': its batch function answers each batch once",
               batch->loader->settings.name);
}
