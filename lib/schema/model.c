/* The storage side: which table an entity's rows stand in and what its cache keys begin with.
 * Validated and copied into one block; immutable once made. */
#include "schema/check.h"

#include <string.h>

#define DEFAULT_SCHEMA "public"

static entc_status check_names(const entc_model_desc *desc, const struct schema_type *type,
                               entc_error **reterr)
{
    if (!desc->table || !schema_is_catalogue_name(desc->table)) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN, "model of entity \"%s\": its table is %s",
                  type->name, desc->table ? "no name of a table" : "NULL");
        error_hint(reterr, "give the table's name as in the catalogue, 1 to %d bytes of UTF-8",
                   SCHEMA_NAME_MAX);
        return ENTC_E_INVALID;
    }
    if (desc->schema && !schema_is_catalogue_name(desc->schema)) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": its schema is no name of a schema", type->name);
        error_hint(reterr,
                   "give the schema's name as in the catalogue, 1 to %d bytes of UTF-8, or "
                   "NULL for \"%s\"",
                   SCHEMA_NAME_MAX, DEFAULT_SCHEMA);
        return ENTC_E_INVALID;
    }
    if (desc->cache_name && !text_is_name(desc->cache_name, SCHEMA_NAME_MAX)) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": its cache_name is not [A-Za-z_][A-Za-z0-9_]*",
                  type->name);
        error_hint(reterr, "use letters, digits and '_', at most %d bytes, or NULL for \"%s\"",
                   SCHEMA_NAME_MAX, type->name);
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

static entc_status check_times(const entc_model_desc *desc, const struct schema_type *type,
                               entc_error **reterr)
{
    if (desc->ttl_us < 0) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": ttl_us is negative", type->name);
        error_hint(reterr, "give microseconds, or 0 for the engine's");
        return ENTC_E_INVALID;
    }
    if (desc->negative_ttl_us < -1) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": negative_ttl_us is less than -1", type->name);
        error_hint(reterr, "give microseconds, 0 for the engine's, or -1 for none in the cache");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

static entc_status check_reading(const entc_model_desc *desc, const struct schema_type *type,
                                 entc_error **reterr)
{
    size_t length = desc->filter_sql ? strnlen(desc->filter_sql, SCHEMA_FILTER_MAX + 1) : 1;

    if (desc->read_from && !schema_is_catalogue_name(desc->read_from)) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": its read_from is no name of a view or table",
                  type->name);
        error_hint(reterr,
                   "give the name as in the catalogue, 1 to %d bytes of UTF-8, or NULL for the "
                   "table itself",
                   SCHEMA_NAME_MAX);
        return ENTC_E_INVALID;
    }
    if (length == 0 || length > SCHEMA_FILTER_MAX ||
        (desc->filter_sql && !text_is_utf8(desc->filter_sql, length))) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "model of entity \"%s\": its filter_sql is %s", type->name,
                  length == 0                  ? "empty"
                  : length > SCHEMA_FILTER_MAX ? "too long"
                                               : "not UTF-8");
        error_hint(reterr, "give one condition of at most %d bytes, or NULL for none",
                   SCHEMA_FILTER_MAX);
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

static entc_status check(const entc_model_desc *desc, const struct schema_type *type,
                         entc_error **reterr)
{
    entc_status status;

    if (!desc || !type) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN, "%s is NULL",
                  desc ? "entity type" : "model descriptor");
        error_hint(reterr, "pass a descriptor made by ENTC_MODEL, and its entity's");
        return ENTC_E_INVALID;
    }
    status = schema_check_size("model descriptor", "entc_model_desc", desc, desc->struct_size,
                               sizeof(*desc), reterr);
    if (status == ENTC_OK)
        status = check_names(desc, type, reterr);
    if (status == ENTC_OK)
        status = check_times(desc, type, reterr);
    if (status == ENTC_OK)
        status = check_reading(desc, type, reterr);
    if (status == ENTC_OK)
        status = schema_check_columns(desc, type, reterr);
    return status;
}

/* ---- the block: model | the public mapping | a column of each field | text ---- */

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static size_t block_size(const entc_model_desc *desc, const struct schema_type *type)
{
    size_t size = sizeof(struct schema_model) + desc->column_count * sizeof(entc_column) +
                  type->field_count * sizeof(const char *);

    size += size_of(desc->schema ? desc->schema : DEFAULT_SCHEMA) + size_of(desc->table);
    size += size_of(desc->cache_name ? desc->cache_name : type->name);
    size += size_of(desc->read_from) + size_of(desc->filter_sql);
    for (size_t i = 0; i < desc->column_count; i++)
        size += size_of(schema_model_column(desc, i).column);
    return size;
}

static const char *copy_name(char **text, const char *name)
{
    char *copy = *text;
    size_t size = strlen(name) + 1;

    memcpy(copy, name, size);
    *text += size;
    return copy;
}

/* The mapping as it was given, with the type's own names of its fields; and for every field its
 * column. */
static void copy_columns(struct schema_model *model, const entc_model_desc *desc, char **text)
{
    const struct schema_type *type = model->type;
    entc_column *columns = (entc_column *)(void *)(model + 1);
    const char **names = (const char **)(void *)(columns + desc->column_count);

    for (uint32_t i = 0; i < type->field_count; i++)
        names[i] = type->fields[i].name;
    for (size_t i = 0; i < desc->column_count; i++) {
        const entc_column given = schema_model_column(desc, i);
        const uint32_t field = schema_type_find(type, given.field, strlen(given.field));

        columns[i].field = type->fields[field].name;
        columns[i].column = copy_name(text, given.column);
        names[field] = columns[i].column;
    }
    model->columns = names;
    model->desc.columns = desc->column_count > 0 ? columns : NULL;
}

static void copy_desc(struct schema_model *model, const entc_model_desc *desc)
{
    char *text = (char *)(model + 1) + desc->column_count * sizeof(entc_column) +
                 model->type->field_count * sizeof(const char *);

    model->schema = copy_name(&text, desc->schema ? desc->schema : DEFAULT_SCHEMA);
    model->table = copy_name(&text, desc->table);
    model->cache_name = copy_name(&text, desc->cache_name ? desc->cache_name : model->type->name);
    model->read_from = desc->read_from ? copy_name(&text, desc->read_from) : model->table;
    model->filter_sql = desc->filter_sql ? copy_name(&text, desc->filter_sql) : NULL;
    model->desc = (entc_model_desc){.struct_size = sizeof(model->desc),
                                    .table = model->table,
                                    .schema = model->schema,
                                    .cache_name = model->cache_name,
                                    .ttl_us = desc->ttl_us,
                                    .negative_ttl_us = desc->negative_ttl_us,
                                    .column_count = desc->column_count,
                                    .column_size = sizeof(entc_column),
                                    .read_from = model->read_from,
                                    .filter_sql = model->filter_sql};
    copy_columns(model, desc, &text);
}

entc_status schema_model_new(const entc_model_desc *desc, struct schema_type *type,
                             struct schema_model **ret_model, entc_error **reterr)
{
    entc_status status = check(desc, type, reterr);
    struct schema_model *model = NULL;

    if (status != ENTC_OK)
        return status;
    model = base_allocate_zeroed(&type->allocator, block_size(desc, type));
    if (!model)
        return error_no_memory(reterr);
    atomic_init(&model->references, 1);
    model->type = schema_type_ref(type);
    copy_desc(model, desc);
    *ret_model = model;
    return ENTC_OK;
}

struct schema_model *schema_model_ref(struct schema_model *model)
{
    if (model)
        atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
    return model;
}

void schema_model_unref(struct schema_model *model)
{
    struct schema_type *type;

    if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1)
        return;
    type = model->type;
    base_release(&type->allocator, model);
    schema_type_unref(type);
}

uint32_t schema_model_find(const struct schema_model *model, const char *column)
{
    uint32_t field = 0;

    while (field < model->type->field_count && strcmp(model->columns[field], column) != 0)
        field++;
    return field;
}

uint32_t schema_model_key_part(const struct schema_model *model, const char *column)
{
    uint32_t part = 0;

    while (part < model->type->key_count &&
           strcmp(model->columns[model->type->key_fields[part]], column) != 0)
        part++;
    return part;
}
