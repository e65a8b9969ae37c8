/* Exported: metrics and traces. */
#include "api/api.h"

#define TRACE_SPANS_DEFAULT 65536u
#define TRACE_SPANS_MAX (UINT64_C(1) << 24)

/* ---- metrics ---- */

entc_status entc_engine_metrics(const entc_engine *engine, entc_buffer *buffer)
{
    if (!engine || !buffer)
        return ENTC_E_INVALID;
    buffer_clear(&buffer->bytes);
    return api_buffer_end(buffer, tally_metrics(engine->services->tally, &buffer->bytes));
}

/* ---- traces ---- */

entc_status entc_trace_new(const entc_trace_options *options, entc_trace **ret_trace,
                           entc_error **reterr)
{
    entc_trace_options complete = ENTC_TRACE_OPTIONS_INIT;
    entc_status status = ENTC_OK;

    if (!ret_trace)
        return api_refuse_null("ret_trace", reterr);
    if (options)
        status = api_copy_sized(&complete, sizeof(complete), options, sizeof(complete),
                                "entc_trace_options", reterr);
    if (status)
        return status;
    if (complete.spans > TRACE_SPANS_MAX) {
        error_set(reterr, ENTC_E_INVALID, "argument", "entc_trace_options.spans is above %llu",
                  (unsigned long long)TRACE_SPANS_MAX);
        error_hint(reterr, "a span takes about 170 bytes; 0 is the default");
        return ENTC_E_INVALID;
    }
    return trace_new(complete.allocator ? complete.allocator : base_default_allocator(),
                     complete.spans ? complete.spans : TRACE_SPANS_DEFAULT, ret_trace, reterr);
}

void entc_trace_free(entc_trace *trace)
{
    if (trace)
        trace_free(trace);
}

void entc_trace_clear(entc_trace *trace)
{
    if (trace)
        trace_clear(trace);
}

void entc_trace_event(const entc_event *event, void *trace)
{
    if (event && trace && event->struct_size >= sizeof(*event) && event->name && event->text)
        trace_event(trace, event);
}

entc_status entc_trace_write(entc_trace *trace, entc_buffer *buffer)
{
    if (!trace || !buffer)
        return ENTC_E_INVALID;
    buffer_clear(&buffer->bytes);
    return api_buffer_end(buffer, trace_write(trace, &buffer->bytes));
}
