/* What the files of this room share: the operation behind lists and pages, and the checks of what
 * the host gave. A list is the pages of one parent that has no id. */
#ifndef ENTC_RELATION_PAGES_H
#define ENTC_RELATION_PAGES_H

#include "relation/relation.h"

/* One parent that is asked for, however often the host named it. */
struct pages_parent {
    struct entc_page *page; /* a reference, once the ids are there */
    char *text;             /* where the next id's text goes in the page */
    uint32_t count;
    int32_t has_next;
    size_t text_bytes;
};

/* One id that the query gave: all its parts stand behind this head. */
struct pages_row {
    size_t parent;
    entc_value id[]; /* of text, `as.int64` is the offset in `texts` */
};

static inline size_t pages_row_size(const struct schema_type *type)
{
    return sizeof(struct pages_row) + type->key_count * sizeof(entc_value);
}

struct pages_op {
    entc_op op;                        /* first */
    struct entc_repository_impl *impl; /* a reference: whose entities the pages hold */
    struct entc_relation *relation;    /* a reference; NULL for a list */
    struct entc_request *request;      /* a reference, or NULL */
    struct account *account;           /* the request's for this relation or list, or NULL */
    uint64_t parent;                   /* the span that caused it, or 0 */
    size_t count;
    struct entc_page **pages; /* per slot, a reference or NULL */
    entc_status *statuses;    /* per slot */
    uint32_t *asked;          /* per slot, its parent */
    entc_error *first_error;  /* the story of the first slot that is invalid */
    bool is_taken;

    struct pages_parent *parents;
    entc_value *parent_ids; /* beside the parents; canonical */
    size_t parent_count;
    struct db_order *order;
    size_t order_count;
    uint32_t first;

    struct repository_guest guest; /* [driver] all that follows */
    struct event_span span;
    struct db_query query;
    bool is_querying;
    bool is_repeated;
    int64_t began_us;
    struct buffer rows;  /* struct pages_row, pages_row_size() each */
    struct buffer texts; /* of their ids */

    entc_value *ids; /* of all pages, in the order of the parents; all parts of each */
    size_t id_count;
    entc_op *entities; /* get_many of the children: a reference */

    struct engine_task attach_task; /* the override's answer, on its way to the driver */
    entc_status override_status;
    entc_op *override_op; /* a reference */
    entc_error *override_error;
};

/* check.c: `size` is what the caller set, `known` the struct as it is now. A tail that we do not
 * know must be zero. */
entc_status relation_check_size(const void *given, const char *name, size_t size, size_t known,
                                entc_error **reterr);
/* 1 to 63 bytes of UTF-8; `what` names the member in the error. */
entc_status relation_check_column(const char *column, const char *what, entc_error **reterr);
/* The order's column `number`, whatever stride the caller's struct has. */
entc_order relation_args_order(const entc_page_args *args, size_t number);

/* pages_op.c */
extern const struct engine_op_kind relation_list_kind;
extern const struct engine_op_kind relation_pages_kind;
/* [driver] Ends it; `error` is taken. */
void relation_pages_end(struct pages_op *op, entc_status status, entc_error *error);

/* What its spans are named after: the relation, or the entity of a list. */
const char *relation_pages_name(const struct pages_op *op);

/* query.c [driver] */
void relation_query_start(struct pages_op *op);
void relation_query_stop(struct pages_op *op);

/* page.c: an empty page with room for `count` ids; its text follows at *ret_text. NULL when memory
 * is out. */
struct entc_page *relation_page_new(struct entc_repository_impl *impl, size_t count,
                                    size_t text_bytes, char **ret_text);

/* A page that shows another one's ids, and has entities and statuses of its own: references to the
 * same entities, until they are taken out. NULL when memory is out. */
struct entc_page *relation_page_veil(struct entc_page *page);

/* build.c [driver]: pages out of rows; false when memory is out. */
bool relation_build_pages(struct pages_op *op);

/* children.c [driver] */
void relation_children_start(struct pages_op *op);
void relation_children_stop(struct pages_op *op);

#endif
