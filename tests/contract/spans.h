/* A host that listens: keeps every event of an engine, pairs beginnings with ends, and checks what
 * is promised of all of them. It notes what is wrong and tells it when the test asks. */
#ifndef ENTC_TEST_SPANS_H
#define ENTC_TEST_SPANS_H

#include "fixture.h"

#include <stdatomic.h>

#define SPANS_MAX 4096
#define SPAN_TEXT_MAX 512

struct span_heard {
    entc_event begin;
    entc_event end; /* phase 0 while it is open */
    char name[64];
    char text[SPAN_TEXT_MAX];
};

struct spans {
    struct span_heard all[SPANS_MAX];
    size_t count;
    char wrong[256];    /* the first thing that was; "" for none */
    atomic_int callers; /* inside the function now */
    atomic_size_t heard;
};

/* Makes the fixture's engine anew, with spans_hear() as its event function. */
void spans_listen(struct fixture *f, struct spans *spans);
void spans_hear(const entc_event *event, void *user);

/* Nothing was wrong, and every span that began has ended. */
void spans_assert_whole(const struct spans *spans);
/* How many of a kind (with that text, unless it is NULL) began. */
uint64_t spans_count(const struct spans *spans, uint32_t kind, const char *text);
/* The n-th of a kind, from 0; fails the test when there is none. */
const struct span_heard *spans_at(const struct spans *spans, uint32_t kind, size_t n);
/* The span with that id, or NULL. */
const struct span_heard *spans_find(const struct spans *spans, uint64_t id);
/* Sum over the ends of a kind (with that text, unless it is NULL). */
#define SPANS_SUM(spans, a_kind, a_text, member) \
    spans_sum((spans), (a_kind), (a_text), offsetof(entc_event, member))
uint64_t spans_sum(const struct spans *spans, uint32_t kind, const char *text, size_t offset);

#endif
