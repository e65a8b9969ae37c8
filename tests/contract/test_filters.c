/* Filters: conditions on columns of any type, whose values are parameters and never SQL; and what
 * else a list can be asked: ids alone, a total, all of it. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static entc_page_args filtered(const entc_filter *filters, size_t count)
{
    entc_page_args args = ENTC_FIRST(50);

    args.filters = filters;
    args.filter_count = count;
    args.filter_size = sizeof(*filters);
    return args;
}

/* The ids that pass, with a blank behind each. */
static void assert_passes(struct fixture *f, BaseCacheRepository *repository,
                          const entc_page_args *args, const char *wanted)
{
    entc_page *page = NULL;
    char found[400] = "";

    assert_ok(f, entc_repository_list(repository, args, NULL, &page, &f->error));
    for (size_t i = 0; i < entc_page_count(page); i++) {
        const size_t length = strlen(found);
        entc_value id;

        assert_int_equal(entc_page_id(page, i, 0, &id), ENTC_OK);
        snprintf(found + length, sizeof(found) - length, "%lld ", (long long)id.as.int64);
    }
    entc_page_unref(page);
    assert_string_equal(found, wanted);
}

static void assert_events(struct fixture *f, const entc_filter *filters, size_t count,
                          const char *wanted)
{
    const entc_page_args args = filtered(filters, count);

    assert_passes(f, f->events, &args, wanted);
}

/* ---- tests ---- */

static void every_test_lets_pass_what_sql_lets_pass(void **state)
{
    struct fixture *f = *state;
    const entc_value values[] = {fixture_id(401), fixture_id(802), fixture_id(7)};
    const struct {
        entc_filter filter;
        const char *wanted;
    } cases[] = {
        {{"id", ENTC_EQUAL, 0, values, 1}, "401 "},
        {{"id", ENTC_NOT_EQUAL, 0, values, 1}, "402 403 404 405 501 502 601 801 802 "},
        {{"id", ENTC_LESS, 0, values, 1}, ""},
        {{"id", ENTC_LESS_EQUAL, 0, values, 1}, "401 "},
        {{"id", ENTC_GREATER, 0, values, 1}, "402 403 404 405 501 502 601 801 802 "},
        {{"id", ENTC_GREATER_EQUAL, 0, values, 1}, "401 402 403 404 405 501 502 601 801 802 "},
        {{"id", ENTC_IN, 0, values, 3}, "401 802 "},
        {{"id", ENTC_IN, 0, values, 0}, ""},
        {{"id", ENTC_IN, 0, NULL, 0}, ""},
        {{"id", ENTC_IS_NULL, 0, NULL, 0}, ""},
        {{"id", ENTC_IS_NOT_NULL, 0, NULL, 0}, "401 402 403 404 405 501 502 601 801 802 "},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const entc_value from = fixture_id(4);
        const entc_filter filters[] = {{"campaign_id", ENTC_GREATER_EQUAL, 0, &from, 1},
                                       cases[i].filter};

        assert_events(f, filters, 2, cases[i].wanted);
    }
}

static void filters_are_of_columns_that_no_field_declares_too(void **state)
{
    struct fixture *f = *state;
    const entc_value values[] = {fixture_id(0), fixture_id(5)};
    const entc_filter filters[] = {{"rank", ENTC_EQUAL, 0, &values[0], 1},
                                   {"campaign_id", ENTC_LESS, 0, &values[1], 1}};

    assert_events(f, filters, 2, "102 104 202 302 402 404 ");
}

static void a_filter_is_walked_with_the_callers_stride(void **state)
{
    struct fixture *f = *state;
    const entc_value value = fixture_id(8);
    const struct later_filter {
        entc_filter filter;
        uint64_t later;
    } filters[] = {{{"campaign_id", ENTC_EQUAL, 0, &value, 1}, 7},
                   {{"rank", ENTC_IS_NOT_NULL, 0, NULL, 0}, 7}};
    entc_page_args args = filtered(&filters[0].filter, 2);

    args.filter_size = sizeof(filters[0]);
    assert_passes(f, f->events, &args, "801 802 ");
}

/* One row for each column, in which that column alone is set. */
static const char make_kinds[] =
    "DROP TABLE IF EXISTS kinds; DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('sad', 'ok');"
    "CREATE TABLE kinds (id bigint PRIMARY KEY, b bool, i smallint, d float8, t text, z timestamptz,"
    " w timestamp, y bytea, u uuid, e date, j jsonb, n numeric, c char(5), m mood);"
    "INSERT INTO kinds (id, b) VALUES (1, true); INSERT INTO kinds (id, i) VALUES (2, -7);"
    "INSERT INTO kinds (id, d) VALUES (3, 0.1), (4, 'NaN'), (5, '-Infinity');"
    "INSERT INTO kinds (id, t) VALUES (6, E'it''s \"\\\\ {a,b} $1'), (7, '');"
    "INSERT INTO kinds (id, z) VALUES (8, '2026-11-22 10:00:00.000001+00'), (9, 'infinity'),"
    " (10, '0044-03-15 12:00:00+00 BC'), (11, '12345-01-02 00:00:00+00');"
    "INSERT INTO kinds (id, w) VALUES (12, '2026-11-22 10:00:00.000001');"
    "INSERT INTO kinds (id, y) VALUES (13, '\\x005cff'); INSERT INTO kinds (id, u) VALUES (14,"
    " '00112233-4455-6677-8899-aabbccddeeff'); INSERT INTO kinds (id, e) VALUES (15, '2026-11-22'),"
    " (16, '0001-01-01 BC'), (17, '-infinity'); INSERT INTO kinds (id, j) VALUES (18, '{\"a\": 1}');"
    "INSERT INTO kinds (id, n) VALUES (19, 12345678901234567890.5);"
    "INSERT INTO kinds (id, c) VALUES (20, 'ab'); INSERT INTO kinds (id, m) VALUES (21, 'ok')";

static const entc_field kind_fields[] = {{"id", ENTC_INT64, ENTC_KEY, 0, 0, 0, NULL}};
static const entc_entity_desc kind = {sizeof(kind), "Kind", 0,
                                      kind_fields,  1,      sizeof(kind_fields[0])};
static const entc_model_desc kinds = ENTC_MODEL("kinds");

static void assert_found(struct fixture *f, BaseCacheRepository *repository, const char *column,
                         const entc_value *value, int64_t id)
{
    const entc_filter one = {column, ENTC_EQUAL, 0, value, 1};
    const entc_filter in = {column, ENTC_IN, 0, value, 1};
    entc_page_args args = filtered(&one, 1);
    char wanted[32];

    snprintf(wanted, sizeof(wanted), "%lld ", (long long)id);
    assert_passes(f, repository, &args, wanted);
    args.filters = &in;
    assert_passes(f, repository, &args, wanted);
}

static void values_of_every_type_are_found_exactly(void **state)
{
    struct fixture *f = *state;
    static const uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    BaseCacheRepository *repository = NULL;
    entc_value values[22];

    test_postgres_sql(&f->postgres, make_kinds);
    assert_ok(f, entc_repository_new(f->engine, &kinds, &kind, NULL, &repository, &f->error));
    entc_value_bool(&values[1], 1);
    entc_value_int64(&values[2], -7);
    entc_value_double(&values[3], 0.1);
    entc_value_double(&values[4], (double)NAN);
    entc_value_double(&values[5], -(double)INFINITY);
    values[6] = fixture_text("it's \"\\ {a,b} $1");
    values[7] = fixture_text("");
    entc_value_timestamp(&values[8], INT64_C(1795341600000001));
    entc_value_timestamp(&values[9], ENTC_TIMESTAMP_INFINITY);
    entc_value_timestamp(&values[10], INT64_C(-63517780800000000));
    entc_value_timestamp(&values[11], INT64_C(327403468800000000));
    entc_value_timestamp(&values[12], INT64_C(1795341600000001));
    assert_int_equal(entc_value_bytes(&values[13], "\0\\\xff", 3), ENTC_OK);
    entc_value_uuid(&values[14], uuid);
    entc_value_date(&values[15], 20779);
    entc_value_date(&values[16], -719528);
    entc_value_date(&values[17], ENTC_DATE_MINUS_INFINITY);
    assert_int_equal(entc_value_json(&values[18], "{\"a\":1}", 7), ENTC_OK);
    values[19] = fixture_text("12345678901234567890.50");
    values[20] = fixture_text("ab");
    values[21] = fixture_text("ok");
    for (int64_t id = 1; id < 22; id++) {
        static const char columns[] = " biddd"
                                      "ttzzzz"
                                      "wyueee"
                                      "jncm";
        const char column[2] = {columns[id], '\0'};

        assert_found(f, repository, column, &values[id], id);
    }
    entc_repository_free(repository);
}

static void a_value_cannot_smuggle_sql(void **state)
{
    struct fixture *f = *state;
    const entc_value values[] = {fixture_text("x'; DROP TABLE events; --"),
                                 fixture_text("\"}',$1){\\")};
    const entc_filter filters[] = {{"title", ENTC_EQUAL, 0, values, 1},
                                   {"title", ENTC_IN, 0, values, 2}};
    const entc_filter column = {"id\" = 1); DROP TABLE events; --", ENTC_IS_NULL, 0, NULL, 0};
    const entc_page_args args = filtered(&column, 1);
    entc_page *page = NULL;

    assert_events(f, filters, 2, "");
    assert_true(entc_repository_list(f->events, &args, NULL, &page, &f->error) < 0);
    assert_int_equal(test_postgres_integer(&f->postgres, "SELECT count(*) FROM events"),
                     FIXTURE_EVENTS);
}

/* ---- what is refused ---- */

static void refuses(struct fixture *f, const entc_filter *filter, entc_status status,
                    const char *words)
{
    const entc_page_args args = filtered(filter, 1);
    entc_page *page = NULL;

    assert_status(f, entc_repository_list(f->events, &args, NULL, &page, &f->error), status);
    assert_null(page);
    fixture_assert_says(entc_error_message(f->error), words);
    assert_true(entc_error_hint(f->error)[0] != '\0');
}

static void filters_that_cannot_be_are_refused_by_name(void **state)
{
    struct fixture *f = *state;
    entc_value values[] = {fixture_id(1), fixture_id(2)};
    entc_value null;
    entc_value odd = {.type = 77};
    entc_value broken;
    entc_value late;
    const struct {
        entc_filter filter;
        const char *words;
    } cases[] = {
        {{NULL, ENTC_EQUAL, 0, values, 1}, "args.filters[0].column is NULL"},
        {{"id", 0, 0, values, 1}, "args.filters[0].test"},
        {{"id", 10, 0, values, 1}, "args.filters[0].test"},
        {{"id", ENTC_EQUAL, 3, values, 1}, "reserved"},
        {{"id", ENTC_EQUAL, 0, values, 2}, "args.filters[0].value_count is 2"},
        {{"id", ENTC_EQUAL, 0, values, 0}, "args.filters[0].value_count is 0"},
        {{"id", ENTC_IS_NULL, 0, values, 1}, "args.filters[0].value_count is 1"},
        {{"id", ENTC_EQUAL, 0, NULL, 1}, "args.filters[0].values is NULL"},
        {{"id", ENTC_IN, 0, NULL, 2}, "args.filters[0].values is NULL"},
        {{"id", ENTC_EQUAL, 0, &null, 1}, "args.filters[0].values[0] is NULL, which equals"},
        {{"id", ENTC_EQUAL, 0, &odd, 1}, "args.filters[0].values[0] has a type"},
        {{"id", ENTC_EQUAL, 0, &broken, 1}, "args.filters[0].values[0] is not UTF-8"},
        {{"id", ENTC_EQUAL, 0, &late, 1}, "args.filters[0].values[0] is no day"},
    };

    entc_value_null(&null);
    assert_int_equal(entc_value_text(&broken, "a\0b", 3), ENTC_OK);
    entc_value_date(&late, INT32_MAX - 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuses(f, &cases[i].filter, ENTC_E_INVALID, cases[i].words);
    assert_int_equal(fixture_counters(f).sql_queries, 0);
}

static void what_the_database_does_not_know_is_named(void **state)
{
    struct fixture *f = *state;
    const entc_value four = fixture_text("four");
    const entc_value huge = fixture_text("99999999999999999999");

    refuses(f, &(entc_filter){"no_such_column", ENTC_IS_NULL, 0, NULL, 0}, ENTC_E_SCHEMA,
            "no_such_column");
    refuses(f, &(entc_filter){"rank", ENTC_EQUAL, 0, &four, 1}, ENTC_E_INVALID, "four");
    refuses(f, &(entc_filter){"rank", ENTC_IN, 0, &huge, 1}, ENTC_E_INVALID,
            "99999999999999999999");
}

/* ---- ids alone, totals, all ---- */

static void ids_alone_cost_no_entities(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = ENTC_FIRST(2);
    entc_page *page = NULL;

    args.flags = ENTC_PAGE_IDS_ONLY;
    assert_ok(f, entc_repository_list(f->events, &args, NULL, &page, &f->error));
    assert_int_equal(entc_page_count(page), 2);
    assert_int_equal(entc_page_has_next(page), 1);
    assert_int_equal(entc_page_status(page, 1), ENTC_OK);
    assert_null(entc_page_entity(page, 1));
    entc_page_unref(page);
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).redis_commands, 0);
}

static void a_total_is_counted_in_the_same_statement(void **state)
{
    struct fixture *f = *state;
    const entc_value one = fixture_id(1);
    const entc_filter odd = {"rank", ENTC_EQUAL, 0, &one, 1};
    const entc_filter none = {"rank", ENTC_IS_NULL, 0, NULL, 0};
    entc_page_args args = filtered(&odd, 1);
    entc_page *page = NULL;

    args.first = 0;
    args.last = 3;
    args.flags = ENTC_PAGE_TOTAL | ENTC_PAGE_IDS_ONLY;
    assert_ok(f, entc_repository_list(f->events, &args, NULL, &page, &f->error));
    assert_int_equal(entc_page_count(page), 3);
    assert_int_equal(entc_page_total(page), 11);
    entc_page_unref(page);
    args.filters = &none;
    assert_ok(f, entc_repository_list(f->events, &args, NULL, &page, &f->error));
    assert_int_equal(entc_page_count(page), 0);
    assert_int_equal(entc_page_total(page), 0);
    entc_page_unref(page);
    assert_int_equal(fixture_counters(f).sql_queries, 2);
}

static void all_of_a_list_is_asked_for_by_name(void **state)
{
    struct fixture *f = *state;
    entc_page_args args = ENTC_PAGE_ARGS_INIT;
    entc_page *page = NULL;

    args.flags = ENTC_PAGE_ALL | ENTC_PAGE_TOTAL;
    assert_ok(f, entc_repository_list(f->events, &args, NULL, &page, &f->error));
    assert_int_equal(entc_page_count(page), FIXTURE_EVENTS);
    assert_int_equal(entc_page_total(page), FIXTURE_EVENTS);
    assert_int_equal(entc_page_has_next(page), 0);
    assert_int_equal(entc_page_has_previous(page), 0);
    fixture_assert_event(entc_page_entity(page, 0), 101);
    fixture_assert_event(entc_page_entity(page, FIXTURE_EVENTS - 1), 802);
    entc_page_unref(page);
    assert_int_equal(fixture_counters(f).sql_queries, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(every_test_lets_pass_what_sql_lets_pass),
        IN_BOTH_DRIVES(filters_are_of_columns_that_no_field_declares_too),
        IN_BOTH_DRIVES(a_filter_is_walked_with_the_callers_stride),
        IN_BOTH_DRIVES(values_of_every_type_are_found_exactly),
        IN_BOTH_DRIVES(a_value_cannot_smuggle_sql),
        IN_BOTH_DRIVES(filters_that_cannot_be_are_refused_by_name),
        IN_BOTH_DRIVES(what_the_database_does_not_know_is_named),
        IN_BOTH_DRIVES(ids_alone_cost_no_entities),
        IN_BOTH_DRIVES(a_total_is_counted_in_the_same_statement),
        IN_BOTH_DRIVES(all_of_a_list_is_asked_for_by_name),
    };

    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
