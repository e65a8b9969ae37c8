/* Drafts: a record under construction, reused from one entity to the next. Seal copies it into one
 * block of exactly the right size; only then do texts get their pointers, because the draft's bytes
 * move while they grow. */
#include "entity/entity.h"

entc_status entity_draft_init(struct entity_draft *draft, struct schema_type *type)
{
    size_t size = (size_t)type->record_size + type->field_count * sizeof(bool);

    memset(draft, 0, sizeof(*draft));
    draft->type = type;
    buffer_init(&draft->text, &type->allocator);
    /* One block: `given` needs no alignment. */
    draft->record = base_allocate_zeroed(&type->allocator, size);
    if (!draft->record)
        return ENTC_E_NO_MEMORY;
    draft->given = (bool *)(draft->record + type->record_size);
    return ENTC_OK;
}

void entity_draft_fini(struct entity_draft *draft)
{
    if (!draft->type)
        return;
    base_release(&draft->type->allocator, draft->record);
    buffer_fini(&draft->text);
    memset(draft, 0, sizeof(*draft));
}

void entity_draft_clear(struct entity_draft *draft)
{
    memset(draft->record, 0,
           (size_t)draft->type->record_size + draft->type->field_count * sizeof(bool));
    buffer_clear(&draft->text);
}

char *entity_draft_text_begin(struct entity_draft *draft, size_t longest)
{
    if (longest >= UINT32_MAX || !buffer_reserve(&draft->text, longest + 1))
        return NULL;
    return draft->text.bytes + draft->text.length;
}

bool entity_draft_set_text(struct entity_draft *draft, uint32_t field, const char *text,
                           size_t length)
{
    char *place = entity_draft_text_begin(draft, length);

    if (!place)
        return false;
    if (length > 0)
        memcpy(place, text, length);
    entity_draft_text_end(draft, field, length);
    return true;
}

void entity_draft_set_null(struct entity_draft *draft, uint32_t field)
{
    const struct schema_field *shape = &draft->type->fields[field];

    memset(draft->record + shape->offset, 0, schema_type_size(shape->type));
    if (shape->has_offset != SCHEMA_NO_OFFSET)
        draft->record[shape->has_offset] = 0;
    draft->given[field] = true;
}

uint32_t entity_draft_missing(const struct entity_draft *draft)
{
    const bool *missing = memchr(draft->given, false, draft->type->field_count);

    return missing ? (uint32_t)(missing - draft->given) : draft->type->field_count;
}

/* Turns 1 + offset into a pointer to the copy of the bytes; NULL stays NULL. */
static void point_to_texts(struct entc_entity *entity, const char *text)
{
    const struct schema_type *type = entity->type;

    for (uint32_t i = 0; i < type->text_count; i++) {
        unsigned char *member = entity->record + type->fields[type->text_fields[i]].offset;
        entc_str string;

        memcpy(&string, member, sizeof(string));
        if (!string.ptr)
            continue;
        string.ptr = text + ((uintptr_t)string.ptr - 1);
        memcpy(member, &string, sizeof(string));
    }
}

struct entc_entity *entity_draft_seal(struct entity_draft *draft)
{
    struct schema_type *type = draft->type;
    size_t head = offsetof(struct entc_entity, record) + type->record_size;
    struct entc_entity *entity = NULL;

    if (draft->text.length < UINT32_MAX - head)
        entity = base_allocate(&type->allocator, head + draft->text.length);
    if (!entity)
        return NULL;
    atomic_init(&entity->references, 1);
    entity->block_size = (uint32_t)(head + draft->text.length);
    entity->type = schema_type_ref(type);
    memcpy(entity->record, draft->record, type->record_size);
    if (draft->text.length > 0)
        memcpy(entity->record + type->record_size, draft->text.bytes, draft->text.length);
    point_to_texts(entity, (const char *)entity->record + type->record_size);
    return entity;
}
