/* The request scope: what one GraphQL request may take, and what it cost. Refcounted, because
 * operations and loaders outlive the handle; freeing the handle ends what is under way.
 *
 * Loaders of one request close together: what they collected goes to one list, which the driver
 * sends in one go, so that the commands of all repositories leave together. */
#include "loader/internal.h"

#include <inttypes.h>

static void run_send(struct engine_task *task);
static void run_end(struct engine_task *task);
static void close_all(struct engine_group *group);
static void unref_by_group(struct engine_group *group);

static struct loader_request *request_of(struct entc_request *request)
{
    return BASE_CONTAINER(request, struct loader_request, head);
}

static struct loader_request *request_of_group(struct engine_group *group)
{
    return request_of(BASE_CONTAINER(group, struct entc_request, group));
}

/* ---- life ---- */

static void tell_begin(struct loader_request *request)
{
    struct events *events = request->services->events;

    if (!events)
        return;

    const struct event_span what = {.kind = ENTC_SPAN_REQUEST, .begin_us = request->begun_us};
    event_scope_begin(events, &request->head.scope, &what);
}

/* In a forked child the span is the parent's. */
static void tell_end(struct loader_request *request)
{
    struct engine *engine = request->head.engine;

    if (!request->head.scope.span.id || engine_is_forked(engine))
        return;

    entc_event event = {.status = ENTC_OK};
    event.time_us = engine_now_us(engine);
    event_scope_end(request->services->events, &request->head.scope, &event);
}

static void request_destroy(struct entc_request *request)
{
    struct loader_request *mine = request_of(request);
    struct repository_services *services = mine->services;
    struct engine *engine = request->engine;
    entc_allocator allocator = *engine_allocator(engine);

    tell_end(mine);
    buffer_fini(&mine->report);
    buffer_fini(&mine->text);
    loader_peers_fini(&mine->peers);
    ledger_unref(request->ledger);
    tally_unref(request->tally);
    tally_unref(request->engine_tally);
    if (!engine_is_forked(engine))
        pthread_mutex_destroy(&mine->lock);
    base_release(&allocator, mine);
    repository_services_unref(services);
    engine_unref(engine);
}

static void init(struct loader_request *request, struct repository_services *services,
                 const entc_request_options *options)
{
    struct engine *engine = services->engine;

    atomic_init(&request->head.references, 1);
    atomic_init(&request->head.is_freed, false);
    request->head.engine = engine_ref(engine);
    request->head.engine_tally = tally_ref(services->tally);
    request->head.authorize = options->authorize;
    request->head.user = options->user;
    request->head.destroy = request_destroy;
    engine_group_init(&request->head.group, engine, close_all, unref_by_group);
    request->head.group.patience_us = options->patience_us;
    request->services = repository_services_ref(services);
    request->begun_us = engine_now_us(engine);
    request->schedule = options->schedule;
    request->has_peers = options->peers != 0;
    pthread_mutex_init(&request->lock, NULL);
    loader_peers_init(&request->peers, engine_allocator(engine));
    list_init(&request->loaders);
    list_init(&request->ready);
    request->send_task.run = run_send;
    request->end_task.run = run_end;
    /* The engine owns its allocator; the reference above keeps it. */
    buffer_init(&request->report, engine_allocator(engine));
    buffer_init(&request->text, engine_allocator(engine));
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
    tell_begin(request);
    *ret_request = &request->head;
    return ENTC_OK;
}

/* Takes the first loader out of the scope; the request's own go with it. False when none is left.
 */
static bool close_one(struct loader_request *request)
{
    struct entc_loader *loader = NULL;
    struct loader_memo memo;
    struct list handles;
    bool is_own = false;

    list_init(&handles);
    loader_lock(request);
    if (list_is_empty(&request->loaders)) {
        loader_unlock(request);
        return false;
    }
    loader = loader_ref(BASE_CONTAINER(request->loaders.next, struct entc_loader, link));
    is_own = loader->impl != NULL;
    loader_close_locked(loader, &handles, &memo);
    loader_batch_close_locked(loader);
    loader_unlock(request);
    loader_drop(loader, &handles, &memo);
    loader_unref(loader);
    if (is_own)
        loader_unref(loader);
    return true;
}

/* [driver] */
static void run_end(struct engine_task *task)
{
    struct loader_request *request = BASE_CONTAINER(task, struct loader_request, end_task);

    engine_group_end(&request->head.group, ENTC_E_CANCELLED,
                     "was under way when its request was freed");
    /* Nobody waits for what was collected: this only lets go of it. */
    loader_send_ready(request);
    repository_request_unref(&request->head);
}

void loader_request_free(struct entc_request *base)
{
    struct loader_request *request = base ? request_of(base) : NULL;

    if (!request)
        return;
    atomic_store(&base->is_freed, true);
    while (close_one(request))
        continue;
    loader_peers_forget(request);
    /* Operations and batches hold a reference each: without one, nothing is left to be ended, and
     * no driver is woken for it. A forked child has no driver that would run it. */
    if (atomic_load(&base->references) > 1 && !engine_is_forked(base->engine)) {
        repository_request_ref(base);
        engine_post(base->engine, &request->end_task);
    }
    repository_request_unref(base);
}

void loader_lock(struct loader_request *request)
{
    if (!engine_is_forked(request->head.engine))
        pthread_mutex_lock(&request->lock);
}

void loader_unlock(struct loader_request *request)
{
    if (!engine_is_forked(request->head.engine))
        pthread_mutex_unlock(&request->lock);
}

/* ---- closing ---- */

/* [driver] */
static void close_all(struct engine_group *group)
{
    struct loader_request *request = request_of_group(group);
    const struct list *first = &request->loaders;

    loader_lock(request);
    for (struct list *link = first->next; link != first; link = link->next) {
        loader_batch_close_locked(BASE_CONTAINER(link, struct entc_loader, link));
    }
    loader_unlock(request);
    loader_send_ready(request);
}

static void unref_by_group(struct engine_group *group)
{
    repository_request_unref(&request_of_group(group)->head);
}

/* [driver] */
static void run_send(struct engine_task *task)
{
    struct loader_request *request = BASE_CONTAINER(task, struct loader_request, send_task);

    loader_lock(request);
    request->is_sending = false;
    loader_unlock(request);
    loader_send_ready(request);
    repository_request_unref(&request->head);
}

/* ---- reports ---- */

static int64_t elapsed_us(const struct loader_request *request)
{
    return engine_now_us(request->head.engine) - request->begun_us;
}

const char *loader_request_report(struct entc_request *request)
{
    struct loader_request *mine = request_of(request);

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
