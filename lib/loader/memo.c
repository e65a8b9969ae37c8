/* The memo: what a loader remembers, by key.
 *
 * An index keeps its numbers, so a forgotten entry leaves a gap; when room is wanted and there are
 * gaps, what is left moves together. So the memory follows what is remembered, not how often it was
 * cleared. */
#include "loader/internal.h"

#define ENTRIES_MIN 16u

void loader_memo_init(struct loader_memo *memo, const entc_allocator *allocator)
{
    *memo = (struct loader_memo){0};
    index_init(&memo->index, allocator);
}

struct sought {
    const struct entc_loader *loader;
    const entc_value *key;
};

static bool has_key(const void *context, uint32_t number)
{
    const struct sought *sought = context;
    const struct loader_entry *entry = sought->loader->memo.entries[number];

    return entry && loader_key_equals(sought->loader, entry->key, sought->key);
}

struct loader_entry *loader_memo_find(const struct entc_loader *loader, const entc_value *key,
                                      uint64_t hash)
{
    const struct sought sought = {loader, key};
    uint32_t number = INDEX_NONE;

    if (!loader->settings.has_memo)
        return NULL;
    number = index_find(&loader->memo.index, hash, has_key, &sought);
    return number == INDEX_NONE ? NULL : loader->memo.entries[number];
}

/* There is room in the index for all of them. */
static void close_gaps(struct loader_memo *memo)
{
    uint32_t kept = 0;

    index_clear(&memo->index);
    for (uint32_t i = 0; i < memo->count; i++) {
        struct loader_entry *entry = memo->entries[i];

        if (!entry)
            continue;
        entry->number = kept;
        memo->entries[kept] = entry;
        index_insert(&memo->index, entry->hash, kept);
        kept++;
    }
    memo->count = kept;
    memo->gaps = 0;
}

static bool make_room(struct loader_memo *memo)
{
    const uint32_t capacity = memo->capacity ? memo->capacity * 2 : ENTRIES_MIN;
    struct loader_entry **entries = NULL;

    if (memo->count < memo->capacity)
        return true;
    /* A quarter at least, so that moving is paid for by what is added until the next time. */
    if (memo->gaps > 0 && memo->gaps >= memo->count / 4) {
        close_gaps(memo);
        return true;
    }
    if (memo->capacity >= INDEX_NONE / 4)
        return false;
    entries = base_reallocate(memo->index.allocator, memo->entries, capacity * sizeof(*entries));
    if (!entries)
        return false;
    memo->entries = entries;
    memo->capacity = capacity;
    return true;
}

bool loader_memo_add(struct entc_loader *loader, struct loader_entry *entry)
{
    struct loader_memo *memo = &loader->memo;

    if (!loader->settings.has_memo)
        return true;
    if (!make_room(memo) || !index_insert(&memo->index, entry->hash, memo->count))
        return false;
    entry->number = memo->count;
    memo->entries[memo->count++] = loader_entry_ref(entry);
    return true;
}

bool loader_memo_remove(struct entc_loader *loader, struct loader_entry *entry)
{
    struct loader_memo *memo = &loader->memo;

    if (entry->number == INDEX_NONE)
        return false;
    memo->entries[entry->number] = NULL;
    entry->number = INDEX_NONE;
    memo->gaps++;
    return true;
}

void loader_memo_take(struct entc_loader *loader, struct loader_memo *ret_memo)
{
    struct loader_memo *memo = &loader->memo;

    *ret_memo = *memo;
    loader_memo_init(memo, memo->index.allocator);
    for (uint32_t i = 0; i < ret_memo->count; i++) {
        if (ret_memo->entries[i])
            ret_memo->entries[i]->number = INDEX_NONE;
    }
}

void loader_memo_release(struct entc_loader *loader, struct loader_memo *memo)
{
    const entc_allocator *allocator = memo->index.allocator;

    for (uint32_t i = 0; i < memo->count; i++)
        loader_entry_unref(loader, memo->entries[i]);
    base_release(allocator, memo->entries);
    index_fini(&memo->index);
}
