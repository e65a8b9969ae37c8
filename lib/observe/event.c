/* Events: spans on their way to the host's function.
 *
 * Invariant: one call at a time, each begin before its end, and none after the close. A lock of its
 * own keeps that, because requests are made and freed by any thread; the function calls nothing of
 * ours, so nothing can be waited for while the lock is held. */
#include "observe.h"

#include <pthread.h>

struct events {
    entc_allocator allocator;
    entc_event_fn write;
    void *user;
    pthread_mutex_t lock; /* guards what follows, and the calls */
    struct list scopes;   /* that are open */
    uint64_t last;        /* span that was begun */
    bool is_closed;
};

struct events *events_new(const entc_allocator *allocator, entc_event_fn write, void *user)
{
    struct events *events = base_allocate_zeroed(allocator, sizeof(*events));

    if (!events)
        return NULL;
    events->allocator = *allocator;
    events->write = write;
    events->user = user;
    pthread_mutex_init(&events->lock, NULL);
    list_init(&events->scopes);
    return events;
}

/* The lock is left as it is: it holds no memory, and in a forked child a thread of the parent may
 * have it. */
void events_free(struct events *events)
{
    if (!events)
        return;

    const entc_allocator allocator = events->allocator;
    base_release(&allocator, events);
}

/* ---- calling, with the lock held ---- */

static void tell(struct events *events, const struct event_span *span, entc_event *event)
{
    event->struct_size = sizeof(*event);
    event->span = span->id;
    event->parent = span->place.parent;
    event->request = span->place.request;
    event->kind = span->kind;
    event->begin_us = span->begin_us;
    event->name = span->name ? span->name : "";
    event->text = span->text ? span->text : "";
    if (event->keys == 0)
        event->keys = span->keys;
    events->write(event, events->user);
}

static void begin(struct events *events, struct event_span *span, const struct event_span *what)
{
    entc_event event = {.phase = ENTC_EVENT_BEGIN, .time_us = what->begin_us};

    *span = *what;
    span->id = 0;
    if (events->is_closed)
        return;
    span->id = ++events->last;
    if (span->kind == ENTC_SPAN_REQUEST)
        span->place.request = span->id;
    tell(events, span, &event);
}

static void end(struct events *events, const struct event_span *span, entc_event *event)
{
    event->phase = ENTC_EVENT_END;
    tell(events, span, event);
}

/* ---- spans ---- */

void event_begin(struct events *events, struct event_span *span, const struct event_span *what)
{
    pthread_mutex_lock(&events->lock);
    begin(events, span, what);
    pthread_mutex_unlock(&events->lock);
}

void event_end(struct events *events, struct event_span *span, entc_event *event)
{
    if (span->id == 0)
        return;
    pthread_mutex_lock(&events->lock);
    if (!events->is_closed)
        end(events, span, event);
    pthread_mutex_unlock(&events->lock);
    span->id = 0;
}

/* A scope keeps its id when it ends: who comes late may still ask for it. */
void event_scope_begin(struct events *events, struct event_scope *scope,
                       const struct event_span *what)
{
    pthread_mutex_lock(&events->lock);
    begin(events, &scope->span, what);
    if (scope->span.id)
        list_push(&events->scopes, &scope->link);
    pthread_mutex_unlock(&events->lock);
}

void event_scope_end(struct events *events, struct event_scope *scope, entc_event *event)
{
    pthread_mutex_lock(&events->lock);
    if (list_is_linked(&scope->link))
        end(events, &scope->span, event);
    list_remove(&scope->link);
    pthread_mutex_unlock(&events->lock);
}

void events_close(struct events *events, int64_t now_us)
{
    struct list *link = NULL;

    if (!events)
        return;
    pthread_mutex_lock(&events->lock);
    while ((link = list_pop(&events->scopes)) != NULL) {
        entc_event event = {.time_us = now_us, .status = ENTC_E_CLOSED};

        end(events, &BASE_CONTAINER(link, struct event_scope, link)->span, &event);
    }
    events->is_closed = true;
    pthread_mutex_unlock(&events->lock);
}
