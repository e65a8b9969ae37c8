/* Proves on a real PostgreSQL what the port asks and how it reads the answers. */
#include "postgres/internal.h"
#include "postgres_rig.h"
#include "test.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

/* One rig, one model, one ask. */
struct scene {
    struct postgres_rig rig;
    struct schema_model *model;
    struct ask ask;
};

static void open_scene(struct scene *scene, enum db_kind kind, const char *schema,
                       const char *table, const entc_field *fields, size_t count)
{
    postgres_rig_open(&scene->rig, server.conninfo, 2);
    scene->model = postgres_rig_model(schema, table, fields, count);
    ask_init(&scene->ask, &scene->rig, kind, scene->model);
}

static void close_scene(struct scene *scene)
{
    ask_fini(&scene->ask);
    postgres_rig_model_free(scene->model);
    postgres_rig_close(&scene->rig);
}

static entc_value number(int64_t value)
{
    entc_value id = {.type = ENTC_INT64};

    id.as.int64 = value;
    return id;
}

static entc_value text(const char *value)
{
    entc_value id = {.type = ENTC_TEXT, .length = (uint32_t)strlen(value)};

    id.as.text = value;
    return id;
}

static void must(struct scene *scene, entc_status expected)
{
    const entc_status status = ask_run(&scene->ask);

    if (status != expected)
        test_fail("%s: %s", entc_status_name(status), scene->ask.message);
}

static entc_value field(const struct scene *scene, int64_t id, uint32_t index)
{
    entc_value value;

    entity_get(ask_entity(&scene->ask, id), index, &value);
    return value;
}

/* ---- types ---- */

static const entc_field every_field[] = {
    RIG_FIELD("id", ENTC_INT64, ENTC_KEY),          RIG_FIELD("b", ENTC_BOOL, ENTC_NULLABLE),
    RIG_FIELD("i2", ENTC_INT64, ENTC_NULLABLE),     RIG_FIELD("i4", ENTC_INT64, ENTC_NULLABLE),
    RIG_FIELD("i8", ENTC_INT64, ENTC_NULLABLE),     RIG_FIELD("f4", ENTC_DOUBLE, ENTC_NULLABLE),
    RIG_FIELD("f8", ENTC_DOUBLE, ENTC_NULLABLE),    RIG_FIELD("t", ENTC_TEXT, ENTC_NULLABLE),
    RIG_FIELD("n", ENTC_TEXT, ENTC_NULLABLE),       RIG_FIELD("tz", ENTC_TIMESTAMP, ENTC_NULLABLE),
    RIG_FIELD("ts", ENTC_TIMESTAMP, ENTC_NULLABLE),
};
#define EVERY_FIELD (sizeof(every_field) / sizeof(every_field[0]))

static void make_every(void)
{
    test_postgres_sql(
        &server,
        "CREATE TABLE every (id int8 PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 float4,"
        " f8 float8, t varchar(40), n numeric, tz timestamptz, ts timestamp);"
        "INSERT INTO every VALUES"
        " (1, true, 32767, 2147483647, 9223372036854775807, 'infinity', 1.7976931348623157e308,"
        "  E'tab\\t quote\" \\u00e9 \\U0001F600', 12345678901234567890.123456789, 'infinity',"
        "  'infinity'),"
        " (2, false, -32768, -2147483648, -9223372036854775808, '-infinity', 5e-324, '',"
        "  'NaN', '-infinity', '-infinity'),"
        " (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
        " (4, true, 0, 0, 0, 0.1, 'NaN', 'plain', 1.10, '2026-11-22 10:00:00.000001+00',"
        "  '1970-01-01 00:00:00'),"
        " (5, true, 0, 0, 0, 0, 0, '', 0, '4714-11-24 00:00:00 BC UTC', '294246-12-31'),"
        " (6, true, 0, 0, 0, 0, 0, '', 0, now(), '294276-12-31')");
}

static void every_type_comes_with_its_edges_and_its_nulls(void **state)
{
    const entc_value ids[] = {number(1), number(2), number(3), number(4), number(5)};
    struct scene scene;

    (void)state;
    make_every();
    open_scene(&scene, DB_BY_IDS, NULL, "every", every_field, EVERY_FIELD);
    ask_ids(&scene.ask, ids, 5);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.entity_count, 5);
    assert_int_equal(field(&scene, 1, 1).as.int64, 1);
    assert_int_equal(field(&scene, 1, 2).as.int64, INT16_MAX);
    assert_int_equal(field(&scene, 1, 3).as.int64, INT32_MAX);
    assert_int_equal(field(&scene, 1, 4).as.int64, INT64_MAX);
    assert_true(isinf(field(&scene, 1, 5).as.real));
    assert_true(field(&scene, 1, 6).as.real == 1.7976931348623157e308);
    assert_string_equal(field(&scene, 1, 7).as.text, "tab\t quote\" \xC3\xA9 \xF0\x9F\x98\x80");
    assert_string_equal(field(&scene, 1, 8).as.text, "12345678901234567890.123456789");
    assert_int_equal(field(&scene, 1, 9).as.int64, ENTC_TIMESTAMP_INFINITY);
    assert_int_equal(field(&scene, 1, 10).as.int64, ENTC_TIMESTAMP_INFINITY);
    assert_int_equal(field(&scene, 2, 1).as.int64, 0);
    assert_int_equal(field(&scene, 2, 2).as.int64, INT16_MIN);
    assert_int_equal(field(&scene, 2, 3).as.int64, INT32_MIN);
    assert_int_equal(field(&scene, 2, 4).as.int64, INT64_MIN);
    assert_true(field(&scene, 2, 6).as.real == 5e-324);
    assert_int_equal(field(&scene, 2, 7).type, ENTC_TEXT);
    assert_int_equal(field(&scene, 2, 7).length, 0);
    assert_string_equal(field(&scene, 2, 8).as.text, "NaN");
    assert_int_equal(field(&scene, 2, 9).as.int64, ENTC_TIMESTAMP_MINUS_INFINITY);
    for (uint32_t i = 1; i < EVERY_FIELD; i++)
        assert_int_equal(field(&scene, 3, i).type, ENTC_NULL);
    assert_true(field(&scene, 4, 5).as.real == (double)0.1f);
    assert_true(isnan(field(&scene, 4, 6).as.real));
    assert_int_equal(field(&scene, 4, 9).as.int64, INT64_C(1795341600000001));
    assert_int_equal(field(&scene, 4, 10).as.int64, 0);
    assert_int_equal(field(&scene, 5, 9).as.int64, INT64_C(-210866803200000000));
    assert_int_equal(field(&scene, 5, 10).as.int64, INT64_C(9223371158400000000));
    close_scene(&scene);
}

static void a_time_that_is_too_late_for_us_fails_its_own_slot(void **state)
{
    const entc_value ids[] = {number(6), number(4)};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_BY_IDS, NULL, "every", every_field, EVERY_FIELD);
    ask_ids(&scene.ask, ids, 2);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.entity_count, 1);
    assert_int_equal(scene.ask.bad_rows, 1);
    assert_int_equal(scene.ask.bad_id, 6);
    assert_string_equal(scene.ask.message, "column \"ts\" of public.every holds a value beyond "
                                           "the range of ENTC_TIMESTAMP");
    close_scene(&scene);
}

static void null_in_a_field_that_is_not_nullable_fails_its_own_slot(void **state)
{
    static const entc_field fields[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY),
                                        RIG_FIELD("b", ENTC_BOOL, 0)};
    const entc_value ids[] = {number(1), number(3)};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_BY_IDS, NULL, "every", fields, 2);
    ask_ids(&scene.ask, ids, 2);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.entity_count, 1);
    assert_int_equal(scene.ask.bad_id, 3);
    close_scene(&scene);
}

static void any_type_may_be_declared_text(void **state)
{
    static const entc_field fields[] = {
        RIG_FIELD("id", ENTC_INT64, ENTC_KEY), RIG_FIELD("u", ENTC_TEXT, 0),
        RIG_FIELD("j", ENTC_TEXT, 0),          RIG_FIELD("m", ENTC_TEXT, 0),
        RIG_FIELD("d", ENTC_TEXT, 0),          RIG_FIELD("a", ENTC_TEXT, 0),
        RIG_FIELD("c", ENTC_TEXT, 0),
    };
    const entc_value ids[] = {number(1)};
    struct scene scene;

    (void)state;
    test_postgres_sql(&server,
                      "CREATE TYPE mood AS ENUM ('sad', 'glad');"
                      "CREATE TABLE texts (id int PRIMARY KEY, u uuid, j jsonb, m mood, d date,"
                      " a int[], c char(4));"
                      "INSERT INTO texts VALUES (1, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',"
                      " '{\"a\": 1}', 'glad', '2026-11-22', '{1,2}', 'ab')");
    open_scene(&scene, DB_BY_IDS, NULL, "texts", fields, 7);
    ask_ids(&scene.ask, ids, 1);
    must(&scene, ENTC_OK);
    assert_string_equal(field(&scene, 1, 1).as.text, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    assert_string_equal(field(&scene, 1, 2).as.text, "{\"a\": 1}");
    assert_string_equal(field(&scene, 1, 3).as.text, "glad");
    assert_string_equal(field(&scene, 1, 4).as.text, "2026-11-22");
    assert_string_equal(field(&scene, 1, 5).as.text, "{1,2}");
    assert_string_equal(field(&scene, 1, 6).as.text, "ab");
    close_scene(&scene);
}

/* ---- keys and names ---- */

static void keys_may_be_of_any_integer_type_or_a_domain_of_one(void **state)
{
    static const char *const types[] = {"int2", "int4", "int8", "positive"};
    static const entc_field fields[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY)};
    const entc_value ids[] = {number(7), number(INT64_MAX), number(9), number(-1)};

    (void)state;
    test_postgres_sql(&server, "CREATE DOMAIN positive AS int4 CHECK (value > 0)");
    for (size_t i = 0; i < 4; i++) {
        struct scene scene;
        char sql[160];

        snprintf(sql, sizeof(sql),
                 "CREATE TABLE keys_%s (id %s PRIMARY KEY);"
                 "INSERT INTO keys_%s VALUES (7), (8), (9)",
                 types[i], types[i], types[i]);
        test_postgres_sql(&server, sql);
        snprintf(sql, sizeof(sql), "keys_%s", types[i]);
        open_scene(&scene, DB_BY_IDS, NULL, sql, fields, 1);
        ask_ids(&scene.ask, ids, 4);
        must(&scene, ENTC_OK);
        assert_int_equal(scene.ask.entity_count, 2);
        ask_entity(&scene.ask, 7);
        ask_entity(&scene.ask, 9);
        close_scene(&scene);
    }
}

static const entc_field word_fields[] = {RIG_FIELD("code", ENTC_TEXT, ENTC_KEY),
                                         RIG_FIELD("meaning", ENTC_TEXT, 0)};

static void text_keys_are_compared_byte_by_byte_and_never_read_as_sql(void **state)
{
    static const char *const codes[] = {"a", "A", "", "it's", "x\"y\\z{}", "\xC3\xA9"};
    entc_value ids[8];
    entc_value nul = {.type = ENTC_TEXT, .length = 3};
    struct scene scene;

    (void)state;
    test_postgres_sql(&server,
                      "CREATE TABLE words (code varchar(20) PRIMARY KEY, meaning text NOT NULL);"
                      "INSERT INTO words VALUES ('a','1'), ('A','2'), ('','3'), ('it''s','4'),"
                      " ('x\"y\\z{}','5'), (U&'\\00e9','6'), ('a ','7')");
    for (size_t i = 0; i < 6; i++)
        ids[i] = text(codes[i]);
    nul.as.text = "a\0b";
    ids[6] = nul;
    ids[7] = text("'; DROP TABLE words; --");
    open_scene(&scene, DB_BY_IDS, NULL, "words", word_fields, 2);
    ask_ids(&scene.ask, ids, 8);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.entity_count, 6);
    for (size_t i = 0; i < 6; i++) {
        entc_value meaning;

        entity_get(scene.ask.entities[i], 1, &meaning);
        assert_int_equal(meaning.length, 1);
        assert_true(entity_has_id(scene.ask.entities[i], &ids[meaning.as.text[0] - '1']));
    }
    close_scene(&scene);
}

static void names_may_hold_quotes_spaces_and_capitals(void **state)
{
    static const entc_field fields[] = {RIG_FIELD("Id", ENTC_INT64, ENTC_KEY),
                                        RIG_FIELD("SELECT", ENTC_TEXT, 0)};
    const struct db_order order[] = {{"odd \"column\"", true, false}};
    const entc_value ids[] = {number(1)};
    struct scene scene;

    (void)state;
    test_postgres_sql(&server,
                      "CREATE SCHEMA \"My \"\"Schema\"\"\";"
                      "CREATE TABLE \"My \"\"Schema\"\"\".\"The Table; --\" (\"Id\" int PRIMARY"
                      " KEY, \"SELECT\" text, \"odd \"\"column\"\"\" int);"
                      "INSERT INTO \"My \"\"Schema\"\"\".\"The Table; --\" VALUES (1, 'x', 1),"
                      " (2, 'y', 2)");
    open_scene(&scene, DB_BY_IDS, "My \"Schema\"", "The Table; --", fields, 2);
    ask_ids(&scene.ask, ids, 1);
    must(&scene, ENTC_OK);
    assert_string_equal(field(&scene, 1, 1).as.text, "x");
    ask_fini(&scene.ask);
    ask_init(&scene.ask, &scene.rig, DB_LIST, scene.model);
    scene.ask.query.order = order;
    scene.ask.query.order_count = 1;
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.ids[0].as.int64, 2);
    ask_fini(&scene.ask);
    ask_init(&scene.ask, &scene.rig, DB_PAGES, scene.model);
    ask_ids(&scene.ask, ids, 1);
    scene.ask.query.link = TEST_LINK("odd \"column\"", ids[0].type);
    scene.ask.query.order = order;
    scene.ask.query.order_count = 1;
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.id_count, 1);
    assert_int_equal(scene.ask.ids[0].as.int64, 1);
    close_scene(&scene);
}

/* ---- many ---- */

static const entc_field event_fields[] = {
    RIG_FIELD("id", ENTC_INT64, ENTC_KEY),
    RIG_FIELD("title", ENTC_TEXT, 0),
    RIG_FIELD("campaign_id", ENTC_INT64, ENTC_NULLABLE),
};

/* 100k events of 10k campaigns, as int4, with the index that has_many wants. */
static void make_events(void)
{
    test_postgres_sql(&server, "CREATE TABLE events (id int4 PRIMARY KEY, title text NOT NULL,"
                               " campaign_id int4, place int2);"
                               "INSERT INTO events SELECT i, 'event ' || i, i % 10000, i % 3"
                               " FROM generate_series(1, 100000) AS i;"
                               "CREATE INDEX ON events (campaign_id, id);"
                               "ANALYZE events");
}

static void a_thousand_ids_are_one_statement(void **state)
{
    entc_value ids[1000];
    struct scene scene;

    (void)state;
    make_events();
    for (int64_t i = 0; i < 1000; i++)
        ids[i] = number(i * 100 + 1);
    open_scene(&scene, DB_BY_IDS, NULL, "events", event_fields, 3);
    ask_ids(&scene.ask, ids, 1000);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.entity_count, 1000);
    assert_int_equal(scene.ask.query.statements, 1);
    assert_int_equal(scene.ask.query.rows, 1000);
    assert_false(scene.ask.query.is_lost);
    assert_string_equal(field(&scene, 99901, 1).as.text, "event 99901");
    close_scene(&scene);
    assert_int_equal(test_postgres_statements(&server, "\"title\"::text"), 1);
}

static void an_answer_may_be_empty(void **state)
{
    const entc_value ids[] = {number(-1), number(0)};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_BY_IDS, NULL, "events", event_fields, 3);
    ask_ids(&scene.ask, ids, 2);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.entity_count, 0);
    ask_fini(&scene.ask);
    ask_init(&scene.ask, &scene.rig, DB_BY_IDS, scene.model);
    ask_ids(&scene.ask, ids, 0);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.entity_count, 0);
    close_scene(&scene);
}

/* More bytes than a socket's buffers hold, both ways. */
static void a_batch_larger_than_the_sockets_buffers_goes_through(void **state)
{
    const size_t count = 100000;
    entc_value *ids = malloc(count * sizeof(*ids));
    struct scene scene;

    (void)state;
    assert_non_null(ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = number((int64_t)i + 1);
    open_scene(&scene, DB_BY_IDS, NULL, "events", event_fields, 3);
    ask_ids(&scene.ask, ids, count);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.entity_count, count);
    close_scene(&scene);
    free(ids);
}

/* ---- order ---- */

static void assert_told(const struct ask *ask, const char *expected)
{
    char told[512] = "";

    for (size_t i = 0; i < ask->id_count; i++) {
        const size_t length = strlen(told);

        if (ask->ids[i].type == ENTC_TEXT)
            snprintf(told + length, sizeof(told) - length, "%zu:%s ", ask->parents[i],
                     ask->ids[i].as.text);
        else
            snprintf(told + length, sizeof(told) - length, "%zu:%" PRId64 " ", ask->parents[i],
                     ask->ids[i].as.int64);
    }
    assert_string_equal(told, expected);
}

static const entc_field child_fields[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY)};

static void make_children(void)
{
    test_postgres_sql(&server,
                      "CREATE TABLE children (id int8 PRIMARY KEY, parent int4, rank int4,"
                      " house text);"
                      "INSERT INTO children VALUES (1, 1, 5, 'a'), (2, 1, 3, 'b'), (3, 1, 5, 'a'),"
                      " (4, 2, NULL, 'b'), (5, 2, 1, 'it''s'), (6, 2, 1, 'b'), (7, NULL, 1, NULL)");
}

static void run_list(struct scene *scene, const struct db_order *order, size_t count, int64_t limit,
                     const char *expected)
{
    ask_fini(&scene->ask);
    ask_init(&scene->ask, &scene->rig, DB_LIST, scene->model);
    scene->ask.query.order = order;
    scene->ask.query.order_count = count;
    scene->ask.query.limit = limit;
    must(scene, ENTC_OK);
    assert_told(&scene->ask, expected);
}

static void a_list_is_in_the_order_asked_and_ties_are_broken_by_the_key(void **state)
{
    const struct db_order up[] = {{"rank", false, false}};
    const struct db_order down[] = {{"rank", true, false}};
    const struct db_order two[] = {{"house", true, false}, {"id", true, false}};
    struct scene scene;

    (void)state;
    make_children();
    open_scene(&scene, DB_LIST, NULL, "children", child_fields, 1);
    run_list(&scene, NULL, 0, 3, "0:1 0:2 0:3 ");
    run_list(&scene, up, 1, 100, "0:5 0:6 0:7 0:2 0:1 0:3 0:4 ");
    run_list(&scene, down, 1, 100, "0:4 0:1 0:3 0:2 0:5 0:6 0:7 ");
    run_list(&scene, two, 2, 4, "0:7 0:5 0:6 0:4 ");
    close_scene(&scene);
}

static void pages_answer_every_parent_once_for_each_time_it_is_asked(void **state)
{
    const struct db_order down[] = {{"rank", true, false}};
    const entc_value parents[] = {number(2), number(9), number(1), number(2)};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_PAGES, NULL, "children", child_fields, 1);
    ask_ids(&scene.ask, parents, 4);
    scene.ask.query.link = TEST_LINK("parent", ENTC_INT64);
    scene.ask.query.limit = 2;
    must(&scene, ENTC_OK);
    assert_told(&scene.ask, "0:4 0:5 2:1 2:2 3:4 3:5 ");
    assert_int_equal(scene.ask.query.statements, 1);
    assert_int_equal(scene.ask.query.rows, 6);
    ask_fini(&scene.ask);
    ask_init(&scene.ask, &scene.rig, DB_PAGES, scene.model);
    ask_ids(&scene.ask, parents, 4);
    scene.ask.query.link = TEST_LINK("parent", ENTC_INT64);
    scene.ask.query.limit = 3;
    scene.ask.query.order = down;
    scene.ask.query.order_count = 1;
    must(&scene, ENTC_OK);
    assert_told(&scene.ask, "0:4 0:5 0:6 2:1 2:3 2:2 3:4 3:5 3:6 ");
    close_scene(&scene);
}

static void pages_take_parents_with_text_keys(void **state)
{
    entc_value parents[] = {text("b"), text("it's"), text("nowhere"), text("a")};
    struct scene scene;

    (void)state;
    parents[2].as.text = "n\0where";
    open_scene(&scene, DB_PAGES, NULL, "children", child_fields, 1);
    ask_ids(&scene.ask, parents, 4);
    scene.ask.query.link = TEST_LINK("house", ENTC_TEXT);
    scene.ask.query.limit = 2;
    must(&scene, ENTC_OK);
    assert_told(&scene.ask, "0:2 0:4 1:5 3:1 3:3 ");
    close_scene(&scene);
}

static void children_with_text_keys_come_in_the_order_of_their_collation(void **state)
{
    const struct db_order order[] = {{"meaning", true, false}};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_LIST, NULL, "words", word_fields, 2);
    scene.ask.query.order = order;
    scene.ask.query.order_count = 1;
    scene.ask.query.limit = 3;
    must(&scene, ENTC_OK);
    assert_told(&scene.ask, "0:a  0:\xC3\xA9 0:x\"y\\z{} ");
    close_scene(&scene);
}

/* ---- plans ---- */

/* The plan of exactly the statement and the parameters that the port would send. */
static void read_plan(const struct db_query *query, char *plan, size_t size)
{
    PGconn *connection = PQconnectdb(server.conninfo);
    struct postgres_params params;
    struct buffer sql;
    struct buffer bytes;
    char explain[1024];
    PGresult *result = NULL;

    buffer_init(&sql, base_default_allocator());
    buffer_init(&bytes, base_default_allocator());
    assert_true(postgres_sql_write(&sql, query));
    assert_int_equal(postgres_params_write(&params, &bytes, query), ENTC_OK);
    snprintf(explain, sizeof(explain), "EXPLAIN %s", sql.bytes);
    result = PQexecParams(connection, explain, params.count, params.types, params.values,
                          params.lengths, params.formats, 0);
    plan[0] = '\0';
    for (int i = 0; i < PQntuples(result); i++)
        snprintf(plan + strlen(plan), size - strlen(plan), "%s\n", PQgetvalue(result, i, 0));
    PQclear(result);
    PQfinish(connection);
    buffer_fini(&sql);
    buffer_fini(&bytes);
}

static void both_kinds_of_batches_are_served_by_an_index(void **state)
{
    struct schema_model *model = postgres_rig_model(NULL, "events", event_fields, 3);
    entc_value ids[100];
    struct db_query query = {.model = model, .ids = ids, .id_count = 100};
    char plan[4096];

    (void)state;
    for (int64_t i = 0; i < 100; i++)
        ids[i] = number(i * 31);
    query.kind = DB_BY_IDS;
    read_plan(&query, plan, sizeof(plan));
    if (!strstr(plan, "events_pkey") || strstr(plan, "Seq Scan"))
        test_fail("%s", plan);
    query.kind = DB_PAGES;
    query.link = TEST_LINK("campaign_id", ENTC_INT64);
    query.limit = 2;
    read_plan(&query, plan, sizeof(plan));
    if (!strstr(plan, "events_campaign_id_id_idx") || strstr(plan, "Seq Scan"))
        test_fail("%s", plan);
    postgres_rig_model_free(model);
}

/* ---- errors ---- */

static void run_wrong(const char *table, const entc_field *fields, size_t count,
                      entc_status expected, const char *sqlstate, const char *message,
                      const char *hint)
{
    const entc_value ids[] = {fields[0].type == ENTC_TEXT ? text("1") : number(1)};
    struct scene scene;

    open_scene(&scene, DB_BY_IDS, NULL, table, fields, count);
    ask_ids(&scene.ask, ids, 1);
    must(&scene, expected);
    assert_string_equal(scene.ask.sqlstate, sqlstate);
    if (!strstr(scene.ask.message, message))
        test_fail("%s", scene.ask.message);
    if (!strstr(scene.ask.hint, hint))
        test_fail("%s", scene.ask.hint);
    close_scene(&scene);
}

static void what_is_not_as_declared_is_named_with_its_cure(void **state)
{
    static const entc_field no_column[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY),
                                           RIG_FIELD("nope", ENTC_INT64, 0)};
    static const entc_field wrong_type[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY),
                                            RIG_FIELD("title", ENTC_INT64, 0)};
    static const entc_field wrong_key[] = {RIG_FIELD("title", ENTC_INT64, ENTC_KEY)};
    static const entc_field short_key[] = {RIG_FIELD("c", ENTC_TEXT, ENTC_KEY)};

    (void)state;
    run_wrong("nowhere", event_fields, 3, ENTC_E_SCHEMA, "42P01",
              "relation \"public.nowhere\" does not exist", "table and schema");
    run_wrong("events", no_column, 2, ENTC_E_SCHEMA, "42703", "column \"nope\" does not exist",
              "entc_repository_check()");
    run_wrong("events", wrong_type, 2, ENTC_E_SCHEMA, "",
              "column \"title\" of public.events is declared ENTC_INT64, but its type is text",
              "declare the field ENTC_TEXT");
    run_wrong("events", wrong_key, 1, ENTC_E_SCHEMA, "42883",
              "operator does not exist: text = bigint; column \"title\" is declared the key, "
              "ENTC_INT64",
              "text or varchar for ENTC_TEXT");
    run_wrong("texts", short_key, 1, ENTC_E_SCHEMA, "",
              "is declared ENTC_TEXT and the key, but its type is char(n)", "text or varchar");
}

/* Ours alone, in this database. A session of an earlier test may still be on its way out: the
 * server says goodbye after the client. */
static int64_t backends_of_this_test(void)
{
    const int64_t end_us = clock_now_us() + INT64_C(20000000);
    int64_t count = 0;

    do
        count = test_postgres_integer(&server, "SELECT count(*) FROM pg_stat_activity WHERE "
                                               "application_name = 'libentitycache' AND "
                                               "datname = current_database()");
    while (count > 1 && clock_now_us() < end_us);
    return count;
}

static void a_connection_outlives_the_errors_of_its_statements(void **state)
{
    static const entc_field wrong_type[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY),
                                            RIG_FIELD("title", ENTC_BOOL, 0)};
    struct scene scene;
    const entc_value ids[] = {number(1)};
    struct schema_model *missing = postgres_rig_model(NULL, "nowhere", event_fields, 3);
    struct schema_model *wrong = postgres_rig_model(NULL, "events", wrong_type, 2);

    (void)state;
    open_scene(&scene, DB_BY_IDS, NULL, "events", event_fields, 3);
    for (int i = 0; i < 6; i++) {
        ask_fini(&scene.ask);
        ask_init(&scene.ask, &scene.rig, DB_BY_IDS,
                 i % 3 == 0   ? missing
                 : i % 3 == 1 ? wrong
                              : scene.model);
        ask_ids(&scene.ask, ids, 1);
        must(&scene, i % 3 == 2 ? ENTC_OK : ENTC_E_SCHEMA);
    }
    assert_int_equal(backends_of_this_test(), 1);
    assert_int_equal(scene.rig.lines[ENTC_LOG_WARNING], 0);
    postgres_rig_model_free(missing);
    postgres_rig_model_free(wrong);
    close_scene(&scene);
}

/* ---- what a view may do ---- */

static const entc_field view_fields[] = {RIG_FIELD("id", ENTC_INT64, ENTC_KEY)};

static void a_read_that_the_server_wants_repeated_is_repeated_three_times(void **state)
{
    const entc_value ids[] = {number(1)};
    struct scene scene;

    (void)state;
    test_postgres_sql(
        &server, "CREATE SEQUENCE calls;"
                 "CREATE FUNCTION flaky(failures int8) RETURNS int8 LANGUAGE plpgsql AS $$ BEGIN"
                 " IF nextval('calls') <= failures THEN"
                 " RAISE EXCEPTION 'once more' USING ERRCODE = '40001'; END IF; RETURN 1; END $$;"
                 "CREATE VIEW three_times AS SELECT flaky(3) AS id;"
                 "CREATE VIEW four_times AS SELECT flaky(8) AS id");
    open_scene(&scene, DB_BY_IDS, NULL, "three_times", view_fields, 1);
    ask_ids(&scene.ask, ids, 1);
    must(&scene, ENTC_OK);
    assert_int_equal(scene.ask.query.statements, 4);
    close_scene(&scene);
    open_scene(&scene, DB_BY_IDS, NULL, "four_times", view_fields, 1);
    ask_ids(&scene.ask, ids, 1);
    must(&scene, ENTC_E_DATABASE);
    assert_string_equal(scene.ask.sqlstate, "40001");
    assert_int_equal(scene.ask.query.statements, 4);
    close_scene(&scene);
}

static void the_log_hears_of_a_notice_but_not_what_it_says(void **state)
{
    const entc_value ids[] = {number(1)};
    struct scene scene;

    (void)state;
    test_postgres_sql(&server, "CREATE FUNCTION chatty() RETURNS int8 LANGUAGE plpgsql AS $$ BEGIN"
                               " RAISE WARNING 'a SECRET'; RETURN 1; END $$;"
                               "CREATE VIEW chat AS SELECT chatty() AS id");
    open_scene(&scene, DB_BY_IDS, NULL, "chat", view_fields, 1);
    ask_ids(&scene.ask, ids, 1);
    must(&scene, ENTC_OK);
    assert_true(scene.rig.lines[ENTC_LOG_DEBUG] > 0);
    assert_non_null(strstr(scene.rig.logged, "WARNING 01000"));
    assert_null(strstr(scene.rig.logged, "SECRET"));
    close_scene(&scene);
}

static void a_detail_that_shows_a_row_is_not_passed_on(void **state)
{
    const entc_value ids[] = {number(1)};
    struct scene scene;

    (void)state;
    test_postgres_sql(&server, "CREATE FUNCTION blab() RETURNS int8 LANGUAGE plpgsql AS $$ BEGIN"
                               " RAISE EXCEPTION 'no' USING DETAIL = 'a SECRET', HINT = 'a SECRET';"
                               " END $$;"
                               "CREATE VIEW blabber AS SELECT blab() AS id");
    open_scene(&scene, DB_BY_IDS, NULL, "blabber", view_fields, 1);
    ask_ids(&scene.ask, ids, 1);
    must(&scene, ENTC_E_DATABASE);
    assert_string_equal(scene.ask.message, "public.blabber: no");
    assert_string_equal(scene.ask.hint, "");
    assert_string_equal(scene.ask.sqlstate, "P0001");
    close_scene(&scene);
}

static void a_statement_timeout_of_the_server_is_a_timeout(void **state)
{
    const entc_value ids[] = {number(1)};
    struct scene scene;
    char conninfo[400];

    (void)state;
    test_postgres_sql(&server, "CREATE FUNCTION slow() RETURNS int8 LANGUAGE sql AS"
                               " 'SELECT 1::int8 FROM pg_sleep(30)';"
                               "CREATE VIEW slowly AS SELECT slow() AS id");
    snprintf(conninfo, sizeof(conninfo), "%s options='-c statement_timeout=20'", server.conninfo);
    postgres_rig_open(&scene.rig, conninfo, 1);
    scene.model = postgres_rig_model(NULL, "slowly", view_fields, 1);
    ask_init(&scene.ask, &scene.rig, DB_BY_IDS, scene.model);
    ask_ids(&scene.ask, ids, 1);
    must(&scene, ENTC_E_TIMEOUT);
    assert_string_equal(scene.ask.sqlstate, "57014");
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_with_its_edges_and_its_nulls),
        cmocka_unit_test(a_time_that_is_too_late_for_us_fails_its_own_slot),
        cmocka_unit_test(null_in_a_field_that_is_not_nullable_fails_its_own_slot),
        cmocka_unit_test(any_type_may_be_declared_text),
        cmocka_unit_test(keys_may_be_of_any_integer_type_or_a_domain_of_one),
        cmocka_unit_test(text_keys_are_compared_byte_by_byte_and_never_read_as_sql),
        cmocka_unit_test(names_may_hold_quotes_spaces_and_capitals),
        cmocka_unit_test(a_thousand_ids_are_one_statement),
        cmocka_unit_test(an_answer_may_be_empty),
        cmocka_unit_test(a_batch_larger_than_the_sockets_buffers_goes_through),
        cmocka_unit_test(a_list_is_in_the_order_asked_and_ties_are_broken_by_the_key),
        cmocka_unit_test(pages_answer_every_parent_once_for_each_time_it_is_asked),
        cmocka_unit_test(pages_take_parents_with_text_keys),
        cmocka_unit_test(children_with_text_keys_come_in_the_order_of_their_collation),
        cmocka_unit_test(both_kinds_of_batches_are_served_by_an_index),
        cmocka_unit_test(what_is_not_as_declared_is_named_with_its_cure),
        cmocka_unit_test(a_connection_outlives_the_errors_of_its_statements),
        cmocka_unit_test(a_read_that_the_server_wants_repeated_is_repeated_three_times),
        cmocka_unit_test(the_log_hears_of_a_notice_but_not_what_it_says),
        cmocka_unit_test(a_detail_that_shows_a_row_is_not_passed_on),
        cmocka_unit_test(a_statement_timeout_of_the_server_is_a_timeout),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
