/* Peers under many threads: who asks first loads for all, the others wait for the same batch. So
 * threads that each walk everything, waiting at every step, cost one walk. Threads count what they
 * find wrong. */
#include "wide.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 8

static const entc_relation_desc of_venue = ENTC_BELONGS_TO("venue", "parent_id");
static const entc_page_args all = ENTC_FIRST(WIDE_CAMPAIGNS);
static const entc_page_args two = ENTC_FIRST(WIDE_EVENTS);

struct walk {
    struct wide wide;
    entc_relation *venue;
    entc_request *request;
    entc_page *campaigns;
    atomic_int visited; /* campaigns, by all threads */
    atomic_int wrong;
    atomic_int running;
};

static entc_status follow(struct walk *walk, entc_relation *relation, const entc_entity *entity,
                          entc_page **ret_page)
{
    entc_status status =
        entc_request_related(walk->request, relation, entity, &two, ret_page, NULL);

    if (status)
        atomic_fetch_add(&walk->wrong, 1);
    return status;
}

static entc_status visit(struct walk *walk, const entc_entity *campaign)
{
    entc_page *events = NULL;
    entc_status status = follow(walk, walk->wide.has_events, campaign, &events);

    if (!status && entc_page_count(events) != WIDE_EVENTS)
        atomic_fetch_add(&walk->wrong, 1);
    for (size_t i = 0; i < entc_page_count(events) && !status; i++) {
        const entc_entity *event = entc_page_entity(events, i);
        const Child *record = entc_entity_record(event);
        entc_page *venue = NULL;

        status = follow(walk, walk->venue, event, &venue);
        if (!status && !wide_is(entc_page_entity(venue, 0), wide_venue_of(record->id), 0))
            atomic_fetch_add(&walk->wrong, 1);
        entc_page_unref(venue);
    }
    entc_page_unref(events);
    return status;
}

static void *visit_all(void *argument)
{
    struct walk *walk = argument;
    entc_status status = ENTC_OK;

    for (size_t i = 0; i < WIDE_CAMPAIGNS && !status; i++) {
        status = visit(walk, entc_page_entity(walk->campaigns, i));
        atomic_fetch_add(&walk->visited, status == ENTC_OK);
    }
    atomic_fetch_sub(&walk->running, 1);
    return NULL;
}

static bool nobody_runs(void *context)
{
    return atomic_load(&((struct walk *)context)->running) == 0;
}

static void walk_open(struct walk *walk, struct fixture *f)
{
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;

    *walk = (struct walk){.wrong = 0};
    wide_open(&walk->wide, f);
    assert_ok(f, entc_relation_new(walk->wide.events, walk->wide.venues, &of_venue, &walk->venue,
                                   &f->error));
    options.peers = 1;
    assert_ok(f, entc_request_new(f->engine, &options, &walk->request, &f->error));
    assert_ok(f, entc_request_list(walk->request, walk->wide.campaigns, &all, &walk->campaigns,
                                   &f->error));
}

static void walk_close(struct walk *walk)
{
    entc_page_unref(walk->campaigns);
    entc_relation_free(walk->venue);
    wide_close(&walk->wide);
}

static void begin(struct walk *walk, pthread_t *threads)
{
    atomic_store(&walk->running, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, visit_all, walk), 0);
}

static void end(struct walk *walk, const pthread_t *threads)
{
    struct fixture *f = walk->wide.f;

    if (f->drive == ENTC_DRIVE_HOST)
        fixture_drive_until(f, nobody_runs, walk);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(walk->wrong, 0);
}

static void eight_threads_that_each_walk_everything_cost_one_walk(void **state)
{
    struct fixture *f = *state;
    entc_counters cost = ENTC_COUNTERS_INIT;
    pthread_t threads[THREADS];
    struct walk walk;

    walk_open(&walk, f);
    begin(&walk, threads);
    end(&walk, threads);
    assert_int_equal(walk.visited, THREADS * WIDE_CAMPAIGNS);
    assert_ok(f, entc_request_counters(walk.request, &cost));
    /* The ids of the campaigns, the ids of the events; campaigns, events, venues. */
    assert_int_equal(cost.sql_queries, 2);
    assert_int_equal(cost.redis_mgets, 3);
    entc_request_free(walk.request);
    walk_close(&walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(eight_threads_that_each_walk_everything_cost_one_walk),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
