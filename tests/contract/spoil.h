/* Values in the cache that are not what they should be: many rows at once, each with its own, so
 * that thousands of them take a few round trips. The entity has every type of field. */
#ifndef ENTC_TEST_SPOIL_H
#define ENTC_TEST_SPOIL_H

#include "fixture.h"

struct spoil_value {
    char *bytes; /* malloc() */
    size_t length;
};

struct spoil {
    struct fixture *f;
    BaseCacheRepository *repository;
    int64_t first; /* ids run from here */
    size_t count;
    entc_entity **entities;
    entc_status *statuses;
    struct spoil_value *right;  /* as the library wrote it */
    struct spoil_value *spoilt; /* what is to stand there instead; NULL: nothing yet */
};

/* Makes `count` rows and reads them all, so that they stand in the cache. */
void spoil_open(struct spoil *spoil, struct fixture *f, size_t count);
void spoil_close(struct spoil *spoil);
/* Of the i-th row; copies. */
void spoil_set(struct spoil *spoil, size_t i, const char *bytes, size_t length);
/* The key of the i-th row. */
const char *spoil_key(const struct spoil *spoil, size_t i, char out[32]);
/* Writes what was set into the cache, by one pipeline. */
void spoil_write(struct spoil *spoil);
/* Reads all and proves of each answer: it is the row; or it is exactly what the spoilt value says,
 * which then is strict JSON of that shape with that id. Returns how many came from the cache; all
 * others were counted as misses and are right again in the cache. */
uint64_t spoil_check(struct spoil *spoil);
/* The same, and none of them may be believed. */
void spoil_check_none(struct spoil *spoil);

#endif
