/* Exported: requests. */
#include "api/api.h"
#include "loader/loader.h"

/* Of a thread that waits, with threads that entered and do not. */
#define PATIENCE_US 10000
/* A day: as good as none, and no sum with it overflows. */
#define PATIENCE_MAX_US (INT64_C(24) * 3600 * 1000000)

static entc_status check_peers(const entc_request_options *options, entc_error **reterr)
{
    if (options->peers <= 1 && !options->reserved)
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, "argument",
              "entc_request_options.peers is neither 0 nor 1, or .reserved is not 0");
    error_hint(reterr, "begin with the INIT macro, and set peers to 1 to have them");
    return ENTC_E_INVALID;
}

static entc_status check_times(const entc_request_options *options, entc_error **reterr)
{
    if (options->timeout_us < 0) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "entc_request_options.timeout_us is negative");
        error_hint(reterr, "give microseconds, or 0 for none");
        return ENTC_E_INVALID;
    }
    if (options->patience_us < 0 || options->patience_us > PATIENCE_MAX_US) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "entc_request_options.patience_us is negative, or above a day");
        error_hint(reterr, "give microseconds, or 0 for the default");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

entc_status entc_request_new(entc_engine *engine, const entc_request_options *options,
                             entc_request **ret_request, entc_error **reterr)
{
    entc_request_options complete = ENTC_REQUEST_OPTIONS_INIT;
    int64_t deadline_us = INT64_MAX;
    entc_status status = ENTC_OK;

    if (!engine || !ret_request)
        return api_refuse_null(engine ? "ret_request" : "engine", reterr);
    status = api_admit(engine->engine, false, reterr);
    if (!status && options)
        status = api_copy_sized(&complete, sizeof(complete), options, sizeof(complete),
                                "entc_request_options", reterr);
    if (status)
        return status;
    status = check_times(&complete, reterr);
    if (!status)
        status = check_peers(&complete, reterr);
    if (status)
        return status;
    if (complete.timeout_us && complete.timeout_us < INT64_MAX - engine_now_us(engine->engine))
        deadline_us = engine_now_us(engine->engine) + complete.timeout_us;
    if (!complete.patience_us)
        complete.patience_us = PATIENCE_US;
    return loader_request_new(engine->services, &complete, deadline_us, ret_request, reterr);
}

void entc_request_free(entc_request *request)
{
    loader_request_free(request);
}

static entc_status check_request(const entc_request *request)
{
    if (!request)
        return ENTC_E_INVALID;
    return engine_is_forked(request->engine) ? ENTC_E_FORKED : ENTC_OK;
}

entc_status entc_request_dispatch(entc_request *request)
{
    entc_status status = check_request(request);

    if (!status)
        engine_group_close(&request->group);
    return status;
}

entc_status entc_request_enter(entc_request *request)
{
    entc_status status = check_request(request);

    if (!status)
        engine_group_enter(&request->group);
    return status;
}

entc_status entc_request_leave(entc_request *request)
{
    entc_status status = check_request(request);

    if (!status && !engine_group_leave(&request->group))
        status = ENTC_E_INVALID;
    return status;
}

entc_status entc_request_list(entc_request *request, BaseCacheRepository *repository,
                              const entc_page_args *args, entc_page **ret_page, entc_error **reterr)
{
    entc_call call = ENTC_CALL_INIT;

    if (!request)
        return api_refuse_null("request", reterr);
    call.request = request;
    return entc_repository_list(repository, args, &call, ret_page, reterr);
}

/* Of belongs-to, the parents' keys have to be taken from their entities first. */
static entc_status get_many(entc_relation *relation, const entc_page *parents,
                            const entc_page_args *args, const entc_call *call,
                            entc_page **ret_pages, entc_error **reterr)
{
    const entc_allocator *allocator = engine_allocator(relation->parents->services->engine);
    entc_value *keys = NULL;
    entc_status status = ENTC_OK;

    if (relation->kind != ENTC_RELATION_BELONGS_TO)
        return entc_relation_get_many(relation, parents->ids, parents->count, args, call, ret_pages,
                                      NULL, reterr);
    keys = base_allocate_array(allocator, parents->count, relation->link.count * sizeof(*keys));
    if (!keys)
        return error_no_memory(reterr);
    relation_keys_of_page(relation, parents, keys);
    status =
        entc_relation_get_many(relation, keys, parents->count, args, call, ret_pages, NULL, reterr);
    base_release(allocator, keys);
    return status;
}

static entc_status get_pages(entc_request *request, entc_relation *relation,
                             const entc_page *parents, const entc_page_args *args,
                             entc_page **ret_pages, entc_error **reterr)
{
    entc_call call = ENTC_CALL_INIT;

    if (parents->impl != relation->parents) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "the page holds \"%s\", but the relation \"%s\" starts at \"%s\"",
                  parents->type->name, relation->name, relation->parents->type->name);
        error_hint(reterr, "give a page of the repository that the relation was made with");
        return ENTC_E_INVALID;
    }
    call.request = request;
    return get_many(relation, parents, args, &call, ret_pages, reterr);
}

entc_status entc_request_pages(entc_request *request, entc_relation *relation,
                               const entc_page *parents, const entc_page_args *args,
                               entc_page **ret_pages, size_t capacity, entc_error **reterr)
{
    if (!ret_pages && capacity)
        return api_refuse_null("ret_pages", reterr);
    for (size_t i = 0; i < capacity; i++)
        ret_pages[i] = NULL;
    if (!request || !relation || !parents)
        return api_refuse_null(!request ? "request" : !relation ? "relation" : "parents", reterr);
    if (capacity < parents->count) {
        error_set(reterr, ENTC_E_INVALID, "argument",
                  "capacity is %zu, but the page has %zu parents", capacity, parents->count);
        error_hint(reterr, "give at least entc_page_count(parents) slots");
        return ENTC_E_INVALID;
    }
    return get_pages(request, relation, parents, args, ret_pages, reterr);
}

entc_status entc_request_counters(const entc_request *request, entc_counters *ret_counters)
{
    if (!request || !ret_counters)
        return ENTC_E_INVALID;
    return tally_read(request->tally, ret_counters, NULL);
}

uint64_t entc_request_span(const entc_request *request)
{
    return request ? request->scope.span.id : 0;
}

const char *entc_request_report(entc_request *request)
{
    return request ? loader_request_report(request) : NULL;
}

const char *entc_request_report_text(entc_request *request)
{
    return request ? loader_request_report_text(request) : NULL;
}

entc_status entc_request_assert_max_queries(entc_request *request, uint64_t most,
                                            entc_error **reterr)
{
    if (!request)
        return api_refuse_null("request", reterr);
    return loader_request_assert_max_queries(request, most, reterr);
}
