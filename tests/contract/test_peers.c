/* Peers: a walk that asks for one thing after the other, and waits each time, costs what a walk
 * costs that asks for all at once; and peers never change an answer. */
#include "clubs.h"
#include "wide.h"

#include <string.h>

static const entc_relation_desc of_brand = ENTC_BELONGS_TO("brand", "parent_id");
static const entc_relation_desc of_venue = ENTC_BELONGS_TO("venue", "parent_id");

/* `campaigns { brand events(first: 2) { venue } }` in one request. */
struct walk {
    struct wide wide;
    struct fixture *f;
    entc_relation *brand;
    entc_relation *venue;
    entc_request *request;
    entc_page *campaigns;
};

static const entc_page_args all = ENTC_FIRST(WIDE_CAMPAIGNS);
static const entc_page_args one = ENTC_FIRST(1);
static const entc_page_args two = ENTC_FIRST(WIDE_EVENTS);

static entc_request *request_with(struct fixture *f, uint32_t peers)
{
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    entc_request *request = NULL;

    options.peers = peers;
    assert_ok(f, entc_request_new(f->engine, &options, &request, &f->error));
    return request;
}

static void walk_open(struct walk *walk, struct fixture *f, entc_request *request)
{
    memset(walk, 0, sizeof(*walk));
    walk->f = f;
    wide_open(&walk->wide, f);
    assert_ok(f, entc_relation_new(walk->wide.campaigns, walk->wide.brands, &of_brand, &walk->brand,
                                   &f->error));
    assert_ok(f, entc_relation_new(walk->wide.events, walk->wide.venues, &of_venue, &walk->venue,
                                   &f->error));
    walk->request = request;
    assert_ok(f,
              entc_request_list(request, walk->wide.campaigns, &all, &walk->campaigns, &f->error));
    assert_int_equal(entc_page_count(walk->campaigns), WIDE_CAMPAIGNS);
}

static void walk_close(struct walk *walk)
{
    entc_page_unref(walk->campaigns);
    entc_request_free(walk->request);
    entc_relation_free(walk->venue);
    entc_relation_free(walk->brand);
    wide_close(&walk->wide);
}

static void assert_cost(const struct walk *walk, uint64_t queries, uint64_t mgets)
{
    entc_counters cost = ENTC_COUNTERS_INIT;

    assert_ok(walk->f, entc_request_counters(walk->request, &cost));
    assert_int_equal(cost.sql_queries, queries);
    assert_int_equal(cost.redis_mgets, mgets);
}

/* The ids of the campaigns, the ids of the events; campaigns, brands, events, venues. As much as
 * single loads cost: see test_loader_threads.c. */
static void assert_cost_of_batches(const struct walk *walk)
{
    assert_cost(walk, 2, 4);
}

static void assert_one(const entc_page *page, int64_t id)
{
    assert_int_equal(entc_page_count(page), 1);
    assert_true(wide_is(entc_page_entity(page, 0), id, 0));
}

static void assert_events(const entc_page *page, int64_t campaign)
{
    assert_int_equal(entc_page_count(page), WIDE_EVENTS);
    for (size_t i = 0; i < WIDE_EVENTS; i++) {
        const int64_t event = wide_event_of(campaign, i);

        assert_true(wide_is(entc_page_entity(page, i), event, wide_venue_of(event)));
    }
}

/* ---- one after the other ---- */

static entc_page *related(struct walk *walk, entc_relation *relation, const entc_entity *entity,
                          const entc_page_args *args)
{
    struct fixture *f = walk->f;
    entc_page *page = NULL;

    assert_ok(f, entc_request_related(walk->request, relation, entity, args, &page, &f->error));
    return page;
}

static entc_page *children(struct walk *walk, entc_relation *relation, int64_t id)
{
    struct fixture *f = walk->f;
    const entc_value key = fixture_id(id);
    entc_page *page = NULL;

    assert_ok(f, entc_request_children(walk->request, relation, &key, &two, &page, &f->error));
    return page;
}

static void visit_events(struct walk *walk, entc_page *events, int64_t campaign)
{
    assert_events(events, campaign);
    for (size_t i = 0; i < WIDE_EVENTS; i++) {
        entc_page *venue = related(walk, walk->venue, entc_page_entity(events, i), &one);

        assert_one(venue, wide_venue_of(wide_event_of(campaign, i)));
        entc_page_unref(venue);
    }
    entc_page_unref(events);
}

static void visit(struct walk *walk, size_t index, bool is_by_id)
{
    const entc_entity *campaign = entc_page_entity(walk->campaigns, index);
    const int64_t id = ((const Child *)entc_entity_record(campaign))->id;
    entc_page *brand = related(walk, walk->brand, campaign, &one);

    assert_one(brand, wide_brand_of(id));
    entc_page_unref(brand);
    visit_events(walk,
                 is_by_id ? children(walk, walk->wide.has_events, id)
                          : related(walk, walk->wide.has_events, campaign, &two),
                 id);
}

static void visit_all(struct walk *walk, bool is_by_id)
{
    for (size_t i = 0; i < WIDE_CAMPAIGNS; i++)
        visit(walk, i, is_by_id);
}

static void a_walk_by_blocking_calls_with_peers_costs_what_batches_cost(void **state)
{
    struct walk walk;

    walk_open(&walk, *state, request_with(*state, 1));
    visit_all(&walk, false);
    assert_cost_of_batches(&walk);
    walk_close(&walk);
}

static void a_walk_by_ids_with_peers_costs_what_batches_cost(void **state)
{
    struct walk walk;

    walk_open(&walk, *state, request_with(*state, 1));
    visit_all(&walk, true);
    assert_cost_of_batches(&walk);
    walk_close(&walk);
}

static void without_peers_it_costs_a_query_for_each(void **state)
{
    struct walk walk;

    walk_open(&walk, *state, request_with(*state, 0));
    visit_all(&walk, false);
    assert_cost(&walk, 1 + WIDE_CAMPAIGNS, 1 + WIDE_BRANDS + WIDE_CAMPAIGNS + WIDE_VENUES);
    walk_close(&walk);
}

/* ---- all at once ---- */

static void get_venues(struct walk *walk, entc_page *const *events)
{
    entc_value keys[WIDE_CAMPAIGNS * WIDE_EVENTS];
    entc_page *venues[WIDE_CAMPAIGNS * WIDE_EVENTS];
    entc_call call = ENTC_CALL_INIT;
    const size_t count = WIDE_CAMPAIGNS * WIDE_EVENTS;

    call.request = walk->request;
    for (size_t i = 0; i < count; i++)
        assert_ok(walk->f,
                  entc_relation_key(walk->venue,
                                    entc_page_entity(events[i / WIDE_EVENTS], i % WIDE_EVENTS),
                                    &keys[i], 1));
    assert_ok(walk->f, entc_relation_get_many(walk->venue, keys, count, &one, &call, venues, NULL,
                                              &walk->f->error));
    for (size_t i = 0; i < count; i++)
        entc_page_unref(venues[i]);
}

static void get_pages(struct walk *walk, entc_relation *relation, const entc_page_args *args,
                      entc_page **ret_pages)
{
    struct fixture *f = walk->f;

    assert_ok(f, entc_request_pages(walk->request, relation, walk->campaigns, args, ret_pages,
                                    WIDE_CAMPAIGNS, &f->error));
}

static void so_much_costs_a_walk_by_explicit_batches(void **state)
{
    struct walk walk;
    entc_page *brands[WIDE_CAMPAIGNS];
    entc_page *events[WIDE_CAMPAIGNS];

    walk_open(&walk, *state, request_with(*state, 0));
    get_pages(&walk, walk.brand, &one, brands);
    get_pages(&walk, walk.wide.has_events, &two, events);
    get_venues(&walk, events);
    for (size_t i = 0; i < WIDE_CAMPAIGNS; i++) {
        entc_page_unref(brands[i]);
        entc_page_unref(events[i]);
    }
    assert_cost_of_batches(&walk);
    walk_close(&walk);
}

/* ---- who is whose peer ---- */

static void entities_of_all_pages_of_one_call_are_peers(void **state)
{
    struct walk walk;
    entc_page *events[WIDE_CAMPAIGNS];

    walk_open(&walk, *state, request_with(*state, 1));
    get_pages(&walk, walk.wide.has_events, &two, events);
    assert_cost(&walk, 2, 2);
    for (size_t i = 0; i < WIDE_CAMPAIGNS; i++)
        visit_events(&walk, events[i], ((const Child *)entc_page_record(walk.campaigns, i))->id);
    assert_cost(&walk, 2, 3);
    walk_close(&walk);
}

static void entities_that_came_again_are_peers_of_those_that_came_last(void **state)
{
    const entc_page_args few = ENTC_FIRST(3);
    struct fixture *f = *state;
    entc_counters cost = ENTC_COUNTERS_INIT;
    struct walk walk;
    entc_page *page = NULL;

    walk_open(&walk, f, request_with(f, 1));
    assert_ok(f, entc_request_list(walk.request, walk.wide.campaigns, &few, &page, &f->error));
    entc_page_unref(related(&walk, walk.wide.has_events, entc_page_entity(page, 0), &two));
    assert_ok(f, entc_request_counters(walk.request, &cost));
    assert_int_equal(cost.load_keys, 3);
    entc_page_unref(page);
    walk_close(&walk);
}

static void an_entity_that_came_in_no_page_is_loaded_alone(void **state)
{
    struct fixture *f = *state;
    entc_counters cost = ENTC_COUNTERS_INIT;
    struct walk walk;
    entc_entity *event = NULL;
    entc_page *venue = NULL;

    walk_open(&walk, f, request_with(f, 1));
    event = fixture_get(f, walk.wide.events, wide_event_of(7, 0));
    venue = related(&walk, walk.venue, event, &one);
    assert_one(venue, wide_venue_of(wide_event_of(7, 0)));
    assert_ok(f, entc_request_counters(walk.request, &cost));
    assert_int_equal(cost.load_keys, 1);
    entc_page_unref(venue);
    entc_entity_unref(event);
    walk_close(&walk);
}

static void a_guard_that_refuses_batches_lets_each_entity_pass_alone(void **state)
{
    struct fixture *f = *state;
    entc_relation_desc desc = ENTC_HAS_MANY("guarded", "campaign_id", "id");
    entc_relation *guarded = NULL;
    struct walk walk;

    desc.guard = ENTC_GUARD_REFUSE;
    walk_open(&walk, f, request_with(f, 1));
    assert_ok(f,
              entc_relation_new(walk.wide.campaigns, walk.wide.events, &desc, &guarded, &f->error));
    for (size_t i = 0; i < 3; i++) {
        entc_page *events = related(&walk, guarded, entc_page_entity(walk.campaigns, i), &two);

        assert_events(events, ((const Child *)entc_page_record(walk.campaigns, i))->id);
        entc_page_unref(events);
    }
    assert_cost(&walk, 4, 4);
    entc_relation_free(guarded);
    walk_close(&walk);
}

static void a_page_above_the_largest_is_refused_with_peers_too(void **state)
{
    struct fixture *f = *state;
    entc_relation_desc desc = ENTC_HAS_MANY("small", "campaign_id", "id");
    entc_relation *small = NULL;
    struct walk walk;
    entc_page *page = NULL;

    desc.max_first = 1;
    walk_open(&walk, f, request_with(f, 1));
    assert_ok(f,
              entc_relation_new(walk.wide.campaigns, walk.wide.events, &desc, &small, &f->error));
    assert_status(f,
                  entc_request_related(walk.request, small, entc_page_entity(walk.campaigns, 0),
                                       &two, &page, &f->error),
                  ENTC_E_INVALID);
    assert_null(page);
    entc_relation_free(small);
    walk_close(&walk);
}

/* ---- who may see what ---- */

/* Of one repository those with an even id are denied. Every record begins with its id. */
struct viewer {
    BaseCacheRepository *const *restricted;
    int asked;
};

static entc_status authorize(entc_request *request, BaseCacheRepository *repository,
                             const entc_entity *entity, void *user)
{
    struct viewer *viewer = user;
    const Child *record = entc_entity_record(entity);

    (void)request;
    viewer->asked++;
    return repository == *viewer->restricted && record->id % 2 == 0 ? ENTC_E_FORBIDDEN : ENTC_OK;
}

static void what_is_loaded_for_peers_is_shown_to_nobody_before_it_is_asked_for(void **state)
{
    struct fixture *f = *state;
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    struct walk walk;
    struct viewer viewer = {.restricted = &walk.wide.campaigns};
    entc_request *request = NULL;
    entc_counters cost = ENTC_COUNTERS_INIT;

    options.peers = 1;
    options.authorize = authorize;
    options.user = &viewer;
    assert_ok(f, entc_request_new(f->engine, &options, &request, &f->error));
    walk_open(&walk, f, request);
    assert_int_equal(viewer.asked, WIDE_CAMPAIGNS);
    for (size_t i = 0; i < WIDE_CAMPAIGNS; i++) {
        if (!entc_page_entity(walk.campaigns, i))
            continue;
        viewer.asked = 0;
        visit(&walk, i, false);
        /* A brand, the events, and a venue of each. */
        assert_int_equal(viewer.asked, 1 + WIDE_EVENTS + WIDE_EVENTS);
    }
    assert_cost_of_batches(&walk);
    /* Nothing was asked for those that were denied. */
    assert_ok(f, entc_request_counters(request, &cost));
    assert_int_equal(cost.load_keys, 5 + WIDE_CAMPAIGNS / 2 + WIDE_VENUES);
    walk_close(&walk);
}

/* ---- mistakes and ends ---- */

static void an_entity_of_another_repository_is_refused_and_named(void **state)
{
    struct fixture *f = *state;
    struct walk walk;
    entc_page *page = NULL;

    walk_open(&walk, f, request_with(f, 1));
    assert_status(f,
                  entc_request_related(walk.request, walk.venue,
                                       entc_page_entity(walk.campaigns, 0), &one, &page, &f->error),
                  ENTC_E_INVALID);
    assert_null(page);
    fixture_assert_says(entc_error_message(f->error), "\"WideCampaign\"");
    fixture_assert_says(entc_error_message(f->error), "\"venue\"");
    assert_status(f, entc_request_related(walk.request, walk.venue, NULL, &one, &page, &f->error),
                  ENTC_E_INVALID);
    walk_close(&walk);
}

static void peers_is_one_or_zero(void **state)
{
    struct fixture *f = *state;
    entc_request_options options = ENTC_REQUEST_OPTIONS_INIT;
    entc_request *request = NULL;

    options.peers = 2;
    assert_status(f, entc_request_new(f->engine, &options, &request, &f->error), ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "entc_request_options.peers");
    options.peers = 1;
    options.reserved = 1;
    assert_status(f, entc_request_new(f->engine, &options, &request, &f->error), ENTC_E_INVALID);
}

static void a_request_that_is_freed_takes_no_page_from_who_holds_it(void **state)
{
    struct fixture *f = *state;
    struct walk walk;
    entc_page *events = NULL;

    walk_open(&walk, f, request_with(f, 1));
    events = related(&walk, walk.wide.has_events, entc_page_entity(walk.campaigns, 0), &two);
    entc_request_free(walk.request);
    walk.request = NULL;
    assert_int_equal(entc_page_count(walk.campaigns), WIDE_CAMPAIGNS);
    assert_events(events, ((const Child *)entc_page_record(walk.campaigns, 0))->id);
    entc_page_unref(events);
    walk_close(&walk);
}

/* Of person 1 and 6 nobody is the boss; 5 has one that is no row. */
static void a_foreign_key_that_is_null_is_an_empty_page(void **state)
{
    static const int64_t bosses[] = {0, 1, 1, 2, 9, 0};
    struct clubs *clubs = &the_clubs;
    struct fixture *f = clubs->f;
    entc_request *request = request_with(f, 1);
    entc_relation *boss = clubs_relation(clubs, clubs->people, clubs->people, &clubs_has_boss);
    entc_counters cost = ENTC_COUNTERS_INIT;
    entc_page *people = NULL;

    (void)state;
    assert_ok(f, entc_request_list(request, clubs->people, &all, &people, &f->error));
    assert_int_equal(entc_page_count(people), 6);
    for (size_t i = 0; i < 6; i++) {
        entc_page *page = NULL;
        entc_value id;

        assert_ok(f, entc_request_related(request, boss, entc_page_entity(people, i), &one, &page,
                                          &f->error));
        assert_int_equal(entc_page_count(page), bosses[i] ? 1 : 0);
        if (bosses[i]) {
            assert_ok(f, entc_page_id(page, 0, 0, &id));
            assert_int_equal(id.as.int64, bosses[i]);
        }
        entc_page_unref(page);
    }
    assert_ok(f, entc_request_counters(request, &cost));
    assert_int_equal(cost.load_batches, 1);
    entc_page_unref(people);
    entc_relation_free(boss);
    entc_request_free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_walk_by_blocking_calls_with_peers_costs_what_batches_cost),
        IN_BOTH_DRIVES(a_walk_by_ids_with_peers_costs_what_batches_cost),
        IN_BOTH_DRIVES(without_peers_it_costs_a_query_for_each),
        IN_BOTH_DRIVES(so_much_costs_a_walk_by_explicit_batches),
        IN_BOTH_DRIVES(entities_of_all_pages_of_one_call_are_peers),
        IN_BOTH_DRIVES(entities_that_came_again_are_peers_of_those_that_came_last),
        IN_BOTH_DRIVES(an_entity_that_came_in_no_page_is_loaded_alone),
        IN_BOTH_DRIVES(a_guard_that_refuses_batches_lets_each_entity_pass_alone),
        IN_BOTH_DRIVES(a_page_above_the_largest_is_refused_with_peers_too),
        IN_BOTH_DRIVES(what_is_loaded_for_peers_is_shown_to_nobody_before_it_is_asked_for),
        IN_BOTH_DRIVES(an_entity_of_another_repository_is_refused_and_named),
        IN_BOTH_DRIVES(peers_is_one_or_zero),
        IN_BOTH_DRIVES(a_request_that_is_freed_takes_no_page_from_who_holds_it),
        WITH_CLUBS(a_foreign_key_that_is_null_is_an_empty_page),
    };

    return cmocka_run_group_tests(tests, clubs_start, fixture_stop);
}
