/* Events: what the library does, as spans that begin and end. A host makes OpenTelemetry spans of
 * them; a trace keeps them for Perfetto or chrome://tracing. */
#ifndef ENTITYCACHE_OBSERVE_H
#define ENTITYCACHE_OBSERVE_H

#include <entitycache/entity.h>
#include <entitycache/export.h>
#include <entitycache/status.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

/* Phases of an event. */
#define ENTC_EVENT_BEGIN 1u
#define ENTC_EVENT_END 2u

/* Kinds of spans. A parent is the span that caused it, and may end earlier: fills outlive their
 * batch. A batch that several operations share names the first of them as parent. */
#define ENTC_SPAN_REQUEST 1u  /* a request, until it is freed and all its operations are */
#define ENTC_SPAN_LIST 2u     /* a list with its entities */
#define ENTC_SPAN_PAGES 3u    /* the children of some parents, with their entities */
#define ENTC_SPAN_LOADER 4u   /* one batch of a dataloader */
#define ENTC_SPAN_BATCH 5u    /* one batch of ids of a repository */
#define ENTC_SPAN_REDIS 6u    /* one step at Redis, until its replies came */
#define ENTC_SPAN_POSTGRES 7u /* one statement at PostgreSQL, until its answer came */
#define ENTC_SPAN_DECODE 8u   /* values or rows become entities or ids */

/* What began or ended. It grows at its end: look at struct_size before you read what a later
 * release added. Numbers that are not named for a kind or a phase are 0. */
typedef struct entc_event {
    size_t struct_size; /* sizeof(entc_event) as the library knows it */
    uint64_t span;      /* never 0, never twice in one engine */
    uint64_t parent;    /* 0: none */
    uint64_t request;   /* the span of the request, 0: none; see entc_request_span() */
    uint32_t phase;     /* ENTC_EVENT_BEGIN, ENTC_EVENT_END */
    uint32_t kind;      /* ENTC_SPAN_ */
    int64_t begin_us;   /* when the span began: microseconds of CLOCK_MONOTONIC */
    int64_t time_us;    /* when this happened, on the same clock; BEGIN: as begin_us */
    const char *name;   /* of the entity, the relation or the loader; "" for none */
    /* POSTGRES: the statement, with $1 for values; REDIS: "MGET", "lease", "fill", "unlease",
     * "invalidate"; DECODE: "values" or "rows"; else "" */
    const char *text;
    uint64_t keys;      /* ids, parents or keys that are asked for; END of DECODE: what was read */
    uint64_t bytes;     /* END of REDIS: values received or sent; of POSTGRES: the answer in memory;
                           of DECODE: values read */
    uint64_t rows;      /* END of LIST and PAGES: ids found; of POSTGRES: rows of the answer */
    uint64_t commands;  /* END of REDIS: commands sent */
    uint64_t hits;      /* END of BATCH: ids that the cache answered, also with absence */
    uint64_t misses;    /* END of BATCH: ids that it did not */
    uint64_t coalesced; /* END of BATCH: ids that joined when they were in it already */
    entc_status status; /* END: how it ended */
    uint32_t reserved;  /* 0 */
} entc_event;

/* Receives an event; it and its texts are borrowed for the call. It is called by the thread that
 * drives, and for requests by the one that makes or lets go of them, but one call at a time; never
 * after entc_engine_close(), which ends all spans before. It must not call the library
 * (entc_trace_event() excepted) and must not block. Texts hold no ids and no values; a model's
 * filter_sql stands in them as it is. */
typedef void (*entc_event_fn)(const entc_event *event, void *user);

/* Keeps spans in memory, and writes them as a Chrome trace. */
typedef struct entc_trace entc_trace;

struct entc_allocator;

/* How a trace is made; NULL, or zero in a member, is the default. */
typedef struct entc_trace_options {
    size_t struct_size;                     /* sizeof(entc_trace_options) */
    uint64_t spans;                         /* at most so many are kept; default 65536 */
    const struct entc_allocator *allocator; /* NULL: malloc; must outlive the trace */
} entc_trace_options;

#define ENTC_TRACE_OPTIONS_INIT             \
    {                                       \
        sizeof(entc_trace_options), 0, NULL \
    }

/* Makes an empty trace. Set entc_trace_event() as `event` and the trace as `event_user` of the
 * options of one engine.
 * Ownership: yours; free it with entc_trace_free() when the engine is closed. Threads: Free.
 * Errors: ENTC_E_INVALID, ENTC_E_NO_MEMORY. Since: 0.1 */
ENTC_EXPORT entc_status entc_trace_new(const entc_trace_options *options, entc_trace **ret_trace,
                                       entc_error **reterr);

/* Frees a trace; NULL is accepted.
 * Ownership: consumes it. Threads: Confined. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_trace_free(entc_trace *trace);

/* Keeps an event: an entc_event_fn. A span beyond the limit, or for which memory is out, is not
 * kept but counted. An end without its beginning, as after entc_trace_clear(), is ignored.
 * Ownership: the event is borrowed; `trace` is an entc_trace. Threads: Free, Callback-safe.
 * Errors: none; NULL, also of a text, and an event that is not initialised are ignored.
 * Since: 0.1 */
ENTC_EXPORT void entc_trace_event(const entc_event *event, void *trace);

/* Forgets all spans, also those that are open, and what was counted; NULL is accepted.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_trace_clear(entc_trace *trace);

/* Writes the trace over what the buffer holds, as JSON in Chrome's trace event format, which
 * Perfetto and chrome://tracing load: a lane each for requests, loader, Redis, PostgreSQL and
 * decode, and more where spans overlap. Open spans end at the last event and are marked "open";
 * `otherData.droppedSpans` tells how many were not kept.
 * Ownership: none. Threads: Free for the trace, Confined for the buffer; Callback-safe.
 * Errors: ENTC_E_INVALID, ENTC_E_NO_MEMORY (the buffer is then empty). Since: 0.1 */
ENTC_EXPORT entc_status entc_trace_write(entc_trace *trace, entc_buffer *buffer);

ENTC_END_DECLS

#endif
