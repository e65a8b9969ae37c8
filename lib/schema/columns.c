/* The mapping of fields to columns that are named otherwise, as the caller gave it: every entry
 * names a field, each field once, and no column belongs to two fields, so that a row can be written
 * as well as read. */
#include "schema/check.h"

#include <string.h>

/* No release will have a larger struct. */
#define STRUCT_SIZE_MAX 4096

bool schema_is_catalogue_name(const char *name)
{
    size_t length = strnlen(name, SCHEMA_NAME_MAX + 1);

    return length > 0 && length <= SCHEMA_NAME_MAX && text_is_utf8(name, length);
}

entc_column schema_model_column(const entc_model_desc *desc, size_t index)
{
    entc_column column;

    memcpy(&column, (const char *)desc->columns + index * desc->column_size, sizeof(column));
    return column;
}

static entc_status check_stride(const entc_model_desc *desc, const struct schema_type *type,
                                entc_error **reterr)
{
    if (desc->column_count == 0)
        return ENTC_OK;
    if (!desc->columns || desc->column_count > type->field_count) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": it maps %zu columns%s", type->name, desc->column_count,
                  desc->columns ? ", more than there are fields" : " at NULL");
        error_hint(reterr, "map only the fields whose column has another name, each once");
        return ENTC_E_INVALID;
    }
    if (desc->column_size < sizeof(entc_column) || desc->column_size > STRUCT_SIZE_MAX) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": column_size is %zu, not %zu", type->name,
                  desc->column_size, sizeof(entc_column));
        error_hint(reterr, "set it to sizeof(entc_column)");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

static bool has_tail(const entc_model_desc *desc, size_t index)
{
    const char *place = (const char *)desc->columns + index * desc->column_size;

    for (size_t i = sizeof(entc_column); i < desc->column_size; i++) {
        if (place[i])
            return true;
    }
    return false;
}

static entc_status check_entry(const entc_model_desc *desc, size_t index,
                               const struct schema_type *type, entc_error **reterr)
{
    const entc_column entry = schema_model_column(desc, index);
    const bool is_name = entry.field && text_is_name(entry.field, SCHEMA_NAME_MAX);

    if (has_tail(desc, index)) {
        error_set(reterr, ENTC_E_UNSUPPORTED, SCHEMA_DOMAIN,
                  "model of entity \"%s\": column %zu (counted from 0) sets members that this "
                  "release does not know",
                  type->name, index);
        error_hint(reterr, "leave them zero, or run with the library it was compiled for");
        return ENTC_E_UNSUPPORTED;
    }
    if (!is_name || schema_type_find(type, entry.field, strlen(entry.field)) == type->field_count) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": column %zu (counted from 0) is for field %s%s%s, which "
                  "the entity does not have",
                  type->name, index, is_name ? "\"" : "", is_name ? entry.field : "NULL or unnamed",
                  is_name ? "\"" : "");
        error_hint(reterr, "name a field of the entity, in the same case");
        return ENTC_E_INVALID;
    }
    if (!entry.column || !schema_is_catalogue_name(entry.column)) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": the column of field \"%s\" is %s", type->name,
                  entry.field, entry.column ? "no name of a column" : "NULL");
        error_hint(reterr, "give the column's name as in the catalogue, 1 to %d bytes of UTF-8",
                   SCHEMA_NAME_MAX);
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

static bool is_mapped(const entc_model_desc *desc, const char *field)
{
    for (size_t i = 0; i < desc->column_count; i++) {
        if (strcmp(schema_model_column(desc, i).field, field) == 0)
            return true;
    }
    return false;
}

static entc_status refuse_double(const struct schema_type *type, const char *first,
                                 const char *second, entc_error **reterr)
{
    if (strcmp(first, second) == 0)
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": field \"%s\" is mapped twice", type->name, first);
    else
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": fields \"%s\" and \"%s\" have the same column",
                  type->name, first, second);
    error_hint(reterr, "give each field one column of its own");
    return ENTC_E_INVALID;
}

/* Against the entries before it, and against the field that has this column by its name. */
static entc_status check_double(const entc_model_desc *desc, size_t index,
                                const struct schema_type *type, entc_error **reterr)
{
    const entc_column entry = schema_model_column(desc, index);
    const uint32_t same = schema_type_find(type, entry.column, strlen(entry.column));

    for (size_t i = 0; i < index; i++) {
        const entc_column other = schema_model_column(desc, i);

        if (strcmp(other.field, entry.field) == 0 || strcmp(other.column, entry.column) == 0)
            return refuse_double(type, other.field, entry.field, reterr);
    }
    if (same < type->field_count && !is_mapped(desc, type->fields[same].name))
        return refuse_double(type, type->fields[same].name, entry.field, reterr);
    return ENTC_OK;
}

entc_status schema_check_columns(const entc_model_desc *desc, const struct schema_type *type,
                                 entc_error **reterr)
{
    entc_status status = check_stride(desc, type, reterr);

    for (size_t i = 0; status == ENTC_OK && i < desc->column_count; i++)
        status = check_entry(desc, i, type, reterr);
    for (size_t i = 0; status == ENTC_OK && i < desc->column_count; i++)
        status = check_double(desc, i, type, reterr);
    return status;
}
