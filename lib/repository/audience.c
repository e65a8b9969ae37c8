/* Who is told what a flight cost: the engine once, and each request with an operation in it once,
 * however many operations that request has there. A flight goes on when there is no memory for the
 * list; then only the engine counts. */
#include "repository/flight.h"

#include <stdlib.h>

static int compare_addresses(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t) * (struct tally *const *)left;
    uintptr_t b = (uintptr_t) * (struct tally *const *)right;

    return a < b ? -1 : a > b;
}

static uint32_t drop_doubles(struct tally **tallies, uint32_t count)
{
    uint32_t kept = 0;

    qsort(tallies, count, sizeof(*tallies), compare_addresses);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || tallies[kept - 1] != tallies[i])
            tallies[kept++] = tallies[i];
    return kept;
}

static uint32_t count_tallies(const struct repository_batch *batch)
{
    uint32_t count = 0;

    for (const struct list *link = batch->ops.next; link != &batch->ops; link = link->next)
        count += BASE_CONTAINER(link, struct entities_op, place)->request != NULL;
    return count;
}

struct flight_audience *repository_audience_new(struct repository_batch *batch)
{
    uint32_t most = count_tallies(batch);
    struct flight_audience *audience = NULL;

    if (most == 0)
        return NULL;
    audience = base_allocate(flight_allocator(batch),
                             sizeof(*audience) + most * sizeof(*audience->tallies));
    if (!audience)
        return NULL;
    *audience = (struct flight_audience){.references = 1};
    for (struct list *link = batch->ops.next; link != &batch->ops; link = link->next) {
        struct entities_op *op = BASE_CONTAINER(link, struct entities_op, place);

        if (op->request)
            audience->tallies[audience->count++] = op->request->tally;
    }
    audience->count = drop_doubles(audience->tallies, audience->count);
    for (uint32_t i = 0; i < audience->count; i++)
        tally_ref(audience->tallies[i]);
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
        tally_unref(audience->tallies[i]);
    base_release(allocator, audience);
}

void repository_audience_count(struct repository_services *services,
                               const struct flight_audience *audience, enum tally_counter counter,
                               uint64_t amount)
{
    tally_add(services->tally, counter, amount);
    for (uint32_t i = 0; audience && i < audience->count; i++)
        tally_add(audience->tallies[i], counter, amount);
}

void repository_flight_count(struct repository_batch *batch, enum tally_counter counter,
                             uint64_t amount)
{
    repository_audience_count(flight_services(batch), batch->audience, counter, amount);
}
