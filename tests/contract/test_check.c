/* Descriptors against the live schema: every difference is a line with table, column, both types
 * and the cure, and a schema that is right gives none. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name, type, flags)         \
    {                                    \
        name, type, flags, 0, 0, 0, NULL \
    }
#define KEY FIELD("id", ENTC_INT64, ENTC_KEY)

static int start(void **state)
{
    struct fixture *f = NULL;

    fixture_start(state);
    f = fixture_of_program();
    test_postgres_sql(
        &f->postgres,
        "CREATE TYPE pair AS (a int, b text); CREATE TYPE mood AS ENUM ('sad', 'glad');"
        "CREATE DOMAIN positive AS int4 CHECK (value > 0);"
        "CREATE DOMAIN given AS positive NOT NULL;"
        "CREATE EXTENSION IF NOT EXISTS citext;"
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = "
        "false);"
        "CREATE TABLE good (id given PRIMARY KEY, b bool, n int2, f float4, t varchar(9), x bytea,"
        " u uuid, z timestamptz, s timestamp, d date, j json, k jsonb, a int[], c pair, m mood,"
        " q numeric, \"Odd \"\"name\"\"\" text NOT NULL);"
        "CREATE VIEW good_view AS SELECT * FROM good;"
        "CREATE MATERIALIZED VIEW good_copy AS SELECT * FROM good;"
        "CREATE TABLE parted (id int8 PRIMARY KEY) PARTITION BY HASH (id);"
        "CREATE TABLE pairs (a int8, b text, c uuid, v int, PRIMARY KEY (b, c, a));"
        "CREATE TABLE halves (id int8 NOT NULL, gone timestamptz, v int);"
        "CREATE UNIQUE INDEX ON halves (id) INCLUDE (v) WHERE gone IS NULL;"
        "CREATE TABLE keyless (id int8 NOT NULL, v int); CREATE UNIQUE INDEX ON keyless (id, v);"
        "CREATE TABLE maybe (id int8 UNIQUE);"
        "CREATE SEQUENCE counter;"
        "CREATE TABLE secured (id int8 PRIMARY KEY); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;"
        "CREATE TABLE key_citext (id citext PRIMARY KEY);"
        "CREATE TABLE key_char (id char(4) PRIMARY KEY);"
        "CREATE TABLE key_numeric (id numeric(9,2) PRIMARY KEY);"
        "CREATE TABLE key_float (id float8 PRIMARY KEY);"
        "CREATE TABLE key_loose (id text COLLATE loose PRIMARY KEY)");
    return 0;
}

/* Makes a repository, checks it, and compares the report, in which every line ends with a newline.
 */
static void assert_report_of(struct fixture *f, const entc_model_desc *model,
                             const entc_field *fields, size_t count, const char *expected)
{
    const entc_entity_desc entity = {sizeof(entity), "Thing", 0, fields, count, sizeof(fields[0])};
    BaseCacheRepository *repository = NULL;
    entc_buffer *report = NULL;
    entc_status status;

    assert_ok(f, entc_repository_new(f->engine, model, &entity, NULL, &repository, &f->error));
    assert_ok(f, entc_buffer_new(&report));
    status = entc_repository_check(repository, NULL, report, &f->error);
    assert_string_equal(entc_buffer_text(report), expected);
    assert_int_equal(status, expected[0] ? ENTC_E_SCHEMA : ENTC_OK);
    entc_buffer_free(report);
    entc_repository_free(repository);
}

static void assert_report(struct fixture *f, const char *table, const entc_field *fields,
                          size_t count, const char *expected)
{
    entc_model_desc model = ENTC_MODEL(NULL);

    model.table = table;
    assert_report_of(f, &model, fields, count, expected);
}

static const entc_field good_fields[] = {
    KEY,
    FIELD("b", ENTC_BOOL, ENTC_NULLABLE),
    FIELD("n", ENTC_INT64, ENTC_NULLABLE),
    FIELD("f", ENTC_DOUBLE, ENTC_NULLABLE),
    FIELD("t", ENTC_TEXT, ENTC_NULLABLE),
    FIELD("x", ENTC_BYTES, ENTC_NULLABLE),
    FIELD("u", ENTC_UUID, ENTC_NULLABLE),
    FIELD("z", ENTC_TIMESTAMP, ENTC_NULLABLE),
    FIELD("s", ENTC_TIMESTAMP, ENTC_NULLABLE),
    FIELD("d", ENTC_DATE, ENTC_NULLABLE),
    FIELD("j", ENTC_JSON, ENTC_NULLABLE),
    FIELD("k", ENTC_JSON, ENTC_NULLABLE),
    FIELD("a", ENTC_JSON, ENTC_NULLABLE),
    FIELD("c", ENTC_JSON, ENTC_NULLABLE),
    FIELD("m", ENTC_TEXT, ENTC_NULLABLE),
    FIELD("q", ENTC_TEXT, ENTC_NULLABLE),
    FIELD("odd", ENTC_TEXT, 0),
};
#define GOOD_FIELDS (sizeof(good_fields) / sizeof(good_fields[0]))
static const entc_column good_columns[] = {{"odd", "Odd \"name\""}};

static void a_schema_that_is_right_gives_no_line(void **state)
{
    static const entc_field key[] = {KEY};
    static const entc_field triple[] = {FIELD("a", ENTC_INT64, ENTC_KEY),
                                        FIELD("b", ENTC_TEXT, ENTC_KEY),
                                        FIELD("c", ENTC_UUID, ENTC_KEY)};
    entc_model_desc model = ENTC_MODEL("good");
    entc_model_desc halves = ENTC_MODEL("halves");

    model.columns = good_columns;
    model.column_count = 1;
    model.column_size = sizeof(good_columns[0]);
    assert_report_of(*state, &model, good_fields, GOOD_FIELDS, "");
    model.read_from = "good_view";
    assert_report_of(*state, &model, good_fields, GOOD_FIELDS, "");
    model.read_from = "good_copy";
    assert_report_of(*state, &model, good_fields, GOOD_FIELDS, "");
    assert_report(*state, "parted", key, 1, "");
    assert_report(*state, "pairs", triple, 3, "");
    halves.filter_sql = "(gone is null)";
    assert_report_of(*state, &halves, key, 1, "");
}

static void a_missing_table_is_one_line(void **state)
{
    entc_model_desc model = ENTC_MODEL("good");

    assert_report(*state, "nowhere", good_fields, 3,
                  "public.nowhere: declared as the table of entity \"Thing\", live there is none; "
                  "create it, or correct schema and name in the model's descriptor\n");
    model.read_from = "unseen";
    assert_report_of(*state, &model, good_fields, 3,
                     "public.unseen: declared as what reads use (read_from) of entity \"Thing\", "
                     "live there is none; create it, or correct schema and name in the model's "
                     "descriptor\n");
    model.read_from = NULL;
    model.schema = "no schema";
    assert_report_of(*state, &model, good_fields, 3,
                     "no schema.good: declared as the table of entity \"Thing\", live there is "
                     "none; create it, or correct schema and name in the model's descriptor\n");
}

static void every_column_that_is_not_as_declared_is_a_line(void **state)
{
    static const entc_field fields[] = {
        KEY,
        FIELD("nope", ENTC_BOOL, 0),
        FIELD("q", ENTC_INT64, ENTC_NULLABLE),
        FIELD("n", ENTC_BOOL, ENTC_NULLABLE),
        FIELD("a", ENTC_BYTES, ENTC_NULLABLE),
        FIELD("t", ENTC_JSON, ENTC_NULLABLE),
        FIELD("z", ENTC_DATE, ENTC_NULLABLE),
        FIELD("d", ENTC_DATE, 0),
        FIELD("m", ENTC_UUID, 0),
    };

    assert_report(
        *state, "good", fields, 9,
        "public.good.nope: declared ENTC_BOOL, live there is no such column; add it, or name the "
        "field's column in the model's `columns`\n"
        "public.good.q: declared ENTC_INT64, live numeric; declare the field ENTC_TEXT, or make "
        "the column int2, int4 or int8\n"
        "public.good.n: declared ENTC_BOOL, live smallint; declare the field ENTC_INT64, or make "
        "the column bool\n"
        "public.good.a: declared ENTC_BYTES, live integer[]; declare the field ENTC_JSON, or make "
        "the column bytea\n"
        "public.good.t: declared ENTC_JSON, live character varying(9), which would become a JSON "
        "string; declare the field ENTC_TEXT, or make the column jsonb or json\n"
        "public.good.z: declared ENTC_DATE, live timestamp with time zone; declare the field "
        "ENTC_TIMESTAMP, or make the column date\n"
        "public.good.d: declared ENTC_DATE, live date that may be NULL; declare the field "
        "ENTC_NULLABLE, or ALTER TABLE \"public\".\"good\" ALTER \"d\" SET NOT NULL\n"
        "public.good.m: declared ENTC_UUID, live mood; declare the field ENTC_TEXT, or make the "
        "column uuid\n"
        "public.good.m: declared ENTC_UUID, live mood that may be NULL; declare the field "
        "ENTC_NULLABLE, or ALTER TABLE \"public\".\"good\" ALTER \"m\" SET NOT NULL\n");
}

static void a_key_has_to_be_unique_and_never_null(void **state)
{
    static const entc_field key[] = {KEY};
    static const entc_field two[] = {FIELD("a", ENTC_INT64, ENTC_KEY),
                                     FIELD("b", ENTC_TEXT, ENTC_KEY)};

    assert_report(*state, "keyless", key, 1,
                  "public.keyless: declared with the key (\"id\"), live no primary key or unique "
                  "index has exactly these columns; ALTER TABLE \"public\".\"keyless\" ADD PRIMARY "
                  "KEY (\"id\"), or declare the table's own key\n");
    assert_report(*state, "pairs", two, 2,
                  "public.pairs: declared with the key (\"a\", \"b\"), live no primary key or "
                  "unique index has exactly these columns; ALTER TABLE \"public\".\"pairs\" ADD "
                  "PRIMARY KEY (\"a\", \"b\"), or declare the table's own key\n");
    /* its index holds only a part of the rows */
    assert_report(*state, "halves", key, 1,
                  "public.halves: declared with the key (\"id\"), live no primary key or unique "
                  "index has exactly these columns; ALTER TABLE \"public\".\"halves\" ADD PRIMARY "
                  "KEY (\"id\"), or declare the table's own key\n");
    assert_report(*state, "maybe", key, 1,
                  "public.maybe.id: declared ENTC_INT64 and the key, live bigint that may be NULL; "
                  "ALTER TABLE \"public\".\"maybe\" ALTER \"id\" SET NOT NULL\n");
}

#define KEY_TYPES                                                                            \
    "a key has to be of type int2, int4 or int8 (ENTC_INT64), uuid (ENTC_UUID), or text or " \
    "varchar (ENTC_TEXT)\n"
#define TEXT_KEY_TYPES \
    "two spellings may be one key there: make the column text or varchar, or declare what " KEY_TYPES

static void keys_whose_equality_is_not_that_of_bytes_are_refused_by_name(void **state)
{
    static const entc_field number[] = {KEY};
    static const entc_field text[] = {FIELD("id", ENTC_TEXT, ENTC_KEY)};

    assert_report(
        *state, "key_citext", text, 1,
        "public.key_citext.id: declared ENTC_TEXT and the key, live citext; " TEXT_KEY_TYPES);
    assert_report(
        *state, "key_char", text, 1,
        "public.key_char.id: declared ENTC_TEXT and the key, live character(4); " TEXT_KEY_TYPES);
    assert_report(
        *state, "key_numeric", text, 1,
        "public.key_numeric.id: declared ENTC_TEXT and the key, live numeric(9,2); " TEXT_KEY_TYPES);
    assert_report(
        *state, "key_numeric", number, 1,
        "public.key_numeric.id: declared ENTC_INT64 and the key, live numeric(9,2); " KEY_TYPES);
    assert_report(
        *state, "key_float", number, 1,
        "public.key_float.id: declared ENTC_INT64 and the key, live double precision; " KEY_TYPES);
    assert_report(*state, "key_loose", text, 1,
                  "public.key_loose.id: declared ENTC_TEXT and the key, live text COLLATE "
                  "\"loose\", which is nondeterministic: two spellings may be one key; give the "
                  "column a deterministic collation\n");
}

static void what_is_no_table_says_what_it_is(void **state)
{
    static const entc_field key[] = {KEY};
    static const char views[] =
        "it is good for reads only, and who writes to what it shows is not seen before the time to "
        "live is over: declare the table behind it, and this as read_from\n";
    char expected[400];

    snprintf(expected, sizeof(expected),
             "public.good_view: declared as the table, live it is a view; %s", views);
    assert_report(*state, "good_view", key, 1, expected);
    snprintf(expected, sizeof(expected),
             "public.good_copy: declared as the table, live it is a materialised view; %s", views);
    assert_report(*state, "good_copy", key, 1, expected);
    assert_report(*state, "counter", key, 1,
                  "public.counter: declared as the table, live it is a sequence; declare a "
                  "table\n");
}

static void rows_that_depend_on_the_viewer_are_not_to_be_cached(void **state)
{
    static const entc_field key[] = {KEY};
    struct fixture *f = *state;
    char *role = test_postgres_text(&f->postgres, "SELECT current_user");
    char expected[400];

    snprintf(expected, sizeof(expected),
             "public.secured: declared as a table to cache, live it has row-level security: its "
             "rows depend on the viewer, but role %s bypasses that, and the cache would show every "
             "row to everybody; do not cache it, or disable row-level security and authorise in "
             "the host\n",
             role);
    assert_report(f, "secured", key, 1, expected);
    free(role);
}

static void the_error_tells_the_first_difference_and_no_report_is_needed(void **state)
{
    struct fixture *f = *state;
    entc_model_desc model = ENTC_MODEL("no_such_campaigns");
    BaseCacheRepository *repository = NULL;

    assert_ok(f, entc_repository_check(f->campaigns, NULL, NULL, &f->error));
    assert_ok(
        f, entc_repository_new(f->engine, &model, &fixture_campaign, NULL, &repository, &f->error));
    assert_status(f, entc_repository_check(repository, NULL, NULL, &f->error), ENTC_E_SCHEMA);
    fixture_assert_says(entc_error_message(f->error), "public.no_such_campaigns");
    entc_repository_free(repository);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(a_schema_that_is_right_gives_no_line),
        IN_BOTH_DRIVES(a_missing_table_is_one_line),
        IN_BOTH_DRIVES(every_column_that_is_not_as_declared_is_a_line),
        IN_BOTH_DRIVES(a_key_has_to_be_unique_and_never_null),
        IN_BOTH_DRIVES(keys_whose_equality_is_not_that_of_bytes_are_refused_by_name),
        IN_BOTH_DRIVES(what_is_no_table_says_what_it_is),
        IN_BOTH_DRIVES(rows_that_depend_on_the_viewer_are_not_to_be_cached),
        IN_BOTH_DRIVES(the_error_tells_the_first_difference_and_no_report_is_needed),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
