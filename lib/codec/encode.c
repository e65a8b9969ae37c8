/* From an entity to JSON: the bytes that stand in the cache, the same in every process and every
 * language for the same row. Nothing is written that the decoder would not take back. */
#include "codec/codec.h"
#include "codec/json.h"

#include <math.h>

/* Room for any value but text, with its quotes and the comma or brace before it. */
#define SCALAR_MAX (CODEC_TIMESTAMP_MAX + 8)

/* ---- text ---- */

#define ESCAPE_MAX 6 /* \u00XX */

static size_t write_escape(char *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                 ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};

    out[0] = '\\';
    if (names[byte]) {
        out[1] = names[byte];
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = hex[byte >> 4];
    out[5] = hex[byte & 15];
    return ESCAPE_MAX;
}

/* Room for the text is there while nothing is escaped; each escape asks for what is left again. */
static enum codec_result write_text(const char *text, size_t length, struct buffer *buffer)
{
    const char *end = text + length;
    const char *at = text;
    uint64_t seen = 0;

    if (!buffer_reserve(buffer, length + 2))
        return CODEC_OUT_OF_MEMORY;
    buffer->bytes[buffer->length++] = '"';
    for (;;) {
        const size_t plain = json_copy_plain(at, end, buffer->bytes + buffer->length, &seen);

        at += plain;
        buffer->length += plain;
        if (at == end)
            break;
        if (*at == '\0')
            return CODEC_REFUSED;
        if (!buffer_reserve(buffer, ESCAPE_MAX + (size_t)(end - at) + 1))
            return CODEC_OUT_OF_MEMORY;
        buffer->length += write_escape(buffer->bytes + buffer->length, (unsigned char)*at++);
    }
    buffer->bytes[buffer->length++] = '"';
    if ((seen & JSON_HIGH_BITS) && !text_is_utf8(text, length))
        return CODEC_REFUSED;
    return CODEC_OK;
}

/* ---- the other types: each writes at most SCALAR_MAX bytes and returns how many ---- */

static size_t write_bool(char *out, const unsigned char *member)
{
    const size_t length = *member ? 4 : 5;

    memcpy(out, *member ? "true" : "false", length);
    return length;
}

static size_t write_int64(char *out, const unsigned char *member)
{
    int64_t number;

    memcpy(&number, member, sizeof(number));
    return text_from_int64(out, number);
}

/* NaN and the infinities are no JSON numbers: they go in quotes. */
static size_t write_double(char *out, const unsigned char *member)
{
    double number;
    size_t length;

    memcpy(&number, member, sizeof(number));
    if (isfinite(number))
        return codec_double_text(out, number);
    length = codec_double_text(out + 1, number);
    out[0] = '"';
    out[length + 1] = '"';
    return length + 2;
}

static size_t write_timestamp(char *out, const unsigned char *member)
{
    int64_t microseconds;
    size_t length;

    memcpy(&microseconds, member, sizeof(microseconds));
    length = codec_timestamp_text(out + 1, microseconds);
    out[0] = '"';
    out[length + 1] = '"';
    return length + 2;
}

static size_t write_scalar(char *out, uint32_t type, const unsigned char *member)
{
    switch (type) {
    case ENTC_BOOL:
        return write_bool(out, member);
    case ENTC_INT64:
        return write_int64(out, member);
    case ENTC_DOUBLE:
        return write_double(out, member);
    case ENTC_TIMESTAMP:
        return write_timestamp(out, member);
    default:
        return 0;
    }
}

/* ---- the object ---- */

/* Text stands in its member even if it may be NULL; the others have a byte beside them. */
static bool is_null(const struct entc_entity *entity, const struct schema_field *field)
{
    entc_str text;

    if (field->type != ENTC_TEXT)
        return field->has_offset != SCHEMA_NO_OFFSET && !entity->record[field->has_offset];
    memcpy(&text, entity->record + field->offset, sizeof(text));
    return !text.ptr;
}

static enum codec_result write_value(const struct entc_entity *entity,
                                     const struct schema_field *field, struct buffer *buffer)
{
    const unsigned char *member = entity->record + field->offset;
    char *out = buffer->bytes + buffer->length;
    entc_str text;

    if (is_null(entity, field)) {
        memcpy(out, "null", 4);
        buffer->length += 4;
        return field->flags & ENTC_NULLABLE ? CODEC_OK : CODEC_REFUSED;
    }
    if (field->type == ENTC_TEXT) {
        memcpy(&text, member, sizeof(text));
        return write_text(text.ptr, text.len, buffer);
    }
    buffer->length += write_scalar(out, field->type, member);
    return CODEC_OK;
}

static enum codec_result write_member(const struct entc_entity *entity,
                                      const struct schema_field *field, char before,
                                      struct buffer *buffer)
{
    char *out;

    if (!buffer_reserve(buffer, field->json_length + SCALAR_MAX))
        return CODEC_OUT_OF_MEMORY;
    out = buffer->bytes + buffer->length;
    *out = before;
    json_copy(out + 1, field->json_prefix, field->json_length);
    buffer->length += 1 + field->json_length;
    return write_value(entity, field, buffer);
}

enum codec_result codec_encode(const struct entc_entity *entity, struct buffer *buffer)
{
    const struct schema_type *type = entity->type;
    const size_t before = buffer->length;
    enum codec_result result = CODEC_OK;

    for (uint32_t i = 0; i < type->field_count && result == CODEC_OK; i++)
        result = write_member(entity, &type->fields[i], i == 0 ? '{' : ',', buffer);
    if (result == CODEC_OK && !buffer_append_char(buffer, '}'))
        result = CODEC_OUT_OF_MEMORY;
    if (result != CODEC_OK)
        buffer->length = before;
    return result;
}
