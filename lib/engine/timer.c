/* Timers: a binary heap of intrusive timers, ordered by time. A timer knows its position, so that
 * it can be moved and stopped in O(log n). Only the driver touches it. */
#include "engine/internal.h"

/* Out of the heap, about to fire in this turn. */
#define POSITION_DUE UINT32_MAX

static void place(struct engine *engine, struct engine_timer *timer, uint32_t position)
{
    engine->heap[position] = timer;
    timer->position = position;
}

static void sift_up(struct engine *engine, struct engine_timer *timer, uint32_t position)
{
    while (position > 1 && engine->heap[position / 2]->at_us > timer->at_us) {
        place(engine, engine->heap[position / 2], position);
        position /= 2;
    }
    place(engine, timer, position);
}

static void sift_down(struct engine *engine, struct engine_timer *timer, uint32_t position)
{
    for (;;) {
        uint32_t child = position * 2;

        if (child > engine->heap_count)
            break;
        if (child < engine->heap_count &&
            engine->heap[child + 1]->at_us < engine->heap[child]->at_us)
            child++;
        if (engine->heap[child]->at_us >= timer->at_us)
            break;
        place(engine, engine->heap[child], position);
        position = child;
    }
    place(engine, timer, position);
}

static bool grow(struct engine *engine)
{
    uint32_t capacity = engine->heap_capacity ? engine->heap_capacity * 2 : 64;
    struct engine_timer **heap =
        base_reallocate(&engine->allocator, engine->heap, (size_t)capacity * sizeof(*heap));

    if (!heap)
        return false;
    engine->heap = heap;
    engine->heap_capacity = capacity;
    return true;
}

bool engine_timer_set(struct engine *engine, struct engine_timer *timer, int64_t at_us)
{
    engine_timer_stop(engine, timer);
    if (engine->heap_count + 1 >= engine->heap_capacity && !grow(engine))
        return false;
    timer->at_us = at_us;
    engine->heap_count++;
    sift_up(engine, timer, engine->heap_count);
    return true;
}

void engine_timer_stop(struct engine *engine, struct engine_timer *timer)
{
    uint32_t position = timer->position;
    struct engine_timer *last = NULL;

    if (position == 0)
        return;
    timer->position = 0;
    if (position == POSITION_DUE) {
        list_remove(&timer->link);
        return;
    }
    last = engine->heap[engine->heap_count--];
    if (last == timer)
        return;
    if (position > 1 && engine->heap[position / 2]->at_us > last->at_us)
        sift_up(engine, last, position);
    else
        sift_down(engine, last, position);
}

int64_t engine_timer_first(const struct engine *engine)
{
    return engine->heap_count ? engine->heap[1]->at_us : ENGINE_NEVER;
}

void engine_timer_fire(struct engine *engine)
{
    struct list due;
    struct list *link = NULL;

    /* Taken out first: what a firing one sets anew, even for a time that is over, waits for the
     * next turn, and keeps none of the others waiting. */
    list_init(&due);
    while (engine->heap_count && engine->heap[1]->at_us <= engine->turn_us) {
        struct engine_timer *timer = engine->heap[1];

        engine_timer_stop(engine, timer);
        timer->position = POSITION_DUE;
        list_push(&due, &timer->link);
    }
    while ((link = list_pop(&due)) != NULL) {
        struct engine_timer *timer = BASE_CONTAINER(link, struct engine_timer, link);

        timer->position = 0;
        timer->fire(timer);
    }
}

void engine_timer_fini(struct engine *engine)
{
    base_release(&engine->allocator, engine->heap);
    engine->heap = NULL;
    engine->heap_count = 0;
    engine->heap_capacity = 0;
}
