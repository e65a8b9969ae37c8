/* Models and results for the tests of this room, made without a server. */
#include "shapes.h"

#include "test.h"

struct schema_model *shape_model(const char *schema, const char *table, const entc_field *fields,
                                 size_t count)
{
    const entc_entity_desc entity = {sizeof(entity), "Thing", 0, fields, count, sizeof(entc_field)};
    const entc_model_desc desc = {sizeof(desc), table, schema, NULL, 0, 0};
    struct schema_type *type = NULL;
    struct schema_model *model = NULL;

    assert_int_equal(schema_type_new(&entity, base_default_allocator(), &type, NULL), ENTC_OK);
    assert_int_equal(schema_model_new(&desc, type, &model, NULL), ENTC_OK);
    schema_type_unref(type);
    return model;
}

void shape_model_free(struct schema_model *model)
{
    schema_model_unref(model);
}

PGresult *shape_result(const Oid *types, int columns)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[16];
    char name[] = "column";

    memset(attributes, 0, sizeof(attributes));
    assert_in_range(columns, 1, 16);
    for (int i = 0; i < columns; i++) {
        attributes[i].name = name;
        attributes[i].format = 1;
        attributes[i].typid = types[i];
    }
    assert_true(PQsetResultAttrs(result, columns, attributes));
    return result;
}

void shape_set(PGresult *result, int row, int column, const void *bytes, int length)
{
    char copy[256];

    if (bytes) {
        assert_in_range(length, 0, sizeof(copy));
        memcpy(copy, bytes, (size_t)length);
    }
    assert_true(PQsetvalue(result, row, column, bytes ? copy : NULL, bytes ? length : -1));
}

void shape_set_int8(PGresult *result, int row, int column, int64_t number)
{
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
    shape_set(result, row, column, bytes, sizeof(bytes));
}
