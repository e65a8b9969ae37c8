/* Loaders: resolvers ask for one thing at a time, the loader asks for all of them together.
 *
 * A loader collects the keys that are loaded into a *batch*, hands each key to its batch function
 * once, and remembers the values as long as its request lives (the memo). A batch is closed by the
 * first of: `max_batch` keys; entc_loader_dispatch() or entc_request_dispatch(); its window, when
 * it has one; the next entc_engine_process(); a thread that waits for an operation of the request.
 * Where threads entered the request (entc_request_enter()), the last two leave batches open until
 * all who entered wait, but no longer than the request's patience. So what is waited for is always
 * sent. All loaders of a request close together.
 *
 * A load is an operation: wait for it, or give it a callback. Loads of a key that the batch holds
 * already share its answer; a load of a remembered key is answered together with the batch that is
 * open at that time. A key's own error is remembered like a value; the failure of a whole batch is
 * not. */
#ifndef ENTITYCACHE_LOADER_H
#define ENTITYCACHE_LOADER_H

#include <entitycache/export.h>
#include <entitycache/op.h>
#include <entitycache/relation.h>
#include <entitycache/repository.h>
#include <entitycache/request.h>
#include <entitycache/status.h>
#include <entitycache/value.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

typedef struct entc_loader entc_loader;
/* A batch that was handed to a batch function, or a value that was primed as pending. */
typedef struct entc_loader_batch entc_loader_batch;

/* Answers `count` keys (of `key_parts` values each, key after key), now or later, on any thread: by
 * entc_loader_batch_resolve() or entc_loader_batch_reject(), exactly once. The keys live until
 * then. Called with no lock held, inside entc_engine_process() or a wait for an operation of the
 * request. It must not block on this engine, but may load, also from its own loader. */
typedef void (*entc_loader_batch_fn)(entc_loader_batch *batch, const entc_value *keys, size_t count,
                                     void *user);
/* Called inside entc_loader_load() when it began a new batch; may dispatch at once. */
typedef void (*entc_loader_schedule_fn)(entc_loader *loader, void *user);
/* Gives a value back when the memo and all operations have let go of it, once for each value but
 * NULL. The thread that lets go last calls it, maybe one that drives the engine: it must not call
 * this engine, except to give references back. */
typedef void (*entc_loader_destroy_fn)(void *value, void *user);

#define ENTC_LOADER_NO_BATCHING 1u /* each key is a batch */
#define ENTC_LOADER_NO_MEMO 2u     /* nothing is remembered: a key loaded twice is asked twice */

#define ENTC_LOADER_MAX_BATCH 10000u /* keys, unless told otherwise */
#define ENTC_LOADER_KEY_PARTS_MAX 32u

/* How a loader is made; begin with the INIT macro. */
typedef struct entc_loader_options {
    size_t struct_size;               /* sizeof(entc_loader_options) */
    const char *name;                 /* in errors and reports; NULL: "loader" */
    uint32_t max_batch;               /* keys of one batch, 1 or more; duplicates do not count */
    uint32_t key_parts;               /* values that make one key; 0: 1 */
    int64_t window_us;                /* a batch is closed so long after its first key; 0: none */
    uint32_t flags;                   /* ENTC_LOADER_... */
    uint32_t reserved;                /* 0 */
    entc_loader_schedule_fn schedule; /* NULL: none */
    entc_loader_destroy_fn destroy;   /* NULL: values are not given back */
} entc_loader_options;

#define ENTC_LOADER_OPTIONS_INIT                                                         \
    {                                                                                    \
        sizeof(entc_loader_options), NULL, ENTC_LOADER_MAX_BATCH, 0, 0, 0, 0, NULL, NULL \
    }

/* Makes a loader over a batch function of the host. `user` is handed to it, and to `schedule` and
 * `destroy`.
 * Ownership: yours: entc_loader_free(). The options may be temporary. Threads: Free,
 * Callback-safe.
 * Errors: ENTC_E_INVALID names the argument or option (no function, max_batch 0), ENTC_E_CLOSED,
 * ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_new(entc_request *request, entc_loader_batch_fn function,
                                        void *user, const entc_loader_options *options,
                                        entc_loader **ret_loader, entc_error **reterr);

/* Frees a loader of entc_loader_new(); NULL is accepted, and a request's own is left alone. Its
 * loads under way, sent or not, end with ENTC_E_CANCELLED; it may be freed before or after its
 * request. Ownership: consumes it. Threads: Confined, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_loader_free(entc_loader *loader);

/* Tells the loader's name; "" for NULL.
 * Ownership: borrowed, as long as the loader lives. Threads: Free, Callback-safe. Errors: none.
 * Since: 0.1 */
ENTC_EXPORT const char *entc_loader_name(const entc_loader *loader);

/* Loads one key: ENTC_INT64, ENTC_TEXT (any bytes) or ENTC_UUID values. A request's loader of a
 * repository takes ids as entc_repository_get_by_id() does. `call` gives deadline and callback;
 * `ret_op` may be NULL when call->done is set.
 * Ownership: the operation is yours: entc_op_unref(); the key is copied. Threads: Free,
 * Callback-safe.
 * Errors: ENTC_E_INVALID (also for a key that cannot be one), ENTC_E_CLOSED (also when the request
 * was freed), ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_load(entc_loader *loader, const entc_value *key,
                                         const entc_call *call, entc_op **ret_op,
                                         entc_error **reterr);

/* Loads `count` keys as one operation: answers in the order of the keys, duplicates answered each,
 * an error for each key that has one (a key that cannot be one is ENTC_E_INVALID). An empty list is
 * done at once. When every key failed the same way, that is the operation's status too.
 * Ownership, Threads: as entc_loader_load(). Errors: as entc_loader_load(), but not for single
 * keys. Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_load_many(entc_loader *loader, const entc_value *keys,
                                              size_t count, const entc_call *call, entc_op **ret_op,
                                              entc_error **reterr);

/* Shows the value of a load that is done.
 * Ownership: borrowed, as long as the operation is referenced. Threads: Free, Callback-safe.
 * Errors: the key's own status; ENTC_E_AGAIN while under way; ENTC_E_INVALID when it is no load of
 * one key, and for entities and pages of a request with `authorize`, which can only be taken.
 * *ret_value is NULL then. Since: 0.1 */
ENTC_EXPORT entc_status entc_op_value(const entc_op *op, void **ret_value);

/* Shows the `count` values of a load_many that is done; `ret_statuses` may be NULL.
 * Ownership: borrowed, as long as the operation is referenced. Threads: Free, Callback-safe.
 * Errors: the operation's own status; ENTC_E_AGAIN while under way; ENTC_E_INVALID for a wrong
 * count or an operation that is no load, and as for entc_op_value(). Values are NULL then. Since:
 * 0.1 */
ENTC_EXPORT entc_status entc_op_values(const entc_op *op, void **ret_values,
                                       entc_status *ret_statuses, size_t count);

/* Remembers a value (`status` ENTC_OK), or an error, for a key that is not known; a known key stays
 * as it is, so clear it first to replace it. Of a request's loader of a repository the value is an
 * entc_entity.
 * Ownership: takes the value, also on failure and when it is not used; the key is copied.
 * Threads: Free, Callback-safe. Errors: as entc_loader_load(). Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_prime(entc_loader *loader, const entc_value *key, void *value,
                                          entc_status status, entc_error **reterr);

/* Remembers that the host will answer a key: loads of it wait until *ret_batch, a batch of this one
 * key, is answered. *ret_batch is NULL when the key is known.
 * Ownership: *ret_batch is to be answered once. Threads: Free, Callback-safe.
 * Errors: as entc_loader_load(); ENTC_E_UNSUPPORTED when the loader has no memo. Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_prime_pending(entc_loader *loader, const entc_value *key,
                                                  entc_loader_batch **ret_batch,
                                                  entc_error **reterr);

/* Forgets a key; loads under way keep their answer. An unknown key is accepted.
 * Ownership: none. Threads: Free, Callback-safe. Errors: as entc_loader_load(). Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_clear(entc_loader *loader, const entc_value *key,
                                          entc_error **reterr);

/* Forgets all keys; loads under way keep their answers.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for NULL. Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_clear_all(entc_loader *loader);

/* Closes the loader's batch: it is sent by whoever drives next.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for NULL, ENTC_E_FORKED.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_dispatch(entc_loader *loader);

/* Answers a batch: `count` values (may be NULL each) in the order of the keys; `statuses` (may be
 * NULL) gives a key an error instead. The number must be that of the keys, else all of its loads
 * fail with ENTC_E_INVALID.
 * Ownership: takes every value, also on failure; the arrays stay the caller's. The batch lives
 * until it was answered and its loader is gone: a second answer is refused until then.
 * Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID for a wrong number and a second answer; ENTC_E_TIMEOUT, ENTC_E_CANCELLED,
 * ENTC_E_CLOSED when the batch ended before; ENTC_E_FORKED. Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_batch_resolve(entc_loader_batch *batch, void *const *values,
                                                  const entc_status *statuses, size_t count,
                                                  entc_error **reterr);

/* Fails a batch: all its loads end with this negative status and message (may be NULL), and nothing
 * of it is remembered.
 * Ownership: the batch as in entc_loader_batch_resolve(). Threads: Free, Callback-safe.
 * Errors: as entc_loader_batch_resolve(). Since: 0.1 */
ENTC_EXPORT entc_status entc_loader_batch_reject(entc_loader_batch *batch, entc_status status,
                                                 const char *message, entc_error **reterr);

/* Shows the request's loader of a repository: its values are entities. It batches by the get_many
 * slot, so an override is honoured. entc_op_take_entity() gives each load its own reference.
 * Ownership: borrowed, as long as the request lives. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID, ENTC_E_CLOSED, ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_request_loader(entc_request *request, BaseCacheRepository *repository,
                                            entc_loader **ret_loader, entc_error **reterr);

/* Shows the request's loader of a relation: its keys are ids of parents, its values pages of their
 * children. Loads with the same args share a loader, and so a statement. entc_op_take_pages() with
 * count 1 gives each load its own reference.
 * Ownership: borrowed, as long as the request lives; the args are copied. Threads: Free,
 * Callback-safe.
 * Errors: as entc_request_loader(); args as in entc_relation_get_many(). Since: 0.1 */
ENTC_EXPORT entc_status entc_request_relation_loader(entc_request *request, entc_relation *relation,
                                                     const entc_page_args *args,
                                                     entc_loader **ret_loader, entc_error **reterr);

/* Loads one entity by the request's loader, and waits for it.
 * Ownership: the reference is yours: entc_entity_unref(). Threads: Free; not inside a callback.
 * Errors: as entc_repository_get_by_id(); ENTC_E_CANCELLED when the request is freed meanwhile.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_request_get_by_id(entc_request *request,
                                               BaseCacheRepository *repository,
                                               const entc_value *id, entc_entity **ret_entity,
                                               entc_error **reterr);

/* Loads the children of one parent by the request's loader, and waits for them. In a request with
 * `peers`, those of all that came together with the parent are loaded in the same batch, unless its
 * page is known, the relation is a BELONGS_TO, or its guard refuses batches.
 * Ownership: the page is yours: entc_page_unref(). Threads: Free; not inside a callback.
 * Errors: as entc_relation_get_many(); ENTC_E_CANCELLED when the request is freed meanwhile.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_request_children(entc_request *request, entc_relation *relation,
                                              const entc_value *parent_id,
                                              const entc_page_args *args, entc_page **ret_page,
                                              entc_error **reterr);

/* Loads what a relation leads to from an entity that it starts at, by the request's loader, and
 * waits for it: the page of its children, or, of BELONGS_TO, the page of the other, which is empty
 * where a foreign field is NULL. In a request with `peers`, the pages of all that came together
 * with the entity are loaded in the same batch, so that the calls for its peers are answered from
 * the memo; not where the relation's guard refuses batches.
 * Ownership: the page is yours: entc_page_unref(). Threads: Free; not inside a callback.
 * Errors: as entc_request_children(); ENTC_E_INVALID for an entity of another repository.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_request_related(entc_request *request, entc_relation *relation,
                                             const entc_entity *entity, const entc_page_args *args,
                                             entc_page **ret_page, entc_error **reterr);

ENTC_END_DECLS

#endif
