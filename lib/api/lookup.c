/* Exported: lookups. */
#include "api/api.h"
#include "relation/relation.h"

entc_status entc_lookup_new(BaseCacheRepository *repository, const char *const *fields,
                            size_t count, entc_lookup **ret_lookup, entc_error **reterr)
{
    entc_status status = api_check_repository(repository, reterr);

    if (!status && (!fields || !ret_lookup))
        status = api_refuse_null(fields ? "ret_lookup" : "fields", reterr);
    if (!status)
        status = api_admit(repository->impl->services->engine, false, reterr);
    return status ? status
                  : relation_lookup_new(repository->impl, fields, count, ret_lookup, reterr);
}

void entc_lookup_free(entc_lookup *lookup)
{
    relation_unref(lookup ? &lookup->relation : NULL);
}

static entc_status submit(entc_lookup *lookup, const entc_value *values, size_t count,
                          const entc_call *call, bool is_blocking, entc_op **ret_op,
                          entc_error **reterr)
{
    struct repository_call checked = {0};
    struct repository_services *services = NULL;
    entc_status status = ENTC_OK;

    if (!lookup || (!values && count))
        return api_refuse_null(lookup ? "values" : "lookup", reterr);
    services = lookup->relation.children->services;
    status = api_admit(services->engine, is_blocking, reterr);
    if (!status)
        status = api_check_call(call, services->engine, services->timeout_us, &checked, reterr);
    return status ? status : relation_lookup(lookup, values, count, &checked, ret_op, reterr);
}

entc_status entc_lookup_get_many_async(entc_lookup *lookup, const entc_value *values, size_t count,
                                       const entc_call *call, entc_op **ret_op, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status = submit(lookup, values, count, call, false, &op, reterr);
    if (!status)
        api_hand_out(op, ret_op);
    return status;
}

entc_status entc_lookup_get_many(entc_lookup *lookup, const entc_value *values, size_t count,
                                 const entc_call *call, entc_entity **ret_entities,
                                 entc_status *ret_statuses, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!ret_entities && count)
        return api_refuse_null("ret_entities", reterr);
    status = api_refuse_callback(call, reterr);
    if (!status)
        status = submit(lookup, values, count, call, true, &op, reterr);
    if (status)
        return api_fail_all(status, ret_entities, ret_statuses, count);
    status = api_wait(op, reterr);
    if (!status)
        status = relation_lookup_deliver(op, ret_entities, ret_statuses, count);
    if (status)
        api_fail_all(status, ret_entities, ret_statuses, count);
    engine_op_unref(op);
    return status;
}
