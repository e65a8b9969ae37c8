/* Pages: one block each, shared by reference, never changed once their operation is done. */
#include "relation/pages.h"

struct entc_page *relation_page_new(struct entc_repository_impl *impl, size_t count,
                                    size_t text_bytes, char **ret_text)
{
    const entc_allocator *allocator = engine_allocator(impl->services->engine);
    struct entc_page *page = NULL;
    const size_t parts = impl->type->key_count;
    const size_t slot_size =
        sizeof(*page->entities) + parts * sizeof(*page->ids) + sizeof(*page->statuses);

    page = base_allocate_zeroed(allocator, sizeof(*page) + count * slot_size + text_bytes);
    if (!page)
        return NULL;
    atomic_init(&page->references, 1);
    page->allocator = *allocator;
    page->impl = repository_ref(impl);
    page->type = impl->type;
    page->count = count;
    page->entities = (struct entc_entity **)(void *)(page + 1);
    page->ids = (entc_value *)(void *)(page->entities + count);
    page->statuses = (entc_status *)(void *)(page->ids + count * parts);
    *ret_text = (char *)(page->statuses + count);
    return page;
}

struct entc_page *relation_page_ref(struct entc_page *page)
{
    if (page)
        atomic_fetch_add_explicit(&page->references, 1, memory_order_relaxed);
    return page;
}

struct entc_page *relation_page_veil(struct entc_page *page)
{
    const size_t slot_size = sizeof(*page->entities) + sizeof(*page->statuses);
    struct entc_page *veil =
        base_allocate(&page->allocator, sizeof(*veil) + page->count * slot_size);

    if (!veil)
        return NULL;
    /* Whatever else a page has lies in the block of the first one, which stays. */
    memcpy(veil, page, sizeof(*veil));
    atomic_init(&veil->references, 1);
    repository_ref(veil->impl);
    veil->origin = relation_page_ref(page);
    veil->entities = (struct entc_entity **)(void *)(veil + 1);
    veil->statuses = (entc_status *)(void *)(veil->entities + veil->count);
    for (size_t i = 0; i < page->count; i++) {
        veil->entities[i] = page->entities[i] ? entity_ref(page->entities[i]) : NULL;
        veil->statuses[i] = page->statuses[i];
    }
    return veil;
}

void relation_page_unref(struct entc_page *page)
{
    struct entc_repository_impl *impl = NULL;

    if (!page || atomic_fetch_sub_explicit(&page->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < page->count; i++)
        entity_unref(page->entities[i]);
    relation_page_unref(page->origin);
    impl = page->impl;
    const entc_allocator allocator = page->allocator;
    base_release(&allocator, page);
    repository_unref(impl);
}
