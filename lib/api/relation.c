/* Exported: lists, relations and pages. */
#include "relation/relation.h"
#include "api/api.h"

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
                                size_t count, const entc_page_args *args, const entc_call *call,
                                bool is_blocking, entc_op **ret_op, entc_error **reterr)
{
    struct repository_call checked = {0};
    struct repository_services *services = NULL;
    entc_status status = ENTC_OK;

    if (!relation || !args || (!parent_keys && count))
        return api_refuse_null(!relation ? "relation" : !args ? "args" : "parent_keys", reterr);
    services = relation->children->services;
    status = api_admit(services->engine, is_blocking, reterr);
    if (!status)
        status = api_check_call(call, services->engine, services->timeout_us, &checked, reterr);
    return status ? status
                  : relation_pages(relation, parent_keys, count, args, &checked, ret_op, reterr);
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
    if (status)
        return status;
    status = api_wait(op, reterr);
    if (!status)
        status = relation_op_take(op, ret_page, NULL, 1);
    engine_op_unref(op);
    return status;
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

entc_status entc_relation_get_many_async(entc_relation *relation, const entc_value *parent_keys,
                                         size_t count, const entc_page_args *args,
                                         const entc_call *call, entc_op **ret_op,
                                         entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status = submit_pages(relation, parent_keys, count, args, call, false, &op, reterr);
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

entc_status entc_relation_get_many(entc_relation *relation, const entc_value *parent_keys,
                                   size_t count, const entc_page_args *args, const entc_call *call,
                                   entc_page **ret_pages, entc_status *ret_statuses,
                                   entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!ret_pages && count)
        return api_refuse_null("ret_pages", reterr);
    status = api_refuse_callback(call, reterr);
    if (!status)
        status = submit_pages(relation, parent_keys, count, args, call, true, &op, reterr);
    if (status)
        return fail_all(status, ret_pages, ret_statuses, count);
    status = api_wait(op, reterr);
    if (!status)
        status = relation_op_take(op, ret_pages, ret_statuses, count);
    if (status)
        fail_all(status, ret_pages, ret_statuses, count);
    engine_op_unref(op);
    return status;
}

entc_page *entc_page_ref(entc_page *page)
{
    return relation_page_ref(page);
}

void entc_page_unref(entc_page *page)
{
    relation_page_unref(page);
}

size_t entc_page_count(const entc_page *page)
{
    return page ? page->count : 0;
}

int32_t entc_page_has_next(const entc_page *page)
{
    return page ? page->has_next : 0;
}

entc_status entc_page_id(const entc_page *page, size_t index, size_t part, entc_value *ret_id)
{
    if (!page || !ret_id || index >= page->count || part >= page->type->key_count)
        return ENTC_E_INVALID;
    *ret_id = page->ids[index * page->type->key_count + part];
    return ENTC_OK;
}

entc_entity *entc_page_entity(const entc_page *page, size_t index)
{
    return page && index < page->count ? page->entities[index] : NULL;
}

const void *entc_page_record(const entc_page *page, size_t index)
{
    return entc_entity_record(entc_page_entity(page, index));
}

entc_status entc_page_status(const entc_page *page, size_t index)
{
    return page && index < page->count ? page->statuses[index] : ENTC_E_INVALID;
}
