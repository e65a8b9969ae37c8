/* Exported: descriptors against the live schema. A lookup is checked as the relation that it is. */
#include "api/api.h"
#include "relation/relation.h"

static entc_status admit(const struct repository_services *services, const entc_call *call,
                         entc_buffer *report, struct repository_call *ret_call, entc_error **reterr)
{
    entc_status status = api_refuse_callback(call, reterr);

    entc_buffer_clear(report);
    if (!status)
        status = api_admit(services->engine, true, reterr);
    if (!status)
        status = api_check_call(call, services->engine, services->timeout_us, ret_call, reterr);
    return status;
}

/* Takes the operation. A report without memory is a failure of its own: half of it would look like
 * all. */
static entc_status finish(entc_op *op, entc_buffer *report, entc_error **reterr)
{
    entc_status status = api_wait(op, reterr);

    if (status == ENTC_E_SCHEMA && report &&
        api_buffer_write(report, repository_check_lines(op)) != ENTC_OK)
        status = error_no_memory(reterr);
    engine_op_unref(op);
    return status;
}

entc_status entc_repository_check(BaseCacheRepository *repository, const entc_call *call,
                                  entc_buffer *report, entc_error **reterr)
{
    const struct repository_check check = {0};
    struct repository_call checked = {0};
    entc_op *op = NULL;
    entc_status status = api_check_repository(repository, reterr);

    if (!status)
        status = admit(repository->impl->services, call, report, &checked, reterr);
    if (!status)
        status = repository_check(repository->impl, &check, &checked, &op, reterr);
    return status ? status : finish(op, report, reterr);
}

entc_status entc_relation_check(entc_relation *relation, const entc_call *call, entc_buffer *report,
                                entc_error **reterr)
{
    struct repository_call checked = {0};
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!relation)
        return api_refuse_null("relation", reterr);
    status = admit(relation->children->services, call, report, &checked, reterr);
    if (!status)
        status = relation_check(relation, &checked, &op, reterr);
    return status ? status : finish(op, report, reterr);
}

entc_status entc_lookup_check(entc_lookup *lookup, const entc_call *call, entc_buffer *report,
                              entc_error **reterr)
{
    return lookup ? entc_relation_check(&lookup->relation, call, report, reterr)
                  : api_refuse_null("lookup", reterr);
}
