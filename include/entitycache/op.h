/* Operations: one call under way. A blocking function is submit + wait; its `_async` form returns
 * the operation. */
#ifndef ENTITYCACHE_OP_H
#define ENTITYCACHE_OP_H

#include <entitycache/engine.h>
#include <entitycache/entity.h>
#include <entitycache/export.h>
#include <entitycache/status.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

typedef struct entc_op entc_op;
typedef struct entc_page entc_page;
typedef struct entc_request entc_request;

/* Called once when an operation is done. `op` is borrowed for the call; take its results there, or
 * ref it. */
typedef void (*entc_done_fn)(entc_op *op, void *user);

/* How a call is made; NULL, or zero in a member, is the default. */
typedef struct entc_call {
    size_t struct_size;    /* sizeof(entc_call) */
    entc_request *request; /* counts this call, and gives its deadline; NULL: none */
    int64_t timeout_us;    /* microseconds from now; 0: the engine's default */
    uint32_t flags;        /* 0 */
    uint32_t reserved;     /* 0 */
    entc_done_fn done;     /* only for _async functions; NULL: wait or poll */
    void *user;            /* for `done` */
} entc_call;

#define ENTC_CALL_INIT                               \
    {                                                \
        sizeof(entc_call), NULL, 0, 0, 0, NULL, NULL \
    }

/* Takes one more reference; NULL is accepted and returned.
 * Ownership: the reference is yours. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT entc_op *entc_op_ref(entc_op *op);

/* Gives a reference back; the operation goes on and its callback still comes. NULL is accepted.
 * Ownership: consumes one reference. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_op_unref(entc_op *op);

/* Waits until the operation is done, at most `timeout_us` microseconds; negative: as long as its
 * own deadline lets it. In ENTC_DRIVE_WAITERS the waiting thread drives; in ENTC_DRIVE_HOST the
 * loop thread drives inline and other threads sleep. Runs the operation's callback if that is still
 * due, and for an operation of a request the batch functions that are due in it. What the request's
 * loaders have collected is sent then, see <entitycache/loader.h>.
 * Ownership: none. Threads: Free; not inside a callback.
 * Errors: ENTC_OK when done (see entc_op_status()); ENTC_E_AGAIN when the time is over, which does
 * not fail the operation; ENTC_E_INVALID, ENTC_E_REENTRANT, ENTC_E_FORKED. Since: 0.1 */
ENTC_EXPORT entc_status entc_op_wait(entc_op *op, int64_t timeout_us);

/* Tells how it ended; ENTC_E_AGAIN while it is under way. Does not drive.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for NULL. Since: 0.1 */
ENTC_EXPORT entc_status entc_op_status(const entc_op *op);

/* Tells the story of a failure; NULL while under way, after success, and for ENTC_E_NOT_FOUND.
 * Ownership: borrowed, as long as the operation is referenced. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const entc_error *entc_op_error(const entc_op *op);

/* Asks an operation to end with ENTC_E_CANCELLED. Others that share its batch or its connection do
 * not notice. It is done when a driver has seen the wish; an operation that is done already stays
 * as it is.
 * Ownership: none. Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for NULL, ENTC_E_FORKED.
 * Since: 0.1 */
ENTC_EXPORT entc_status entc_op_cancel(entc_op *op);

/* Tells how many entities, pages, or loaded keys, the operation answers.
 * Ownership: none. Threads: Free, Callback-safe. Errors: 0 for NULL. Since: 0.1 */
ENTC_EXPORT size_t entc_op_count(const entc_op *op);

/* Takes the entity of a get_by_id, or of a request's loader, that is done.
 * Ownership: the reference is yours. Threads: Confined, Callback-safe.
 * Errors: the operation's own status; ENTC_E_NOT_FOUND; ENTC_E_FORBIDDEN when the request's
 * authorize callback denies it; ENTC_E_AGAIN while under way; ENTC_E_INVALID when it has no entity
 * or it was taken. Since: 0.1 */
ENTC_EXPORT entc_status entc_op_take_entity(entc_op *op, entc_entity **ret_entity);

/* Takes the `count` entities of a get_many, or a load_many, that is done, in the order asked.
 * Absent, denied and failed slots are NULL; when `ret_statuses` is not NULL it tells them apart
 * (ENTC_OK, ENTC_E_NOT_FOUND, or the slot's error). On failure every slot is NULL. Ownership: the
 * references are yours: entc_entities_unref(). Threads: Confined, Callback-safe. Errors: the
 * operation's own status; ENTC_E_AGAIN while under way; ENTC_E_INVALID for a wrong count. Since:
 * 0.1 */
ENTC_EXPORT entc_status entc_op_take_entities(entc_op *op, entc_entity **ret_entities,
                                              entc_status *ret_statuses, size_t count);

/* Takes the `count` pages of a list (one), or of a relation or its loader (one for each parent),
 * that is done. On failure every slot is NULL; after ENTC_E_NO_MEMORY, which only a request that
 * denies something can meet here, they can be taken again.
 * Ownership: the references are yours: entc_page_unref(). Threads: Confined, Callback-safe.
 * Errors: the operation's own status; ENTC_E_AGAIN while under way; ENTC_E_INVALID for a wrong
 * count; ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_op_take_pages(entc_op *op, entc_page **ret_pages, size_t count);

/* Makes an operation that the host itself completes, for an override that answers get_by_id or
 * get_many on its own. It must be completed exactly once by entc_op_resolve() or entc_op_reject();
 * its deadline applies meanwhile.
 * Ownership: the reference is yours; the override returns it. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID, ENTC_E_CLOSED, ENTC_E_FORKED, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_op_new(entc_engine *engine, size_t count, const entc_call *call,
                                    entc_op **ret_op, entc_error **reterr);

/* Completes an operation of entc_op_new() with `count` entities; NULL slots are absent, unless
 * `statuses` (may be NULL) gives them an error.
 * Ownership: takes one reference of each entity, also on failure; the array stays the caller's.
 * Threads: Free, Callback-safe. Errors: ENTC_E_INVALID for a wrong count or an operation that is
 * not entc_op_new()'s or was completed by the host before. Since: 0.1 */
ENTC_EXPORT entc_status entc_op_resolve(entc_op *op, entc_entity **entities,
                                        const entc_status *statuses, size_t count);

/* Completes an operation of entc_op_new() with an error: a negative status and a message (may be
 * NULL).
 * Ownership: none. Threads: Free, Callback-safe. Errors: as entc_op_resolve(). Since: 0.1 */
ENTC_EXPORT entc_status entc_op_reject(entc_op *op, entc_status status, const char *message);

ENTC_END_DECLS

#endif
