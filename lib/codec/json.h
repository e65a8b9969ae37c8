/* JSON's tokens (RFC 8259), read strictly; for this room only.
 *
 * Every reader takes the place where its token begins and returns the place behind it, or NULL when
 * the bytes are not strict JSON. Nothing is read at `end` or behind it, and no NUL is needed there.
 */
#ifndef ENTC_CODEC_JSON_H
#define ENTC_CODEC_JSON_H

#include "base/base.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_ONES 0x0101010101010101u
#define JSON_HIGH_BITS (JSON_ONES * 0x80u)

/* ---- bytes, eight at a time ---- */

static inline uint64_t json_load8(const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

static inline uint32_t json_load4(const char *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* The high bit of each byte that JSON escapes: controls, quote, backslash. Exact for the first of
 * them in memory order, which is all that is asked; above it a borrow may set more (Mycroft's test,
 * see "Bit Twiddling Hacks", S. E. Anderson). Little-endian: the first byte is the lowest. */
static inline uint64_t json_special(uint64_t word)
{
    const uint64_t quote = word ^ (JSON_ONES * '"');
    const uint64_t backslash = word ^ (JSON_ONES * '\\');

    return ((word - JSON_ONES * 0x20) | (quote - JSON_ONES) | (backslash - JSON_ONES)) & ~word &
           JSON_HIGH_BITS;
}

static inline bool json_is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

#ifdef __SSE2__
/* A bit for each of sixteen bytes that JSON escapes. */
static inline unsigned json_special16(__m128i bytes)
{
    const __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, backslashes), controls));
}
#endif

/* Copies bytes from `from` to `to` up to the first that JSON escapes, or `end`, and returns how
 * many. `to` has room for as many as are left; some of them may be scribbled on behind the copy.
 * Bits of all copied bytes are added to *seen, so that `*seen & JSON_HIGH_BITS` tells text that is
 * not ASCII and must be proved to be UTF-8. */
static inline size_t json_copy_plain(const char *from, const char *end, char *to, uint64_t *seen)
{
    const char *at = from;

#ifdef __SSE2__
    while (end - at >= 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        const unsigned special = json_special16(bytes);
        const unsigned high = (unsigned)_mm_movemask_epi8(bytes);

        _mm_storeu_si128((__m128i *)(void *)(to + (at - from)), bytes);
        if (high & (special ^ (special - 1)))
            *seen |= JSON_HIGH_BITS;
        if (special)
            return (size_t)(at - from) + (size_t)__builtin_ctz(special);
        at += 16;
    }
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        const uint64_t word = json_load8(at);
        const uint64_t special = json_special(word);

        memcpy(to + (at - from), &word, sizeof(word));
        if (special) {
            *seen |= word & (special ^ (special - 1));
            return (size_t)(at - from) + ((size_t)__builtin_ctzll(special) >> 3);
        }
        *seen |= word;
        at += 8;
    }
#endif
    for (; at < end && json_is_plain((unsigned char)*at); at++) {
        to[at - from] = *at;
        *seen |= (unsigned char)*at;
    }
    return (size_t)(at - from);
}

/* Both for `length` of at least 4, as the shortest member name in quotes with its colon has. */
static inline bool json_same(const char *a, const char *b, size_t length)
{
    size_t at = 0;

    if (length < 8)
        return json_load4(a) == json_load4(b) &&
               json_load4(a + length - 4) == json_load4(b + length - 4);
    for (; at + 8 < length; at += 8) {
        if (json_load8(a + at) != json_load8(b + at))
            return false;
    }
    return json_load8(a + length - 8) == json_load8(b + length - 8);
}

static inline void json_copy(char *to, const char *from, size_t length)
{
    size_t at = 0;

    if (length < 8) {
        memcpy(to, from, 4);
        memcpy(to + length - 4, from + length - 4, 4);
        return;
    }
    for (; at + 8 < length; at += 8)
        memcpy(to + at, from + at, 8);
    memcpy(to + length - 8, from + length - 8, 8);
}

/* ---- tokens ---- */

const char *json_skip_space(const char *at, const char *end);

static inline const char *json_space(const char *at, const char *end)
{
    if (at < end && (unsigned char)*at <= ' ')
        return json_skip_space(at, end);
    return at;
}

/* Whether the bytes at `at` are `literal`, which is true, false or null. */
static inline bool json_is_literal(const char *at, const char *end, const char *literal,
                                   size_t length)
{
    return (size_t)(end - at) >= length && memcmp(at, literal, length) == 0;
}

struct json_text {
    size_t length;
    bool has_nul; /* "\u0000" was in it */
};

/* `at` is behind the opening quote. Writes the text without escapes to `out`, which has room for
 * end - at bytes: unescaped, it is never longer. */
const char *json_string(const char *at, const char *end, char *out, struct json_text *ret_text);

struct json_number {
    uint64_t digits;  /* the first 19 significant ones */
    int64_t exponent; /* of ten: the number is digits * 10^exponent while all digits are there */
    bool is_negative;
    bool is_integer; /* neither fraction nor exponent */
    bool is_cut;     /* there are more digits */
};

const char *json_number(const char *at, const char *end, struct json_number *ret_number);
/* The value of the token [at, end), which json_number() read. False when it overflows a double. */
bool json_double(const char *at, const char *end, const struct json_number *number,
                 double *ret_number);

/* Any value, checked and dropped; `depth` arrays and objects are open around it. `scratch` has room
 * for end - at bytes. */
const char *json_value(const char *at, const char *end, unsigned depth, char *scratch);

/* ---- bytes in strings ---- */

/* Characters that so many bytes take. */
size_t json_base64_length(size_t length);
void json_base64_write(char *out, const char *bytes, size_t length);
/* In place. False for what json_base64_write() would not write; then the text is spoilt. */
bool json_base64_read(char *text, size_t length, size_t *ret_length);

/* ---- doubles ---- */

/* 128 bits. */
struct json_wide {
    uint64_t high;
    uint64_t low;
};

static inline struct json_wide json_multiply(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ const unsigned __int128 product = (unsigned __int128)a * b;

    return (struct json_wide){(uint64_t)(product >> 64), (uint64_t)product};
#else
    const uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
    const uint64_t one = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
    const uint64_t other = (a & UINT32_MAX) * (b >> 32) + (one & UINT32_MAX);

    return (struct json_wide){(a >> 32) * (b >> 32) + (one >> 32) + (other >> 32),
                              other << 32 | (low & UINT32_MAX)};
#endif
}

#define JSON_POWER_MIN (-342)
#define JSON_POWER_MAX 324
/* The first 128 bits of 10^exponent, the highest of them set, the rest cut off; exact for 0 to 55.
 */
struct json_wide json_power_of_ten(int32_t exponent);

#endif
