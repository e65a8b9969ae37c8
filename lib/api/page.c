/* Exported: pages. */
#include "api/api.h"
#include "relation/relation.h"

entc_page *entc_page_ref(entc_page *page)
{
    return relation_page_ref(page);
}

void entc_page_unref(entc_page *page)
{
    relation_page_unref(page);
}

size_t entc_page_count(const entc_page *page)
{
    return page ? page->count : 0;
}

int32_t entc_page_has_next(const entc_page *page)
{
    return page ? page->has_next : 0;
}

int32_t entc_page_has_previous(const entc_page *page)
{
    return page ? page->has_previous : 0;
}

int64_t entc_page_total(const entc_page *page)
{
    return page ? page->total : -1;
}

entc_status entc_page_cursor(const entc_page *page, size_t index, entc_buffer *cursor,
                             entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (!page || !cursor)
        return api_refuse_null(page ? "cursor" : "page", reterr);
    buffer_clear(&cursor->bytes);
    status = relation_page_cursor(page, index, &cursor->bytes, reterr);
    if (!status && !buffer_text(&cursor->bytes))
        status = error_no_memory(reterr);
    if (status)
        buffer_clear(&cursor->bytes);
    return status;
}

entc_status entc_page_id(const entc_page *page, size_t index, size_t part, entc_value *ret_id)
{
    if (!page || !ret_id || index >= page->count || part >= page->type->key_count)
        return ENTC_E_INVALID;
    *ret_id = page->ids[index * page->type->key_count + part];
    return ENTC_OK;
}

entc_entity *entc_page_entity(const entc_page *page, size_t index)
{
    return page && index < page->count ? page->entities[index] : NULL;
}

const void *entc_page_record(const entc_page *page, size_t index)
{
    return entc_entity_record(entc_page_entity(page, index));
}

entc_status entc_page_status(const entc_page *page, size_t index)
{
    return page && index < page->count ? page->statuses[index] : ENTC_E_INVALID;
}
