/* The order of requests, and of the replies they are owed.
 *
 * Invariant: `entries` are in the order in which their replies come, and each is owed exactly
 * `replies` of them; entries that the kernel has a byte of (is_sent) come first, and their bytes
 * will all be sent. Losing a batch never changes that: a sent entry lives on as a sink, and one
 * that was not sent leaves together with its bytes when the output is packed. So nobody else on the
 * connection notices. */
#include "redis/internal.h"

/* Garbage of this size is removed without waiting for the next send: while a server hangs, nothing
 * is sent, and calls that time out must not pile up their requests. */
#define GARBAGE_MAX (64 * 1024)
/* What an idle connection keeps of its output buffer. */
#define OUTPUT_KEEP (256 * 1024)

static struct redis_pending *entry_of(struct list *link)
{
    return BASE_CONTAINER(link, struct redis_pending, link);
}

void redis_pipeline_init(struct redis_pipeline *pipeline, const entc_allocator *allocator)
{
    *pipeline = (struct redis_pipeline){.allocator = allocator};
    list_init(&pipeline->entries);
    list_init(&pipeline->spare);
    pipeline->unsent = &pipeline->entries;
    buffer_init(&pipeline->output, allocator);
}

static void free_entries(struct redis_pipeline *pipeline, struct list *entries)
{
    struct list *link = NULL;

    while ((link = list_pop(entries)) != NULL)
        base_release(pipeline->allocator, entry_of(link));
}

void redis_pipeline_fini(struct redis_pipeline *pipeline)
{
    free_entries(pipeline, &pipeline->entries);
    free_entries(pipeline, &pipeline->spare);
    buffer_fini(&pipeline->output);
    redis_pipeline_init(pipeline, pipeline->allocator);
}

/* ---- requests ---- */

static size_t replies_per_item(enum cache_step step)
{
    return step == CACHE_INVALIDATE ? 2 : 1;
}

/* The first use on a connection brings the text, which also loads it; so no NOSCRIPT round trip is
 * paid after a server's start, and no right beyond EVAL is needed (SCRIPT LOAD would need one). */
static void format_script(struct redis_pipeline *pipeline, enum cache_step step, size_t keys,
                          size_t arguments)
{
    const struct redis_script *script = redis_script_of(step);
    const bool is_loaded = pipeline->loaded & (1u << step);

    pipeline->loaded |= 1u << step;
    redis_command(&pipeline->output, 3 + keys + arguments);
    redis_argument_text(&pipeline->output, is_loaded ? "EVALSHA" : "EVAL");
    redis_argument_text(&pipeline->output, is_loaded ? script->sha1 : script->text);
    redis_argument_number(&pipeline->output, (int64_t)keys);
}

static void format_lease_key(struct buffer *output, struct span key)
{
    redis_argument_framed(output, "{", key, "}:l");
}

static void format_lease(struct buffer *output, const struct cache_item *item)
{
    redis_command(output, 6);
    redis_argument_text(output, "SET");
    format_lease_key(output, item->key);
    redis_argument_framed(output, "r:", (struct span){item->token, CACHE_TOKEN_LENGTH}, "");
    redis_argument_text(output, "NX");
    redis_argument_text(output, "PX");
    redis_argument_number(output, item->ttl_ms);
}

static void format_item(struct redis_pipeline *pipeline, enum cache_step step,
                        const struct cache_item *item)
{
    struct buffer *output = &pipeline->output;

    switch (step) {
    case CACHE_MGET:
        redis_argument(output, item->key.bytes, item->key.length);
        break;
    case CACHE_LEASE:
        format_lease(output, item);
        break;
    case CACHE_FILL:
        format_script(pipeline, step, 2, 3);
        redis_argument(output, item->key.bytes, item->key.length);
        format_lease_key(output, item->key);
        redis_argument(output, item->token, CACHE_TOKEN_LENGTH);
        redis_argument(output, item->value.bytes, item->value.length);
        redis_argument_number(output, item->ttl_ms);
        break;
    case CACHE_UNLEASE:
        format_script(pipeline, step, 1, 1);
        format_lease_key(output, item->key);
        redis_argument(output, item->token, CACHE_TOKEN_LENGTH);
        break;
    case CACHE_INVALIDATE:
        format_script(pipeline, step, 1, 0);
        format_lease_key(output, item->key);
        redis_command(output, 2);
        redis_argument_text(output, "DEL");
        redis_argument(output, item->key.bytes, item->key.length);
        break;
    case CACHE_UNBLOCK:
        format_script(pipeline, step, 1, 0);
        format_lease_key(output, item->key);
        break;
    }
}

/* Formats the first round of an entry, or of its second the items to be repeated. */
static bool format(struct redis_pipeline *pipeline, struct redis_pending *pending)
{
    struct buffer *output = &pipeline->output;
    const struct cache_batch *batch = pending->batch;

    pending->begin = output->length;
    if (pending->step == CACHE_MGET) {
        redis_command(output, 1 + batch->count);
        redis_argument_text(output, "MGET");
    }
    for (size_t i = 0; i < batch->count && !output->failed; i++)
        if (!pending->is_evaluated || batch->items[i].result == REDIS_RESULT_REPEAT)
            format_item(pipeline, pending->step, &batch->items[i]);
    if (output->failed) {
        output->length = pending->begin;
        output->failed = false;
        return false;
    }
    pending->length = output->length - pending->begin;
    return true;
}

static struct redis_pending *take_entry(struct redis_pipeline *pipeline)
{
    struct list *link = list_pop(&pipeline->spare);
    struct redis_pending *pending =
        link ? entry_of(link) : base_allocate(pipeline->allocator, sizeof(*pending));

    if (pending)
        *pending = (struct redis_pending){.batch = NULL};
    return pending;
}

static void keep_entry(struct redis_pipeline *pipeline, struct redis_pending *pending)
{
    list_push(&pipeline->spare, &pending->link);
}

static void queue(struct redis_pipeline *pipeline, struct redis_pending *pending)
{
    list_push(&pipeline->entries, &pending->link);
    if (pipeline->unsent == &pipeline->entries)
        pipeline->unsent = &pending->link;
}

entc_status redis_pipeline_add(struct redis_pipeline *pipeline, struct cache_batch *batch)
{
    struct redis_pending *pending = NULL;

    if (batch->count == 0 || batch->count > REDIS_KEYS_MAX)
        return ENTC_E_INVALID;
    pending = take_entry(pipeline);
    if (!pending)
        return ENTC_E_NO_MEMORY;
    pending->batch = batch;
    pending->step = batch->step;
    pending->count = batch->count;
    pending->replies = batch->step == CACHE_MGET ? 1 : batch->count * replies_per_item(batch->step);
    pending->commands = (uint32_t)pending->replies;
    if (!format(pipeline, pending)) {
        keep_entry(pipeline, pending);
        return ENTC_E_NO_MEMORY;
    }
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i].result = -1;
    batch->is_lost = false;
    batch->too_large = 0;
    batch->commands = 0;
    batch->pending = pending;
    queue(pipeline, pending);
    return ENTC_OK;
}

/* ---- sending ---- */

/* Moves what is still to be sent to the front and leaves garbage and sent bytes behind. The
 * remainder of a half-sent entry comes first; it must stay whole. */
static void pack(struct redis_pipeline *pipeline)
{
    struct buffer *output = &pipeline->output;
    struct list *link = pipeline->unsent;
    bool any = link != &pipeline->entries;
    size_t remainder_end = any ? entry_of(link)->begin : output->length;
    size_t to = remainder_end - pipeline->sent;

    if (to)
        memmove(output->bytes, output->bytes + pipeline->sent, to);
    pipeline->unsent = &pipeline->entries;
    while (link != &pipeline->entries) {
        struct redis_pending *pending = entry_of(link);

        link = link->next;
        if (!pending->batch) {
            list_remove(&pending->link);
            keep_entry(pipeline, pending);
            continue;
        }
        memmove(output->bytes + to, output->bytes + pending->begin, pending->length);
        pending->begin = to;
        to += pending->length;
        if (pipeline->unsent == &pipeline->entries)
            pipeline->unsent = &pending->link;
    }
    output->length = to;
    pipeline->sent = 0;
    pipeline->garbage = 0;
}

void redis_pipeline_detach(struct redis_pipeline *pipeline, struct cache_batch *batch)
{
    struct redis_pending *pending = batch->pending;

    if (!pending)
        return;
    batch->pending = NULL;
    pending->batch = NULL;
    pending->is_late = batch->is_late;
    if (pending->is_sent)
        return;
    pipeline->garbage += pending->length;
    if (pipeline->garbage > GARBAGE_MAX && pipeline->garbage > pipeline->output.length / 2)
        pack(pipeline);
}

struct span redis_pipeline_output(struct redis_pipeline *pipeline)
{
    struct buffer *output = &pipeline->output;

    if (pipeline->garbage || pipeline->sent > output->length / 2)
        pack(pipeline);
    if (output->length == pipeline->sent)
        return (struct span){"", 0};
    return (struct span){output->bytes + pipeline->sent, output->length - pipeline->sent};
}

void redis_pipeline_sent(struct redis_pipeline *pipeline, size_t length)
{
    struct buffer *output = &pipeline->output;

    pipeline->sent += length;
    while (pipeline->unsent != &pipeline->entries) {
        struct redis_pending *pending = entry_of(pipeline->unsent);

        if (pending->begin >= pipeline->sent)
            break;
        pending->is_sent = true;
        if (pending->batch)
            pending->batch->commands += pending->commands;
        pipeline->unsent = pipeline->unsent->next;
    }
    if (pipeline->sent < output->length)
        return;
    buffer_clear(output);
    pipeline->sent = 0;
    if (output->capacity > OUTPUT_KEEP)
        buffer_fini(output);
}

bool redis_pipeline_has_output(const struct redis_pipeline *pipeline)
{
    return pipeline->output.length > pipeline->sent;
}

/* ---- replies ---- */

struct redis_pending *redis_pipeline_front(const struct redis_pipeline *pipeline)
{
    struct redis_pending *pending = NULL;

    if (list_is_empty(&pipeline->entries))
        return NULL;
    pending = entry_of(pipeline->entries.next);
    return pending->is_sent ? pending : NULL;
}

/* After SCRIPT FLUSH. INVALIDATE repeats both its halves: DEL K has run, but without
 * the L step before it a reader may have filled K again since. False: memory is out. */
static bool repeat(struct redis_pipeline *pipeline, struct redis_pending *pending)
{
    const struct cache_item *items = pending->batch->items;

    pending->is_evaluated = true;
    pipeline->loaded &= ~(1u << pending->step);
    if (!format(pipeline, pending))
        return false;
    pending->is_sent = false;
    pending->replies = pending->repeats * replies_per_item(pending->step);
    pending->commands = (uint32_t)pending->replies;
    pending->repeats = 0;
    pending->item = 0;
    while (items[pending->item].result != REDIS_RESULT_REPEAT)
        pending->item++;
    list_remove(&pending->link);
    queue(pipeline, pending);
    return true;
}

static void finish(struct redis_pipeline *pipeline, struct redis_pending *pending,
                   entc_status status)
{
    struct cache_batch *batch = pending->batch;
    size_t marked = batch && redis_script_of(batch->step) ? batch->count : 0;

    list_remove(&pending->link);
    keep_entry(pipeline, pending);
    if (!batch)
        return;
    batch->pending = NULL;
    for (size_t i = 0; i < marked; i++)
        if (batch->items[i].result == REDIS_RESULT_REPEAT)
            batch->items[i].result = -1;
    batch->done(batch, status);
}

void redis_pipeline_answered(struct redis_pipeline *pipeline)
{
    struct redis_pending *pending = redis_pipeline_front(pipeline);

    if (--pending->replies > 0)
        return;
    if (pending->batch && pending->repeats && !pending->is_failed && repeat(pipeline, pending))
        return;
    finish(pipeline, pending, pending->is_failed ? ENTC_E_UNAVAILABLE : ENTC_OK);
}

/* `done` may submit and detach at once, so the pipeline is empty and whole before the first call.
 * A batch that is detached meanwhile leaves its entry behind as a sink, here in `dying`. */
void redis_pipeline_fail(struct redis_pipeline *pipeline, bool is_lost)
{
    struct list dying;
    struct list *link = NULL;

    list_init(&dying);
    while ((link = list_pop(&pipeline->entries)) != NULL) {
        entry_of(link)->is_sent = true;
        list_push(&dying, link);
    }
    pipeline->unsent = &pipeline->entries;
    buffer_fini(&pipeline->output);
    pipeline->sent = 0;
    pipeline->garbage = 0;
    pipeline->loaded = 0;
    while (!list_is_empty(&dying)) {
        struct redis_pending *pending = entry_of(dying.next);

        if (pending->batch)
            pending->batch->is_lost = is_lost;
        finish(pipeline, pending, ENTC_E_UNAVAILABLE);
    }
}
