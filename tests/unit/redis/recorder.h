/* Batches that write down what happens to them, and a pipeline with a reader but without a socket.
 */
#ifndef ENTC_TEST_REDIS_RECORDER_H
#define ENTC_TEST_REDIS_RECORDER_H

#include "redis/internal.h"

#define RECORDER_ITEMS 4
#define RECORDER_TOKEN "0123456789abcdef0123456789abcdef"

struct wire {
    struct redis_pipeline pipeline;
    struct redis_replies replies;
    char log[4096]; /* what the batches were told, in order */
    size_t log_length;
};

struct recorder {
    struct cache_batch batch; /* first */
    struct wire *wire;
    char name;
    struct cache_item items[RECORDER_ITEMS];
    struct cache_batch *detach_in_value; /* detached when a value of this one comes */
    struct cache_batch *detach_in_done;
    struct cache_batch *submit_in_done;
};

void wire_open(struct wire *wire, const entc_allocator *allocator, uint64_t max_value_bytes);
void wire_close(struct wire *wire);
/* Pretends that the kernel took all of the output. Returns it, in memory of malloc() with a NUL
 * behind it; `ret_length` may be NULL. */
char *wire_send(struct wire *wire, size_t *ret_length);
/* Feeds a text in one piece. */
bool wire_feed(struct wire *wire, const char *text);

/* `name` begins every line of its log: "a.0=text", "a.0=nil", "a.done(OK) 1 0 -1". Keys are
 * "<name>-0" and so on, the value of a fill is "value". */
void recorder_init(struct recorder *recorder, struct wire *wire, char name, enum cache_step step,
                   size_t count);
/* Adds it to the pipeline, which must succeed. */
void recorder_add(struct recorder *recorder);

/* A wire with places for batches 'a' to 'f'. */
struct scene {
    struct wire wire;
    struct recorder recorders[6];
};

#define SCENE_VALUE_BYTES 1024

void scene_open(struct scene *scene);
void scene_close(struct scene *scene);
void scene_ask(struct scene *scene, char name, enum cache_step step, size_t count);
void scene_send(struct scene *scene);

#endif
