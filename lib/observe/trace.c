/* A trace: spans kept in memory, for whoever plugs it in as an engine's event function.
 *
 * Invariant: it never keeps more than its limit, and what it does not keep is counted, so a file
 * that is not whole says so. Texts are few (names, statements without values) and kept once. */
#include "observe/trace.h"

/* Texts beyond it are left out: only a host that makes statements by hand gets there. */
#define TEXTS_MAX (1024u * 1024u)

static void empty(struct entc_trace *trace)
{
    buffer_clear(&trace->spans);
    buffer_clear(&trace->texts);
    index_clear(&trace->numbers);
    index_clear(&trace->offsets);
    trace->dropped = 0;
    trace->last_us = 0;
}

entc_status trace_new(const entc_allocator *allocator, uint64_t spans, entc_trace **ret_trace,
                      entc_error **reterr)
{
    struct entc_trace *trace = base_allocate_zeroed(allocator, sizeof(*trace));

    if (!trace)
        return error_no_memory(reterr);
    trace->allocator = *allocator;
    trace->limit = spans;
    pthread_mutex_init(&trace->lock, NULL);
    buffer_init(&trace->spans, &trace->allocator);
    buffer_init(&trace->texts, &trace->allocator);
    index_init(&trace->numbers, &trace->allocator);
    index_init(&trace->offsets, &trace->allocator);
    *ret_trace = trace;
    return ENTC_OK;
}

void trace_free(entc_trace *trace)
{
    const entc_allocator allocator = trace->allocator;

    buffer_fini(&trace->spans);
    buffer_fini(&trace->texts);
    index_fini(&trace->numbers);
    index_fini(&trace->offsets);
    pthread_mutex_destroy(&trace->lock);
    base_release(&allocator, trace);
}

void trace_clear(entc_trace *trace)
{
    pthread_mutex_lock(&trace->lock);
    empty(trace);
    pthread_mutex_unlock(&trace->lock);
}

/* ---- texts ---- */

struct sought {
    const struct entc_trace *trace;
    const char *text;
    uint64_t span;
};

static bool is_text(const void *context, uint32_t offset)
{
    const struct sought *sought = context;

    return strcmp(sought->trace->texts.bytes + offset, sought->text) == 0;
}

/* The text's offset, or that of "" when there is no room for it. False when memory is out. */
static bool keep_text(struct entc_trace *trace, const char *text, uint32_t *ret_offset)
{
    static const struct hash_key no_key;
    const struct sought sought = {.trace = trace, .text = text};
    const size_t size = strlen(text) + 1;
    const uint64_t hash = hash_bytes(&no_key, text, size);
    const uint32_t offset = index_find(&trace->offsets, hash, is_text, &sought);

    *ret_offset = offset;
    if (offset != INDEX_NONE)
        return true;
    *ret_offset = 0;
    if (trace->texts.length + size > TEXTS_MAX || !text_is_utf8(text, size))
        return true;
    if (!index_reserve(&trace->offsets, trace->offsets.count + 1) ||
        !buffer_reserve(&trace->texts, size)) {
        trace->texts.failed = false;
        return false;
    }
    *ret_offset = (uint32_t)trace->texts.length;
    buffer_append(&trace->texts, text, size);
    return index_insert(&trace->offsets, hash, *ret_offset);
}

/* ---- spans ---- */

static bool is_span(const void *context, uint32_t number)
{
    const struct sought *sought = context;
    const struct trace_span *span = trace_at(sought->trace, number);

    return span->is_open && span->event.span == sought->span;
}

static bool keep(struct entc_trace *trace, const entc_event *event)
{
    struct trace_span span = {.event = *event, .is_open = true};
    const uint32_t number = (uint32_t)trace_count(trace);

    if (number >= trace->limit || !keep_text(trace, "", &span.text) ||
        !keep_text(trace, event->name, &span.name) || !keep_text(trace, event->text, &span.text) ||
        !index_reserve(&trace->numbers, number + 1))
        return false;
    if (!buffer_append(&trace->spans, &span, sizeof(span))) {
        trace->spans.failed = false;
        return false;
    }
    return index_insert(&trace->numbers, event->span, number);
}

/* Texts stay those of the beginning. */
static void finish(struct entc_trace *trace, const entc_event *event)
{
    const struct sought sought = {.trace = trace, .span = event->span};
    const uint32_t number = index_find(&trace->numbers, event->span, is_span, &sought);

    if (number == INDEX_NONE)
        return;
    trace_at(trace, number)->event = *event;
    trace_at(trace, number)->is_open = false;
}

void trace_event(entc_trace *trace, const entc_event *event)
{
    pthread_mutex_lock(&trace->lock);
    if (event->time_us > trace->last_us)
        trace->last_us = event->time_us;
    if (event->phase == ENTC_EVENT_END)
        finish(trace, event);
    else if (!keep(trace, event))
        trace->dropped++;
    pthread_mutex_unlock(&trace->lock);
}
