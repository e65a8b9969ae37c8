/* Exported: loaders, and what a request loads by them. */
#include "loader/loader.h"
#include "api/api.h"

#include <string.h>

/* Above it a sum with the clock could overflow; a day is as good as none. */
#define WINDOW_MAX_US (INT64_C(24) * 3600 * 1000000)
#define FLAGS_KNOWN (ENTC_LOADER_NO_BATCHING | ENTC_LOADER_NO_MEMO)
#define NAME_MAX_BYTES 200

/* ---- life ---- */

static entc_status refuse_option(const char *what, const char *cure, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument", "entc_loader_options.%s", what);
    error_hint(reterr, "%s", cure);
    return ENTC_E_INVALID;
}

static entc_status check_options(const entc_loader_options *options, entc_error **reterr)
{
    if (options->max_batch == 0)
        return refuse_option("max_batch is 0", "give 1 or more, or begin with the INIT macro",
                             reterr);
    if (options->key_parts > ENTC_LOADER_KEY_PARTS_MAX)
        return refuse_option("key_parts is above 32", "give the values that make one key", reterr);
    if (options->window_us < 0 || options->window_us > WINDOW_MAX_US)
        return refuse_option("window_us is negative, or above a day",
                             "give microseconds, or 0 for none", reterr);
    if (options->flags & ~FLAGS_KNOWN || options->reserved)
        return refuse_option("flags or .reserved has a bit that is none", "use ENTC_LOADER_...",
                             reterr);
    if (options->name && (strlen(options->name) > NAME_MAX_BYTES ||
                          !text_is_utf8(options->name, strlen(options->name))))
        return refuse_option("name is not UTF-8, or above 200 bytes", "give a short name", reterr);
    return ENTC_OK;
}

static struct loader_settings settings_of(const entc_loader_options *options,
                                          entc_loader_batch_fn function, void *user)
{
    return (struct loader_settings){
        .name = options->name ? options->name : "loader",
        .max_batch = options->flags & ENTC_LOADER_NO_BATCHING ? 1 : options->max_batch,
        .parts = options->key_parts ? options->key_parts : 1,
        .window_us = options->window_us,
        .has_memo = !(options->flags & ENTC_LOADER_NO_MEMO),
        .function = function,
        .schedule = options->schedule,
        .destroy = options->destroy,
        .user = user};
}

entc_status entc_loader_new(entc_request *request, entc_loader_batch_fn function, void *user,
                            const entc_loader_options *options, entc_loader **ret_loader,
                            entc_error **reterr)
{
    entc_loader_options complete = ENTC_LOADER_OPTIONS_INIT;
    struct loader_settings settings;
    entc_status status = ENTC_OK;

    if (!request || !function || !ret_loader)
        return api_refuse_null(!request    ? "request"
                               : !function ? "function"
                                           : "ret_loader",
                               reterr);
    status = api_admit(request->engine, false, reterr);
    if (!status && options)
        status = api_copy_sized(&complete, sizeof(complete), options, sizeof(complete),
                                "entc_loader_options", reterr);
    if (!status)
        status = check_options(&complete, reterr);
    if (status)
        return status;
    settings = settings_of(&complete, function, user);
    return loader_new(request, &settings, ret_loader, reterr);
}

void entc_loader_free(entc_loader *loader)
{
    loader_free(loader);
}

const char *entc_loader_name(const entc_loader *loader)
{
    return loader ? loader_name(loader) : "";
}

/* ---- loading ---- */

static entc_status submit(entc_loader *loader, const entc_value *keys, size_t count, bool is_one,
                          const entc_call *call, bool is_blocking, entc_op **ret_op,
                          entc_error **reterr)
{
    struct repository_services *services = NULL;
    struct repository_call checked = {0};
    entc_status status = ENTC_OK;

    if (!loader || (!keys && count))
        return api_refuse_null(loader ? (is_one ? "key" : "keys") : "loader", reterr);
    services = loader_services(loader);
    status = api_admit(services->engine, is_blocking, reterr);
    if (!status)
        status = api_check_call(call, services->engine, services->timeout_us, &checked, reterr);
    if (!status && checked.request && checked.request != loader_request(loader)) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "entc_call.request is another request than the loader's");
        error_hint(reterr, "leave it NULL: a load counts in its loader's request");
        status = ENTC_E_INVALID;
    }
    return status ? status : loader_load(loader, keys, count, is_one, &checked, ret_op, reterr);
}

entc_status entc_loader_load(entc_loader *loader, const entc_value *key, const entc_call *call,
                             entc_op **ret_op, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status = submit(loader, key, 1, true, call, false, &op, reterr);
    if (!status)
        api_hand_out(op, ret_op);
    return status;
}

entc_status entc_loader_load_many(entc_loader *loader, const entc_value *keys, size_t count,
                                  const entc_call *call, entc_op **ret_op, entc_error **reterr)
{
    entc_op *op = NULL;
    entc_status status = api_check_async(call, ret_op, reterr);

    if (!status)
        status = submit(loader, keys, count, false, call, false, &op, reterr);
    if (!status)
        api_hand_out(op, ret_op);
    return status;
}

static entc_status check_done(const entc_op *op)
{
    if (!op || loader_op_count(op) == SIZE_MAX || loader_op_is_guarded(op))
        return ENTC_E_INVALID;
    return engine_op_is_done(op) ? ENTC_OK : ENTC_E_AGAIN;
}

entc_status entc_op_values(const entc_op *op, void **ret_values, entc_status *ret_statuses,
                           size_t count)
{
    entc_status status = ret_values || !count ? check_done(op) : ENTC_E_INVALID;

    if (!status)
        return loader_op_values(op, ret_values, ret_statuses, count);
    for (size_t i = 0; ret_values && i < count; i++) {
        ret_values[i] = NULL;
        if (ret_statuses)
            ret_statuses[i] = status;
    }
    return status;
}

entc_status entc_op_value(const entc_op *op, void **ret_value)
{
    entc_status slot = ENTC_OK;
    entc_status status = entc_op_values(op, ret_value, &slot, 1);

    return status ? status : slot;
}

/* ---- the memo ---- */

static entc_status check_loader(const entc_loader *loader, const entc_value *key,
                                entc_error **reterr)
{
    if (!loader || !key)
        return api_refuse_null(loader ? "key" : "loader", reterr);
    return api_admit(loader_services(loader)->engine, false, reterr);
}

entc_status entc_loader_prime(entc_loader *loader, const entc_value *key, void *value,
                              entc_status status, entc_error **reterr)
{
    entc_status refused = check_loader(loader, key, reterr);

    if (!refused && (status > 0 || status == ENTC_E_AGAIN)) {
        error_set(reterr, ENTC_E_INVALID, "argument", "status is %d", (int)status);
        error_hint(reterr, "prime with ENTC_OK, or with a negative status that ends a load");
        refused = ENTC_E_INVALID;
    }
    if (!refused)
        return loader_prime(loader, key, value, status, reterr);
    if (loader)
        loader_give_back(loader, value);
    return refused;
}

entc_status entc_loader_prime_pending(entc_loader *loader, const entc_value *key,
                                      entc_loader_batch **ret_batch, entc_error **reterr)
{
    entc_status status = ret_batch ? ENTC_OK : api_refuse_null("ret_batch", reterr);

    if (!status)
        status = check_loader(loader, key, reterr);
    return status ? status : loader_prime_pending(loader, key, ret_batch, reterr);
}

entc_status entc_loader_clear(entc_loader *loader, const entc_value *key, entc_error **reterr)
{
    entc_status status = check_loader(loader, key, reterr);

    return status ? status : loader_clear(loader, key, reterr);
}

entc_status entc_loader_clear_all(entc_loader *loader)
{
    if (!loader)
        return ENTC_E_INVALID;
    loader_clear_all(loader);
    return ENTC_OK;
}

entc_status entc_loader_dispatch(entc_loader *loader)
{
    if (!loader)
        return ENTC_E_INVALID;
    if (engine_is_forked(loader_services(loader)->engine))
        return ENTC_E_FORKED;
    loader_dispatch(loader);
    return ENTC_OK;
}

/* ---- answering ---- */

entc_status entc_loader_batch_resolve(entc_loader_batch *batch, void *const *values,
                                      const entc_status *statuses, size_t count,
                                      entc_error **reterr)
{
    if (!batch)
        return api_refuse_null("batch", reterr);
    return loader_batch_resolve(batch, values, statuses, count, reterr);
}

entc_status entc_loader_batch_reject(entc_loader_batch *batch, entc_status status,
                                     const char *message, entc_error **reterr)
{
    if (!batch)
        return api_refuse_null("batch", reterr);
    if (status >= 0 || status == ENTC_E_AGAIN) {
        error_set(reterr, ENTC_E_INVALID, "argument", "status is %d", (int)status);
        error_hint(reterr, "reject with a negative status that ends a load");
        return ENTC_E_INVALID;
    }
    return loader_batch_reject(batch, status, message, reterr);
}

/* ---- of a request ---- */

static entc_status refuse_stranger(const char *what, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument", "the %s is of another engine than the request",
              what);
    error_hint(reterr, "open the request on the %s's engine", what);
    return ENTC_E_INVALID;
}

static entc_status find_entities(entc_request *request, BaseCacheRepository *repository,
                                 bool is_blocking, entc_loader **ret_loader, entc_error **reterr)
{
    entc_status status =
        request ? api_check_repository(repository, reterr) : api_refuse_null("request", reterr);

    if (!status)
        status = api_admit(request->engine, is_blocking, reterr);
    if (!status && repository->impl->services->engine != request->engine)
        status = refuse_stranger("repository", reterr);
    return status ? status : loader_of_entities(request, repository->impl, ret_loader, reterr);
}

static entc_status find_pages(entc_request *request, entc_relation *relation,
                              const entc_page_args *args, bool is_blocking,
                              entc_loader **ret_loader, entc_error **reterr)
{
    entc_status status = ENTC_OK;

    if (!request || !relation)
        return api_refuse_null(request ? "relation" : "request", reterr);
    status = api_admit(request->engine, is_blocking, reterr);
    if (!status && relation->children->services->engine != request->engine)
        status = refuse_stranger("relation", reterr);
    return status ? status : loader_of_pages(request, relation, args, ret_loader, reterr);
}

entc_status entc_request_loader(entc_request *request, BaseCacheRepository *repository,
                                entc_loader **ret_loader, entc_error **reterr)
{
    if (!ret_loader)
        return api_refuse_null("ret_loader", reterr);
    return find_entities(request, repository, false, ret_loader, reterr);
}

entc_status entc_request_relation_loader(entc_request *request, entc_relation *relation,
                                         const entc_page_args *args, entc_loader **ret_loader,
                                         entc_error **reterr)
{
    if (!ret_loader)
        return api_refuse_null("ret_loader", reterr);
    return find_pages(request, relation, args, false, ret_loader, reterr);
}

entc_status entc_request_get_by_id(entc_request *request, BaseCacheRepository *repository,
                                   const entc_value *id, entc_entity **ret_entity,
                                   entc_error **reterr)
{
    entc_loader *loader = NULL;
    entc_op *op = NULL;
    entc_status status = ENTC_OK;

    if (!ret_entity)
        return api_refuse_null("ret_entity", reterr);
    *ret_entity = NULL;
    status = find_entities(request, repository, true, &loader, reterr);
    if (!status)
        status = submit(loader, id, 1, true, NULL, true, &op, reterr);
    if (status)
        return status;
    status = api_wait(op, reterr);
    if (!status)
        status = entc_op_take_entity(op, ret_entity);
    engine_op_unref(op);
    return status;
}

/* The page of one key; `entity`: whose it is, NULL: of whoever has that id. */
static entc_status load_page(entc_loader *loader, const entc_value *key,
                             const struct entc_entity *entity, entc_page **ret_page,
                             entc_error **reterr)
{
    const struct repository_services *services = loader_services(loader);
    struct repository_call call = {0};
    entc_op *op = NULL;
    entc_status status =
        api_check_call(NULL, services->engine, services->timeout_us, &call, reterr);

    if (status)
        return status;
    loader_load_peers(loader, key, entity, &call);
    status = loader_load(loader, key, 1, true, &call, &op, reterr);
    if (status)
        return status;
    status = api_wait(op, reterr);
    if (!status)
        status = entc_op_take_pages(op, ret_page, 1);
    engine_op_unref(op);
    return status;
}

entc_status entc_request_children(entc_request *request, entc_relation *relation,
                                  const entc_value *parent_id, const entc_page_args *args,
                                  entc_page **ret_page, entc_error **reterr)
{
    entc_loader *loader = NULL;
    entc_status status = ENTC_OK;

    if (!ret_page)
        return api_refuse_null("ret_page", reterr);
    *ret_page = NULL;
    if (!parent_id)
        return api_refuse_null("parent_id", reterr);
    status = find_pages(request, relation, args, true, &loader, reterr);
    return status ? status : load_page(loader, parent_id, NULL, ret_page, reterr);
}

static entc_status refuse_entity(const entc_relation *relation, const struct entc_entity *entity,
                                 entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument",
              "the entity is a \"%s\", but the relation \"%s\" starts at \"%s\"",
              entity->type->name, relation->name, relation->parents->type->name);
    error_hint(reterr, "give an entity of the repository that the relation was made with");
    return ENTC_E_INVALID;
}

entc_status entc_request_related(entc_request *request, entc_relation *relation,
                                 const entc_entity *entity, const entc_page_args *args,
                                 entc_page **ret_page, entc_error **reterr)
{
    entc_value key[ENTC_LOADER_KEY_PARTS_MAX];
    entc_loader *loader = NULL;
    entc_status status = ENTC_OK;

    if (!ret_page)
        return api_refuse_null("ret_page", reterr);
    *ret_page = NULL;
    if (!entity)
        return api_refuse_null("entity", reterr);
    status = find_pages(request, relation, args, true, &loader, reterr);
    if (!status && entity->type != relation->parents->type)
        status = refuse_entity(relation, entity, reterr);
    if (status)
        return status;
    relation_key_of(relation, entity, key);
    return load_page(loader, key, entity, ret_page, reterr);
}
