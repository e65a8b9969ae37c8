/* Answers: who answers a batch first writes its values; everybody else is refused.
 *
 * The values are written on the answering thread, then a task tells the driver, which alone changes
 * what loads see. An answer that comes when the batch is over (its deadline passed, its request was
 * freed) is given back. */
#include "loader/internal.h"

static void run_answer(struct engine_task *task);

/* ---- for all sources ---- */

bool loader_batch_claim(struct entc_loader_batch *batch)
{
    return !atomic_exchange(&batch->is_claimed, true);
}

void loader_batch_post_answer(struct entc_loader_batch *batch, entc_status status,
                              entc_error *story)
{
    batch->answer = status;
    batch->story = story;
    batch->answer_task.run = run_answer;
    engine_op_ref(&batch->op);
    engine_post(batch->op.engine, &batch->answer_task);
}

void loader_batch_answer(struct entc_loader_batch *batch, entc_status status, entc_error *story)
{
    batch->is_answered = true;
    engine_op_complete(&batch->op, status, story);
}

static void run_answer(struct engine_task *task)
{
    struct entc_loader_batch *batch = BASE_CONTAINER(task, struct entc_loader_batch, answer_task);
    entc_error *story = batch->story;

    batch->story = NULL;
    loader_batch_answer(batch, batch->answer, story);
    loader_batch_shrink(batch);
    engine_op_unref(&batch->op);
}

/* ---- for the host ---- */

void loader_batch_hand_out(struct entc_loader_batch *batch)
{
    struct entc_loader *loader = batch->loader;

    engine_op_ref(&batch->op);
    loader_lock(loader->request);
    /* A second answer is told apart as long as the loader lives. */
    if (!loader->is_closed) {
        engine_op_ref(&batch->op);
        list_push(&loader->handles, &batch->link);
    }
    loader_unlock(loader->request);
}

void loader_batch_take_back_locked(struct entc_loader_batch *batch)
{
    if (list_is_linked(&batch->link)) {
        list_remove(&batch->link);
        engine_op_unref(&batch->op);
    }
    engine_op_unref(&batch->op);
}

static void give_back(struct entc_loader_batch *batch, void *const *values, size_t count)
{
    for (size_t i = 0; values && i < count; i++)
        loader_give_back(batch->loader, values[i]);
}

static entc_status refuse(const struct entc_loader_batch *batch, entc_status status,
                          const char *why, entc_error **reterr)
{
    return error_set(reterr, status, LOADER_DOMAIN, "loader '%s': %s", batch->loader->settings.name,
                     why);
}

/* Claims the batch for the host's answer, or says why not. */
static entc_status claim(struct entc_loader_batch *batch, entc_error **reterr)
{
    if (engine_is_forked(batch->op.engine))
        return refuse(batch, ENTC_E_FORKED, "the batch belongs to the parent process", reterr);
    if (loader_batch_claim(batch))
        return ENTC_OK;
    refuse(batch, ENTC_E_INVALID, "a batch was answered twice", reterr);
    error_hint(reterr, "resolve or reject each batch exactly once");
    return ENTC_E_INVALID;
}

/* A status that is none, and one that would mean "wait", are the host's mistake. */
static entc_status slot_status(const entc_status *statuses, size_t slot)
{
    const entc_status status = statuses ? statuses[slot] : ENTC_OK;

    return status > 0 || status == ENTC_E_AGAIN ? ENTC_E_INVALID : status;
}

static void write_values(struct entc_loader_batch *batch, void *const *values,
                         const entc_status *statuses)
{
    struct entc_loader *loader = batch->loader;
    size_t slot = 0;

    for (struct list *link = batch->entries.next; link != &batch->entries; link = link->next) {
        struct loader_entry *entry = BASE_CONTAINER(link, struct loader_entry, link);

        entry->value = values[slot];
        entry->status = slot_status(statuses, slot);
        if (entry->status && entry->value) {
            loader->source->release(loader, entry->value);
            entry->value = NULL;
        }
        if (entry->status && entry->status != ENTC_E_NOT_FOUND)
            refuse(batch, entry->status, "its batch function answered a key with an error",
                   &entry->error);
        slot++;
    }
}

/* The host's answer is through with the batch. */
static entc_status let_go(struct entc_loader_batch *batch, entc_status status)
{
    engine_op_unref(&batch->op);
    return status;
}

/* Whether the batch ended before its answer came; the answer is for nobody then. */
static entc_status check_over(struct entc_loader_batch *batch, entc_error **reterr)
{
    if (!engine_op_is_done(&batch->op))
        return ENTC_OK;
    return refuse(batch, batch->op.status, "a batch was answered when it was over", reterr);
}

static entc_status refuse_count(struct entc_loader_batch *batch, size_t count, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, LOADER_DOMAIN,
              "loader '%s': a batch of %u keys was answered with %zu values",
              batch->loader->settings.name, (unsigned)batch->count, count);
    error_hint(reterr, "answer each key, in the order of the keys");
    return ENTC_E_INVALID;
}

entc_status loader_batch_resolve(struct entc_loader_batch *batch, void *const *values,
                                 const entc_status *statuses, size_t count, entc_error **reterr)
{
    entc_error *story = NULL;
    entc_status status = claim(batch, reterr);

    if (status) {
        give_back(batch, values, count);
        return status;
    }
    status = check_over(batch, reterr);
    if (status || count != batch->count || !values)
        give_back(batch, values, count);
    else
        write_values(batch, values, statuses);
    if (!status && (count != batch->count || !values)) {
        status = refuse_count(batch, values ? count : 0, reterr);
        refuse_count(batch, values ? count : 0, &story);
    }
    loader_batch_post_answer(batch, status, story);
    return let_go(batch, status);
}

entc_status loader_batch_reject(struct entc_loader_batch *batch, entc_status status,
                                const char *message, entc_error **reterr)
{
    entc_error *story = NULL;
    entc_status refused = claim(batch, reterr);

    if (refused)
        return refused;
    refused = check_over(batch, reterr);
    refuse(batch, status, message ? message : "its batch function rejected the batch", &story);
    loader_batch_post_answer(batch, status, story);
    return let_go(batch, refused);
}
