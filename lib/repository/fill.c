/* Steps that nobody waits for: fills, leases given back, values and foreign leases removed.
 *
 * Invariant: only an entry whose lease we hold is filled, with the token of that lease, so the
 * cache refuses what came too late to be true. Such a step owns all it needs, outlives its flight,
 * and is kept with the services until its replies came or the engine shuts down. */
#include "repository/flight.h"

struct cache_write {
    struct cache_batch cache;
    struct list link;                  /* in services->writes */
    struct entc_repository_impl *impl; /* a reference */
    struct flight_audience *audience;  /* a reference, or NULL */
    struct buffer values;
    uint32_t counted; /* commands that were counted already */
    struct event_span span;
    char *bytes; /* keys and tokens, as far as they are written */
    struct cache_item items[];
};

/* Picks the entries of a step. */
typedef bool (*entry_test)(const struct batch_entry *entry);

/* ---- a write's life ---- */

static struct repository_services *services_of(const struct cache_write *write)
{
    return write->impl->services;
}

static void tell_end(struct cache_write *write, entc_status status)
{
    if (write->span.id == 0)
        return;

    struct repository_services *services = services_of(write);
    entc_event event = {.bytes = write->values.length, .status = status};
    event.time_us = engine_now_us(services->engine);
    repository_event_step_end(services->events, &write->span, &write->cache, &event);
}

static void write_free(struct cache_write *write, entc_status status)
{
    struct entc_repository_impl *impl = write->impl;
    struct repository_services *services = impl->services;
    const entc_allocator *allocator = engine_allocator(services->engine);

    tell_end(write, status);
    list_remove(&write->link);
    if (services->writes.next && list_is_empty(&services->writes))
        engine_hook_stop(&services->sent);
    repository_audience_unref(write->audience, allocator);
    buffer_fini(&write->values);
    base_release(allocator, write);
    repository_unref(impl);
}

static void count_commands(struct cache_write *write)
{
    uint32_t commands = write->cache.commands;

    repository_audience_count(services_of(write), write->audience, TALLY_REDIS_COMMANDS,
                              commands - write->counted);
    write->counted = commands;
}

/* Runs behind the port's own hook, so that commands count before the operations are done that they
 * belong to. */
static void count_sent(struct engine_hook *hook)
{
    struct repository_services *services = BASE_CONTAINER(hook, struct repository_services, sent);

    for (struct list *link = services->writes.next; link != &services->writes; link = link->next)
        count_commands(BASE_CONTAINER(link, struct cache_write, link));
}

static uint64_t count_results(const struct cache_batch *cache, int32_t result)
{
    uint64_t count = 0;

    for (size_t i = 0; i < cache->count; i++)
        count += cache->items[i].result == result;
    return count;
}

static void tell_unblocked(const struct cache_write *write, uint64_t removed)
{
    if (removed > 0)
        log_write(
            &services_of(write)->log, ENTC_LOG_WARNING, "redis",
            "entity '%s': %u lease keys were not ours and blocked the cache; they are removed",
            write->impl->type->name, (unsigned)removed);
}

static void on_done(struct cache_batch *cache, entc_status status)
{
    struct cache_write *write = BASE_CONTAINER(cache, struct cache_write, cache);
    const bool is_fill = cache->step == CACHE_FILL;
    uint64_t refused = 0;
    uint64_t healed = 0;

    count_commands(write);
    if (status == ENTC_OK && is_fill)
        refused = count_results(cache, 0);
    else if (cache->step == CACHE_INVALIDATE || cache->step == CACHE_UNBLOCK)
        healed = count_results(cache, 1);
    if (cache->step == CACHE_UNBLOCK)
        tell_unblocked(write, healed);
    repository_audience_count(services_of(write), write->audience, TALLY_FILLS_REFUSED, refused);
    repository_audience_count(services_of(write), write->audience, TALLY_HEALED, healed);
    repository_audience_why(write->audience, WHY_FILL_REFUSED, refused);
    write_free(write, status);
}

/* Room for the entries that the test picks; NULL when there is none, or no memory. */
static struct cache_write *write_new(struct repository_batch *batch, enum cache_step step,
                                     entry_test test)
{
    struct cache_write *write = NULL;
    size_t count = 0;
    size_t bytes = 0;

    for (uint32_t i = 0; i < batch->count; i++) {
        if (!test(&batch->entries[i]))
            continue;
        count++;
        bytes += batch->items[i].key.length + CACHE_TOKEN_LENGTH;
    }
    if (count == 0)
        return NULL;
    write = base_allocate(flight_allocator(batch),
                          sizeof(*write) + count * sizeof(*write->items) + bytes);
    if (!write)
        return NULL;
    *write = (struct cache_write){.impl = repository_ref(batch->impl),
                                  .audience = repository_audience_ref(batch->audience)};
    write->cache = (struct cache_batch){.step = step, .items = write->items, .done = on_done};
    write->bytes = (char *)(write->items + count);
    buffer_init(&write->values, flight_allocator(batch));
    return write;
}

static const char *keep_bytes(struct cache_write *write, const char *bytes, size_t length)
{
    char *kept = write->bytes;

    memcpy(kept, bytes, length);
    write->bytes += length;
    return kept;
}

static struct cache_item *write_add(struct cache_write *write, struct repository_batch *batch,
                                    uint32_t number)
{
    struct cache_item *item = &write->items[write->cache.count++];
    const struct span key = batch->items[number].key;
    uint32_t lease = batch->entries[number].lease;

    *item = (struct cache_item){.result = -1};
    item->key = (struct span){keep_bytes(write, key.bytes, key.length), key.length};
    if (lease != FLIGHT_NO_LEASE)
        item->token = keep_bytes(write, batch->tokens + (size_t)lease * CACHE_TOKEN_LENGTH,
                                 CACHE_TOKEN_LENGTH);
    return item;
}

/* True when the cache took it; otherwise it is gone. */
static bool write_submit(struct repository_batch *batch, struct cache_write *write)
{
    struct repository_services *services = services_of(write);

    if (write->cache.count == 0 ||
        services->cache->ops->submit(services->cache, &write->cache) != ENTC_OK) {
        write_free(write, ENTC_E_UNAVAILABLE);
        return false;
    }
    if (services->events)
        repository_event_step(batch, &write->cache, engine_now_us(services->engine), &write->span);
    if (!services->writes.next)
        list_init(&services->writes);
    list_push(&services->writes, &write->link);
    services->sent.run = count_sent;
    engine_hook_set(services->engine, &services->sent, ENGINE_FLUSH);
    return true;
}

void repository_services_shutdown(struct repository_services *services)
{
    while (services->writes.next && !list_is_empty(&services->writes)) {
        struct cache_write *write = BASE_CONTAINER(services->writes.next, struct cache_write, link);

        services->cache->ops->detach(services->cache, &write->cache);
        write_free(write, ENTC_E_CLOSED);
    }
}

/* ---- fills ---- */

/* Downwards by at most a tenth, so that what was filled together does not expire together, and the
 * time given stays an upper bound. */
static int64_t jittered_ms(struct repository_services *services, int64_t ttl_us)
{
    int64_t ttl_ms = ttl_us / 1000;

    ttl_ms -= (int64_t)random_below(&services->random, (uint64_t)(ttl_ms / 10) + 1);
    return ttl_ms > 0 ? ttl_ms : 1;
}

/* -1: absences are not cached. */
static int64_t negative_ttl_us(const struct entc_repository_impl *impl)
{
    int64_t own = impl->model->desc.negative_ttl_us;

    return own != 0 ? own : impl->services->negative_ttl_us;
}

static int64_t ttl_us(const struct entc_repository_impl *impl)
{
    int64_t own = impl->model->desc.ttl_us;

    return own != 0 ? own : impl->services->ttl_us;
}

static bool may_fill(const struct batch_entry *entry)
{
    return entry->lease != FLIGHT_NO_LEASE &&
           (entry->outcome == OUTCOME_ROW || entry->outcome == OUTCOME_ABSENT);
}

static bool encode_absence(struct repository_batch *batch, struct buffer *values)
{
    if (negative_ttl_us(batch->impl) >= 0)
        return buffer_append_text(values, "null");
    repository_flight_why(batch, WHY_NEGATIVES_OFF, 1);
    return false;
}

/* Appends the entry's JSON; false when it is not to be cached. */
static bool encode(struct repository_batch *batch, const struct batch_entry *entry,
                   struct buffer *values, uint64_t *uncacheable)
{
    size_t before = values->length;
    enum codec_result result = CODEC_OK;
    enum why why = WHY_TOO_LARGE;

    if (entry->outcome == OUTCOME_ABSENT)
        return encode_absence(batch, values);
    result = codec_encode(entry->entity, values);
    if (result == CODEC_OK && values->length - before <= flight_services(batch)->max_value_bytes)
        return true;
    *uncacheable += result != CODEC_OUT_OF_MEMORY;
    if (result != CODEC_OK)
        why = result == CODEC_OUT_OF_MEMORY ? WHY_NO_MEMORY : WHY_UNCACHEABLE;
    repository_flight_why(batch, why, 1);
    if (!values->failed)
        values->length = before;
    return false;
}

/* Makes the items of all that can be cached; values move while they grow, so they get their places
 * at the end. */
static uint64_t encode_all(struct repository_batch *batch, struct cache_write *write)
{
    uint64_t uncacheable = 0;
    size_t before = 0;

    for (uint32_t i = 0; i < batch->count; i++) {
        struct batch_entry *entry = &batch->entries[i];
        struct cache_item *item = NULL;

        if (!may_fill(entry) || !encode(batch, entry, &write->values, &uncacheable))
            continue;
        item = write_add(write, batch, i);
        item->value.length = write->values.length - before;
        item->ttl_ms = jittered_ms(flight_services(batch), entry->outcome == OUTCOME_ABSENT
                                                               ? negative_ttl_us(batch->impl)
                                                               : ttl_us(batch->impl));
        before = write->values.length;
        entry->lease = FLIGHT_NO_LEASE;
    }
    before = 0;
    for (size_t i = 0; i < write->cache.count; i++) {
        write->items[i].value.bytes = write->values.bytes + before;
        before += write->items[i].value.length;
    }
    return uncacheable;
}

void repository_flight_fill(struct repository_batch *batch)
{
    struct cache_write *write = write_new(batch, CACHE_FILL, may_fill);
    size_t count = 0;

    if (write) {
        repository_flight_count(batch, TALLY_UNCACHEABLE, encode_all(batch, write));
        count = write->cache.count;
        if (write_submit(batch, write))
            repository_flight_count(batch, TALLY_FILLS, count);
    }
    repository_flight_unlease(batch);
}

/* ---- leases given back, values removed ---- */

static bool has_lease(const struct batch_entry *entry)
{
    return entry->lease != FLIGHT_NO_LEASE;
}

void repository_flight_unlease(struct repository_batch *batch)
{
    struct cache_write *write = write_new(batch, CACHE_UNLEASE, has_lease);

    if (!write)
        return;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!has_lease(&batch->entries[i]))
            continue;
        write_add(write, batch, i);
        batch->entries[i].lease = FLIGHT_NO_LEASE;
    }
    write_submit(batch, write);
}

static bool is_to_heal(const struct batch_entry *entry)
{
    return entry->fault == FAULT_CORRUPT || entry->fault == FAULT_FOREIGN;
}

void repository_flight_heal(struct repository_batch *batch)
{
    struct cache_write *write = write_new(batch, CACHE_INVALIDATE, is_to_heal);

    for (uint32_t i = 0; i < batch->count; i++) {
        struct batch_entry *entry = &batch->entries[i];

        if (write && is_to_heal(entry))
            write_add(write, batch, i);
        entry->fault = FAULT_NONE;
    }
    if (write)
        write_submit(batch, write);
}

static bool is_still_lost(const struct batch_entry *entry)
{
    return entry->stage == ENTRY_UNFENCED;
}

/* Almost always it is a lease or an intent that stands there, and expires. What does not would keep
 * the key uncached for ever; only the cache can tell them apart, in one step. */
void repository_flight_unblock(struct repository_batch *batch)
{
    struct cache_write *write = write_new(batch, CACHE_UNBLOCK, is_still_lost);

    if (!write)
        return;
    for (uint32_t i = 0; i < batch->count; i++)
        if (is_still_lost(&batch->entries[i]))
            write_add(write, batch, i);
    write_submit(batch, write);
}
