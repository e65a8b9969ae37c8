/* From an entity to JSON: the bytes that stand in the cache, the same in every process and every
 * language for the same row. Nothing is written that the decoder would not take back. */
#include "codec/codec.h"
#include "codec/json.h"

#include <math.h>

/* Room for any value but text, with its quotes and the comma or brace before it. */
#define SCALAR_MAX (CODEC_TIMESTAMP_MAX + 8)
_Static_assert(SCALAR_MAX > CODEC_UUID_LENGTH + 3, "a UUID fits");

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

static enum codec_result write_bytes(const char *bytes, size_t length, struct buffer *buffer)
{
    const size_t encoded = json_base64_length(length);

    if (!buffer_reserve(buffer, encoded + 2))
        return CODEC_OUT_OF_MEMORY;
    buffer->bytes[buffer->length] = '"';
    json_base64_write(buffer->bytes + buffer->length + 1, bytes, length);
    buffer->bytes[buffer->length + 1 + encoded] = '"';
    buffer->length += encoded + 2;
    return CODEC_OK;
}

/* As it stands in the database. Proved behind the copy: there is room for its strings. */
static enum codec_result write_json(const char *text, size_t length, bool may_be_null,
                                    struct buffer *buffer)
{
    const char *end = text + length;
    const char *value = json_space(text, end);
    const char *at = NULL;

    if (!buffer_reserve(buffer, 2 * length))
        return CODEC_OUT_OF_MEMORY;
    at = json_value(value, end, 1, buffer->bytes + buffer->length + length);
    if (!at || json_space(at, end) != end)
        return CODEC_REFUSED;
    memcpy(buffer->bytes + buffer->length, text, length);
    buffer->length += length;
    return may_be_null && *value == 'n' ? CODEC_UNCACHEABLE : CODEC_OK;
}

/* ---- the other types: each writes at most SCALAR_MAX bytes and returns how many ---- */

/* Puts the quotes around what was written behind the first. */
static size_t quoted(char *out, size_t length)
{
    out[0] = '"';
    out[length + 1] = '"';
    return length + 2;
}

static size_t write_bool(char *out, const unsigned char *member)
{
    const size_t length = *member ? 4 : 5;

    memcpy(out, *member ? "true" : "false", length);
    return length;
}

static size_t write_int64(char *out, const unsigned char *member, bool is_string)
{
    int64_t number;
    size_t length;

    memcpy(&number, member, sizeof(number));
    if (!is_string)
        return text_from_int64(out, number);
    length = text_from_int64(out + 1, number);
    return quoted(out, length);
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
    return quoted(out, length);
}

static size_t write_timestamp(char *out, const unsigned char *member)
{
    int64_t microseconds;
    size_t length;

    memcpy(&microseconds, member, sizeof(microseconds));
    length = codec_timestamp_text(out + 1, microseconds);
    return quoted(out, length);
}

/* 0 for a day that is no DATE. */
static size_t write_date(char *out, const unsigned char *member)
{
    int32_t days;
    size_t length;

    memcpy(&days, member, sizeof(days));
    length = codec_date_text(out + 1, days);
    return length > 0 ? quoted(out, length) : 0;
}

static size_t write_uuid(char *out, const unsigned char *member)
{
    codec_uuid_text(out + 1, member);
    return quoted(out, CODEC_UUID_LENGTH);
}

/* 0 when the value cannot be written. */
static size_t write_scalar(char *out, const struct schema_field *field, const unsigned char *member)
{
    switch (field->type) {
    case ENTC_BOOL:
        return write_bool(out, member);
    case ENTC_INT64:
        return write_int64(out, member, field->flags & ENTC_JSON_STRING);
    case ENTC_DOUBLE:
        return write_double(out, member);
    case ENTC_TIMESTAMP:
        return write_timestamp(out, member);
    case ENTC_DATE:
        return write_date(out, member);
    case ENTC_UUID:
        return write_uuid(out, member);
    default:
        return 0;
    }
}

/* ---- the object ---- */

static enum codec_result write_null(const struct schema_field *field, struct buffer *buffer)
{
    memcpy(buffer->bytes + buffer->length, "null", 4);
    buffer->length += 4;
    return field->flags & ENTC_NULLABLE ? CODEC_OK : CODEC_REFUSED;
}

/* Those whose bytes stand behind the record: NULL is in the member itself. */
static enum codec_result write_string(const struct schema_field *field, const unsigned char *member,
                                      struct buffer *buffer)
{
    entc_str text;

    memcpy(&text, member, sizeof(text));
    if (!text.ptr)
        return write_null(field, buffer);
    switch (field->type) {
    case ENTC_BYTES:
        return write_bytes(text.ptr, text.len, buffer);
    case ENTC_JSON:
        return write_json(text.ptr, text.len, field->flags & ENTC_NULLABLE, buffer);
    default:
        return write_text(text.ptr, text.len, buffer);
    }
}

static bool is_string(uint32_t type)
{
    return type == ENTC_TEXT || type == ENTC_BYTES || type == ENTC_JSON;
}

static enum codec_result write_value(const struct entc_entity *entity,
                                     const struct schema_field *field, struct buffer *buffer)
{
    const unsigned char *member = entity->record + field->offset;
    size_t length;

    if (is_string(field->type))
        return write_string(field, member, buffer);
    if (field->has_offset != SCHEMA_NO_OFFSET && !entity->record[field->has_offset])
        return write_null(field, buffer);
    length = write_scalar(buffer->bytes + buffer->length, field, member);
    buffer->length += length;
    return length > 0 ? CODEC_OK : CODEC_REFUSED;
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

/* Whether an entity with such a value goes on being written. */
static bool is_written(enum codec_result result)
{
    return result == CODEC_OK || result == CODEC_UNCACHEABLE;
}

enum codec_result codec_encode(const struct entc_entity *entity, struct buffer *buffer)
{
    const struct schema_type *type = entity->type;
    const size_t before = buffer->length;
    enum codec_result worst = CODEC_OK;

    for (uint32_t i = 0; i < type->field_count && is_written(worst); i++) {
        const enum codec_result result =
            write_member(entity, &type->fields[i], i == 0 ? '{' : ',', buffer);

        worst = result == CODEC_OK ? worst : result;
    }
    if (is_written(worst) && !buffer_append_char(buffer, '}'))
        worst = CODEC_OUT_OF_MEMORY;
    if (!is_written(worst))
        buffer->length = before;
    return worst;
}
