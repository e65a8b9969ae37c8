/* api: the exported functions. They check arguments and sizes, and call one room; nothing is
 * decided here.
 *
 * The only room that names the adapters, to construct them. */
#ifndef ENTC_API_H
#define ENTC_API_H

#include "base/base.h"
#include "engine/engine.h"
#include "repository/repository.h"

#include <entitycache.h>

/* The handle. What outlives it hangs on `services`. */
struct entc_engine {
    struct engine *engine;                /* a reference */
    struct repository_services *services; /* a reference */
    entc_allocator allocator;
};

struct entc_buffer {
    struct buffer bytes;
};

/* No struct of this library is larger; a size above it is garbage. */
#define API_SIZE_ABSURD 4096

/* Copies a sized struct of the caller into one of ours (`known` bytes, zeroed first). A smaller one
 * than the first release had, an absurd size, or a tail that we do not know and that is not zero is
 * ENTC_E_INVALID, with `what` named. */
entc_status api_copy_sized(void *to, size_t known, const void *from, size_t smallest,
                           const char *what, entc_error **reterr);

/* "<argument> is NULL". */
void api_tell_null(const char *argument, entc_error **reterr);
/* The same, and ENTC_E_INVALID: inline, so that an analyser sees that it is never ENTC_OK. */
static inline entc_status api_refuse_null(const char *argument, entc_error **reterr)
{
    api_tell_null(argument, reterr);
    return ENTC_E_INVALID;
}
/* The stories of ENTC_E_CLOSED, ENTC_E_FORKED and ENTC_E_REENTRANT; returns `status`. */
entc_status api_refuse(entc_status status, entc_error **reterr);

/* What a call meets before anything else: closed or forked; for a blocking call also a callback. */
entc_status api_admit(struct engine *engine, bool is_blocking, entc_error **reterr);

/* Turns the host's call (may be NULL) into ours: sizes, flags, the request's engine, the deadline.
 */
entc_status api_check_call(const entc_call *call, struct engine *engine, int64_t default_timeout_us,
                           struct repository_call *ret_call, entc_error **reterr);

/* For blocking functions: refuses a callback in `call`. */
entc_status api_refuse_callback(const entc_call *call, entc_error **reterr);
/* For async functions: hands the operation to the caller, who may have asked for none if a callback
 * is set. */
entc_status api_check_async(const entc_call *call, entc_op **ret_op, entc_error **reterr);
void api_hand_out(entc_op *op, entc_op **ret_op);

/* Of a batch that failed every slot is NULL and has its status; returns that. `statuses` may be
 * NULL. */
entc_status api_fail_all(entc_status status, entc_entity **entities, entc_status *statuses,
                         size_t count);

/* ENTC_OK, or ENTC_E_INVALID for NULL, for one that was never initialised, or that was finished. */
entc_status api_check_repository(const BaseCacheRepository *repository, entc_error **reterr);

/* Writes `bytes` over what the buffer holds. */
entc_status api_buffer_write(entc_buffer *buffer, struct span bytes);

/* Ends what was written into a buffer that was cleared; when it is not whole, the buffer is
 * emptied.
 */
entc_status api_buffer_end(entc_buffer *buffer, bool is_whole);

/* Waits, and copies the story of a failure. */
entc_status api_wait(entc_op *op, entc_error **reterr);

#endif
