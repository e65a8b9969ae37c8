/* The clubs of clubs.h. */
#include "clubs.h"

#include <stdio.h>
#include <string.h>

#define FIELD(name, type, flags)         \
    {                                    \
        name, type, flags, 0, 0, 0, NULL \
    }
/* An entity whose record the library lays out. */
#define ENTITY(name, fields)                                                             \
    {                                                                                    \
        sizeof(entc_entity_desc), name, 0, fields, sizeof(fields) / sizeof((fields)[0]), \
            sizeof((fields)[0])                                                          \
    }

static const entc_field person_fields[] = {FIELD("id", ENTC_INT64, ENTC_KEY),
                                           FIELD("name", ENTC_TEXT, 0),
                                           FIELD("boss_id", ENTC_INT64, ENTC_NULLABLE)};
static const entc_field club_fields[] = {FIELD("id", ENTC_INT64, ENTC_KEY),
                                         FIELD("name", ENTC_TEXT, 0)};
static const entc_field seat_fields[] = {FIELD("hall", ENTC_TEXT, ENTC_KEY),
                                         FIELD("number", ENTC_INT64, ENTC_KEY)};
static const entc_field booking_fields[] = {FIELD("id", ENTC_INT64, ENTC_KEY),
                                            FIELD("seat_hall", ENTC_TEXT, 0),
                                            FIELD("seat_number", ENTC_INT64, ENTC_NULLABLE)};

static const entc_entity_desc person = ENTITY("Person", person_fields);
static const entc_entity_desc club = ENTITY("Club", club_fields);
static const entc_entity_desc seat = ENTITY("Seat", seat_fields);
static const entc_entity_desc booking = ENTITY("Booking", booking_fields);

const entc_relation_desc clubs_has_boss = ENTC_BELONGS_TO("boss", "boss_id");
const char *const clubs_seat_columns[2] = {"seat_hall", "seat_number"};
const char *const clubs_owner_columns[2] = {"hall", "number"};

struct clubs the_clubs;

int clubs_start(void **state)
{
    struct fixture *f = NULL;

    fixture_start(state);
    f = fixture_of_program();
    test_postgres_sql(
        &f->postgres,
        "CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL, boss_id integer);"
        "CREATE TABLE clubs (id bigint PRIMARY KEY, name text NOT NULL, rank integer NOT NULL,"
        " hidden boolean NOT NULL);"
        "CREATE SCHEMA joined;"
        "CREATE TABLE joined.members (id bigint, person_id integer, name text, club_id bigint,"
        " since integer NOT NULL, hidden boolean NOT NULL DEFAULT false);"
        "CREATE INDEX ON joined.members (person_id, since);"
        "CREATE TABLE seats (hall text, number integer, PRIMARY KEY (hall, number));"
        "CREATE TABLE bookings (id bigint PRIMARY KEY, seat_hall text NOT NULL,"
        " seat_number bigint);"
        "CREATE INDEX ON bookings (seat_number, seat_hall, id); CREATE INDEX ON people (boss_id);"
        "CREATE TABLE seat_owners (hall text, number integer, person_id bigint,"
        " PRIMARY KEY (person_id, hall, number));"
        "CREATE INDEX ON seat_owners (hall, number);"
        "INSERT INTO people VALUES (1, 'P1', NULL), (2, 'P2', 1), (3, 'P3', 1), (4, 'P4', 2),"
        " (5, 'P5', 9), (6, 'P6', NULL);"
        "INSERT INTO clubs VALUES (10, 'C10', 40, false), (11, 'C11', 30, false),"
        " (12, 'C12', 20, false), (13, 'C13', 10, true);"
        "INSERT INTO joined.members (id, person_id, name, club_id, since) VALUES"
        " (9, 1, 'x', 10, 3), (8, 1, 'x', 11, 2), (7, 1, 'x', 12, 1), (6, 1, 'x', 13, 0),"
        " (5, 2, 'x', 11, 5), (4, 2, 'x', 12, 4), (3, 2, 'x', 12, 4), (2, 3, 'x', 99, 1);"
        "INSERT INTO seats VALUES ('a', 1), ('a', 2), ('b', 1);"
        "INSERT INTO bookings VALUES (1, 'a', 1), (2, 'a', 1), (3, 'b', 1), (4, 'a', NULL),"
        " (5, 'c', 1);"
        "INSERT INTO seat_owners VALUES ('a', 1, 1), ('a', 1, 2), ('b', 1, 2)");
    return 0;
}

static BaseCacheRepository *repository(struct fixture *f, const char *table, const char *filter,
                                       const entc_entity_desc *entity)
{
    entc_model_desc model = ENTC_MODEL(table);
    BaseCacheRepository *made = NULL;

    model.filter_sql = filter;
    assert_ok(f, entc_repository_new(f->engine, &model, entity, NULL, &made, &f->error));
    return made;
}

int clubs_open(void **state)
{
    struct fixture *f = NULL;

    fixture_open(state);
    f = *state;
    the_clubs.f = f;
    the_clubs.people = repository(f, "people", NULL, &person);
    the_clubs.clubs = repository(f, "clubs", "NOT hidden", &club);
    the_clubs.seats = repository(f, "seats", NULL, &seat);
    the_clubs.bookings = repository(f, "bookings", NULL, &booking);
    return 0;
}

int clubs_close(void **state)
{
    entc_repository_free(the_clubs.people);
    entc_repository_free(the_clubs.clubs);
    entc_repository_free(the_clubs.seats);
    entc_repository_free(the_clubs.bookings);
    return fixture_close(state);
}

entc_relation_desc clubs_has_clubs(void)
{
    entc_relation_desc desc = ENTC_MANY_TO_MANY("clubs", "members", "person_id", "club_id", NULL);

    desc.through_schema = "joined";
    return desc;
}

entc_relation *clubs_relation(struct clubs *clubs, BaseCacheRepository *parents,
                              BaseCacheRepository *children, const entc_relation_desc *desc)
{
    struct fixture *f = clubs->f;
    entc_relation *relation = NULL;

    assert_ok(f, entc_relation_new(parents, children, desc, &relation, &f->error));
    return relation;
}

/* ---- pages as text ---- */

static size_t write_id(const entc_page *page, size_t index, size_t parts, char *out, size_t size)
{
    size_t length = 0;

    for (size_t part = 0; part < parts; part++) {
        entc_value id;

        assert_int_equal(entc_page_id(page, index, part, &id), ENTC_OK);
        length +=
            (size_t)(id.type == ENTC_TEXT ? snprintf(out + length, size - length, "%s%s",
                                                     part ? ":" : "", id.as.text)
                                          : snprintf(out + length, size - length, "%s%lld",
                                                     part ? ":" : "", (long long)id.as.int64));
    }
    return length;
}

static size_t write_page(const entc_page *page, size_t parts, char *out, size_t size)
{
    size_t length = 0;

    if (page == NULL || entc_page_count(page) == 0)
        return (size_t)snprintf(out, size, "%s", page ? "-" : "!");
    for (size_t i = 0; i < entc_page_count(page); i++) {
        const bool is_absent = entc_page_status(page, i) == ENTC_E_NOT_FOUND;

        assert_int_equal(entc_page_entity(page, i) == NULL, is_absent);
        length += (size_t)snprintf(out + length, size - length, "%s", i ? "," : "");
        length += write_id(page, i, parts, out + length, size - length);
        length += (size_t)snprintf(out + length, size - length, "%s", is_absent ? "?" : "");
    }
    return length +
           (size_t)snprintf(out + length, size - length, "%s", entc_page_has_next(page) ? "+" : "");
}

void clubs_write_pages(entc_page **pages, size_t count, size_t parts, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        length += (size_t)snprintf(out + length, size - length, "%s", i ? " " : "");
        length += write_page(pages[i], parts, out + length, size - length);
        entc_page_unref(pages[i]);
    }
}

#define PAGES_MAX 16

void clubs_assert_pages(struct clubs *clubs, entc_relation *relation, const entc_value *keys,
                        size_t count, const entc_page_args *args, const char *expected)
{
    struct fixture *f = clubs->f;
    entc_page *pages[PAGES_MAX] = {NULL};
    char text[512] = "";
    entc_value ignored;

    assert_true(count <= PAGES_MAX);
    assert_ok(f, entc_relation_get_many(relation, keys, count, args, NULL, pages, NULL, &f->error));
    for (size_t i = 0; i < count; i++) {
        if (entc_page_count(pages[i]) == 0)
            continue;
        clubs_write_pages(pages, count, entc_page_id(pages[i], 0, 1, &ignored) == ENTC_OK ? 2 : 1,
                          text, sizeof(text));
        assert_string_equal(text, expected);
        return;
    }
    clubs_write_pages(pages, count, 1, text, sizeof(text));
    assert_string_equal(text, expected);
}

void clubs_assert_pages_of(struct clubs *clubs, entc_relation *relation, int64_t from, int64_t to,
                           int32_t first, const char *expected)
{
    const entc_page_args args = ENTC_FIRST(first);
    entc_value keys[PAGES_MAX];
    size_t count = 0;

    assert_true(to - from < PAGES_MAX);
    for (int64_t id = from; id <= to; id++)
        keys[count++] = fixture_id(id);
    clubs_assert_pages(clubs, relation, keys, count, &args, expected);
}
