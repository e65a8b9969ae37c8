/* The memory side: an entity's descriptor, validated and copied into one block, with its layout and
 * the tables that the codec and the adapters walk. Immutable once made, so any thread may read it;
 * the block holds no pointer into the caller's memory. */
#include "schema/check.h"
#include "schema/layout.h"

#include <string.h>

/* ---- the block: type | fields | the public form of the fields | four tables of indexes | text */

struct block {
    struct schema_type *type;
    struct schema_field *fields;
    entc_field *public_fields;
    uint32_t *key_fields;
    uint32_t *text_fields;
    uint32_t *by_name;
    uint32_t *by_json;
    char *text;
};

#define TABLES 4
#define JSON_PREFIX_EXTRA 3 /* two quotes and a colon */
#define JSON_ESCAPE_MAX 6   /* \u00XX */

static size_t text_size(const entc_entity_desc *desc)
{
    size_t size = strlen(desc->name) + 1;

    for (size_t i = 0; i < desc->field_count; i++) {
        const char *place = (const char *)desc->fields + i * desc->field_size;
        entc_field field;

        memcpy(&field, place, sizeof(field));
        size += strlen(field.name) + 1;
        if (field.json_name)
            size += strlen(field.json_name) + 1;
        size += JSON_PREFIX_EXTRA + 1 +
                JSON_ESCAPE_MAX * strlen(field.json_name ? field.json_name : field.name);
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
    size_t text = tables + TABLES * count * sizeof(uint32_t);
    char *memory = base_allocate_zeroed(allocator, text + text_size(desc));

    if (!memory)
        return false;
    block->type = (struct schema_type *)(void *)memory;
    block->fields = (struct schema_field *)(void *)(memory + fields);
    block->public_fields = (entc_field *)(void *)(memory + public_fields);
    block->key_fields = (uint32_t *)(void *)(memory + tables);
    block->text_fields = block->key_fields + count;
    block->by_name = block->text_fields + count;
    block->by_json = block->by_name + count;
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

static size_t write_escaped(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                 ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};

    if (byte >= sizeof(names) || (byte >= ' ' && !names[byte])) {
        out[0] = (char)byte;
        return 1;
    }
    out[0] = '\\';
    if (names[byte]) {
        out[1] = names[byte];
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return JSON_ESCAPE_MAX;
}

/* `"name":`, with the escapes that the encoder would write. */
static const char *copy_prefix(char **text, const char *name, uint32_t *ret_length)
{
    char *copy = *text;
    char *out = copy;

    *out++ = '"';
    for (; *name; name++)
        out += write_escaped(out, (unsigned char)*name);
    *out++ = '"';
    *out++ = ':';
    *ret_length = (uint32_t)(out - copy);
    *out++ = '\0';
    *text = out;
    return copy;
}

static void copy_names(struct block *block, const entc_entity_desc *desc)
{
    char *text = block->text;

    block->type->name = copy_name(&text, desc->name, strlen(desc->name));
    for (size_t i = 0; i < desc->field_count; i++) {
        struct schema_field *field = &block->fields[i];
        entc_field *public_field = &block->public_fields[i];

        memcpy(public_field, (const char *)desc->fields + i * desc->field_size,
               sizeof(*public_field));
        field->name_length = (uint32_t)strlen(public_field->name);
        field->name = copy_name(&text, public_field->name, field->name_length);
        field->json_name = field->name;
        field->json_name_length = field->name_length;
        if (public_field->json_name) {
            field->json_name_length = (uint32_t)strlen(public_field->json_name);
            field->json_name = copy_name(&text, public_field->json_name, field->json_name_length);
        }
        field->json_prefix = copy_prefix(&text, field->json_name, &field->json_length);
        public_field->name = field->name;
        public_field->json_name = field->json_name;
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
    type->by_json = block->by_json;
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
    entc_status status = schema_sort_names(type, false, block->by_name, reterr);

    if (status == ENTC_OK)
        status = schema_sort_names(type, true, block->by_json, reterr);
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
