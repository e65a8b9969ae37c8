/* The request scope: what one GraphQL request may take, and what it cost. Refcounted, because
 * operations that outlive it still count into it. */
#include "loader/loader.h"

struct loader_request {
    struct entc_request head; /* first */
    struct events *events;    /* a reference, or NULL */
    int64_t begun_us;
    struct buffer report;
};

static void tell_begin(struct loader_request *request)
{
    if (!request->events)
        return;

    const struct event_span what = {.kind = ENTC_SPAN_REQUEST, .begin_us = request->begun_us};
    event_scope_begin(request->events, &request->head.scope, &what);
}

/* In a forked child the span is the parent's. */
static void tell_end(struct loader_request *request)
{
    struct engine *engine = request->head.engine;

    if (!request->events || engine_is_forked(engine))
        return;

    entc_event event = {.status = ENTC_OK};
    event.time_us = engine_now_us(engine);
    event_scope_end(request->events, &request->head.scope, &event);
}

static void request_destroy(struct entc_request *request)
{
    struct loader_request *mine = BASE_CONTAINER(request, struct loader_request, head);
    struct engine *engine = request->engine;
    entc_allocator allocator = *engine_allocator(engine);

    tell_end(mine);
    events_unref(mine->events);
    buffer_fini(&mine->report);
    tally_unref(request->tally);
    base_release(&allocator, mine);
    engine_unref(engine);
}

entc_status loader_request_new(struct engine *engine, struct events *events, int64_t deadline_us,
                               struct entc_request **ret_request, entc_error **reterr)
{
    const entc_allocator *allocator = engine_allocator(engine);
    struct loader_request *request = base_allocate_zeroed(allocator, sizeof(*request));
    struct tally *tally = tally_new(allocator);

    if (!request || !tally) {
        base_release(allocator, request);
        tally_unref(tally);
        return error_no_memory(reterr);
    }
    atomic_init(&request->head.references, 1);
    request->head.engine = engine_ref(engine);
    request->head.tally = tally;
    request->head.deadline_us = deadline_us;
    request->head.destroy = request_destroy;
    request->begun_us = engine_now_us(engine);
    request->events = events_ref(events);
    tell_begin(request);
    /* The engine owns its allocator; the reference above keeps it. */
    buffer_init(&request->report, allocator);
    *ret_request = &request->head;
    return ENTC_OK;
}

const char *loader_request_report(struct entc_request *request)
{
    struct loader_request *mine = BASE_CONTAINER(request, struct loader_request, head);
    int64_t elapsed_us = engine_now_us(request->engine) - mine->begun_us;

    if (!tally_report(request->tally, elapsed_us, &mine->report))
        return NULL;
    return buffer_text(&mine->report);
}
