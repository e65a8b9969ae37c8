/* Entities made from the table of types. */
#include "fuzz.h"

#include <ctype.h>
#include <stdio.h>

#define NAME_MAX_BYTES 48

static void name_field(entc_field *field, char name[NAME_MAX_BYTES], uint32_t type,
                       bool is_nullable)
{
    snprintf(name, NAME_MAX_BYTES, "%s%s", is_nullable ? "maybe_" : "a_", schema_type_name(type));
    for (char *at = name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    *field = (entc_field){.name = name, .type = type, .flags = is_nullable ? ENTC_NULLABLE : 0};
}

static struct schema_type *make(const char *name, const entc_field *fields, size_t count)
{
    const entc_entity_desc desc = {.struct_size = sizeof(desc),
                                   .name = name,
                                   .fields = fields,
                                   .field_count = count,
                                   .field_size = sizeof(*fields)};
    struct schema_type *type = NULL;

    if (schema_type_new(&desc, base_default_allocator(), &type, NULL) != ENTC_OK)
        return NULL;
    return type;
}

struct schema_type *fuzz_every_type(void)
{
    static struct schema_type *every;
    entc_field fields[2 * FUZZ_TYPES + 1];
    char names[2 * FUZZ_TYPES][NAME_MAX_BYTES];
    size_t count = 1;

    if (every)
        return every;
    fields[0] = (entc_field){.name = "id", .type = ENTC_INT64, .flags = ENTC_KEY};
    for (uint32_t type = 1; type < FUZZ_TYPES; type++) {
        for (int round = 0; round < 2 && schema_type_size(type) > 0; round++) {
            name_field(&fields[count], names[count - 1], type, round == 1);
            count++;
        }
    }
    every = make("Every", fields, count);
    FUZZ_CHECK(every != NULL);
    return every;
}

struct schema_type *fuzz_key_type(uint32_t type)
{
    static struct schema_type *keys[FUZZ_TYPES];
    static bool is_tried[FUZZ_TYPES];
    const entc_field field = {.name = "id", .type = type, .flags = ENTC_KEY};

    if (type >= FUZZ_TYPES)
        return NULL;
    if (!is_tried[type])
        keys[type] = make("Key", &field, 1);
    is_tried[type] = true;
    return keys[type];
}
