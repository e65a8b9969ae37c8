/* Pages out of the rows of queries: each parent gets one block of exactly the right size, and the
 * ids that want entities stand once more in a row, for the one batch that fetches them. A page that
 * was read backwards is filled from its end. */
#include "relation/pages.h"

/* With `first` what lies behind the page is known, and a cursor before it stood on a row; with
 * `last` the reverse. */
static void tell_neighbours(struct entc_page *page, const struct pages_parent *parent)
{
    const bool is_backwards = parent->slice->query->is_backwards;

    page->has_next = is_backwards ? parent->slice->has_before : parent->has_more;
    page->has_previous = is_backwards ? parent->has_more : parent->slice->has_after;
    page->total = parent->total;
    if (parent->slice->query->flags & ENTC_PAGE_ALL &&
        parent->slice->query->flags & ENTC_PAGE_TOTAL)
        page->total = parent->count;
}

static bool make_pages(struct pages_op *op)
{
    for (size_t i = 0; i < op->parent_count; i++) {
        struct pages_parent *parent = &op->parents[i];

        parent->page = relation_page_new(parent->slice->query, parent->count, parent->text_bytes,
                                         &parent->text);
        if (!parent->page)
            return false;
        tell_neighbours(parent->page, parent);
        if (!parent->page->is_ids_only)
            op->id_count += parent->count;
        parent->count = 0;
    }
    return true;
}

static void place_value(const struct pages_query *query, struct pages_parent *parent,
                        const entc_value *given, entc_value *value)
{
    *value = *given;
    if (value->type != ENTC_TEXT)
        return;
    if (value->length > 0)
        memcpy(parent->text, query->texts.bytes + given->as.int64, value->length);
    parent->text[value->length] = '\0';
    value->as.text = parent->text;
    parent->text += (size_t)value->length + 1;
}

/* Rows of a parent are in order; those of different parents may be mixed. */
static void place_row(const struct pages_query *query, const struct pages_row *row)
{
    const size_t number = query->parents ? query->parents[row->parent] : row->parent;
    struct pages_parent *parent = &query->op->parents[number];
    struct entc_page *page = parent->page;
    const size_t parts = page->type->key_count;
    const size_t at = parent->count++;
    const size_t slot = query->is_backwards ? page->count - 1 - at : at;

    for (size_t i = 0; i < parts; i++)
        place_value(query, parent, &row->position[i], &page->ids[slot * parts + i]);
    for (size_t i = 0; i < page->rest_count; i++)
        place_value(query, parent, &row->position[parts + i],
                    &page->rests[slot * page->rest_count + i]);
}

static void copy_ids(struct pages_op *op)
{
    const size_t parts = op->impl->type->key_count;
    entc_value *next = op->ids;

    for (size_t i = 0; i < op->parent_count; i++) {
        const struct entc_page *page = op->parents[i].page;

        if (page->count == 0 || page->is_ids_only)
            continue;
        memcpy(next, page->ids, page->count * parts * sizeof(*next));
        next += page->count * parts;
    }
}

bool relation_build_pages(struct pages_op *op)
{
    if (!make_pages(op))
        return false;
    op->ids = base_allocate_array(engine_allocator(op->op.engine), op->id_count,
                                  op->impl->type->key_count * sizeof(*op->ids));
    if (!op->ids)
        return false;
    for (const struct pages_query *query = op->queries; query; query = query->next) {
        const size_t row_size = pages_row_size(query);

        for (size_t at = 0; at < query->rows.length; at += row_size)
            place_row(query, (const struct pages_row *)(const void *)(query->rows.bytes + at));
    }
    copy_ids(op);
    return true;
}
