/* Proves the exact text of lists and pages with cursors, filters and totals. */
#include "shapes.h"
#include "test.h"

#include <stdio.h>

static const entc_field row_fields[] = {
    SHAPE_FIELD("id", ENTC_INT64, ENTC_KEY),
    SHAPE_FIELD("a", ENTC_INT64, 0),
    SHAPE_FIELD("n", ENTC_TIMESTAMP, ENTC_NULLABLE),
};

#define TEXT(characters)                                                           \
    {                                                                              \
        .type = ENTC_TEXT, .length = sizeof(characters) - 1, .as.text = characters \
    }
#define NONE              \
    {                     \
        .type = ENTC_NULL \
    }

static const struct db_order by_a[] = {{"a", false, false}};
static const struct db_order by_a_down[] = {{"a", true, false}};
static const struct db_order by_n[] = {{"n", false, false}};
static const struct db_order by_n_down[] = {{"n", true, false}, {"id", true, false}};
static const struct db_order by_other[] = {{"other", false, false}};
static const entc_value position[] = {TEXT("7"), TEXT("5"), TEXT("7"), TEXT("5")};
static const entc_value null_position[] = {TEXT("7"), NONE};

/* The text of a query about these rows. */
static void assert_sql(struct db_query query, const char *expected)
{
    struct schema_model *model = shape_model(NULL, "rows", row_fields, 3);
    struct postgres_params params;
    struct buffer sql;
    struct buffer bytes;
    unsigned highest = 0;

    query.model = model;
    buffer_init(&sql, base_default_allocator());
    buffer_init(&bytes, base_default_allocator());
    assert_true(postgres_sql_write(&sql, &query));
    assert_string_equal(sql.bytes, expected);
    /* Every parameter has its place in the text, and every place its parameter. */
    assert_int_equal(postgres_params_write(&params, &bytes, &query), ENTC_OK);
    for (int i = 1; i <= params.count + 1; i++) {
        char place[16];

        snprintf(place, sizeof(place), "$%d", i);
        if (strstr(sql.bytes, place))
            highest = (unsigned)i;
        else
            assert_int_equal(i, params.count + 1);
    }
    assert_int_equal(highest, params.count);
    buffer_fini(&bytes);
    buffer_fini(&sql);
    schema_model_unref(model);
}

static struct db_query list_by(const struct db_order *order, size_t count)
{
    return (struct db_query){.kind = DB_LIST, .order = order, .order_count = count, .limit = 3};
}

static const entc_value parents[] = {{.type = ENTC_INT64}, {.type = ENTC_INT64}};

static const char *const owner_column[] = {"owner"};
static const uint32_t owner_type[] = {ENTC_INT64};
static const struct db_link of_owner = {.columns = owner_column, .types = owner_type, .count = 1};

static struct db_query pages_by(const struct db_order *order, size_t count)
{
    return (struct db_query){.kind = DB_PAGES,
                             .order = order,
                             .order_count = count,
                             .limit = 3,
                             .ids = parents,
                             .id_count = 2,
                             .link = &of_owner};
}

/* ---- one direction without NULLs ---- */

static void behind_a_position_of_the_key_is_one_comparison(void **state)
{
    struct db_query query = list_by(NULL, 0);

    (void)state;
    query.after = position;
    assert_sql(query, "SELECT \"id\" FROM \"public\".\"rows\" WHERE \"id\" > $2"
                      " ORDER BY \"id\" LIMIT $1");
}

static void one_direction_without_nulls_is_a_comparison_of_rows(void **state)
{
    struct db_query query = list_by(by_a, 1);

    (void)state;
    query.after = position;
    assert_sql(query, "SELECT \"id\",\"a\"::text AS entc_t1 FROM \"public\".\"rows\""
                      " WHERE (\"a\",\"id\") > ($3,$2) ORDER BY \"a\",\"id\" LIMIT $1");
}

static void both_ends_are_two_comparisons(void **state)
{
    struct db_query query = list_by(by_a, 1);

    (void)state;
    query.after = position;
    query.before = position + 2;
    assert_sql(query, "SELECT \"id\",\"a\"::text AS entc_t1 FROM \"public\".\"rows\""
                      " WHERE (\"a\",\"id\") > ($3,$2) AND (\"a\",\"id\") < ($5,$4)"
                      " ORDER BY \"a\",\"id\" LIMIT $1");
}

/* ---- branches ---- */

static void mixed_directions_are_a_branch_for_each_column(void **state)
{
    struct db_query query = list_by(by_a_down, 1);

    (void)state;
    query.after = position;
    assert_sql(query, "SELECT entc_c0,entc_c1::text AS entc_t1 FROM"
                      " ((SELECT \"id\",\"a\" FROM \"public\".\"rows\" WHERE \"a\" < $3"
                      " ORDER BY \"a\" DESC,\"id\" LIMIT $1)"
                      " UNION ALL (SELECT \"id\",\"a\" FROM \"public\".\"rows\" WHERE \"a\" = $3"
                      " AND \"id\" > $2 ORDER BY \"a\" DESC,\"id\" LIMIT $1))"
                      " AS entc_u(entc_c0,entc_c1) ORDER BY entc_c1 DESC,entc_c0 LIMIT $1");
}

static void upwards_nulls_are_a_branch_behind_the_values(void **state)
{
    struct db_query query = list_by(by_n, 1);

    (void)state;
    query.after = position;
    assert_sql(query,
               "SELECT entc_c0,entc_c1::text AS entc_t1 FROM"
               " ((SELECT \"id\",\"n\" FROM \"public\".\"rows\" WHERE (\"n\",\"id\") > ($3,$2)"
               " ORDER BY \"n\",\"id\" LIMIT $1)"
               " UNION ALL (SELECT \"id\",\"n\" FROM \"public\".\"rows\" WHERE \"n\" IS NULL"
               " ORDER BY \"n\",\"id\" LIMIT $1))"
               " AS entc_u(entc_c0,entc_c1) ORDER BY entc_c1,entc_c0 LIMIT $1");
}

static void a_column_that_nothing_declares_may_hold_nulls(void **state)
{
    struct db_query query = list_by(by_other, 1);

    (void)state;
    query.after = null_position;
    assert_sql(query, "SELECT \"id\",\"other\"::text AS entc_t1 FROM \"public\".\"rows\""
                      " WHERE \"other\" IS NULL AND \"id\" > $2"
                      " ORDER BY \"other\",\"id\" LIMIT $1");
}

static void downwards_nulls_come_first(void **state)
{
    struct db_query query = list_by(by_n_down, 2);

    (void)state;
    query.after = position;
    assert_sql(query, "SELECT \"id\",\"n\"::text AS entc_t1 FROM \"public\".\"rows\""
                      " WHERE (\"n\",\"id\") < ($3,$2) ORDER BY \"n\" DESC,\"id\" DESC LIMIT $1");
    query.after = null_position;
    assert_sql(query, "SELECT entc_c0,entc_c1::text AS entc_t1 FROM"
                      " ((SELECT \"id\",\"n\" FROM \"public\".\"rows\" WHERE \"n\" IS NOT NULL"
                      " ORDER BY \"n\" DESC,\"id\" DESC LIMIT $1)"
                      " UNION ALL (SELECT \"id\",\"n\" FROM \"public\".\"rows\" WHERE \"n\" IS NULL"
                      " AND \"id\" < $2 ORDER BY \"n\" DESC,\"id\" DESC LIMIT $1))"
                      " AS entc_u(entc_c0,entc_c1)"
                      " ORDER BY entc_c1 DESC,entc_c0 DESC LIMIT $1");
}

static void the_other_end_is_one_condition_with_a_reach_for_the_index(void **state)
{
    struct db_query query = list_by(by_a_down, 1);

    (void)state;
    query.before = position;
    assert_sql(query, "SELECT \"id\",\"a\"::text AS entc_t1 FROM \"public\".\"rows\" WHERE"
                      " \"a\" >= $3 AND ((\"a\" > $3) OR (\"a\" = $3 AND \"id\" < $2))"
                      " ORDER BY \"a\" DESC,\"id\" LIMIT $1");
}

/* ---- pages ---- */

static void cursors_of_parents_stand_beside_them(void **state)
{
    struct db_query query = pages_by(by_a, 1);

    (void)state;
    query.after = position;
    assert_sql(query,
               "SELECT entc_p.i,ARRAY(SELECT ROW(\"id\"::int8,\"a\"::text) AS entc_k"
               " FROM \"public\".\"rows\" WHERE \"owner\" = entc_p.k0"
               " AND (\"a\",\"id\") > (entc_p.a1,entc_p.a0)"
               " ORDER BY \"a\",\"id\" LIMIT $2) FROM unnest($1,"
               "coalesce((SELECT array_agg(\"id\") FROM \"public\".\"rows\" WHERE false),$3),"
               "coalesce((SELECT array_agg(\"a\") FROM \"public\".\"rows\" WHERE false),$4))"
               " WITH ORDINALITY AS entc_p(k0,a0,a1,i)");
}

static void limits_of_parents_stand_beside_them(void **state)
{
    static const int64_t limits[] = {3, 9};
    struct db_query query = pages_by(NULL, 0);

    (void)state;
    query.limit = 0;
    query.limits = limits;
    query.before = position;
    assert_sql(query,
               "SELECT entc_p.i,ARRAY(SELECT \"id\"::int8 AS entc_k"
               " FROM \"public\".\"rows\" WHERE \"owner\" = entc_p.k0"
               " AND \"id\" < entc_p.b0 ORDER BY \"id\" LIMIT entc_p.n)"
               " FROM unnest($1,$2,"
               "coalesce((SELECT array_agg(\"id\") FROM \"public\".\"rows\" WHERE false),$3))"
               " WITH ORDINALITY AS entc_p(k0,n,b0,i)");
}

static void pages_have_branches_too(void **state)
{
    static const entc_value nulls[] = {TEXT("7"), NONE, TEXT("8"), NONE};
    struct db_query query = pages_by(by_n_down, 2);

    (void)state;
    query.after = nulls;
    assert_sql(query,
               "SELECT entc_p.i,ARRAY(SELECT ROW(entc_c0::int8,entc_c1::text) AS entc_k FROM"
               " ((SELECT \"id\",\"n\" FROM \"public\".\"rows\" WHERE \"owner\" = entc_p.k0"
               " AND \"n\" IS NOT NULL ORDER BY \"n\" DESC,\"id\" DESC LIMIT $2)"
               " UNION ALL (SELECT \"id\",\"n\" FROM \"public\".\"rows\""
               " WHERE \"owner\" = entc_p.k0 AND \"n\" IS NULL AND \"id\" < entc_p.a0"
               " ORDER BY \"n\" DESC,\"id\" DESC LIMIT $2))"
               " AS entc_u(entc_c0,entc_c1) ORDER BY entc_c1 DESC,entc_c0 DESC LIMIT $2)"
               " FROM unnest($1,"
               "coalesce((SELECT array_agg(\"id\") FROM \"public\".\"rows\" WHERE false),$3))"
               " WITH ORDINALITY AS entc_p(k0,a0,i)");
}

static void without_a_limit_all_children_are_one_look(void **state)
{
    struct db_query query = pages_by(by_a, 1);

    (void)state;
    query.limit = 0;
    assert_sql(query, "SELECT entc_i,\"id\",\"a\"::text AS entc_t1 FROM \"public\".\"rows\""
                      " JOIN unnest($1) WITH ORDINALITY AS entc_p(entc_k,entc_i)"
                      " ON \"owner\" = entc_k WHERE \"owner\" = ANY($1) ORDER BY \"a\",\"id\"");
}

/* ---- filters and totals ---- */

static void values_of_filters_are_parameters(void **state)
{
    static const entc_value values[] = {TEXT("1"), TEXT("2")};
    static const struct db_filter filters[] = {
        {"a", ENTC_EQUAL, values, 1},     {"b", ENTC_NOT_EQUAL, values, 1},
        {"c", ENTC_LESS, values, 1},      {"d", ENTC_LESS_EQUAL, values, 1},
        {"e", ENTC_GREATER, values, 1},   {"f", ENTC_GREATER_EQUAL, values, 1},
        {"g\"", ENTC_IN, values, 2},      {"h", ENTC_IS_NULL, NULL, 0},
        {"i", ENTC_IS_NOT_NULL, NULL, 0}, {"j", ENTC_EQUAL, values, 1},
    };
    struct db_query query = list_by(NULL, 0);

    (void)state;
    query.filters = filters;
    query.filter_count = 10;
    query.after = position;
    assert_sql(query, "SELECT \"id\" FROM \"public\".\"rows\" WHERE \"id\" > $2 AND \"a\" = $3"
                      " AND \"b\" <> $4 AND \"c\" < $5 AND \"d\" <= $6 AND \"e\" > $7"
                      " AND \"f\" >= $8 AND \"g\"\"\" = ANY($9) AND \"h\" IS NULL"
                      " AND \"i\" IS NOT NULL AND \"j\" = $10 ORDER BY \"id\" LIMIT $1");
}

static void a_total_counts_under_the_filters_and_beside_the_cursors(void **state)
{
    static const entc_value values[] = {TEXT("1")};
    static const struct db_filter filter = {"a", ENTC_EQUAL, values, 1};
    struct db_query query = list_by(NULL, 0);

    (void)state;
    query.filters = &filter;
    query.filter_count = 1;
    query.after = position;
    query.wants_total = true;
    assert_sql(query, "SELECT 1::int8,ARRAY(SELECT \"id\"::int8 AS entc_k FROM \"public\".\"rows\""
                      " WHERE \"id\" > $2 AND \"a\" = $3 ORDER BY \"id\" LIMIT $1),"
                      "(SELECT count(*) FROM \"public\".\"rows\" WHERE \"a\" = $3)");
    query = pages_by(NULL, 0);
    query.filters = &filter;
    query.filter_count = 1;
    query.wants_total = true;
    assert_sql(query, "SELECT entc_p.i,ARRAY(SELECT \"id\"::int8 AS entc_k FROM \"public\".\"rows\""
                      " WHERE \"owner\" = entc_p.k0 AND \"a\" = $3 ORDER BY \"id\" LIMIT $2),"
                      "(SELECT count(*) FROM \"public\".\"rows\" WHERE \"owner\" = entc_p.k0"
                      " AND \"a\" = $3) FROM unnest($1) WITH ORDINALITY AS entc_p(k0,i)");
}

/* ---- parameters ---- */

static void values_are_text_that_the_server_types(void **state)
{
    static const entc_value odd = TEXT("a\"\\,{}");
    static const struct db_filter filters[] = {{"t", ENTC_EQUAL, &odd, 1}, {"t", ENTC_IN, &odd, 1}};
    struct schema_model *model = shape_model(NULL, "rows", row_fields, 3);
    struct db_query query = list_by(by_a, 1);
    struct postgres_params params;
    struct buffer bytes;

    (void)state;
    query.model = model;
    query.after = position;
    query.filters = filters;
    query.filter_count = 2;
    buffer_init(&bytes, base_default_allocator());
    assert_int_equal(postgres_params_write(&params, &bytes, &query), ENTC_OK);
    assert_int_equal(params.count, 5);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(params.types[i], 0);
        assert_int_equal(params.formats[i], 0);
    }
    assert_string_equal(params.values[1], "7");
    assert_string_equal(params.values[2], "5");
    assert_string_equal(params.values[3], "a\"\\,{}");
    assert_string_equal(params.values[4], "{\"a\\\"\\\\,{}\"}");
    query.kind = DB_PAGES;
    query.ids = parents;
    query.id_count = 2;
    query.link = &of_owner;
    query.filter_count = 0;
    assert_int_equal(postgres_params_write(&params, &bytes, &query), ENTC_OK);
    assert_int_equal(params.count, 4);
    assert_string_equal(params.values[2], "{\"7\",\"7\"}");
    assert_string_equal(params.values[3], "{\"5\",\"5\"}");
    buffer_fini(&bytes);
    schema_model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_a_position_of_the_key_is_one_comparison),
        cmocka_unit_test(one_direction_without_nulls_is_a_comparison_of_rows),
        cmocka_unit_test(both_ends_are_two_comparisons),
        cmocka_unit_test(mixed_directions_are_a_branch_for_each_column),
        cmocka_unit_test(upwards_nulls_are_a_branch_behind_the_values),
        cmocka_unit_test(a_column_that_nothing_declares_may_hold_nulls),
        cmocka_unit_test(downwards_nulls_come_first),
        cmocka_unit_test(the_other_end_is_one_condition_with_a_reach_for_the_index),
        cmocka_unit_test(cursors_of_parents_stand_beside_them),
        cmocka_unit_test(limits_of_parents_stand_beside_them),
        cmocka_unit_test(pages_have_branches_too),
        cmocka_unit_test(without_a_limit_all_children_are_one_look),
        cmocka_unit_test(values_of_filters_are_parameters),
        cmocka_unit_test(a_total_counts_under_the_filters_and_beside_the_cursors),
        cmocka_unit_test(values_are_text_that_the_server_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
