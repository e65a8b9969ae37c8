/* Runs a call again and again, while each allocation of it fails in turn. */
#ifndef ENTC_TEST_SCENE_H
#define ENTC_TEST_SCENE_H

#include "failing.h"
#include "fixture.h"

struct scene {
    void (*prepare)(struct fixture *f); /* before each attempt, with memory; may be NULL */
    entc_status (*attempt)(struct fixture *f);
};

/* fixture_start() with every library in the series. */
int scene_start(void **state);

/* The engine lives through all attempts, and works after each; at its end nothing is left. */
void scene_play(struct fixture *f, const struct scene *scene);
/* Each attempt has an engine of its own, so that it connects. */
void scene_play_fresh(struct fixture *f, const struct scene *scene);

/* What a call that lacks memory may answer: it, or that a connection is lost which lacked it. */
bool scene_is_expected(entc_status status);

#define SCENE(name, play, prepare, attempt)            \
    static void name(void **state)                     \
    {                                                  \
        const struct scene scene = {prepare, attempt}; \
                                                       \
        play(*state, &scene);                          \
    }

#endif
