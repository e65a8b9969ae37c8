/* Proves that a mapping of columns, a view and a filter are copied whole, and refused by name with
 * their cure when they are wrong. */
#include "allocator.h"
#include "schema/schema.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

struct row {
    int64_t id;
    entc_str title;
    entc_str body;
};

static const entc_field fields[] = {ENTC_FIELD(struct row, id, ENTC_INT64, ENTC_KEY),
                                    ENTC_FIELD(struct row, title, ENTC_TEXT, 0),
                                    ENTC_FIELD(struct row, body, ENTC_JSON, 0)};
static const entc_entity_desc entity = ENTC_ENTITY("Row", struct row, fields);

static struct schema_type *make_type(const entc_allocator *allocator)
{
    struct schema_type *type = NULL;

    assert_int_equal(schema_type_new(&entity, allocator, &type, NULL), ENTC_OK);
    return type;
}

static entc_model_desc mapped(const entc_column *columns, size_t count)
{
    entc_model_desc desc = ENTC_MODEL("rows");

    desc.columns = columns;
    desc.column_count = count;
    desc.column_size = sizeof(*columns);
    return desc;
}

static void each_field_knows_its_column(void **state)
{
    char column[] = "the \"Title\" \xC3\xA9";
    char field[] = "title";
    char view[] = "live rows";
    char filter[] = "deleted_at IS NULL -- so";
    const entc_column columns[] = {{field, column}, {"body", "title"}};
    entc_model_desc desc = mapped(columns, 2);
    struct schema_type *type = make_type(NULL);
    struct schema_model *model = NULL;

    (void)state;
    desc.read_from = view;
    desc.filter_sql = filter;
    assert_int_equal(schema_model_new(&desc, type, &model, NULL), ENTC_OK);
    memset(column, 'x', sizeof(column) - 1);
    memset(field, 'x', sizeof(field) - 1);
    memset(view, 'x', sizeof(view) - 1);
    memset(filter, 'x', sizeof(filter) - 1);
    assert_string_equal(model->columns[0], "id");
    assert_string_equal(model->columns[1], "the \"Title\" \xC3\xA9");
    assert_string_equal(model->columns[2], "title");
    assert_string_equal(model->read_from, "live rows");
    assert_string_equal(model->filter_sql, "deleted_at IS NULL -- so");
    assert_int_equal(model->desc.column_count, 2);
    assert_int_equal(model->desc.column_size, sizeof(entc_column));
    assert_string_equal(model->desc.columns[0].field, "title");
    assert_string_equal(model->desc.columns[0].column, "the \"Title\" \xC3\xA9");
    assert_ptr_equal(model->desc.read_from, model->read_from);
    schema_model_unref(model);
    schema_type_unref(type);
}

static void without_a_mapping_columns_have_their_fields_names_and_reads_use_the_table(void **state)
{
    const entc_model_desc desc = ENTC_MODEL("rows");
    struct schema_type *type = make_type(NULL);
    struct schema_model *model = NULL;
    struct schema_model *again = NULL;

    (void)state;
    assert_int_equal(schema_model_new(&desc, type, &model, NULL), ENTC_OK);
    for (uint32_t i = 0; i < type->field_count; i++)
        assert_string_equal(model->columns[i], type->fields[i].name);
    assert_string_equal(model->read_from, "rows");
    assert_null(model->filter_sql);
    assert_null(model->desc.columns);
    assert_int_equal(schema_model_new(&model->desc, type, &again, NULL), ENTC_OK);
    schema_model_unref(again);
    schema_model_unref(model);
    schema_type_unref(type);
}

static void the_callers_stride_is_walked(void **state)
{
    struct {
        entc_column column;
        uint64_t later;
    } columns[] = {{{"title", "t"}, 0}, {{"body", "b"}, 0}};
    entc_model_desc desc = mapped(&columns[0].column, 2);
    struct schema_type *type = make_type(NULL);
    struct schema_model *model = NULL;
    entc_error *error = NULL;

    (void)state;
    desc.column_size = sizeof(columns[0]);
    assert_int_equal(schema_model_new(&desc, type, &model, NULL), ENTC_OK);
    assert_string_equal(model->columns[2], "b");
    schema_model_unref(model);
    columns[1].later = 1;
    assert_int_equal(schema_model_new(&desc, type, &model, &error), ENTC_E_UNSUPPORTED);
    assert_non_null(strstr(entc_error_message(error), "column 1"));
    entc_error_free(error);
    schema_type_unref(type);
}

static void whatever_is_wrong_is_refused_by_name_with_its_cure(void **state)
{
    static const char long_name[] =
        "a234567890123456789012345678901234567890123456789012345678901234";
    static const struct {
        entc_column columns[2];
        size_t count;
        const char *message;
    } cases[] = {
        {{{NULL, "a"}, {NULL, NULL}}, 1, "column 0"},
        {{{"title", "a"}, {"no such", "b"}}, 2, "column 1"},
        {{{"nothing", "a"}, {NULL, NULL}}, 1, "\"nothing\""},
        {{{"Title", "a"}, {NULL, NULL}}, 1, "\"Title\""},
        {{{"title", NULL}, {NULL, NULL}}, 1, "column of field \"title\" is NULL"},
        {{{"title", ""}, {NULL, NULL}}, 1, "column of field \"title\""},
        {{{"title", long_name}, {NULL, NULL}}, 1, "column of field \"title\""},
        {{{"title", "\xFF"}, {NULL, NULL}}, 1, "column of field \"title\""},
        {{{"title", "a"}, {"title", "b"}}, 2, "\"title\" is mapped twice"},
        {{{"title", "a"}, {"body", "a"}}, 2, "\"title\" and \"body\" have the same column"},
        {{{"title", "id"}, {NULL, NULL}}, 1, "\"id\" and \"title\" have the same column"},
    };
    struct schema_type *type = make_type(NULL);
    struct schema_model *model = NULL;
    entc_error *error = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const entc_model_desc desc = mapped(cases[i].columns, cases[i].count);

        assert_int_equal(schema_model_new(&desc, type, &model, &error), ENTC_E_INVALID);
        if (!strstr(entc_error_message(error), cases[i].message) || !*entc_error_hint(error))
            test_fail("case %zu: %s", i, entc_error_message(error));
        assert_null(model);
    }
    entc_error_free(error);
    schema_type_unref(type);
}

static void a_wrong_mapping_view_or_filter_is_refused(void **state)
{
    static const entc_column columns[4] = {{"title", "a"}};
    char filter[SCHEMA_FILTER_MAX + 2];
    struct schema_type *type = make_type(NULL);
    struct schema_model *model = NULL;
    entc_model_desc bad[7];

    (void)state;
    memset(filter, 'x', sizeof(filter) - 1);
    filter[sizeof(filter) - 1] = '\0';
    for (size_t i = 0; i < 7; i++)
        bad[i] = mapped(columns, 1);
    bad[0].columns = NULL;
    bad[1].column_size = sizeof(entc_column) - 1;
    bad[2].column_count = 4;
    bad[3].read_from = "";
    bad[4].filter_sql = "";
    bad[5].filter_sql = filter;
    bad[6].filter_sql = "a = '\xC3'";
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(schema_model_new(&bad[i], type, &model, NULL), ENTC_E_INVALID);
    filter[SCHEMA_FILTER_MAX] = '\0';
    bad[5].filter_sql = filter;
    assert_int_equal(schema_model_new(&bad[5], type, &model, NULL), ENTC_OK);
    schema_model_unref(model);
    schema_type_unref(type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_knows_its_column),
        cmocka_unit_test(without_a_mapping_columns_have_their_fields_names_and_reads_use_the_table),
        cmocka_unit_test(the_callers_stride_is_walked),
        cmocka_unit_test(whatever_is_wrong_is_refused_by_name_with_its_cure),
        cmocka_unit_test(a_wrong_mapping_view_or_filter_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
