/* Proves on a real PostgreSQL that keys of every form are found, listed and paged by an index, and
 * what mapped columns, views and filters make of that. */
#include "codec/codec.h"
#include "postgres/internal.h"
#include "postgres_rig.h"
#include "test.h"

#include <inttypes.h>
#include <stdio.h>

static struct test_postgres server;

static int start(void **state)
{
    (void)state;
    test_postgres_shared(&server);
    test_postgres_sql(
        &server,
        "CREATE SCHEMA s; CREATE DOMAIN s.name AS varchar(20);"
        "CREATE TABLE s.seats (hall uuid, \"row\" int4, code s.name, place int2, note text,"
        " gone timestamptz, PRIMARY KEY (hall, \"row\", code));"
        "INSERT INTO s.seats SELECT ('00000000-0000-0000-0000-' || lpad((i % 1000)::text, 12, '0'))"
        "::uuid, i / 1000, 'k' || i, i % 7, 'note ' || i,"
        " CASE WHEN i % 10 = 0 THEN now() END FROM generate_series(0, 99999) AS i;"
        "CREATE TABLE s.uuids (id uuid PRIMARY KEY, hall uuid, note text);"
        "INSERT INTO s.uuids SELECT ('00000000-0000-0000-0001-' || lpad(i::text, 12, '0'))::uuid,"
        " ('00000000-0000-0000-0000-' || lpad((i % 1000)::text, 12, '0'))::uuid, 'note ' || i"
        " FROM generate_series(0, 99999) AS i;"
        "CREATE INDEX ON s.uuids (hall, id);"
        "CREATE TABLE s.codes (code s.name COLLATE \"C\" PRIMARY KEY, parent text COLLATE \"C\");"
        "INSERT INTO s.codes SELECT 'k' || i, 'p' || i % 1000 FROM generate_series(0, 99999) AS i;"
        "CREATE INDEX ON s.codes (parent, code);"
        "CREATE VIEW s.present AS SELECT hall, \"row\", code, note, gone FROM s.seats;"
        "ANALYZE s.seats; ANALYZE s.uuids; ANALYZE s.codes");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_postgres_drop(&server);
    return 0;
}

/* ---- values ---- */

static entc_value number(int64_t value)
{
    entc_value id;

    entc_value_int64(&id, value);
    return id;
}

static entc_value text(const char *value)
{
    entc_value id;

    entc_value_text(&id, value, strlen(value));
    return id;
}

/* 00000000-0000-0000-<group>-<last> */
static entc_value uuid(int group, int last)
{
    char spelled[48];
    uint8_t bytes[16];
    entc_value id;

    snprintf(spelled, sizeof(spelled), "00000000-0000-0000-%04d-%012d", group, last);
    assert_true(codec_uuid_parse(spelled, CODEC_UUID_LENGTH, bytes));
    entc_value_uuid(&id, bytes);
    return id;
}

/* ---- tables ---- */

static const entc_field seat_fields[] = {
    RIG_FIELD("code", ENTC_TEXT, ENTC_KEY),
    RIG_FIELD("note", ENTC_TEXT, ENTC_NULLABLE),
    RIG_FIELD("hall", ENTC_UUID, ENTC_KEY),
    RIG_FIELD("line", ENTC_INT64, ENTC_KEY),
};
static const entc_column seat_columns[] = {{"line", "row"}};

static struct schema_model *seats(const char *read_from, const char *filter)
{
    entc_model_desc desc = ENTC_MODEL("seats");

    desc.schema = "s";
    desc.columns = seat_columns;
    desc.column_count = 1;
    desc.column_size = sizeof(seat_columns[0]);
    desc.read_from = read_from;
    desc.filter_sql = filter;
    return postgres_rig_model_of(&desc, seat_fields, 4);
}

static const entc_field uuid_fields[] = {RIG_FIELD("id", ENTC_UUID, ENTC_KEY),
                                         RIG_FIELD("note", ENTC_TEXT, 0)};
static const entc_field code_fields[] = {RIG_FIELD("code", ENTC_TEXT, ENTC_KEY)};

/* ---- asking ---- */

struct scene {
    struct postgres_rig rig;
    struct schema_model *model;
    struct ask ask;
};

static void open_scene(struct scene *scene, enum db_kind kind, struct schema_model *model)
{
    postgres_rig_open(&scene->rig, server.conninfo, 1);
    scene->model = model;
    ask_init(&scene->ask, &scene->rig, kind, model);
}

static void must(struct scene *scene)
{
    const entc_status status = ask_run(&scene->ask);

    if (status)
        test_fail("%s: %s", entc_status_name(status), scene->ask.message);
}

static void again(struct scene *scene, enum db_kind kind)
{
    ask_fini(&scene->ask);
    ask_init(&scene->ask, &scene->rig, kind, scene->model);
}

static void close_scene(struct scene *scene)
{
    ask_fini(&scene->ask);
    postgres_rig_model_free(scene->model);
    postgres_rig_close(&scene->rig);
}

static void assert_note(const struct scene *scene, const entc_value *id, const char *note)
{
    for (size_t i = 0; i < scene->ask.entity_count; i++) {
        entc_value value;

        if (!entity_has_id(scene->ask.entities[i], id))
            continue;
        entity_get(scene->ask.entities[i], 1, &value);
        assert_string_equal(value.as.text, note);
        return;
    }
    test_fail("%s is not there", note);
}

/* ---- keys ---- */

static void composite_ids_are_found_by_all_their_parts(void **state)
{
    const entc_value ids[] = {text("k1005"), uuid(0, 5), number(1), /* */
                              text("k1005"), uuid(0, 5), number(2), /* */
                              text("k1005"), uuid(0, 6), number(1), /* */
                              text("k7"),    uuid(0, 7), number(0)};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_BY_IDS, seats(NULL, NULL));
    ask_ids(&scene.ask, ids, 4);
    must(&scene);
    assert_int_equal(scene.ask.entity_count, 2);
    assert_note(&scene, &ids[0], "note 1005");
    assert_note(&scene, &ids[9], "note 7");
    close_scene(&scene);
}

static void lists_and_pages_give_all_parts_of_composite_ids(void **state)
{
    const struct db_order order[] = {{"row", true, false}, {"place", false, false}};
    const entc_value halls[] = {uuid(0, 5), uuid(0, 1000), uuid(0, 6)};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_LIST, seats(NULL, NULL));
    scene.ask.query.order = order;
    scene.ask.query.order_count = 2;
    scene.ask.query.limit = 2;
    must(&scene);
    assert_int_equal(scene.ask.id_count, 2);
    assert_string_equal(scene.ask.ids[0].as.text, "k99001");
    assert_int_equal(scene.ask.ids[2].as.int64, 99);
    assert_int_equal(scene.ask.ids[1].as.bytes[15], 0x01);
    again(&scene, DB_PAGES);
    ask_ids(&scene.ask, halls, 3);
    scene.ask.query.link = TEST_LINK("hall", ENTC_UUID);
    scene.ask.query.order = order;
    scene.ask.query.order_count = 1;
    scene.ask.query.limit = 2;
    must(&scene);
    assert_int_equal(scene.ask.id_count, 4);
    assert_int_equal(scene.ask.query.rows, 4);
    assert_string_equal(scene.ask.ids[0].as.text, "k99005");
    assert_string_equal(scene.ask.ids[3].as.text, "k98005");
    assert_int_equal(scene.ask.ids[5].as.int64, 98);
    assert_string_equal(scene.ask.ids[6].as.text, "k99006");
    assert_int_equal(scene.ask.parents[1], 0);
    assert_int_equal(scene.ask.parents[2], 2);
    close_scene(&scene);
}

static void uuid_keys_are_found_and_paged(void **state)
{
    const entc_value ids[] = {uuid(1, 17), uuid(1, 100000), uuid(1, 99999)};
    const entc_value halls[] = {uuid(0, 3)};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_BY_IDS, postgres_rig_model("s", "uuids", uuid_fields, 2));
    ask_ids(&scene.ask, ids, 3);
    must(&scene);
    assert_int_equal(scene.ask.entity_count, 2);
    assert_note(&scene, &ids[0], "note 17");
    assert_note(&scene, &ids[2], "note 99999");
    again(&scene, DB_PAGES);
    ask_ids(&scene.ask, halls, 1);
    scene.ask.query.link = TEST_LINK("hall", ENTC_UUID);
    scene.ask.query.limit = 2;
    must(&scene);
    assert_int_equal(scene.ask.id_count, 2);
    assert_memory_equal(scene.ask.ids[1].as.bytes, uuid(1, 1003).as.bytes, 16);
    close_scene(&scene);
}

static void text_keys_may_be_domains_under_another_collation(void **state)
{
    const entc_value ids[] = {text("k17"), text("K17"), text("k99999")};
    const entc_value parents[] = {text("p3"), text("p"), text("p7")};
    struct scene scene;

    (void)state;
    open_scene(&scene, DB_BY_IDS, postgres_rig_model("s", "codes", code_fields, 1));
    ask_ids(&scene.ask, ids, 3);
    must(&scene);
    assert_int_equal(scene.ask.entity_count, 2);
    again(&scene, DB_PAGES);
    ask_ids(&scene.ask, parents, 3);
    scene.ask.query.link = TEST_LINK("parent", ENTC_TEXT);
    scene.ask.query.limit = 1;
    must(&scene);
    assert_int_equal(scene.ask.id_count, 2);
    assert_string_equal(scene.ask.ids[0].as.text, "k10003");
    assert_string_equal(scene.ask.ids[1].as.text, "k10007");
    assert_int_equal(scene.ask.parents[1], 2);
    close_scene(&scene);
}

/* ---- views and filters ---- */

static void rows_that_fail_the_filter_are_absent_from_everything(void **state)
{
    const entc_value ids[] = {text("k1010"), uuid(0, 10), number(1), /* gone */
                              text("k1011"), uuid(0, 11), number(1)};
    const entc_value halls[] = {uuid(0, 10), uuid(0, 11)};
    struct scene scene;

    (void)state;
    /* bare names, the relation's own name, a subquery, and a comment at the end */
    open_scene(&scene, DB_BY_IDS,
               seats("present", "gone IS NULL AND NOT EXISTS (SELECT FROM s.codes WHERE"
                                " codes.code = present.note) -- no more"));
    ask_ids(&scene.ask, ids, 2);
    must(&scene);
    assert_int_equal(scene.ask.entity_count, 1);
    assert_note(&scene, &ids[3], "note 1011");
    again(&scene, DB_LIST);
    scene.ask.query.limit = 2;
    must(&scene);
    assert_string_equal(scene.ask.ids[0].as.text, "k1");
    again(&scene, DB_PAGES);
    ask_ids(&scene.ask, halls, 2);
    scene.ask.query.link = TEST_LINK("hall", ENTC_UUID);
    scene.ask.query.limit = 1;
    must(&scene);
    assert_int_equal(scene.ask.id_count, 1);
    assert_int_equal(scene.ask.parents[0], 1);
    close_scene(&scene);
}

/* ---- plans ---- */

/* The plan of exactly the statement and the parameters that the port would send. */
static void assert_plan(struct db_query *query, const char *index)
{
    PGconn *connection = PQconnectdb(server.conninfo);
    struct postgres_params params;
    struct buffer sql;
    struct buffer bytes;
    char plan[4096] = "";
    PGresult *result = NULL;

    buffer_init(&sql, base_default_allocator());
    buffer_init(&bytes, base_default_allocator());
    assert_true(postgres_sql_write(&bytes, query));
    assert_true(buffer_append_format(&sql, "EXPLAIN %s", bytes.bytes));
    assert_non_null(buffer_text(&sql));
    assert_int_equal(postgres_params_write(&params, &bytes, query), ENTC_OK);
    result = PQexecParams(connection, sql.bytes, params.count, params.types, params.values,
                          params.lengths, params.formats, 0);
    for (int i = 0; i < PQntuples(result); i++)
        snprintf(plan + strlen(plan), sizeof(plan) - strlen(plan), "%s\n",
                 PQgetvalue(result, i, 0));
    if (!strstr(plan, index) || strstr(plan, "Seq Scan") || !strstr(plan, "Index Cond"))
        test_fail("%s%s", plan, PQresultErrorMessage(result));
    PQclear(result);
    PQfinish(connection);
    buffer_fini(&sql);
    buffer_fini(&bytes);
}

static void every_form_of_key_is_served_by_an_index(void **state)
{
    const entc_value id[] = {text("k1011"), uuid(0, 11), number(1)};
    struct schema_model *models[] = {seats("present", "gone IS NULL"),
                                     postgres_rig_model("s", "uuids", uuid_fields, 2),
                                     postgres_rig_model("s", "codes", code_fields, 1)};
    entc_value ids[3000];
    struct db_query query = {.ids = ids, .id_count = 1000, .limit = 3};

    (void)state;
    for (size_t i = 0; i < 3000; i++)
        ids[i] = id[i % 3];
    query.model = models[0];
    assert_plan(&query, "seats_pkey");
    for (size_t i = 0; i < 1000; i++)
        ids[i] = id[1];
    query.model = models[1];
    assert_plan(&query, "uuids_pkey");
    query.kind = DB_PAGES;
    query.link = TEST_LINK("hall", ENTC_UUID);
    assert_plan(&query, "uuids_hall_id_idx");
    query.model = models[0];
    assert_plan(&query, "seats_pkey");
    for (size_t i = 0; i < 1000; i++)
        ids[i] = id[0];
    query.model = models[2];
    query.link = TEST_LINK("parent", ENTC_TEXT);
    assert_plan(&query, "codes_parent_code_idx");
    query.kind = DB_BY_IDS;
    assert_plan(&query, "codes_pkey");
    for (size_t i = 0; i < 3; i++)
        postgres_rig_model_free(models[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composite_ids_are_found_by_all_their_parts),
        cmocka_unit_test(lists_and_pages_give_all_parts_of_composite_ids),
        cmocka_unit_test(uuid_keys_are_found_and_paged),
        cmocka_unit_test(text_keys_may_be_domains_under_another_collation),
        cmocka_unit_test(rows_that_fail_the_filter_are_absent_from_everything),
        cmocka_unit_test(every_form_of_key_is_served_by_an_index),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
