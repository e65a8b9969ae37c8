/* Proves on a real PostgreSQL that every type of api.md's table arrives as PostgreSQL itself spells
 * it, at the edges of its range and for random values. */
#include "codec/codec.h"
#include "postgres_rig.h"
#include "test.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>

static struct test_postgres server;

static int start(void **state)
{
    (void)state;
    test_postgres_shared(&server);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_postgres_drop(&server);
    return 0;
}

/* A column, and the SQL whose text is that of our value: numbers as they are, bytes in hex. */
struct column {
    const char *name;
    const char *type;
    uint32_t field_type;
    const char *expected;
};

static const struct column columns[] = {
    {"b", "bool", ENTC_BOOL, "b::int"},
    {"i2", "int2", ENTC_INT64, "i2"},
    {"i4", "int4", ENTC_INT64, "i4"},
    {"i8", "int8", ENTC_INT64, "i8"},
    {"f4", "float4", ENTC_DOUBLE, "encode(float8send(f4), 'hex')"},
    {"f8", "float8", ENTC_DOUBLE, "encode(float8send(f8), 'hex')"},
    {"t", "text", ENTC_TEXT, "t"},
    {"v", "varchar(40)", ENTC_TEXT, "v"},
    {"x", "bytea", ENTC_BYTES, "encode(x, 'hex')"},
    {"u", "uuid", ENTC_UUID, "u"},
    {"z", "timestamptz", ENTC_TIMESTAMP,
     "CASE z WHEN 'infinity' THEN 9223372036854775807 WHEN '-infinity' THEN -9223372036854775808"
     " ELSE (extract(epoch FROM z) * 1000000)::int8 END"},
    {"s", "timestamp", ENTC_TIMESTAMP,
     "CASE s WHEN 'infinity' THEN 9223372036854775807 WHEN '-infinity' THEN -9223372036854775808"
     " ELSE (extract(epoch FROM s) * 1000000)::int8 END"},
    {"d", "date", ENTC_DATE,
     "CASE d WHEN 'infinity' THEN 2147483647 WHEN '-infinity' THEN -2147483648"
     " ELSE d - '1970-01-01'::date END"},
    {"j", "json", ENTC_JSON, "j"},
    {"k", "jsonb", ENTC_JSON, "k"},
    {"a", "int[]", ENTC_JSON, "to_json(a)"},
    {"ta", "text[]", ENTC_JSON, "to_json(ta)"},
    {"c", "pair", ENTC_JSON, "to_json(c)"},
    {"n", "numeric", ENTC_TEXT, "n"},
    {"m", "mood", ENTC_TEXT, "m"},
    {"ci", "citext", ENTC_TEXT, "ci"},
    {"h", "char(4)", ENTC_TEXT, "h::text"},
    {"iv", "interval", ENTC_TEXT, "iv"},
    {"ip", "inet", ENTC_TEXT, "ip"},
    {"tm", "time", ENTC_TEXT, "tm"},
    {"r", "int4range", ENTC_TEXT, "r"},
    {"bt", "bit(3)", ENTC_TEXT, "bt"},
    {"dm", "day", ENTC_DATE, "dm - '1970-01-01'::date"},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static const char rows[] =
    "INSERT INTO every VALUES"
    " (1, true, 32767, 2147483647, 9223372036854775807, 'infinity', 1.7976931348623157e308,"
    "  E'tab\\t \"q\" \\u00e9 \\U0001F600', 'v', '\\x00ff00', 'ffffffff-ffff-ffff-ffff-ffffffffffff',"
    "  'infinity', 'infinity', 'infinity', '{\"a\" :1,  \"a\":[1.50, 1e400, \"\\u0000\"]}',"
    "  '{\"b\": 1.50, \"a\": {\"\": null}}', '{1,NULL,-2147483648}', '{\"a\\\"b\",NULL,\"\"}',"
    "  (1, 'x,y'), 12345678901234567890.123456789, 'glad', 'MiXed', 'ab', '1 year 2 days 03:04',"
    "  '192.168.0.0/16', '24:00:00', '[1,5)', B'101', '2026-11-22'),"
    " (2, false, -32768, -2147483648, -9223372036854775808, '-infinity', 5e-324, '', '', '',"
    "  '00000000-0000-0000-0000-000000000000', '-infinity', '-infinity', '-infinity', 'null',"
    "  'null', '{}', '{}', (NULL, NULL), 'NaN', 'sad', '', '', '-00:00:00.000001', '::1',"
    "  '00:00', 'empty', B'000', '0001-01-01'),"
    " (4, true, 0, 0, 0, 0.1, 'NaN', 'plain', 'v', '\\xdeadbeef',"
    "  'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '4714-11-24 00:00:00 BC UTC', '294246-12-31',"
    "  '4713-01-01 BC', '\"\\ud83d\\ude00\"', '\"\\ud83d\\ude00\"', '{{1,2},{3,4}}', '{x}', (0, ''),"
    "  '-0.00', 'sad', 'x', 'abcd', '0', '10.0.0.1', '12:30:00.5', '(,)', B'111', 'epoch'),"
    " (5, true, 1, 1, 1, -0.0, -0.0, 'x', 'x', '\\x00', gen_random_uuid(), 'epoch', 'epoch',"
    "  '5874897-12-31', '[]', '[]', NULL, NULL, NULL, 1e100, NULL, NULL, NULL, NULL, NULL, NULL,"
    "  NULL, NULL, NULL);"
    "INSERT INTO every (id) VALUES (3);"
    "INSERT INTO every SELECT i, random() < 0.5, (random() * 65535 - 32768)::int2,"
    "  (random() * 4e9 - 2e9)::int4, (random() * 1.8e19 - 9e18)::int8, (random() * 1e30)::float4,"
    "  exp(random() * 1400 - 700), md5(random()::text), left(md5(random()::text), 40),"
    "  decode(md5(random()::text), 'hex'), gen_random_uuid(), now() - random() * interval '900 years',"
    "  now() - random() * interval '900 years', '1970-01-01'::date + (random() * 1e6)::int,"
    "  json_build_array(random(), md5(random()::text)), jsonb_build_object(md5(random()::text), i),"
    "  ARRAY[i, (random() * 1e9)::int], ARRAY[md5(random()::text)], ROW(i, md5(random()::text))::pair,"
    "  random()::numeric * 1e9, 'glad', md5(random()::text), 'ab', random() * interval '1 year',"
    "  '10.1.2.3', now()::time, int4range(0, i), B'010', current_date"
    " FROM generate_series(100, 119) AS i";

static void make_table(void)
{
    char sql[2048] = "CREATE TYPE mood AS ENUM ('sad', 'glad');"
                     "CREATE TYPE pair AS (one int, two text);"
                     "CREATE DOMAIN day AS date; CREATE EXTENSION citext;"
                     "CREATE TABLE every (id int8 PRIMARY KEY";

    for (size_t i = 0; i < COLUMNS; i++)
        snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), ", %s %s", columns[i].name,
                 columns[i].type);
    strcat(sql, ")");
    test_postgres_sql(&server, sql);
    test_postgres_sql(&server, rows);
}

static void write_hex(char *out, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        snprintf(out + 2 * i, 3, "%02x", ((const unsigned char *)bytes)[i]);
}

/* Our value, as the column's SQL spells it. */
static void spell(const entc_value *value, char out[1024])
{
    out[0] = '\0';
    if (value->type == ENTC_UUID) {
        codec_uuid_text(out, value->as.bytes);
        out[CODEC_UUID_LENGTH] = '\0';
    } else if (value->type == ENTC_BYTES) {
        write_hex(out, value->as.text, value->length);
    } else if (value->type == ENTC_DOUBLE) {
        uint64_t bits;

        memcpy(&bits, &value->as.real, sizeof(bits));
        snprintf(out, 1024, "%016" PRIx64, bits);
    } else if (value->type == ENTC_TEXT || value->type == ENTC_JSON) {
        assert_int_equal(strlen(value->as.text), value->length);
        snprintf(out, 1024, "%s", value->as.text);
    } else {
        snprintf(out, 1024, "%" PRId64, value->as.int64);
    }
}

/* The texts of all columns of a row, in one answer. */
static PGresult *ask_server(PGconn *connection, int64_t id)
{
    char sql[4096] = "SELECT NULL";
    PGresult *result = NULL;

    for (uint32_t i = 0; i < COLUMNS; i++)
        snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), ",(%s)::text", columns[i].expected);
    snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), " FROM every WHERE id = %" PRId64, id);
    result = PQexec(connection, sql);
    if (PQntuples(result) != 1)
        test_fail("%s", PQresultErrorMessage(result));
    return result;
}

static void assert_equal(PGconn *connection, struct entc_entity *entity, int64_t id)
{
    PGresult *result = ask_server(connection, id);

    for (uint32_t i = 0; i < COLUMNS; i++) {
        const char *theirs = PQgetvalue(result, 0, (int)i + 1);
        char ours[1024];
        entc_value value;

        entity_get(entity, i + 1, &value);
        assert_int_equal(value.type == ENTC_NULL, PQgetisnull(result, 0, (int)i + 1));
        if (value.type == ENTC_NULL)
            continue;
        assert_int_equal(value.type, columns[i].field_type);
        spell(&value, ours);
        if (strcmp(ours, theirs) != 0)
            test_fail("%s of %" PRId64 ": %s, not %s", columns[i].name, id, ours, theirs);
    }
    PQclear(result);
}

static void every_type_is_as_postgres_spells_it(void **state)
{
    entc_field fields[COLUMNS + 1] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY)};
    entc_value ids[25] = {{.type = ENTC_INT64}};
    PGconn *connection = PQconnectdb(server.conninfo);
    struct schema_model *model = NULL;
    struct postgres_rig rig;
    struct ask ask;

    (void)state;
    make_table();
    for (size_t i = 0; i < COLUMNS; i++)
        fields[i + 1] =
            (entc_field)RIG_FIELD(columns[i].name, columns[i].field_type, ENTC_NULLABLE);
    for (int64_t i = 0; i < 25; i++)
        entc_value_int64(&ids[i], i < 5 ? i + 1 : i + 95);
    postgres_rig_open(&rig, server.conninfo, 1);
    model = postgres_rig_model(NULL, "every", fields, COLUMNS + 1);
    ask_init(&ask, &rig, DB_BY_IDS, model);
    ask_ids(&ask, ids, 25);
    if (ask_run(&ask) != ENTC_OK)
        test_fail("%s", ask.message);
    assert_int_equal(ask.entity_count, 25);
    for (size_t i = 0; i < 25; i++)
        assert_equal(connection, ask_entity(&ask, ids[i].as.int64), ids[i].as.int64);
    PQfinish(connection);
    ask_fini(&ask);
    postgres_rig_model_free(model);
    postgres_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_as_postgres_spells_it),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
