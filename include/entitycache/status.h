/* Statuses and errors: one code for each decision that a caller can make.
 *
 * A status is 0 or negative, never positive. Functions that can fail for a reason worth telling
 * take `entc_error **reterr` last: NULL, or the address of a pointer that is NULL or holds an error
 * of ours, which is then reused. It is written only on failure. NOT_FOUND makes no error object. */
#ifndef ENTITYCACHE_STATUS_H
#define ENTITYCACHE_STATUS_H

#include <entitycache/export.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

typedef int32_t entc_status;

#define ENTC_OK 0
#define ENTC_E_INVALID (-1)      /* an argument, option, id or descriptor is wrong: mend the call */
#define ENTC_E_NO_MEMORY (-2)    /* an allocation failed; nothing changed, the handle still works */
#define ENTC_E_NOT_FOUND (-3)    /* the database has no such row */
#define ENTC_E_TIMEOUT (-4)      /* the deadline passed first */
#define ENTC_E_CANCELLED (-5)    /* entc_op_cancel() was called */
#define ENTC_E_UNAVAILABLE (-6)  /* neither the cache nor the database could answer: try later */
#define ENTC_E_BUSY (-7)         /* a limit of ours or of the server was reached: try later */
#define ENTC_E_AGAIN (-8)        /* not done yet; the operation goes on */
#define ENTC_E_CLOSED (-9)       /* the engine or repository was closed */
#define ENTC_E_REENTRANT (-10)   /* a blocking call was made inside a callback of the same engine */
#define ENTC_E_FORKED (-11)      /* the engine belongs to the parent process: make a new one */
#define ENTC_E_SCHEMA (-12)      /* the table or its types are not as the descriptors say */
#define ENTC_E_DATABASE (-13)    /* the database refused the statement; see entc_error_sqlstate() */
#define ENTC_E_UNSUPPORTED (-14) /* asked for something that this build or release cannot do */
#define ENTC_E_SYSTEM (-15)      /* the system refused a resource (descriptors, threads) */
#define ENTC_E_FORBIDDEN (-16)   /* the request's authorize callback denied the entity */
#define ENTC_E_LIMIT (-17)       /* the request would have taken more than its options allow */
#define ENTC_E_REFUSED (-18)     /* a guard of the host's own forbids it: ask in another way */

/* An error with its story. Opaque; made by the library, freed by whoever passed the `reterr`. */
typedef struct entc_error entc_error;

/* Names a status, such as "ENTC_E_TIMEOUT"; "ENTC_E_?" for a number that is none of ours.
 * Ownership: borrowed, static. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_status_name(entc_status status);

/* Frees an error; NULL is accepted.
 * Ownership: consumes it. Threads: Confined. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_error_free(entc_error *error);

/* Tells the status that belongs to an error; ENTC_OK for NULL.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT entc_status entc_error_code(const entc_error *error);

/* Says what went wrong and names the thing, in one line of English; "" for NULL.
 * Ownership: borrowed, until the error is freed or reused. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_error_message(const entc_error *error);

/* Says what would cure it, in one line; "" when there is nothing to add.
 * Ownership: borrowed, until the error is freed or reused. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_error_hint(const entc_error *error);

/* Tells which part spoke: "argument", "schema", "engine", "redis", "postgres", "codec".
 * Ownership: borrowed, static. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_error_domain(const entc_error *error);

/* Tells PostgreSQL's five-character SQLSTATE; "" when the error did not come from the database.
 * Ownership: borrowed, until the error is freed or reused. Threads: Free, Callback-safe.
 * Errors: none. Since: 0.1 */
ENTC_EXPORT const char *entc_error_sqlstate(const entc_error *error);

/* Tells (1 or 0) whether the same call may succeed later without a change.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT int32_t entc_error_is_retryable(const entc_error *error);

/* Tells (1 or 0) whether a deadline was the cause.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT int32_t entc_error_is_timeout(const entc_error *error);

ENTC_END_DECLS

#endif
