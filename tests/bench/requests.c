/* What a request costs: the main query in a request, without one, and with its report; and by
 * single loads, as resolvers ask, against the calls that ask for a level at once. */
#include "bench.h"

typedef struct Record {
    int64_t id;
} Record; /* as every record of the cases begins */

static void take_pages(entc_page *top, entc_page **pages, int64_t count)
{
    bench_require(entc_page_count(top) == (size_t)count && entc_page_record(top, 0), "query");
    for (int64_t i = 0; i < count; i++) {
        bench_require(entc_page_count(pages[i]) == 2 && entc_page_record(pages[i], 1), "query");
        entc_page_unref(pages[i]);
    }
    entc_page_unref(top);
}

/* The main query, level by level. With a request, or without one: nothing is counted then but for
 * the engine. */
static void query_in(struct bench *bench, entc_request *request)
{
    static entc_page *pages[BENCH_BATCH_MAX];
    const entc_page_args first = ENTC_FIRST((int32_t)bench->parents);
    const entc_page_args two = ENTC_FIRST(2);
    entc_call call = ENTC_CALL_INIT;
    entc_page *top = NULL;
    entc_error *error = NULL;

    call.request = request;
    bench_require_ok(entc_repository_list(bench->campaigns, &first, &call, &top, &error), error,
                     "query");
    for (int64_t i = 0; i < bench->parents; i++)
        entc_page_id(top, (size_t)i, 0, &bench->values[i]);
    bench_require_ok(entc_relation_get_many(bench->campaign_events, bench->values,
                                            (size_t)bench->parents, &two, &call, pages, NULL,
                                            &error),
                     error, "query");
    take_pages(top, pages, bench->parents);
}

static entc_request *open_request(struct bench *bench)
{
    entc_request *request = NULL;
    entc_error *error = NULL;

    bench_require_ok(entc_request_new(bench->engine, NULL, &request, &error), error, "request");
    return request;
}

void bench_query(struct bench *bench)
{
    entc_request *request = open_request(bench);

    query_in(bench, request);
    entc_request_free(request);
}

void bench_query_without_request(struct bench *bench)
{
    query_in(bench, NULL);
}

void bench_query_with_report(struct bench *bench)
{
    entc_request *request = open_request(bench);

    query_in(bench, request);
    bench_require(entc_request_report(request) != NULL, "report");
    entc_request_free(request);
}

/* The main query as single resolvers ask it: a load for each campaign, begun before the first one
 * is waited for. */
void bench_query_by_loads(struct bench *bench)
{
    static entc_page *pages[BENCH_BATCH_MAX];
    static entc_op *ops[BENCH_BATCH_MAX];
    const entc_page_args first = ENTC_FIRST((int32_t)bench->parents);
    const entc_page_args two = ENTC_FIRST(2);
    entc_request *request = open_request(bench);
    entc_page *top = NULL;
    entc_loader *loader = NULL;
    entc_value id;
    entc_error *error = NULL;

    bench_require_ok(entc_request_list(request, bench->campaigns, &first, &top, &error), error,
                     "loads");
    for (int64_t i = 0; i < bench->parents; i++) {
        entc_page_id(top, (size_t)i, 0, &id);
        bench_require_ok(
            entc_request_relation_loader(request, bench->campaign_events, &two, &loader, &error),
            error, "loads");
        bench_require_ok(entc_loader_load(loader, &id, NULL, &ops[i], &error), error, "loads");
    }
    for (int64_t i = 0; i < bench->parents; i++) {
        entc_op_wait(ops[i], -1);
        bench_require_ok(entc_op_take_pages(ops[i], &pages[i], 1), entc_op_error(ops[i]), "loads");
        entc_op_unref(ops[i]);
    }
    take_pages(top, pages, bench->parents);
    entc_request_free(request);
}

/* Single entities, each asked for on its own, against one get_many of all. */
void bench_loads(struct bench *bench)
{
    static entc_op *ops[BENCH_BATCH_MAX];
    entc_request *request = open_request(bench);
    entc_loader *loader = NULL;
    entc_entity *entity = NULL;
    entc_value id;
    entc_error *error = NULL;

    bench_draw_ids(bench);
    bench_require_ok(entc_request_loader(request, bench->events, &loader, &error), error, "loads");
    for (size_t i = 0; i < bench->batch; i++) {
        entc_value_int64(&id, bench->ids[i]);
        bench_require_ok(entc_loader_load(loader, &id, NULL, &ops[i], &error), error, "loads");
    }
    for (size_t i = 0; i < bench->batch; i++) {
        entc_op_wait(ops[i], -1);
        bench_require_ok(entc_op_take_entity(ops[i], &entity), entc_op_error(ops[i]), "loads");
        bench_require(((const Record *)entc_entity_record(entity))->id == bench->ids[i], "loads");
        entc_entity_unref(entity);
        entc_op_unref(ops[i]);
    }
    entc_request_free(request);
}
