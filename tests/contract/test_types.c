/* Every type of field, from the table into the record, the values and the JSON, and back out of the
 * cache; keys of every type; and tables that are not as the descriptors say. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct Kind {
    int64_t id;
    uint8_t flag;
    uint8_t has_maybe_flag;
    uint8_t maybe_flag;
    uint8_t has_whole;
    uint8_t has_real;
    uint8_t has_instant;
    int64_t small;
    int64_t medium;
    int64_t whole;
    double single;
    double real;
    entc_str words;
    entc_str price; /* numeric */
    entc_str mood;  /* an enum */
    int64_t instant;
    int64_t local;
} Kind;

static const entc_field kind_fields[] = {
    ENTC_FIELD(Kind, id, ENTC_INT64, ENTC_KEY),
    ENTC_FIELD(Kind, flag, ENTC_BOOL, 0),
    ENTC_FIELD_NULLABLE(Kind, maybe_flag, ENTC_BOOL, 0),
    ENTC_FIELD(Kind, small, ENTC_INT64, 0),
    ENTC_FIELD(Kind, medium, ENTC_INT64, 0),
    ENTC_FIELD_NULLABLE(Kind, whole, ENTC_INT64, 0),
    ENTC_FIELD(Kind, single, ENTC_DOUBLE, 0),
    ENTC_FIELD_NULLABLE(Kind, real, ENTC_DOUBLE, 0),
    ENTC_FIELD(Kind, words, ENTC_TEXT, ENTC_NULLABLE),
    ENTC_FIELD(Kind, price, ENTC_TEXT, ENTC_NULLABLE),
    ENTC_FIELD(Kind, mood, ENTC_TEXT, ENTC_NULLABLE),
    ENTC_FIELD_NULLABLE(Kind, instant, ENTC_TIMESTAMP, 0),
    ENTC_FIELD(Kind, local, ENTC_TIMESTAMP, 0),
};
enum { KIND_FIELDS = sizeof(kind_fields) / sizeof(kind_fields[0]) };

static const entc_entity_desc kind = ENTC_ENTITY("Kind", Kind, kind_fields);
static const entc_model_desc kind_table = ENTC_MODEL("kinds");

/* 2026-11-22T10:00:00Z */
#define MORNING INT64_C(1795341600000000)

static int start(void **state)
{
    struct fixture *f = fixture_of_program();

    fixture_start(state);
    test_postgres_sql(
        &f->postgres,
        "CREATE TYPE mood AS ENUM ('glad', 'sad');"
        "CREATE TABLE kinds (id bigint PRIMARY KEY, flag bool NOT NULL, maybe_flag bool,"
        " small smallint NOT NULL, medium integer NOT NULL, whole bigint, single real NOT NULL,"
        " real double precision, words text, price numeric(10,2), mood mood,"
        " instant timestamptz, local timestamp NOT NULL);"
        "INSERT INTO kinds VALUES"
        " (1, true, false, -7, 70000, 9007199254740993, 0.5, 0.1, 'caf\u00e9', 12.50, 'glad',"
        "  '2026-11-22 12:00:00+02', '2026-11-22 10:00:00.000001'),"
        " (2, false, NULL, 0, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, '1970-01-01'),"
        " (3, true, true, -32768, 2147483647, 9223372036854775807, 'NaN', '-Infinity', '', 0, 'sad',"
        "  'infinity', '-infinity'),"
        " (4, true, true, 1, 1, -1, 1e10, 1e21, E'a\"b\\\\c\\n\\t\\x01/\\u20ac\\U0001F600', -1, 'sad',"
        "  '1969-12-31 23:59:59.999999+00', '0001-01-01')");
    return 0;
}

/* ---- the same four rows, from the table and from the cache ---- */

static const char *const kinds_json[] = {
    "{\"id\":1,\"flag\":true,\"maybe_flag\":false,\"small\":-7,\"medium\":70000,"
    "\"whole\":9007199254740993,\"single\":0.5,\"real\":0.1,\"words\":\"caf\u00e9\","
    "\"price\":\"12.50\",\"mood\":\"glad\",\"instant\":\"2026-11-22T10:00:00.000000Z\","
    "\"local\":\"2026-11-22T10:00:00.000001Z\"}",
    "{\"id\":2,\"flag\":false,\"maybe_flag\":null,\"small\":0,\"medium\":0,\"whole\":null,"
    "\"single\":0,\"real\":null,\"words\":null,\"price\":null,\"mood\":null,\"instant\":null,"
    "\"local\":\"1970-01-01T00:00:00.000000Z\"}",
    "{\"id\":3,\"flag\":true,\"maybe_flag\":true,\"small\":-32768,\"medium\":2147483647,"
    "\"whole\":9223372036854775807,\"single\":\"NaN\",\"real\":\"-Infinity\",\"words\":\"\","
    "\"price\":\"0.00\",\"mood\":\"sad\",\"instant\":\"infinity\",\"local\":\"-infinity\"}",
    "{\"id\":4,\"flag\":true,\"maybe_flag\":true,\"small\":1,\"medium\":1,\"whole\":-1,"
    "\"single\":10000000000,\"real\":1e+21,\"words\":\"a\\\"b\\\\c\\n\\t\\u0001/\u20ac\U0001F600\","
    "\"price\":\"-1.00\",\"mood\":\"sad\",\"instant\":\"1969-12-31T23:59:59.999999Z\","
    "\"local\":\"0001-01-01T00:00:00.000000Z\"}"};
enum { KINDS = 4 };

static void get_kinds(struct fixture *f, BaseCacheRepository *kinds, entc_entity *entities[KINDS])
{
    static const int64_t ids[KINDS] = {1, 2, 3, 4};

    assert_ok(f,
              entc_repository_get_many_int64(kinds, ids, KINDS, NULL, entities, NULL, &f->error));
    for (size_t i = 0; i < KINDS; i++)
        assert_non_null(entities[i]);
}

/* Once from the table, once from the cache. */
static void in_both_ways(struct fixture *f, const entc_entity_desc *desc,
                         void (*check)(const BaseCacheRepository *kinds,
                                       entc_entity *const *entities))
{
    BaseCacheRepository *kinds = NULL;
    entc_entity *entities[KINDS];

    assert_ok(f, entc_repository_new(f->engine, &kind_table, desc, NULL, &kinds, &f->error));
    for (int round = 0; round < 2; round++) {
        get_kinds(f, kinds, entities);
        check(kinds, entities);
        entc_entities_unref(entities, KINDS);
        if (round == 0)
            fixture_await_fills(f, KINDS);
    }
    assert_int_equal(fixture_counters(f).hits, KINDS);
    assert_int_equal(fixture_counters(f).uncacheable, 0);
    entc_repository_free(kinds);
}

static void check_records(const BaseCacheRepository *kinds, entc_entity *const *entities)
{
    const Kind *one = entc_entity_record(entities[0]);
    const Kind *two = entc_entity_record(entities[1]);
    const Kind *three = entc_entity_record(entities[2]);
    const Kind *four = entc_entity_record(entities[3]);

    (void)kinds;
    assert_int_equal(one->flag, 1);
    assert_int_equal(one->has_maybe_flag, 1);
    assert_int_equal(one->maybe_flag, 0);
    assert_int_equal(one->small, -7);
    assert_int_equal(one->medium, 70000);
    assert_true(one->has_whole == 1 && one->whole == INT64_C(9007199254740993));
    assert_true(one->single == 0.5);
    assert_true(one->has_real == 1 && one->real == 0.1);
    assert_string_equal(one->words.ptr, "caf\u00e9");
    assert_int_equal(one->words.len, 5);
    assert_string_equal(one->price.ptr, "12.50");
    assert_string_equal(one->mood.ptr, "glad");
    assert_true(one->has_instant == 1 && one->instant == MORNING);
    assert_true(one->local == MORNING + 1);
    assert_int_equal(two->flag, 0);
    assert_int_equal(two->has_maybe_flag + two->has_whole + two->has_real + two->has_instant, 0);
    assert_null(two->words.ptr);
    assert_null(two->price.ptr);
    assert_int_equal(two->words.len, 0);
    assert_int_equal(two->local, 0);
    assert_true(isnan(three->single));
    assert_true(isinf(three->real) && three->real < 0);
    assert_true(three->whole == INT64_MAX);
    assert_non_null(three->words.ptr);
    assert_string_equal(three->words.ptr, "");
    assert_true(three->instant == ENTC_TIMESTAMP_INFINITY);
    assert_true(three->local == ENTC_TIMESTAMP_MINUS_INFINITY);
    assert_string_equal(four->words.ptr, "a\"b\\c\n\t\x01/\u20ac\U0001F600");
    assert_int_equal(four->words.len, strlen(four->words.ptr));
    assert_true(four->instant == -1);
}

static void every_type_reaches_the_record(void **state)
{
    in_both_ways(*state, &kind, check_records);
}

static void check_json(const BaseCacheRepository *kinds, entc_entity *const *entities)
{
    entc_buffer *buffer = NULL;

    (void)kinds;
    assert_int_equal(entc_buffer_new(&buffer), ENTC_OK);
    for (size_t i = 0; i < KINDS; i++) {
        entc_buffer_clear(buffer);
        assert_int_equal(entc_entity_json(entities[i], buffer), ENTC_OK);
        assert_string_equal(entc_buffer_text(buffer), kinds_json[i]);
        assert_int_equal(entc_buffer_length(buffer), strlen(kinds_json[i]));
    }
    entc_buffer_free(buffer);
}

static void every_type_has_one_form_in_json(void **state)
{
    struct fixture *f = *state;

    in_both_ways(f, &kind, check_json);
    for (int i = 0; i < KINDS; i++) {
        char key[] = "Kind-?";

        key[5] = (char)('1' + i);
        fixture_assert_value(f, key, kinds_json[i]);
    }
}

static entc_value value_of(const entc_entity *entity, size_t index)
{
    entc_value value;

    memset(&value, 0xFF, sizeof(value));
    assert_int_equal(entc_entity_get(entity, index, &value), ENTC_OK);
    return value;
}

static void check_values(const BaseCacheRepository *kinds, entc_entity *const *entities)
{
    static const uint32_t types[KIND_FIELDS] = {
        ENTC_INT64,  ENTC_BOOL, ENTC_BOOL, ENTC_INT64, ENTC_INT64,     ENTC_INT64,    ENTC_DOUBLE,
        ENTC_DOUBLE, ENTC_TEXT, ENTC_TEXT, ENTC_TEXT,  ENTC_TIMESTAMP, ENTC_TIMESTAMP};
    entc_value value;

    (void)kinds;
    assert_int_equal(entc_entity_field_count(entities[0]), KIND_FIELDS);
    assert_string_equal(entc_entity_name(entities[0]), "Kind");
    for (size_t i = 0; i < KIND_FIELDS; i++) {
        assert_string_equal(entc_entity_field_name(entities[0], i), kind_fields[i].name);
        assert_int_equal(value_of(entities[0], i).type, types[i]);
        assert_int_equal(value_of(entities[1], i).type,
                         kind_fields[i].flags & ENTC_NULLABLE ? ENTC_NULL : types[i]);
    }
    assert_int_equal(value_of(entities[0], 1).as.int64, 1);
    assert_int_equal(value_of(entities[0], 2).as.int64, 0);
    assert_true(value_of(entities[0], 5).as.int64 == INT64_C(9007199254740993));
    assert_true(value_of(entities[0], 7).as.real == 0.1);
    value = value_of(entities[0], 8);
    assert_int_equal(value.length, 5);
    assert_memory_equal(value.as.text, "caf\u00e9", 6);
    assert_true(value_of(entities[0], 11).as.int64 == MORNING);
    assert_int_equal(value_of(entities[2], 8).length, 0);
    assert_null(entc_entity_field_name(entities[0], KIND_FIELDS));
    assert_int_equal(entc_entity_get(entities[0], KIND_FIELDS, &value), ENTC_E_INVALID);
    assert_int_equal(entc_entity_get(entities[0], 0, NULL), ENTC_E_INVALID);
}

static void every_type_is_seen_by_index(void **state)
{
    in_both_ways(*state, &kind, check_values);
}

static void check_layout(const BaseCacheRepository *kinds, entc_entity *const *entities)
{
    const entc_field *fields = kinds->entity->fields;
    const char *one = entc_entity_record(entities[0]);
    const char *two = entc_entity_record(entities[1]);
    int64_t whole = 0;
    entc_str words = {NULL, 0};

    memcpy(&whole, one + fields[5].offset, sizeof(whole));
    assert_true(whole == INT64_C(9007199254740993));
    assert_int_equal(one[fields[5].has_offset], 1);
    assert_int_equal(two[fields[5].has_offset], 0);
    memcpy(&words, one + fields[8].offset, sizeof(words));
    assert_string_equal(words.ptr, "caf\u00e9");
    memcpy(&words, two + fields[8].offset, sizeof(words));
    assert_null(words.ptr);
    check_json(kinds, entities);
}

static void a_record_that_the_library_laid_out_reads_the_same(void **state)
{
    entc_entity_desc desc = kind;

    desc.record_size = 0;
    in_both_ways(*state, &desc, check_layout);
}

static void entities_become_one_json_array_with_null_for_the_absent(void **state)
{
    struct fixture *f = *state;
    static const int64_t ids[] = {2, 999, 1, 2};
    entc_entity *entities[4];
    entc_buffer *buffer = NULL;

    assert_ok(
        f, entc_repository_get_many_int64(f->campaigns, ids, 4, NULL, entities, NULL, &f->error));
    assert_ok(f, entc_buffer_new(&buffer));
    assert_ok(f, entc_entities_json(entities, 4, buffer));
    assert_string_equal(entc_buffer_text(buffer),
                        "[{\"id\":2,\"title\":\"Campaign 2\"},null,"
                        "{\"id\":1,\"title\":\"Campaign 1\"},{\"id\":2,\"title\":\"Campaign 2\"}]");
    assert_ok(f, entc_entity_json(entities[1], buffer));
    fixture_assert_says(entc_buffer_text(buffer), "]null");
    entc_entities_unref(entities, 4);
    entc_buffer_free(buffer);
}

/* ---- keys ---- */

typedef struct Tag {
    entc_str name;
    int64_t uses;
} Tag;

static const entc_field tag_fields[] = {ENTC_FIELD(Tag, name, ENTC_TEXT, ENTC_KEY),
                                        ENTC_FIELD(Tag, uses, ENTC_INT64, 0)};
static const entc_entity_desc tag = ENTC_ENTITY("Tag", Tag, tag_fields);
static const entc_model_desc tag_table = ENTC_MODEL("tags");

static void a_key_may_be_text_with_any_bytes(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *tags = NULL;
    entc_value ids[5] = {fixture_text("plain-a.b_c~d:e@f=g+h,i/j"), fixture_text("a b%{c}\r\n"),
                         fixture_text("\u00fc"), fixture_text("1"), fixture_text("no such")};
    entc_entity *entities[5];

    test_postgres_sql(&f->postgres,
                      "DROP TABLE IF EXISTS tags;"
                      "CREATE TABLE tags (name text PRIMARY KEY, uses bigint NOT NULL);"
                      "INSERT INTO tags VALUES ('plain-a.b_c~d:e@f=g+h,i/j', 1),"
                      " (E'a b%{c}\\r\\n', 2), ('\u00fc', 3), ('1', 4)");
    assert_ok(f, entc_repository_new(f->engine, &tag_table, &tag, NULL, &tags, &f->error));
    for (int round = 0; round < 2; round++) {
        assert_ok(f, entc_repository_get_many(tags, ids, 5, NULL, entities, NULL, &f->error));
        for (int64_t i = 0; i < 4; i++) {
            const Tag *found = entc_entity_record(entities[i]);

            assert_non_null(found);
            assert_int_equal(found->uses, i + 1);
        }
        assert_null(entities[4]);
        entc_entities_unref(entities, 5);
        if (round == 0)
            fixture_await_fills(f, 5);
    }
    assert_int_equal(fixture_counters(f).hits, 4);
    fixture_assert_keys(f, "Tag-%C3%BC Tag-1 Tag-a%20b%25%7Bc%7D%0D%0A Tag-no%20such "
                           "Tag-plain-a.b_c~d:e@f=g+h,i/j");
    entc_repository_free(tags);
}

static void a_text_key_refuses_what_cannot_be_in_the_table(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *tags = NULL;
    char longest[202];
    entc_value bad[5];

    memset(longest, 'x', 201);
    bad[0] = fixture_text("");
    bad[1] = fixture_text("\xFF");
    bad[2] = fixture_id(1);
    assert_ok(f, entc_value_text(&bad[3], "a\0b", 3));
    assert_ok(f, entc_value_text(&bad[4], longest, 201));
    assert_ok(f, entc_repository_new(f->engine, &tag_table, &tag, NULL, &tags, &f->error));
    for (size_t i = 0; i < 5; i++) {
        entc_entity *entity = NULL;

        assert_status(f, entc_repository_get_by_id(tags, &bad[i], NULL, &entity, &f->error),
                      ENTC_E_INVALID);
    }
    assert_int_equal(fixture_counters(f).redis_commands, 0);
    entc_repository_free(tags);
}

static void narrow_integer_keys_are_found_and_wide_ids_are_not(void **state)
{
    struct fixture *f = *state;
    static const char *const types[] = {"smallint", "integer"};
    static const int64_t ids[] = {7, INT64_C(1) << 40, -1};

    for (size_t i = 0; i < 2; i++) {
        char sql[256];
        entc_model_desc model = ENTC_MODEL("narrow");
        BaseCacheRepository *narrow = NULL;
        entc_entity *entities[3];
        entc_status statuses[3];

        snprintf(sql, sizeof(sql),
                 "DROP TABLE IF EXISTS narrow;"
                 "CREATE TABLE narrow (id %s PRIMARY KEY, title text NOT NULL);"
                 "INSERT INTO narrow VALUES (7, 'Campaign 7')",
                 types[i]);
        test_postgres_sql(&f->postgres, sql);
        model.cache_name = types[i];
        assert_ok(
            f, entc_repository_new(f->engine, &model, &fixture_campaign, NULL, &narrow, &f->error));
        assert_ok(
            f, entc_repository_get_many_int64(narrow, ids, 3, NULL, entities, statuses, &f->error));
        fixture_assert_campaign(entities[0], 7);
        assert_int_equal(statuses[1], ENTC_E_NOT_FOUND);
        assert_int_equal(statuses[2], ENTC_E_NOT_FOUND);
        entc_entities_unref(entities, 3);
        entc_repository_free(narrow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(every_type_reaches_the_record),
        IN_BOTH_DRIVES(every_type_has_one_form_in_json),
        IN_BOTH_DRIVES(every_type_is_seen_by_index),
        IN_BOTH_DRIVES(a_record_that_the_library_laid_out_reads_the_same),
        IN_BOTH_DRIVES(entities_become_one_json_array_with_null_for_the_absent),
        IN_BOTH_DRIVES(a_key_may_be_text_with_any_bytes),
        IN_BOTH_DRIVES(a_text_key_refuses_what_cannot_be_in_the_table),
        IN_BOTH_DRIVES(narrow_integer_keys_are_found_and_wide_ids_are_not),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
