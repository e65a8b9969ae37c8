/* Lists and relations: ids come from the database, entities from the cache. Never is a list
 * cached. */
#ifndef ENTITYCACHE_RELATION_H
#define ENTITYCACHE_RELATION_H

#include <entitycache/entity.h>
#include <entitycache/export.h>
#include <entitycache/op.h>
#include <entitycache/repository.h>
#include <entitycache/schema.h>
#include <entitycache/status.h>
#include <entitycache/value.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

typedef struct entc_relation entc_relation;

/* Flags of entc_page_args. */
#define ENTC_PAGE_IDS_ONLY 1u /* no entities: every slot is ENTC_OK and has none */
#define ENTC_PAGE_TOTAL 2u    /* entc_page_total(), counted in the same statement */
#define ENTC_PAGE_ALL 4u      /* all of them: without first, last, after and before */

/* Which part of a list, or of each parent's children: exactly one of `first`, `last` and
 * ENTC_PAGE_ALL. Cursors narrow the list to what lies between them, as in the connections of Relay:
 * then the first, or the last, of that are taken, always in the list's own order. A cursor stays
 * valid when its row is gone. It belongs to one list or relation with one order and the same
 * columns in its filters. */
typedef struct entc_page_args {
    size_t struct_size;         /* sizeof(entc_page_args) */
    int32_t first;              /* at most so many entities from the beginning; 0: not asked */
    int32_t last;               /* at most so many from the end; 0: not asked */
    const entc_order *order;    /* NULL: the relation's order, or the key */
    size_t order_count;         /* at most 32 */
    size_t order_size;          /* sizeof(entc_order); may be 0 when order is NULL */
    const char *after;          /* of entc_page_cursor(); NULL: from the first on */
    const char *before;         /* the same; NULL: to the last */
    const entc_filter *filters; /* all of them must pass */
    size_t filter_count;        /* at most 64 */
    size_t filter_size;         /* sizeof(entc_filter); may be 0 when filters is NULL */
    uint32_t flags;             /* ENTC_PAGE_... */
    uint32_t reserved;          /* 0 */
    const char *path; /* of the field that asks, such as "campaigns.events", for errors; or NULL */
} entc_page_args;

/* Nothing asked yet; the first `n`, and the last `n`, in the default order. */
/* clang-format off */
#define ENTC_PAGE_ARGS_INIT                                                                        \
    { sizeof(entc_page_args), 0, 0, NULL, 0, 0, NULL, NULL, NULL, 0, 0, 0, 0, NULL }
#define ENTC_FIRST(n)                                                                              \
    { sizeof(entc_page_args), n, 0, NULL, 0, 0, NULL, NULL, NULL, 0, 0, 0, 0, NULL }
#define ENTC_LAST(n)                                                                               \
    { sizeof(entc_page_args), 0, n, NULL, 0, 0, NULL, NULL, NULL, 0, 0, 0, 0, NULL }
/* clang-format on */

/* Lists entities of a table: one statement for the ids, one batch for the entities.
 * Ownership: the page is yours: entc_page_unref(). Threads: Free; not inside a callback.
 * Errors: as entc_repository_get_many(); a wrong column is ENTC_E_INVALID (it cannot be a name) or
 * ENTC_E_SCHEMA (there is no such column), and named; a cursor that is spoilt or another list's,
 * and a value that is none of its column's type, are ENTC_E_INVALID. Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_list(BaseCacheRepository *repository,
                                             const entc_page_args *args, const entc_call *call,
                                             entc_page **ret_page, entc_error **reterr);

/* Submits a list; entc_op_take_pages() with count 1 gives the page. `ret_op` may be NULL when
 * call->done is set.
 * Ownership: the operation is yours: entc_op_unref(). Threads: Free, Callback-safe.
 * Errors: those that are known before anything is sent, as entc_repository_list(). Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_list_async(BaseCacheRepository *repository,
                                                   const entc_page_args *args,
                                                   const entc_call *call, entc_op **ret_op,
                                                   entc_error **reterr);

/* Lists the entities whose ids a statement of the host answers, in the order of its rows: the way
 * out when filters are not enough. Its columns are those of the key, in the order of the fields.
 * Values are parameters, $1 and on, sent as text of unknown type: cast where PostgreSQL cannot
 * find out what they are. It should only read: after a lost connection it is sent once more. Never
 * build it from input. The page has no cursors, and has_next and has_previous are 0.
 * Ownership: the page is yours: entc_page_unref(). Threads: Free; not inside a callback.
 * Errors: as entc_repository_list(); ENTC_E_INVALID for columns that are not the key's in number
 * and type, for NULL as an id, and for a statement that answers no rows, such as an UPDATE without
 * RETURNING; ENTC_E_DATABASE for what PostgreSQL refuses. Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_list_sql(BaseCacheRepository *repository, const char *sql,
                                                 const entc_value *params, size_t count,
                                                 const entc_call *call, entc_page **ret_page,
                                                 entc_error **reterr);

/* Submits a list of the host's own statement; entc_op_take_pages() with count 1 gives the page.
 * `ret_op` may be NULL when call->done is set.
 * Ownership: the operation is yours: entc_op_unref(); text and values are copied. Threads: Free,
 * Callback-safe.
 * Errors: those that are known before anything is sent, as entc_repository_list_sql().
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_list_sql_async(BaseCacheRepository *repository,
                                                       const char *sql, const entc_value *params,
                                                       size_t count, const entc_call *call,
                                                       entc_op **ret_op, entc_error **reterr);

/* Makes a relation from the entities of one repository to those of another, or of the same one: see
 * entc_relation_desc. The descriptor may be temporary.
 * Ownership: yours: entc_relation_free(). The repositories may be freed before; its calls then
 * answer ENTC_E_CLOSED.
 * Threads: Free. Errors: ENTC_E_INVALID names the member and the cure; ENTC_E_CLOSED,
 * ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_relation_new(BaseCacheRepository *parents,
                                          BaseCacheRepository *children,
                                          const entc_relation_desc *desc,
                                          entc_relation **ret_relation, entc_error **reterr);

/* Compares a relation with the live schema: the join table, columns, their types, and whether an
 * index serves it. See entc_repository_check().
 * Ownership, Threads, Errors: as entc_repository_check(). Since: 0.1 */
ENTC_EXPORT entc_status entc_relation_check(entc_relation *relation, const entc_call *call,
                                            entc_buffer *report, entc_error **reterr);

/* Frees a relation; NULL is accepted. Operations under way go on.
 * Ownership: consumes it. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_relation_free(entc_relation *relation);

/* Copies the key by which entc_relation_get_many() is asked for an entity that the relation starts
 * at: the entity's id, or, of BELONGS_TO, what its foreign fields hold (perhaps ENTC_NULL).
 * Ownership: text is borrowed, as long as the entity is referenced. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID for NULL, for an entity of another repository, and unless `count` is the
 * number of the key's fields. Since: 0.1 */
ENTC_EXPORT entc_status entc_relation_key(const entc_relation *relation, const entc_entity *entity,
                                          entc_value *ret_key, size_t count);

/* Gets the children of each of `count` parents: one statement for all, one batch for the entities.
 * Page i belongs to parent i; duplicates are answered each; a parent without children has an empty
 * page. Of a key of several fields `parent_keys` has all values of a key together, key after key.
 * `ret_statuses` (may be NULL) tells ENTC_E_INVALID for a key that cannot be one; its page is NULL.
 *
 * The key of a parent is its id. Of BELONGS_TO it is what its foreign fields hold, since who has
 * the parent has them, and needs no second look at it: the other is taken by that id, cache first
 * and without a statement for ids. Its page has that one, absent (see entc_page_status()) if there
 * is no such row; the page of a key with ENTC_NULL is empty. Order, filters, cursors and a total
 * are refused there.
 *
 * A join table that has a row twice gives its child twice, as SQL does; a cursor then stands behind
 * all of them, so a walk by cursors wants such rows to be unique.
 * Ownership: the pages are yours: entc_page_unref() each. Threads: Free; not inside a callback.
 * Errors: as entc_repository_list(); ENTC_E_INVALID for a page above the relation's max_first;
 * ENTC_E_REFUSED when its guard forbids more than one parent. On failure every page is NULL.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_relation_get_many(entc_relation *relation,
                                               const entc_value *parent_keys, size_t count,
                                               const entc_page_args *args, const entc_call *call,
                                               entc_page **ret_pages, entc_status *ret_statuses,
                                               entc_error **reterr);

/* Submits get_many of a relation; entc_op_take_pages() gives the pages. `ret_op` may be NULL when
 * call->done is set.
 * Ownership: the operation is yours: entc_op_unref(); the keys are copied. Threads: Free,
 * Callback-safe.
 * Errors: those that are known before anything is sent, as entc_relation_get_many(). Since: 0.1 */
ENTC_EXPORT entc_status entc_relation_get_many_async(entc_relation *relation,
                                                     const entc_value *parent_keys, size_t count,
                                                     const entc_page_args *args,
                                                     const entc_call *call, entc_op **ret_op,
                                                     entc_error **reterr);

/* Gets the children of each of `count` parents as args i says for parent i: `args_size` is
 * sizeof(entc_page_args), the stride of `args`. Limits and cursors may differ within one statement;
 * each shape (order, filters, flags, direction, which cursors are there, and which of their values
 * are NULL) is a statement of its own. All entities come in one batch.
 * Ownership: the pages are yours: entc_page_unref() each. Threads: Free; not inside a callback.
 * Errors: as entc_relation_get_many(); arguments that are wrong fail the call, and their index is
 * named. Since: 0.1 */
ENTC_EXPORT entc_status entc_relation_get_each(entc_relation *relation,
                                               const entc_value *parent_keys, size_t count,
                                               const entc_page_args *args, size_t args_size,
                                               const entc_call *call, entc_page **ret_pages,
                                               entc_status *ret_statuses, entc_error **reterr);

/* Submits get_each of a relation; entc_op_take_pages() gives the pages. `ret_op` may be NULL when
 * call->done is set.
 * Ownership: the operation is yours: entc_op_unref(); ids and arguments are copied. Threads: Free,
 * Callback-safe.
 * Errors: those that are known before anything is sent, as entc_relation_get_each(). Since: 0.1 */
ENTC_EXPORT entc_status entc_relation_get_each_async(entc_relation *relation,
                                                     const entc_value *parent_keys, size_t count,
                                                     const entc_page_args *args, size_t args_size,
                                                     const entc_call *call, entc_op **ret_op,
                                                     entc_error **reterr);

/* Takes one more reference; NULL is accepted and returned. A page never changes.
 * Ownership: the reference is yours. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT entc_page *entc_page_ref(entc_page *page);

/* Gives a reference back; the last one frees the page and its references of entities. NULL is
 * accepted.
 * Ownership: consumes one reference. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_page_unref(entc_page *page);

/* Tells how many ids the page has; 0 for NULL.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT size_t entc_page_count(const entc_page *page);

/* Tells (1 or 0) whether more follow after this page. With `first` that is exact, up to `before`;
 * with `last` it is 1 when `before` was given, whose row stood there.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT int32_t entc_page_has_next(const entc_page *page);

/* Tells (1 or 0) whether more stand before this page. With `last` that is exact, back to `after`;
 * with `first` it is 1 when `after` was given, whose row stood there.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT int32_t entc_page_has_previous(const entc_page *page);

/* Tells how many entities the list, or the parent, has that pass the filters, wherever the page
 * begins and ends; -1 when ENTC_PAGE_TOTAL was not asked, and for NULL.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT int64_t entc_page_total(const entc_page *page);

/* Writes the cursor of a slot over what the buffer holds: opaque text of [A-Za-z0-9_-] for `after`
 * and `before`. It shows the values of key and order to those who decode it, and is not secret.
 * Ownership: the text is the buffer's. Threads: Free for the page, Confined for the buffer;
 * Callback-safe.
 * Errors: ENTC_E_INVALID for a NULL argument, an index out of range, and a page of
 * entc_repository_list_sql(); ENTC_E_UNSUPPORTED when the values of the order's columns have more
 * than 6000 bytes; ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_page_cursor(const entc_page *page, size_t index, entc_buffer *cursor,
                                         entc_error **reterr);

/* Copies a part of the id of a slot; a key of one field has part 0 alone.
 * Ownership: text is borrowed, as long as the page is referenced. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID for a NULL argument, or an index or part out of range. Since: 0.1 */
ENTC_EXPORT entc_status entc_page_id(const entc_page *page, size_t index, size_t part,
                                     entc_value *ret_id);

/* Shows the entity of a slot; NULL when it is absent or failed (see entc_page_status()), not asked
 * for (ENTC_PAGE_IDS_ONLY), or out of range.
 * Ownership: borrowed, as long as the page is referenced. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT entc_entity *entc_page_entity(const entc_page *page, size_t index);

/* Shows the record of a slot: entc_entity_record() of entc_page_entity().
 * Ownership: borrowed, as long as the page is referenced. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const void *entc_page_record(const entc_page *page, size_t index);

/* Tells how a slot's entity came: ENTC_OK, ENTC_E_NOT_FOUND (deleted since),
 * ENTC_E_FORBIDDEN (denied by the request), or its error.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for an index out of range.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_page_status(const entc_page *page, size_t index);

ENTC_END_DECLS

#endif
