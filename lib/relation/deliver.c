/* Pages on their way to the host: what the request may not have is kept back.
 *
 * A page is shared and never changes, so one with denials is another page in front of it.
 * Invariant: either all pages of an operation are handed out, or none and it can be taken again. */
#include "relation/pages.h"

/* Takes one entity out of a page that may be written; makes one first. */
static bool deny(struct entc_page *page, struct entc_page **veil, size_t slot, entc_status verdict)
{
    if (!*veil)
        *veil = relation_page_veil(page);
    if (!*veil)
        return false;
    entity_unref((*veil)->entities[slot]);
    (*veil)->entities[slot] = NULL;
    (*veil)->statuses[slot] = verdict;
    return true;
}

entc_status relation_page_authorize(struct entc_request *request, struct entc_page **page)
{
    struct entc_page *given = *page;
    struct entc_page *veil = NULL;

    if (!given || !request || !request->authorize)
        return ENTC_OK;
    for (size_t i = 0; i < given->count; i++) {
        const entc_status verdict = repository_authorize(request, given->impl, given->entities[i]);

        if (verdict && !deny(given, &veil, i, verdict))
            return ENTC_E_NO_MEMORY;
    }
    if (!veil)
        return ENTC_OK;
    *page = veil;
    relation_page_unref(given);
    return ENTC_OK;
}

static void take_back(struct entc_page **pages, entc_status *statuses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        relation_page_unref(pages[i]);
        pages[i] = NULL;
        if (statuses)
            statuses[i] = ENTC_E_NO_MEMORY;
    }
}

entc_status relation_op_deliver(entc_op *base, struct entc_page **ret_pages,
                                entc_status *ret_statuses, size_t count)
{
    struct pages_op *op = (struct pages_op *)base;
    entc_status status = relation_op_take(base, ret_pages, ret_statuses, count);

    if (status || !op->request || !op->request->authorize)
        return status;
    /* It keeps its own until all are ready. */
    for (size_t i = 0; i < count; i++)
        op->pages[i] = relation_page_ref(ret_pages[i]);
    for (size_t i = 0; i < count && !status; i++)
        status = relation_page_authorize(op->request, &ret_pages[i]);
    if (status) {
        take_back(ret_pages, ret_statuses, count);
        op->is_taken = false;
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        relation_page_unref(op->pages[i]);
        op->pages[i] = NULL;
    }
    return ENTC_OK;
}

struct entc_request *relation_op_request(entc_op *base)
{
    return relation_op_count(base) == SIZE_MAX ? NULL : ((struct pages_op *)base)->request;
}
