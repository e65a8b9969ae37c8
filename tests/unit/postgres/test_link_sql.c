/* Proves the exact text of statements that find rows by a link: of several columns, through a join
 * table, and of a lookup. */
#include "shapes.h"
#include "test.h"

static const entc_field track_fields[] = {SHAPE_FIELD("track_id", ENTC_INT64, ENTC_KEY),
                                          SHAPE_FIELD("name", ENTC_TEXT, 0)};
static const entc_field seat_fields[] = {SHAPE_FIELD("hall", ENTC_UUID, ENTC_KEY),
                                         SHAPE_FIELD("row", ENTC_INT64, ENTC_KEY)};

static const char *const two_columns[] = {"hall", "zone \"no\""};
static const uint32_t two_types[] = {ENTC_UUID, ENTC_INT64};
static const struct db_link of_two = {.columns = two_columns, .types = two_types, .count = 2};

static const char *const playlist_column[] = {"playlist_id"};
static const char *const track_column[] = {"track_id"};
static const uint32_t one_type[] = {ENTC_INT64};
static const struct db_link through = {.columns = playlist_column,
                                       .types = one_type,
                                       .count = 1,
                                       .schema = "other",
                                       .table = "playlist_track",
                                       .child_columns = track_column};

static void assert_sql(struct db_query *query, struct schema_model *model, const char *expected)
{
    struct buffer sql;

    query->model = model;
    buffer_init(&sql, base_default_allocator());
    assert_true(postgres_sql_write(&sql, query));
    assert_string_equal(sql.bytes, expected);
    buffer_fini(&sql);
    shape_model_free(model);
}

static void assert_says(struct db_query *query, struct schema_model *model, const char *part)
{
    struct buffer sql;

    query->model = model;
    buffer_init(&sql, base_default_allocator());
    assert_true(postgres_sql_write(&sql, query));
    if (!strstr(sql.bytes, part))
        fail_msg("\"%s\" does not say \"%s\"", sql.bytes, part);
    buffer_fini(&sql);
    shape_model_free(model);
}

static void a_key_of_several_columns_is_unnested_beside_its_parts(void **state)
{
    struct db_query query = {.kind = DB_PAGES, .link = &of_two, .limit = 2};

    (void)state;
    assert_sql(&query, shape_model(NULL, "tracks", track_fields, 1),
               "SELECT entc_p.i,ARRAY(SELECT \"track_id\"::int8 AS entc_k FROM "
               "\"public\".\"tracks\" WHERE \"hall\" = entc_p.k0 AND \"zone \"\"no\"\"\" = "
               "entc_p.k1 ORDER BY \"track_id\" LIMIT $3)"
               " FROM unnest($1,$2) WITH ORDINALITY AS entc_p(k0,k1,i)");
}

static void a_join_table_gives_its_columns_under_names_of_ours(void **state)
{
    const struct db_order order[] = {
        {"position", true, true}, {"name", false, false}, {"track_id", false, true}};
    entc_model_desc desc = ENTC_MODEL("tracks");
    struct db_query query = {
        .kind = DB_PAGES, .link = &through, .order = order, .order_count = 3, .limit = 2};

    (void)state;
    desc.filter_sql = "position IS NULL";
    assert_sql(&query, shape_model_of(&desc, track_fields, 2),
               "SELECT entc_p.i,ARRAY(SELECT ROW(\"track_id\"::int8,entc_t.entc_o0::text,"
               "\"name\"::text,entc_t.entc_o2::text) AS entc_k FROM "
               "\"public\".\"tracks\" JOIN (SELECT \"playlist_id\" AS entc_f0,\"track_id\" AS "
               "entc_r0,\"position\" AS entc_o0,\"track_id\" AS entc_o2 FROM "
               "\"other\".\"playlist_track\") AS entc_t ON \"track_id\" = entc_t.entc_r0"
               " WHERE entc_t.entc_f0 = entc_p.k0 AND (position IS NULL\n)"
               " ORDER BY entc_t.entc_o0 DESC,\"name\",entc_t.entc_o2,\"track_id\" LIMIT $2)"
               " FROM unnest($1) WITH ORDINALITY AS entc_p(k0,i)");
}

static void both_sides_of_a_join_table_may_have_keys_of_several_columns(void **state)
{
    static const char *const seat_columns[] = {"seat_hall", "seat_row"};
    struct db_link link = of_two;
    struct db_query query = {.kind = DB_PAGES, .link = &link, .limit = 2};

    (void)state;
    link.schema = "public";
    link.table = "seat_zone";
    link.child_columns = seat_columns;
    assert_sql(&query, shape_model(NULL, "seats", seat_fields, 2),
               "SELECT entc_p.i,ARRAY(SELECT ROW(\"hall\"::uuid,\"row\"::int8) AS entc_k FROM "
               "\"public\".\"seats\" JOIN (SELECT \"hall\" AS entc_f0,\"zone \"\"no\"\"\" AS "
               "entc_f1,\"seat_hall\" AS entc_r0,\"seat_row\" AS entc_r1 FROM "
               "\"public\".\"seat_zone\") AS entc_t ON \"hall\" = entc_t.entc_r0 AND \"row\" = "
               "entc_t.entc_r1 WHERE entc_t.entc_f0 = entc_p.k0 AND entc_t.entc_f1 = entc_p.k1"
               " ORDER BY \"hall\",\"row\" LIMIT $3)"
               " FROM unnest($1,$2) WITH ORDINALITY AS entc_p(k0,k1,i)");
}

static void without_a_limit_a_join_table_is_one_look_and_several_parts_are_arrays(void **state)
{
    const struct db_order order[] = {{"position", false, true}};
    struct db_query query = {.kind = DB_PAGES, .link = &through, .order = order, .order_count = 1};

    (void)state;
    assert_sql(&query, shape_model(NULL, "tracks", track_fields, 2),
               "SELECT entc_i,\"track_id\",entc_t.entc_o0::text AS entc_t1 FROM "
               "\"public\".\"tracks\" JOIN (SELECT \"playlist_id\" AS entc_f0,\"track_id\" AS "
               "entc_r0,\"position\" AS entc_o0 FROM \"other\".\"playlist_track\") AS entc_t ON "
               "\"track_id\" = entc_t.entc_r0 JOIN unnest($1) WITH ORDINALITY AS "
               "entc_p(entc_k,entc_i) ON entc_t.entc_f0 = entc_k WHERE entc_t.entc_f0 = ANY($1) "
               "ORDER BY entc_t.entc_o0,\"track_id\"");
    query.link = &of_two;
    query.order_count = 0;
    assert_sql(&query, shape_model(NULL, "tracks", track_fields, 1),
               "SELECT entc_p.i,ARRAY(SELECT \"track_id\"::int8 AS entc_k FROM "
               "\"public\".\"tracks\" WHERE \"hall\" = entc_p.k0 AND \"zone \"\"no\"\"\" = "
               "entc_p.k1 ORDER BY \"track_id\") FROM unnest($1,$2) WITH ORDINALITY AS "
               "entc_p(k0,k1,i)");
}

static void cursors_compare_columns_of_the_join_table_too(void **state)
{
    static const entc_value after[] = {{.type = ENTC_TEXT, .length = 1, .as.text = "7"},
                                       {.type = ENTC_TEXT, .length = 1, .as.text = "5"}};
    const struct db_order order[] = {{"track_id", true, true}};
    struct db_query query = {.kind = DB_PAGES,
                             .link = &through,
                             .order = order,
                             .order_count = 1,
                             .after = after,
                             .limit = 2};

    (void)state;
    assert_says(
        &query, shape_model(NULL, "tracks", track_fields, 1),
        " WHERE entc_t.entc_f0 = entc_p.k0 AND entc_t.entc_o0 = entc_p.a1 AND \"track_id\" > "
        "entc_p.a0 ORDER BY entc_t.entc_o0 DESC,\"track_id\" LIMIT $2)) AS "
        "entc_u(entc_c0,entc_c1)");
    assert_says(&query, shape_model(NULL, "tracks", track_fields, 1),
                "coalesce((SELECT array_agg(entc_t.entc_o0) FROM \"public\".\"tracks\" JOIN");
    assert_says(&query, shape_model(NULL, "tracks", track_fields, 1),
                "WHERE false),$4)) WITH ORDINALITY AS entc_p(k0,a0,a1,i)");
}

static void a_lookup_asks_in_no_order(void **state)
{
    struct db_query query = {.kind = DB_LOOKUP, .link = &of_two, .limit = 2};

    (void)state;
    assert_sql(&query, shape_model(NULL, "tracks", track_fields, 1),
               "SELECT entc_p.i,ARRAY(SELECT \"track_id\"::int8 AS entc_k FROM "
               "\"public\".\"tracks\" WHERE \"hall\" = entc_p.k0 AND \"zone \"\"no\"\"\" = "
               "entc_p.k1 LIMIT $3) FROM unnest($1,$2) WITH ORDINALITY AS entc_p(k0,k1,i)");
}

static void keys_of_several_parts_are_an_array_for_each_and_then_the_limit(void **state)
{
    const entc_value keys[] = {{.type = ENTC_UUID},
                               {.type = ENTC_INT64, .as.int64 = 7},
                               {.type = ENTC_UUID},
                               {.type = ENTC_INT64, .as.int64 = 8}};
    struct schema_model *model = shape_model(NULL, "tracks", track_fields, 1);
    const struct db_query query = {
        .kind = DB_LOOKUP, .model = model, .link = &of_two, .ids = keys, .id_count = 2, .limit = 2};
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(postgres_params_write(&params, &bytes, &query), ENTC_OK);
    assert_int_equal(params.count, 3);
    assert_int_equal(params.types[0], POSTGRES_UUID_ARRAY);
    assert_int_equal(params.types[1], POSTGRES_INT8_ARRAY);
    assert_int_equal(params.types[2], POSTGRES_INT8);
    assert_memory_equal(params.values[1],
                        "\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\2\0\0\0\1"
                        "\0\0\0\10\0\0\0\0\0\0\0\7\0\0\0\10\0\0\0\0\0\0\0\10",
                        (size_t)params.lengths[1]);
    buffer_fini(&bytes);
    shape_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_of_several_columns_is_unnested_beside_its_parts),
        cmocka_unit_test(a_join_table_gives_its_columns_under_names_of_ours),
        cmocka_unit_test(both_sides_of_a_join_table_may_have_keys_of_several_columns),
        cmocka_unit_test(without_a_limit_a_join_table_is_one_look_and_several_parts_are_arrays),
        cmocka_unit_test(cursors_compare_columns_of_the_join_table_too),
        cmocka_unit_test(a_lookup_asks_in_no_order),
        cmocka_unit_test(keys_of_several_parts_are_an_array_for_each_and_then_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
