/* Values of the host as text that PostgreSQL reads, whatever type their column has, and whatever
 * DateStyle its session: times in the form of ISO 8601, bytes in hexadecimal. */
#include "relation/pages.h"

static entc_status refuse(entc_error **reterr, const char *what, const char *why, const char *cure)
{
    error_set(reterr, ENTC_E_INVALID, "argument", "%s %s", what, why);
    error_hint(reterr, "%s", cure);
    return ENTC_E_INVALID;
}

static bool is_date(int64_t days)
{
    char text[CODEC_DATE_MAX];

    return days >= INT32_MIN && days <= INT32_MAX && codec_date_text(text, (int32_t)days) > 0;
}

entc_status relation_check_value(const entc_value *value, const char *what, entc_error **reterr)
{
    switch (value->type) {
    case ENTC_BOOL:
    case ENTC_INT64:
    case ENTC_DOUBLE:
    case ENTC_TIMESTAMP:
    case ENTC_UUID:
        return ENTC_OK;
    case ENTC_DATE:
        return is_date(value->as.int64)
                   ? ENTC_OK
                   : refuse(reterr, what, "is no day that PostgreSQL knows",
                            "give days since 1970-01-01, from 4714-11-24 BC to 5874897-12-31");
    case ENTC_BYTES:
    case ENTC_TEXT:
    case ENTC_JSON:
        break;
    case ENTC_NULL:
        return ENTC_OK;
    default:
        return refuse(reterr, what, "has a type that is none",
                      "fill it by an entc_value_ function");
    }
    if (value->length > 0 && !value->as.text)
        return refuse(reterr, what, "has a length but no text",
                      "fill it by an entc_value_ function");
    if (value->type == ENTC_BYTES || value->length == 0)
        return ENTC_OK;
    if (memchr(value->as.text, '\0', value->length) || !text_is_utf8(value->as.text, value->length))
        return refuse(reterr, what, "is not UTF-8, or holds a NUL byte, which no text column can",
                      "pass bytes as ENTC_BYTES");
    return ENTC_OK;
}

/* The codec's years outside 0000 to 9999 have a sign and six digits, and year 0 is 1 BC. PostgreSQL
 * reads years without a sign, of any length, and BC behind. */
static void append_time(struct buffer *text, const char *time, size_t length)
{
    const bool is_signed = time[0] == '+' || (time[0] == '-' && time[1] != 'i');
    const bool is_before = time[0] == '-' || memcmp(time, "0000", 4) == 0;
    size_t digits = is_signed ? 1 : 0;
    unsigned year = 0;

    if ((time[0] < '0' || time[0] > '9') && !is_signed) {
        buffer_append(text, time, length);
        return;
    }
    for (; digits < length && time[digits] >= '0' && time[digits] <= '9'; digits++)
        year = year * 10 + (unsigned)(time[digits] - '0');
    buffer_append_format(text, "%04u", is_before ? year + 1 : year);
    buffer_append(text, time + digits, length - digits);
    buffer_append_text(text, is_before ? " BC" : "");
}

static void append_hexadecimal(struct buffer *text, const entc_value *value)
{
    static const char digits[] = "0123456789abcdef";

    buffer_append_text(text, "\\x");
    for (size_t i = 0; i < value->length; i++) {
        const unsigned char byte = (unsigned char)value->as.text[i];

        buffer_append_char(text, digits[byte >> 4]);
        buffer_append_char(text, digits[byte & 15]);
    }
}

void relation_value_text(struct buffer *text, const entc_value *value)
{
    char room[CODEC_TIMESTAMP_MAX + CODEC_UUID_LENGTH];

    switch (value->type) {
    case ENTC_BOOL:
        buffer_append_text(text, value->as.int64 ? "true" : "false");
        break;
    case ENTC_DOUBLE:
        buffer_append(text, room, codec_double_text(room, value->as.real));
        break;
    case ENTC_TIMESTAMP:
        append_time(text, room, codec_timestamp_text(room, value->as.int64));
        break;
    case ENTC_DATE:
        append_time(text, room, codec_date_text(room, (int32_t)value->as.int64));
        break;
    case ENTC_UUID:
        codec_uuid_text(room, value->as.bytes);
        buffer_append(text, room, CODEC_UUID_LENGTH);
        break;
    case ENTC_BYTES:
        append_hexadecimal(text, value);
        break;
    case ENTC_TEXT:
    case ENTC_JSON:
        buffer_append(text, value->as.text, value->length);
        break;
    default:
        buffer_append_int64(text, value->as.int64);
        break;
    }
}
