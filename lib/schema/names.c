/* The names of fields: each has one of its own and one in JSON, and is found by either. Order and
 * duplicates disregard ASCII case, while finding is exact. */
#include "schema/check.h"

#include <string.h>

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int compare_folded(const struct span *a, const struct span *b)
{
    size_t shorter = a->length < b->length ? a->length : b->length;

    for (size_t i = 0; i < shorter; i++) {
        int difference = folded(a->bytes[i]) - folded(b->bytes[i]);

        if (difference != 0)
            return difference;
    }
    return a->length < b->length ? -1 : a->length > b->length;
}

static struct span name_of(const struct schema_type *type, uint32_t index, bool is_json)
{
    const struct schema_field *field = &type->fields[index];

    if (is_json)
        return (struct span){field->json_name, field->json_name_length};
    return (struct span){field->name, field->name_length};
}

/* The first of the `count` names in `order` that is not less than `name`. */
static uint32_t lower_bound(const struct schema_type *type, bool is_json, const uint32_t *order,
                            uint32_t count, const struct span *name)
{
    uint32_t low = 0;

    while (count > 0) {
        const uint32_t half = count / 2;
        const struct span middle = name_of(type, order[low + half], is_json);

        if (compare_folded(&middle, name) < 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static uint32_t find(const struct schema_type *type, bool is_json, const uint32_t *order,
                     const struct span *name)
{
    const uint32_t place = lower_bound(type, is_json, order, type->field_count, name);
    struct span found;

    if (place == type->field_count)
        return type->field_count;
    found = name_of(type, order[place], is_json);
    if (found.length != name->length || memcmp(found.bytes, name->bytes, name->length) != 0)
        return type->field_count;
    return order[place];
}

uint32_t schema_type_find(const struct schema_type *type, const char *name, size_t length)
{
    const struct span sought = {name, length};

    return find(type, false, type->by_name, &sought);
}

uint32_t schema_type_find_json(const struct schema_type *type, const char *name, size_t length)
{
    const struct span sought = {name, length};

    return find(type, true, type->by_json, &sought);
}

static entc_status refuse_double(const struct schema_type *type, uint32_t first, uint32_t second,
                                 bool is_json, entc_error **reterr)
{
    const char *a = type->fields[first].name;
    const char *b = type->fields[second].name;

    if (is_json)
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": fields \"%s\" and \"%s\" have the same name in JSON", type->name,
                  a, b);
    else
        error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                  "entity \"%s\": two fields are named \"%s\" and \"%s\"", type->name, a, b);
    error_hint(reterr, "names must differ in more than case");
    return ENTC_E_INVALID;
}

entc_status schema_sort_names(const struct schema_type *type, bool is_json, uint32_t *order,
                              entc_error **reterr)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct span name = name_of(type, i, is_json);
        const uint32_t place = lower_bound(type, is_json, order, i, &name);

        if (place < i) {
            const struct span next = name_of(type, order[place], is_json);

            if (compare_folded(&next, &name) == 0)
                return refuse_double(type, order[place], i, is_json, reterr);
        }
        memmove(&order[place + 1], &order[place], (i - place) * sizeof(*order));
        order[place] = i;
    }
    return ENTC_OK;
}
