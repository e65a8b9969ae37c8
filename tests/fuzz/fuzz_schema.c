/* Descriptors out of any bytes: sizes, strides, names, offsets. What is taken is a type whose
 * members lie apart inside the record, which keeps nothing of the caller's memory, and into which
 * values can be written and read; what is refused is refused with a story. */
#include "entity/entity.h"
#include "fuzz.h"

#include <stdlib.h>

#define FIELDS_MAX 8
#define STRIDE_MAX 160
#define TAIL_MAX 64

struct made {
    entc_entity_desc *desc;
    char *fields;
    size_t stride;
    size_t count; /* that lie in memory */
    char *names[FIELDS_MAX + 1];
};

/* Nearly always right; with 0xFF anything. */
static uint64_t usually(struct fuzz_input *input, uint64_t right)
{
    const uint8_t choice = fuzz_byte(input);

    if (choice == 0xFF)
        return fuzz_uint64(input);
    return choice < 0xE0 ? right : right + choice - 0xF0;
}

static void read_field(struct fuzz_input *input, entc_field *field, char *name)
{
    memset(field, 0, sizeof(*field));
    field->name = name;
    field->type = fuzz_byte(input);
    field->flags = fuzz_byte(input);
    if (field->flags == 0xFF)
        field->flags = fuzz_uint32(input);
    field->offset = usually(input, (size_t)fuzz_byte(input) * 4);
    field->size = usually(input, schema_type_size(field->type));
    field->has_offset = usually(input, fuzz_byte(input));
    field->json_name = fuzz_byte(input) == 0xFF ? name : NULL;
}

/* The fields lie in a block of just `count` strides; a byte of the tails may be set. */
static void make_fields(struct fuzz_input *input, struct made *made)
{
    made->count = fuzz_byte(input) % (FIELDS_MAX + 1);
    made->stride = sizeof(entc_field);
    if (fuzz_byte(input) >= 0x80)
        made->stride += fuzz_byte(input) % (STRIDE_MAX - sizeof(entc_field));
    made->fields = calloc(made->count ? made->count : 1, made->stride);
    FUZZ_CHECK(made->fields != NULL);
    for (size_t i = 0; i < made->count; i++) {
        entc_field field;

        made->names[i] = fuzz_text_or_null(input);
        read_field(input, &field, made->names[i]);
        memcpy(made->fields + i * made->stride, &field, sizeof(field));
        if (made->stride > sizeof(field) && fuzz_byte(input) == 0xFF)
            made->fields[(i + 1) * made->stride - 1] = 1;
    }
}

/* The memory behind a desc is as long as it claims, as long as that is not absurd. */
static void make(struct fuzz_input *input, struct made *made)
{
    const size_t claimed = usually(input, sizeof(entc_entity_desc));
    const size_t real =
        claimed > sizeof(entc_entity_desc) && claimed <= 8192 ? claimed : sizeof(entc_entity_desc);

    memset(made, 0, sizeof(*made));
    made->desc = calloc(1, real);
    FUZZ_CHECK(made->desc != NULL);
    if (real > sizeof(entc_entity_desc) && fuzz_byte(input) == 0xFF)
        ((char *)made->desc)[real - 1] = 1;
    made->names[FIELDS_MAX] = fuzz_text_or_null(input);
    make_fields(input, made);
    made->desc->struct_size = claimed;
    made->desc->name = made->names[FIELDS_MAX];
    made->desc->record_size = usually(input, (size_t)fuzz_byte(input) * 4);
    made->desc->fields = fuzz_byte(input) == 0xFF ? NULL : (const entc_field *)made->fields;
    made->desc->field_count = made->count;
    made->desc->field_size = made->stride;
    /* A false count or stride is only given where it must be refused before it is used. */
    switch (fuzz_byte(input)) {
    case 0xFF:
        made->desc->field_count = SCHEMA_FIELDS_MAX + 1 + (size_t)fuzz_uint64(input) / 2;
        break;
    case 0xFE:
        made->desc->field_size = fuzz_byte(input) % sizeof(entc_field);
        break;
    case 0xFD:
        made->desc->field_size = 4097 + (size_t)fuzz_uint64(input) / 2;
        break;
    default:
        break;
    }
}

static void forget(struct made *made)
{
    for (size_t i = 0; i <= FIELDS_MAX; i++) {
        if (made->names[i])
            memset(made->names[i], '?', strlen(made->names[i]));
        free(made->names[i]);
    }
    memset(made->fields, 0xEE, made->stride * made->count);
    free(made->fields);
    memset(made->desc, 0xEE, sizeof(*made->desc));
    free(made->desc);
}

static void check_refusal(entc_status status, entc_error *error)
{
    FUZZ_CHECK(status == ENTC_E_INVALID || status == ENTC_E_UNSUPPORTED);
    FUZZ_CHECK(entc_error_code(error) == status);
    FUZZ_CHECK(*entc_error_message(error) && *entc_error_hint(error));
    FUZZ_CHECK(strcmp(entc_error_domain(error), "schema") == 0);
    FUZZ_CHECK(text_is_utf8(entc_error_message(error), strlen(entc_error_message(error))));
    entc_error_free(error);
}

/* ---- what was taken ---- */

static void claim(unsigned char *map, size_t record, size_t offset, size_t size)
{
    FUZZ_CHECK(size > 0 && offset <= record && size <= record - offset);
    for (size_t i = offset; i < offset + size; i++) {
        FUZZ_CHECK(map[i] == 0);
        map[i] = 1;
    }
}

static void check_layout(const struct schema_type *type)
{
    unsigned char *map = calloc(1, type->record_size);
    uint32_t keys = 0;

    FUZZ_CHECK(map != NULL && type->record_size <= SCHEMA_RECORD_MAX);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct schema_field *field = &type->fields[i];

        claim(map, type->record_size, field->offset, schema_type_size(field->type));
        FUZZ_CHECK(field->offset % schema_type_alignment(field->type) == 0);
        if (field->has_offset != SCHEMA_NO_OFFSET)
            claim(map, type->record_size, field->has_offset, 1);
        keys += (field->flags & ENTC_KEY) != 0;
        FUZZ_CHECK(text_is_name(field->name, SCHEMA_NAME_MAX));
        FUZZ_CHECK(strlen(field->name) == field->name_length);
        FUZZ_CHECK(schema_type_find(type, field->name, field->name_length) == i);
        FUZZ_CHECK(field->json_length == strlen(field->json_prefix));
    }
    FUZZ_CHECK(keys == type->key_count && keys > 0);
    FUZZ_CHECK(text_is_name(type->name, SCHEMA_NAME_MAX));
    free(map);
}

/* NULL wherever it may be, text in every other text, and nothing (zero) in the rest. */
static void check_use(struct schema_type *type)
{
    struct entity_draft draft;
    struct entc_entity *entity = NULL;
    entc_value value;

    FUZZ_CHECK(entity_draft_init(&draft, type) == ENTC_OK);
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (type->fields[i].flags & ENTC_NULLABLE)
            entity_draft_set_null(&draft, i);
        else if (schema_type_is_text(type->fields[i].type))
            FUZZ_CHECK(entity_draft_set_text(&draft, i, "text", 4));
    }
    entity = entity_draft_seal(&draft);
    FUZZ_CHECK(entity != NULL);
    for (uint32_t i = 0; i < type->field_count; i++) {
        entity_get(entity, i, &value);
        FUZZ_CHECK((value.type == ENTC_NULL) == ((type->fields[i].flags & ENTC_NULLABLE) != 0));
    }
    entity_unref(entity);
    entity_draft_fini(&draft);
}

static void try_model(struct fuzz_input *input, struct schema_type *type)
{
    char *table = fuzz_text_or_null(input);
    char *schema = fuzz_text_or_null(input);
    char *cache_name = fuzz_text_or_null(input);
    const entc_model_desc desc = {.struct_size = usually(input, sizeof(desc)) % 4097,
                                  .table = table,
                                  .schema = schema,
                                  .cache_name = cache_name,
                                  .ttl_us = (int64_t)usually(input, 0),
                                  .negative_ttl_us = (int64_t)usually(input, 0)};
    struct schema_model *model = NULL;
    entc_error *error = NULL;
    entc_model_desc *copy = calloc(1, desc.struct_size + sizeof(desc));
    entc_status status = ENTC_OK;

    FUZZ_CHECK(copy != NULL);
    memcpy(copy, &desc, sizeof(desc));
    status = schema_model_new(copy, type, &model, &error);
    free(copy);
    FUZZ_CHECK((model != NULL) == (status == ENTC_OK));
    if (status != ENTC_OK)
        check_refusal(status, error);
    else
        FUZZ_CHECK(strcmp(model->table, table) == 0 && text_is_name(model->cache_name, 63));
    schema_model_unref(model);
    free(table);
    free(schema);
    free(cache_name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    struct made made;
    struct schema_type *type = NULL;
    entc_error *error = NULL;
    entc_status status = ENTC_OK;

    make(&input, &made);
    status = schema_type_new(made.desc, NULL, &type, &error);
    forget(&made);
    FUZZ_CHECK((type != NULL) == (status == ENTC_OK));
    if (status != ENTC_OK) {
        check_refusal(status, error);
        return 0;
    }
    check_layout(type);
    check_use(type);
    try_model(&input, type);
    schema_type_unref(type);
    return 0;
}
