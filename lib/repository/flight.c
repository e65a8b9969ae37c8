/* The way of a flight: cache, leases, database, fill, and once more for the losers.
 *
 * MGET; misses are leased; winners (and keys that cannot be leased) go to the database in one
 * query, whose rows fill the cache under the lease; losers are asked again after it, after that of
 * another flight of ours which won, or after a pause where nobody of us reads, and what then
 * remains goes to the database without fill, while what blocks it is removed if it is none of ours
 * (coherence.md 1.3). Invariant: the query is submitted only after the LEASE replies, and a key
 * without a lease of ours is never filled. A flight ends when nobody waits for it. */
#include "repository/flight.h"

static void begin(struct repository_batch *batch)
{
    repository_flight_begun(batch);
    repository_event_batch(batch);
    if (flight_services(batch)->cache)
        repository_flight_ask(batch);
    else
        repository_flight_uncached(batch, WHY_CACHE_OFF);
}

void repository_flight_dispatch(struct engine_hook *hook)
{
    struct entc_repository_impl *impl = BASE_CONTAINER(hook, struct entc_repository_impl, dispatch);
    struct repository_batch *batch = impl->open;

    if (!batch)
        return;
    impl->open = NULL;
    list_push(&impl->flights, &batch->link);
    begin(batch);
}

void repository_flight_uncached(struct repository_batch *batch, enum why why)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < batch->count; i++) {
        struct batch_entry *entry = &batch->entries[i];

        if (entry->stage != ENTRY_ASKED && entry->stage != ENTRY_MISSED)
            continue;
        entry->stage = ENTRY_UNFENCED;
        count++;
    }
    repository_flight_why(batch, why, count);
    repository_flight_next(batch);
}

static bool has_stage(const struct repository_batch *batch, enum entry_stage stage)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->entries[i].stage == stage && batch->entries[i].waiting > 0)
            return true;
    return false;
}

void repository_flight_reask(struct repository_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->entries[i].stage == ENTRY_LOSER)
            batch->entries[i].stage = ENTRY_ASKED;
    batch->is_second = true;
    repository_flight_ask(batch);
}

void repository_flight_next(struct repository_batch *batch)
{
    repository_batch_answer(batch);
    if (list_is_empty(&batch->ops))
        repository_flight_end(batch);
    else if (has_stage(batch, ENTRY_MISSED))
        repository_flight_lease(batch);
    else if (has_stage(batch, ENTRY_WINNER) || has_stage(batch, ENTRY_UNFENCED))
        repository_flight_query(batch);
    else if (repository_flight_park(batch))
        return;
    else if (batch->query_ids)
        repository_flight_reask(batch);
    else
        repository_flight_pause(batch);
}

void repository_flight_end(struct repository_batch *batch)
{
    repository_flight_stop_asking(batch, ENTC_E_CANCELLED);
    repository_flight_stop_query(batch);
    engine_timer_stop(flight_services(batch)->engine, &batch->timer);
    repository_flight_unlease(batch);
    list_remove(&batch->link);
    repository_flight_wake(batch->impl);
    repository_event_batch_end(batch);
    repository_batch_free(batch);
}
