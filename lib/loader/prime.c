/* Priming and clearing: what the host itself writes into the memo.
 *
 * Invariant: a value that is handed over is given back exactly once, also when it was not wanted.
 */
#include "loader/internal.h"

static entc_status check_open(const struct entc_loader *loader, entc_error **reterr)
{
    if (!loader->is_closed)
        return ENTC_OK;
    return error_set(reterr, ENTC_E_CLOSED, LOADER_DOMAIN, "loader '%s': its request was freed",
                     loader->settings.name);
}

/* (lock) An entry for a key that is not known; NULL with ENTC_OK when it is. */
static entc_status add_unknown(struct entc_loader *loader, const entc_value *given,
                               struct loader_entry **ret_entry, entc_error **reterr)
{
    entc_value key[ENTC_LOADER_KEY_PARTS_MAX];
    struct loader_entry *entry = NULL;
    entc_status status = check_open(loader, reterr);
    uint64_t hash = 0;

    if (!status)
        status = loader->source->canonical(loader, given, key, reterr);
    if (status)
        return status;
    hash = loader_key_hash(loader, key);
    if (loader_memo_find(loader, key, hash))
        return ENTC_OK;
    entry = loader_entry_new(loader, key, hash);
    if (!entry)
        return error_no_memory(reterr);
    if (!loader_memo_add(loader, entry)) {
        loader_entry_unref(loader, entry);
        return error_no_memory(reterr);
    }
    *ret_entry = entry;
    return ENTC_OK;
}

static void write(struct entc_loader *loader, struct loader_entry *entry, void *value,
                  entc_status status)
{
    entry->state = LOADER_KNOWN;
    entry->status = status;
    entry->value = status ? NULL : value;
    if (status && status != ENTC_E_NOT_FOUND)
        error_set(&entry->error, status, LOADER_DOMAIN,
                  "loader '%s': the key was primed with an error", loader->settings.name);
}

void loader_give_back(struct entc_loader *loader, void *value)
{
    if (value)
        loader->source->release(loader, value);
}

entc_status loader_prime(struct entc_loader *loader, const entc_value *key, void *value,
                         entc_status status, entc_error **reterr)
{
    struct loader_entry *entry = NULL;
    entc_status refused = ENTC_OK;

    loader_lock(loader->request);
    if (loader->settings.has_memo)
        refused = add_unknown(loader, key, &entry, reterr);
    if (entry)
        write(loader, entry, value, status);
    loader_unlock(loader->request);
    if (!entry || status)
        loader_give_back(loader, value);
    loader_entry_unref(loader, entry);
    return refused;
}

/* (lock) A batch of one entry that nobody is asked for: the host answers it by itself. */
static entc_status submit_pending(struct entc_loader *loader, struct entc_loader_batch *batch,
                                  const entc_value *key, entc_error **reterr)
{
    struct loader_entry *entry = NULL;
    entc_status status = add_unknown(loader, key, &entry, reterr);

    if (!entry)
        return status ? status : ENTC_E_AGAIN;
    entry->state = LOADER_SENT;
    list_push(&batch->entries, &entry->link);
    batch->count = 1;
    batch->op.deadline_us = loader->request->head.deadline_us;
    status = loader_batch_submit(batch);
    if (!status)
        return ENTC_OK;
    error_set(reterr, status, "engine", "the engine is closed");
    /* The batch has a reference too. */
    if (loader_memo_remove(loader, entry))
        atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel);
    return status;
}

entc_status loader_prime_pending(struct entc_loader *loader, const entc_value *key,
                                 struct entc_loader_batch **ret_batch, entc_error **reterr)
{
    struct entc_loader_batch *batch = NULL;
    entc_status status = ENTC_OK;

    *ret_batch = NULL;
    if (!loader->settings.has_memo) {
        error_set(reterr, ENTC_E_UNSUPPORTED, LOADER_DOMAIN, "loader '%s' has no memo",
                  loader->settings.name);
        error_hint(reterr, "make it without ENTC_LOADER_NO_MEMO");
        return ENTC_E_UNSUPPORTED;
    }
    batch = loader_batch_new(loader);
    if (!batch)
        return error_no_memory(reterr);
    /* Before the driver can deliver it. */
    loader_batch_hand_out(batch);
    loader_lock(loader->request);
    status = submit_pending(loader, batch, key, reterr);
    if (status)
        loader_batch_take_back_locked(batch);
    loader_unlock(loader->request);
    if (!status) {
        *ret_batch = batch;
        return ENTC_OK;
    }
    engine_op_unref(&batch->op);
    return status == ENTC_E_AGAIN ? ENTC_OK : status;
}

entc_status loader_clear(struct entc_loader *loader, const entc_value *given, entc_error **reterr)
{
    entc_value key[ENTC_LOADER_KEY_PARTS_MAX];
    struct loader_entry *entry = NULL;
    entc_status status = ENTC_OK;

    loader_lock(loader->request);
    status = loader->source->canonical(loader, given, key, reterr);
    if (!status)
        entry = loader_memo_find(loader, key, loader_key_hash(loader, key));
    if (entry && !loader_memo_remove(loader, entry))
        entry = NULL;
    loader_unlock(loader->request);
    loader_entry_unref(loader, entry);
    return status;
}

void loader_clear_all(struct entc_loader *loader)
{
    struct loader_memo memo;

    loader_lock(loader->request);
    loader_memo_take(loader, &memo);
    loader_unlock(loader->request);
    loader_memo_release(loader, &memo);
}
