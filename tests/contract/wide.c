/* The tables, and the repositories over them. */
#include "wide.h"

#include <string.h>

typedef struct Place {
    int64_t id;
    entc_str name;
} Place;

static const entc_field place_fields[] = {ENTC_FIELD(Place, id, ENTC_INT64, ENTC_KEY),
                                          ENTC_FIELD(Place, name, ENTC_TEXT, 0)};
static const entc_field child_fields[] = {ENTC_FIELD(Child, id, ENTC_INT64, ENTC_KEY),
                                          ENTC_FIELD(Child, parent_id, ENTC_INT64, 0)};
static const entc_entity_desc brand = ENTC_ENTITY("WideBrand", Place, place_fields);
static const entc_entity_desc venue = ENTC_ENTITY("WideVenue", Place, place_fields);
static const entc_entity_desc campaign = ENTC_ENTITY("WideCampaign", Child, child_fields);
static const entc_entity_desc event = ENTC_ENTITY("WideEvent", Child, child_fields);
static const entc_model_desc brand_table = ENTC_MODEL("wide_brands");
static const entc_model_desc venue_table = ENTC_MODEL("wide_venues");
static const entc_model_desc campaign_table = ENTC_MODEL("wide_campaigns");
static const entc_model_desc event_table = ENTC_MODEL("wide_events");
static const entc_relation_desc has_events = ENTC_HAS_MANY("events", "campaign_id", "id");

static void make_tables(struct fixture *f)
{
    static const char *const statements[] = {
        "CREATE TABLE wide_brands (id bigint PRIMARY KEY, name text NOT NULL)",
        "CREATE TABLE wide_venues (id bigint PRIMARY KEY, name text NOT NULL)",
        "CREATE TABLE wide_campaigns (id bigint PRIMARY KEY,"
        " parent_id bigint NOT NULL)",
        "CREATE TABLE wide_events (id bigint PRIMARY KEY,"
        " parent_id bigint NOT NULL, campaign_id bigint NOT NULL)",
        "CREATE INDEX wide_events_campaign ON wide_events (campaign_id, id)",
        "INSERT INTO wide_brands SELECT i, 'Brand ' || i FROM generate_series(1, 10) i",
        "INSERT INTO wide_venues SELECT i, 'Venue ' || i FROM generate_series(1, 7) i",
        "INSERT INTO wide_campaigns SELECT i, i % 10 + 1 FROM generate_series(1, 100) i",
        "INSERT INTO wide_events SELECT c * 10 + e, (c * 10 + e) % 7 + 1, c"
        " FROM generate_series(1, 100) c, generate_series(1, 3) e",
    };

    if (test_postgres_integer(&f->postgres,
                              "SELECT count(*) FROM pg_class WHERE relname = 'wide_events'") > 0)
        return;
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        test_postgres_sql(&f->postgres, statements[i]);
}

static BaseCacheRepository *make(struct fixture *f, const entc_model_desc *model,
                                 const entc_entity_desc *entity)
{
    BaseCacheRepository *repository = NULL;

    assert_ok(f, entc_repository_new(f->engine, model, entity, NULL, &repository, &f->error));
    return repository;
}

static void warm_events(struct wide *wide)
{
    for (int64_t c = 1; c <= WIDE_CAMPAIGNS; c++)
        fixture_warm(wide->f, wide->events, wide_event_of(c, 0), wide_event_of(c, 1));
}

void wide_open(struct wide *wide, struct fixture *f)
{
    make_tables(f);
    wide->f = f;
    wide->brands = make(f, &brand_table, &brand);
    wide->venues = make(f, &venue_table, &venue);
    wide->campaigns = make(f, &campaign_table, &campaign);
    wide->events = make(f, &event_table, &event);
    assert_ok(f, entc_relation_new(wide->campaigns, wide->events, &has_events, &wide->has_events,
                                   &f->error));
    fixture_warm(f, wide->brands, 1, WIDE_BRANDS);
    fixture_warm(f, wide->venues, 1, WIDE_VENUES);
    fixture_warm(f, wide->campaigns, 1, WIDE_CAMPAIGNS);
    warm_events(wide);
}

void wide_close(struct wide *wide)
{
    entc_relation_free(wide->has_events);
    entc_repository_free(wide->events);
    entc_repository_free(wide->campaigns);
    entc_repository_free(wide->venues);
    entc_repository_free(wide->brands);
}

int64_t wide_brand_of(int64_t number)
{
    return number % WIDE_BRANDS + 1;
}

int64_t wide_event_of(int64_t number, size_t index)
{
    return number * 10 + (int64_t)index + 1;
}

int64_t wide_venue_of(int64_t number)
{
    return number % WIDE_VENUES + 1;
}

bool wide_is(const entc_entity *entity, int64_t id, int64_t parent_id)
{
    const Child *child = entity ? entc_entity_record(entity) : NULL;

    return child && child->id == id && (parent_id == 0 || child->parent_id == parent_id);
}
