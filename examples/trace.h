/* A trace of what a program did itself, in Chrome's trace event format, as the library writes its
 * own: for naive.c, so that waterfall.c can draw both. A trace that is off costs a comparison. */
#ifndef EXAMPLES_TRACE_H
#define EXAMPLES_TRACE_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define TRACE_SPANS 1024

/* A viewer nests what lies on one thread, so each kind has its own. */
typedef enum TraceLane {
    TRACE_REQUEST,
    TRACE_BATCH,
    TRACE_REDIS,
    TRACE_POSTGRES,
    TRACE_DECODE
} TraceLane;

/* Texts are constants that JSON need not escape. */
typedef struct TraceSpan {
    TraceLane lane;
    const char *what;
    const char *name;
    int64_t begin_us;
    int64_t end_us;
    int keys;
} TraceSpan;

typedef struct Trace {
    int is_on;
    size_t count;
    size_t dropped;
    TraceSpan spans[TRACE_SPANS];
} Trace;

static int64_t trace_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t trace_begin(const Trace *trace)
{
    return trace->is_on ? trace_now_us() : 0;
}

/* Ends what began then: `what` was done with so many keys of `name`. */
static void trace_end(Trace *trace, int64_t begin_us, TraceLane lane, const char *what,
                      const char *name, int keys)
{
    if (!trace->is_on)
        return;
    if (trace->count == TRACE_SPANS)
        trace->dropped++;
    else
        trace->spans[trace->count++] =
            (TraceSpan){lane, what, name, begin_us, trace_now_us(), keys};
}

static void trace_write_span(FILE *file, const TraceSpan *span)
{
    static const char *const categories[] = {"request", "batch", "redis", "postgres", "decode"};

    fprintf(file,
            ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%" PRId64 ",\"dur\":%" PRId64
            ",\"cat\":\"%s\",\"name\":\"%s%s%s\",\"args\":{\"keys\":%d,\"commands\":%d}}",
            span->lane + 1, span->begin_us, span->end_us - span->begin_us, categories[span->lane],
            span->what, *span->what && *span->name ? " " : "", span->name, span->keys,
            span->lane == TRACE_REDIS);
}

/* 0 when the file cannot be written; errno tells why. */
static int trace_write(const Trace *trace, const char *path)
{
    FILE *file = fopen(path, "w");
    int ok = file != NULL;

    if (!ok)
        return 0;
    fprintf(file, "{\"otherData\":{\"droppedSpans\":%zu},\"traceEvents\":[\n", trace->dropped);
    fprintf(file,
            "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"naive\"}}");
    for (size_t i = 0; i < trace->count; i++)
        trace_write_span(file, &trace->spans[i]);
    fprintf(file, "\n]}\n");
    ok = !ferror(file);
    return fclose(file) == 0 && ok;
}

#endif
