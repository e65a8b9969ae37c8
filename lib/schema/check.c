/* What a descriptor must be before anything is built from it: sizes of structs, names, types, flags
 * and the key. Every refusal names the entity and the field and says the cure; nothing is printed
 * that was not checked to be a name. */
#include "schema/check.h"

#include <string.h>

/* No release will have a larger struct: what claims to be one is not initialised. */
#define STRUCT_SIZE_MAX 4096

#define KNOWN_FLAGS \
    (ENTC_KEY | ENTC_NULLABLE | ENTC_GENERATED | ENTC_READ_ONLY | ENTC_JSON_STRING | ENTC_SENSITIVE)

static bool is_zero(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

entc_status schema_check_size(const char *what, const char *type_name, const void *thing,
                              size_t given, size_t known, entc_error **reterr)
{
    if (given < known || given > STRUCT_SIZE_MAX) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN, "%s: its size is given as %zu, not %zu",
                  what, given, known);
        error_hint(reterr, "set it to sizeof(%s)", type_name);
        return ENTC_E_INVALID;
    }
    if (!is_zero((const char *)thing + known, given - known)) {
        error_set(reterr, ENTC_E_UNSUPPORTED, SCHEMA_DOMAIN,
                  "%s: %s has members that this release does not know", what, type_name);
        error_hint(reterr, "leave them zero, or run with the library it was compiled for");
        return ENTC_E_UNSUPPORTED;
    }
    return ENTC_OK;
}

static entc_status refuse_name(const char *name, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
              name ? "entity descriptor: its name is not [A-Za-z_][A-Za-z0-9_]*"
                   : "entity descriptor: its name is NULL");
    error_hint(reterr, "give it a name of letters, digits and '_', at most %d bytes",
               SCHEMA_NAME_MAX);
    return ENTC_E_INVALID;
}

entc_status schema_check_entity(const entc_entity_desc *desc, entc_error **reterr)
{
    entc_status status;

    if (!desc) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN, "entity descriptor is NULL");
        error_hint(reterr, "pass one made by ENTC_ENTITY");
        return ENTC_E_INVALID;
    }
    status = schema_check_size("entity descriptor", "entc_entity_desc", desc, desc->struct_size,
                               sizeof(*desc), reterr);
    if (status != ENTC_OK)
        return status;
    if (!desc->name || !text_is_name(desc->name, SCHEMA_NAME_MAX))
        return refuse_name(desc->name, reterr);
    if (!desc->fields || desc->field_count == 0 || desc->field_count > SCHEMA_FIELDS_MAX) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN, "entity \"%s\": it has %zu fields%s",
                  desc->name, desc->field_count, desc->fields ? "" : " at NULL");
        error_hint(reterr, "declare 1 to %d fields, one of them the key", SCHEMA_FIELDS_MAX);
        return ENTC_E_INVALID;
    }
    if (desc->field_size < sizeof(entc_field) || desc->field_size > STRUCT_SIZE_MAX) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": field_size is %zu, not %zu", desc->name, desc->field_size,
                  sizeof(entc_field));
        error_hint(reterr, "set it to sizeof(entc_field)");
        return ENTC_E_INVALID;
    }
    if (desc->record_size > SCHEMA_RECORD_MAX) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": record_size is %zu, more than %d", desc->name, desc->record_size,
                  SCHEMA_RECORD_MAX);
        error_hint(reterr, "set it to the sizeof of the host's struct, or 0");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

static entc_status check_json_name(const entc_entity_desc *desc, const entc_field *field,
                                   entc_error **reterr)
{
    const char *name = field->json_name;
    size_t length = name ? strnlen(name, SCHEMA_NAME_MAX + 1) : 0;

    if (!name || (length > 0 && length <= SCHEMA_NAME_MAX && text_is_utf8(name, length)))
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
              "entity \"%s\": the json_name of field \"%s\" is %s", desc->name, field->name,
              length == 0                ? "empty"
              : length > SCHEMA_NAME_MAX ? "too long"
                                         : "not UTF-8");
    error_hint(reterr, "give 1 to %d bytes of UTF-8, or NULL for the field's name",
               SCHEMA_NAME_MAX);
    return ENTC_E_INVALID;
}

entc_status schema_check_field(const entc_entity_desc *desc, size_t index, entc_error **reterr)
{
    const char *place = (const char *)desc->fields + index * desc->field_size;
    entc_field field;

    memcpy(&field, place, sizeof(field));
    if (!field.name || !text_is_name(field.name, SCHEMA_NAME_MAX)) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": the name of field %zu (counted from 0) is %s", desc->name, index,
                  field.name ? "not [A-Za-z_][A-Za-z0-9_]*" : "NULL");
        error_hint(reterr,
                   "name it like its column, with letters, digits and '_', at most %d bytes",
                   SCHEMA_NAME_MAX);
        return ENTC_E_INVALID;
    }
    if (!is_zero(place + sizeof(entc_field), desc->field_size - sizeof(entc_field))) {
        error_set(reterr, ENTC_E_UNSUPPORTED, SCHEMA_DOMAIN,
                  "entity \"%s\": field \"%s\" sets members that this release does not know",
                  desc->name, field.name);
        error_hint(reterr, "leave them zero, or run with the library it was compiled for");
        return ENTC_E_UNSUPPORTED;
    }
    return check_json_name(desc, &field, reterr);
}

static entc_status check_flags(const struct schema_type *type, const entc_field *field,
                               entc_error **reterr)
{
    if (field->flags & ~KNOWN_FLAGS) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": field \"%s\" has the unknown flags 0x%x", type->name, field->name,
                  (unsigned)(field->flags & ~KNOWN_FLAGS));
        error_hint(reterr, "this release has ENTC_KEY, ENTC_NULLABLE, ENTC_GENERATED, "
                           "ENTC_READ_ONLY, ENTC_JSON_STRING and ENTC_SENSITIVE");
        return ENTC_E_INVALID;
    }
    if ((field->flags & ENTC_JSON_STRING) && field->type != ENTC_INT64) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": field \"%s\" is ENTC_JSON_STRING, but of type %s", type->name,
                  field->name, schema_type_name(field->type));
        error_hint(reterr, "only ENTC_INT64 has the choice: take ENTC_JSON_STRING away");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

entc_status schema_check_types(const struct schema_type *type, entc_error **reterr)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const entc_field *field = &type->desc.fields[i];
        entc_status status = ENTC_OK;

        if (schema_type_size(field->type) == 0) {
            error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                      "entity \"%s\": field \"%s\" has the unknown type %u", type->name,
                      field->name, (unsigned)field->type);
            error_hint(reterr, "this release has ENTC_BOOL, ENTC_INT64, ENTC_DOUBLE, ENTC_TEXT, "
                               "ENTC_TIMESTAMP, ENTC_BYTES, ENTC_UUID, ENTC_DATE and ENTC_JSON");
            return ENTC_E_INVALID;
        }
        status = check_flags(type, field, reterr);
        if (status != ENTC_OK)
            return status;
    }
    return ENTC_OK;
}

static entc_status check_key_field(const struct schema_type *type, const entc_field *field,
                                   entc_error **reterr)
{
    if (field->flags & ENTC_NULLABLE) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": the key field \"%s\" is nullable", type->name, field->name);
        error_hint(reterr, "take ENTC_NULLABLE away: a primary key is never NULL");
        return ENTC_E_INVALID;
    }
    if (!schema_type_is_key(field->type)) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": the key field \"%s\" is of type %s", type->name, field->name,
                  schema_type_name(field->type));
        error_hint(reterr, "a key is ENTC_INT64, ENTC_TEXT or ENTC_UUID");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

entc_status schema_check_key(const struct schema_type *type, entc_error **reterr)
{
    uint32_t parts = 0;

    for (uint32_t i = 0; i < type->field_count; i++) {
        const entc_field *field = &type->desc.fields[i];
        entc_status status = ENTC_OK;

        if (!(field->flags & ENTC_KEY))
            continue;
        parts++;
        status = check_key_field(type, field, reterr);
        if (status != ENTC_OK)
            return status;
    }
    if (parts == 0) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN, "entity \"%s\": it has no key field",
                  type->name);
        error_hint(reterr, "mark the primary key with ENTC_KEY");
        return ENTC_E_INVALID;
    }
    if (parts > SCHEMA_KEY_MAX) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN, "entity \"%s\": it has %u key fields",
                  type->name, (unsigned)parts);
        error_hint(reterr, "mark those of the primary key, at most %d", SCHEMA_KEY_MAX);
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}
