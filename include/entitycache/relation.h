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

/* Which part of a list, or of each parent's children. */
typedef struct entc_page_args {
    size_t struct_size;      /* sizeof(entc_page_args) */
    int32_t first;           /* at most so many entities, 1 or more */
    uint32_t reserved;       /* 0 */
    const entc_order *order; /* NULL: the relation's order, or the key */
    size_t order_count;
    size_t order_size; /* sizeof(entc_order); may be 0 when order is NULL */
    const char *path;  /* of the field that asks, such as "campaigns.events": for errors; or NULL */
} entc_page_args;

/* The first `n` in the default order. */
#define ENTC_FIRST(n)                                  \
    {                                                  \
        sizeof(entc_page_args), n, 0, NULL, 0, 0, NULL \
    }

/* Lists the first entities of a table: one statement for the ids, one batch for the entities.
 * Ownership: the page is yours: entc_page_unref(). Threads: Free; not inside a callback.
 * Errors: as entc_repository_get_many(); a wrong order column is ENTC_E_INVALID (it cannot be a
 * name) or ENTC_E_SCHEMA (there is no such column), and named. Since: 0.1 */
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

/* Gets the first children of each of `count` parents: one statement for all, one batch for the
 * entities. Page i belongs to parent i; duplicates are answered each; a parent without children has
 * an empty page. Of a key of several fields `parent_keys` has all values of a key together, key
 * after key. `ret_statuses` (may be NULL) tells ENTC_E_INVALID for a key that cannot be one; its
 * page is NULL.
 * The key of a parent is its id. Of BELONGS_TO it is what its foreign fields hold, since who has
 * the parent has them, and needs no second look at it: the other is taken by that id, cache first
 * and without a statement for ids. Its page has that one, absent (see entc_page_status()) if there
 * is no such row; the page of a key with ENTC_NULL is empty. A join table that has a row twice
 * gives its child twice, as SQL does. Ownership: the pages are yours: entc_page_unref() each.
 * Threads: Free; not inside a callback. Errors: as entc_repository_list(); ENTC_E_INVALID for a
 * page above the relation's max_first; ENTC_E_REFUSED when its guard forbids more than one parent.
 * On failure every page is NULL. Since: 0.1 */
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

/* Tells (1 or 0) whether more follow after this page.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT int32_t entc_page_has_next(const entc_page *page);

/* Copies a part of the id of a slot; a key of one field has part 0 alone.
 * Ownership: text is borrowed, as long as the page is referenced. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID for a NULL argument, or an index or part out of range. Since: 0.1 */
ENTC_EXPORT entc_status entc_page_id(const entc_page *page, size_t index, size_t part,
                                     entc_value *ret_id);

/* Shows the entity of a slot; NULL when it is absent or failed (see entc_page_status()), or out of
 * range.
 * Ownership: borrowed, as long as the page is referenced. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT entc_entity *entc_page_entity(const entc_page *page, size_t index);

/* Shows the record of a slot: entc_entity_record() of entc_page_entity().
 * Ownership: borrowed, as long as the page is referenced. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const void *entc_page_record(const entc_page *page, size_t index);

/* Tells how a slot's entity came: ENTC_OK, ENTC_E_NOT_FOUND (deleted since), or its error.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for an index out of range.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_page_status(const entc_page *page, size_t index);

ENTC_END_DECLS

#endif
