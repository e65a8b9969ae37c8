/* What the tests of loaders share: a request, and a loader over a batch function that notes what it
 * is called with. Its values are numbers on the heap, so that one which is not given back is seen
 * as a leak, and one given back twice as a crash. */
#ifndef ENTC_TEST_LOADING_H
#define ENTC_TEST_LOADING_H

#include "fixture.h"

#define LOADING_BATCHES 64
#define LOADING_KEYS 64

enum loading_answer {
    LOADING_NOW,     /* each key is answered with ten times its number */
    LOADING_LATER,   /* not at all: the test has the batch in `held` */
    LOADING_REJECT,  /* the whole batch fails */
    LOADING_ODD_FAIL /* odd keys fail */
};

struct loading {
    struct fixture *f;
    entc_request *request;
    entc_loader *loader;
    enum loading_answer answer;
    void (*inside)(struct loading *it); /* called by the batch function first; may be NULL */
    size_t batch_count;
    size_t key_counts[LOADING_BATCHES];
    int64_t keys[LOADING_BATCHES][LOADING_KEYS]; /* text keys count as their first byte */
    entc_loader_batch *held[LOADING_BATCHES];
    size_t made;      /* values */
    size_t destroyed; /* values */
};

/* With options NULL: the defaults. The destructor is always set. */
void loading_open(struct loading *it, struct fixture *f, const entc_loader_options *options);
/* Another loader of the same request. */
void loading_open_in(struct loading *it, struct loading *first, const entc_loader_options *options);
/* Frees loader and request, and checks that every value was given back. */
void loading_close(struct loading *it);

/* A value for `destroy`. */
int64_t *loading_value(struct loading *it, int64_t number);
void loading_batch(entc_loader_batch *batch, const entc_value *keys, size_t count, void *user);
void loading_destroy(void *value, void *user);
/* Answers a held batch with ten times each key. */
entc_status loading_resolve(struct loading *it, size_t batch);

/* A load that is accepted. */
entc_op *loading_load(struct loading *it, int64_t key);
/* Waits for it, checks its value, gives it back. */
void loading_assert_value(struct loading *it, entc_op *op, int64_t number);
/* Waits for it, checks how it ended, gives it back. `says`: part of the story, or NULL. */
void loading_assert_status(struct loading *it, entc_op *op, entc_status status, const char *says);
/* Loads a key and checks that it is ten times its number. */
void loading_assert_loads(struct loading *it, int64_t key);
/* The keys of a batch were these, in this order. */
void loading_assert_batch(const struct loading *it, size_t batch, size_t count,
                          const int64_t *keys);

#define KEYS(...)                                                               \
    sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]) \
    {                                                                           \
        __VA_ARGS__                                                             \
    }

#endif
