#include "spans.h"

#include <stdio.h>
#include <string.h>

#define WRONG(spans, ...)                                                  \
    do {                                                                   \
        if (!(spans)->wrong[0])                                            \
            snprintf((spans)->wrong, sizeof((spans)->wrong), __VA_ARGS__); \
    } while (0)

static struct span_heard *find(struct spans *spans, uint64_t id)
{
    for (size_t i = spans->count; i > 0; i--)
        if (spans->all[i - 1].begin.span == id)
            return &spans->all[i - 1];
    return NULL;
}

static void hear_begin(struct spans *spans, const entc_event *event)
{
    struct span_heard *span = &spans->all[spans->count];
    const struct span_heard *parent = find(spans, event->parent);

    if (find(spans, event->span))
        WRONG(spans, "span %u begins twice", (unsigned)event->span);
    if (event->parent && !parent)
        WRONG(spans, "span %u has a parent that never began", (unsigned)event->span);
    if (parent && parent->begin.begin_us > event->begin_us)
        WRONG(spans, "span %u began before its parent", (unsigned)event->span);
    if (parent && parent->begin.request != event->request)
        WRONG(spans, "span %u is of another request than its parent", (unsigned)event->span);
    if (event->time_us != event->begin_us)
        WRONG(spans, "span %u begins at two times", (unsigned)event->span);
    if (spans->count == SPANS_MAX) {
        WRONG(spans, "too many spans for this test");
        return;
    }
    span->begin = *event;
    snprintf(span->name, sizeof(span->name), "%s", event->name);
    snprintf(span->text, sizeof(span->text), "%s", event->text);
    spans->count++;
}

static void hear_end(struct spans *spans, const entc_event *event)
{
    struct span_heard *span = find(spans, event->span);

    if (!span || span->end.phase) {
        WRONG(spans, "span %u ends, but is not open", (unsigned)event->span);
        return;
    }
    if (span->begin.kind != event->kind || span->begin.parent != event->parent ||
        span->begin.request != event->request || span->begin.begin_us != event->begin_us ||
        strcmp(span->name, event->name) != 0 ||
        strncmp(span->text, event->text, sizeof(span->text) - 1) != 0)
        WRONG(spans, "span %u ends as another one", (unsigned)event->span);
    if (event->time_us < event->begin_us)
        WRONG(spans, "span %u ends before it began", (unsigned)event->span);
    span->end = *event;
}

void spans_hear(const entc_event *event, void *user)
{
    struct spans *spans = user;

    if (atomic_fetch_add(&spans->callers, 1) != 0)
        WRONG(spans, "two calls at a time");
    atomic_fetch_add(&spans->heard, 1);
    if (event->struct_size != sizeof(*event) || event->span == 0 || event->reserved != 0)
        WRONG(spans, "an event is not as it should be");
    if (event->phase == ENTC_EVENT_BEGIN)
        hear_begin(spans, event);
    else if (event->phase == ENTC_EVENT_END)
        hear_end(spans, event);
    else
        WRONG(spans, "an event has no phase");
    atomic_fetch_sub(&spans->callers, 1);
}

void spans_listen(struct fixture *f, struct spans *spans)
{
    memset(spans, 0, sizeof(*spans));
    fixture_free_engine(f);
    f->options.event = spans_hear;
    f->options.event_user = spans;
    fixture_make_engine(f);
}

void spans_assert_whole(const struct spans *spans)
{
    assert_string_equal(spans->wrong, "");
    for (size_t i = 0; i < spans->count; i++)
        if (spans->all[i].end.phase == 0)
            fail_msg("span %u of kind %u (%s) did not end", (unsigned)spans->all[i].begin.span,
                     spans->all[i].begin.kind, spans->all[i].name);
}

static bool is_sought(const struct span_heard *span, uint32_t kind, const char *text)
{
    return span->begin.kind == kind && (!text || strcmp(span->text, text) == 0);
}

uint64_t spans_count(const struct spans *spans, uint32_t kind, const char *text)
{
    uint64_t count = 0;

    for (size_t i = 0; i < spans->count; i++)
        count += is_sought(&spans->all[i], kind, text);
    return count;
}

const struct span_heard *spans_at(const struct spans *spans, uint32_t kind, size_t n)
{
    for (size_t i = 0; i < spans->count; i++)
        if (is_sought(&spans->all[i], kind, NULL) && n-- == 0)
            return &spans->all[i];
    fail_msg("there are not so many spans of kind %u", kind);
    return NULL;
}

const struct span_heard *spans_find(const struct spans *spans, uint64_t id)
{
    for (size_t i = 0; i < spans->count; i++)
        if (spans->all[i].begin.span == id)
            return &spans->all[i];
    return NULL;
}

uint64_t spans_sum(const struct spans *spans, uint32_t kind, const char *text, size_t offset)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < spans->count; i++) {
        uint64_t number = 0;

        if (!is_sought(&spans->all[i], kind, text))
            continue;
        memcpy(&number, (const char *)&spans->all[i].end + offset, sizeof(number));
        sum += number;
    }
    return sum;
}
