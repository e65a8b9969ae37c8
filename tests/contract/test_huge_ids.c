/* Ids of 10 MB: refused, each for itself, with a short message that names the key and the limit,
 * and before a byte of them is sent. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#define HUGE_LENGTH ((size_t)10 * 1024 * 1024)
#define MESSAGE_MAX 512 /* bytes: a line of a log, not an id */

typedef struct Shop {
    entc_str code;
    entc_str city;
} Shop;

typedef struct Ticket {
    uint8_t id[16];
    entc_str shop;
} Ticket;

typedef struct Shelf {
    int64_t number;
    entc_str shop;
} Shelf;

static const entc_field shop_fields[] = {ENTC_FIELD(Shop, code, ENTC_TEXT, ENTC_KEY),
                                         ENTC_FIELD(Shop, city, ENTC_TEXT, 0)};
static const entc_field ticket_fields[] = {ENTC_FIELD(Ticket, id, ENTC_UUID, ENTC_KEY),
                                           ENTC_FIELD(Ticket, shop, ENTC_TEXT, 0)};
static const entc_field shelf_fields[] = {ENTC_FIELD(Shelf, number, ENTC_INT64, ENTC_KEY),
                                          ENTC_FIELD(Shelf, shop, ENTC_TEXT, ENTC_KEY)};
static const entc_entity_desc shop = ENTC_ENTITY("Shop", Shop, shop_fields);
static const entc_entity_desc ticket = ENTC_ENTITY("Ticket", Ticket, ticket_fields);
static const entc_entity_desc shelf = ENTC_ENTITY("Shelf", Shelf, shelf_fields);
static const entc_model_desc shop_table = ENTC_MODEL("shops");
static const entc_model_desc ticket_table = ENTC_MODEL("tickets");
static const entc_model_desc shelf_table = ENTC_MODEL("shelves");
static const entc_relation_desc shop_tickets = ENTC_HAS_MANY("tickets", "shop", NULL);

static char *huge;

static int start(void **state)
{
    fixture_start(state);
    test_postgres_sql(
        &fixture_of_program()->postgres,
        "CREATE TABLE shops (code text PRIMARY KEY, city text NOT NULL);"
        "CREATE TABLE tickets (id uuid PRIMARY KEY, shop text NOT NULL);"
        "CREATE TABLE shelves (number int8, shop text, PRIMARY KEY (number, shop));"
        "INSERT INTO shops VALUES ('north', 'Oslo'), ('south', 'Rome');"
        "INSERT INTO tickets SELECT md5('t' || i)::uuid, 'south' FROM generate_series(1, 3) i;"
        "INSERT INTO shelves VALUES (1, 'north')");
    huge = malloc(HUGE_LENGTH + 1);
    assert_non_null(huge);
    memset(huge, 'h', HUGE_LENGTH);
    huge[HUGE_LENGTH] = '\0';
    return 0;
}

static int stop(void **state)
{
    free(huge);
    return fixture_stop(state);
}

static entc_value huge_id(void)
{
    entc_value id;

    assert_int_equal(entc_value_text(&id, huge, HUGE_LENGTH), ENTC_OK);
    return id;
}

static BaseCacheRepository *make(struct fixture *f, const entc_model_desc *model,
                                 const entc_entity_desc *entity)
{
    BaseCacheRepository *repository = NULL;

    assert_ok(f, entc_repository_new(f->engine, model, entity, NULL, &repository, &f->error));
    return repository;
}

/* Some of it, which is not part of any word of ours. */
static void assert_short(const struct fixture *f, const char *key, const char *cure)
{
    fixture_assert_says(entc_error_message(f->error), key);
    fixture_assert_says(entc_error_hint(f->error), cure);
    assert_in_range(strlen(entc_error_message(f->error)), 1, MESSAGE_MAX);
    assert_in_range(strlen(entc_error_hint(f->error)), 1, MESSAGE_MAX);
    assert_null(strstr(entc_error_message(f->error), "hhh"));
    assert_null(strstr(entc_error_hint(f->error), "hhh"));
}

static void assert_nothing_sent(const struct fixture *f)
{
    assert_int_equal(fixture_counters(f).redis_commands, 0);
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void assert_refused(struct fixture *f, BaseCacheRepository *repository, const entc_value *id,
                           const char *key, const char *cure)
{
    entc_entity *entity = NULL;

    assert_status(f, entc_repository_get_by_id(repository, id, NULL, &entity, &f->error),
                  ENTC_E_INVALID);
    assert_null(entity);
    assert_short(f, key, cure);
    assert_nothing_sent(f);
    entc_repository_free(repository);
}

static void a_huge_id_is_refused_whatever_the_type_of_the_key(void **state)
{
    struct fixture *f = *state;
    const entc_value id = huge_id();
    const entc_value parts[] = {fixture_id(1), id};

    assert_refused(f, make(f, &shop_table, &shop), &id,
                   "entity \"Shop\": the id for key \"code\" (TEXT) is too long",
                   "pass 1 to 200 bytes");
    assert_refused(f, make(f, &fixture_campaign_table, &fixture_campaign), &id,
                   "the id for key \"id\" (INT64) is text, but not an integer",
                   "write it without sign");
    assert_refused(f, make(f, &ticket_table, &ticket), &id,
                   "the id for key \"id\" (UUID) is text, but not a UUID", "8-4-4-4-12");
    assert_refused(f, make(f, &shelf_table, &shelf), parts,
                   "the id for key \"shop\" (TEXT) is too long", "pass 1 to 200 bytes");
}

/* One byte more than the limit is as much too long. */
static void the_limit_is_as_the_message_says(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *shops = make(f, &shop_table, &shop);
    entc_entity *entity = NULL;
    entc_value id;

    assert_int_equal(entc_value_text(&id, huge, 200), ENTC_OK);
    assert_int_equal(entc_repository_get_by_id(shops, &id, NULL, &entity, &f->error),
                     ENTC_E_NOT_FOUND);
    assert_int_equal(entc_value_text(&id, huge, 201), ENTC_OK);
    assert_status(f, entc_repository_get_by_id(shops, &id, NULL, &entity, &f->error),
                  ENTC_E_INVALID);
    assert_short(f, "is too long", "pass 1 to 200 bytes");
    entc_repository_free(shops);
}

static void the_others_of_its_batch_are_answered(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *shops = make(f, &shop_table, &shop);
    const entc_value ids[] = {fixture_text("north"), huge_id(), fixture_text("south"), huge_id(),
                              fixture_text("west")};
    static const entc_status wanted[] = {ENTC_OK, ENTC_E_INVALID, ENTC_OK, ENTC_E_INVALID,
                                         ENTC_E_NOT_FOUND};

    for (int round = 0; round < 2; round++) {
        entc_entity *entities[5];
        entc_status statuses[5];

        assert_ok(f, entc_repository_get_many(shops, ids, 5, NULL, entities, statuses, &f->error));
        assert_memory_equal(statuses, wanted, sizeof(wanted));
        assert_string_equal(((const Shop *)entc_entity_record(entities[0]))->city.ptr, "Oslo");
        assert_string_equal(((const Shop *)entc_entity_record(entities[2]))->city.ptr, "Rome");
        assert_null(entities[1]);
        assert_null(entities[3]);
        assert_null(entities[4]);
        entc_entities_unref(entities, 5);
        fixture_await_fills(f, 3);
    }
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    fixture_assert_keys(f, "Shop-north Shop-south Shop-west");
    entc_repository_free(shops);
}

static void a_batch_of_huge_ids_alone_is_refused_as_a_whole(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *shops = make(f, &shop_table, &shop);
    const entc_value ids[] = {huge_id(), huge_id()};
    entc_entity *entities[2];
    entc_status statuses[2];

    assert_status(f, entc_repository_get_many(shops, ids, 2, NULL, entities, statuses, &f->error),
                  ENTC_E_INVALID);
    assert_int_equal(statuses[0], ENTC_E_INVALID);
    assert_int_equal(statuses[1], ENTC_E_INVALID);
    assert_null(entities[0]);
    assert_null(entities[1]);
    assert_short(f, "\"code\" (TEXT) is too long", "pass 1 to 200 bytes");
    assert_nothing_sent(f);
    entc_repository_free(shops);
}

static void a_huge_id_of_a_parent_is_refused_and_the_others_have_their_pages(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *shops = make(f, &shop_table, &shop);
    BaseCacheRepository *tickets = make(f, &ticket_table, &ticket);
    const entc_value ids[] = {fixture_text("north"), huge_id(), fixture_text("south")};
    const entc_page_args args = ENTC_FIRST(2);
    entc_relation *relation = NULL;
    entc_page *pages[3];
    entc_status statuses[3];

    assert_ok(f, entc_relation_new(shops, tickets, &shop_tickets, &relation, &f->error));
    assert_ok(f, entc_relation_get_many(relation, ids, 3, &args, NULL, pages, statuses, &f->error));
    assert_int_equal(statuses[0], ENTC_OK);
    assert_int_equal(statuses[1], ENTC_E_INVALID);
    assert_int_equal(statuses[2], ENTC_OK);
    assert_int_equal(entc_page_count(pages[0]), 0);
    assert_null(pages[1]);
    assert_int_equal(entc_page_count(pages[2]), 2);
    for (size_t i = 0; i < 3; i++)
        entc_page_unref(pages[i]);
    assert_status(
        f, entc_relation_get_many(relation, &ids[1], 1, &args, NULL, pages, statuses, &f->error),
        ENTC_E_INVALID);
    assert_null(pages[0]);
    assert_short(f, "entity \"Shop\": the id for key \"code\" (TEXT) is too long",
                 "pass 1 to 200 bytes");
    entc_relation_free(relation);
    entc_repository_free(tickets);
    entc_repository_free(shops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_huge_id_is_refused_whatever_the_type_of_the_key),
        IN_BOTH_DRIVES(the_limit_is_as_the_message_says),
        IN_BOTH_DRIVES(the_others_of_its_batch_are_answered),
        IN_BOTH_DRIVES(a_batch_of_huge_ids_alone_is_refused_as_a_whole),
        IN_BOTH_DRIVES(a_huge_id_of_a_parent_is_refused_and_the_others_have_their_pages),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
