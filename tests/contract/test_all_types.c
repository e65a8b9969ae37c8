/* Bytes, days, UUIDs, JSON, integers in quotes, keys of several parts, mapped columns, views and
 * filters: from a real table into the record and the JSON and back out of the cache, compared with
 * the text that PostgreSQL itself makes of the same rows. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

typedef struct Thing {
    uint8_t owner[16];
    int64_t number;
    entc_str label;
    entc_str data;
    entc_str more;
    int32_t day;
    int32_t other_day;
    uint8_t ticket[16];
    entc_str body;
    entc_str extra;
    entc_str list;
    int64_t big;
    double real;
    uint8_t has_other_day;
    uint8_t has_ticket;
} Thing;

static const entc_field thing_fields[] = {
    ENTC_FIELD(Thing, owner, ENTC_UUID, ENTC_KEY),
    ENTC_FIELD(Thing, number, ENTC_INT64, ENTC_KEY),
    ENTC_FIELD(Thing, label, ENTC_TEXT, ENTC_KEY),
    ENTC_FIELD(Thing, data, ENTC_BYTES, ENTC_SENSITIVE),
    ENTC_FIELD(Thing, more, ENTC_BYTES, ENTC_NULLABLE),
    ENTC_FIELD(Thing, day, ENTC_DATE, ENTC_READ_ONLY),
    ENTC_FIELD_NULLABLE(Thing, other_day, ENTC_DATE, 0),
    ENTC_FIELD_NULLABLE(Thing, ticket, ENTC_UUID, 0),
    ENTC_FIELD(Thing, body, ENTC_JSON, 0),
    ENTC_FIELD(Thing, extra, ENTC_JSON, ENTC_NULLABLE),
    ENTC_FIELD(Thing, list, ENTC_JSON, ENTC_GENERATED),
    ENTC_FIELD(Thing, big, ENTC_INT64, ENTC_JSON_STRING),
    {"real", ENTC_DOUBLE, 0, offsetof(Thing, real), sizeof(double), 0, "r\u00e9al"},
};
static const entc_entity_desc thing = ENTC_ENTITY("Thing", Thing, thing_fields);
static const entc_column thing_columns[] = {{"number", "No."}, {"label", "the \"label\""}};
static const entc_model_desc thing_table = {sizeof(thing_table),
                                            "things",
                                            NULL,
                                            NULL,
                                            0,
                                            0,
                                            thing_columns,
                                            2,
                                            sizeof(entc_column),
                                            "live_things",
                                            "NOT hidden -- rows that are shown"};

/* What the library must write, as PostgreSQL puts it together. */
#define THING_JSON                                                                               \
    "'{\"owner\":\"' || owner || '\",\"number\":' || \"No.\" || ',\"label\":' ||"                \
    " to_json(\"the \"\"label\"\"\") || ',\"data\":\"' ||"                                       \
    " translate(encode(data, 'base64'), E'\\n', '') || '\",\"more\":' ||"                        \
    " coalesce('\"' || translate(encode(more, 'base64'), E'\\n', '') || '\"', 'null') ||"        \
    " ',\"day\":\"' || day || '\",\"other_day\":' ||"                                            \
    " coalesce('\"' || other_day || '\"', 'null') || ',\"ticket\":' ||"                          \
    " coalesce('\"' || ticket || '\"', 'null') || ',\"body\":' || body || ',\"extra\":' ||"      \
    " coalesce(extra::text, 'null') || ',\"list\":' || to_json(list) || ',\"big\":\"' || big ||" \
    " '\",\"r\u00e9al\":' || real || '}'"

#define ROWS 300
#define OWNER "'0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'"

static int start(void **state)
{
    struct fixture *f = NULL;

    fixture_start(state);
    f = fixture_of_program();
    test_postgres_sql(
        &f->postgres,
        "CREATE TABLE things (owner uuid NOT NULL, \"No.\" int NOT NULL, \"the \"\"label\"\"\" "
        " varchar(90) NOT NULL, data bytea NOT NULL, more bytea, day date NOT NULL,"
        " other_day date, ticket uuid, body json NOT NULL, extra jsonb, list text[] NOT NULL,"
        " big bigint NOT NULL, real float8 NOT NULL, hidden bool NOT NULL DEFAULT false,"
        " gone bool NOT NULL DEFAULT false, PRIMARY KEY (owner, \"No.\", \"the \"\"label\"\"\"));"
        "CREATE VIEW live_things AS SELECT * FROM things WHERE NOT gone;"
        "INSERT INTO things SELECT md5('o' || i % 7)::uuid, i, E'l\u00e4bel, {' || i || '}%',"
        " decode(repeat(md5('d' || i), i % 5), 'hex'), CASE WHEN i % 3 > 0 THEN"
        "  substr(decode(md5('m' || i), 'hex'), 1, i % 17) END, date '1600-01-01' + i * 977,"
        " CASE i % 4 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '1970-01-01'"
        "  END::date, CASE WHEN i % 2 > 0 THEN md5('t' || i)::uuid END,"
        " (' {\"a\" : [' || i || ', 1.50, \"\\u0000\", null]}' || E'\\n')::json,"
        " CASE WHEN i % 5 > 0 THEN jsonb_build_object('k\"', i, 'n', NULL) END,"
        " ARRAY['x', NULL, i::text, '\"'], 9223372036854775807 - i, i / 8.0"
        " FROM generate_series(1, 300) i");
    return 0;
}

static void make_repository(struct fixture *f, BaseCacheRepository **ret_things)
{
    assert_ok(f, entc_repository_new(f->engine, &thing_table, &thing, NULL, ret_things, &f->error));
}

/* The ids of the rows whose number is from 1 to `count`, as PostgreSQL gives them: text. */
static char *read_ids(struct fixture *f, entc_value *ids, size_t count)
{
    char *text = test_postgres_text(
        &f->postgres, "SELECT string_agg(owner || E'\\x1f' || \"No.\" || E'\\x1f' || \"the "
                      "\"\"label\"\"\", E'\\x1f' ORDER BY \"No.\") FROM things WHERE \"No.\" > 0");
    char *at = text;

    for (size_t i = 0; i < 3 * count; i++) {
        const size_t length = strcspn(at, "\x1f");

        assert_int_equal(entc_value_text(&ids[i], at, length), ENTC_OK);
        at += length + 1;
    }
    return text;
}

static void every_row_is_what_postgresql_says_from_the_table_and_from_the_cache(void **state)
{
    static entc_value ids[3 * ROWS];
    static entc_entity *entities[ROWS];
    struct fixture *f = *state;
    BaseCacheRepository *things = NULL;
    char *id_text = read_ids(f, ids, ROWS);
    char *expected =
        test_postgres_text(&f->postgres, "SELECT '[' || string_agg(" THING_JSON
                                         ", ',' ORDER BY \"No.\") || ']' FROM things WHERE "
                                         "\"No.\" > 0");
    entc_buffer *json = NULL;

    make_repository(f, &things);
    assert_int_equal(entc_buffer_new(&json), ENTC_OK);
    for (int round = 0; round < 2; round++) {
        assert_ok(f, entc_repository_get_many(things, ids, ROWS, NULL, entities, NULL, &f->error));
        entc_buffer_clear(json);
        assert_int_equal(entc_entities_json(entities, ROWS, json), ENTC_OK);
        assert_string_equal(entc_buffer_text(json), expected);
        entc_entities_unref(entities, ROWS);
        if (round == 0)
            fixture_await_fills(f, ROWS);
    }
    assert_int_equal(fixture_counters(f).sql_queries, 1);
    assert_int_equal(fixture_counters(f).hits, ROWS);
    entc_buffer_free(json);
    entc_repository_free(things);
    free(expected);
    free(id_text);
}

static void make_id(entc_value *id, int64_t number, const char *label)
{
    static const uint8_t owner[16] = {0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78,
                                      0x87, 0x96, 0xa5, 0xb4, 0xc3, 0xd2, 0xe1, 0xf0};

    entc_value_uuid(&id[0], owner);
    entc_value_int64(&id[1], number);
    assert_int_equal(entc_value_text(&id[2], label, strlen(label)), ENTC_OK);
}

#define INSERT_THING(number, label, rest) \
    "INSERT INTO things VALUES (" OWNER "," number "," label ", '\\x00ff', NULL, " rest ")"

static void values_are_seen_by_index_with_their_types(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *things = NULL;
    entc_value id[3];
    entc_value value;
    entc_entity *entity = NULL;

    test_postgres_sql(&f->postgres,
                      INSERT_THING("-1", "'a,b'",
                                   "'5874897-12-31', '4713-11-24 BC', NULL, '[1]', NULL, '{}', -1,"
                                   " 0.30000000000000004"));
    make_repository(f, &things);
    make_id(id, -1, "a,b");
    assert_ok(f, entc_repository_get_by_id(things, id, NULL, &entity, &f->error));
    assert_int_equal(entc_entity_get(entity, 0, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_UUID);
    assert_memory_equal(value.as.bytes, id[0].as.bytes, 16);
    assert_int_equal(entc_entity_get(entity, 3, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_BYTES);
    assert_int_equal(value.length, 2);
    assert_memory_equal(value.as.text, "\x00\xFF\x00", 3);
    assert_int_equal(entc_entity_get(entity, 4, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_NULL);
    assert_int_equal(entc_entity_get(entity, 5, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_DATE);
    assert_int_equal(value.as.int64, 2145042905);
    assert_int_equal(entc_entity_get(entity, 8, &value), ENTC_OK);
    assert_int_equal(value.type, ENTC_JSON);
    assert_string_equal(value.as.text, "[1]");
    assert_string_equal(entc_entity_field_name(entity, 12), "real");
    fixture_await_fills(f, 1);
    fixture_assert_value(
        f, "Thing-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0,-1,a%2Cb",
        "{\"owner\":\"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\",\"number\":-1,\"label\":\"a,b\","
        "\"data\":\"AP8=\",\"more\":null,\"day\":\"+5874897-12-31\","
        "\"other_day\":\"-004712-11-24\",\"ticket\":null,\"body\":[1],\"extra\":null,"
        "\"list\":[],\"big\":\"-1\",\"r\u00e9al\":0.30000000000000004}");
    entc_entity_unref(entity);
    entc_repository_free(things);
    test_postgres_sql(&f->postgres, "DELETE FROM things WHERE \"No.\" < 0");
}

static void rows_outside_the_view_or_the_filter_are_absent(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *things = NULL;
    entc_value id[3];
    entc_entity *entity = NULL;

    test_postgres_sql(&f->postgres,
                      INSERT_THING("-2", "'hidden'",
                                   "'2026-11-22', NULL, NULL, '1', NULL, '{}', 1, 1, true, false"));
    test_postgres_sql(&f->postgres,
                      INSERT_THING("-3", "'gone'",
                                   "'2026-11-22', NULL, NULL, '1', NULL, '{}', 1, 1, false, true"));
    make_repository(f, &things);
    make_id(id, -2, "hidden");
    assert_status(f, entc_repository_get_by_id(things, id, NULL, &entity, &f->error),
                  ENTC_E_NOT_FOUND);
    make_id(id, -3, "gone");
    assert_status(f, entc_repository_get_by_id(things, id, NULL, &entity, &f->error),
                  ENTC_E_NOT_FOUND);
    entc_repository_free(things);
    test_postgres_sql(&f->postgres, "DELETE FROM things WHERE \"No.\" < 0");
}

static void a_json_null_is_delivered_but_never_cached_where_it_would_be_taken_for_null(void **state)
{
    struct fixture *f = *state;
    BaseCacheRepository *things = NULL;
    entc_value id[3];

    test_postgres_sql(
        &f->postgres,
        INSERT_THING("-4", "'n'", "'2026-11-22', NULL, NULL, ' null', 'null', '{}', 1, 1"));
    make_repository(f, &things);
    make_id(id, -4, "n");
    for (uint64_t round = 1; round <= 2; round++) {
        entc_entity *entity = NULL;
        entc_value value;

        assert_ok(f, entc_repository_get_by_id(things, id, NULL, &entity, &f->error));
        assert_int_equal(entc_entity_get(entity, 9, &value), ENTC_OK);
        assert_int_equal(value.type, ENTC_JSON);
        assert_string_equal(value.as.text, "null");
        assert_int_equal(entc_entity_get(entity, 8, &value), ENTC_OK);
        assert_string_equal(value.as.text, " null");
        assert_int_equal(fixture_counters(f).sql_queries, round);
        assert_int_equal(fixture_counters(f).uncacheable, round);
        entc_entity_unref(entity);
        fixture_await_fills(f, 0);
    }
    entc_repository_free(things);
    test_postgres_sql(&f->postgres, "DELETE FROM things WHERE \"No.\" < 0");
}

static void ids_in_bulk_are_for_keys_of_one_integer(void **state)
{
    struct fixture *f = *state;
    const int64_t ids[] = {1, 2};
    BaseCacheRepository *things = NULL;
    entc_entity *entities[2] = {NULL, NULL};
    entc_status statuses[2] = {ENTC_OK, ENTC_OK};

    make_repository(f, &things);
    assert_status(
        f, entc_repository_get_many_int64(things, ids, 2, NULL, entities, statuses, &f->error),
        ENTC_E_INVALID);
    fixture_assert_says(entc_error_message(f->error), "3 fields");
    fixture_assert_says(entc_error_hint(f->error), "entc_repository_get_many()");
    assert_int_equal(statuses[1], ENTC_E_INVALID);
    entc_repository_free(things);
}

static void a_list_gives_ids_with_all_their_parts(void **state)
{
    struct fixture *f = *state;
    const entc_page_args args = ENTC_FIRST(3);
    BaseCacheRepository *things = NULL;
    entc_page *page = NULL;
    entc_value part;

    make_repository(f, &things);
    assert_ok(f, entc_repository_list(things, &args, NULL, &page, &f->error));
    assert_int_equal(entc_page_count(page), 3);
    for (size_t i = 0; i < 3; i++) {
        const Thing *record = entc_page_record(page, i);

        assert_int_equal(entc_page_id(page, i, 0, &part), ENTC_OK);
        assert_memory_equal(part.as.bytes, record->owner, 16);
        assert_int_equal(entc_page_id(page, i, 1, &part), ENTC_OK);
        assert_int_equal(part.as.int64, record->number);
        assert_int_equal(entc_page_id(page, i, 2, &part), ENTC_OK);
        assert_string_equal(part.as.text, record->label.ptr);
        assert_int_equal(entc_page_id(page, i, 3, &part), ENTC_E_INVALID);
    }
    entc_page_unref(page);
    entc_repository_free(things);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_DRIVES(every_row_is_what_postgresql_says_from_the_table_and_from_the_cache),
        IN_BOTH_DRIVES(values_are_seen_by_index_with_their_types),
        IN_BOTH_DRIVES(rows_outside_the_view_or_the_filter_are_absent),
        IN_BOTH_DRIVES(a_json_null_is_delivered_but_never_cached_where_it_would_be_taken_for_null),
        IN_BOTH_DRIVES(ids_in_bulk_are_for_keys_of_one_integer),
        IN_BOTH_DRIVES(a_list_gives_ids_with_all_their_parts),
    };

    return cmocka_run_group_tests(tests, start, fixture_stop);
}
