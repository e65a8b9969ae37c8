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
    size_t count;
    struct entc_page **pages; /* per slot, a reference or NULL */
    entc_status *statuses;    /* per slot */
    uint32_t *asked;          /* per slot, its parent */
    entc_error *first_error;  /* the story of the first slot that is invalid */
    bool is_taken;

    struct pages_parent *parents;
    entc_value *parent_ids; /* beside the parents: canonical keys, all parts of each */
    size_t parent_count;
    uint32_t nobody; /* the parent that has no key and no children; INDEX_NONE: there is none */
    struct db_order *order;
    size_t order_count;
    uint32_t first;

    struct repository_guest guest; /* [driver] all that follows */
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
entc_status relation_check_args(const entc_page_args *args, entc_error **reterr);
/* What these arguments, well in themselves, may be for this relation; NULL: for a list. */
entc_status relation_check_asked(const struct entc_relation *relation, const entc_page_args *args,
                                 entc_error **reterr);
/* 1 to 63 bytes of UTF-8; `what` names the member in the error. */
entc_status relation_check_column(const char *column, const char *what, entc_error **reterr);
/* The order's column `number`, whatever stride the caller's struct has. */
entc_order relation_args_order(const entc_page_args *args, size_t number);

/* descriptor.c: a relation's desc, whose size was checked. */
entc_status relation_check_desc(const struct entc_repository_impl *parents,
                                const struct entc_repository_impl *children,
                                const entc_relation_desc *desc, entc_error **reterr);
struct relation_columns {
    const char *const *names;
    size_t count;
};
/* Those of the link, and those of the join table that hold the child's key (none: no join table),
 * whether the host gave one or an array. */
struct relation_columns relation_foreign_columns(const entc_relation_desc *desc);
struct relation_columns relation_child_columns(const entc_relation_desc *desc);
/* The order's column `number`, whatever stride the caller's struct has. */
entc_order relation_desc_order(const entc_relation_desc *desc, size_t number);
/* The field of a column; field_count when none has it. */
uint32_t relation_field_of(const struct schema_model *model, const char *column);

/* keys.c */
size_t relation_key_text_bytes(const struct entc_relation *relation, const entc_value *keys,
                               size_t count);
/* Makes the parents of op->count keys, with a copy of their texts. False when memory is out. */
bool relation_read_keys(struct pages_op *op, const entc_value *given, char *texts);
/* ENTC_E_REFUSED when the relation's guard forbids so many. `path` may be NULL. */
entc_status relation_check_guard(const struct pages_op *op, const char *path, entc_error **reterr);

/* lookup.c */
entc_status relation_lookup_key(const struct entc_relation *relation, const entc_value *given,
                                entc_value *ret_key, entc_error **reterr);
/* [driver] Slots that are well so far get their status; gives the operation's, with its story. */
entc_status relation_lookup_end(struct pages_op *op, entc_error **ret_error);

/* pages_op.c */
extern const struct engine_op_kind relation_list_kind;
extern const struct engine_op_kind relation_pages_kind;
extern const struct engine_op_kind relation_lookup_kind;
/* [driver] Ends it; `error` is taken. */
void relation_pages_end(struct pages_op *op, entc_status status, entc_error *error);

/* query.c [driver]: asks for the ids; where parents hold the key itself, there is nothing to ask.
 */
void relation_query_start(struct pages_op *op);
void relation_query_stop(struct pages_op *op);

/* page.c: an empty page with room for `count` ids; its text follows at *ret_text. NULL when memory
 * is out. */
struct entc_page *relation_page_new(struct entc_repository_impl *impl, size_t count,
                                    size_t text_bytes, char **ret_text);

/* build.c [driver]: pages out of rows; false when memory is out. */
bool relation_build_pages(struct pages_op *op);

/* children.c [driver] */
void relation_children_start(struct pages_op *op);
void relation_children_stop(struct pages_op *op);

#endif
