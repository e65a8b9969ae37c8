/* Kinds of relations, each against rows of which every answer is known: belongs-to, many-to-many,
 * from a table to itself, and with keys of several fields on either side. */
#include "clubs.h"

#include <string.h>

/* ---- belongs-to ---- */

static void belongs_to_takes_the_other_by_its_id_without_a_statement_for_ids(void **state)
{
    struct fixture *f = *state;
    entc_relation *boss =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &clubs_has_boss);
    const entc_page_args args = ENTC_FIRST(1);
    const entc_value keys[] = {fixture_id(1), fixture_id(1),     fixture_id(2),    fixture_id(9),
                               {0},           fixture_text("x"), fixture_text("2")};
    entc_counters before = fixture_counters(f);
    entc_counters cost;

    clubs_assert_pages(&the_clubs, boss, keys, 7, &args, "1 1 2 9? - ! 2");
    cost = fixture_since(f, &before);
    assert_int_equal(cost.sql_queries, 1);
    assert_int_equal(cost.redis_mgets, 1);
    assert_int_equal(cost.redis_keys, 3);
    fixture_await_fills(f, 3);
    before = fixture_counters(f);
    clubs_assert_pages(&the_clubs, boss, keys, 5, &args, "1 1 2 9? -");
    cost = fixture_since(f, &before);
    assert_int_equal(cost.sql_queries, 0);
    assert_int_equal(cost.redis_mgets, 1);
    entc_relation_free(boss);
}

static void a_key_of_null_costs_nothing(void **state)
{
    struct fixture *f = *state;
    entc_relation *boss =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &clubs_has_boss);
    const entc_page_args args = ENTC_FIRST(1);
    const entc_value keys[3] = {{0}, {0}, {0}};
    const entc_counters before = fixture_counters(f);
    entc_counters cost;

    clubs_assert_pages(&the_clubs, boss, keys, 3, &args, "- - -");
    cost = fixture_since(f, &before);
    assert_int_equal(cost.sql_queries, 0);
    assert_int_equal(cost.redis_commands, 0);
    entc_relation_free(boss);
}

static void a_request_takes_the_keys_from_the_pages_entities(void **state)
{
    struct fixture *f = *state;
    entc_relation *boss =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &clubs_has_boss);
    const entc_page_args all = ENTC_FIRST(10);
    entc_request *request = NULL;
    entc_page *people = NULL;
    entc_page *pages[6] = {NULL};
    entc_counters cost = ENTC_COUNTERS_INIT;
    char text[64];

    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_ok(f, entc_request_list(request, the_clubs.people, &all, &people, &f->error));
    fixture_await_fills(f, 6);
    assert_ok(f, entc_request_pages(request, boss, people, &all, pages, 6, &f->error));
    clubs_write_pages(pages, 6, 1, text, sizeof(text));
    assert_string_equal(text, "- 1 1 2 9? -");
    assert_int_equal(entc_request_counters(request, &cost), ENTC_OK);
    assert_int_equal(cost.sql_queries, 3);
    assert_int_equal(cost.redis_mgets, 2);
    entc_page_unref(people);
    entc_request_free(request);
    entc_relation_free(boss);
}

static void the_key_of_an_entity_is_what_its_relation_wants(void **state)
{
    struct fixture *f = *state;
    const entc_relation_desc has_staff = ENTC_HAS_MANY("staff", "boss_id", NULL);
    entc_relation *boss =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &clubs_has_boss);
    entc_relation *staff =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &has_staff);
    entc_entity *four = fixture_get(f, the_clubs.people, 4);
    entc_entity *six = fixture_get(f, the_clubs.people, 6);
    entc_entity *campaign = fixture_get(f, f->campaigns, 1);
    entc_value key;

    assert_int_equal(entc_relation_key(boss, four, &key, 1), ENTC_OK);
    assert_int_equal(key.as.int64, 2);
    assert_int_equal(entc_relation_key(boss, six, &key, 1), ENTC_OK);
    assert_int_equal(key.type, ENTC_NULL);
    assert_int_equal(entc_relation_key(staff, four, &key, 1), ENTC_OK);
    assert_int_equal(key.as.int64, 4);
    assert_int_equal(entc_relation_key(boss, four, &key, 2), ENTC_E_INVALID);
    assert_int_equal(entc_relation_key(boss, campaign, &key, 1), ENTC_E_INVALID);
    assert_int_equal(entc_relation_key(boss, NULL, &key, 1), ENTC_E_INVALID);
    assert_int_equal(entc_relation_key(NULL, four, &key, 1), ENTC_E_INVALID);
    assert_int_equal(entc_relation_key(boss, four, NULL, 1), ENTC_E_INVALID);
    entc_entity_unref(four);
    entc_entity_unref(six);
    entc_entity_unref(campaign);
    entc_relation_free(boss);
    entc_relation_free(staff);
}

/* ---- from a table to itself ---- */

static void a_table_may_lead_to_itself(void **state)
{
    struct fixture *f = *state;
    const entc_relation_desc has_staff = ENTC_HAS_MANY("staff", "boss_id", NULL);
    entc_relation *staff =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &has_staff);
    const entc_counters before = fixture_counters(f);

    clubs_assert_pages_of(&the_clubs, staff, 1, 4, 1, "2+ 4 - -");
    assert_int_equal(fixture_since(f, &before).sql_queries, 2);
    clubs_assert_pages_of(&the_clubs, staff, 1, 9, 5, "2,3 4 - - - - - - 5");
    entc_relation_free(staff);
}

/* ---- many-to-many ---- */

static void many_to_many_follows_a_join_table_in_one_statement(void **state)
{
    struct fixture *f = *state;
    const entc_relation_desc desc = clubs_has_clubs();
    entc_relation *clubs = clubs_relation(&the_clubs, the_clubs.people, the_clubs.clubs, &desc);
    const entc_counters before = fixture_counters(f);
    entc_counters cost;

    clubs_assert_pages_of(&the_clubs, clubs, 1, 4, 2, "10,11+ 11,12+ - -");
    cost = fixture_since(f, &before);
    assert_int_equal(cost.sql_queries, 2);
    assert_int_equal(cost.redis_mgets, 1);
    assert_int_equal(cost.redis_keys, 3);
    entc_relation_free(clubs);
}

static void rows_that_a_join_table_has_twice_give_their_child_twice(void **state)
{
    const entc_relation_desc desc = clubs_has_clubs();
    entc_relation *clubs = clubs_relation(&the_clubs, the_clubs.people, the_clubs.clubs, &desc);

    (void)state;
    clubs_assert_pages_of(&the_clubs, clubs, 2, 2, 9, "11,12,12");
    entc_relation_free(clubs);
}

static void the_order_may_be_of_the_join_table_or_of_both(void **state)
{
    static const entc_order by_since[] = {{"since", 0, ENTC_ORDER_THROUGH}};
    static const entc_order by_both[] = {{"hidden", 0, ENTC_ORDER_THROUGH}, {"rank", 1, 0}};
    const entc_order by_since_down[] = {{"since", 1, ENTC_ORDER_THROUGH}};
    entc_page_args down = ENTC_FIRST(2);
    const entc_value keys[] = {fixture_id(1), fixture_id(2)};
    entc_relation_desc desc = clubs_has_clubs();
    entc_relation *clubs = NULL;

    (void)state;
    down.order = by_since_down;
    down.order_count = 1;
    down.order_size = sizeof(by_since_down[0]);
    desc.order = by_since;
    desc.order_count = 1;
    desc.order_size = sizeof(by_since[0]);
    clubs = clubs_relation(&the_clubs, the_clubs.people, the_clubs.clubs, &desc);
    clubs_assert_pages_of(&the_clubs, clubs, 1, 2, 2, "12,11+ 12,12+");
    clubs_assert_pages(&the_clubs, clubs, keys, 2, &down, "10,11+ 11,12+");
    entc_relation_free(clubs);
    desc.order = by_both;
    desc.order_count = 2;
    clubs = clubs_relation(&the_clubs, the_clubs.people, the_clubs.clubs, &desc);
    clubs_assert_pages_of(&the_clubs, clubs, 1, 2, 9, "10,11,12 11,12,12");
    entc_relation_free(clubs);
}

/* ---- keys of several fields ---- */

static void parents_may_have_keys_of_several_fields(void **state)
{
    const entc_value keys[] = {fixture_text("a"), fixture_id(1),     fixture_text("a"),
                               fixture_id(2),     fixture_text("b"), fixture_text("1"),
                               fixture_text("c"), fixture_id(1)};
    const entc_page_args args = ENTC_FIRST(9);
    entc_relation_desc desc = ENTC_HAS_MANY("bookings", NULL, NULL);
    entc_relation *bookings = NULL;

    (void)state;
    desc.foreign_columns = clubs_seat_columns;
    desc.foreign_count = 2;
    bookings = clubs_relation(&the_clubs, the_clubs.seats, the_clubs.bookings, &desc);
    clubs_assert_pages(&the_clubs, bookings, keys, 4, &args, "1,2 - 3 5");
    entc_relation_free(bookings);
}

static void what_an_entity_belongs_to_may_have_a_key_of_several_fields(void **state)
{
    struct fixture *f = *state;
    const entc_page_args all = ENTC_FIRST(9);
    entc_relation_desc desc = ENTC_BELONGS_TO("seat", NULL);
    entc_relation *seat = NULL;
    entc_request *request = NULL;
    entc_page *bookings = NULL;
    entc_page *pages[5] = {NULL};
    char text[64];

    desc.foreign_columns = clubs_seat_columns;
    desc.foreign_count = 2;
    seat = clubs_relation(&the_clubs, the_clubs.bookings, the_clubs.seats, &desc);
    assert_ok(f, entc_request_new(f->engine, NULL, &request, &f->error));
    assert_ok(f, entc_request_list(request, the_clubs.bookings, &all, &bookings, &f->error));
    assert_ok(f, entc_request_pages(request, seat, bookings, &all, pages, 5, &f->error));
    clubs_write_pages(pages, 5, 2, text, sizeof(text));
    assert_string_equal(text, "a:1 a:1 b:1 - c:1?");
    entc_page_unref(bookings);
    entc_request_free(request);
    entc_relation_free(seat);
}

static void join_tables_may_hold_keys_of_several_columns_on_either_side(void **state)
{
    const entc_value keys[] = {fixture_text("a"), fixture_id(1),     fixture_text("b"),
                               fixture_id(1),     fixture_text("a"), fixture_id(2)};
    const entc_page_args args = ENTC_FIRST(1);
    entc_relation_desc to_seats =
        ENTC_MANY_TO_MANY("seats", "seat_owners", "person_id", NULL, NULL);
    entc_relation_desc to_people =
        ENTC_MANY_TO_MANY("owners", "seat_owners", NULL, "person_id", NULL);
    entc_relation *seats = NULL;
    entc_relation *owners = NULL;

    (void)state;
    to_seats.child_columns = clubs_owner_columns;
    to_seats.child_count = 2;
    to_people.foreign_columns = clubs_owner_columns;
    to_people.foreign_count = 2;
    seats = clubs_relation(&the_clubs, the_clubs.people, the_clubs.seats, &to_seats);
    owners = clubs_relation(&the_clubs, the_clubs.seats, the_clubs.people, &to_people);
    clubs_assert_pages_of(&the_clubs, seats, 1, 3, 9, "a:1 a:1,b:1 -");
    clubs_assert_pages(&the_clubs, owners, keys, 3, &args, "1+ 2 -");
    entc_relation_free(seats);
    entc_relation_free(owners);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLUBS(belongs_to_takes_the_other_by_its_id_without_a_statement_for_ids),
        WITH_CLUBS(a_key_of_null_costs_nothing),
        WITH_CLUBS(a_request_takes_the_keys_from_the_pages_entities),
        WITH_CLUBS(the_key_of_an_entity_is_what_its_relation_wants),
        WITH_CLUBS(a_table_may_lead_to_itself),
        WITH_CLUBS(many_to_many_follows_a_join_table_in_one_statement),
        WITH_CLUBS(rows_that_a_join_table_has_twice_give_their_child_twice),
        WITH_CLUBS(the_order_may_be_of_the_join_table_or_of_both),
        WITH_CLUBS(parents_may_have_keys_of_several_fields),
        WITH_CLUBS(what_an_entity_belongs_to_may_have_a_key_of_several_fields),
        WITH_CLUBS(join_tables_may_hold_keys_of_several_columns_on_either_side),
    };

    return cmocka_run_group_tests(tests, clubs_start, fixture_stop);
}
