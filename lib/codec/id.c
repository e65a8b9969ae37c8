/* Ids and their text in keys. One id has one spelling, and one key belongs to one id: what could be
 * written in two ways is refused before any I/O, and what is no plain byte is percent-encoded, so
 * that braces cannot move a key to another slot of a cluster. */
#include "codec/codec.h"

#define DOMAIN "codec"

/* ---- the spelling in a key ---- */

/* Bit c % 64 of word c / 64: whether the byte stands for itself, [A-Za-z0-9._~:@=+,/-]. */
static const uint64_t plain_bytes[4] = {
    0x27FFF80000000000u, /* + , - . / 0-9 : = */
    0x47FFFFFE87FFFFFFu, /* @ A-Z _ a-z ~ */
    0,
    0,
};

static bool is_plain(unsigned char byte)
{
    return plain_bytes[byte >> 6] >> (byte & 63) & 1;
}

static size_t encoded_length(const char *text, size_t length)
{
    size_t encoded = 0;

    for (size_t i = 0; i < length; i++)
        encoded += is_plain((unsigned char)text[i]) ? 1 : 3;
    return encoded;
}

static void write_encoded(char *out, const char *text, size_t length)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)text[i];

        if (is_plain(byte)) {
            *out++ = text[i];
            continue;
        }
        *out++ = '%';
        *out++ = hex[byte >> 4];
        *out++ = hex[byte & 15];
    }
}

bool codec_id_append(const entc_value *id, struct buffer *buffer)
{
    size_t encoded;

    if (id->type == ENTC_INT64)
        return buffer_append_int64(buffer, id->as.int64);
    encoded = encoded_length(id->as.text, id->length);
    if (!buffer_reserve(buffer, encoded))
        return false;
    if (encoded > 0)
        write_encoded(buffer->bytes + buffer->length, id->as.text, id->length);
    buffer->length += encoded;
    return true;
}

/* ---- making an id canonical ---- */

/* Names the entity and the key and never the id: ids are data of the host's users. */
static entc_status refuse(const struct schema_type *type, const char *what, const char *cure,
                          entc_error **reterr)
{
    const struct schema_field *key = &type->fields[type->key_fields[0]];

    error_set(reterr, ENTC_E_INVALID, DOMAIN, "entity \"%s\": the id for key \"%s\" (%s) %s",
              type->name, key->name, schema_type_name(key->type), what);
    error_hint(reterr, "%s", cure);
    return ENTC_E_INVALID;
}

static entc_status canonical_int64(const struct schema_type *type, const entc_value *given,
                                   entc_value *ret_id, entc_error **reterr)
{
    int64_t number = given->as.int64;

    if (given->type != ENTC_INT64 && given->type != ENTC_TEXT)
        return refuse(type, "is neither an integer nor text",
                      "pass entc_value_int64(), or its canonical decimal by entc_value_text()",
                      reterr);
    if (given->type == ENTC_TEXT &&
        (!given->as.text || !text_to_int64(given->as.text, given->length, &number)))
        return refuse(type, "is text, but not an integer in canonical decimal",
                      "write it without sign '+', leading zeros or spaces, within 64 bits, or pass "
                      "entc_value_int64()",
                      reterr);
    memset(ret_id, 0, sizeof(*ret_id));
    ret_id->type = ENTC_INT64;
    ret_id->as.int64 = number;
    return ENTC_OK;
}

static entc_status canonical_text(const struct schema_type *type, const entc_value *given,
                                  entc_value *ret_id, entc_error **reterr)
{
    const char *text = given->as.text;
    const size_t length = given->length;

    if (given->type != ENTC_TEXT || !text)
        return refuse(type, "is not text", "pass entc_value_text()", reterr);
    if (length == 0 || length > CODEC_ID_TEXT_MAX)
        return refuse(type, length ? "is too long" : "is empty", "pass 1 to 200 bytes", reterr);
    if (memchr(text, '\0', length) || !text_is_utf8(text, length))
        return refuse(type, "is not UTF-8 without NUL", "pass text as the database holds it",
                      reterr);
    if (encoded_length(text, length) > CODEC_ID_KEY_MAX)
        return refuse(type, "is too long in its encoded form",
                      "bytes outside [A-Za-z0-9._~:@=+,/-] count three times; pass at most 512",
                      reterr);
    memset(ret_id, 0, sizeof(*ret_id));
    ret_id->type = ENTC_TEXT;
    ret_id->length = (uint32_t)length;
    ret_id->as.text = text;
    return ENTC_OK;
}

entc_status codec_id(const struct schema_type *type, const entc_value *given, entc_value *ret_id,
                     entc_error **reterr)
{
    if (type->fields[type->key_fields[0]].type == ENTC_TEXT)
        return canonical_text(type, given, ret_id, reterr);
    return canonical_int64(type, given, ret_id, reterr);
}
