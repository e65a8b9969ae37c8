/* Exported: entities and buffers. */
#include "api/api.h"

entc_entity *entc_entity_ref(entc_entity *entity)
{
    return entity_ref(entity);
}

void entc_entity_unref(entc_entity *entity)
{
    entity_unref(entity);
}

void entc_entities_unref(entc_entity **entities, size_t count)
{
    if (!entities)
        return;
    for (size_t i = 0; i < count; i++) {
        entity_unref(entities[i]);
        entities[i] = NULL;
    }
}

const void *entc_entity_record(const entc_entity *entity)
{
    return entity ? entity_record(entity) : NULL;
}

entc_status entc_entity_get(const entc_entity *entity, size_t field_index, entc_value *ret_value)
{
    if (!ret_value)
        return ENTC_E_INVALID;
    entc_value_null(ret_value);
    if (!entity || field_index >= entity->type->field_count)
        return ENTC_E_INVALID;
    entity_get(entity, (uint32_t)field_index, ret_value);
    return ENTC_OK;
}

size_t entc_entity_field_count(const entc_entity *entity)
{
    return entity ? entity->type->field_count : 0;
}

const char *entc_entity_field_name(const entc_entity *entity, size_t field_index)
{
    if (!entity || field_index >= entity->type->field_count)
        return NULL;
    return entity->type->fields[field_index].name;
}

const char *entc_entity_name(const entc_entity *entity)
{
    return entity ? entity->type->name : NULL;
}

static entc_status append(const entc_entity *entity, struct buffer *bytes)
{
    enum codec_result result = CODEC_OK;

    if (!entity)
        return buffer_append_text(bytes, "null") ? ENTC_OK : ENTC_E_NO_MEMORY;
    result = codec_encode(entity, bytes);
    switch (result) {
    case CODEC_OK:
    case CODEC_UNCACHEABLE: /* what the host reads is the truth; only the cache must not have it */
        return ENTC_OK;
    case CODEC_REFUSED:
        return ENTC_E_INVALID;
    default:
        return ENTC_E_NO_MEMORY;
    }
}

/* On success puts a NUL behind the bytes; otherwise the buffer is as it was at `length`. */
static entc_status settle(struct buffer *bytes, size_t length, entc_status status)
{
    if (!status && buffer_text(bytes))
        return ENTC_OK;
    bytes->length = length;
    bytes->failed = false;
    return status ? status : ENTC_E_NO_MEMORY;
}

entc_status entc_entity_json(const entc_entity *entity, entc_buffer *buffer)
{
    if (!buffer)
        return ENTC_E_INVALID;
    return settle(&buffer->bytes, buffer->bytes.length, append(entity, &buffer->bytes));
}

entc_status entc_entities_json(entc_entity *const *entities, size_t count, entc_buffer *buffer)
{
    size_t before = 0;
    entc_status status = ENTC_OK;

    if (!buffer || (!entities && count))
        return ENTC_E_INVALID;
    before = buffer->bytes.length;
    buffer_append_char(&buffer->bytes, '[');
    for (size_t i = 0; i < count && !status; i++) {
        if (i > 0)
            buffer_append_char(&buffer->bytes, ',');
        status = append(entities[i], &buffer->bytes);
    }
    buffer_append_char(&buffer->bytes, ']');
    if (!status && buffer->bytes.failed)
        status = ENTC_E_NO_MEMORY;
    return settle(&buffer->bytes, before, status);
}

entc_status api_buffer_write(entc_buffer *buffer, struct span bytes)
{
    buffer_clear(&buffer->bytes);
    buffer_append(&buffer->bytes, bytes.bytes, bytes.length);
    return settle(&buffer->bytes, 0, buffer->bytes.failed ? ENTC_E_NO_MEMORY : ENTC_OK);
}

entc_status api_buffer_end(entc_buffer *buffer, bool is_whole)
{
    return settle(&buffer->bytes, 0, is_whole ? ENTC_OK : ENTC_E_NO_MEMORY);
}

entc_status entc_buffer_new(entc_buffer **ret_buffer)
{
    entc_buffer *buffer = NULL;

    if (!ret_buffer)
        return ENTC_E_INVALID;
    buffer = base_allocate_zeroed(base_default_allocator(), sizeof(*buffer));
    if (!buffer)
        return ENTC_E_NO_MEMORY;
    buffer_init(&buffer->bytes, base_default_allocator());
    *ret_buffer = buffer;
    return ENTC_OK;
}

void entc_buffer_free(entc_buffer *buffer)
{
    if (!buffer)
        return;
    buffer_fini(&buffer->bytes);
    base_release(base_default_allocator(), buffer);
}

void entc_buffer_clear(entc_buffer *buffer)
{
    if (buffer)
        buffer_clear(&buffer->bytes);
}

/* Every write ended with a NUL behind the bytes (settle). */
const char *entc_buffer_text(const entc_buffer *buffer)
{
    return buffer && buffer->bytes.length ? buffer->bytes.bytes : "";
}

size_t entc_buffer_length(const entc_buffer *buffer)
{
    return buffer ? buffer->bytes.length : 0;
}
