/* Who is told what a flight cost: the engine once, and each request with an operation in it once,
 * however many operations that request has there. A flight goes on when there is no memory for the
 * list; then only the engine counts. */
#include "repository/flight.h"

#include <stdlib.h>

static int compare_addresses(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t)((const struct flight_listener *)left)->account;
    uintptr_t b = (uintptr_t)((const struct flight_listener *)right)->account;

    return a < b ? -1 : a > b;
}

static uint32_t merge_doubles(struct flight_listener *listeners, uint32_t count)
{
    uint32_t kept = 0;

    qsort(listeners, count, sizeof(*listeners), compare_addresses);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && listeners[kept - 1].account == listeners[i].account)
            listeners[kept - 1].asked += listeners[i].asked;
        else
            listeners[kept++] = listeners[i];
    }
    return kept;
}

static uint32_t count_listeners(const struct repository_batch *batch)
{
    uint32_t count = 0;

    for (const struct list *link = batch->ops.next; link != &batch->ops; link = link->next)
        count += BASE_CONTAINER(link, struct entities_op, place)->account != NULL;
    return count;
}

static struct flight_audience *audience_new(struct repository_batch *batch)
{
    uint32_t most = count_listeners(batch);
    struct flight_audience *audience = NULL;

    if (most == 0)
        return NULL;
    audience = base_allocate(flight_allocator(batch),
                             sizeof(*audience) + most * sizeof(*audience->listeners));
    if (!audience)
        return NULL;
    *audience = (struct flight_audience){.references = 1};
    for (struct list *link = batch->ops.next; link != &batch->ops; link = link->next) {
        struct entities_op *op = BASE_CONTAINER(link, struct entities_op, place);

        if (op->account)
            audience->listeners[audience->count++] =
                (struct flight_listener){op->account, op->pending};
    }
    audience->count = merge_doubles(audience->listeners, audience->count);
    for (uint32_t i = 0; i < audience->count; i++)
        ledger_ref(audience->listeners[i].account->ledger);
    return audience;
}

struct flight_audience *repository_audience_ref(struct flight_audience *audience)
{
    if (audience)
        audience->references++;
    return audience;
}

void repository_audience_unref(struct flight_audience *audience, const entc_allocator *allocator)
{
    if (!audience || --audience->references > 0)
        return;
    for (uint32_t i = 0; i < audience->count; i++)
        ledger_unref(audience->listeners[i].account->ledger);
    base_release(allocator, audience);
}

/* ---- telling ---- */

void repository_audience_count(struct repository_services *services,
                               const struct flight_audience *audience, enum tally_counter counter,
                               uint64_t amount)
{
    tally_add(services->tally, counter, amount);
    for (uint32_t i = 0; audience && i < audience->count; i++)
        account_add(audience->listeners[i].account, counter, amount);
}

void repository_flight_count(struct repository_batch *batch, enum tally_counter counter,
                             uint64_t amount)
{
    repository_audience_count(flight_services(batch), batch->audience, counter, amount);
}

void repository_audience_why(const struct flight_audience *audience, enum why why, uint64_t amount)
{
    for (uint32_t i = 0; audience && i < audience->count; i++)
        account_why(audience->listeners[i].account, why, amount);
}

void repository_flight_why(struct repository_batch *batch, enum why why, uint64_t amount)
{
    repository_audience_why(batch->audience, why, amount);
}

/* ---- beginning and end ---- */

/* A request whose last batch of this entity is still under way could have asked for these ids in
 * that one. */
void repository_flight_begun(struct repository_batch *batch)
{
    batch->audience = audience_new(batch);
    repository_flight_count(batch, TALLY_BATCHES, 1);
    repository_flight_count(batch, TALLY_BATCH_IDS, batch->count);
    for (uint32_t i = 0; batch->audience && i < batch->audience->count; i++) {
        struct flight_listener *listener = &batch->audience->listeners[i];

        if (atomic_fetch_add_explicit(&listener->account->flights, 1, memory_order_relaxed) > 0)
            account_why(listener->account, WHY_BATCH_SENT, 1);
        account_run(listener->account, SHAPE_BY_ID, 0, listener->asked);
    }
    for (struct list *link = batch->ops.next; link != &batch->ops; link = link->next) {
        const struct account *account = BASE_CONTAINER(link, struct entities_op, place)->account;

        batch->has_limits = batch->has_limits || (account && account->ledger->has_limits);
    }
}

void repository_flight_ended(struct repository_batch *batch)
{
    for (uint32_t i = 0; batch->audience && i < batch->audience->count; i++)
        atomic_fetch_sub_explicit(&batch->audience->listeners[i].account->flights, 1,
                                  memory_order_relaxed);
}
