/* What PostgreSQL types become as ENTC_TEXT, by ::text, and as ENTC_JSON, by to_json(): char(n)
 * loses its padding, and some forms depend on the settings of the session. What value.h says about
 * it. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define TEXT(name) ENTC_FIELD(Moment, name, ENTC_TEXT, 0)
#define JSON(name) ENTC_FIELD(Moment, name, ENTC_JSON, 0)

/* The same columns thrice: as text, as JSON, and as what they are. */
typedef struct Moment {
    int64_t id;
    entc_str instant;
    entc_str wall;
    entc_str day;
    entc_str span;
    entc_str real;
    entc_str data;
    entc_str padded;
    entc_str price;
} Moment;

typedef struct Typed {
    int64_t id;
    int64_t instant;
    int64_t wall;
    int32_t day;
    double real;
    entc_str data;
} Typed;

static const entc_field text_fields[] = {
    ENTC_FIELD(Moment, id, ENTC_INT64, ENTC_KEY),
    TEXT(instant),
    TEXT(wall),
    TEXT(day),
    TEXT(span),
    TEXT(real),
    TEXT(data),
    TEXT(padded),
    TEXT(price),
};
static const entc_field json_fields[] = {
    ENTC_FIELD(Moment, id, ENTC_INT64, ENTC_KEY),
    JSON(instant),
    JSON(wall),
    JSON(day),
    JSON(span),
    JSON(real),
    JSON(data),
    JSON(padded),
    JSON(price),
};
static const entc_field typed_fields[] = {
    ENTC_FIELD(Typed, id, ENTC_INT64, ENTC_KEY), ENTC_FIELD(Typed, instant, ENTC_TIMESTAMP, 0),
    ENTC_FIELD(Typed, wall, ENTC_TIMESTAMP, 0),  ENTC_FIELD(Typed, day, ENTC_DATE, 0),
    ENTC_FIELD(Typed, real, ENTC_DOUBLE, 0),     ENTC_FIELD(Typed, data, ENTC_BYTES, 0),
};
static const entc_entity_desc as_text = ENTC_ENTITY("AsText", Moment, text_fields);
static const entc_entity_desc as_json = ENTC_ENTITY("AsJson", Moment, json_fields);
static const entc_entity_desc as_typed = ENTC_ENTITY("AsTyped", Typed, typed_fields);
static const entc_model_desc moments = ENTC_MODEL("moments");

/* The settings that value.h names, as most servers have them, and others. */
#define USUAL                                                                             \
    "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1 " \
    "-c bytea_output=hex"
#define OTHER                                                               \
    "-c TimeZone=Asia/Tokyo -c DateStyle=German -c IntervalStyle=iso_8601 " \
    "-c extra_float_digits=-5 -c bytea_output=escape"

static int start(void **state)
{
    fixture_start(state);
    test_postgres_sql(
        &fixture_of_program()->postgres,
        "CREATE TABLE moments (id bigint PRIMARY KEY, instant timestamptz NOT NULL,"
        " wall timestamp NOT NULL, day date NOT NULL, span interval NOT NULL,"
        " real float8 NOT NULL, data bytea NOT NULL, padded char(6) NOT NULL,"
        " price numeric(10,2) NOT NULL);"
        "INSERT INTO moments VALUES (1, '2026-11-22 10:00:00+00', '2026-11-22 10:00:00',"
        " '2026-11-22', '1 day 2 hours', 0.1::float8 + 0.2::float8, '\\x6100', 'ab', 1.50),"
        " (2, '2026-11-22 10:00:00+00', '2026-11-22 10:00:00', '2026-11-22', '0', 0, '',"
        " ' c  ', 0), (3, '2026-11-22 10:00:00+00', '2026-11-22 10:00:00', '2026-11-22', '0', 0,"
        " '', '', 0)");
    return 0;
}

/* One row, in a session with these settings, without a cache. */
static entc_entity *get(struct fixture *f, const entc_entity_desc *entity, const char *settings,
                        int64_t id)
{
    BaseCacheRepository *repository = NULL;
    entc_entity *found = NULL;
    char conninfo[600];

    snprintf(conninfo, sizeof(conninfo), "%s options='%s'", f->postgres.conninfo, settings);
    fixture_free_engine(f);
    f->options.postgres = conninfo;
    f->options.redis_uri = "none";
    fixture_make_engine(f);
    assert_ok(f, entc_repository_new(f->engine, &moments, entity, NULL, &repository, &f->error));
    found = fixture_get(f, repository, id);
    entc_repository_free(repository);
    return found;
}

static void assert_moment(entc_entity *entity, const char *const *wanted)
{
    const Moment *moment = entc_entity_record(entity);

    assert_string_equal(moment->instant.ptr, wanted[0]);
    assert_string_equal(moment->wall.ptr, wanted[1]);
    assert_string_equal(moment->day.ptr, wanted[2]);
    assert_string_equal(moment->span.ptr, wanted[3]);
    assert_string_equal(moment->real.ptr, wanted[4]);
    assert_string_equal(moment->data.ptr, wanted[5]);
    assert_string_equal(moment->price.ptr, wanted[6]);
    entc_entity_unref(entity);
}

static void text_of_times_floats_and_bytes_depends_on_the_session(void **state)
{
    static const char *const usual[] = {"2026-11-22 10:00:00+00",
                                        "2026-11-22 10:00:00",
                                        "2026-11-22",
                                        "1 day 02:00:00",
                                        "0.30000000000000004",
                                        "\\x6100",
                                        "1.50"};
    static const char *const other[] = {"22.11.2026 19:00:00 JST",
                                        "22.11.2026 10:00:00",
                                        "22.11.2026",
                                        "P1DT2H",
                                        "0.3",
                                        "a\\000",
                                        "1.50"};
    struct fixture *f = *state;

    assert_moment(get(f, &as_text, USUAL, 1), usual);
    assert_moment(get(f, &as_text, OTHER, 1), other);
}

static void json_of_them_depends_on_the_session_too_but_for_the_style_of_dates(void **state)
{
    static const char *const usual[] = {"\"2026-11-22T10:00:00+00:00\"",
                                        "\"2026-11-22T10:00:00\"",
                                        "\"2026-11-22\"",
                                        "\"1 day 02:00:00\"",
                                        "0.30000000000000004",
                                        "\"\\\\x6100\"",
                                        "1.50"};
    static const char *const other[] = {"\"2026-11-22T19:00:00+09:00\"",
                                        "\"2026-11-22T10:00:00\"",
                                        "\"2026-11-22\"",
                                        "\"P1DT2H\"",
                                        "0.3",
                                        "\"a\\\\000\"",
                                        "1.50"};
    struct fixture *f = *state;

    assert_moment(get(f, &as_json, USUAL, 1), usual);
    assert_moment(get(f, &as_json, OTHER, 1), other);
}

static void declared_as_what_they_are_they_depend_on_nothing(void **state)
{
    static const char *const settings[] = {USUAL, OTHER};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        entc_entity *entity = get(f, &as_typed, settings[i], 1);
        const Typed *typed = entc_entity_record(entity);

        assert_int_equal(typed->instant, INT64_C(1795341600000000));
        assert_int_equal(typed->wall, INT64_C(1795341600000000));
        assert_int_equal(typed->day, 20779);
        assert_true(typed->real == 0.1 + 0.2);
        assert_int_equal(typed->data.len, 2);
        assert_memory_equal(typed->data.ptr, "a\0", 2);
        entc_entity_unref(entity);
    }
}

/* PostgreSQL counts them for nothing: ::text drops them, to_json() keeps them. */
static void padding_blanks_of_char_are_dropped_as_text_and_kept_as_json(void **state)
{
    static const struct {
        const char *text;
        const char *json;
    } wanted[] = {{"ab", "\"ab    \""}, {" c", "\" c    \""}, {"", "\"      \""}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        entc_entity *text = get(f, &as_text, USUAL, (int64_t)i + 1);
        entc_entity *json = get(f, &as_json, USUAL, (int64_t)i + 1);

        assert_string_equal(((const Moment *)entc_entity_record(text))->padded.ptr, wanted[i].text);
        assert_string_equal(((const Moment *)entc_entity_record(json))->padded.ptr, wanted[i].json);
        entc_entity_unref(text);
        entc_entity_unref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(text_of_times_floats_and_bytes_depends_on_the_session),
        IN_BOTH_DRIVES(json_of_them_depends_on_the_session_too_but_for_the_style_of_dates),
        IN_BOTH_DRIVES(declared_as_what_they_are_they_depend_on_nothing),
        IN_BOTH_DRIVES(padding_blanks_of_char_are_dropped_as_text_and_kept_as_json),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
