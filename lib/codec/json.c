/* JSON's tokens: strings and whole values. What is accepted here is exactly RFC 8259 in UTF-8, to a
 * depth that bounds the recursion; a peer that writes anything else is not trusted with the rest of
 * its bytes either. */
#include "codec/json.h"
#include "codec/codec.h"

const char *json_skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hexadecimal digits, or -1. */
static int32_t read_hex4(const char *at, const char *end)
{
    int32_t unit = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const int digit = hex_digit(at[i]);

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t write_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

#define IS_HIGH_SURROGATE(unit) ((unit) >= 0xD800 && (unit) <= 0xDBFF)
#define IS_LOW_SURROGATE(unit) ((unit) >= 0xDC00 && (unit) <= 0xDFFF)

/* Behind `\u`: one code unit, or a pair of surrogates. A lone surrogate is no character. */
static const char *read_unicode(const char *at, const char *end, uint32_t *ret_point)
{
    const int32_t unit = read_hex4(at, end);
    int32_t low;

    if (unit < 0 || IS_LOW_SURROGATE(unit))
        return NULL;
    at += 4;
    *ret_point = (uint32_t)unit;
    if (!IS_HIGH_SURROGATE(unit))
        return at;
    if (end - at < 2 || at[0] != '\\' || at[1] != 'u')
        return NULL;
    low = read_hex4(at + 2, end);
    if (!IS_LOW_SURROGATE(low))
        return NULL;
    *ret_point = 0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return at + 6;
}

/* What stands for itself or for a control character behind a backslash; 0 for anything else. */
static char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* `at` is behind the backslash. Writes to *out and moves it on. */
static const char *read_escape(const char *at, const char *end, char **out, bool *has_nul)
{
    uint32_t point = 0;
    char simple;

    if (at == end)
        return NULL;
    simple = simple_escape(*at);
    if (simple) {
        *(*out)++ = simple;
        return at + 1;
    }
    if (*at != 'u')
        return NULL;
    at = read_unicode(at + 1, end, &point);
    if (!at)
        return NULL;
    *has_nul |= point == 0;
    *out += write_utf8(*out, point);
    return at;
}

/* Text is proved to be UTF-8 after unescaping, at once and only if it is not ASCII: an escape gives
 * whole characters, so it can neither complete a broken one beside it nor hide it. */
const char *json_string(const char *at, const char *end, char *out, struct json_text *ret_text)
{
    char *to = out;
    uint64_t seen = 0;

    ret_text->has_nul = false;
    for (;;) {
        const size_t plain = json_copy_plain(at, end, to, &seen);

        at += plain;
        to += plain;
        if (at == end)
            return NULL;
        if (*at == '"')
            break;
        if (*at != '\\')
            return NULL;
        at = read_escape(at + 1, end, &to, &ret_text->has_nul);
        if (!at)
            return NULL;
    }
    ret_text->length = (size_t)(to - out);
    if ((seen & JSON_HIGH_BITS) && !text_is_utf8(out, ret_text->length))
        return NULL;
    return at + 1;
}

/* ---- whole values ---- */

/* One `"name":` of an object. */
static const char *skip_name(const char *at, const char *end, char *scratch)
{
    struct json_text name;

    if (at == end || *at != '"')
        return NULL;
    at = json_string(at + 1, end, scratch, &name);
    if (!at)
        return NULL;
    at = json_space(at, end);
    return at < end && *at == ':' ? at + 1 : NULL;
}

/* `at` is behind the bracket or brace; `close` ends the container, and says which one it is. */
static const char *skip_container(const char *at, const char *end, char close, unsigned depth,
                                  char *scratch)
{
    at = json_space(at, end);
    if (at < end && *at == close)
        return at + 1;
    for (;;) {
        if (close == '}')
            at = skip_name(at, end, scratch);
        if (at)
            at = json_value(json_space(at, end), end, depth, scratch);
        if (!at)
            return NULL;
        at = json_space(at, end);
        if (at == end)
            return NULL;
        if (*at == close)
            return at + 1;
        if (*at != ',')
            return NULL;
        at = json_space(at + 1, end);
    }
}

static const char *skip_literal(const char *at, const char *end, const char *literal, size_t length)
{
    return json_is_literal(at, end, literal, length) ? at + length : NULL;
}

const char *json_value(const char *at, const char *end, unsigned depth, char *scratch)
{
    struct json_text text;
    struct json_number number;

    if (at == end)
        return NULL;
    switch (*at) {
    case '{':
    case '[':
        if (depth == CODEC_DEPTH_MAX)
            return NULL;
        return skip_container(at + 1, end, *at == '{' ? '}' : ']', depth + 1, scratch);
    case '"':
        return json_string(at + 1, end, scratch, &text);
    case 't':
        return skip_literal(at, end, "true", 4);
    case 'f':
        return skip_literal(at, end, "false", 5);
    case 'n':
        return skip_literal(at, end, "null", 4);
    default:
        return json_number(at, end, &number);
    }
}
