/* The storage side: which table an entity's rows stand in and what its cache keys begin with.
 * Validated and copied into one block; immutable once made. */
#include "schema/check.h"

#include <string.h>

#define DEFAULT_SCHEMA "public"

/* Names of the catalogue may hold anything that PostgreSQL can quote. */
static bool is_catalogue_name(const char *name)
{
    size_t length = strnlen(name, SCHEMA_NAME_MAX + 1);

    return length > 0 && length <= SCHEMA_NAME_MAX && text_is_utf8(name, length);
}

static entc_status check_names(const entc_model_desc *desc, const struct schema_type *type,
                               entc_error **reterr)
{
    if (!desc->table || !is_catalogue_name(desc->table)) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN, "model of entity \"%s\": its table is %s",
                  type->name, desc->table ? "no name of a table" : "NULL");
        error_hint(reterr, "give the table's name as in the catalogue, 1 to %d bytes of UTF-8",
                   SCHEMA_NAME_MAX);
        return ENTC_E_INVALID;
    }
    if (desc->schema && !is_catalogue_name(desc->schema)) {
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
    return status;
}

static const char *copy_name(char **text, const char *name)
{
    char *copy = *text;
    size_t size = strlen(name) + 1;

    memcpy(copy, name, size);
    *text += size;
    return copy;
}

entc_status schema_model_new(const entc_model_desc *desc, struct schema_type *type,
                             struct schema_model **ret_model, entc_error **reterr)
{
    entc_status status = check(desc, type, reterr);
    struct schema_model *model;
    const char *schema;
    const char *cache_name;
    char *text;

    if (status != ENTC_OK)
        return status;
    schema = desc->schema ? desc->schema : DEFAULT_SCHEMA;
    cache_name = desc->cache_name ? desc->cache_name : type->name;
    model = base_allocate_zeroed(&type->allocator, sizeof(*model) + strlen(schema) + 1 +
                                                       strlen(desc->table) + 1 +
                                                       strlen(cache_name) + 1);
    if (!model)
        return error_no_memory(reterr);
    text = (char *)(model + 1);
    atomic_init(&model->references, 1);
    model->type = schema_type_ref(type);
    model->schema = copy_name(&text, schema);
    model->table = copy_name(&text, desc->table);
    model->cache_name = copy_name(&text, cache_name);
    model->desc = (entc_model_desc){.struct_size = sizeof(model->desc),
                                    .table = model->table,
                                    .schema = model->schema,
                                    .cache_name = model->cache_name,
                                    .ttl_us = desc->ttl_us,
                                    .negative_ttl_us = desc->negative_ttl_us};
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
