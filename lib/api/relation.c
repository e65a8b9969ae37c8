/* Exported: lists and relations. */
#include "relation/relation.h"
#include "api/api.h"
#include "loader/loader.h"

static entc_status submit_list(BaseCacheRepository *repository, const entc_page_args *args,
                               const entc_call *call, bool is_blocking, entc_op **ret_op,
                               entc_error **reterr)
{
    struct repository_call checked = {0};
    struct repository_services *services = NULL;
    entc_status status = api_check_repository(repository, reterr);

    if (!status && !args)
        status = api_refuse_null("args", reterr);
    if (status)
        return status;
    services = repository->impl->services;
    status = api_admit(services->engine, is_blocking, reterr);
    if (!status)
        status = api_check_call(call, services->engine, services->timeout_us, &checked, reterr);
    return status ? status : relation_list(repository->impl, args, &checked, ret_op, reterr);
}

static entc_status submit_pages(entc_relation *relation, const entc_value *parent_keys,
                                size_t count, const entc_page_args *args, size_t args_size,
                                const entc_call *call, bool is_blocking, entc_op **ret_op,
                                entc_error **reterr)
{
    struct repository_call checked = {0};
    struct repository_services *services = NULL;
    entc_status status = ENTC_OK;

    if (!relation || (!args && (count || !args_size)) || (!parent_keys && count))
        return api_refuse_null(!relation ? "relation" : !args ? "args" : "parent_keys", reterr);
    services = relation->children->services;
    status = api_admit(services->engine, is_blocking, reterr);
    if (!status)
        status = api_check_call(call, services->engine, services->timeout_us, &checked, reterr);
    return status ? status
                  : relation_pages(relation, parent_keys, count, args, args_size, &checked, ret_op,
                                   reterr);
}

/* Of what is done well, only memory can be missing. */
static entc_status tell_take(entc_status status, entc_error **reterr)
{
    return status ? api_refuse(status, reterr) : ENTC_OK;
}

entc_status entc_repository_list_async(BaseCacheRepository *repository, const entc_page_args *args,
                                       const entc_call *call, entc_op **ret_op, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status = submit_list(repository, args, call, false, &op, reterr);
    if (!status)
        api_hand_out(op, ret_op);
    return status;
}

/* Waits for a list, and gives the operation back. */
static entc_status take_page(entc_op *op, entc_page **ret_page, entc_error **reterr)
{
    entc_status status = api_wait(op, reterr);

    if (!status)
        status = tell_take(loader_deliver_pages(op, ret_page, NULL, 1), reterr);
    engine_op_unref(op);
    return status;
}

entc_status entc_repository_list(BaseCacheRepository *repository, const entc_page_args *args,
                                 const entc_call *call, entc_page **ret_page, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!ret_page)
        return api_refuse_null("ret_page", reterr);
    *ret_page = NULL;
    status = api_refuse_callback(call, reterr);
    if (!status)
        status = submit_list(repository, args, call, true, &op, reterr);
    return status ? status : take_page(op, ret_page, reterr);
}

static entc_status submit_sql(BaseCacheRepository *repository, const char *sql,
                              const entc_value *params, size_t count, const entc_call *call,
                              bool is_blocking, entc_op **ret_op, entc_error **reterr)
{
    struct repository_call checked = {0};
    struct repository_services *services = NULL;
    entc_status status = api_check_repository(repository, reterr);

    if (!status && !sql)
        status = api_refuse_null("sql", reterr);
    if (status)
        return status;
    services = repository->impl->services;
    status = api_admit(services->engine, is_blocking, reterr);
    if (!status)
        status = api_check_call(call, services->engine, services->timeout_us, &checked, reterr);
    return status
               ? status
               : relation_list_sql(repository->impl, sql, params, count, &checked, ret_op, reterr);
}

entc_status entc_repository_list_sql_async(BaseCacheRepository *repository, const char *sql,
                                           const entc_value *params, size_t count,
                                           const entc_call *call, entc_op **ret_op,
                                           entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status = submit_sql(repository, sql, params, count, call, false, &op, reterr);
    if (!status)
        api_hand_out(op, ret_op);
    return status;
}

entc_status entc_repository_list_sql(BaseCacheRepository *repository, const char *sql,
                                     const entc_value *params, size_t count, const entc_call *call,
                                     entc_page **ret_page, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!ret_page)
        return api_refuse_null("ret_page", reterr);
    *ret_page = NULL;
    status = api_refuse_callback(call, reterr);
    if (!status)
        status = submit_sql(repository, sql, params, count, call, true, &op, reterr);
    return status ? status : take_page(op, ret_page, reterr);
}

entc_status entc_relation_new(BaseCacheRepository *parents, BaseCacheRepository *children,
                              const entc_relation_desc *desc, entc_relation **ret_relation,
                              entc_error **reterr)
{
    entc_status status = api_check_repository(parents, reterr);

    if (!status)
        status = api_check_repository(children, reterr);
    if (!status && (!desc || !ret_relation))
        status = api_refuse_null(desc ? "ret_relation" : "desc", reterr);
    if (!status)
        status = api_admit(parents->impl->services->engine, false, reterr);
    return status ? status
                  : relation_new(parents->impl, children->impl, desc, ret_relation, reterr);
}

void entc_relation_free(entc_relation *relation)
{
    relation_unref(relation);
}

static entc_status get_async(entc_relation *relation, const entc_value *parent_keys, size_t count,
                             const entc_page_args *args, size_t args_size, const entc_call *call,
                             entc_op **ret_op, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status =
            submit_pages(relation, parent_keys, count, args, args_size, call, false, &op, reterr);
    if (!status)
        api_hand_out(op, ret_op);
    return status;
}

entc_status entc_relation_key(const entc_relation *relation, const entc_entity *entity,
                              entc_value *ret_key, size_t count)
{
    if (!relation || !entity || !ret_key || count != relation->link.count ||
        entity->type != relation->parents->type)
        return ENTC_E_INVALID;
    relation_key_of(relation, entity, ret_key);
    return ENTC_OK;
}

static entc_status fail_all(entc_status status, entc_page **pages, entc_status *statuses,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pages[i] = NULL;
        if (statuses)
            statuses[i] = status;
    }
    return status;
}

static entc_status get(entc_relation *relation, const entc_value *parent_keys, size_t count,
                       const entc_page_args *args, size_t args_size, const entc_call *call,
                       entc_page **ret_pages, entc_status *ret_statuses, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!ret_pages && count)
        return api_refuse_null("ret_pages", reterr);
    status = api_refuse_callback(call, reterr);
    if (!status)
        status =
            submit_pages(relation, parent_keys, count, args, args_size, call, true, &op, reterr);
    if (status)
        return fail_all(status, ret_pages, ret_statuses, count);
    status = api_wait(op, reterr);
    if (!status)
        status = tell_take(loader_deliver_pages(op, ret_pages, ret_statuses, count), reterr);
    if (status)
        fail_all(status, ret_pages, ret_statuses, count);
    engine_op_unref(op);
    return status;
}

entc_status entc_relation_get_many_async(entc_relation *relation, const entc_value *parent_keys,
                                         size_t count, const entc_page_args *args,
                                         const entc_call *call, entc_op **ret_op,
                                         entc_error **reterr)
{
    return get_async(relation, parent_keys, count, args, 0, call, ret_op, reterr);
}

entc_status entc_relation_get_many(entc_relation *relation, const entc_value *parent_keys,
                                   size_t count, const entc_page_args *args, const entc_call *call,
                                   entc_page **ret_pages, entc_status *ret_statuses,
                                   entc_error **reterr)
{
    return get(relation, parent_keys, count, args, 0, call, ret_pages, ret_statuses, reterr);
}

/* Each element is read where it lies, so the stride must keep it aligned. */
static entc_status check_stride(size_t args_size, entc_error **reterr)
{
    if (args_size >= sizeof(entc_page_args) && args_size <= API_SIZE_ABSURD &&
        args_size % sizeof(void *) == 0)
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument", "args_size is %zu", args_size);
    error_hint(reterr, "set it to sizeof(entc_page_args)");
    return ENTC_E_INVALID;
}

entc_status entc_relation_get_each_async(entc_relation *relation, const entc_value *parent_keys,
                                         size_t count, const entc_page_args *args, size_t args_size,
                                         const entc_call *call, entc_op **ret_op,
                                         entc_error **reterr)
{
    entc_status status = check_stride(args_size, reterr);

    return status ? status
                  : get_async(relation, parent_keys, count, args, args_size, call, ret_op, reterr);
}

entc_status entc_relation_get_each(entc_relation *relation, const entc_value *parent_keys,
                                   size_t count, const entc_page_args *args, size_t args_size,
                                   const entc_call *call, entc_page **ret_pages,
                                   entc_status *ret_statuses, entc_error **reterr)
{
    entc_status status = check_stride(args_size, reterr);

    if (status)
        return ret_pages ? fail_all(status, ret_pages, ret_statuses, count) : status;
    return get(relation, parent_keys, count, args, args_size, call, ret_pages, ret_statuses,
               reterr);
}
