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
    const struct db_query query = {.kind = DB_BY_IDS, .model = model, .id_type = ENTC_INT64};

    (void)state;
    assert_sql(&query, "SELECT \"id\",\"title\"::text,\"is_open\",\"budget\",\"starts_at\""
                       " FROM \"public\".\"campaigns\" WHERE \"id\" = ANY($1)");
    shape_model_free(model);
}

static void a_text_key_is_selected_bare_and_quotes_in_names_are_doubled(void **state)
{
    struct schema_model *model = countries();
    const struct db_query query = {.kind = DB_BY_IDS, .model = model, .id_type = ENTC_TEXT};

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

static void the_key_is_appended_to_an_order_that_lacks_it(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_order order[] = {{"starts_at", true}, {"ti\"tle", false}};
    const struct db_query query = {
        .kind = DB_LIST, .model = model, .limit = 5, .order = order, .order_count = 2};

    (void)state;
    assert_sql(&query, "SELECT \"id\" FROM \"public\".\"campaigns\""
                       " ORDER BY \"starts_at\" DESC,\"ti\"\"tle\",\"id\" LIMIT $1");
    shape_model_free(model);
}

static void the_key_is_not_appended_to_an_order_that_has_it(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_order order[] = {{"id", true}};
    const struct db_query query = {
        .kind = DB_LIST, .model = model, .limit = 5, .order = order, .order_count = 1};

    (void)state;
    assert_sql(&query, "SELECT \"id\" FROM \"public\".\"campaigns\" ORDER BY \"id\" DESC LIMIT $1");
    shape_model_free(model);
}

static void pages_of_all_parents_are_one_lateral_statement(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_query query = {.kind = DB_PAGES,
                                   .model = model,
                                   .id_type = ENTC_INT64,
                                   .foreign_column = "owner_id",
                                   .limit = 2};

    (void)state;
    assert_sql(&query, "SELECT p.i,c.k FROM unnest($1::int8[]) WITH ORDINALITY AS p(k,i)"
                       " CROSS JOIN LATERAL (SELECT t.\"id\" AS k"
                       " FROM \"public\".\"campaigns\" AS t WHERE t.\"owner_id\" = p.k"
                       " ORDER BY t.\"id\" LIMIT $2) AS c ORDER BY p.i,c.k");
    shape_model_free(model);
}

static void pages_order_the_same_way_inside_and_outside_of_the_lateral_part(void **state)
{
    struct schema_model *model = countries();
    const struct db_order order[] = {{"name", true}, {"k", false}};
    const struct db_query query = {.kind = DB_PAGES,
                                   .model = model,
                                   .id_type = ENTC_TEXT,
                                   .foreign_column = "continent\"",
                                   .order = order,
                                   .order_count = 2,
                                   .limit = 2};

    (void)state;
    assert_sql(&query, "SELECT p.i,c.k FROM unnest($1::text[]) WITH ORDINALITY AS p(k,i)"
                       " CROSS JOIN LATERAL (SELECT t.\"code\" AS k,t.\"name\" AS o0,t.\"k\" AS o1"
                       " FROM \"My \"\"Geo\"\"\".\"Country list\" AS t"
                       " WHERE t.\"continent\"\"\" = p.k"
                       " ORDER BY t.\"name\" DESC,t.\"k\",t.\"code\" LIMIT $2) AS c"
                       " ORDER BY p.i,c.o0 DESC,c.o1,c.k");
    shape_model_free(model);
}

static void pages_do_not_select_a_key_twice_that_is_in_the_order(void **state)
{
    struct schema_model *model = campaigns();
    const struct db_order order[] = {{"id", true}, {"title", false}};
    const struct db_query query = {.kind = DB_PAGES,
                                   .model = model,
                                   .id_type = ENTC_INT64,
                                   .foreign_column = "owner_id",
                                   .order = order,
                                   .order_count = 2,
                                   .limit = 2};

    (void)state;
    assert_sql(&query, "SELECT p.i,c.k FROM unnest($1::int8[]) WITH ORDINALITY AS p(k,i)"
                       " CROSS JOIN LATERAL (SELECT t.\"id\" AS k,t.\"title\" AS o1"
                       " FROM \"public\".\"campaigns\" AS t WHERE t.\"owner_id\" = p.k"
                       " ORDER BY t.\"id\" DESC,t.\"title\" LIMIT $2) AS c"
                       " ORDER BY p.i,c.k DESC,c.o1");
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
        cmocka_unit_test(the_key_is_appended_to_an_order_that_lacks_it),
        cmocka_unit_test(the_key_is_not_appended_to_an_order_that_has_it),
        cmocka_unit_test(pages_of_all_parents_are_one_lateral_statement),
        cmocka_unit_test(pages_order_the_same_way_inside_and_outside_of_the_lateral_part),
        cmocka_unit_test(pages_do_not_select_a_key_twice_that_is_in_the_order),
        cmocka_unit_test(the_buffer_is_written_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
