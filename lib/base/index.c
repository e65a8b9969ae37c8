/* An index from hash to number: open addressing with linear probing (Knuth, TAOCP 3, 6.4), at most
 * half full, nothing is ever removed singly. A slot keeps 32 bits of the hash, which decide its
 * place, let it move without its owner, and spare nearly every comparison of things that differ.
 * There is always a free slot, so a search ends. */
#include "base.h"

#define CAPACITY_MIN 8u
#define CAPACITY_MAX (UINT32_C(1) << 31)

static uint32_t fold(uint64_t hash)
{
    return (uint32_t)(hash ^ (hash >> 32));
}

void index_init(struct index *index, const entc_allocator *allocator)
{
    *index = (struct index){.allocator = allocator};
}

void index_fini(struct index *index)
{
    base_release(index->allocator, index->slots);
    index_init(index, index->allocator);
}

/* INDEX_NONE is all ones. */
static void free_slots(struct index_slot *slots, uint32_t capacity)
{
    memset(slots, 0xFF, (size_t)capacity * sizeof(*slots));
}

/* Small uses after a large one wipe ever less of its slots. */
void index_clear(struct index *index)
{
    if (index->count)
        free_slots(index->slots, index->capacity);
    if (index->capacity > CAPACITY_MIN && index->count < index->capacity / 8)
        index->capacity /= 2;
    index->count = 0;
}

static void place(struct index_slot *slots, uint32_t capacity, struct index_slot slot)
{
    uint32_t at = slot.hash & (capacity - 1);

    while (slots[at].number != INDEX_NONE)
        at = (at + 1) & (capacity - 1);
    slots[at] = slot;
}

static bool rebuild(struct index *index, uint32_t capacity)
{
    struct index_slot *slots = base_allocate_array(index->allocator, capacity, sizeof(*slots));

    if (!slots)
        return false;
    free_slots(slots, capacity);
    for (uint32_t i = 0; i < index->capacity; i++)
        if (index->slots[i].number != INDEX_NONE)
            place(slots, capacity, index->slots[i]);
    base_release(index->allocator, index->slots);
    index->slots = slots;
    index->capacity = capacity;
    index->allocated = capacity;
    return true;
}

bool index_reserve(struct index *index, uint32_t count)
{
    uint32_t capacity = index->capacity ? index->capacity : CAPACITY_MIN;

    if (count > CAPACITY_MAX / 2)
        return false;
    while (capacity / 2 < count)
        capacity *= 2;
    if (index->count == 0 && capacity <= index->allocated)
        index->capacity = capacity;
    return capacity == index->capacity || rebuild(index, capacity);
}

uint32_t index_find(const struct index *index, uint64_t hash, index_equals equals,
                    const void *context)
{
    const uint32_t sought = fold(hash);
    const uint32_t mask = index->capacity - 1;

    if (index->count == 0)
        return INDEX_NONE;
    for (uint32_t at = sought & mask; index->slots[at].number != INDEX_NONE; at = (at + 1) & mask)
        if (index->slots[at].hash == sought && equals(context, index->slots[at].number))
            return index->slots[at].number;
    return INDEX_NONE;
}

bool index_insert(struct index *index, uint64_t hash, uint32_t number)
{
    const struct index_slot slot = {number, fold(hash)};

    if (index->count == UINT32_MAX || !index_reserve(index, index->count + 1))
        return false;
    place(index->slots, index->capacity, slot);
    index->count++;
    return true;
}
