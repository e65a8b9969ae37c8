/* What is told of a flight: one span for the batch, and below it one for each step at the cache and
 * one for reading what an MGET brought. The database's are told by its port, which alone knows the
 * statements.
 *
 * Invariant: what is begun ends, whichever way the flight goes: its end is where it is freed, a
 * step's where its wait is over. */
#include "repository/flight.h"

static struct events *events_of(const struct repository_batch *batch)
{
    return flight_services(batch)->events;
}

/* ---- batches ---- */

/* Of a batch that is shared, the first operation that has a request or a parent. */
static struct event_place place_of(const struct repository_batch *batch)
{
    struct event_place place = {0, 0};

    for (const struct list *link = batch->ops.next; link != &batch->ops; link = link->next) {
        const struct entities_op *op = BASE_CONTAINER(link, struct entities_op, place);

        place = repository_place(op->request, op->parent);
        if (place.parent)
            break;
    }
    return place;
}

void repository_event_batch(struct repository_batch *batch)
{
    if (!events_of(batch))
        return;

    struct event_span what = {.kind = ENTC_SPAN_BATCH, .keys = batch->count};
    what.name = batch->impl->type->name;
    what.place = place_of(batch);
    what.begin_us = engine_now_us(flight_services(batch)->engine);
    event_begin(events_of(batch), &batch->span, &what);
}

static void count_entry(const struct batch_entry *entry, entc_event *event)
{
    const bool is_hit = entry->outcome == OUTCOME_HIT || entry->outcome == OUTCOME_NEGATIVE;

    event->hits += is_hit;
    event->misses += !is_hit && entry->stage != ENTRY_ASKED;
    if (event->status != ENTC_OK)
        return;
    if (entry->outcome == OUTCOME_FAILED)
        event->status = entry->status;
    else if (entry->outcome == OUTCOME_NONE)
        event->status = ENTC_E_CANCELLED;
}

void repository_event_batch_end(struct repository_batch *batch)
{
    if (batch->span.id == 0)
        return;

    entc_event event = {.coalesced = batch->coalesced};
    for (uint32_t i = 0; i < batch->count; i++)
        count_entry(&batch->entries[i], &event);
    event.time_us = engine_now_us(flight_services(batch)->engine);
    event_end(events_of(batch), &batch->span, &event);
}

/* ---- steps ---- */

void repository_event_step(const struct repository_batch *batch, const struct cache_batch *cache,
                           int64_t now_us, struct event_span *span)
{
    static const char *const names[] = {[CACHE_MGET] = "MGET",
                                        [CACHE_LEASE] = "lease",
                                        [CACHE_FILL] = "fill",
                                        [CACHE_UNLEASE] = "unlease",
                                        [CACHE_INVALIDATE] = "invalidate",
                                        [CACHE_UNBLOCK] = "unblock"};

    if (!events_of(batch))
        return;

    struct event_span what = {.kind = ENTC_SPAN_REDIS, .begin_us = now_us, .keys = cache->count};
    what.name = batch->impl->type->name;
    what.text = names[cache->step];
    what.place = (struct event_place){batch->span.id, batch->span.place.request};
    event_begin(events_of(batch), span, &what);
}

void repository_event_step_end(struct events *events, struct event_span *span,
                               const struct cache_batch *cache, entc_event *event)
{
    event->commands = cache->commands;
    event_end(events, span, event);
}

/* ---- values ---- */

void repository_event_value(struct repository_batch *batch)
{
    if (!events_of(batch))
        return;
    if (batch->value_count == 0)
        batch->first_value_us = engine_now_us(flight_services(batch)->engine);
    batch->value_count++;
}

/* Values are read while they come: to the host, Redis has answered with the first. */
static void tell_values(struct repository_batch *batch, entc_event *event)
{
    const struct event_span what = {.kind = ENTC_SPAN_DECODE,
                                    .place = batch->step.place,
                                    .begin_us = batch->first_value_us,
                                    .name = batch->step.name,
                                    .text = "values"};
    struct event_span span = {0};

    event->keys = batch->value_count;
    event_begin(events_of(batch), &span, &what);
    event_end(events_of(batch), &span, event);
    batch->value_count = 0;
}

void repository_event_asked(struct repository_batch *batch, entc_status status, int64_t now_us)
{
    if (batch->step.id == 0)
        return;

    entc_event event = {.bytes = batch->value_bytes, .status = status};
    entc_event read = {.time_us = now_us, .bytes = batch->value_bytes, .status = status};
    event.time_us = batch->value_count ? batch->first_value_us : now_us;
    repository_event_step_end(events_of(batch), &batch->step, &batch->cache, &event);
    if (batch->value_count)
        tell_values(batch, &read);
}
