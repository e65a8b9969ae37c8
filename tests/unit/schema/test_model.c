/* Proves that a model's descriptor is copied with its defaults, and refused by name when it is
 * wrong. */
#include "allocator.h"
#include "schema/schema.h"
#include "test.h"

#include <string.h>

struct row {
    int64_t id;
};

static const entc_field fields[] = {ENTC_FIELD(struct row, id, ENTC_INT64, ENTC_KEY)};
static const entc_entity_desc entity = ENTC_ENTITY("Row", struct row, fields);

static struct schema_type *make_type(const entc_allocator *allocator)
{
    struct schema_type *type = NULL;

    assert_int_equal(schema_type_new(&entity, allocator, &type, NULL), ENTC_OK);
    return type;
}

static void defaults_are_filled_in(void **state)
{
    const entc_model_desc desc = ENTC_MODEL("rows");
    struct schema_type *type = make_type(NULL);
    struct schema_model *model = NULL;

    (void)state;
    assert_int_equal(schema_model_new(&desc, type, &model, NULL), ENTC_OK);
    assert_string_equal(model->table, "rows");
    assert_string_equal(model->schema, "public");
    assert_string_equal(model->cache_name, "Row");
    assert_ptr_equal(model->type, type);
    assert_int_equal(model->desc.struct_size, sizeof(entc_model_desc));
    assert_string_equal(model->desc.schema, "public");
    assert_string_equal(model->desc.cache_name, "Row");
    assert_int_equal(model->desc.ttl_us, 0);
    assert_int_equal(model->desc.negative_ttl_us, 0);
    schema_model_unref(model);
    schema_type_unref(type);
}

static void what_is_given_is_copied_and_its_memory_may_go(void **state)
{
    char table[] = "weird \"table\" \xC3\xA9";
    char schema[] = "My Schema";
    char cache_name[] = "Row_v2";
    entc_model_desc desc = {sizeof(desc), table, schema, cache_name, 7000000, -1,
                            NULL,         0,     0,      NULL,       NULL};
    struct schema_type *type = make_type(NULL);
    struct schema_model *model = NULL;

    (void)state;
    assert_int_equal(schema_model_new(&desc, type, &model, NULL), ENTC_OK);
    schema_type_unref(type);
    memset(table, 'x', sizeof(table) - 1);
    memset(schema, 'x', sizeof(schema) - 1);
    memset(cache_name, 'x', sizeof(cache_name) - 1);
    assert_string_equal(model->table, "weird \"table\" \xC3\xA9");
    assert_string_equal(model->schema, "My Schema");
    assert_string_equal(model->cache_name, "Row_v2");
    assert_string_equal(model->type->name, "Row");
    assert_int_equal(model->desc.ttl_us, 7000000);
    assert_int_equal(model->desc.negative_ttl_us, -1);
    schema_model_unref(model);
}

static void whatever_is_wrong_is_refused_by_name_with_its_cure(void **state)
{
    static const char long_name[] =
        "a234567890123456789012345678901234567890123456789012345678901234";
    static const struct {
        entc_model_desc desc;
        const char *message;
    } cases[] = {
        {{0, "rows", NULL, NULL, 0, 0, NULL, 0, 0, NULL, NULL}, "size"},
        {{(size_t)-1, "rows", NULL, NULL, 0, 0, NULL, 0, 0, NULL, NULL}, "size"},
        {{sizeof(entc_model_desc), NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL, NULL},
         "table is NULL"},
        {{sizeof(entc_model_desc), "", NULL, NULL, 0, 0, NULL, 0, 0, NULL, NULL}, "table"},
        {{sizeof(entc_model_desc), long_name, NULL, NULL, 0, 0, NULL, 0, 0, NULL, NULL}, "table"},
        {{sizeof(entc_model_desc), "r\xFFws", NULL, NULL, 0, 0, NULL, 0, 0, NULL, NULL}, "table"},
        {{sizeof(entc_model_desc), "rows", "", NULL, 0, 0, NULL, 0, 0, NULL, NULL}, "schema"},
        {{sizeof(entc_model_desc), "rows", long_name, NULL, 0, 0, NULL, 0, 0, NULL, NULL},
         "schema"},
        {{sizeof(entc_model_desc), "rows", NULL, "", 0, 0, NULL, 0, 0, NULL, NULL}, "cache_name"},
        {{sizeof(entc_model_desc), "rows", NULL, "Row-1", 0, 0, NULL, 0, 0, NULL, NULL},
         "cache_name"},
        {{sizeof(entc_model_desc), "rows", NULL, long_name, 0, 0, NULL, 0, 0, NULL, NULL},
         "cache_name"},
        {{sizeof(entc_model_desc), "rows", NULL, NULL, -1, 0, NULL, 0, 0, NULL, NULL}, "ttl_us"},
        {{sizeof(entc_model_desc), "rows", NULL, NULL, 0, -2, NULL, 0, 0, NULL, NULL},
         "negative_ttl_us"},
    };
    struct schema_type *type = make_type(NULL);
    struct schema_model *model = NULL;
    entc_error *error = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(schema_model_new(&cases[i].desc, type, &model, &error), ENTC_E_INVALID);
        if (!strstr(entc_error_message(error), cases[i].message) || !*entc_error_hint(error))
            test_fail("case %zu: %s", i, entc_error_message(error));
        assert_null(model);
    }
    assert_int_equal(schema_model_new(NULL, type, &model, &error), ENTC_E_INVALID);
    assert_int_equal(schema_model_new(&cases[2].desc, NULL, &model, &error), ENTC_E_INVALID);
    entc_error_free(error);
    schema_type_unref(type);
}

static void a_failed_allocation_leaves_nothing_behind(void **state)
{
    const entc_model_desc desc = ENTC_MODEL("rows");
    struct test_allocator memory;

    (void)state;
    test_allocator_init(&memory);
    for (uint64_t n = 1;; n++) {
        struct schema_type *type = make_type(&memory.allocator);
        struct schema_model *model = NULL;
        entc_error *error = NULL;
        entc_status status;

        test_allocator_fail_at(&memory, n, false);
        status = schema_model_new(&desc, type, &model, &error);
        if (status != ENTC_OK)
            assert_int_equal(status, ENTC_E_NO_MEMORY);
        schema_model_unref(model);
        schema_type_unref(type);
        entc_error_free(error);
        assert_int_equal(test_allocator_live(&memory), 0);
        if (test_allocator_calls(&memory) < n)
            break;
        test_allocator_fail_at(&memory, 0, false);
    }
}

static void the_last_reference_frees_model_and_type_in_any_order(void **state)
{
    const entc_model_desc desc = ENTC_MODEL("rows");
    struct test_allocator memory;
    struct schema_type *type;
    struct schema_model *model = NULL;

    (void)state;
    test_allocator_init(&memory);
    type = make_type(&memory.allocator);
    assert_int_equal(schema_model_new(&desc, type, &model, NULL), ENTC_OK);
    assert_ptr_equal(schema_model_ref(model), model);
    schema_model_unref(model);
    schema_type_unref(type);
    assert_int_equal(test_allocator_live(&memory), 2);
    schema_model_unref(model);
    assert_int_equal(test_allocator_live(&memory), 0);
    assert_null(schema_model_ref(NULL));
    schema_model_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(what_is_given_is_copied_and_its_memory_may_go),
        cmocka_unit_test(whatever_is_wrong_is_refused_by_name_with_its_cure),
        cmocka_unit_test(a_failed_allocation_leaves_nothing_behind),
        cmocka_unit_test(the_last_reference_frees_model_and_type_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
