/* The types of fields: how each lies in memory, what it is called, what it may be used for. One
 * table is the truth for the whole room, so a new type is one line here. */
#include "schema/check.h"

struct kind {
    const char *name;
    const char *member; /* how a host declares it */
    size_t size;
    size_t alignment;
    bool is_text;
    bool is_key;
};

/* Indexed by ENTC_BOOL and so on; a hole is no type. */
static const struct kind kinds[] = {
    [ENTC_BOOL] = {"BOOL", "uint8_t", sizeof(uint8_t), _Alignof(uint8_t), false, false},
    [ENTC_INT64] = {"INT64", "int64_t", sizeof(int64_t), _Alignof(int64_t), false, true},
    [ENTC_DOUBLE] = {"DOUBLE", "double", sizeof(double), _Alignof(double), false, false},
    [ENTC_TEXT] = {"TEXT", "entc_str", sizeof(entc_str), _Alignof(entc_str), true, true},
    [ENTC_TIMESTAMP] = {"TIMESTAMP", "int64_t", sizeof(int64_t), _Alignof(int64_t), false, false},
    [ENTC_BYTES] = {"BYTES", "entc_str", sizeof(entc_str), _Alignof(entc_str), true, false},
    [ENTC_UUID] = {"UUID", "uint8_t[16]", SCHEMA_UUID_SIZE, _Alignof(uint8_t), false, true},
    [ENTC_DATE] = {"DATE", "int32_t", sizeof(int32_t), _Alignof(int32_t), false, false},
    [ENTC_JSON] = {"JSON", "entc_str", sizeof(entc_str), _Alignof(entc_str), true, false},
};

static const struct kind unknown = {"?", "?", 0, 0, false, false};

static const struct kind *kind_of(uint32_t type)
{
    if (type >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[type].name)
        return &unknown;
    return &kinds[type];
}

size_t schema_type_size(uint32_t type)
{
    return kind_of(type)->size;
}

size_t schema_type_alignment(uint32_t type)
{
    return kind_of(type)->alignment;
}

const char *schema_type_name(uint32_t type)
{
    return kind_of(type)->name;
}

bool schema_type_is_text(uint32_t type)
{
    return kind_of(type)->is_text;
}

const char *schema_type_member(uint32_t type)
{
    return kind_of(type)->member;
}

bool schema_type_is_key(uint32_t type)
{
    return kind_of(type)->is_key;
}

bool schema_has_byte(const entc_field *field)
{
    return (field->flags & ENTC_NULLABLE) != 0 && !schema_type_is_text(field->type);
}
