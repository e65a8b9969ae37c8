/* A trace as JSON in Chrome's trace event format (Google, "Trace Event Format"), which Perfetto and
 * chrome://tracing load: complete events (`X`) on lanes, each lane a thread.
 *
 * Invariant: two spans of one lane are apart, or one is the other's parent and holds it, as viewers
 * ask; what overlaps otherwise gets a further lane of the same name. Written by hand, because a
 * trace has many small objects and all that needs care is the escaping of text. */
#include "observe/trace.h"

#include "observe/document.h"

#include <inttypes.h>
#include <stdlib.h>

/* A lane with its copies: thread ids are LANE_STEP * (1 + kind of lane) + copy. */
#define LANE_STEP 1000u
#define LANE_KINDS 5u
/* Lists and pages hold loaders' batches, which hold batches of ids. */
#define DEPTH_MAX 4u

static const char *const lane_names[LANE_KINDS] = {"request", "loader", "Redis", "PostgreSQL",
                                                   "decode"};

struct lane {
    size_t open[DEPTH_MAX]; /* numbers of spans, each the child of the one before */
    size_t depth;
    uint32_t kind;
    uint32_t copy;
};

/* A span in the order of the picture: by its beginning, longer ones first. */
struct place {
    int64_t begin_us;
    int64_t end_us;
    size_t number;
    uint32_t thread;
};

static uint32_t lane_of(uint32_t kind)
{
    switch (kind) {
    case ENTC_SPAN_REQUEST:
        return 0;
    case ENTC_SPAN_REDIS:
        return 2;
    case ENTC_SPAN_POSTGRES:
        return 3;
    case ENTC_SPAN_DECODE:
        return 4;
    default:
        return 1;
    }
}

static const char *category_of(uint32_t kind)
{
    static const char *const names[] = {"",      "request", "list",     "pages", "loader",
                                        "batch", "redis",   "postgres", "decode"};

    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "";
}

/* ---- lanes ---- */

static int64_t end_of(const struct entc_trace *trace, const struct trace_span *span)
{
    const int64_t end_us = span->is_open ? trace->last_us : span->event.time_us;

    return end_us > span->event.begin_us ? end_us : span->event.begin_us;
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;

    if (a->begin_us != b->begin_us)
        return a->begin_us < b->begin_us ? -1 : 1;
    if (a->end_us != b->end_us)
        return a->end_us > b->end_us ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static bool fits(const struct entc_trace *trace, struct lane *lane, const struct place *place)
{
    const struct trace_span *top = NULL;

    while (lane->depth > 0 &&
           end_of(trace, trace_at(trace, lane->open[lane->depth - 1])) <= place->begin_us)
        lane->depth--;
    if (lane->depth == 0)
        return true;
    top = trace_at(trace, lane->open[lane->depth - 1]);
    return lane->depth < DEPTH_MAX && end_of(trace, top) >= place->end_us &&
           trace_at(trace, place->number)->event.parent == top->event.span;
}

/* Finds the first lane of its kind where the span fits, or makes one more. */
static bool choose_lane(const struct entc_trace *trace, struct buffer *lanes, struct place *place)
{
    const uint32_t kind = lane_of(trace_at(trace, place->number)->event.kind);
    struct lane fresh = {.kind = kind};
    struct lane *chosen = NULL;

    for (size_t at = 0; at < lanes->length && !chosen; at += sizeof(fresh)) {
        struct lane *lane = (struct lane *)(void *)(lanes->bytes + at);

        fresh.copy += lane->kind == kind;
        if (lane->kind == kind && fits(trace, lane, place))
            chosen = lane;
    }
    if (!chosen) {
        if (!buffer_append(lanes, &fresh, sizeof(fresh)))
            return false;
        chosen = (struct lane *)(void *)(lanes->bytes + lanes->length - sizeof(fresh));
    }
    chosen->open[chosen->depth++] = place->number;
    place->thread = LANE_STEP * (1 + kind) + chosen->copy;
    return true;
}

static bool arrange(const struct entc_trace *trace, struct place *places, struct buffer *lanes)
{
    const size_t count = trace_count(trace);

    for (size_t i = 0; i < count; i++) {
        const struct trace_span *span = trace_at(trace, i);

        places[i] = (struct place){span->event.begin_us, end_of(trace, span), i, 0};
    }
    qsort(places, count, sizeof(*places), compare_places);
    for (size_t i = 0; i < count; i++)
        if (!choose_lane(trace, lanes, &places[i]))
            return false;
    return true;
}

/* ---- text ---- */

static void append_member(struct buffer *buffer, const char *name, const char *text)
{
    buffer_append_format(buffer, ",\"%s\":\"", name);
    document_escape(buffer, text);
    buffer_append_char(buffer, '"');
}

static void append_number(struct buffer *buffer, const char *name, uint64_t number)
{
    if (number)
        buffer_append_format(buffer, ",\"%s\":%" PRIu64, name, number);
}

static void append_lane(struct buffer *buffer, const struct lane *lane)
{
    const uint32_t thread = LANE_STEP * (1 + lane->kind) + lane->copy;

    buffer_append_format(buffer,
                         ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_name\","
                         "\"args\":{\"name\":\"%s\"}}",
                         thread, lane_names[lane->kind]);
    buffer_append_format(buffer,
                         ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_sort_index\","
                         "\"args\":{\"sort_index\":%u}}",
                         thread, thread);
}

/* ---- spans ---- */

static void append_arguments(struct buffer *buffer, const struct entc_trace *trace,
                             const struct trace_span *span)
{
    const entc_event *event = &span->event;

    buffer_append_format(buffer, ",\"args\":{\"span\":%" PRIu64, event->span);
    append_number(buffer, "parent", event->parent);
    append_number(buffer, "request", event->request);
    append_number(buffer, "keys", event->keys);
    append_number(buffer, "bytes", event->bytes);
    append_number(buffer, "rows", event->rows);
    append_number(buffer, "commands", event->commands);
    append_number(buffer, "hits", event->hits);
    append_number(buffer, "misses", event->misses);
    append_number(buffer, "coalesced", event->coalesced);
    if (event->kind == ENTC_SPAN_POSTGRES)
        append_member(buffer, "statement", trace->texts.bytes + span->text);
    if (span->is_open)
        buffer_append_text(buffer, ",\"open\":true");
    else
        append_member(buffer, "status", entc_status_name(event->status));
    buffer_append_text(buffer, "}}");
}

/* "MGET Campaign", "SQL events", "rows Event", "Campaign", "request". */
static void append_name(struct buffer *buffer, const struct entc_trace *trace,
                        const struct trace_span *span)
{
    const char *name = trace->texts.bytes + span->name;
    const char *what = trace->texts.bytes + span->text;

    if (span->event.kind == ENTC_SPAN_REQUEST)
        what = "request";
    else if (span->event.kind == ENTC_SPAN_POSTGRES)
        what = "SQL";
    buffer_append_text(buffer, ",\"name\":\"");
    document_escape(buffer, what);
    if (*what && *name)
        buffer_append_char(buffer, ' ');
    document_escape(buffer, name);
    buffer_append_char(buffer, '"');
}

static void append_span(struct buffer *buffer, const struct entc_trace *trace,
                        const struct place *place)
{
    const struct trace_span *span = trace_at(trace, place->number);

    buffer_append_format(
        buffer, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%u,\"ts\":%" PRId64 ",\"dur\":%" PRId64,
        place->thread, place->begin_us, place->end_us - place->begin_us);
    append_member(buffer, "cat", category_of(span->event.kind));
    append_name(buffer, trace, span);
    append_arguments(buffer, trace, span);
}

static bool write_all(struct buffer *buffer, const struct entc_trace *trace,
                      const struct place *places, const struct buffer *lanes)
{
    buffer_append_text(buffer,
                       "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"clock\":\"microseconds "
                       "of CLOCK_MONOTONIC\",\"droppedSpans\":");
    buffer_append_format(buffer, "%" PRIu64 "},\"traceEvents\":[\n", trace->dropped);
    buffer_append_text(buffer, "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\","
                               "\"args\":{\"name\":\"libentitycache\"}}");
    for (size_t at = 0; at < lanes->length; at += sizeof(struct lane))
        append_lane(buffer, (const struct lane *)(const void *)(lanes->bytes + at));
    for (size_t i = 0; i < trace_count(trace); i++)
        append_span(buffer, trace, &places[i]);
    buffer_append_text(buffer, "\n]}\n");
    return !buffer->failed;
}

bool trace_write(entc_trace *trace, struct buffer *buffer)
{
    struct place *places = NULL;
    struct buffer lanes;
    bool done = false;

    buffer_init(&lanes, &trace->allocator);
    pthread_mutex_lock(&trace->lock);
    places = base_allocate_array(&trace->allocator, trace_count(trace), sizeof(*places));
    if (places && arrange(trace, places, &lanes))
        done = write_all(buffer, trace, places, &lanes);
    pthread_mutex_unlock(&trace->lock);
    base_release(&trace->allocator, places);
    buffer_fini(&lanes);
    return done;
}
