/* The request scope: what one GraphQL request may take, and what it cost. Refcounted, because
 * operations that outlive it still count into it. */
#include "loader/loader.h"

#include <inttypes.h>

struct loader_request {
    struct entc_request head; /* first */
    int64_t begun_us;
    struct buffer report;
    struct buffer text;
};

static void request_destroy(struct entc_request *request)
{
    struct loader_request *mine = BASE_CONTAINER(request, struct loader_request, head);
    struct engine *engine = request->engine;
    entc_allocator allocator = *engine_allocator(engine);

    buffer_fini(&mine->report);
    buffer_fini(&mine->text);
    ledger_unref(request->ledger);
    tally_unref(request->tally);
    tally_unref(request->engine_tally);
    base_release(&allocator, mine);
    engine_unref(engine);
}

static void init(struct loader_request *request, struct repository_services *services,
                 const entc_request_options *options)
{
    const entc_allocator *allocator = engine_allocator(services->engine);

    atomic_init(&request->head.references, 1);
    atomic_init(&request->head.is_freed, false);
    request->head.engine = engine_ref(services->engine);
    request->head.engine_tally = tally_ref(services->tally);
    request->head.authorize = options->authorize;
    request->head.user = options->user;
    request->head.destroy = request_destroy;
    request->begun_us = engine_now_us(services->engine);
    /* The engine owns its allocator; the reference above keeps it. */
    buffer_init(&request->report, allocator);
    buffer_init(&request->text, allocator);
}

entc_status loader_request_new(struct repository_services *services,
                               const entc_request_options *options, int64_t deadline_us,
                               struct entc_request **ret_request, entc_error **reterr)
{
    const entc_allocator *allocator = engine_allocator(services->engine);
    const uint64_t limits[LEDGER_LIMITS] = {
        [LEDGER_SQL_QUERIES] = options->max_sql_queries,
        [LEDGER_REDIS_COMMANDS] = options->max_redis_commands,
        [LEDGER_ROWS] = options->max_rows,
    };
    struct loader_request *request = base_allocate_zeroed(allocator, sizeof(*request));

    if (!request)
        return error_no_memory(reterr);
    init(request, services, options);
    request->head.deadline_us = deadline_us;
    request->head.tally = tally_new(allocator);
    if (request->head.tally)
        request->head.ledger = ledger_new(allocator, request->head.tally, limits);
    if (!request->head.ledger) {
        request_destroy(&request->head);
        return error_no_memory(reterr);
    }
    *ret_request = &request->head;
    return ENTC_OK;
}

void loader_request_free(struct entc_request *request)
{
    if (!request)
        return;
    atomic_store(&request->is_freed, true);
    repository_request_unref(request);
}

/* ---- reports ---- */

static int64_t elapsed_us(const struct loader_request *request)
{
    return engine_now_us(request->head.engine) - request->begun_us;
}

const char *loader_request_report(struct entc_request *request)
{
    struct loader_request *mine = BASE_CONTAINER(request, struct loader_request, head);

    if (!ledger_report(request->ledger, elapsed_us(mine), &mine->report))
        return NULL;
    return buffer_text(&mine->report);
}

const char *loader_request_report_text(struct entc_request *request)
{
    struct loader_request *mine = BASE_CONTAINER(request, struct loader_request, head);

    if (!ledger_report_text(request->ledger, elapsed_us(mine), &mine->text))
        return NULL;
    return buffer_text(&mine->text);
}

entc_status loader_request_assert_max_queries(struct entc_request *request, uint64_t most,
                                              entc_error **reterr)
{
    const uint64_t queries =
        atomic_load_explicit(&request->tally->counts[TALLY_SQL_QUERIES], memory_order_relaxed);
    char story[400];

    if (queries <= most)
        return ENTC_OK;
    ledger_story(request->ledger, story, sizeof(story));
    error_set(reterr, ENTC_E_LIMIT, "engine",
              "the request ran %" PRIu64 " SQL queries, more than %" PRIu64 " (%s)", queries, most,
              story);
    error_hint(reterr, "entc_request_report_text() says why, and which look like an n+1");
    return ENTC_E_LIMIT;
}
