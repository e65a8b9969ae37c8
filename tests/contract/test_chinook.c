/* Every table of Chinook with all its columns: the descriptors agree with the live schema, and
 * every row, from the table and from the cache, is what PostgreSQL's own text says. */
#include "chinook.h"
#include "fixture.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIELDS_MAX 15
#define PARTS_MAX 2

/* The library lays the records out. */
#define FIELD(name, type, flags)         \
    {                                    \
        name, type, flags, 0, 0, 0, NULL \
    }
#define KEY(name) FIELD(name, ENTC_INT64, ENTC_KEY)
#define INTEGER(name) FIELD(name, ENTC_INT64, 0)
#define MAYBE_INTEGER(name) FIELD(name, ENTC_INT64, ENTC_NULLABLE)
#define TEXT(name) FIELD(name, ENTC_TEXT, 0)
#define MAYBE_TEXT(name) FIELD(name, ENTC_TEXT, ENTC_NULLABLE)
#define TIME(name) FIELD(name, ENTC_TIMESTAMP, 0)
#define MAYBE_TIME(name) FIELD(name, ENTC_TIMESTAMP, ENTC_NULLABLE)

struct table {
    const char *name;
    size_t rows; /* as Chinook's own file says */
    size_t parts;
    entc_field fields[FIELDS_MAX];
};

static const struct table tables[] = {
    {"album", 347, 1, {KEY("album_id"), TEXT("title"), INTEGER("artist_id")}},
    {"artist", 275, 1, {KEY("artist_id"), MAYBE_TEXT("name")}},
    {"customer",
     59,
     1,
     {KEY("customer_id"), TEXT("first_name"), TEXT("last_name"), MAYBE_TEXT("company"),
      MAYBE_TEXT("address"), MAYBE_TEXT("city"), MAYBE_TEXT("state"), MAYBE_TEXT("country"),
      MAYBE_TEXT("postal_code"), MAYBE_TEXT("phone"), MAYBE_TEXT("fax"), TEXT("email"),
      MAYBE_INTEGER("support_rep_id")}},
    {"employee",
     8,
     1,
     {KEY("employee_id"), TEXT("last_name"), TEXT("first_name"), MAYBE_TEXT("title"),
      MAYBE_INTEGER("reports_to"), MAYBE_TIME("birth_date"), MAYBE_TIME("hire_date"),
      MAYBE_TEXT("address"), MAYBE_TEXT("city"), MAYBE_TEXT("state"), MAYBE_TEXT("country"),
      MAYBE_TEXT("postal_code"), MAYBE_TEXT("phone"), MAYBE_TEXT("fax"), MAYBE_TEXT("email")}},
    {"genre", 25, 1, {KEY("genre_id"), MAYBE_TEXT("name")}},
    {"invoice",
     412,
     1,
     {KEY("invoice_id"), INTEGER("customer_id"), TIME("invoice_date"),
      MAYBE_TEXT("billing_address"), MAYBE_TEXT("billing_city"), MAYBE_TEXT("billing_state"),
      MAYBE_TEXT("billing_country"), MAYBE_TEXT("billing_postal_code"), TEXT("total")}},
    {"invoice_line",
     2240,
     1,
     {KEY("invoice_line_id"), INTEGER("invoice_id"), INTEGER("track_id"), TEXT("unit_price"),
      INTEGER("quantity")}},
    {"media_type", 5, 1, {KEY("media_type_id"), MAYBE_TEXT("name")}},
    {"playlist", 18, 1, {KEY("playlist_id"), MAYBE_TEXT("name")}},
    {"playlist_track", 8715, 2, {KEY("playlist_id"), KEY("track_id")}},
    {"track",
     3503,
     1,
     {KEY("track_id"), TEXT("name"), MAYBE_INTEGER("album_id"), INTEGER("media_type_id"),
      MAYBE_INTEGER("genre_id"), MAYBE_TEXT("composer"), INTEGER("milliseconds"),
      MAYBE_INTEGER("bytes"), TEXT("unit_price")}},
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static int start(void **state)
{
    fixture_start(state);
    test_chinook_load(&fixture_of_program()->postgres);
    return 0;
}

static size_t field_count(const struct table *table)
{
    size_t count = 0;

    while (count < FIELDS_MAX && table->fields[count].name)
        count++;
    return count;
}

static BaseCacheRepository *make_repository(struct fixture *f, const struct table *table)
{
    const entc_entity_desc entity = {sizeof(entity), table->name,        0,
                                     table->fields,  field_count(table), sizeof(entc_field)};
    const entc_model_desc model = ENTC_MODEL(table->name);
    BaseCacheRepository *repository = NULL;

    assert_ok(f, entc_repository_new(f->engine, &model, &entity, NULL, &repository, &f->error));
    return repository;
}

/* All rows with all columns as text, by the key. */
static PGresult *read_rows(struct fixture *f, const struct table *table)
{
    PGconn *connection = PQconnectdb(f->postgres.conninfo);
    PGresult *result = NULL;
    char sql[128];

    snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY %s", table->name,
             table->parts == 1 ? "1" : "1, 2");
    result = PQexec(connection, sql);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    PQfinish(connection);
    return result;
}

/* As PostgreSQL shows a timestamp under its default DateStyle. */
static void write_time(char *out, size_t size, int64_t microseconds)
{
    const time_t seconds = (time_t)(microseconds / 1000000);
    struct tm parts;

    assert_int_equal(microseconds % 1000000, 0);
    assert_non_null(gmtime_r(&seconds, &parts));
    assert_int_not_equal(strftime(out, size, "%Y-%m-%d %H:%M:%S", &parts), 0);
}

static void assert_field(const struct table *table, const entc_entity *entity, size_t field,
                         const PGresult *rows, int row)
{
    const char *wanted = PQgetvalue(rows, row, (int)field);
    const bool is_null = PQgetisnull(rows, row, (int)field);
    char text[64];
    entc_value value;

    assert_int_equal(entc_entity_get(entity, field, &value), ENTC_OK);
    if (is_null || value.type == ENTC_NULL) {
        if (!is_null || value.type != ENTC_NULL)
            test_fail("%s, row %d, %s: one is NULL", table->name, row, table->fields[field].name);
        return;
    }
    assert_int_equal(value.type, table->fields[field].type);
    if (value.type == ENTC_INT64)
        snprintf(text, sizeof(text), "%" PRId64, value.as.int64);
    else if (value.type == ENTC_TIMESTAMP)
        write_time(text, sizeof(text), value.as.int64);
    else if (value.length == strlen(wanted) && memcmp(value.as.text, wanted, value.length) == 0)
        return;
    else
        test_fail("%s, row %d, %s: '%.*s' is not '%s'", table->name, row, table->fields[field].name,
                  (int)value.length, value.as.text, wanted);
    assert_string_equal(text, wanted);
}

/* Asks for all rows at once, by the ids that PostgreSQL names, and for one that is not there. */
static void assert_rows(struct fixture *f, const struct table *table,
                        BaseCacheRepository *repository, const PGresult *rows)
{
    const size_t count = (size_t)PQntuples(rows);
    entc_value *ids = calloc((count + 1) * table->parts, sizeof(*ids));
    entc_entity **entities = calloc(count + 1, sizeof(*entities));
    entc_status *statuses = calloc(count + 1, sizeof(*statuses));

    assert_true(ids && entities && statuses);
    for (size_t i = 0; i < (count + 1) * table->parts; i++)
        entc_value_int64(&ids[i], INT64_C(1000000));
    for (size_t i = 0; i < count * table->parts; i++)
        entc_value_int64(
            &ids[i],
            strtoll(PQgetvalue(rows, (int)(i / table->parts), (int)(i % table->parts)), NULL, 10));
    assert_ok(f, entc_repository_get_many(repository, ids, count + 1, NULL, entities, statuses,
                                          &f->error));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(statuses[i], ENTC_OK);
        for (size_t field = 0; field < field_count(table); field++)
            assert_field(table, entities[i], field, rows, (int)i);
    }
    assert_int_equal(statuses[count], ENTC_E_NOT_FOUND);
    entc_entities_unref(entities, count + 1);
    free(statuses);
    free(entities);
    free(ids);
}

static void the_descriptors_of_every_table_agree_with_the_schema(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < TABLES; i++) {
        BaseCacheRepository *repository = make_repository(f, &tables[i]);
        entc_buffer *report = NULL;

        assert_ok(f, entc_buffer_new(&report));
        assert_ok(f, entc_repository_check(repository, NULL, report, &f->error));
        assert_string_equal(entc_buffer_text(report), "");
        entc_buffer_free(report);
        entc_repository_free(repository);
    }
}

static void no_table_and_no_column_is_left_out(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        test_postgres_integer(&f->postgres,
                              "SELECT count(*) FROM information_schema.tables WHERE table_schema ="
                              " 'public' AND table_name NOT IN ('campaigns', 'events')"),
        TABLES);
    for (size_t i = 0; i < TABLES; i++) {
        PGresult *rows = read_rows(f, &tables[i]);

        assert_int_equal(PQnfields(rows), field_count(&tables[i]));
        for (int column = 0; column < PQnfields(rows); column++)
            assert_string_equal(PQfname(rows, column), tables[i].fields[column].name);
        assert_int_equal(PQntuples(rows), tables[i].rows);
        PQclear(rows);
    }
}

/* One statement for each table, and then none. */
static void every_row_is_what_postgresql_says_from_the_table_and_from_the_cache(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < TABLES; i++) {
        BaseCacheRepository *repository = make_repository(f, &tables[i]);
        PGresult *rows = read_rows(f, &tables[i]);
        const uint64_t filled = fixture_counters(f).fills + tables[i].rows + 1;
        entc_counters before = fixture_counters(f);

        assert_rows(f, &tables[i], repository, rows);
        assert_int_equal(fixture_since(f, &before).sql_rows, tables[i].rows);
        assert_int_equal(fixture_since(f, &before).hits, 0);
        fixture_await_fills(f, filled);
        assert_int_equal(fixture_since(f, &before).uncacheable, 0);
        before = fixture_counters(f);
        assert_rows(f, &tables[i], repository, rows);
        assert_int_equal(fixture_since(f, &before).hits, tables[i].rows);
        assert_int_equal(fixture_since(f, &before).negatives, 1);
        assert_int_equal(fixture_since(f, &before).sql_queries, 0);
        PQclear(rows);
        entc_repository_free(repository);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(no_table_and_no_column_is_left_out),
        IN_BOTH_DRIVES(the_descriptors_of_every_table_agree_with_the_schema),
        IN_BOTH_DRIVES(every_row_is_what_postgresql_says_from_the_table_and_from_the_cache),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
