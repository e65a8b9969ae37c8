/* Lookups: from the values of unique fields, such as a slug, to the entities that hold them. */
#ifndef ENTITYCACHE_LOOKUP_H
#define ENTITYCACHE_LOOKUP_H

#include <entitycache/entity.h>
#include <entitycache/export.h>
#include <entitycache/op.h>
#include <entitycache/repository.h>
#include <entitycache/status.h>
#include <entitycache/value.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

typedef struct entc_lookup entc_lookup;

/* Makes a lookup by `count` fields of a repository's entity, which are unique together: each of
 * type ENTC_INT64, ENTC_TEXT or ENTC_UUID. Their columns need an index of theirs, best a unique
 * one, and are of the types that a key may have. The names may be temporary.
 * Ownership: yours: entc_lookup_free(). The repository may be freed before; calls then answer
 * ENTC_E_CLOSED.
 * Threads: Free. Errors: ENTC_E_INVALID names the field and the cure; ENTC_E_UNSUPPORTED a field of
 * another type; ENTC_E_CLOSED, ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_lookup_new(BaseCacheRepository *repository, const char *const *fields,
                                        size_t count, entc_lookup **ret_lookup,
                                        entc_error **reterr);

/* Compares a lookup with the live schema: its columns, their types, and whether a unique index
 * serves it. See entc_repository_check().
 * Ownership, Threads, Errors: as entc_repository_check(). Since: 0.1 */
ENTC_EXPORT entc_status entc_lookup_check(entc_lookup *lookup, const entc_call *call,
                                          entc_buffer *report, entc_error **reterr);

/* Frees a lookup; NULL is accepted. Operations under way go on.
 * Ownership: consumes it. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_lookup_free(entc_lookup *lookup);

/* Gets the entity of each of `count` keys, which have as many values as the lookup has fields, row
 * by row: one statement for the ids of all different keys, then one batch of the repository, cache
 * first. Which id a key leads to is never cached; the entity is as entc_repository_get_many() gives
 * it, so a row that changed a moment ago may show values that are not those asked for.
 * Slot i belongs to key i; an absent or failed slot is NULL. `ret_statuses` (may be NULL) tells
 * ENTC_OK, ENTC_E_NOT_FOUND, ENTC_E_INVALID for a value that the field cannot have (NULL is one),
 * or ENTC_E_SCHEMA for a key that several rows hold.
 * Ownership: the entities are yours: entc_entities_unref(). Threads: Free; not inside a callback.
 * Errors: as entc_repository_get_many(); when every slot failed, the first one's. On failure every
 * slot is NULL. Since: 0.1 */
ENTC_EXPORT entc_status entc_lookup_get_many(entc_lookup *lookup, const entc_value *values,
                                             size_t count, const entc_call *call,
                                             entc_entity **ret_entities, entc_status *ret_statuses,
                                             entc_error **reterr);

/* Submits get_many of a lookup; entc_op_take_entities() gives the entities. `ret_op` may be NULL
 * when call->done is set.
 * Ownership: the operation is yours: entc_op_unref(); the values are copied. Threads: Free,
 * Callback-safe.
 * Errors: those that are known before anything is sent, as entc_lookup_get_many(). Since: 0.1 */
ENTC_EXPORT entc_status entc_lookup_get_many_async(entc_lookup *lookup, const entc_value *values,
                                                   size_t count, const entc_call *call,
                                                   entc_op **ret_op, entc_error **reterr);

ENTC_END_DECLS

#endif
