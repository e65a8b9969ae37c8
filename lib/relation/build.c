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
    entc_value id = row->id;

    if (id.type == ENTC_TEXT) {
        memcpy(parent->text, op->texts.bytes + row->id.as.int64, id.length);
        parent->text[id.length] = '\0';
        id.as.text = parent->text;
        parent->text += (size_t)id.length + 1;
    }
    parent->page->ids[parent->count++] = id;
}

bool relation_build_pages(struct pages_op *op)
{
    const struct pages_row *rows = (const struct pages_row *)(const void *)op->rows.bytes;
    size_t row_count = op->rows.length / sizeof(*rows);
    entc_value *next = NULL;

    if (!make_pages(op))
        return false;
    op->ids = base_allocate_array(engine_allocator(op->op.engine), op->id_count, sizeof(*op->ids));
    if (!op->ids)
        return false;
    for (size_t i = 0; i < row_count; i++)
        place_row(op, &rows[i]);
    next = op->ids;
    for (size_t i = 0; i < op->parent_count; i++) {
        const struct entc_page *page = op->parents[i].page;

        if (page->count > 0)
            memcpy(next, page->ids, page->count * sizeof(*next));
        next += page->count;
    }
    return true;
}
