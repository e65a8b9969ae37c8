/* The cache's part of a flight: MGET, what the values are, and the leases of the misses.
 *
 * Values are decoded inside the reader, but count only when the MGET is over: what a connection
 * said before it died is not believed. All waits of a flight together take at most
 * redis_timeout_us, and each at most half of the time that its callers have left, so that the
 * database can answer even when they are in a hurry and the cache hangs. When that is over the step
 * is detached, what was answered by then counts, and the rest goes on without the cache. */
#include "repository/flight.h"

/* How long losers wait where nobody of this flight reads the database meanwhile. */
#define PAUSE_US 2000

static void on_mget(struct cache_batch *cache, entc_status status);
static void on_lease(struct cache_batch *cache, entc_status status);

static struct repository_batch *of(struct cache_batch *cache)
{
    return BASE_CONTAINER(cache, struct repository_batch, cache);
}

/* ---- asking ---- */

static uint32_t count_wanted(struct repository_batch *batch, enum entry_stage stage)
{
    uint32_t wanted = 0;

    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->entries[i].stage != stage)
            continue;
        if (batch->entries[i].waiting > 0)
            wanted++;
        else
            batch->entries[i].stage = ENTRY_DROPPED;
    }
    return wanted;
}

/* Makes the items of all entries of a stage; in the usual case that is every entry, and the items
 * beside them serve. */
static bool gather(struct repository_batch *batch, enum entry_stage stage)
{
    const entc_allocator *allocator = flight_allocator(batch);
    const size_t size = sizeof(*batch->part) + sizeof(*batch->part_numbers);
    uint32_t wanted = count_wanted(batch, stage);
    uint32_t slot = 0;

    base_release(allocator, batch->part);
    batch->part = NULL;
    batch->cache = (struct cache_batch){.items = batch->items, .count = wanted};
    batch->value_bytes = 0;
    if (wanted == batch->count)
        return true;
    batch->part = base_allocate_array(allocator, wanted, size);
    if (!batch->part)
        return false;
    batch->part_numbers = (uint32_t *)(void *)(batch->part + wanted);
    batch->cache.items = batch->part;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->entries[i].stage != stage)
            continue;
        batch->part[slot] = (struct cache_item){.key = batch->items[i].key};
        batch->part_numbers[slot++] = i;
    }
    return true;
}

/* The wait is over, one way or the other. */
static void end_wait(struct repository_batch *batch, entc_status status)
{
    struct engine *engine = flight_services(batch)->engine;
    const int64_t now_us = engine_now_us(engine);
    int64_t waited = now_us - batch->began_us;
    uint32_t commands = batch->cache.commands;

    batch->is_asking = false;
    repository_event_asked(batch, status, now_us);
    batch->budget_us -= waited;
    engine_timer_stop(engine, &batch->timer);
    repository_flight_count(batch, TALLY_REDIS_US, (uint64_t)waited);
    repository_flight_count(batch, TALLY_REDIS_COMMANDS, commands);
    if (batch->cache.step == CACHE_LEASE) {
        repository_flight_count(batch, TALLY_REDIS_LEASES, commands);
    } else {
        repository_flight_count(batch, TALLY_REDIS_MGETS, commands);
        repository_flight_count(batch, TALLY_REDIS_KEYS, commands > 0 ? batch->cache.count : 0);
        repository_flight_count(batch, TALLY_REDIS_BYTES, batch->value_bytes);
    }
}

void repository_flight_stop_asking(struct repository_batch *batch, entc_status status)
{
    struct cache_port *cache = flight_services(batch)->cache;

    if (!batch->is_asking)
        return;
    cache->ops->detach(cache, &batch->cache);
    end_wait(batch, status);
}

static void fail(struct repository_batch *batch, enum why why)
{
    if (!batch->has_failed)
        repository_flight_count(batch, TALLY_REDIS_FAILURES, 1);
    batch->has_failed = true;
    repository_flight_uncached(batch, why);
}

static void adopt(struct repository_batch *batch);

/* A wait that hasty callers cut short tells nothing about the cache. */
static bool is_late(const struct repository_batch *batch)
{
    const int64_t full_us = flight_services(batch)->redis_timeout_us;
    const int64_t waited_us = engine_now_us(flight_services(batch)->engine) - batch->began_us;

    return full_us - batch->budget_us + waited_us >= full_us / 2;
}

static void expire(struct engine_timer *timer)
{
    struct repository_batch *batch = BASE_CONTAINER(timer, struct repository_batch, timer);

    batch->cache.is_late = is_late(batch);
    repository_flight_stop_asking(batch, ENTC_E_TIMEOUT);
    if (batch->cache.step == CACHE_MGET)
        adopt(batch);
    else
        repository_flight_unlease(batch);
    fail(batch, WHY_REDIS_LATE);
}

static int64_t wait_until(const struct repository_batch *batch)
{
    const int64_t left_us = repository_flight_deadline(batch) - batch->began_us;

    return batch->began_us + (left_us / 2 < batch->budget_us ? left_us / 2 : batch->budget_us);
}

static enum why why_refused(const struct repository_batch *batch, entc_status status)
{
    if (status == ENTC_E_NO_MEMORY)
        return WHY_NO_MEMORY;
    return batch->cache.is_refused ? WHY_BREAKER_OPEN : WHY_REDIS_DOWN;
}

/* False when the cache cannot be asked now; *ret_why tells. */
static bool submit(struct repository_batch *batch, enum cache_step step, enum why *ret_why)
{
    struct engine *engine = flight_services(batch)->engine;
    struct cache_port *cache = flight_services(batch)->cache;
    entc_status status = ENTC_OK;

    *ret_why = WHY_REDIS_LATE;
    if (batch->budget_us <= 0)
        return false;
    batch->cache.step = step;
    batch->began_us = engine_now_us(engine);
    status = cache->ops->submit(cache, &batch->cache);
    *ret_why = why_refused(batch, status);
    if (status != ENTC_OK)
        return false;
    batch->is_asking = true;
    repository_event_step(batch, &batch->cache, batch->began_us, &batch->step);
    batch->timer.fire = expire;
    if (engine_timer_set(engine, &batch->timer, wait_until(batch)))
        return true;
    *ret_why = WHY_NO_MEMORY;
    repository_flight_stop_asking(batch, ENTC_E_NO_MEMORY);
    return false;
}

/* ---- values ---- */

static void judge(struct repository_batch *batch, struct batch_entry *entry, const char *bytes,
                  size_t length)
{
    struct entc_entity *entity = NULL;

    switch (codec_decode(&batch->impl->draft, bytes, length, &entity)) {
    case CODEC_ENTITY:
        if (entity_has_id(entity, entry->id)) {
            entry->outcome = OUTCOME_HIT;
            entry->entity = entity;
        } else {
            entry->fault = FAULT_FOREIGN;
            entity_unref(entity);
        }
        break;
    case CODEC_ABSENT:
        entry->outcome = OUTCOME_NEGATIVE;
        break;
    case CODEC_CORRUPT:
        entry->fault = FAULT_CORRUPT;
        break;
    case CODEC_RESHAPED:
        entry->fault = FAULT_RESHAPED;
        break;
    case CODEC_NO_MEMORY:
    default:
        /* An ordinary miss: perhaps there is memory when the row comes. */
        break;
    }
}

static void on_value(struct cache_batch *cache, size_t slot, const char *bytes, size_t length)
{
    struct repository_batch *batch = of(cache);
    struct batch_entry *entry = flight_entry(batch, slot);

    if (!bytes)
        return;
    batch->value_bytes += length;
    if (flight_services(batch)->events)
        repository_event_value(batch);
    /* Larger than we would ever write: not ours to trust, and removed as any other. */
    if (length > flight_services(batch)->max_value_bytes)
        entry->fault = FAULT_CORRUPT;
    else
        judge(batch, entry, bytes, length);
}

/* Takes back what the values of this MGET said. */
static void discard(struct repository_batch *batch)
{
    for (size_t slot = 0; slot < batch->cache.count; slot++) {
        struct batch_entry *entry = flight_entry(batch, slot);

        entity_unref(entry->entity);
        entry->entity = NULL;
        entry->outcome = OUTCOME_NONE;
        entry->fault = FAULT_NONE;
    }
}

static void tell_faults(struct repository_batch *batch, const uint64_t *faults)
{
    repository_flight_count(batch, TALLY_CORRUPT, faults[FAULT_CORRUPT]);
    repository_flight_count(batch, TALLY_FOREIGN, faults[FAULT_FOREIGN]);
    repository_flight_count(batch, TALLY_RESHAPED, faults[FAULT_RESHAPED]);
    repository_flight_why(batch, WHY_CORRUPT, faults[FAULT_CORRUPT]);
    repository_flight_why(batch, WHY_FOREIGN, faults[FAULT_FOREIGN]);
    repository_flight_why(batch, WHY_RESHAPED, faults[FAULT_RESHAPED]);
    if (faults[FAULT_CORRUPT] + faults[FAULT_FOREIGN] > 0)
        log_write(&flight_services(batch)->log, ENTC_LOG_WARNING, "codec",
                  "entity '%s': %u corrupt and %u foreign values in the cache; they are removed",
                  batch->impl->type->name, (unsigned)faults[FAULT_CORRUPT],
                  (unsigned)faults[FAULT_FOREIGN]);
}

/* Believes the values: each entry is answered or missed. */
static void adopt(struct repository_batch *batch)
{
    uint64_t faults[FAULT_RESHAPED + 1] = {0};

    for (size_t slot = 0; slot < batch->cache.count; slot++) {
        struct batch_entry *entry = flight_entry(batch, slot);

        faults[entry->fault]++;
        if (entry->outcome != OUTCOME_NONE)
            entry->stage = ENTRY_ANSWERED;
        else
            entry->stage = batch->is_second ? ENTRY_UNFENCED : ENTRY_MISSED;
    }
    tell_faults(batch, faults);
    repository_flight_heal(batch);
}

/* A value so large that the connection died of it is corrupt, whatever it says. The removal goes
 * before the question that is repeated, on the same connection. */
static bool heal_too_large(struct repository_batch *batch)
{
    uint64_t faults[FAULT_RESHAPED + 1] = {0};

    if (batch->cache.too_large == 0)
        return false;
    flight_entry(batch, batch->cache.too_large - 1)->fault = FAULT_CORRUPT;
    faults[FAULT_CORRUPT] = 1;
    tell_faults(batch, faults);
    repository_flight_heal(batch);
    return true;
}

/* A connection that never came to be was not lost. */
static enum why why_failed(const struct cache_batch *cache)
{
    if (cache->is_lost)
        return WHY_REDIS_LOST;
    return cache->commands > 0 ? WHY_REDIS_ERROR : WHY_REDIS_DOWN;
}

static void on_mget(struct cache_batch *cache, entc_status status)
{
    struct repository_batch *batch = of(cache);

    end_wait(batch, status);
    if (status == ENTC_OK) {
        adopt(batch);
        if (batch->is_second)
            repository_flight_unblock(batch);
        repository_flight_next(batch);
        return;
    }
    discard(batch);
    /* Each large value takes one repetition; the budget bounds them. */
    if (heal_too_large(batch)) {
        repository_flight_ask(batch);
    } else if (cache->is_lost && !batch->is_repeated) {
        batch->is_repeated = true;
        repository_flight_ask(batch);
    } else {
        fail(batch, why_failed(cache));
    }
}

void repository_flight_ask(struct repository_batch *batch)
{
    enum why why = WHY_NO_MEMORY;
    bool is_ready = false;

    if (!repository_flight_admit(batch, FLIGHT_MGET))
        return;
    is_ready = gather(batch, ENTRY_ASKED);
    batch->cache.value = on_value;
    batch->cache.done = on_mget;
    if (is_ready && submit(batch, CACHE_MGET, &why))
        return;
    repository_flight_refund(batch, FLIGHT_MGET);
    fail(batch, why);
}

/* ---- leases ---- */

/* The process's random bytes, the lower half mixed with a counter: no token comes twice. */
static void write_token(struct repository_services *services, char *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = services->token_count++;

    for (size_t i = 0; i < sizeof(services->token_base); i++) {
        unsigned char byte = services->token_base[i];

        if (i >= 8)
            byte ^= (unsigned char)(number >> (8 * (i - 8)));
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
}

static bool prepare_leases(struct repository_batch *batch)
{
    struct repository_services *services = flight_services(batch);
    int64_t ttl_ms = services->lease_us >= 1000 ? services->lease_us / 1000 : 1;

    if (!gather(batch, ENTRY_MISSED))
        return false;
    batch->tokens =
        base_allocate_array(flight_allocator(batch), batch->cache.count, CACHE_TOKEN_LENGTH);
    if (!batch->tokens)
        return false;
    for (size_t slot = 0; slot < batch->cache.count; slot++) {
        struct cache_item *item = flight_item(batch, slot);
        char *token = batch->tokens + slot * CACHE_TOKEN_LENGTH;

        write_token(services, token);
        item->token = token;
        item->ttl_ms = ttl_ms;
        item->result = -1;
        flight_entry(batch, slot)->lease = (uint32_t)slot;
    }
    return true;
}

static void forget_leases(struct repository_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        batch->entries[i].lease = FLIGHT_NO_LEASE;
}

void repository_flight_lease(struct repository_batch *batch)
{
    enum why why = WHY_NO_MEMORY;
    bool is_ready = false;

    if (!repository_flight_admit(batch, FLIGHT_LEASE))
        return;
    is_ready = prepare_leases(batch);
    batch->cache.done = on_lease;
    if (is_ready && submit(batch, CACHE_LEASE, &why))
        return;
    repository_flight_refund(batch, FLIGHT_LEASE);
    forget_leases(batch);
    fail(batch, why);
}

static void on_lease(struct cache_batch *cache, entc_status status)
{
    struct repository_batch *batch = of(cache);

    end_wait(batch, status);
    if (status != ENTC_OK) {
        forget_leases(batch);
        fail(batch, why_failed(cache));
        return;
    }
    for (size_t slot = 0; slot < cache->count; slot++) {
        struct batch_entry *entry = flight_entry(batch, slot);
        int32_t result = flight_item(batch, slot)->result;

        if (result == 1) {
            entry->stage = ENTRY_WINNER;
            continue;
        }
        entry->stage = result == 0 ? ENTRY_LOSER : ENTRY_UNFENCED;
        repository_flight_why(batch, result == 0 ? WHY_LEASE_LOST : WHY_REDIS_ERROR, 1);
        entry->lease = FLIGHT_NO_LEASE;
    }
    repository_flight_next(batch);
}

/* ---- losers ---- */

static void end_pause(struct engine_timer *timer)
{
    struct repository_batch *batch = BASE_CONTAINER(timer, struct repository_batch, timer);

    batch->is_parked = false;
    repository_flight_reask(batch);
}

void repository_flight_pause(struct repository_batch *batch)
{
    struct engine *engine = flight_services(batch)->engine;

    batch->timer.fire = end_pause;
    if (!engine_timer_set(engine, &batch->timer, engine_now_us(engine) + PAUSE_US))
        repository_flight_reask(batch);
}

static bool is_read_by(const struct repository_batch *sibling, const struct batch_entry *lost)
{
    const uint32_t number = repository_batch_find(sibling, lost->id);

    return number != INDEX_NONE && sibling->entries[number].stage == ENTRY_WINNER;
}

/* Whether a flight of ours reads something that this one lost. */
static bool has_winner(const struct repository_batch *batch)
{
    const struct list *flights = &batch->impl->flights;

    for (const struct list *link = flights->next; link != flights; link = link->next) {
        const struct repository_batch *sibling =
            BASE_CONTAINER(link, struct repository_batch, link);

        for (uint32_t i = 0; i < batch->count && sibling != batch && sibling->is_querying; i++)
            if (batch->entries[i].stage == ENTRY_LOSER && is_read_by(sibling, &batch->entries[i]))
                return true;
    }
    return false;
}

/* Many callers of one cold key would else each read the database while it is slow. Not longer than
 * the lease is worth, and half of the callers' time is left for reading it after all. */
bool repository_flight_park(struct repository_batch *batch)
{
    struct engine *engine = flight_services(batch)->engine;
    const int64_t now_us = engine_now_us(engine);
    int64_t wait_us = (repository_flight_deadline(batch) - now_us) / 2;

    if (batch->was_parked || !has_winner(batch))
        return false;
    if (wait_us > flight_services(batch)->lease_us)
        wait_us = flight_services(batch)->lease_us;
    batch->was_parked = true;
    batch->timer.fire = end_pause;
    batch->is_parked = engine_timer_set(engine, &batch->timer, now_us + wait_us);
    return batch->is_parked;
}

/* The timer does it, in a later turn: behind the fill, and when this flight is whole again. */
void repository_flight_wake(struct entc_repository_impl *impl)
{
    struct engine *engine = impl->services->engine;

    for (struct list *link = impl->flights.next; link != &impl->flights; link = link->next) {
        struct repository_batch *batch = BASE_CONTAINER(link, struct repository_batch, link);

        if (batch->is_parked && !has_winner(batch))
            engine_timer_set(engine, &batch->timer, engine_now_us(engine));
    }
}
