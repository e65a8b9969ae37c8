/* The request's loader of a relation: its keys are parents, its values pages of their children.
 *
 * What may share a statement shares a loader, and that is decided in one place, find_locked():
 * today loads of the same relation with the same args. */
#include "loader/internal.h"

/* ---- the answer ---- */

static void write_values(struct entc_loader_batch *batch, struct entc_page **pages,
                         const entc_status *statuses)
{
    size_t slot = 0;

    for (struct list *link = batch->entries.next; link != &batch->entries; link = link->next) {
        struct loader_entry *entry = BASE_CONTAINER(link, struct loader_entry, link);

        entry->value = pages[slot];
        entry->status = statuses[slot];
        slot++;
    }
}

static entc_status take(struct entc_loader_batch *batch, entc_op *answer, entc_error **reterr)
{
    const entc_allocator *allocator = loader_allocator(batch->loader);
    struct entc_page **pages = NULL;
    entc_status *statuses = NULL;
    entc_status status = ENTC_OK;

    pages = base_allocate_array(allocator, batch->count, sizeof(*pages) + sizeof(*statuses));
    if (!pages)
        return error_no_memory(reterr);
    statuses = (entc_status *)(void *)(pages + batch->count);
    status = relation_op_take(answer, pages, statuses, batch->count);
    if (status)
        error_copy(reterr, answer->error, status);
    else
        write_values(batch, pages, statuses);
    /* Before anybody can ask for what belongs to one of them. */
    if (!status)
        loader_peers_add(&batch->loader->request->head, pages, batch->count);
    base_release(allocator, pages);
    return status;
}

static void on_pages(entc_op *answer, void *context)
{
    struct entc_loader_batch *batch = context;
    entc_error *story = NULL;
    entc_status status = take(batch, answer, &story);

    batch->inner = NULL;
    loader_batch_answer(batch, status, story);
    engine_op_unref(answer);
}

/* ---- asking ---- */

static void fetch(struct entc_loader_batch *batch)
{
    struct entc_loader *loader = batch->loader;
    const struct repository_call call = {.request = &loader->request->head,
                                         .deadline_us = batch->op.deadline_us,
                                         .parent = batch->span.id};
    entc_error *story = NULL;
    entc_status status =
        relation_pages(loader->relation, batch->keys, batch->count,
                       relation_kept_args(loader->args), 0, &call, &batch->inner, &story);

    /* As a task: the driver does not know the batch yet. */
    if (status)
        loader_batch_post_answer(batch, status, story);
    else
        engine_op_then(batch->inner, on_pages, batch);
}

/* ---- the loader ---- */

static entc_status canonical(const struct entc_loader *loader, const entc_value *given,
                             entc_value *ret_key, entc_error **reterr)
{
    return relation_canonical_key(loader->relation, given, ret_key, reterr);
}

static void release(struct entc_loader *loader, void *value)
{
    (void)loader;
    relation_page_unref(value);
}

static void fini(struct entc_loader *loader)
{
    relation_args_free(loader->args, loader_allocator(loader));
    relation_unref(loader->relation);
    repository_unref(loader->impl);
}

static const struct loader_source pages_source = {
    .canonical = canonical, .fetch = fetch, .release = release, .fini = fini};

static struct entc_loader *find_locked(const struct loader_request *request,
                                       const struct entc_relation *relation,
                                       const entc_page_args *args)
{
    const struct list *first = &request->loaders;

    for (struct list *link = first->next; link != first; link = link->next) {
        struct entc_loader *loader = BASE_CONTAINER(link, struct entc_loader, link);

        if (loader->relation == relation && relation_args_are_kept(loader->args, args))
            return loader;
    }
    return NULL;
}

static entc_status make_locked(struct loader_request *request, struct entc_relation *relation,
                               const entc_page_args *args, struct entc_loader **ret_loader,
                               entc_error **reterr)
{
    const struct loader_settings settings = {.name = relation->name,
                                             .max_batch = ENTC_LOADER_MAX_BATCH,
                                             .parts = relation->link.count,
                                             .has_memo = true};
    struct entc_loader *loader = NULL;
    entc_status status = loader_make(&request->head, &pages_source, &settings, &loader, reterr);

    if (status)
        return status;
    loader->relation = relation_ref(relation);
    loader->impl = repository_ref(relation->parents);
    loader->account = relation_account(&request->head, relation);
    loader->args = relation_args_keep(args, loader_allocator(loader));
    if (!loader->args) {
        loader_unref(loader);
        return error_no_memory(reterr);
    }
    list_push(&request->loaders, &loader->link);
    *ret_loader = loader;
    return ENTC_OK;
}

entc_status loader_of_pages(struct entc_request *base, struct entc_relation *relation,
                            const entc_page_args *args, struct entc_loader **ret_loader,
                            entc_error **reterr)
{
    struct loader_request *request = BASE_CONTAINER(base, struct loader_request, head);
    entc_status status = relation_check_args(args, "args", reterr);

    if (status)
        return status;
    loader_lock(request);
    *ret_loader = find_locked(request, relation, args);
    if (!*ret_loader)
        status = make_locked(request, relation, args, ret_loader, reterr);
    loader_unlock(request);
    return status;
}
