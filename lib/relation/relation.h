/* relation: lists and first-N-per-parent pages. Ids come from the database in one statement for all
 * parents, entities from the child repository in one batch. Lists are never cached. */
#ifndef ENTC_RELATION_ROOM_H
#define ENTC_RELATION_ROOM_H

#include "repository/repository.h"

#include <entitycache/relation.h>

/* A page: refcounted, one block, immutable once its operation is done. */
struct entc_page {
    atomic_uint references;
    entc_allocator allocator;          /* a copy */
    struct entc_repository_impl *impl; /* a reference: whose entities these are */
    struct schema_type *type;          /* impl->type */
    size_t count;
    int32_t has_next;
    struct entc_page *origin;      /* a reference: whose block holds the ids; NULL: this one's */
    struct entc_entity **entities; /* a reference or NULL */
    entc_value *ids;               /* type->key_count for each slot; their text lies in the block */
    entc_status *statuses;
};

struct entc_page *relation_page_ref(struct entc_page *page); /* NULL gives NULL */
void relation_page_unref(struct entc_page *page);            /* NULL is accepted */

/* A relation: refcounted (operations under way hold it). */
struct entc_relation {
    atomic_uint references;
    struct entc_repository_impl *parents; /* references */
    struct entc_repository_impl *children;
    const struct db_order *order; /* none: by the child's key, upwards */
    size_t order_count;
    const char *name; /* order and texts lie behind the struct */
    const char *foreign_column;
};

/* Validates and copies. ENTC_E_INVALID names the member and the cure (other engine, unknown kind,
 * missing name or column); ENTC_E_UNSUPPORTED parents whose key has several fields. */
entc_status relation_new(struct entc_repository_impl *parents,
                         struct entc_repository_impl *children, const entc_relation_desc *desc,
                         struct entc_relation **ret_relation, entc_error **reterr);
struct entc_relation *relation_ref(struct entc_relation *relation);
void relation_unref(struct entc_relation *relation); /* NULL is accepted */

/* What entc_page_args may be, and a copy of it that lives on (keep.c); NULL when memory is out. */
struct relation_kept_args;
entc_status relation_check_args(const entc_page_args *args, entc_error **reterr);
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
entc_status relation_pages(struct entc_relation *relation, const entc_value *parent_ids,
                           size_t count, const entc_page_args *args,
                           const struct repository_call *call, entc_op **ret_op,
                           entc_error **reterr);

/* For rooms: takes all there is, without asking anybody; `ret_statuses` may be NULL. ENTC_E_INVALID
 * when the operation is of another kind, taken before, or the count is wrong. relation_op_count:
 * pages it answers; SIZE_MAX when it is of another kind. */
entc_status relation_op_take(entc_op *op, struct entc_page **ret_pages, entc_status *ret_statuses,
                             size_t count);
size_t relation_op_count(entc_op *op);
/* For the host, see entc_op_take_pages(): what the request may not have is kept back. Without
 * memory for that nothing is handed out, and the operation is as if it was never taken. */
entc_status relation_op_deliver(entc_op *op, struct entc_page **ret_pages,
                                entc_status *ret_statuses, size_t count);
/* Asks for every entity of *page (may be NULL), and replaces it by one that lacks what was denied.
 * Takes the reference and gives one. ENTC_E_NO_MEMORY: *page is as before. */
entc_status relation_page_authorize(struct entc_request *request, struct entc_page **page);

#endif
