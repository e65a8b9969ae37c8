/* Cursors: the position of a row in the order of its list, as opaque text. They come back from
 * strangers, so they are read strictly: bounded, every byte accounted for, and bound by a
 * fingerprint to the list that wrote them. A checksum tells a spoilt one from another list's; it
 * is no secret, so what is in a cursor is still only a value that the database compares.
 *
 * Base64url (RFC 4648, section 5) without padding of: the format's number; the fingerprint; of each
 * value its length plus one in two bytes, 0 for NULL, and its text; a checksum of all that. Numbers
 * have their highest byte first. */
#include "relation/pages.h"

#define FORMAT 1
#define HEAD_BYTES 9
#define CHECKSUM_BYTES 8

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The same in every process, because cursors outlive it. */
static uint64_t checksum(const char *bytes, size_t length)
{
    static const struct hash_key key = {UINT64_C(0x656e74635f637572), FORMAT};

    return hash_bytes(&key, bytes, length);
}

static void append_uint64(struct buffer *buffer, uint64_t number)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        buffer_append_char(buffer, (char)(unsigned char)(number >> shift));
}

static uint64_t get_uint64(const char *bytes)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | (unsigned char)bytes[i];
    return number;
}

/* ---- base64url ---- */

static void append_base64(struct buffer *text, const char *bytes, size_t length)
{
    uint32_t bits = 0;
    int count = 0;

    for (size_t i = 0; i < length; i++) {
        bits = bits << 8 | (unsigned char)bytes[i];
        for (count += 8; count >= 6; count -= 6)
            buffer_append_char(text, alphabet[bits >> (count - 6) & 63]);
    }
    if (count > 0)
        buffer_append_char(text, alphabet[bits << (6 - count) & 63]);
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* False for what append_base64() would not write. */
static bool read_base64(const char *text, size_t length, char *bytes, size_t *ret_length)
{
    uint32_t bits = 0;
    int count = 0;
    size_t at = 0;

    for (size_t i = 0; i < length; i++) {
        const int digit = digit_of(text[i]);

        if (digit < 0)
            return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[at++] = (char)(unsigned char)(bits >> count);
        }
    }
    *ret_length = at;
    return count < 6 && (bits & ((1u << count) - 1)) == 0;
}

/* ---- writing ---- */

static void append_value(struct buffer *bytes, const entc_value *value)
{
    const size_t start = bytes->length;
    size_t length = 0;

    buffer_append(bytes, "\0\0", 2);
    if (value->type == ENTC_NULL)
        return;
    relation_value_text(bytes, value);
    if (bytes->failed)
        return;
    /* A longer one is refused as a whole. */
    length = bytes->length - start - 2 + 1;
    bytes->bytes[start] = (char)(unsigned char)(length >> 8 & 0xff);
    bytes->bytes[start + 1] = (char)(unsigned char)(length & 0xff);
}

entc_status relation_cursor_write(struct buffer *text, uint64_t fingerprint,
                                  const struct cursor_position *position, entc_error **reterr)
{
    entc_status status = ENTC_OK;
    struct buffer bytes;

    buffer_init(&bytes, text->allocator);
    buffer_append_char(&bytes, FORMAT);
    append_uint64(&bytes, fingerprint);
    for (size_t i = 0; i < position->count; i++)
        append_value(&bytes, &position->values[i]);
    append_uint64(&bytes, checksum(bytes.bytes, bytes.length));
    if (!bytes.failed && bytes.length > CURSOR_BYTES_MAX) {
        status = error_set(reterr, ENTC_E_UNSUPPORTED, "argument",
                           "the values of key and order have %zu bytes, too many for a cursor",
                           bytes.length);
        error_hint(reterr, "order by columns whose values are shorter");
    } else {
        append_base64(text, bytes.bytes, bytes.length);
        if (bytes.failed || text->failed)
            status = error_no_memory(reterr);
    }
    buffer_fini(&bytes);
    return status;
}

/* ---- reading ---- */

static entc_status refuse_spoilt(const char *name, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument", "%s is no cursor, or was changed on its way",
              name);
    error_hint(reterr, "pass on the text of entc_page_cursor() as it is");
    return ENTC_E_INVALID;
}

static entc_status refuse_foreign(const char *name, entc_error **reterr)
{
    error_set(reterr, ENTC_E_INVALID, "argument",
              "%s is a cursor of another list, or of one with another order or other filters",
              name);
    error_hint(reterr, "pass a cursor of this list, asked with the same order and with filters on "
                       "the same columns, or none to begin anew");
    return ENTC_E_INVALID;
}

static bool read_value(struct span *rest, entc_value *ret_value)
{
    size_t length = 0;

    if (rest->length < 2)
        return false;
    length = (size_t)((unsigned char)rest->bytes[0] << 8 | (unsigned char)rest->bytes[1]);
    rest->bytes += 2;
    rest->length -= 2;
    memset(ret_value, 0, sizeof(*ret_value));
    if (length == 0)
        return true;
    if (--length > rest->length)
        return false;
    ret_value->type = ENTC_TEXT;
    ret_value->length = (uint32_t)length;
    ret_value->as.text = rest->bytes;
    rest->bytes += length;
    rest->length -= length;
    return memchr(ret_value->as.text, '\0', length) == NULL &&
           text_is_utf8(ret_value->as.text, length);
}

entc_status relation_cursor_read(const char *text, const struct cursor_wanted *wanted, char *bytes,
                                 entc_value *ret_values, entc_error **reterr)
{
    const size_t text_length = strnlen(text, CURSOR_TEXT_MAX + 1);
    struct span rest = {bytes, 0};

    if (text_length > CURSOR_TEXT_MAX || !read_base64(text, text_length, bytes, &rest.length) ||
        rest.length < HEAD_BYTES + CHECKSUM_BYTES)
        return refuse_spoilt(wanted->name, reterr);
    rest.length -= CHECKSUM_BYTES;
    if (get_uint64(bytes + rest.length) != checksum(bytes, rest.length) || bytes[0] != FORMAT)
        return refuse_spoilt(wanted->name, reterr);
    if (get_uint64(bytes + 1) != wanted->fingerprint)
        return refuse_foreign(wanted->name, reterr);
    rest.bytes += HEAD_BYTES;
    rest.length -= HEAD_BYTES;
    for (size_t i = 0; i < wanted->count; i++)
        if (!read_value(&rest, &ret_values[i]) ||
            (i < wanted->keys && ret_values[i].type == ENTC_NULL))
            return refuse_spoilt(wanted->name, reterr);
    return rest.length == 0 ? ENTC_OK : refuse_spoilt(wanted->name, reterr);
}
