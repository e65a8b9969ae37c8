/* Pages out of the rows of a query: each parent gets one block of exactly the right size, and all
 * ids stand once more in a row, for the one batch that fetches their entities. */
#include "relation/pages.h"

static bool make_pages(struct pages_op *op)
{
    for (size_t i = 0; i < op->parent_count; i++) {
        struct pages_parent *parent = &op->parents[i];

        parent->page =
            relation_page_new(op->impl, parent->count, parent->text_bytes, &parent->text);
        if (!parent->page)
            return false;
        parent->page->has_next = parent->has_next;
        op->id_count += parent->count;
        parent->count = 0;
    }
    return true;
}

/* Rows of a parent are in order; those of different parents may be mixed. */
static void place_row(struct pages_op *op, const struct pages_row *row)
{
    struct pages_parent *parent = &op->parents[row->parent];
    const size_t parts = op->impl->type->key_count;
    entc_value *id = &parent->page->ids[parent->count++ * parts];

    memcpy(id, row->id, parts * sizeof(*id));
    for (size_t part = 0; part < parts; part++) {
        if (id[part].type != ENTC_TEXT)
            continue;
        memcpy(parent->text, op->texts.bytes + row->id[part].as.int64, id[part].length);
        parent->text[id[part].length] = '\0';
        id[part].as.text = parent->text;
        parent->text += (size_t)id[part].length + 1;
    }
}

bool relation_build_pages(struct pages_op *op)
{
    const size_t row_size = pages_row_size(op->impl->type);
    const size_t parts = op->impl->type->key_count;
    entc_value *next = NULL;

    if (!make_pages(op))
        return false;
    op->ids = base_allocate_array(engine_allocator(op->op.engine), op->id_count,
                                  parts * sizeof(*op->ids));
    if (!op->ids)
        return false;
    for (size_t at = 0; at < op->rows.length; at += row_size)
        place_row(op, (const struct pages_row *)(const void *)(op->rows.bytes + at));
    next = op->ids;
    for (size_t i = 0; i < op->parent_count; i++) {
        const struct entc_page *page = op->parents[i].page;

        if (page->count > 0)
            memcpy(next, page->ids, page->count * parts * sizeof(*next));
        next += page->count * parts;
    }
    return true;
}
