/* What every kind of relation makes of all that pages can ask: the last, all, filters, totals, a
 * part of its own for each parent; and what its guard and its largest page refuse. */
#include "clubs.h"

#include <string.h>

/* ---- with all that pages can ask ---- */

static const entc_page_args everything = {.struct_size = sizeof(everything),
                                          .flags = ENTC_PAGE_ALL};

static void all_children_and_the_last_of_them_are_given_by_every_kind(void **state)
{
    const entc_value seats_of[] = {fixture_text("a"), fixture_id(1),     fixture_text("a"),
                                   fixture_id(2),     fixture_text("c"), fixture_id(1)};
    const entc_value people[] = {fixture_id(1), fixture_id(2), fixture_id(4)};
    const entc_page_args last = ENTC_LAST(1);
    const entc_relation_desc has_staff = ENTC_HAS_MANY("staff", "boss_id", NULL);
    const entc_relation_desc in_clubs = clubs_has_clubs();
    entc_relation_desc has_bookings = ENTC_HAS_MANY("bookings", NULL, NULL);
    entc_relation_desc has_owners =
        ENTC_MANY_TO_MANY("owners", "seat_owners", NULL, "person_id", NULL);
    entc_relation *staff =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &has_staff);
    entc_relation *clubs = clubs_relation(&the_clubs, the_clubs.people, the_clubs.clubs, &in_clubs);
    entc_relation *bookings = NULL;
    entc_relation *owners = NULL;

    (void)state;
    has_bookings.foreign_columns = clubs_seat_columns;
    has_bookings.foreign_count = 2;
    bookings = clubs_relation(&the_clubs, the_clubs.seats, the_clubs.bookings, &has_bookings);
    has_owners.foreign_columns = clubs_owner_columns;
    has_owners.foreign_count = 2;
    owners = clubs_relation(&the_clubs, the_clubs.seats, the_clubs.people, &has_owners);
    clubs_assert_pages(&the_clubs, staff, people, 3, &everything, "2,3 4 -");
    clubs_assert_pages(&the_clubs, clubs, people, 3, &everything, "10,11,12 11,12,12 -");
    clubs_assert_pages(&the_clubs, bookings, seats_of, 3, &everything, "1,2 - 5");
    clubs_assert_pages(&the_clubs, owners, seats_of, 3, &everything, "1,2 - -");
    clubs_assert_pages(&the_clubs, staff, people, 3, &last, "3 4 -");
    clubs_assert_pages(&the_clubs, clubs, people, 3, &last, "12 12 -");
    clubs_assert_pages(&the_clubs, bookings, seats_of, 3, &last, "2 - 5");
    clubs_assert_pages(&the_clubs, owners, seats_of, 3, &last, "2 - -");
    entc_relation_free(staff);
    entc_relation_free(clubs);
    entc_relation_free(bookings);
    entc_relation_free(owners);
}

static void filters_and_totals_go_through_a_join_table(void **state)
{
    struct fixture *f = *state;
    const entc_value thirty = fixture_id(30);
    const entc_filter high[] = {{"rank", ENTC_GREATER_EQUAL, 0, &thirty, 1}};
    const entc_value people[] = {fixture_id(1), fixture_id(2), fixture_id(3)};
    const int64_t totals[] = {2, 1, 0};
    const entc_relation_desc desc = clubs_has_clubs();
    entc_relation *clubs = clubs_relation(&the_clubs, the_clubs.people, the_clubs.clubs, &desc);
    entc_page_args args = ENTC_FIRST(1);
    entc_page *pages[3] = {NULL};
    char text[64];

    args.filters = high;
    args.filter_count = 1;
    args.filter_size = sizeof(high[0]);
    args.flags = ENTC_PAGE_TOTAL;
    assert_ok(f, entc_relation_get_many(clubs, people, 3, &args, NULL, pages, NULL, &f->error));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(entc_page_total(pages[i]), totals[i]);
    clubs_write_pages(pages, 3, 1, text, sizeof(text));
    assert_string_equal(text, "10+ 11 -");
    entc_relation_free(clubs);
}

static void parts_of_each_parent_may_have_keys_of_several_fields(void **state)
{
    struct fixture *f = *state;
    const entc_value keys[] = {fixture_text("a"), fixture_id(1), fixture_text("a"), fixture_id(1),
                               fixture_text("b"), fixture_id(1), fixture_text("a"), fixture_id(1)};
    entc_page_args args[4] = {ENTC_FIRST(1), ENTC_FIRST(5), ENTC_FIRST(2), ENTC_FIRST(1)};
    entc_relation_desc desc = ENTC_HAS_MANY("bookings", NULL, NULL);
    entc_relation *bookings = NULL;
    entc_buffer *cursor = NULL;
    entc_page *pages[4] = {NULL};
    char text[64];

    desc.foreign_columns = clubs_seat_columns;
    desc.foreign_count = 2;
    bookings = clubs_relation(&the_clubs, the_clubs.seats, the_clubs.bookings, &desc);
    assert_ok(f, entc_relation_get_many(bookings, keys, 1, args, NULL, pages, NULL, &f->error));
    assert_ok(f, entc_buffer_new(&cursor));
    assert_ok(f, entc_page_cursor(pages[0], 0, cursor, &f->error));
    entc_page_unref(pages[0]);
    args[3].after = entc_buffer_text(cursor);
    assert_ok(f, entc_relation_get_each(bookings, keys, 4, args, sizeof(args[0]), NULL, pages, NULL,
                                        &f->error));
    clubs_write_pages(pages, 4, 1, text, sizeof(text));
    assert_string_equal(text, "1+ 1,2 3 2");
    entc_buffer_free(cursor);
    entc_relation_free(bookings);
}

static void belongs_to_gives_each_parent_its_own_part(void **state)
{
    struct fixture *f = *state;
    const entc_value keys[] = {fixture_id(1), {0}, fixture_id(1), fixture_id(2), {0}};
    entc_page_args args[5] = {ENTC_FIRST(1), ENTC_FIRST(1), ENTC_LAST(3), ENTC_FIRST(2),
                              ENTC_LAST(1)};
    entc_relation *boss =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &clubs_has_boss);
    entc_page *pages[5] = {NULL};
    char text[64];

    assert_ok(f, entc_relation_get_each(boss, keys, 5, args, sizeof(args[0]), NULL, pages, NULL,
                                        &f->error));
    clubs_write_pages(pages, 5, 1, text, sizeof(text));
    assert_string_equal(text, "1 - 1 2 -");
    args[3].flags = ENTC_PAGE_TOTAL;
    assert_status(
        f,
        entc_relation_get_each(boss, keys, 5, args, sizeof(args[0]), NULL, pages, NULL, &f->error),
        ENTC_E_INVALID);
    assert_string_equal(entc_error_message(f->error),
                        "relation \"boss\": args[3].flags, ENTC_PAGE_TOTAL, is set, but what an "
                        "entity belongs to is one");
    entc_relation_free(boss);
}

/* ---- guards ---- */

static void a_guard_refuses_several_parents_and_names_relation_path_and_count(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = ENTC_FIRST(1);
    const entc_value keys[] = {fixture_id(1), fixture_id(2), fixture_id(1), fixture_id(3)};
    entc_relation_desc desc = clubs_has_clubs();
    entc_relation *clubs = NULL;
    entc_page *pages[4] = {NULL};
    entc_counters before;

    desc.guard = ENTC_GUARD_REFUSE;
    clubs = clubs_relation(&the_clubs, the_clubs.people, the_clubs.clubs, &desc);
    before = fixture_counters(f);
    args.path = "people.clubs";
    assert_status(f, entc_relation_get_many(clubs, keys, 4, &args, NULL, pages, NULL, &f->error),
                  ENTC_E_REFUSED);
    assert_string_equal(entc_error_message(f->error),
                        "relation \"clubs\" of entity \"Person\" at people.clubs: asked for 3 "
                        "parents at once, and its guard refuses more than one");
    fixture_assert_says(entc_error_hint(f->error), "ENTC_GUARD_BATCH");
    args.path = NULL;
    assert_status(f, entc_relation_get_many(clubs, keys, 2, &args, NULL, pages, NULL, &f->error),
                  ENTC_E_REFUSED);
    fixture_assert_says(entc_error_message(f->error), "\"Person\": asked for 2");
    assert_int_equal(fixture_since(f, &before).sql_queries, 0);
    clubs_assert_pages_of(&the_clubs, clubs, 1, 1, 1, "10+");
    entc_relation_free(clubs);
}

static void pages_above_max_first_are_refused(void **state)
{
    struct fixture *f = *state;
    const entc_page_args last = ENTC_LAST(3);
    entc_page_args args = ENTC_FIRST(3);
    const entc_value key = fixture_id(1);
    entc_relation_desc desc = clubs_has_clubs();
    entc_relation *clubs = NULL;
    entc_page *page = NULL;

    desc.max_first = 2;
    clubs = clubs_relation(&the_clubs, the_clubs.people, the_clubs.clubs, &desc);
    assert_status(f, entc_relation_get_many(clubs, &key, 1, &args, NULL, &page, NULL, &f->error),
                  ENTC_E_INVALID);
    assert_string_equal(entc_error_message(f->error),
                        "relation \"clubs\": args.first is 3, above its max_first, which is 2");
    args = last;
    assert_status(f, entc_relation_get_many(clubs, &key, 1, &args, NULL, &page, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "args.last is 3");
    assert_status(f,
                  entc_relation_get_many(clubs, &key, 1, &everything, NULL, &page, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "ENTC_PAGE_ALL, but its max_first is 2");
    clubs_assert_pages_of(&the_clubs, clubs, 1, 1, 2, "10,11+");
    entc_relation_free(clubs);
}

static void an_order_that_a_kind_cannot_have_is_refused(void **state)
{
    struct fixture *f = *state;
    const entc_order by_name[] = {{"name", 0, 0}};
    const entc_order by_since[] = {{"since", 0, ENTC_ORDER_THROUGH}};
    entc_page_args args = ENTC_FIRST(1);
    const entc_relation_desc has_staff = ENTC_HAS_MANY("staff", "boss_id", NULL);
    entc_relation *boss =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &clubs_has_boss);
    entc_relation *staff =
        clubs_relation(&the_clubs, the_clubs.people, the_clubs.people, &has_staff);
    const entc_value key = fixture_id(1);
    entc_page *page = NULL;

    args.order = by_name;
    args.order_count = 1;
    args.order_size = sizeof(by_name[0]);
    assert_status(f, entc_relation_get_many(boss, &key, 1, &args, NULL, &page, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "args.order is set");
    args.order = by_since;
    assert_status(f, entc_relation_get_many(staff, &key, 1, &args, NULL, &page, NULL, &f->error),
                  ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "no join table");
    entc_relation_free(boss);
    entc_relation_free(staff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLUBS(all_children_and_the_last_of_them_are_given_by_every_kind),
        WITH_CLUBS(filters_and_totals_go_through_a_join_table),
        WITH_CLUBS(parts_of_each_parent_may_have_keys_of_several_fields),
        WITH_CLUBS(belongs_to_gives_each_parent_its_own_part),
        WITH_CLUBS(a_guard_refuses_several_parents_and_names_relation_path_and_count),
        WITH_CLUBS(pages_above_max_first_are_refused),
        WITH_CLUBS(an_order_that_a_kind_cannot_have_is_refused),
    };

    return cmocka_run_group_tests(tests, clubs_start, fixture_stop);
}
