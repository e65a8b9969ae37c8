/* What every exported function checks before it calls a room. A misuse that can be seen is
 * ENTC_E_INVALID with the argument's name and the cure; it never aborts the host. */
#include "api/api.h"

#include <string.h>

static bool is_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

entc_status api_copy_sized(void *to, size_t known, const void *from, size_t smallest,
                           const char *what, entc_error **reterr)
{
    size_t size = 0;

    memcpy(&size, from, sizeof(size));
    if (size < smallest || size > API_SIZE_ABSURD) {
        error_set(reterr, ENTC_E_INVALID, "argument", "%s.struct_size is %zu", what, size);
        error_hint(reterr, "set it to sizeof(%s), or begin with its INIT macro", what);
        return ENTC_E_INVALID;
    }
    if (size > known && !is_zero((const unsigned char *)from + known, size - known)) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "%s has a member set that release %s does not know", what, entc_version_text());
        error_hint(reterr,
                   "run with the release that the program was compiled against, or a later one");
        return ENTC_E_INVALID;
    }
    memset(to, 0, known);
    memcpy(to, from, size < known ? size : known);
    return ENTC_OK;
}

void api_tell_null(const char *argument, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument", "%s is NULL", argument);
}

entc_status api_refuse(entc_status status, entc_error **reterr)
{
    if (status == ENTC_E_FORKED) {
        error_set(reterr, status, "engine", "this engine belongs to the parent process");
        error_hint(reterr, "make a new engine after fork()");
    } else if (status == ENTC_E_REENTRANT) {
        error_set(reterr, status, "engine",
                  "a blocking call was made inside a callback of the same engine");
        error_hint(reterr, "use the _async form there");
    } else if (status == ENTC_E_CLOSED) {
        error_set(reterr, status, "engine", "the engine or repository was closed");
    } else if (status == ENTC_E_NO_MEMORY) {
        error_no_memory(reterr);
    }
    return status;
}

entc_status api_admit(struct engine *engine, bool is_blocking, entc_error **reterr)
{
    entc_status status = engine_admits(engine);

    if (status == ENTC_OK && is_blocking && engine_in_callback(engine))
        status = ENTC_E_REENTRANT;
    return status ? api_refuse(status, reterr) : ENTC_OK;
}

static int64_t deadline_after(int64_t now_us, int64_t timeout_us)
{
    return timeout_us < INT64_MAX - now_us ? now_us + timeout_us : INT64_MAX;
}

entc_status api_check_call(const entc_call *given, struct engine *engine,
                           int64_t default_timeout_us, struct repository_call *ret_call,
                           entc_error **reterr)
{
    entc_call call = ENTC_CALL_INIT;
    entc_status status = ENTC_OK;

    if (given)
        status = api_copy_sized(&call, sizeof(call), given, sizeof(call), "entc_call", reterr);
    if (status)
        return status;
    if (call.flags || call.reserved)
        return error_set(reterr, ENTC_E_INVALID, "argument",
                         "entc_call.flags and .reserved must be 0");
    if (call.timeout_us < 0) {
        error_set(reterr, ENTC_E_INVALID, "argument", "entc_call.timeout_us is negative");
        error_hint(reterr, "give microseconds, or 0 for the engine's default");
        return ENTC_E_INVALID;
    }
    if (call.request && call.request->engine != engine)
        return error_set(reterr, ENTC_E_INVALID, "argument",
                         "entc_call.request is a request of another engine");
    ret_call->request = call.request;
    ret_call->done = call.done;
    ret_call->user = call.user;
    ret_call->parent = 0;
    ret_call->deadline_us = deadline_after(engine_now_us(engine),
                                           call.timeout_us ? call.timeout_us : default_timeout_us);
    if (call.request && call.request->deadline_us < ret_call->deadline_us)
        ret_call->deadline_us = call.request->deadline_us;
    return ENTC_OK;
}

entc_status api_refuse_callback(const entc_call *call, entc_error **reterr)
{
    if (!call || call->struct_size < sizeof(entc_call) || !call->done)
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument", "entc_call.done is set in a blocking call");
    error_hint(reterr, "use the _async form, or leave done NULL");
    return ENTC_E_INVALID;
}

entc_status api_check_async(const entc_call *call, entc_op **ret_op, entc_error **reterr)
{
    if (ret_op || (call && call->struct_size >= sizeof(entc_call) && call->done))
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument", "ret_op is NULL and no callback is set");
    error_hint(reterr, "take the operation, or set entc_call.done");
    return ENTC_E_INVALID;
}

void api_hand_out(entc_op *op, entc_op **ret_op)
{
    if (ret_op)
        *ret_op = op;
    else
        engine_op_unref(op);
}

entc_status api_check_repository(const BaseCacheRepository *repository, entc_error **reterr)
{
    if (!repository)
        return api_refuse_null("repository", reterr);
    if (repository->struct_size == sizeof(*repository) && repository->impl && repository->ops)
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument",
              "the repository was not initialised, or was finished");
    error_hint(reterr, "call entc_repository_init() first");
    return ENTC_E_INVALID;
}

entc_status api_wait(entc_op *op, entc_error **reterr)
{
    entc_status status = engine_op_wait(op, -1);

    if (status)
        return api_refuse(status, reterr);
    if (op->status)
        error_copy(reterr, op->error, op->status);
    return op->status;
}

entc_status api_fail_all(entc_status status, entc_entity **entities, entc_status *statuses,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entities[i] = NULL;
        if (statuses)
            statuses[i] = status;
    }
    return status;
}
