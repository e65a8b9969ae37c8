/* Bytes and UUIDs as text. Base64 is RFC 4648, section 4: the usual alphabet, padded, and read
 * strictly, so that one text stands for each run of bytes: no white space, nothing behind the
 * padding, no bits set that are not part of a byte. UUIDs are written as RFC 9562 does. */
#include "codec/codec.h"
#include "codec/json.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- base64 ---- */

size_t json_base64_length(size_t length)
{
    return (length + 2) / 3 * 4;
}

void json_base64_write(char *out, const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes;
    uint32_t group;

    for (; length >= 3; length -= 3, at += 3, out += 4) {
        group = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
        out[0] = alphabet[group >> 18];
        out[1] = alphabet[group >> 12 & 63];
        out[2] = alphabet[group >> 6 & 63];
        out[3] = alphabet[group & 63];
    }
    if (length == 0)
        return;
    group = (uint32_t)at[0] << 16 | (length == 2 ? (uint32_t)at[1] << 8 : 0);
    out[0] = alphabet[group >> 18];
    out[1] = alphabet[group >> 12 & 63];
    out[2] = length == 2 ? alphabet[group >> 6 & 63] : '=';
    out[3] = '=';
}

/* Six bits, or at least 64 for a character that is none of the alphabet's. */
static uint32_t sextet(char c)
{
    static const uint8_t values[256] = {['A'] = 1, 2,  3,  4,  5,  6,  7,  8,          9,
                                        10,        11, 12, 13, 14, 15, 16, 17,         18,
                                        19,        20, 21, 22, 23, 24, 25, 26,         ['a'] = 27,
                                        28,        29, 30, 31, 32, 33, 34, 35,         36,
                                        37,        38, 39, 40, 41, 42, 43, 44,         45,
                                        46,        47, 48, 49, 50, 51, 52, ['0'] = 53, 54,
                                        55,        56, 57, 58, 59, 60, 61, 62,         ['+'] = 63,
                                        ['/'] = 64};

    return values[(unsigned char)c] - 1u;
}

/* Four characters that are no padding; false when one is not of the alphabet. */
static bool read_group(const char *text, uint32_t *ret_group)
{
    const uint32_t a = sextet(text[0]);
    const uint32_t b = sextet(text[1]);
    const uint32_t c = sextet(text[2]);
    const uint32_t d = sextet(text[3]);

    *ret_group = a << 18 | b << 12 | c << 6 | d;
    return (a | b | c | d) < 64;
}

/* The last four characters, one or two of which are padding. */
static bool read_padded(const char *text, char *out, size_t *ret_length)
{
    const size_t length = text[2] == '=' ? 1 : 2;
    const char plain[4] = {text[0], text[1], length == 2 ? text[2] : 'A', 'A'};
    uint32_t group;

    if (!read_group(plain, &group) || (group & (length == 2 ? 0xFFu : 0xFFFFu)))
        return false;
    out[0] = (char)(group >> 16);
    if (length == 2)
        out[1] = (char)(group >> 8);
    *ret_length = length;
    return true;
}

bool json_base64_read(char *text, size_t length, size_t *ret_length)
{
    const bool is_padded = length >= 4 && text[length - 1] == '=';
    const size_t whole = is_padded ? length - 4 : length;
    char *out = text;
    size_t rest = 0;
    uint32_t group;

    if (length % 4 != 0)
        return false;
    for (size_t i = 0; i < whole; i += 4, out += 3) {
        if (!read_group(text + i, &group))
            return false;
        out[0] = (char)(group >> 16);
        out[1] = (char)(group >> 8);
        out[2] = (char)group;
    }
    if (is_padded && !read_padded(text + whole, out, &rest))
        return false;
    *ret_length = (size_t)(out - text) + rest;
    return true;
}

/* ---- UUID ---- */

/* Where the two digits of each byte stand. */
static const uint8_t places[SCHEMA_UUID_SIZE] = {0,  2,  4,  6,  9,  11, 14, 16,
                                                 19, 21, 24, 26, 28, 30, 32, 34};

void codec_uuid_text(char out[CODEC_UUID_LENGTH], const uint8_t uuid[16])
{
    static const char hex[] = "0123456789abcdef";

    out[8] = out[13] = out[18] = out[23] = '-';
    for (size_t i = 0; i < SCHEMA_UUID_SIZE; i++) {
        out[places[i]] = hex[uuid[i] >> 4];
        out[places[i] + 1] = hex[uuid[i] & 15];
    }
}

/* 0 to 15, or at least 16 for a character that is no digit. */
static uint32_t nibble(char c)
{
    static const uint8_t values[256] = {
        ['0'] = 1, 2,  3,  4,  5,  6,          7,  8,  9,  10, ['A'] = 11,
        12,        13, 14, 15, 16, ['a'] = 11, 12, 13, 14, 15, 16};

    return values[(unsigned char)c] - 1u;
}

bool codec_uuid_parse(const char *text, size_t length, uint8_t ret_uuid[16])
{
    uint8_t uuid[SCHEMA_UUID_SIZE];
    uint32_t seen = 0;

    if (length != CODEC_UUID_LENGTH || text[8] != '-' || text[13] != '-' || text[18] != '-' ||
        text[23] != '-')
        return false;
    for (size_t i = 0; i < SCHEMA_UUID_SIZE; i++) {
        const uint32_t high = nibble(text[places[i]]);
        const uint32_t low = nibble(text[places[i] + 1]);

        seen |= high | low;
        uuid[i] = (uint8_t)(high << 4 | low);
    }
    if (seen >= 16)
        return false;
    memcpy(ret_uuid, uuid, sizeof(uuid));
    return true;
}
