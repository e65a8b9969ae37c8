/* Models and results for the tests of this room, made without a server. */
#include "shapes.h"

#include "test.h"

struct schema_model *shape_model_of(const entc_model_desc *desc, const entc_field *fields,
                                    size_t count)
{
    const entc_entity_desc entity = {sizeof(entity), "Thing", 0, fields, count, sizeof(entc_field)};
    struct schema_type *type = NULL;
    struct schema_model *model = NULL;

    assert_int_equal(schema_type_new(&entity, base_default_allocator(), &type, NULL), ENTC_OK);
    assert_int_equal(schema_model_new(desc, type, &model, NULL), ENTC_OK);
    schema_type_unref(type);
    return model;
}

struct schema_model *shape_model(const char *schema, const char *table, const entc_field *fields,
                                 size_t count)
{
    entc_model_desc desc = ENTC_MODEL(table);

    desc.schema = schema;
    return shape_model_of(&desc, fields, count);
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

/* An array as array_send() writes it; the elements follow. */
void shape_array(struct buffer *bytes, Oid element, uint32_t count)
{
    buffer_clear(bytes);
    shape_append_uint32(bytes, count > 0);
    shape_append_uint32(bytes, 0);
    shape_append_uint32(bytes, element);
    if (count == 0)
        return;
    shape_append_uint32(bytes, count);
    shape_append_uint32(bytes, 1);
}

void shape_append_uint32(struct buffer *bytes, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_append_char(bytes, (char)(unsigned char)(number >> shift));
}

void shape_append_element(struct buffer *bytes, const void *element, uint32_t length)
{
    shape_append_uint32(bytes, length);
    buffer_append(bytes, element, length);
}

void shape_set_int8(PGresult *result, int row, int column, int64_t number)
{
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
    shape_set(result, row, column, bytes, sizeof(bytes));
}
