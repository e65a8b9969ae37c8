/* See recorder.h. */
#include "recorder.h"

#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const keys[26][RECORDER_ITEMS] = {
    {"a-0", "a-1", "a-2", "a-3"}, {"b-0", "b-1", "b-2", "b-3"}, {"c-0", "c-1", "c-2", "c-3"},
    {"d-0", "d-1", "d-2", "d-3"}, {"e-0", "e-1", "e-2", "e-3"}, {"f-0", "f-1", "f-2", "f-3"}};

__attribute__((format(printf, 2, 3))) static void note(struct wire *wire, const char *format, ...)
{
    const size_t room = sizeof(wire->log) - wire->log_length;
    va_list arguments;
    int length = 0;

    va_start(arguments, format);
    length = vsnprintf(wire->log + wire->log_length, room, format, arguments);
    va_end(arguments);
    assert_in_range(length, 0, room - 1);
    wire->log_length += (size_t)length;
}

static void record_value(struct cache_batch *batch, size_t slot, const char *bytes, size_t length)
{
    struct recorder *recorder = (struct recorder *)batch;

    if (!bytes)
        note(recorder->wire, "%c.%zu=nil\n", recorder->name, slot);
    else
        note(recorder->wire, "%c.%zu=%.*s\n", recorder->name, slot, (int)length, bytes);
    if (recorder->detach_in_value)
        redis_pipeline_detach(&recorder->wire->pipeline, recorder->detach_in_value);
}

static void record_done(struct cache_batch *batch, entc_status status)
{
    struct recorder *recorder = (struct recorder *)batch;
    struct redis_pipeline *pipeline = &recorder->wire->pipeline;

    note(recorder->wire, "%c.done(%s%s)", recorder->name,
         status == ENTC_OK              ? "OK"
         : status == ENTC_E_UNAVAILABLE ? "UNAVAILABLE"
                                        : "?",
         batch->is_lost ? ", lost" : "");
    for (size_t i = 0; batch->step != CACHE_MGET && i < batch->count; i++)
        note(recorder->wire, " %d", batch->items[i].result);
    note(recorder->wire, "\n");
    assert_null(batch->pending);
    if (recorder->detach_in_done)
        redis_pipeline_detach(pipeline, recorder->detach_in_done);
    if (recorder->submit_in_done)
        assert_int_equal(redis_pipeline_add(pipeline, recorder->submit_in_done), ENTC_OK);
}

void recorder_init(struct recorder *recorder, struct wire *wire, char name, enum cache_step step,
                   size_t count)
{
    *recorder = (struct recorder){.wire = wire, .name = name};
    recorder->batch = (struct cache_batch){.step = step,
                                           .items = recorder->items,
                                           .count = count,
                                           .value = record_value,
                                           .done = record_done};
    for (size_t i = 0; i < count; i++) {
        const char *key = keys[name - 'a'][i];

        recorder->items[i] = (struct cache_item){.key = {key, strlen(key)},
                                                 .token = RECORDER_TOKEN,
                                                 .value = {"value", 5},
                                                 .ttl_ms = 3000};
    }
}

void recorder_add(struct recorder *recorder)
{
    assert_int_equal(redis_pipeline_add(&recorder->wire->pipeline, &recorder->batch), ENTC_OK);
}

void wire_open(struct wire *wire, const entc_allocator *allocator, uint64_t max_value_bytes)
{
    wire->log_length = 0;
    wire->log[0] = '\0';
    redis_pipeline_init(&wire->pipeline, allocator);
    assert_true(redis_replies_init(&wire->replies, &wire->pipeline, max_value_bytes));
}

void wire_close(struct wire *wire)
{
    redis_replies_fini(&wire->replies);
    redis_pipeline_fini(&wire->pipeline);
}

char *wire_send(struct wire *wire, size_t *ret_length)
{
    const struct span output = redis_pipeline_output(&wire->pipeline);
    char *copy = malloc(output.length + 1);

    assert_non_null(copy);
    memcpy(copy, output.bytes, output.length);
    copy[output.length] = '\0';
    redis_pipeline_sent(&wire->pipeline, output.length);
    if (ret_length)
        *ret_length = output.length;
    return copy;
}

bool wire_feed(struct wire *wire, const char *text)
{
    return redis_replies_feed(&wire->replies, text, strlen(text));
}

void scene_open(struct scene *scene)
{
    wire_open(&scene->wire, base_default_allocator(), SCENE_VALUE_BYTES);
}

void scene_close(struct scene *scene)
{
    wire_close(&scene->wire);
}

void scene_ask(struct scene *scene, char name, enum cache_step step, size_t count)
{
    struct recorder *recorder = &scene->recorders[name - 'a'];

    recorder_init(recorder, &scene->wire, name, step, count);
    recorder_add(recorder);
}

void scene_send(struct scene *scene)
{
    free(wire_send(&scene->wire, NULL));
}
