/* What the files of this room share: the operation behind lists and pages, and the checks of what
 * the host gave. A list is the pages of one parent that has no id. */
#ifndef ENTC_RELATION_PAGES_H
#define ENTC_RELATION_PAGES_H

#include "relation/relation.h"

struct pages_query;

/* Which part of a list: what may differ between the parents of one statement. */
struct pages_slice {
    struct pages_query *query;
    int64_t limit;      /* entities; 0: all of them */
    entc_value *behind; /* the cursors as positions, in the direction of the query: rows behind
                           the one, up to the other; NULL: none */
    entc_value *until;
    void *cursors;  /* both, in a block of their own, or NULL */
    bool has_after; /* as the caller named them */
    bool has_before;
};

/* One parent that is asked for in one way, however often the host named it so. */
struct pages_parent {
    const struct pages_slice *slice;
    struct entc_page *page; /* a reference, once the ids are there */
    char *text;             /* where the next text goes in the page */
    uint32_t count;
    bool has_more; /* behind the limit, in the direction of the query */
    int64_t total; /* -1: not asked */
    size_t text_bytes;
};

/* One row that a query gave: its position in the order, the id first. */
struct pages_row {
    size_t parent;
    entc_value position[]; /* of text, `as.int64` is the offset in `texts` */
};

/* A statement: what all its parents have in common, their shape, and its answer. */
struct pages_query {
    struct pages_query *next;
    struct pages_op *op;
    uint32_t flags; /* ENTC_PAGE_... */
    bool is_backwards;
    struct db_order *order; /* as the statement runs; the key is its tail, in it or not */
    size_t order_count;
    struct db_filter *filters;
    size_t filter_count;
    struct buffer texts_given; /* columns and values of order and filters */
    const char *sql;           /* the host's own statement, among those texts; or NULL */
    const entc_value *params;  /* its parameters */
    size_t param_count;
    uint64_t fingerprint;            /* of the list and its order: what cursors are bound to */
    uint32_t position_count;         /* values of a position */
    const struct pages_slice *first; /* a slice of this shape */

    size_t parent_count;
    uint32_t *parents; /* of the op; NULL: all of them */
    entc_value *ids;   /* beside the parents, as all that follows; a block of its own */
    int64_t *limits;   /* NULL: all have the first slice's */
    entc_value *behind;
    entc_value *until;

    struct db_query query; /* [driver] all that follows */
    bool is_under_way;
    bool is_repeated;
    int64_t began_us;
    struct buffer rows;  /* struct pages_row, pages_row_size() each */
    struct buffer texts; /* of their positions */
};

static inline size_t pages_row_size(const struct pages_query *query)
{
    return sizeof(struct pages_row) + query->position_count * sizeof(entc_value);
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

    struct pages_slice *slices; /* per slot, or one for all */
    size_t slice_count;
    struct pages_query *queries;
    struct pages_parent *parents;
    entc_value *parent_ids; /* beside the parents: canonical keys, all parts of each */
    size_t parent_count;
    uint32_t nobody; /* the last parent that has no key, and so no children; INDEX_NONE: none */

    struct repository_guest guest; /* [driver] all that follows */
    struct event_span span;
    size_t under_way; /* queries */

    entc_value *ids; /* of all pages that want entities, in the order of the parents */
    size_t id_count;
    entc_op *entities; /* get_many of the children: a reference */

    struct engine_task attach_task; /* the override's answer, on its way to the driver */
    entc_status override_status;
    entc_op *override_op; /* a reference */
    entc_error *override_error;
};

/* Far above what will ever be; a larger size is a struct that was not initialised. */
#define RELATION_STRUCT_MAX 4096u

/* check.c: `size` is what the caller set, `known` the struct as it is now. A tail that we do not
 * know must be zero. */
entc_status relation_check_size(const void *given, const char *name, size_t size, size_t known,
                                entc_error **reterr);
/* 1 to 63 bytes of UTF-8; `what` names the member in the error. */
entc_status relation_check_column(const char *column, const char *what, entc_error **reterr);

/* args.c: what these arguments, well in themselves, may be for this relation; NULL: for a list. */
entc_status relation_check_asked(const struct entc_relation *relation, const entc_page_args *args,
                                 const char *name, entc_error **reterr);
/* The order's column, or the filter, `number`, whatever stride the caller's struct has. */
entc_order relation_args_order(const entc_page_args *args, size_t number);
entc_filter relation_args_filter(const entc_page_args *args, size_t number);

/* value_text.c: what can be a value for the host's filters and statements; `what` names it in the
 * error. */
entc_status relation_check_value(const entc_value *value, const char *what, entc_error **reterr);
/* Appends a checked value that is not NULL as PostgreSQL reads it. */
void relation_value_text(struct buffer *text, const entc_value *value);

/* shape.c: what is asked for; for a list, one parent without an id. */
struct pages_asked {
    struct entc_repository_impl *impl;
    struct entc_relation *relation; /* NULL for a list */
    const entc_value *parent_ids;
    size_t count;
    const entc_page_args *args; /* NULL: the host's own statement */
    size_t args_size;           /* the stride of `args`; 0: the same for all */
    const char *sql;
    const entc_value *params;
    size_t param_count;
};

/* A query of the shape that these checked arguments (NULL: asked->sql) have; not of any op yet.
 * NULL when memory is out. */
struct pages_query *relation_query_new(const struct pages_asked *asked, const entc_page_args *args);
void relation_query_free(struct pages_query *query);
/* Whether one statement can answer both. */
bool relation_query_equals(const struct pages_query *left, const struct pages_query *right);

/* cursor.c: the text behind a position of a page's slot. False when memory is out; a position that
 * is longer than CURSOR_BYTES_MAX is ENTC_E_UNSUPPORTED. */
#define CURSOR_BYTES_MAX 6144 /* before it becomes text */
#define CURSOR_TEXT_MAX (CURSOR_BYTES_MAX / 3 * 4)
struct cursor_position {
    size_t count;
    const entc_value *values; /* the id as it is, then ENTC_TEXT or ENTC_NULL */
};
entc_status relation_cursor_write(struct buffer *text, uint64_t fingerprint,
                                  const struct cursor_position *position, entc_error **reterr);
/* Reads strictly: `count` values of text or NULL, the first `keys` never NULL. Their texts lie in
 * `bytes`, which has room for strlen(text). What is wrong is ENTC_E_INVALID; `name` names the
 * argument. */
struct cursor_wanted {
    const char *name;
    uint64_t fingerprint;
    size_t count;
    size_t keys;
};
entc_status relation_cursor_read(const char *text, const struct cursor_wanted *wanted, char *bytes,
                                 entc_value *ret_values, entc_error **reterr);

/* slices.c: parts of the list, and the queries that they need; then the parents of each query. The
 * latter is false when memory is out. */
entc_status relation_slices_read(struct pages_op *op, const struct pages_asked *asked,
                                 entc_error **reterr);
bool relation_slices_group(struct pages_op *op);
void relation_slices_free(struct pages_op *op);

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

/* keys.c */
size_t relation_key_text_bytes(const struct entc_relation *relation, const entc_value *keys,
                               size_t count);
/* Makes the parents of the slots, with a copy of their keys' texts. False when memory is out. */
bool relation_read_keys(struct pages_op *op, const struct pages_asked *asked, char *texts);
/* Whether this parent has no key. */
bool relation_is_nobody(const struct pages_op *op, size_t parent);
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
/* ENTC_OK when it is done well and was not taken; `op` may be NULL. */
entc_status relation_check_take(const struct pages_op *op, size_t count);
/* [driver] Ends it; `error` is taken. */
void relation_pages_end(struct pages_op *op, entc_status status, entc_error *error);

/* What its spans are named after: the relation, or the entity of a list. */
const char *relation_pages_name(const struct pages_op *op);

/* query.c [driver]: asks for the ids; where parents hold them, there is nothing to ask. */
void relation_queries_start(struct pages_op *op);
void relation_queries_stop(struct pages_op *op);

/* page.c: an empty page with room for `count` positions of the query; its text follows at
 * *ret_text. NULL when memory is out. */
struct entc_page *relation_page_new(const struct pages_query *query, size_t count,
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
