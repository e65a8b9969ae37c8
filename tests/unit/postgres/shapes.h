/* Models and results for the tests of this room, made without a server. */
#ifndef ENTC_TEST_POSTGRES_SHAPES_H
#define ENTC_TEST_POSTGRES_SHAPES_H

#include "db_link.h"
#include "postgres/internal.h"

/* A model of a table in `schema` (NULL: public) with these fields, laid out by the library. */
struct schema_model *shape_model(const char *schema, const char *table, const entc_field *fields,
                                 size_t count);
/* A model with all that a descriptor can say. */
struct schema_model *shape_model_of(const entc_model_desc *desc, const entc_field *fields,
                                    size_t count);
/* Frees the model and its type. */
void shape_model_free(struct schema_model *model);

/* A field for shape_model(). */
#define SHAPE_FIELD(name, type, flags)   \
    {                                    \
        name, type, flags, 0, 0, 0, NULL \
    }

/* A binary result whose columns have these types. The caller clears it. */
PGresult *shape_result(const Oid *types, int columns);
/* Sets a value; NULL bytes give NULL. A new row begins when `row` is the count of rows. */
void shape_set(PGresult *result, int row, int column, const void *bytes, int length);
void shape_set_int8(PGresult *result, int row, int column, int64_t number);

/* The binary form of an array: its head over what the buffer held, then `count` elements. */
void shape_array(struct buffer *bytes, Oid element, uint32_t count);
void shape_append_uint32(struct buffer *bytes, uint32_t number);
void shape_append_element(struct buffer *bytes, const void *element, uint32_t length);

#endif
