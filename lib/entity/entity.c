/* Entities: reading them, and their end. An entity never changes after seal, so nothing here takes
 * a lock; the count of references is the only thing that threads write. */
#include "entity/entity.h"

struct entc_entity *entity_ref(struct entc_entity *entity)
{
    /* Relaxed: who takes a reference has one already, so the entity cannot end meanwhile. */
    if (entity)
        atomic_fetch_add_explicit(&entity->references, 1, memory_order_relaxed);
    return entity;
}

/* A count of 1 is our own reference: nobody else can take another, so no exchange is needed.
 * Acquire, release: what other threads read of the entity comes before its end. */
static bool is_last(struct entc_entity *entity)
{
    if (atomic_load_explicit(&entity->references, memory_order_acquire) == 1)
        return true;
    return atomic_fetch_sub_explicit(&entity->references, 1, memory_order_acq_rel) == 1;
}

void entity_unref(struct entc_entity *entity)
{
    struct schema_type *type;

    if (!entity || !is_last(entity))
        return;
    type = entity->type;
    base_release(&type->allocator, entity);
    schema_type_unref(type);
}

static bool is_null(const struct entc_entity *entity, const struct schema_field *field)
{
    return field->has_offset != SCHEMA_NO_OFFSET && !entity->record[field->has_offset];
}

/* An entc_value counts text in 32 bits; seal keeps the whole block below that. */
static void get_text(const unsigned char *member, entc_value *ret_value)
{
    entc_str text;

    memcpy(&text, member, sizeof(text));
    if (!text.ptr)
        return;
    ret_value->type = ENTC_TEXT;
    ret_value->length = (uint32_t)text.len;
    ret_value->as.text = text.ptr;
}

void entity_get(const struct entc_entity *entity, uint32_t field, entc_value *ret_value)
{
    const struct schema_field *shape = &entity->type->fields[field];
    const unsigned char *member = entity->record + shape->offset;

    memset(ret_value, 0, sizeof(*ret_value));
    if (is_null(entity, shape))
        return;
    switch (shape->type) {
    case ENTC_BOOL:
        ret_value->type = ENTC_BOOL;
        ret_value->as.int64 = *member != 0;
        break;
    case ENTC_INT64:
    case ENTC_TIMESTAMP:
        ret_value->type = shape->type;
        memcpy(&ret_value->as.int64, member, sizeof(ret_value->as.int64));
        break;
    case ENTC_DOUBLE:
        ret_value->type = ENTC_DOUBLE;
        memcpy(&ret_value->as.real, member, sizeof(ret_value->as.real));
        break;
    case ENTC_TEXT:
        get_text(member, ret_value);
        break;
    default:
        break;
    }
}

bool entity_has_id(const struct entc_entity *entity, const entc_value *id)
{
    entc_value key;

    entity_get(entity, entity->type->key_fields[0], &key);
    if (key.type != id->type)
        return false;
    if (key.type == ENTC_TEXT)
        return key.length == id->length && memcmp(key.as.text, id->as.text, key.length) == 0;
    return key.as.int64 == id->as.int64;
}
