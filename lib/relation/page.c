/* Pages: one block each, shared by reference, never changed once their operation is done. */
#include "relation/pages.h"

struct entc_page *relation_page_new(const struct pages_query *query, size_t count,
                                    size_t text_bytes, char **ret_text)
{
    struct entc_repository_impl *impl = query->op->impl;
    const entc_allocator *allocator = engine_allocator(impl->services->engine);
    struct entc_page *page = NULL;
    const size_t parts = impl->type->key_count;
    const size_t slot_size = sizeof(*page->entities) + query->position_count * sizeof(*page->ids) +
                             sizeof(*page->statuses);

    page = base_allocate_zeroed(allocator, sizeof(*page) + count * slot_size + text_bytes);
    if (!page)
        return NULL;
    atomic_init(&page->references, 1);
    page->allocator = *allocator;
    page->impl = repository_ref(impl);
    page->type = impl->type;
    page->count = count;
    page->is_ids_only = (query->flags & ENTC_PAGE_IDS_ONLY) != 0;
    page->has_cursors = query->sql == NULL;
    page->fingerprint = query->fingerprint;
    page->rest_count = query->position_count - parts;
    page->entities = (struct entc_entity **)(void *)(page + 1);
    page->ids = (entc_value *)(void *)(page->entities + count);
    page->rests = page->ids + count * parts;
    page->statuses = (entc_status *)(void *)(page->rests + count * page->rest_count);
    *ret_text = (char *)(page->statuses + count);
    return page;
}

entc_status relation_page_cursor(const struct entc_page *page, size_t index, struct buffer *text,
                                 entc_error **reterr)
{
    const size_t parts = page->type->key_count;
    const size_t count = parts + page->rest_count;
    entc_value *values = NULL;
    entc_status status = ENTC_OK;

    if (index >= page->count || !page->has_cursors) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  page->has_cursors ? "index is %zu, but the page has %zu"
                                    : "index is %zu, but a page of the host's own statement has no "
                                      "cursors, only %zu ids",
                  index, page->count);
        return ENTC_E_INVALID;
    }
    values = base_allocate_array(&page->allocator, count, sizeof(*values));
    if (!values)
        return error_no_memory(reterr);
    memcpy(values, page->ids + index * parts, parts * sizeof(*values));
    if (page->rest_count > 0)
        memcpy(values + parts, page->rests + index * page->rest_count,
               page->rest_count * sizeof(*values));
    status = relation_cursor_write(text, page->fingerprint,
                                   &(const struct cursor_position){count, values}, reterr);
    base_release(&page->allocator, values);
    return status;
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
