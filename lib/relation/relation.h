/* relation: lists, first-N-per-parent pages, and lookups. Ids come from the database in one
 * statement for all parents, entities from the child repository in one batch. Lists are never
 * cached, and neither is what a lookup found. */
#ifndef ENTC_RELATION_ROOM_H
#define ENTC_RELATION_ROOM_H

#include "repository/repository.h"

#include <entitycache/lookup.h>
#include <entitycache/relation.h>

/* A page: refcounted, one block, immutable once its operation is done. */
struct entc_page {
    atomic_uint references;
    entc_allocator allocator;          /* a copy */
    struct entc_repository_impl *impl; /* a reference: whose entities these are */
    struct schema_type *type;          /* impl->type */
    size_t count;
    int32_t has_next;
    struct entc_page *origin; /* a reference: whose block holds the ids; NULL: this one's */
    int32_t has_previous;
    int64_t total; /* -1: not asked */
    bool is_ids_only;
    bool has_cursors;
    uint64_t fingerprint;          /* of the list: what cursors are bound to */
    struct entc_entity **entities; /* a reference or NULL */
    entc_value *ids;               /* type->key_count for each slot; their text lies in the block */
    entc_value *rests;             /* rest_count for each slot: of its position behind the id */
    size_t rest_count;
    entc_status *statuses;
};

struct entc_page *relation_page_ref(struct entc_page *page); /* NULL gives NULL */
void relation_page_unref(struct entc_page *page);            /* NULL is accepted */

/* A kind beside the public ones: from values of unique fields to the row that holds them. */
#define RELATION_LOOKUP 0u

/* A relation: refcounted (operations under way hold it). */
struct entc_relation {
    atomic_uint references;
    struct entc_repository_impl *parents; /* references; of a lookup both are the same */
    struct entc_repository_impl *children;
    uint32_t kind;
    uint32_t guard;
    uint32_t max_first;           /* 0: any */
    const struct db_order *order; /* none: by the child's key, upwards */
    size_t order_count;
    const char *name;
    struct db_link link;    /* of BELONGS_TO: in the parents' table */
    const uint32_t *fields; /* BELONGS_TO, lookups: of the parents' entity, by parts of the link */
};

/* A relation of its own kind, named otherwise outside. */
struct entc_lookup {
    struct entc_relation relation;
};

/* Validates and copies. ENTC_E_INVALID names the member and the cure. */
entc_status relation_new(struct entc_repository_impl *parents,
                         struct entc_repository_impl *children, const entc_relation_desc *desc,
                         struct entc_relation **ret_relation, entc_error **reterr);
/* The same of a lookup: `fields` are names of the entity's. ENTC_E_UNSUPPORTED for one of a type
 * that no key may have. */
entc_status relation_lookup_new(struct entc_repository_impl *impl, const char *const *fields,
                                size_t count, struct entc_lookup **ret_lookup, entc_error **reterr);
struct entc_relation *relation_ref(struct entc_relation *relation);
void relation_unref(struct entc_relation *relation); /* NULL is accepted */

/* What entc_page_args may be, all but what their cursors hold; `name` is how errors call them. */
entc_status relation_check_args(const entc_page_args *args, const char *name, entc_error **reterr);
/* A copy of checked args that lives on; NULL when memory is out. */
struct relation_kept_args;
struct relation_kept_args *relation_args_keep(const entc_page_args *args,
                                              const entc_allocator *allocator);
void relation_args_free(struct relation_kept_args *kept, const entc_allocator *allocator);
const entc_page_args *relation_kept_args(const struct relation_kept_args *kept);
/* Whether both ask for the same page of a parent. */
bool relation_args_are_kept(const struct relation_kept_args *kept, const entc_page_args *args);

/* Its account in a request; NULL without one. Once for each operation. */
struct account *relation_account(struct entc_request *request,
                                 const struct entc_relation *relation);

/* Submits the comparison with the live schema; see repository_check(). */
entc_status relation_check(struct entc_relation *relation, const struct repository_call *call,
                           entc_op **ret_op, entc_error **reterr);

/* Submits; see entc_repository_list_async(), entc_relation_get_many_async(). */
entc_status relation_list(struct entc_repository_impl *impl, const entc_page_args *args,
                          const struct repository_call *call, entc_op **ret_op,
                          entc_error **reterr);
/* `args_size` is the stride of `args`, one for each parent; 0: one for all. */
entc_status relation_pages(struct entc_relation *relation, const entc_value *parent_ids,
                           size_t count, const entc_page_args *args, size_t args_size,
                           const struct repository_call *call, entc_op **ret_op,
                           entc_error **reterr);
entc_status relation_list_sql(struct entc_repository_impl *impl, const char *sql,
                              const entc_value *params, size_t count,
                              const struct repository_call *call, entc_op **ret_op,
                              entc_error **reterr);

/* See entc_lookup_get_many_async(). */
entc_status relation_lookup(struct entc_lookup *lookup, const entc_value *values, size_t count,
                            const struct repository_call *call, entc_op **ret_op,
                            entc_error **reterr);

/* The values that a relation wants of an entity it starts at, relation->link.count of them: its id,
 * or what the fields of BELONGS_TO hold. Text is borrowed. */
void relation_key_of(const struct entc_relation *relation, const struct entc_entity *entity,
                     entc_value *ret_key);
/* The same of every slot of a page of the parents' repository; a slot without an entity has its id
 * all the same, but no fields: its key is then ENTC_NULL. */
void relation_keys_of_page(const struct entc_relation *relation, const struct entc_page *page,
                           entc_value *ret_keys);

/* A key that the host gave, made canonical; text stays borrowed. Where a NULL in it refers to
 * nobody, all its parts are ENTC_NULL. */
entc_status relation_canonical_key(const struct entc_relation *relation, const entc_value *given,
                                   entc_value *ret_key, entc_error **reterr);

/* Appends the cursor of a slot. */
entc_status relation_page_cursor(const struct entc_page *page, size_t index, struct buffer *text,
                                 entc_error **reterr);

/* For rooms: takes all there is, without asking anybody; `ret_statuses` may be NULL. ENTC_E_INVALID
 * when the operation is of another kind, taken before, or the count is wrong. relation_op_count:
 * pages it answers; SIZE_MAX when it is of another kind. */
entc_status relation_op_take(entc_op *op, struct entc_page **ret_pages, entc_status *ret_statuses,
                             size_t count);
size_t relation_op_count(entc_op *op);
/* The request of a list or of pages, borrowed; NULL when it has none or is of another kind. */
struct entc_request *relation_op_request(entc_op *op);
/* For the host, see entc_op_take_pages(): what the request may not have is kept back. Without
 * memory for that nothing is handed out, and the operation is as if it was never taken. */
entc_status relation_op_deliver(entc_op *op, struct entc_page **ret_pages,
                                entc_status *ret_statuses, size_t count);
/* Asks for every entity of *page (may be NULL), and replaces it by one that lacks what was denied.
 * Takes the reference and gives one. ENTC_E_NO_MEMORY: *page is as before. */
entc_status relation_page_authorize(struct entc_request *request, struct entc_page **page);
/* The same of a lookup: see entc_op_take_entities(). SIZE_MAX when it is none. */
entc_status relation_lookup_deliver(entc_op *op, struct entc_entity **ret_entities,
                                    entc_status *ret_statuses, size_t count);
size_t relation_lookup_count(entc_op *op);

#endif
