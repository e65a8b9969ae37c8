/* The way from Redis' bytes to the batches that asked. Whatever the stream is, and however it is
 * cut: the batches are told the same, each at most once, never about a slot that they do not have,
 * and every batch that was not detached ends exactly once. */
#include "fuzz.h"
#include "redis/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCHES 6
#define ITEMS 5
#define TOKEN "0123456789abcdef0123456789abcdef"
#define NOBODY BATCHES

enum way { WHOLE, CUT, TIGHT };

struct wire;

struct asker {
    struct cache_batch batch; /* first */
    struct wire *wire;
    struct cache_item items[ITEMS];
    bool is_told[ITEMS];
    bool is_over;  /* done, or detached */
    size_t victim; /* detached when we are told something, or NOBODY */
};

struct wire {
    struct redis_pipeline pipeline;
    struct redis_replies replies;
    struct asker askers[BATCHES];
    size_t count;
    struct buffer told; /* all that the batches heard, in order */
    bool is_good;
};

static struct asker *asker_of(struct cache_batch *batch)
{
    return (struct asker *)(void *)batch;
}

static void detach(struct wire *wire, size_t number)
{
    if (number >= wire->count)
        return;
    redis_pipeline_detach(&wire->pipeline, &wire->askers[number].batch);
    wire->askers[number].is_over = true;
}

static void take_value(struct cache_batch *batch, size_t slot, const char *bytes, size_t length)
{
    struct asker *asker = asker_of(batch);
    struct wire *wire = asker->wire;

    FUZZ_CHECK(!asker->is_over && batch->step == CACHE_MGET);
    FUZZ_CHECK(slot < batch->count && !asker->is_told[slot]);
    asker->is_told[slot] = true;
    FUZZ_CHECK(buffer_append_format(&wire->told, "%zu.%zu=%s", (size_t)(asker - wire->askers), slot,
                                    bytes ? "" : "nil"));
    if (bytes)
        FUZZ_CHECK(buffer_append(&wire->told, bytes, length));
    FUZZ_CHECK(buffer_append_char(&wire->told, '\n'));
    detach(wire, asker->victim);
}

static void take_done(struct cache_batch *batch, entc_status status)
{
    struct asker *asker = asker_of(batch);
    struct wire *wire = asker->wire;

    FUZZ_CHECK(!asker->is_over && batch->pending == NULL);
    FUZZ_CHECK(status == ENTC_OK || status == ENTC_E_UNAVAILABLE);
    asker->is_over = true;
    FUZZ_CHECK(buffer_append_format(&wire->told, "%zu %s%s", (size_t)(asker - wire->askers),
                                    entc_status_name(status), batch->is_lost ? " lost" : ""));
    for (size_t i = 0; i < batch->count; i++) {
        const int32_t result = batch->items[i].result;

        if (batch->step == CACHE_MGET && status == ENTC_OK)
            FUZZ_CHECK(asker->is_told[i]);
        FUZZ_CHECK(result >= -1 && result <= 1);
        FUZZ_CHECK(buffer_append_format(&wire->told, " %d", (int)result));
    }
    FUZZ_CHECK(buffer_append_char(&wire->told, '\n'));
    detach(wire, asker->victim);
}

/* ---- requests ---- */

static void ask(struct wire *wire, uint8_t shape, uint8_t victim)
{
    static const char *const keys[ITEMS] = {"a", "b", "c", "d", "e"};
    struct asker *asker = &wire->askers[wire->count++];

    asker->wire = wire;
    asker->victim = victim < 0x80 ? NOBODY : victim % BATCHES;
    asker->batch = (struct cache_batch){.step = (enum cache_step)(shape % 6),
                                        .items = asker->items,
                                        .count = 1 + (shape >> 4) % ITEMS,
                                        .value = take_value,
                                        .done = take_done};
    for (size_t i = 0; i < asker->batch.count; i++)
        asker->items[i] = (struct cache_item){
            .key = {keys[i], 1}, .token = TOKEN, .value = {"value", 5}, .ttl_ms = 3000};
    FUZZ_CHECK(redis_pipeline_add(&wire->pipeline, &asker->batch) == ENTC_OK);
}

static void send_all(struct wire *wire)
{
    const struct span output = redis_pipeline_output(&wire->pipeline);

    redis_pipeline_sent(&wire->pipeline, output.length);
    FUZZ_CHECK(!redis_pipeline_has_output(&wire->pipeline));
}

/* greetings and number of batches | for each its step and size, and whom it detaches | a mask of
 * those that are detached before, and of those after, they are sent */
static void open_wire(struct wire *wire, struct fuzz_input *input)
{
    const uint8_t head = fuzz_byte(input);
    const size_t count = head % (BATCHES + 1);
    uint8_t unsent = 0;
    uint8_t sunk = 0;

    memset(wire, 0, sizeof(*wire));
    buffer_init(&wire->told, base_default_allocator());
    redis_pipeline_init(&wire->pipeline, base_default_allocator());
    FUZZ_CHECK(redis_replies_init(&wire->replies, &wire->pipeline, 1024));
    wire->replies.greetings = head >> 4 & 3;
    wire->is_good = true;
    for (size_t i = 0; i < count; i++) {
        const uint8_t shape = fuzz_byte(input);

        ask(wire, shape, fuzz_byte(input));
    }
    unsent = fuzz_byte(input);
    sunk = fuzz_byte(input);
    for (size_t i = 0; i < BATCHES; i++)
        if (unsent >> i & 1)
            detach(wire, i);
    send_all(wire);
    for (size_t i = 0; i < BATCHES; i++)
        if (sunk >> i & 1)
            detach(wire, i);
}

static void close_wire(struct wire *wire)
{
    redis_replies_fini(&wire->replies);
    redis_pipeline_fini(&wire->pipeline);
    buffer_fini(&wire->told);
}

/* ---- replies ---- */

/* Where the stream is cut follows from a number alone. */
static size_t next_cut(uint32_t *seed, size_t left)
{
    size_t length = 0;

    *seed = *seed * 1664525u + 1013904223u;
    length = *seed >> 31 ? 1 : 1 + (*seed >> 16) % 23;
    return length < left ? length : left;
}

static void feed(struct wire *wire, struct span stream, enum way way, uint32_t seed)
{
    while (stream.length > 0 && wire->is_good) {
        const size_t length = way == WHOLE ? stream.length : next_cut(&seed, stream.length);
        char *copy = fuzz_copy((struct span){stream.bytes, length});

        wire->is_good = redis_replies_feed(&wire->replies, copy, length);
        free(copy);
        stream.bytes += length;
        stream.length -= length;
    }
    FUZZ_CHECK(wire->is_good == (wire->replies.fault == NULL));
}

/* The first part answers what was sent; scripts that are to be repeated are sent then, and the rest
 * answers those. */
static void run(struct wire *wire, struct fuzz_input input, enum way way)
{
    uint32_t seed = 0;
    size_t first = 0;

    open_wire(wire, &input);
    if (way == TIGHT)
        wire->replies.limit = 8;
    seed = fuzz_uint32(&input);
    first = seed & 0xFFF;
    feed(wire, fuzz_span(&input, first), way, seed);
    if (wire->is_good)
        send_all(wire);
    feed(wire, fuzz_span(&input, input.left), way, seed);
    FUZZ_CHECK(buffer_append_text(&wire->told, wire->is_good ? "good\n" : "dead\n"));
    redis_pipeline_fail(&wire->pipeline, true);
    for (size_t i = 0; i < wire->count; i++)
        FUZZ_CHECK(wire->askers[i].is_over);
}

static bool is_too_large(const struct wire *wire)
{
    return !wire->is_good && strstr(wire->replies.fault, "larger than") != NULL;
}

/* A length is refused as soon as it is told to be too much: maybe before the rest turns out to be
 * no length at all, which is another reason to end the same connection. */
static void compare(const struct wire *whole, const struct wire *cut)
{
    FUZZ_CHECK(whole->told.length == cut->told.length);
    FUZZ_CHECK(memcmp(whole->told.bytes, cut->told.bytes, whole->told.length) == 0);
    FUZZ_CHECK(whole->is_good == cut->is_good);
    FUZZ_CHECK(whole->replies.errors == cut->replies.errors);
    if (is_too_large(whole) != is_too_large(cut))
        return;
    FUZZ_CHECK(whole->replies.is_good == cut->replies.is_good);
    FUZZ_CHECK(whole->replies.greetings == cut->replies.greetings);
    FUZZ_CHECK(whole->is_good || strcmp(whole->replies.fault, cut->replies.fault) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct wire whole;
    static struct wire cut;
    static struct wire tight;
    const struct fuzz_input input = {bytes, length};

    run(&whole, input, WHOLE);
    run(&cut, input, CUT);
    run(&tight, input, TIGHT);
    compare(&whole, &cut);
    close_wire(&whole);
    close_wire(&cut);
    close_wire(&tight);
    return 0;
}
