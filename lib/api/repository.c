/* Exported: BaseCacheRepository. The front door checks, then goes through `ops`, so that an
 * override is honoured from every path; the base slots below are what a NULL slot inherits. */
#include "api/api.h"

#include <string.h>

/* ---- base slots ---- */

static entc_status base_get_many(BaseCacheRepository *repository, const entc_value *ids,
                                 size_t count, const entc_call *call, entc_op **ret_op,
                                 entc_error **reterr)
{
    struct repository_call checked = {0};
    struct entc_repository_impl *impl = NULL;
    entc_status status = api_check_repository(repository, reterr);

    if (status)
        return status;
    if (!ret_op || (!ids && count))
        return api_refuse_null(ret_op ? "ids" : "ret_op", reterr);
    impl = repository->impl;
    status = api_admit(impl->services->engine, false, reterr);
    if (!status)
        status = api_check_call(call, impl->services->engine, impl->services->timeout_us, &checked,
                                reterr);
    return status ? status : repository_get_many(impl, ids, count, &checked, ret_op, reterr);
}

static entc_status base_get_by_id(BaseCacheRepository *repository, const entc_value *id,
                                  const entc_call *call, entc_op **ret_op, entc_error **reterr)
{
    entc_value canonical[SCHEMA_KEY_MAX];
    entc_status status = api_check_repository(repository, reterr);

    if (!status && !id)
        status = api_refuse_null("id", reterr);
    if (!status)
        status = codec_id(repository->impl->type, id, canonical, reterr);
    return status ? status : repository->ops->get_many(repository, id, 1, call, ret_op, reterr);
}

static const BaseCacheRepositoryOps base_ops = {sizeof(BaseCacheRepositoryOps), base_get_by_id,
                                                base_get_many};

const BaseCacheRepositoryOps *entc_repository_base_ops(void)
{
    return &base_ops;
}

/* ---- life ---- */

static entc_status complete_ops(const BaseCacheRepositoryOps *given,
                                BaseCacheRepositoryOps *ret_ops, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    *ret_ops = base_ops;
    if (!given)
        return ENTC_OK;
    /* A table of the first slots alone, or even of none, inherits the others. */
    status = api_copy_sized(ret_ops, sizeof(*ret_ops), given, sizeof(given->struct_size),
                            "BaseCacheRepositoryOps", reterr);
    ret_ops->struct_size = sizeof(*ret_ops);
    if (!ret_ops->get_by_id)
        ret_ops->get_by_id = base_get_by_id;
    if (!ret_ops->get_many)
        ret_ops->get_many = base_get_many;
    return status;
}

entc_status entc_repository_init(BaseCacheRepository *repository, entc_engine *engine,
                                 const entc_model_desc *model, const entc_entity_desc *entity,
                                 const BaseCacheRepositoryOps *ops, entc_error **reterr)
{
    struct entc_repository_impl *impl = NULL;
    BaseCacheRepositoryOps complete;
    entc_status status = ENTC_OK;

    if (!repository)
        return api_refuse_null("repository", reterr);
    memset(repository, 0, sizeof(*repository));
    if (!engine || !model || !entity)
        return api_refuse_null(!engine ? "engine" : !model ? "model" : "entity", reterr);
    status = api_admit(engine->engine, false, reterr);
    if (!status)
        status = complete_ops(ops, &complete, reterr);
    if (!status)
        status = repository_new(engine->services, model, entity, &impl, reterr);
    if (status)
        return status;
    impl->ops = complete;
    impl->owner = repository;
    impl->overrides_get_many = complete.get_many != base_get_many;
    repository->struct_size = sizeof(*repository);
    repository->ops = &impl->ops;
    repository->model = &impl->model->desc;
    repository->entity = &impl->type->desc;
    repository->engine = engine;
    repository->impl = impl;
    return ENTC_OK;
}

void entc_repository_fini(BaseCacheRepository *repository)
{
    struct entc_repository_impl *impl = NULL;

    if (!repository || !repository->impl)
        return;
    impl = repository->impl;
    memset(repository, 0, sizeof(*repository));
    repository_close(impl);
    repository_unref(impl);
}

entc_status entc_repository_new(entc_engine *engine, const entc_model_desc *model,
                                const entc_entity_desc *entity, const BaseCacheRepositoryOps *ops,
                                BaseCacheRepository **ret_repository, entc_error **reterr)
{
    BaseCacheRepository *repository = NULL;
    entc_status status = ENTC_OK;

    if (!ret_repository || !engine)
        return api_refuse_null(engine ? "ret_repository" : "engine", reterr);
    repository = base_allocate_zeroed(&engine->allocator, sizeof(*repository));
    if (!repository)
        return error_no_memory(reterr);
    status = entc_repository_init(repository, engine, model, entity, ops, reterr);
    if (status)
        base_release(&engine->allocator, repository);
    else
        *ret_repository = repository;
    return status;
}

void entc_repository_free(BaseCacheRepository *repository)
{
    entc_allocator allocator;

    if (!repository || !repository->impl)
        return;
    /* The engine's handle may be gone; the type keeps a copy of its allocator. */
    allocator = repository->impl->type->allocator;
    entc_repository_fini(repository);
    base_release(&allocator, repository);
}

/* ---- front door ---- */

static entc_status check_answer(entc_status status, entc_op *op, entc_error **reterr)
{
    if (status > 0 || (status == ENTC_OK && !op)) {
        error_set(reterr, ENTC_E_INVALID, "argument", "an override of the repository answered %s",
                  status > 0 ? "a positive status" : "ENTC_OK without an operation");
        error_hint(reterr, "return a negative status, or ENTC_OK and an operation");
        return ENTC_E_INVALID;
    }
    return status;
}

static entc_status submit_one(BaseCacheRepository *repository, const entc_value *id,
                              const entc_call *call, bool is_blocking, entc_op **ret_op,
                              entc_error **reterr)
{
    entc_status status = api_check_repository(repository, reterr);

    *ret_op = NULL;
    if (!status && !id)
        status = api_refuse_null("id", reterr);
    if (!status)
        status = api_admit(repository->impl->services->engine, is_blocking, reterr);
    if (status)
        return status;
    status = repository->ops->get_by_id(repository, id, call, ret_op, reterr);
    return check_answer(status, *ret_op, reterr);
}

static entc_status submit_many(BaseCacheRepository *repository, const entc_value *ids, size_t count,
                               const entc_call *call, bool is_blocking, entc_op **ret_op,
                               entc_error **reterr)
{
    entc_status status = api_check_repository(repository, reterr);

    *ret_op = NULL;
    if (!status && !ids && count)
        status = api_refuse_null("ids", reterr);
    if (!status)
        status = api_admit(repository->impl->services->engine, is_blocking, reterr);
    if (status)
        return status;
    status = repository->ops->get_many(repository, ids, count, call, ret_op, reterr);
    return check_answer(status, *ret_op, reterr);
}

entc_status entc_repository_get_by_id_async(BaseCacheRepository *repository, const entc_value *id,
                                            const entc_call *call, entc_op **ret_op,
                                            entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status = submit_one(repository, id, call, false, &op, reterr);
    if (!status)
        api_hand_out(op, ret_op);
    return status;
}

/* An override may not have looked at the struct's size. */
static entc_request *request_of(const entc_call *call)
{
    return call && call->struct_size >= sizeof(*call) ? call->request : NULL;
}

/* An override's operation may be of another repository, or of none; the caller asked this one. */
static entc_status deliver_one(BaseCacheRepository *repository, entc_op *op, const entc_call *call,
                               entc_entity **ret_entity, entc_error **reterr)
{
    entc_status slot = ENTC_OK;
    entc_status status =
        repository_op_deliver(op, request_of(call), repository->impl, ret_entity, &slot, 1);

    if (!status && slot == ENTC_E_FORBIDDEN)
        error_set(reterr, slot, "engine", "the request's authorize callback denied entity '%s'",
                  repository->impl->type->name);
    return status ? status : slot;
}

entc_status entc_repository_get_by_id(BaseCacheRepository *repository, const entc_value *id,
                                      const entc_call *call, entc_entity **ret_entity,
                                      entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!ret_entity)
        return api_refuse_null("ret_entity", reterr);
    *ret_entity = NULL;
    status = api_refuse_callback(call, reterr);
    if (!status)
        status = submit_one(repository, id, call, true, &op, reterr);
    if (status)
        return status;
    status = api_wait(op, reterr);
    if (!status)
        status = deliver_one(repository, op, call, ret_entity, reterr);
    engine_op_unref(op);
    return status;
}

entc_status entc_repository_get_many_async(BaseCacheRepository *repository, const entc_value *ids,
                                           size_t count, const entc_call *call, entc_op **ret_op,
                                           entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status = submit_many(repository, ids, count, call, false, &op, reterr);
    if (!status)
        api_hand_out(op, ret_op);
    return status;
}

entc_status entc_repository_get_many(BaseCacheRepository *repository, const entc_value *ids,
                                     size_t count, const entc_call *call,
                                     entc_entity **ret_entities, entc_status *ret_statuses,
                                     entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!ret_entities && count)
        return api_refuse_null("ret_entities", reterr);
    status = api_refuse_callback(call, reterr);
    if (!status)
        status = submit_many(repository, ids, count, call, true, &op, reterr);
    if (status)
        return api_fail_all(status, ret_entities, ret_statuses, count);
    status = api_wait(op, reterr);
    if (!status) {
        status = repository_op_deliver(op, request_of(call), repository->impl, ret_entities,
                                       ret_statuses, count);
        if (status)
            error_set(reterr, status, "argument",
                      "an override of get_many answered another number of entities");
    }
    if (status)
        api_fail_all(status, ret_entities, ret_statuses, count);
    engine_op_unref(op);
    return status;
}

static entc_status check_int64_key(const struct schema_type *type, entc_error **reterr)
{
    const struct schema_field *key = &type->fields[type->key_fields[0]];

    if (type->key_count == 1 && key->type == ENTC_INT64)
        return ENTC_OK;
    if (type->key_count > 1)
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "entity \"%s\": its key has %u fields, not one INT64", type->name,
                  (unsigned)type->key_count);
    else
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "entity \"%s\": its key \"%s\" is of type %s, not INT64", type->name, key->name,
                  schema_type_name(key->type));
    error_hint(reterr, "call entc_repository_get_many() with values of the key's types");
    return ENTC_E_INVALID;
}

entc_status entc_repository_get_many_int64(BaseCacheRepository *repository, const int64_t *ids,
                                           size_t count, const entc_call *call,
                                           entc_entity **ret_entities, entc_status *ret_statuses,
                                           entc_error **reterr)
{
    entc_value *values = NULL;
    const entc_allocator *allocator = NULL;
    entc_status status = api_check_repository(repository, reterr);

    if (!status && ((!ids || !ret_entities) && count))
        status = api_refuse_null(ids ? "ret_entities" : "ids", reterr);
    if (status)
        return status;
    status = check_int64_key(repository->impl->type, reterr);
    if (status)
        return api_fail_all(status, ret_entities, ret_statuses, count);
    allocator = &repository->impl->type->allocator;
    values = base_allocate_array(allocator, count, sizeof(*values));
    if (!values)
        return api_fail_all(error_no_memory(reterr), ret_entities, ret_statuses, count);
    for (size_t i = 0; i < count; i++)
        entc_value_int64(&values[i], ids[i]);
    status = entc_repository_get_many(repository, values, count, call, ret_entities, ret_statuses,
                                      reterr);
    base_release(allocator, values);
    return status;
}
