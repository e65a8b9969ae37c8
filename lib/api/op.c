/* Exported: operations. */
#include "api/api.h"
#include "loader/loader.h"

entc_op *entc_op_ref(entc_op *op)
{
    return engine_op_ref(op);
}

void entc_op_unref(entc_op *op)
{
    engine_op_unref(op);
}

entc_status entc_op_wait(entc_op *op, int64_t timeout_us)
{
    return op ? engine_op_wait(op, timeout_us) : ENTC_E_INVALID;
}

entc_status entc_op_status(const entc_op *op)
{
    if (!op)
        return ENTC_E_INVALID;
    return engine_op_is_done(op) ? op->status : ENTC_E_AGAIN;
}

const entc_error *entc_op_error(const entc_op *op)
{
    return op && engine_op_is_done(op) ? op->error : NULL;
}

entc_status entc_op_cancel(entc_op *op)
{
    if (!op)
        return ENTC_E_INVALID;
    if (engine_is_forked(op->engine))
        return ENTC_E_FORKED;
    engine_op_cancel(op);
    return ENTC_OK;
}

size_t entc_op_count(const entc_op *op)
{
    /* The casts only ask which kind it is. */
    entc_op *any = (entc_op *)(uintptr_t)op;
    const struct entities_op *entities = op ? repository_entities_op(any) : NULL;
    size_t count = op && !entities ? relation_op_count(any) : SIZE_MAX;

    if (entities)
        return entities->count;
    if (op && count == SIZE_MAX)
        count = loader_op_count(op);
    if (op && count == SIZE_MAX)
        count = relation_lookup_count(any);
    return count == SIZE_MAX ? 0 : count;
}

static entc_status check_take(const entc_op *op)
{
    if (!op)
        return ENTC_E_INVALID;
    return engine_op_is_done(op) ? ENTC_OK : ENTC_E_AGAIN;
}

static entc_status take_entities(entc_op *op, entc_entity **ret_entities, entc_status *ret_statuses,
                                 size_t count)
{
    if (loader_op_count(op) != SIZE_MAX)
        return loader_op_deliver_entities(op, ret_entities, ret_statuses, count);
    if (relation_lookup_count(op) != SIZE_MAX)
        return relation_lookup_deliver(op, ret_entities, ret_statuses, count);
    return repository_op_deliver(op, NULL, NULL, ret_entities, ret_statuses, count);
}

entc_status entc_op_take_entity(entc_op *op, entc_entity **ret_entity)
{
    entc_status slot = ENTC_OK;
    entc_status status = ret_entity ? check_take(op) : ENTC_E_INVALID;

    if (ret_entity)
        *ret_entity = NULL;
    if (!status)
        status = take_entities(op, ret_entity, &slot, 1);
    return status ? status : slot;
}

entc_status entc_op_take_entities(entc_op *op, entc_entity **ret_entities,
                                  entc_status *ret_statuses, size_t count)
{
    entc_status status = ret_entities || !count ? check_take(op) : ENTC_E_INVALID;

    return status ? status : take_entities(op, ret_entities, ret_statuses, count);
}

entc_status entc_op_take_pages(entc_op *op, entc_page **ret_pages, size_t count)
{
    entc_status status = ret_pages || !count ? check_take(op) : ENTC_E_INVALID;

    if (status)
        return status;
    if (loader_op_count(op) != SIZE_MAX)
        return loader_op_deliver_pages(op, ret_pages, NULL, count);
    return loader_deliver_pages(op, ret_pages, NULL, count);
}

entc_status entc_op_new(entc_engine *engine, size_t count, const entc_call *call, entc_op **ret_op,
                        entc_error **reterr)
{
    struct repository_call checked = {0};
    entc_status status = ENTC_OK;

    if (!engine || !ret_op)
        return api_refuse_null(engine ? "ret_op" : "engine", reterr);
    status = api_admit(engine->engine, false, reterr);
    if (!status)
        status =
            api_check_call(call, engine->engine, engine->services->timeout_us, &checked, reterr);
    return status ? status
                  : repository_host_op_new(engine->engine, count, &checked, ret_op, reterr);
}

entc_status entc_op_resolve(entc_op *op, entc_entity **entities, const entc_status *statuses,
                            size_t count)
{
    if (!op || (!entities && count)) {
        entc_entities_unref(entities, count);
        return ENTC_E_INVALID;
    }
    return repository_host_op_resolve(op, entities, statuses, count);
}

entc_status entc_op_reject(entc_op *op, entc_status status, const char *message)
{
    if (!op || status >= 0)
        return ENTC_E_INVALID;
    return repository_host_op_reject(op, status, message);
}
