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
static void get_text(const unsigned char *member, uint32_t type, entc_value *ret_value)
{
    entc_str text;

    memcpy(&text, member, sizeof(text));
    if (!text.ptr)
        return;
    ret_value->type = type;
    ret_value->length = (uint32_t)text.len;
    ret_value->as.text = text.ptr;
}

static void get_date(const unsigned char *member, entc_value *ret_value)
{
    int32_t days;

    memcpy(&days, member, sizeof(days));
    ret_value->type = ENTC_DATE;
    ret_value->as.int64 = days;
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
    case ENTC_DATE:
        get_date(member, ret_value);
        break;
    case ENTC_UUID:
        ret_value->type = ENTC_UUID;
        memcpy(ret_value->as.bytes, member, SCHEMA_UUID_SIZE);
        break;
    case ENTC_TEXT:
    case ENTC_BYTES:
    case ENTC_JSON:
        get_text(member, shape->type, ret_value);
        break;
    default:
        break;
    }
}

void entity_id(const struct entc_entity *entity, entc_value *ret_id)
{
    for (uint32_t part = 0; part < entity->type->key_count; part++)
        entity_get(entity, entity->type->key_fields[part], &ret_id[part]);
}

static bool is_same(const entc_value *left, const entc_value *right)
{
    if (left->type != right->type)
        return false;
    if (left->type == ENTC_TEXT)
        return left->length == right->length &&
               memcmp(left->as.text, right->as.text, left->length) == 0;
    if (left->type == ENTC_UUID)
        return memcmp(left->as.bytes, right->as.bytes, SCHEMA_UUID_SIZE) == 0;
    return left->as.int64 == right->as.int64;
}

bool entity_has_id(const struct entc_entity *entity, const entc_value *id)
{
    const struct schema_type *type = entity->type;
    entc_value key;

    for (uint32_t part = 0; part < type->key_count; part++) {
        entity_get(entity, type->key_fields[part], &key);
        if (!is_same(&key, &id[part]))
            return false;
    }
    return true;
}
