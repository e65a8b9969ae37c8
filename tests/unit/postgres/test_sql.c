/* Proves the exact text of every statement. */
#include "shapes.h"
#include "test.h"

static const entc_field campaign_fields[] = {
    SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),          SHAPE_FIELD("title", ENTC_TEXT, 0),
    SHAPE_FIELD("is_open", ENTC_BOOL, ENTC_NULLABLE), SHAPE_FIELD("budget", ENTC_DOUBLE, 0),
    SHAPE_FIELD("starts_at", ENTC_TIMESTAMP, 0),
};

static const entc_field country_fields[] = {
    SHAPE_FIELD("name", ENTC_TEXT, ENTC_NULLABLE),
    SHAPE_FIELD("code", ENTC_TEXT, ENTC_KEY),
};

static struct schema_model *campaigns(void)
{
    return shape_model(NULL, "campaigns", campaign_fields, 5);
}

static struct schema_model *countries(void)
{
    return shape_model("My \"Geo\"", "Country list", country_fields, 2);
}

static void assert_sql(const struct db_query *query, const char *expected)
{
    struct buffer sql;

    buffer_init(&sql, base_default_allocator());
    assert_true(postgres_sql_write(&sql, query));
    assert_string_equal(sql.bytes, expected);
    assert_int_equal(sql.length, strlen(expected));
    buffer_fini(&sql);
}

static void by_ids_casts_text_to_text_but_neither_the_key_nor_anything_in_where(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_query query = {.kind = DB_BY_IDS, .model = model};

    (void)state;
    assert_sql(&query, "SELECT \"id\",\"title\"::text,\"is_open\",\"budget\",\"starts_at\""
                       " FROM \"public\".\"campaigns\" WHERE \"id\" = ANY($1)");
    shape_model_free(model);
}

static void a_text_key_is_selected_bare_and_quotes_in_names_are_doubled(void **state)
{
    struct schema_model *model = countries();
    const struct db_query query = {.kind = DB_BY_IDS, .model = model};

    (void)state;
    assert_sql(&query, "SELECT \"name\"::text,\"code\" FROM \"My \"\"Geo\"\"\".\"Country list\""
                       " WHERE \"code\" = ANY($1)");
    shape_model_free(model);
}

static void a_list_without_an_order_is_ordered_by_the_key(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_query query = {.kind = DB_LIST, .model = model, .limit = 5};

    (void)state;
    assert_sql(&query, "SELECT \"id\" FROM \"public\".\"campaigns\" ORDER BY \"id\" LIMIT $1");
    shape_model_free(model);
}

static void the_other_columns_of_an_order_are_told_as_text_and_the_key_is_appended(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_order order[] = {{"starts_at", true, false}, {"ti\"tle", false, false}};
    const struct db_query query = {
        .kind = DB_LIST, .model = model, .limit = 5, .order = order, .order_count = 2};

    (void)state;
    assert_sql(&query, "SELECT \"id\",\"starts_at\"::text AS entc_t1,\"ti\"\"tle\"::text AS entc_t2"
                       " FROM \"public\".\"campaigns\""
                       " ORDER BY \"starts_at\" DESC,\"ti\"\"tle\",\"id\" LIMIT $1");
    shape_model_free(model);
}

static void the_key_is_not_appended_to_an_order_that_has_it(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_order order[] = {{"id", true, false}};
    const struct db_query query = {
        .kind = DB_LIST, .model = model, .limit = 5, .order = order, .order_count = 1};

    (void)state;
    assert_sql(&query, "SELECT \"id\" FROM \"public\".\"campaigns\" ORDER BY \"id\" DESC LIMIT $1");
    shape_model_free(model);
}

static void pages_of_all_parents_are_one_statement_with_an_array_for_each(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_query query = {
        .kind = DB_PAGES, .model = model, .link = TEST_LINK("owner_id", ENTC_INT64), .limit = 2};

    (void)state;
    assert_sql(&query, "SELECT entc_p.i,ARRAY(SELECT \"id\"::int8 AS entc_k"
                       " FROM \"public\".\"campaigns\" WHERE \"owner_id\" = entc_p.k0"
                       " ORDER BY \"id\" LIMIT $2)"
                       " FROM unnest($1) WITH ORDINALITY AS entc_p(k0,i)");
    shape_model_free(model);
}

static void pages_are_ordered_by_bare_columns_and_the_key(void **state)
{
    struct schema_model *model = countries();
    const struct db_order order[] = {{"name", true, false}, {"k", false, false}};
    const struct db_query query = {.kind = DB_PAGES,
                                   .model = model,
                                   .link = TEST_LINK("continent\"", ENTC_TEXT),
                                   .order = order,
                                   .order_count = 2,
                                   .limit = 2};

    (void)state;
    assert_sql(&query, "SELECT entc_p.i,ARRAY(SELECT"
                       " ROW(\"code\"::text,\"name\"::text,\"k\"::text) AS entc_k"
                       " FROM \"My \"\"Geo\"\"\".\"Country list\""
                       " WHERE \"continent\"\"\" = entc_p.k0"
                       " ORDER BY \"name\" DESC,\"k\",\"code\" LIMIT $2)"
                       " FROM unnest($1) WITH ORDINALITY AS entc_p(k0,i)");
    shape_model_free(model);
}

static const entc_field seat_fields[] = {
    SHAPE_FIELD("hall", ENTC_UUID, ENTC_KEY),        SHAPE_FIELD("row", ENTC_INT64, ENTC_KEY),
    SHAPE_FIELD("name", ENTC_TEXT, ENTC_KEY),        SHAPE_FIELD("tags", ENTC_JSON, ENTC_NULLABLE),
    SHAPE_FIELD("photo", ENTC_BYTES, ENTC_NULLABLE),
};

static const entc_column seat_columns[] = {{"row", "row \"no\""}, {"tags", "labels"}};

static struct schema_model *seats(void)
{
    entc_model_desc desc = ENTC_MODEL("seats");

    desc.columns = seat_columns;
    desc.column_count = 2;
    desc.column_size = sizeof(seat_columns[0]);
    desc.read_from = "seats_now";
    desc.filter_sql = "gone IS NULL -- no more";
    return shape_model_of(&desc, seat_fields, 5);
}

static void composite_ids_are_looked_up_one_by_one_in_what_reads_use(void **state)
{
    struct schema_model *model = seats();
    const struct db_query query = {.kind = DB_BY_IDS, .model = model};

    (void)state;
    assert_sql(&query, "SELECT c.* FROM unnest($1,$2,$3) AS entc_p(k0,k1,k2)"
                       " CROSS JOIN LATERAL (SELECT \"hall\",\"row \"\"no\"\"\",\"name\","
                       "to_json(\"labels\"),\"photo\" FROM \"public\".\"seats_now\""
                       " WHERE \"hall\" = entc_p.k0 AND \"row \"\"no\"\"\" = entc_p.k1"
                       " AND \"name\" = entc_p.k2 AND (gone IS NULL -- no more\n) OFFSET 0) AS c");
    shape_model_free(model);
}

static void lists_of_composite_keys_give_their_parts_under_the_filter(void **state)
{
    struct schema_model *model = seats();
    const struct db_order order[] = {{"name", true, false}};
    const struct db_query query = {
        .kind = DB_LIST, .model = model, .limit = 5, .order = order, .order_count = 1};

    (void)state;
    assert_sql(&query, "SELECT \"hall\",\"row \"\"no\"\"\",\"name\" FROM \"public\".\"seats_now\""
                       " WHERE (gone IS NULL -- no more\n)"
                       " ORDER BY \"name\" DESC,\"hall\",\"row \"\"no\"\"\" LIMIT $1");
    shape_model_free(model);
}

static void pages_of_composite_keys_are_arrays_of_records(void **state)
{
    struct schema_model *model = seats();
    const struct db_query query = {
        .kind = DB_PAGES, .model = model, .link = TEST_LINK("hall", ENTC_UUID), .limit = 2};

    (void)state;
    assert_sql(&query, "SELECT entc_p.i,ARRAY(SELECT"
                       " ROW(\"hall\"::uuid,\"row \"\"no\"\"\"::int8,\"name\"::text) AS entc_k"
                       " FROM \"public\".\"seats_now\" WHERE \"hall\" = entc_p.k0"
                       " AND (gone IS NULL -- no more\n)"
                       " ORDER BY \"hall\",\"row \"\"no\"\"\",\"name\" LIMIT $2)"
                       " FROM unnest($1) WITH ORDINALITY AS entc_p(k0,i)");
    shape_model_free(model);
}

static void many_texts_are_looked_up_one_by_one_too(void **state)
{
    struct schema_model *model = countries();
    struct db_query query = {.kind = DB_BY_IDS, .model = model, .id_count = 200};

    (void)state;
    assert_sql(&query, "SELECT \"name\"::text,\"code\" FROM \"My \"\"Geo\"\"\".\"Country list\""
                       " WHERE \"code\" = ANY($1)");
    query.id_count = 201;
    assert_sql(&query, "SELECT c.* FROM unnest($1) AS entc_p(k0) CROSS JOIN LATERAL (SELECT"
                       " \"name\"::text,\"code\" FROM \"My \"\"Geo\"\"\".\"Country list\""
                       " WHERE \"code\" = entc_p.k0 OFFSET 0) AS c");
    shape_model_free(model);
}

static void a_filter_narrows_single_keys_too(void **state)
{
    entc_model_desc desc = ENTC_MODEL("campaigns");
    struct schema_model *model = NULL;
    struct db_query query = {.kind = DB_BY_IDS};

    (void)state;
    desc.filter_sql = "\"x\" > 0";
    model = shape_model_of(&desc, campaign_fields, 1);
    query.model = model;
    assert_sql(&query, "SELECT \"id\" FROM \"public\".\"campaigns\" WHERE \"id\" = ANY($1)"
                       " AND (\"x\" > 0\n)");
    shape_model_free(model);
}

static void the_buffer_is_written_over(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_query query = {.kind = DB_LIST, .model = model, .limit = 5};
    struct buffer sql;

    (void)state;
    buffer_init(&sql, base_default_allocator());
    assert_true(buffer_append_text(&sql, "something longer than what comes, of another query, "
                                         "which must leave no trace behind the new text"));
    assert_true(postgres_sql_write(&sql, &query));
    assert_string_equal(sql.bytes,
                        "SELECT \"id\" FROM \"public\".\"campaigns\" ORDER BY \"id\" LIMIT $1");
    buffer_fini(&sql);
    shape_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_ids_casts_text_to_text_but_neither_the_key_nor_anything_in_where),
        cmocka_unit_test(a_text_key_is_selected_bare_and_quotes_in_names_are_doubled),
        cmocka_unit_test(a_list_without_an_order_is_ordered_by_the_key),
        cmocka_unit_test(the_other_columns_of_an_order_are_told_as_text_and_the_key_is_appended),
        cmocka_unit_test(the_key_is_not_appended_to_an_order_that_has_it),
        cmocka_unit_test(pages_of_all_parents_are_one_statement_with_an_array_for_each),
        cmocka_unit_test(pages_are_ordered_by_bare_columns_and_the_key),
        cmocka_unit_test(composite_ids_are_looked_up_one_by_one_in_what_reads_use),
        cmocka_unit_test(lists_of_composite_keys_give_their_parts_under_the_filter),
        cmocka_unit_test(pages_of_composite_keys_are_arrays_of_records),
        cmocka_unit_test(many_texts_are_looked_up_one_by_one_too),
        cmocka_unit_test(a_filter_narrows_single_keys_too),
        cmocka_unit_test(the_buffer_is_written_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
