/* Batches: which ids are asked, and who waits for each.
 *
 * Invariant: an entry's `waiting` is the number of slots without an answer that point to it, so
 * that nothing is asked for nobody. An operation stays referenced until its batch ends, because its
 * ids and keys are read there without a copy. */
#include "repository/flight.h"

/* A spare batch keeps memory for at most so many entries. */
#define SPARE_ENTRIES_MAX 4096u
#define ENTRIES_MIN 8u

/* ---- memory ---- */

struct repository_batch *repository_batch_new(struct entc_repository_impl *impl)
{
    const entc_allocator *allocator = engine_allocator(impl->services->engine);
    struct repository_batch *batch = impl->spare;

    if (batch) {
        impl->spare = NULL;
    } else {
        batch = base_allocate_zeroed(allocator, sizeof(*batch));
        if (!batch)
            return NULL;
        index_init(&batch->index, allocator);
    }
    batch->impl = repository_ref(impl);
    batch->budget_us = impl->services->redis_timeout_us;
    list_init(&batch->ops);
    list_init(&batch->gone);
    return batch;
}

void repository_batch_destroy(struct repository_batch *batch, const entc_allocator *allocator)
{
    base_release(allocator, batch->entries);
    base_release(allocator, batch->items);
    index_fini(&batch->index);
    base_release(allocator, batch);
}

static void release_entries(struct repository_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (!batch->entries[i].is_given)
            entity_unref(batch->entries[i].entity);
}

static void release_ops(struct repository_batch *batch)
{
    struct list *link = NULL;

    while ((link = list_pop(&batch->gone)) != NULL)
        engine_op_unref(&BASE_CONTAINER(link, struct entities_op, place)->op);
}

/* Empties it, but for the memory that the next one can use. */
static void wipe(struct repository_batch *batch)
{
    struct repository_batch empty = {.entries = batch->entries,
                                     .items = batch->items,
                                     .capacity = batch->capacity,
                                     .index = batch->index};

    *batch = empty;
    index_clear(&batch->index);
}

void repository_batch_free(struct repository_batch *batch)
{
    struct entc_repository_impl *impl = batch->impl;
    const entc_allocator *allocator = flight_allocator(batch);

    list_remove(&batch->link);
    release_entries(batch);
    release_ops(batch);
    repository_flight_ended(batch);
    repository_audience_unref(batch->audience, allocator);
    base_release(allocator, batch->part);
    base_release(allocator, batch->tokens);
    base_release(allocator, batch->query_ids);
    entc_error_free(batch->story);
    wipe(batch);
    if (!impl->spare && batch->capacity <= SPARE_ENTRIES_MAX)
        impl->spare = batch;
    else
        repository_batch_destroy(batch, allocator);
    repository_unref(impl);
}

static bool reserve(struct repository_batch *batch, size_t more)
{
    const entc_allocator *allocator = flight_allocator(batch);
    size_t wanted = batch->count + more;
    size_t capacity = batch->capacity ? batch->capacity : ENTRIES_MIN;
    struct batch_entry *entries = NULL;
    struct cache_item *items = NULL;

    if (wanted > INDEX_NONE / 4 || !index_reserve(&batch->index, (uint32_t)wanted))
        return false;
    if (wanted <= batch->capacity)
        return true;
    while (capacity < wanted)
        capacity *= 2;
    entries = base_reallocate(allocator, batch->entries, capacity * sizeof(*entries));
    if (!entries)
        return false;
    batch->entries = entries;
    items = base_reallocate(allocator, batch->items, capacity * sizeof(*items));
    if (!items)
        return false;
    batch->items = items;
    batch->capacity = (uint32_t)capacity;
    return true;
}

/* ---- finding ---- */

struct sought {
    const struct repository_batch *batch;
    const entc_value *id;
};

static bool has_id(const void *context, uint32_t number)
{
    const struct sought *sought = context;

    return repository_id_equals(sought->batch->entries[number].id, sought->id,
                                sought->batch->impl->type->key_count);
}

static uint32_t find(const struct repository_batch *batch, const entc_value *id, uint64_t hash)
{
    const struct sought sought = {batch, id};

    return index_find(&batch->index, hash, has_id, &sought);
}

uint32_t repository_batch_find(const struct repository_batch *batch, const entc_value *id)
{
    const struct entc_repository_impl *impl = batch->impl;

    return find(batch, id, repository_id_hash(impl->services, id, impl->type->key_count));
}

/* ---- joining ---- */

static const entc_value *id_of(const struct entities_op *op, size_t slot)
{
    return &op->ids[slot * op->impl->type->key_count];
}

/* There is room for it. */
static uint32_t add_entry(struct repository_batch *batch, const struct entities_op *op, size_t slot,
                          const char *key)
{
    uint32_t number = batch->count++;

    batch->entries[number] =
        (struct batch_entry){.id = id_of(op, slot), .lease = FLIGHT_NO_LEASE, .stage = ENTRY_ASKED};
    batch->items[number] = (struct cache_item){.key = {key, op->key_lengths[slot]}};
    index_insert(&batch->index, op->hashes[slot], number);
    return number;
}

bool repository_batch_join(struct repository_batch *batch, struct entities_op *op)
{
    const char *key = op->keys.bytes;
    uint64_t coalesced = 0;
    uint32_t others = batch->count;

    if (!reserve(batch, op->pending))
        return false;
    for (size_t slot = 0; slot < op->count; key += op->key_lengths[slot], slot++) {
        uint32_t number = INDEX_NONE;

        if (op->statuses[slot] != ENTC_E_AGAIN)
            continue;
        number = find(batch, id_of(op, slot), op->hashes[slot]);
        if (number == INDEX_NONE)
            number = add_entry(batch, op, slot, key);
        else
            coalesced += number < others;
        batch->entries[number].waiting++;
        op->entries[slot] = number;
    }
    engine_op_ref(&op->op);
    op->batch = batch;
    list_push(&batch->ops, &op->place);
    batch->coalesced += coalesced;
    account_count(flight_services(batch)->tally, op->account, TALLY_COALESCED, coalesced);
    return true;
}

/* ---- answering ---- */

/* What an operation's slots came to, counted together. */
struct sums {
    uint64_t hits;
    uint64_t misses;
    uint64_t negatives;
    uint64_t absents;
    uint64_t errors;
};

static void count(const struct entities_op *op, const struct sums *sums)
{
    struct tally *engine = op->impl->services->tally;

    account_count(engine, op->account, TALLY_HITS, sums->hits);
    account_count(engine, op->account, TALLY_MISSES, sums->misses);
    account_count(engine, op->account, TALLY_NEGATIVES, sums->negatives);
    account_count(engine, op->account, TALLY_ABSENTS, sums->absents);
    account_count(engine, op->account, TALLY_ERRORS, sums->errors);
}

/* The first slot gets the entry's own reference; it is still there for the others, since no
 * operation is done before the driver has finished this pass. */
static struct entc_entity *give(struct batch_entry *entry)
{
    if (entry->is_given)
        return entity_ref(entry->entity);
    entry->is_given = true;
    return entry->entity;
}

static void answer_slot(struct entities_op *op, size_t slot, struct batch_entry *entry,
                        struct sums *sums)
{
    switch (entry->outcome) {
    case OUTCOME_HIT:
    case OUTCOME_ROW:
        op->entities[slot] = give(entry);
        op->statuses[slot] = ENTC_OK;
        sums->hits += entry->outcome == OUTCOME_HIT;
        sums->misses += entry->outcome == OUTCOME_ROW;
        break;
    case OUTCOME_NEGATIVE:
    case OUTCOME_ABSENT:
        op->statuses[slot] = ENTC_E_NOT_FOUND;
        sums->negatives += entry->outcome == OUTCOME_NEGATIVE;
        sums->absents += entry->outcome == OUTCOME_ABSENT;
        sums->misses += entry->outcome == OUTCOME_ABSENT;
        break;
    case OUTCOME_FAILED:
    default:
        op->statuses[slot] = entry->status;
        repository_entities_op_blame(op, entry->status, op->batch->story);
        sums->misses++;
        sums->errors++;
        break;
    }
    entry->waiting--;
    op->pending--;
}

static void answer_op(struct repository_batch *batch, struct entities_op *op)
{
    struct sums sums = {0, 0, 0, 0, 0};

    for (size_t slot = 0; slot < op->count; slot++) {
        struct batch_entry *entry = NULL;

        if (op->statuses[slot] != ENTC_E_AGAIN)
            continue;
        entry = &batch->entries[op->entries[slot]];
        if (entry->outcome != OUTCOME_NONE)
            answer_slot(op, slot, entry, &sums);
    }
    count(op, &sums);
}

static void move_to_gone(struct entities_op *op)
{
    list_remove(&op->place);
    list_push(&op->batch->gone, &op->place);
    op->batch = NULL;
}

void repository_batch_answer(struct repository_batch *batch)
{
    struct list *next = NULL;

    for (struct list *link = batch->ops.next; link != &batch->ops; link = next) {
        struct entities_op *op = BASE_CONTAINER(link, struct entities_op, place);

        next = link->next;
        answer_op(batch, op);
        if (op->pending > 0)
            continue;
        move_to_gone(op);
        repository_entities_op_finish(op);
    }
}

/* ---- leaving ---- */

/* Its slots end with an error; those that the cache did not answer were misses. */
static void abandon_slots(struct repository_batch *batch, const struct entities_op *op)
{
    struct sums sums = {.errors = op->pending};

    for (size_t slot = 0; slot < op->count; slot++) {
        struct batch_entry *entry = NULL;

        if (op->statuses[slot] != ENTC_E_AGAIN)
            continue;
        entry = &batch->entries[op->entries[slot]];
        entry->waiting--;
        sums.misses += entry->stage != ENTRY_ASKED;
    }
    count(op, &sums);
}

void repository_batch_drop(struct entities_op *op)
{
    abandon_slots(op->batch, op);
    move_to_gone(op);
}

void repository_batch_leave(struct entities_op *op)
{
    struct repository_batch *batch = op->batch;
    struct entc_repository_impl *impl = NULL;

    if (!batch)
        return;
    impl = batch->impl;
    repository_batch_drop(op);
    if (!list_is_empty(&batch->ops))
        return;
    if (batch == impl->open) {
        impl->open = NULL;
        engine_hook_stop(&impl->dispatch);
        repository_batch_free(batch);
    } else {
        repository_flight_end(batch);
    }
}
