/* Refusals: what is wrong with an answer, as an error that names table and column, both types, and
 * the cure. */
#include "postgres/internal.h"

entc_status postgres_refuse_type(struct postgres_reader *reader, const struct db_query *query,
                                 uint32_t field, Oid live)
{
    const struct schema_field *shape = &query->model->type->fields[field];
    char name[POSTGRES_TYPE_NAME_MAX];

    error_set(&reader->error, ENTC_E_SCHEMA, "postgres",
              "column \"%s\" of %s.%s is declared ENTC_%s%s, but its type is %s",
              query->model->columns[field], query->model->schema, query->model->read_from,
              schema_type_name(shape->type), shape->flags & ENTC_KEY ? " and the key" : "",
              postgres_type_name(live, name));
    if (shape->flags & ENTC_KEY)
        error_hint(&reader->error, POSTGRES_KEY_TYPES POSTGRES_ALL_BY_CHECK);
    else
        error_hint(&reader->error,
                   "declare the field %s, or make the column %s" POSTGRES_ALL_BY_CHECK,
                   postgres_field_type_for(live), postgres_types_for(shape->type));
    return ENTC_E_SCHEMA;
}

entc_status postgres_refuse_answer(struct postgres_reader *reader, const struct db_query *query)
{
    return error_set(&reader->error, ENTC_E_DATABASE, "postgres",
                     "the answer about %s.%s is not in the form that was asked for",
                     query->model->schema, query->model->read_from);
}

entc_status postgres_refuse_columns(struct postgres_reader *reader, const struct db_query *query,
                                    int count)
{
    const uint32_t parts = query->model->type->key_count;

    error_set(&reader->error, ENTC_E_INVALID, "argument",
              "the statement answers %d column%s, but the key of entity '%s' has %u", count,
              count == 1 ? "" : "s", query->model->type->name, parts);
    error_hint(&reader->error,
               "select the column%s of the key, in the order of the entity's fields",
               parts == 1 ? "" : "s");
    return ENTC_E_INVALID;
}

entc_status postgres_refuse_column(struct postgres_reader *reader, const struct db_query *query,
                                   uint32_t part, Oid live)
{
    const struct schema_type *type = query->model->type;
    const struct schema_field *shape = &type->fields[type->key_fields[part]];
    char name[POSTGRES_TYPE_NAME_MAX];

    error_set(&reader->error, ENTC_E_INVALID, "argument",
              "column %u of the statement's answer is %s, but \"%s\" of entity '%s' is declared "
              "ENTC_%s",
              part + 1, postgres_type_name(live, name), shape->name, type->name,
              schema_type_name(shape->type));
    error_hint(&reader->error, "select a column of type %s, or cast it",
               postgres_types_for(shape->type));
    return ENTC_E_INVALID;
}

entc_status postgres_refuse_null_id(struct postgres_reader *reader, const struct db_query *query)
{
    error_set(&reader->error, ENTC_E_INVALID, "argument",
              "the statement answers NULL as an id of entity '%s'", query->model->type->name);
    error_hint(&reader->error, "leave such rows out: add IS NOT NULL to its WHERE");
    return ENTC_E_INVALID;
}

entc_status postgres_refuse_null(struct postgres_reader *reader, const struct db_query *query,
                                 uint32_t field)
{
    error_set(&reader->error, ENTC_E_SCHEMA, "postgres",
              "column \"%s\" of %s.%s holds NULL, but the field is not ENTC_NULLABLE",
              query->model->columns[field], query->model->schema, query->model->read_from);
    error_hint(&reader->error, "declare the field ENTC_NULLABLE, or make the column NOT "
                               "NULL" POSTGRES_ALL_BY_CHECK);
    return ENTC_E_SCHEMA;
}

entc_status postgres_refuse_value(struct postgres_reader *reader, const struct db_query *query,
                                  uint32_t field, enum postgres_verdict verdict)
{
    if (verdict == VALUE_NO_MEMORY)
        return error_no_memory(&reader->error);
    if (verdict == VALUE_BROKEN)
        return postgres_refuse_answer(reader, query);
    error_set(&reader->error, ENTC_E_SCHEMA, "postgres",
              "column \"%s\" of %s.%s holds a value beyond the range of ENTC_%s",
              query->model->columns[field], query->model->schema, query->model->read_from,
              schema_type_name(query->model->type->fields[field].type));
    return ENTC_E_SCHEMA;
}
