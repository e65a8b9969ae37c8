/* Ids and their text in keys. One id has one spelling, and one key belongs to one id: what could be
 * written in two ways is refused before any I/O, and what is no plain byte is percent-encoded, so
 * that braces cannot move a key to another slot of a cluster. */
#include "codec/codec.h"

#define DOMAIN "codec"

/* ---- the spelling in a key ---- */

/* Bit c % 64 of word c / 64: whether the byte stands for itself, [A-Za-z0-9._~:@=+,/-]. The comma
 * does so only where it cannot be taken for the one between two parts. */
static const uint64_t plain_bytes[4] = {
    0x27FFF80000000000u, /* + , - . / 0-9 : = */
    0x47FFFFFE87FFFFFFu, /* @ A-Z _ a-z ~ */
    0,
    0,
};

static bool is_plain(unsigned char byte, bool is_part)
{
    return (plain_bytes[byte >> 6] >> (byte & 63) & 1) && !(is_part && byte == ',');
}

static size_t encoded_length(const entc_value *text, bool is_part)
{
    size_t encoded = 0;

    for (size_t i = 0; i < text->length; i++)
        encoded += is_plain((unsigned char)text->as.text[i], is_part) ? 1 : 3;
    return encoded;
}

static void write_encoded(char *out, const entc_value *text, bool is_part)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text->length; i++) {
        const unsigned char byte = (unsigned char)text->as.text[i];

        if (is_plain(byte, is_part)) {
            *out++ = text->as.text[i];
            continue;
        }
        *out++ = '%';
        *out++ = hex[byte >> 4];
        *out++ = hex[byte & 15];
    }
}

static bool append_text(const entc_value *text, bool is_part, struct buffer *buffer)
{
    const size_t encoded = encoded_length(text, is_part);

    if (!buffer_reserve(buffer, encoded))
        return false;
    if (encoded > 0)
        write_encoded(buffer->bytes + buffer->length, text, is_part);
    buffer->length += encoded;
    return true;
}

static bool append_uuid(const uint8_t *uuid, struct buffer *buffer)
{
    if (!buffer_reserve(buffer, CODEC_UUID_LENGTH))
        return false;
    codec_uuid_text(buffer->bytes + buffer->length, uuid);
    buffer->length += CODEC_UUID_LENGTH;
    return true;
}

static bool append_part(const entc_value *part, bool is_part, struct buffer *buffer)
{
    switch (part->type) {
    case ENTC_INT64:
        return buffer_append_int64(buffer, part->as.int64);
    case ENTC_UUID:
        return append_uuid(part->as.bytes, buffer);
    default:
        return append_text(part, is_part, buffer);
    }
}

bool codec_id_append(const entc_value *id, size_t parts, struct buffer *buffer)
{
    bool is_written = append_part(&id[0], parts > 1, buffer);

    for (size_t i = 1; i < parts && is_written; i++)
        is_written = buffer_append_char(buffer, ',') && append_part(&id[i], true, buffer);
    return is_written;
}

/* ---- making an id canonical ---- */

/* A part of an id that is looked at: which one, and what the caller gave. */
struct part {
    const struct schema_type *type;
    const struct schema_field *field;
    const entc_value *given;
    entc_error **reterr;
};

/* Names the entity and the key and never the id: ids are data of the host's users. */
static entc_status refuse(const struct part *part, const char *what, const char *cure)
{
    error_set(part->reterr, ENTC_E_INVALID, DOMAIN, "entity \"%s\": the id for key \"%s\" (%s) %s",
              part->type->name, part->field->name, schema_type_name(part->field->type), what);
    error_hint(part->reterr, "%s", cure);
    return ENTC_E_INVALID;
}

static entc_status canonical_int64(const struct part *part, entc_value *ret_id)
{
    const entc_value *given = part->given;
    int64_t number = given->as.int64;

    if (given->type != ENTC_INT64 && given->type != ENTC_TEXT)
        return refuse(part, "is neither an integer nor text",
                      "pass entc_value_int64(), or its canonical decimal by entc_value_text()");
    if (given->type == ENTC_TEXT &&
        (!given->as.text || !text_to_int64(given->as.text, given->length, &number)))
        return refuse(part, "is text, but not an integer in canonical decimal",
                      "write it without sign '+', leading zeros or spaces, within 64 bits, or pass "
                      "entc_value_int64()");
    memset(ret_id, 0, sizeof(*ret_id));
    ret_id->type = ENTC_INT64;
    ret_id->as.int64 = number;
    return ENTC_OK;
}

static entc_status canonical_uuid(const struct part *part, entc_value *ret_id)
{
    const entc_value *given = part->given;
    entc_value id = {.type = ENTC_UUID};

    if (given->type == ENTC_UUID)
        memcpy(id.as.bytes, given->as.bytes, sizeof(id.as.bytes));
    else if (given->type != ENTC_TEXT)
        return refuse(part, "is neither a UUID nor text",
                      "pass entc_value_uuid(), or its 36 characters by entc_value_text()");
    else if (!given->as.text || !codec_uuid_parse(given->as.text, given->length, id.as.bytes))
        return refuse(part, "is text, but not a UUID",
                      "write 8-4-4-4-12 hexadecimal digits, or pass entc_value_uuid()");
    *ret_id = id;
    return ENTC_OK;
}

static entc_status canonical_text(const struct part *part, bool is_part, entc_value *ret_id)
{
    const entc_value *given = part->given;
    const char *text = given->as.text;
    const size_t length = given->length;

    if (given->type != ENTC_TEXT || !text)
        return refuse(part, "is not text", "pass entc_value_text()");
    if (length == 0 || length > CODEC_ID_TEXT_MAX)
        return refuse(part, length ? "is too long" : "is empty", "pass 1 to 200 bytes");
    if (memchr(text, '\0', length) || !text_is_utf8(text, length))
        return refuse(part, "is not UTF-8 without NUL", "pass text as the database holds it");
    if (encoded_length(given, is_part) > CODEC_ID_KEY_MAX)
        return refuse(part, "is too long in its encoded form",
                      "bytes outside [A-Za-z0-9._~:@=+,/-] count three times; pass at most 512");
    memset(ret_id, 0, sizeof(*ret_id));
    ret_id->type = ENTC_TEXT;
    ret_id->length = (uint32_t)length;
    ret_id->as.text = text;
    return ENTC_OK;
}

static entc_status canonical(const struct part *part, entc_value *ret_id)
{
    switch (part->field->type) {
    case ENTC_INT64:
        return canonical_int64(part, ret_id);
    case ENTC_UUID:
        return canonical_uuid(part, ret_id);
    default:
        return canonical_text(part, part->type->key_count > 1, ret_id);
    }
}

static size_t part_length(const entc_value *part)
{
    char digits[TEXT_INT64_MAX];

    switch (part->type) {
    case ENTC_INT64:
        return text_from_int64(digits, part->as.int64);
    case ENTC_UUID:
        return CODEC_UUID_LENGTH;
    default:
        return encoded_length(part, true);
    }
}

/* Each part fits; so must all of them, with the commas between them. */
static entc_status check_length(const struct schema_type *type, const entc_value *id,
                                entc_error **reterr)
{
    size_t length = type->key_count - 1;

    for (uint32_t i = 0; i < type->key_count; i++)
        length += part_length(&id[i]);
    if (length <= CODEC_ID_KEY_MAX)
        return ENTC_OK;
    error_set(reterr, ENTC_E_INVALID, DOMAIN,
              "entity \"%s\": the id of %u parts is too long in its encoded form", type->name,
              (unsigned)type->key_count);
    error_hint(reterr,
               "bytes outside [A-Za-z0-9._~:@=+/-] count three times; pass at most %d "
               "altogether",
               CODEC_ID_KEY_MAX);
    return ENTC_E_INVALID;
}

entc_status codec_id(const struct schema_type *type, const entc_value *given, entc_value *ret_id,
                     entc_error **reterr)
{
    struct part part = {.type = type, .reterr = reterr};
    entc_status status = ENTC_OK;

    for (uint32_t i = 0; i < type->key_count && status == ENTC_OK; i++) {
        part.field = &type->fields[type->key_fields[i]];
        part.given = &given[i];
        status = canonical(&part, &ret_id[i]);
    }
    if (status == ENTC_OK && type->key_count > 1)
        status = check_length(type, ret_id, reterr);
    return status;
}
