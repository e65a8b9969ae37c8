/* Where the members of a record lie: computed for hosts without a struct, checked for those with
 * one. Either way no two members share a byte, so that writing one field never changes another. */
#include "schema/layout.h"
#include "schema/check.h"

#define RECORD_MULTIPLE 8

static size_t round_up(size_t offset, size_t multiple)
{
    return (offset + multiple - 1) / multiple * multiple;
}

size_t schema_lay_out(entc_field *fields, size_t count)
{
    size_t end = 0;

    for (size_t i = 0; i < count; i++) {
        fields[i].size = schema_type_size(fields[i].type);
        fields[i].offset = round_up(end, schema_type_alignment(fields[i].type));
        fields[i].has_offset = 0;
        end = fields[i].offset + fields[i].size;
    }
    for (size_t i = 0; i < count; i++) {
        if (schema_has_byte(&fields[i]))
            fields[i].has_offset = end++;
    }
    return round_up(end, RECORD_MULTIPLE);
}

/* ---- checking a host's struct ---- */

static entc_status check_member(const struct schema_type *type, const entc_field *field,
                                entc_error **reterr)
{
    size_t size = schema_type_size(field->type);
    size_t record = type->desc.record_size;

    if (field->size != size) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": the member of field \"%s\" has %zu bytes, %s needs %zu",
                  type->name, field->name, field->size, schema_type_name(field->type), size);
        error_hint(reterr, "declare it as %s, and the field by ENTC_FIELD",
                   schema_type_member(field->type));
        return ENTC_E_INVALID;
    }
    if (size > record || field->offset > record - size) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": field \"%s\" at offset %zu ends behind the record of %zu bytes",
                  type->name, field->name, field->offset, record);
        error_hint(reterr, "use ENTC_FIELD and ENTC_ENTITY with the same struct");
        return ENTC_E_INVALID;
    }
    if (field->offset % schema_type_alignment(field->type) != 0) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": field \"%s\" at offset %zu is not aligned to %zu bytes",
                  type->name, field->name, field->offset, schema_type_alignment(field->type));
        error_hint(reterr, "do not pack the struct");
        return ENTC_E_INVALID;
    }
    if (schema_has_byte(field) && field->has_offset >= record) {
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": the has_ byte of field \"%s\" at offset %zu is behind the record "
                  "of %zu bytes",
                  type->name, field->name, field->has_offset, record);
        error_hint(reterr, "use ENTC_FIELD_NULLABLE and ENTC_ENTITY with the same struct");
        return ENTC_E_INVALID;
    }
    return ENTC_OK;
}

struct range {
    size_t begin;
    size_t end;
};

/* The bytes that a field owns: its member, and its has_ byte if it has one. */
static size_t ranges_of(const entc_field *field, struct range ranges[2])
{
    ranges[0].begin = field->offset;
    ranges[0].end = field->offset + field->size;
    if (!schema_has_byte(field))
        return 1;
    ranges[1].begin = field->has_offset;
    ranges[1].end = field->has_offset + 1;
    return 2;
}

static bool overlap(const struct range *a, const struct range *b)
{
    return a->begin < b->end && b->begin < a->end;
}

static bool fields_overlap(const entc_field *a, const entc_field *b)
{
    struct range of_a[2];
    struct range of_b[2];
    size_t count_a = ranges_of(a, of_a);
    size_t count_b = ranges_of(b, of_b);

    for (size_t i = 0; i < count_a * count_b; i++) {
        if (overlap(&of_a[i % count_a], &of_b[i / count_a]))
            return true;
    }
    return false;
}

static entc_status refuse_overlap(const struct schema_type *type, const entc_field *field,
                                  const entc_field *other, entc_error **reterr)
{
    if (field == other)
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": the has_ byte of field \"%s\" lies in its own member", type->name,
                  field->name);
    else
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": fields \"%s\" and \"%s\" share bytes of the record", type->name,
                  other->name, field->name);
    error_hint(reterr, "give each field a member of its own; one that may be NULL and is not text "
                       "also needs `uint8_t has_<member>` and ENTC_FIELD_NULLABLE");
    return ENTC_E_INVALID;
}

entc_status schema_check_layout(const struct schema_type *type, entc_error **reterr)
{
    const entc_field *fields = type->desc.fields;

    for (uint32_t i = 0; i < type->field_count; i++) {
        entc_status status = check_member(type, &fields[i], reterr);
        struct range own[2];

        if (status != ENTC_OK)
            return status;
        if (ranges_of(&fields[i], own) == 2 && overlap(&own[0], &own[1]))
            return refuse_overlap(type, &fields[i], &fields[i], reterr);
        for (uint32_t j = 0; j < i; j++) {
            if (fields_overlap(&fields[i], &fields[j]))
                return refuse_overlap(type, &fields[i], &fields[j], reterr);
        }
    }
    return ENTC_OK;
}
