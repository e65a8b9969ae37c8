/* The memory side: an entity's descriptor, validated and copied into one block, with its layout and
 * the tables that the codec and the adapters walk. Immutable once made, so any thread may read it;
 * the block holds no pointer into the caller's memory. */
#include "schema/check.h"
#include "schema/layout.h"

#include <string.h>

/* ---- names, compared without regard to ASCII case ---- */

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int compare_folded(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t shorter = a_length < b_length ? a_length : b_length;

    for (size_t i = 0; i < shorter; i++) {
        int difference = folded(a[i]) - folded(b[i]);

        if (difference != 0)
            return difference;
    }
    return a_length < b_length ? -1 : a_length > b_length;
}

/* The first of the `count` names in by_name that is not less than `name`. */
static uint32_t lower_bound(const struct schema_type *type, uint32_t count, const char *name,
                            size_t length)
{
    uint32_t low = 0;

    while (count > 0) {
        uint32_t half = count / 2;
        const struct schema_field *field = &type->fields[type->by_name[low + half]];

        if (compare_folded(field->name, field->name_length, name, length) < 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

uint32_t schema_type_find(const struct schema_type *type, const char *name, size_t length)
{
    uint32_t place = lower_bound(type, type->field_count, name, length);
    uint32_t field;

    if (place == type->field_count)
        return type->field_count;
    field = type->by_name[place];
    if (type->fields[field].name_length != length ||
        memcmp(type->fields[field].name, name, length) != 0)
        return type->field_count;
    return field;
}

/* Fills by_name, and refuses two names that are equal but for case: many hosts and query languages
 * fold it. */
static entc_status sort_names(const struct schema_type *type, uint32_t *by_name,
                              entc_error **reterr)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct schema_field *field = &type->fields[i];
        uint32_t place = lower_bound(type, i, field->name, field->name_length);
        const struct schema_field *next = place < i ? &type->fields[by_name[place]] : NULL;

        if (next &&
            compare_folded(next->name, next->name_length, field->name, field->name_length) == 0) {
            error_set(reterr, ENTC_E_INVALID, SCHEMA_DOMAIN,
                      "entity \"%s\": two fields are named \"%s\" and \"%s\"", type->name,
                      next->name, field->name);
            error_hint(reterr, "names must differ in more than case");
            return ENTC_E_INVALID;
        }
        memmove(&by_name[place + 1], &by_name[place], (i - place) * sizeof(*by_name));
        by_name[place] = i;
    }
    return ENTC_OK;
}

/* ---- the block: type | fields | the public form of the fields | three tables of indexes | text */

struct block {
    struct schema_type *type;
    struct schema_field *fields;
    entc_field *public_fields;
    uint32_t *key_fields;
    uint32_t *text_fields;
    uint32_t *by_name;
    char *text;
};

#define JSON_PREFIX_EXTRA 3 /* two quotes and a colon */

static size_t text_size(const entc_entity_desc *desc)
{
    size_t size = strlen(desc->name) + 1;

    for (size_t i = 0; i < desc->field_count; i++) {
        const char *place = (const char *)desc->fields + i * desc->field_size;
        entc_field field;

        memcpy(&field, place, sizeof(field));
        size += 2 * (strlen(field.name) + 1) + JSON_PREFIX_EXTRA;
    }
    return size;
}

static bool block_allocate(struct block *block, const entc_entity_desc *desc,
                           const entc_allocator *allocator)
{
    size_t count = desc->field_count;
    size_t fields = sizeof(struct schema_type);
    size_t public_fields = fields + count * sizeof(struct schema_field);
    size_t tables = public_fields + count * sizeof(entc_field);
    size_t text = tables + 3 * count * sizeof(uint32_t);
    char *memory = base_allocate_zeroed(allocator, text + text_size(desc));

    if (!memory)
        return false;
    block->type = (struct schema_type *)(void *)memory;
    block->fields = (struct schema_field *)(void *)(memory + fields);
    block->public_fields = (entc_field *)(void *)(memory + public_fields);
    block->key_fields = (uint32_t *)(void *)(memory + tables);
    block->text_fields = block->key_fields + count;
    block->by_name = block->text_fields + count;
    block->text = memory + text;
    return true;
}

static const char *copy_name(char **text, const char *name, size_t length)
{
    char *copy = *text;

    memcpy(copy, name, length + 1);
    *text += length + 1;
    return copy;
}

/* `"name":` needs no escapes: names are letters, digits and '_'. */
static const char *copy_prefix(char **text, const char *name, size_t length)
{
    char *copy = *text;

    copy[0] = '"';
    memcpy(copy + 1, name, length);
    memcpy(copy + 1 + length, "\":", JSON_PREFIX_EXTRA);
    *text += length + JSON_PREFIX_EXTRA + 1;
    return copy;
}

static void copy_names(struct block *block, const entc_entity_desc *desc)
{
    char *text = block->text;

    block->type->name = copy_name(&text, desc->name, strlen(desc->name));
    for (size_t i = 0; i < desc->field_count; i++) {
        struct schema_field *field = &block->fields[i];
        entc_field *public_field = &block->public_fields[i];
        size_t length;

        memcpy(public_field, (const char *)desc->fields + i * desc->field_size,
               sizeof(*public_field));
        length = strlen(public_field->name);
        field->name_length = (uint32_t)length;
        field->json_length = (uint32_t)length + JSON_PREFIX_EXTRA;
        field->json_prefix = copy_prefix(&text, public_field->name, length);
        field->name = copy_name(&text, public_field->name, length);
        public_field->name = field->name;
    }
}

static void copy_desc(struct block *block, const entc_entity_desc *desc,
                      const entc_allocator *allocator)
{
    struct schema_type *type = block->type;

    atomic_init(&type->references, 1);
    type->allocator = *allocator;
    copy_names(block, desc);
    type->fields = block->fields;
    type->field_count = (uint32_t)desc->field_count;
    type->key_fields = block->key_fields;
    type->text_fields = block->text_fields;
    type->by_name = block->by_name;
    type->desc.struct_size = sizeof(type->desc);
    type->desc.name = type->name;
    type->desc.record_size = desc->record_size;
    type->desc.fields = block->public_fields;
    type->desc.field_count = desc->field_count;
    type->desc.field_size = sizeof(entc_field);
}

/* What the checks have proved to fit goes into the narrow forms. */
static void fill_tables(struct block *block)
{
    struct schema_type *type = block->type;

    type->record_size = (uint32_t)type->desc.record_size;
    for (uint32_t i = 0; i < type->field_count; i++) {
        entc_field *from = &block->public_fields[i];
        struct schema_field *field = &block->fields[i];

        field->type = from->type;
        field->flags = from->flags;
        field->offset = (uint32_t)from->offset;
        field->has_offset = schema_has_byte(from) ? (uint32_t)from->has_offset : SCHEMA_NO_OFFSET;
        if (from->flags & ENTC_KEY)
            block->key_fields[type->key_count++] = i;
        if (schema_type_is_text(from->type))
            block->text_fields[type->text_count++] = i;
    }
}

static entc_status build(struct block *block, entc_error **reterr)
{
    struct schema_type *type = block->type;
    entc_status status = sort_names(type, block->by_name, reterr);

    if (status == ENTC_OK)
        status = schema_check_types(type, reterr);
    if (status == ENTC_OK)
        status = schema_check_key(type, reterr);
    if (status != ENTC_OK)
        return status;
    if (type->desc.record_size == 0)
        type->desc.record_size = schema_lay_out(block->public_fields, type->field_count);
    else
        status = schema_check_layout(type, reterr);
    if (status == ENTC_OK)
        fill_tables(block);
    return status;
}

entc_status schema_type_new(const entc_entity_desc *desc, const entc_allocator *allocator,
                            struct schema_type **ret_type, entc_error **reterr)
{
    struct block block = {0};
    entc_status status = schema_check_entity(desc, reterr);

    if (status != ENTC_OK)
        return status;
    for (size_t i = 0; i < desc->field_count; i++) {
        status = schema_check_field(desc, i, reterr);
        if (status != ENTC_OK)
            return status;
    }
    if (!allocator)
        allocator = base_default_allocator();
    if (!block_allocate(&block, desc, allocator))
        return error_no_memory(reterr);
    copy_desc(&block, desc, allocator);
    status = build(&block, reterr);
    if (status != ENTC_OK) {
        base_release(allocator, block.type);
        return status;
    }
    *ret_type = block.type;
    return ENTC_OK;
}

struct schema_type *schema_type_ref(struct schema_type *type)
{
    if (type)
        atomic_fetch_add_explicit(&type->references, 1, memory_order_relaxed);
    return type;
}

void schema_type_unref(struct schema_type *type)
{
    entc_allocator allocator;

    /* Release: our reads come before the end. Acquire: the end comes after everyone's reads. */
    if (!type || atomic_fetch_sub_explicit(&type->references, 1, memory_order_acq_rel) != 1)
        return;
    allocator = type->allocator;
    base_release(&allocator, type);
}
