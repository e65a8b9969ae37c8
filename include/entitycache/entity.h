/* Entities: immutable, refcounted, one block of memory each.
 *
 * An entity stays valid as long as a reference is held, also when the cache entry, its repository
 * and its engine are gone. It never changes, so any thread may read it without a lock. */
#ifndef ENTITYCACHE_ENTITY_H
#define ENTITYCACHE_ENTITY_H

#include <entitycache/export.h>
#include <entitycache/schema.h>
#include <entitycache/status.h>
#include <entitycache/value.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

typedef struct entc_entity entc_entity;

/* A growable run of bytes that the library writes text into; reuse it to save allocations. */
typedef struct entc_buffer entc_buffer;

/* Takes one more reference; NULL is accepted and returned.
 * Ownership: the reference is yours. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT entc_entity *entc_entity_ref(entc_entity *entity);

/* Gives a reference back; the last one frees the entity. NULL is accepted.
 * Ownership: consumes one reference. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_entity_unref(entc_entity *entity);

/* Gives back one reference of each of `count` slots and sets the slots to NULL; NULL slots are
 * accepted.
 * Ownership: consumes the references, not the array. Threads: Free, Callback-safe. Errors: none.
 * Since: 0.1 */
ENTC_EXPORT void entc_entities_unref(entc_entity **entities, size_t count);

/* Shows the record in the host's own struct (or in the library's layout); NULL for NULL.
 * Ownership: borrowed, as long as the entity is referenced. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const void *entc_entity_record(const entc_entity *entity);

/* Copies the value of a field, by its index in the descriptor; NULL gives type ENTC_NULL.
 * Ownership: text is borrowed, as long as the entity is referenced. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID for a NULL argument or an index that is no field. Since: 0.1 */
ENTC_EXPORT entc_status entc_entity_get(const entc_entity *entity, size_t field_index,
                                        entc_value *ret_value);

/* Tells how many fields the entity has; 0 for NULL.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT size_t entc_entity_field_count(const entc_entity *entity);

/* Tells the name of a field; NULL when the index is no field.
 * Ownership: borrowed, as long as the entity is referenced. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_entity_field_name(const entc_entity *entity, size_t field_index);

/* Tells the entity's name, as its descriptor says; NULL for NULL.
 * Ownership: borrowed, as long as the entity is referenced. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_entity_name(const entc_entity *entity);

/* Appends the entity as JSON, byte for byte as it stands in the cache; NULL appends `null`. (A JSON
 * field that may be NULL and holds the JSON value null looks as if it were NULL; such an entity is
 * never cached.)
 * Ownership: none. Threads: Free for the entity, Confined for the buffer; Callback-safe.
 * Errors: ENTC_E_INVALID for a NULL buffer, or an entity that JSON cannot hold, such as text with
 * a NUL; ENTC_E_NO_MEMORY (the buffer is as before).
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_entity_json(const entc_entity *entity, entc_buffer *buffer);

/* Appends `count` entities as one JSON array; NULL slots become `null`.
 * Ownership: none. Threads: Free for the entities, Confined for the buffer; Callback-safe.
 * Errors: as entc_entity_json(), also for NULL entities. Since: 0.1 */
ENTC_EXPORT entc_status entc_entities_json(entc_entity *const *entities, size_t count,
                                           entc_buffer *buffer);

/* Makes an empty buffer.
 * Ownership: yours; free it with entc_buffer_free(). Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID for NULL; ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_buffer_new(entc_buffer **ret_buffer);

/* Frees a buffer; NULL is accepted.
 * Ownership: consumes it. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_buffer_free(entc_buffer *buffer);

/* Forgets the bytes and keeps the memory; NULL is accepted.
 * Ownership: none. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_buffer_clear(entc_buffer *buffer);

/* Shows the bytes, followed by a NUL; "" for NULL.
 * Ownership: borrowed, until the buffer is written or freed. Threads: Confined, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_buffer_text(const entc_buffer *buffer);

/* Tells the number of bytes, without the NUL; 0 for NULL.
 * Ownership: none. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT size_t entc_buffer_length(const entc_buffer *buffer);

ENTC_END_DECLS

#endif
