/* BaseCacheRepository: ties a model (a table) to an entity (a C struct) and gives entities by id,
 * cached.
 *
 * A "subclass" embeds the struct as its first member and passes an ops table with the slots it
 * overrides; the others inherit. Every path of the library goes through `ops`, so an override is
 * honoured everywhere. An override chains up by calling the slot of entc_repository_base_ops(). */
#ifndef ENTITYCACHE_REPOSITORY_H
#define ENTITYCACHE_REPOSITORY_H

#include <entitycache/engine.h>
#include <entitycache/entity.h>
#include <entitycache/export.h>
#include <entitycache/op.h>
#include <entitycache/schema.h>
#include <entitycache/status.h>
#include <entitycache/value.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

typedef struct BaseCacheRepository BaseCacheRepository;
typedef struct BaseCacheRepositoryOps BaseCacheRepositoryOps;

/* What a repository does. Slots are submit-form: they return an operation and never wait. The table
 * only grows; the library reads as much as struct_size says; a NULL slot inherits the base's. Slots
 * are called with no lock held, by the thread that makes the call, or that waits for it, or that
 * processes the engine. */
struct BaseCacheRepositoryOps {
    size_t struct_size; /* sizeof(BaseCacheRepositoryOps) */
    /* Answers one id. The base calls the get_many slot with one id. */
    entc_status (*get_by_id)(BaseCacheRepository *repository, const entc_value *id,
                             const entc_call *call, entc_op **ret_op, entc_error **reterr);
    /* Answers `count` ids in their order, duplicates kept; of a composite key `ids` has
     * count * parts values, id after id. */
    entc_status (*get_many)(BaseCacheRepository *repository, const entc_value *ids, size_t count,
                            const entc_call *call, entc_op **ret_op, entc_error **reterr);
};

/* Frozen: it never grows. After init only `user` may be written. */
struct BaseCacheRepository {
    size_t struct_size;                /* sizeof(BaseCacheRepository) */
    const BaseCacheRepositoryOps *ops; /* complete: no slot is NULL */
    const entc_model_desc *model;      /* the library's copy, defaults filled in */
    const entc_entity_desc *entity;    /* the library's copy, offsets filled in */
    entc_engine *engine;
    void *user;
    struct entc_repository_impl *impl; /* the library's own */
    void *reserved[5];
};

/* Makes a repository in the library's memory.
 * Ownership: yours; free it with entc_repository_free(). Descriptors and ops may be temporary.
 * Threads: Free.
 * Errors: ENTC_E_INVALID names the descriptor, the field and the cure; ENTC_E_CLOSED,
 * ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_new(entc_engine *engine, const entc_model_desc *model,
                                            const entc_entity_desc *entity,
                                            const BaseCacheRepositoryOps *ops,
                                            BaseCacheRepository **ret_repository,
                                            entc_error **reterr);

/* Frees what entc_repository_new() made; NULL is accepted. Operations under way complete with
 * ENTC_E_CLOSED.
 * Ownership: consumes it. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_repository_free(BaseCacheRepository *repository);

/* Makes a repository in memory of the host, such as the first member of its own struct.
 * Ownership: call entc_repository_fini() before the memory goes. Threads, Errors: as
 * entc_repository_new(). Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_init(BaseCacheRepository *repository, entc_engine *engine,
                                             const entc_model_desc *model,
                                             const entc_entity_desc *entity,
                                             const BaseCacheRepositoryOps *ops,
                                             entc_error **reterr);

/* Ends what entc_repository_init() began; NULL and a zeroed struct are accepted, as is a second
 * call. Operations under way complete with ENTC_E_CLOSED.
 * Ownership: the memory stays the host's. Threads: Confined, Callback-safe. Errors: none.
 * Since: 0.1 */
ENTC_EXPORT void entc_repository_fini(BaseCacheRepository *repository);

/* Shows the library's own slots, for an override that chains up.
 * Ownership: borrowed, static. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT const BaseCacheRepositoryOps *entc_repository_base_ops(void);

/* Gets one entity by its id: from the cache, else from the database, which fills the cache. `id` is
 * an ENTC_INT64, ENTC_TEXT or ENTC_UUID value, or of a composite key an array of one for each part;
 * "7" and 7 are the same id of an INT64 key, and a UUID may be given as its 36 characters.
 * Ownership: the reference is yours: entc_entity_unref(). Threads: Free; not inside a callback.
 * Errors: ENTC_E_NOT_FOUND (no error object), ENTC_E_INVALID, ENTC_E_TIMEOUT, ENTC_E_UNAVAILABLE,
 * ENTC_E_BUSY, ENTC_E_SCHEMA, ENTC_E_DATABASE, ENTC_E_CLOSED, ENTC_E_REENTRANT, ENTC_E_FORKED,
 * ENTC_E_NO_MEMORY; in a request also ENTC_E_LIMIT, ENTC_E_FORBIDDEN. Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_get_by_id(BaseCacheRepository *repository,
                                                  const entc_value *id, const entc_call *call,
                                                  entc_entity **ret_entity, entc_error **reterr);

/* Submits get_by_id; entc_op_take_entity() gives the result. `ret_op` may be NULL when call->done
 * is set.
 * Ownership: the operation is yours: entc_op_unref(). Threads: Free, Callback-safe.
 * Errors: those that are known before anything is sent, as entc_repository_get_by_id().
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_get_by_id_async(BaseCacheRepository *repository,
                                                        const entc_value *id, const entc_call *call,
                                                        entc_op **ret_op, entc_error **reterr);

/* Gets `count` entities, answered by index (of a composite key `ids` has count * parts values, id
 * after id): same length and order, duplicates kept. One MGET asks the cache for all, one statement
 * the database for all misses. It is ENTC_OK when the batch ran; absent slots are NULL.
 * `ret_statuses` (may be NULL) tells per slot ENTC_OK, ENTC_E_NOT_FOUND, ENTC_E_INVALID (that id),
 * or the slot's error. When every slot failed the same way, that is the call's status too. On
 * failure every slot is NULL. An empty batch is ENTC_OK. Ownership: the references are yours:
 * entc_entities_unref(). Threads: Free; not inside a callback. Errors: as
 * entc_repository_get_by_id(), but for ENTC_E_NOT_FOUND. Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_get_many(BaseCacheRepository *repository,
                                                 const entc_value *ids, size_t count,
                                                 const entc_call *call, entc_entity **ret_entities,
                                                 entc_status *ret_statuses, entc_error **reterr);

/* Submits get_many; entc_op_take_entities() gives the result. `ret_op` may be NULL when call->done
 * is set.
 * Ownership: the operation is yours: entc_op_unref(); the ids are copied. Threads: Free,
 * Callback-safe.
 * Errors: those that are known before anything is sent, as entc_repository_get_many().
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_get_many_async(BaseCacheRepository *repository,
                                                       const entc_value *ids, size_t count,
                                                       const entc_call *call, entc_op **ret_op,
                                                       entc_error **reterr);

/* Does what entc_repository_get_many() does, for ids in a plain array, of a key of one field.
 * Ownership, Threads, Errors: as entc_repository_get_many(). Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_get_many_int64(
    BaseCacheRepository *repository, const int64_t *ids, size_t count, const entc_call *call,
    entc_entity **ret_entities, entc_status *ret_statuses, entc_error **reterr);

/* Compares the descriptors with the live schema: table or view, columns, types, nullability, the
 * key and its uniqueness and collation, row-level security. Every difference is a line of `report`
 * (may be NULL; it is cleared first), with table, column, both types and the cure.
 * Ownership: none. Threads: Free; not inside a callback.
 * Errors: ENTC_E_SCHEMA tells the first difference and how many there are; others as
 * entc_repository_get_many(). Since: 0.1 */
ENTC_EXPORT entc_status entc_repository_check(BaseCacheRepository *repository,
                                              const entc_call *call, entc_buffer *report,
                                              entc_error **reterr);

ENTC_END_DECLS

#endif
