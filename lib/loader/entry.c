/* Entries: a key, and what became of it. One block with the key's texts; the value is given back
 * exactly once, by the last who lets go, whichever way the entry ended. */
#include "loader/internal.h"

static size_t text_bytes(const entc_value *key, uint32_t parts)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < parts; i++)
        bytes += key[i].type == ENTC_TEXT ? key[i].length : 0;
    return bytes;
}

struct loader_entry *loader_entry_new(struct entc_loader *loader, const entc_value *key,
                                      uint64_t hash)
{
    const uint32_t parts = loader->settings.parts;
    struct loader_entry *entry = NULL;
    char *texts = NULL;

    entry =
        base_allocate_zeroed(loader_allocator(loader),
                             sizeof(*entry) + parts * sizeof(*entry->key) + text_bytes(key, parts));
    if (!entry)
        return NULL;
    atomic_init(&entry->references, 1);
    list_init(&entry->slots);
    entry->hash = hash;
    entry->number = INDEX_NONE;
    memcpy(entry->key, key, parts * sizeof(*key));
    texts = (char *)(entry->key + parts);
    repository_id_keep_texts(entry->key, parts, &texts);
    return entry;
}

struct loader_entry *loader_entry_ref(struct loader_entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

void loader_entry_unref(struct entc_loader *loader, struct loader_entry *entry)
{
    if (!entry || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
        return;
    if (entry->value)
        loader->source->release(loader, entry->value);
    entc_error_free(entry->error);
    base_release(loader_allocator(loader), entry);
}

entc_status loader_entry_status(const struct loader_entry *entry)
{
    return entry->state == LOADER_FAILED ? entry->failure : entry->status;
}

uint64_t loader_key_hash(const struct entc_loader *loader, const entc_value *key)
{
    return repository_id_hash(loader->request->services, key, loader->settings.parts);
}

bool loader_key_equals(const struct entc_loader *loader, const entc_value *left,
                       const entc_value *right)
{
    const uint32_t parts = loader->settings.parts;

    /* A host's keys may be of mixed types: 7 and "7" are two keys there. */
    for (uint32_t i = 0; i < parts; i++) {
        if (left[i].type != right[i].type)
            return false;
    }
    return repository_id_equals(left, right, parts);
}
