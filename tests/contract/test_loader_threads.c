/* Loaders under many threads: the same answers and the same number of queries as from one, and no
 * harm by any interleaving. Threads count what they find wrong. */
#include "wide.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define PATIENT_US (INT64_C(60) * 1000000)

/* One walk of `campaigns { brand events(first: 2) { venue } }`. */
struct walk {
    struct wide *wide;
    entc_request *request;
    entc_page *campaigns;
    entc_loader *brands;
    entc_loader *venues;
    entc_loader *events;
    atomic_int wrong;
    atomic_int running;
};

/* The part of the campaigns from..to that one thread resolves. */
struct part {
    struct walk *walk;
    size_t from;
    size_t to;
    entc_op *brands[WIDE_CAMPAIGNS];
    entc_op *pages[WIDE_CAMPAIGNS];
    entc_op *venues[WIDE_CAMPAIGNS * WIDE_EVENTS];
    size_t venue_count;
    int64_t events[WIDE_CAMPAIGNS * WIDE_EVENTS]; /* of the venues */
};

static void check(struct walk *walk, bool is_right)
{
    if (!is_right)
        atomic_fetch_add(&walk->wrong, 1);
}

static int64_t campaign_id(const struct walk *walk, size_t index)
{
    return ((const Child *)entc_page_record(walk->campaigns, index))->id;
}

static entc_op *load(struct walk *walk, entc_loader *loader, int64_t id)
{
    entc_value key = fixture_id(id);
    entc_op *op = NULL;

    check(walk, entc_loader_load(loader, &key, NULL, &op, NULL) == ENTC_OK);
    return op;
}

/* Waits; false when it failed. */
static bool is_brought(struct walk *walk, entc_op *op)
{
    const bool is_right = op && entc_op_wait(op, -1) == ENTC_OK && entc_op_status(op) == ENTC_OK;

    check(walk, is_right);
    return is_right;
}

static void take_entity(struct walk *walk, entc_op *op, int64_t id)
{
    entc_entity *entity = NULL;

    if (is_brought(walk, op))
        check(walk, entc_op_take_entity(op, &entity) == ENTC_OK && wide_is(entity, id, 0));
    entc_entity_unref(entity);
    entc_op_unref(op);
}

static void load_venues(struct part *part, entc_op *op, int64_t campaign)
{
    struct walk *walk = part->walk;
    entc_page *page = NULL;

    if (is_brought(walk, op))
        check(walk, entc_op_take_pages(op, &page, 1) == ENTC_OK);
    check(walk, entc_page_count(page) == WIDE_EVENTS);
    for (size_t i = 0; i < entc_page_count(page); i++) {
        const int64_t event = wide_event_of(campaign, i);

        check(walk, wide_is(entc_page_entity(page, i), event, wide_venue_of(event)));
        part->events[part->venue_count] = event;
        part->venues[part->venue_count++] = load(walk, walk->venues, wide_venue_of(event));
    }
    entc_page_unref(page);
    entc_op_unref(op);
}

static void resolve(struct part *part)
{
    struct walk *walk = part->walk;

    for (size_t i = part->from; i < part->to; i++) {
        part->brands[i] = load(walk, walk->brands, wide_brand_of(campaign_id(walk, i)));
        part->pages[i] = load(walk, walk->events, campaign_id(walk, i));
    }
    for (size_t i = part->from; i < part->to; i++)
        take_entity(walk, part->brands[i], wide_brand_of(campaign_id(walk, i)));
    for (size_t i = part->from; i < part->to; i++)
        load_venues(part, part->pages[i], campaign_id(walk, i));
    for (size_t i = 0; i < part->venue_count; i++)
        take_entity(walk, part->venues[i], wide_venue_of(part->events[i]));
}

static void *resolve_in_thread(void *argument)
{
    struct part *part = argument;

    resolve(part);
    check(part->walk, entc_request_leave(part->walk->request) == ENTC_OK);
    atomic_fetch_sub(&part->walk->running, 1);
    return NULL;
}

static void begin_walk(struct walk *walk, struct wide *wide)
{
    struct fixture *f = wide->f;
    const entc_page_args all = ENTC_FIRST(WIDE_CAMPAIGNS);
    const entc_page_args two = ENTC_FIRST(WIDE_EVENTS);
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;

    memset(walk, 0, sizeof(*walk));
    walk->wide = wide;
    options.patience_us = PATIENT_US;
    assert_ok(f, entc_request_new(f->engine, &options, &walk->request, &f->error));
    assert_ok(f,
              entc_request_list(walk->request, wide->campaigns, &all, &walk->campaigns, &f->error));
    assert_int_equal(entc_page_count(walk->campaigns), WIDE_CAMPAIGNS);
    assert_ok(f, entc_request_loader(walk->request, wide->brands, &walk->brands, &f->error));
    assert_ok(f, entc_request_loader(walk->request, wide->venues, &walk->venues, &f->error));
    assert_ok(f, entc_request_relation_loader(walk->request, wide->has_events, &two, &walk->events,
                                              &f->error));
}

static void end_walk(struct walk *walk)
{
    entc_counters cost = ENTC_COUNTERS_INIT;

    assert_int_equal(walk->wrong, 0);
    assert_ok(walk->wide->f, entc_request_counters(walk->request, &cost));
    /* The ids of the campaigns, the ids of the events. */
    assert_int_equal(cost.sql_queries, 2);
    /* Campaigns, brands, events, venues. */
    assert_int_equal(cost.redis_mgets, 4);
    assert_int_equal(cost.load_batches, 3);
    assert_int_equal(cost.load_keys, WIDE_BRANDS + WIDE_CAMPAIGNS + WIDE_VENUES);
    entc_page_unref(walk->campaigns);
    entc_request_free(walk->request);
}

static void a_walk_by_single_loads_of_one_thread_costs_two_statements_and_four_mgets(void **state)
{
    struct wide wide;
    struct walk walk;
    struct part *part = calloc(1, sizeof(*part));

    assert_non_null(part);
    wide_open(&wide, *state);
    begin_walk(&walk, &wide);
    *part = (struct part){.walk = &walk, .from = 0, .to = WIDE_CAMPAIGNS};
    resolve(part);
    free(part);
    end_walk(&walk);
    wide_close(&wide);
}

static bool nobody_runs(void *context)
{
    return atomic_load(&((struct walk *)context)->running) == 0;
}

static void a_walk_by_eight_threads_that_entered_costs_the_same(void **state)
{
    struct wide wide;
    struct walk walk;
    struct part *parts = calloc(THREADS, sizeof(*parts));
    pthread_t threads[THREADS];

    assert_non_null(parts);
    wide_open(&wide, *state);
    begin_walk(&walk, &wide);
    atomic_store(&walk.running, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        assert_ok(wide.f, entc_request_enter(walk.request));
    for (size_t i = 0; i < THREADS; i++) {
        parts[i] = (struct part){.walk = &walk,
                                 .from = WIDE_CAMPAIGNS * i / THREADS,
                                 .to = WIDE_CAMPAIGNS * (i + 1) / THREADS};
        assert_int_equal(pthread_create(&threads[i], NULL, resolve_in_thread, &parts[i]), 0);
    }
    if (wide.f->drive == ENTC_DRIVE_HOST)
        fixture_drive_until(wide.f, nobody_runs, &walk);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    free(parts);
    end_walk(&walk);
    wide_close(&wide);
}

/* ---- any interleaving ---- */

#define ROUNDS 400

struct storm {
    struct fixture *f;
    entc_request *request;
    entc_loader *loader;
    atomic_int wrong;
    atomic_int running;
    atomic_int made;
    atomic_int destroyed;
};

static void destroy_value(void *value, void *user)
{
    atomic_fetch_add(&((struct storm *)user)->destroyed, 1);
    free(value);
}

static void *make_value(struct storm *storm, int64_t number)
{
    int64_t *value = malloc(sizeof(*value));

    *value = number;
    atomic_fetch_add(&storm->made, 1);
    return value;
}

static void answer(entc_loader_batch *batch, const entc_value *keys, size_t count, void *user)
{
    struct storm *storm = user;
    void **values = calloc(count, sizeof(*values));
    entc_status status = ENTC_OK;

    for (size_t i = 0; i < count; i++)
        values[i] = make_value(storm, keys[i].as.int64);
    status = entc_loader_batch_resolve(batch, values, NULL, count, NULL);
    /* The request may have been freed under it. */
    if (status != ENTC_OK && status != ENTC_E_CANCELLED)
        atomic_fetch_add(&storm->wrong, 1);
    free(values);
}

static void load_and_check(struct storm *storm, int64_t number)
{
    entc_value key = fixture_id(number);
    entc_op *op = NULL;
    void *value = NULL;

    if (entc_loader_load(storm->loader, &key, NULL, &op, NULL) != ENTC_OK ||
        entc_op_wait(op, -1) != ENTC_OK || entc_op_value(op, &value) != ENTC_OK ||
        *(int64_t *)value != number)
        atomic_fetch_add(&storm->wrong, 1);
    entc_op_unref(op);
}

static void *rage(void *argument)
{
    struct storm *storm = argument;
    unsigned seed = (unsigned)(uintptr_t)&seed;

    for (int i = 0; i < ROUNDS; i++) {
        const int64_t number = rand_r(&seed) % 16;
        const entc_value key = fixture_id(number);

        switch (rand_r(&seed) % 8) {
        case 0:
            entc_loader_clear(storm->loader, &key, NULL);
            break;
        case 1:
            entc_loader_clear_all(storm->loader);
            break;
        case 2:
            entc_loader_prime(storm->loader, &key, make_value(storm, number), ENTC_OK, NULL);
            break;
        case 3:
            entc_loader_dispatch(storm->loader);
            break;
        default:
            load_and_check(storm, number);
        }
    }
    atomic_fetch_sub(&storm->running, 1);
    return NULL;
}

static bool has_calmed(void *context)
{
    return atomic_load(&((struct storm *)context)->running) == 0;
}

static void loads_clears_primes_and_dispatches_of_eight_threads_do_no_harm(void **state)
{
    struct storm storm = {.f = *state};
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct fixture *f = *state;
    pthread_t threads[THREADS];

    options.destroy = destroy_value;
    options.max_batch = 5;
    assert_ok(f, entc_request_new(f->engine, NULL, &storm.request, &f->error));
    assert_ok(f,
              entc_loader_new(storm.request, answer, &storm, &options, &storm.loader, &f->error));
    atomic_store(&storm.running, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, rage, &storm), 0);
    if (f->drive == ENTC_DRIVE_HOST)
        fixture_drive_until(f, has_calmed, &storm);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(storm.wrong, 0);
    entc_loader_free(storm.loader);
    entc_request_free(storm.request);
    fixture_free_engine(f);
    assert_int_equal(storm.destroyed, storm.made);
}

/* ---- freed under it ---- */

static void *load_until_closed(void *argument)
{
    struct storm *storm = argument;
    entc_status status = ENTC_OK;

    for (int64_t i = 0; status == ENTC_OK; i++) {
        entc_value key = fixture_id(i);
        entc_op *op = NULL;

        status = entc_loader_load(storm->loader, &key, NULL, &op, NULL);
        if (status == ENTC_OK &&
            (entc_op_wait(op, -1) != ENTC_OK ||
             (entc_op_status(op) != ENTC_OK && entc_op_status(op) != ENTC_E_CANCELLED)))
            atomic_fetch_add(&storm->wrong, 1);
        entc_op_unref(op);
    }
    if (status != ENTC_E_CLOSED)
        atomic_fetch_add(&storm->wrong, 1);
    atomic_fetch_sub(&storm->running, 1);
    return NULL;
}

static bool has_begun(void *context)
{
    return atomic_load(&((struct storm *)context)->made) > 100;
}

static void a_request_that_is_freed_under_its_threads_ends_their_loads(void **state)
{
    struct storm storm = {.f = *state};
    entc_loader_options options = ENTC_LOADER_OPTIONS_INIT;
    struct fixture *f = *state;
    pthread_t threads[THREADS];

    options.destroy = destroy_value;
    assert_ok(f, entc_request_new(f->engine, NULL, &storm.request, &f->error));
    assert_ok(f,
              entc_loader_new(storm.request, answer, &storm, &options, &storm.loader, &f->error));
    atomic_store(&storm.running, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_until_closed, &storm), 0);
    fixture_drive_until(f, has_begun, &storm);
    entc_request_free(storm.request);
    if (f->drive == ENTC_DRIVE_HOST)
        fixture_drive_until(f, has_calmed, &storm);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(storm.wrong, 0);
    entc_loader_free(storm.loader);
    fixture_free_engine(f);
    assert_int_equal(storm.destroyed, storm.made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_walk_by_single_loads_of_one_thread_costs_two_statements_and_four_mgets),
        IN_BOTH_DRIVES(a_walk_by_eight_threads_that_entered_costs_the_same),
        IN_BOTH_DRIVES(loads_clears_primes_and_dispatches_of_eight_threads_do_no_harm),
        IN_BOTH_DRIVES(a_request_that_is_freed_under_its_threads_ends_their_loads),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
