/* observe, inside: what a trace keeps, shared by the file that keeps it and the one that writes it.
 */
#ifndef ENTC_OBSERVE_TRACE_H
#define ENTC_OBSERVE_TRACE_H

#include "observe/observe.h"

#include <pthread.h>

/* The begin's and, once it came, the end's numbers; texts are offsets in the trace's `texts`. */
struct trace_span {
    entc_event event;
    uint32_t name;
    uint32_t text;
    bool is_open;
};

struct entc_trace {
    entc_allocator allocator;
    pthread_mutex_t lock; /* guards what follows */
    uint64_t limit;
    uint64_t dropped;
    int64_t last_us;      /* of the last event */
    struct buffer spans;  /* struct trace_span, in the order in which they were told */
    struct buffer texts;  /* each once, with its NUL; the first is "" */
    struct index numbers; /* id -> number in `spans` */
    struct index offsets; /* text -> offset in `texts` */
};

static inline struct trace_span *trace_at(const struct entc_trace *trace, size_t number)
{
    return (struct trace_span *)(void *)trace->spans.bytes + number;
}

static inline size_t trace_count(const struct entc_trace *trace)
{
    return trace->spans.length / sizeof(struct trace_span);
}

#endif
