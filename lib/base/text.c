/* Numbers, names and UTF-8. Reading is strict: one number has one spelling, so that one id has one
 * key, and text that is accepted here is accepted by PostgreSQL and by every JSON parser. The
 * locale is never asked. */
#include "base.h"

#define ONES 0x0101010101010101u
#define HIGH_BITS (ONES * 0x80u)

size_t text_from_int64(char out[TEXT_INT64_MAX], int64_t number)
{
    char digits[TEXT_INT64_MAX];
    size_t count = 0;
    size_t length = 0;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (number < 0)
        out[length++] = '-';
    while (count)
        out[length++] = digits[--count];
    return length;
}

bool text_to_int64(const char *text, size_t length, int64_t *ret_number)
{
    const bool negative = length > 0 && text[0] == '-';
    const uint64_t limit = (uint64_t)INT64_MAX + negative;
    uint64_t number = 0;
    size_t at = negative;

    if (at == length || length > TEXT_INT64_MAX)
        return false;
    if (text[at] == '0' && length > 1) /* "007", "-0" */
        return false;
    for (; at < length; at++) {
        const unsigned digit = (unsigned)(unsigned char)text[at] - '0';

        if (digit > 9 || number > (limit - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    /* Through -1 - x, because -(INT64_MIN) does not exist. */
    *ret_number = negative && number ? -1 - (int64_t)(number - 1) : (int64_t)number;
    return true;
}

/* Which second bytes a first byte admits: this is where RFC 3629 excludes overlong forms,
 * surrogates and what is above U+10FFFF (its section 4; Unicode, table 3-7). Later bytes
 * are 80..BF. */
struct lead {
    uint8_t length; /* 0: no character begins so */
    uint8_t second_low;
    uint8_t second_high;
};

static struct lead read_lead(unsigned char byte)
{
    if (byte < 0x80)
        return (struct lead){1, 0, 0};
    if (byte < 0xC2 || byte > 0xF4)
        return (struct lead){0, 0, 0};
    if (byte < 0xE0)
        return (struct lead){2, 0x80, 0xBF};
    if (byte < 0xF0)
        return (struct lead){3, byte == 0xE0 ? 0xA0 : 0x80, byte == 0xED ? 0x9F : 0xBF};
    return (struct lead){4, byte == 0xF0 ? 0x90 : 0x80, byte == 0xF4 ? 0x8F : 0xBF};
}

/* Bytes of the character at `at`, of which `left` > 0 are there; 0 when it is none. `ret_cut` tells
 * whether it could become one with more bytes behind the end. */
static size_t character_length(const unsigned char *at, size_t left, bool *ret_cut)
{
    const struct lead lead = read_lead(at[0]);
    const size_t there = left < lead.length ? left : lead.length;

    *ret_cut = false;
    for (size_t i = 1; i < there; i++) {
        const unsigned char low = i == 1 ? lead.second_low : 0x80;
        const unsigned char high = i == 1 ? lead.second_high : 0xBF;

        if (at[i] < low || at[i] > high)
            return 0;
    }
    *ret_cut = there < lead.length;
    return *ret_cut ? 0 : lead.length;
}

bool text_is_utf8(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t left = length;

    while (left > 0) {
        size_t step = 8;
        uint64_t eight = HIGH_BITS;
        bool cut;

        if (left >= sizeof(eight))
            memcpy(&eight, at, sizeof(eight));
        if (eight & HIGH_BITS)
            step = character_length(at, left, &cut);
        if (step == 0)
            return false;
        at += step;
        left -= step;
    }
    return true;
}

size_t text_one_line(char *text)
{
    unsigned char *bytes = (unsigned char *)text;
    size_t length = strlen(text);
    size_t at = 0;

    while (at < length) {
        bool cut;
        const size_t step = character_length(bytes + at, length - at, &cut);

        if (cut)
            length = at;
        else if (step == 0)
            bytes[at] = '?';
        else if (bytes[at] < 0x20 || bytes[at] == 0x7F)
            bytes[at] = ' ';
        at += step ? step : 1;
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    text[length] = '\0';
    return length;
}

static bool is_name_start(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool text_is_name(const char *text, size_t longest)
{
    size_t length = 0;

    if (!text || !is_name_start(text[0]))
        return false;
    for (; text[length]; length++)
        if (length == longest ||
            !(is_name_start(text[length]) || (text[length] >= '0' && text[length] <= '9')))
            return false;
    return length <= longest;
}
