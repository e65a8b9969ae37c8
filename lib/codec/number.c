/* Numbers in JSON, and the double that a decimal stands for. A result is always the nearest double:
 * by arithmetic for up to 19 digits, by strtod() for more, and for what is next to 0 or infinity.
 * The locale plays no part, since strtod() is never shown a decimal point. */
#include "codec/codec.h"
#include "codec/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Below it one more digit still fits 64 bits. */
#define DIGITS_FULL 1000000000000000000u
/* Far above what a number of any length in memory needs, far below overflow. */
#define EXPONENT_MAX 1000000000000

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* A run of digits; what does not fit 19 of them only counts for the magnitude. */
static const char *read_digits(const char *at, const char *end, struct json_number *number)
{
    for (; is_digit(at, end); at++) {
        if (number->digits < DIGITS_FULL) {
            number->digits = number->digits * 10 + (uint64_t)(*at - '0');
        } else {
            number->is_cut = true;
            number->exponent++;
        }
    }
    return at;
}

static const char *read_fraction(const char *at, const char *end, struct json_number *number)
{
    const char *begin = at;

    at = read_digits(at, end, number);
    number->exponent -= at - begin;
    number->is_integer = false;
    return at > begin ? at : NULL;
}

static const char *read_exponent(const char *at, const char *end, struct json_number *number)
{
    const bool is_negative = at < end && *at == '-';
    int64_t exponent = 0;

    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (!is_digit(at, end))
        return NULL;
    for (; is_digit(at, end); at++) {
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*at - '0');
    }
    number->exponent += is_negative ? -exponent : exponent;
    number->is_integer = false;
    return at;
}

const char *json_number(const char *at, const char *end, struct json_number *ret_number)
{
    struct json_number number = {.is_integer = true};
    const char *first;

    number.is_negative = at < end && *at == '-';
    first = at + number.is_negative;
    at = read_digits(first, end, &number);
    if (at == first || (*first == '0' && at - first > 1))
        return NULL;
    if (at < end && *at == '.')
        at = read_fraction(at + 1, end, &number);
    if (at && at < end && (*at == 'e' || *at == 'E'))
        at = read_exponent(at + 1, end, &number);
    *ret_number = number;
    return at;
}

/* ---- the double ---- */

/* W. D. Clinger, "How to Read Floating Point Numbers Accurately" (1990): digits and power are both
 * exact doubles, so one operation rounds once. Only where doubles are computed as doubles. */
static bool exact_double(const struct json_number *number, double *ret_number)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int64_t exponent = number->exponent;
    double result = (double)number->digits;

    if (number->digits == 0) {
        *ret_number = number->is_negative ? -0.0 : 0.0;
        return true;
    }
    if (FLT_EVAL_METHOD != 0 || number->is_cut || number->digits > (uint64_t)1 << DBL_MANT_DIG ||
        exponent < -22 || exponent > 22)
        return false;
    result = exponent < 0 ? result / powers[-exponent] : result * powers[exponent];
    *ret_number = number->is_negative ? -result : result;
    return true;
}

/* M. Mushtak and D. Lemire, "Fast Number Parsing Without Fallback" (2022), after D. Lemire, "Number
 * Parsing at a Gigabyte per Second" (2021), section 5: the first 64 bits of digits * 10^exponent,
 * and what is below them as far as it can matter. False for what is subnormal or overflows, which
 * strtod() may have. */
static bool near_double(const struct json_number *number, double *ret_number)
{
    const int32_t exponent = (int32_t)number->exponent;
    const int32_t shift = __builtin_clzll(number->digits);
    const uint64_t digits = number->digits << shift;
    struct json_wide power = json_power_of_ten(exponent);
    struct json_wide product;
    uint64_t bits;
    int32_t upper;
    int32_t biased;

    /* Reciprocals of powers of five that fit 64 bits are rounded up there, all others down. */
    power.low += exponent < 0 && exponent >= -27;
    product = json_multiply(digits, power.high);
    if ((product.high & 0x1FF) == 0x1FF) {
        const uint64_t rest = json_multiply(digits, power.low).high;

        product.low += rest;
        product.high += product.low < rest;
    }
    upper = (int32_t)(product.high >> 63);
    bits = product.high >> (upper + 9);
    biased = ((217706 * exponent) >> 16) + 63 + upper - shift + 1023;
    if (biased <= 0 || biased >= 2046)
        return false;
    /* Just half way: the last bit decides, unless bits were cut off below. */
    if (product.low <= 1 && exponent >= -4 && exponent <= 23 && (bits & 3) == 1 &&
        bits << (upper + 9) == product.high)
        bits--;
    bits = (bits + (bits & 1)) >> 1;
    biased += (int32_t)(bits >> DBL_MANT_DIG);
    bits = (bits & (((uint64_t)1 << (DBL_MANT_DIG - 1)) - 1)) | (uint64_t)biased
                                                                    << (DBL_MANT_DIG - 1);
    bits |= (uint64_t)number->is_negative << 63;
    memcpy(ret_number, &bits, sizeof(bits));
    return true;
}

/* No double lies on or beside a boundary that takes more digits than this to tell. */
#define DIGITS_DECISIVE 800
#define PLAIN_SIZE (DIGITS_DECISIVE + 32)

/* The same number as an integer with an exponent, for strtod(): no point, no leading zeros, at most
 * DIGITS_DECISIVE digits and then a 1 for all that follow if any of them is not 0. */
static void write_plain(char out[PLAIN_SIZE], const char *at, const char *end)
{
    size_t count = 0;
    bool is_fraction = false;
    bool has_rest = false;
    struct json_number power = {0};
    size_t length = 0;

    if (*at == '-')
        out[length++] = *at++;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            is_fraction = true;
            continue;
        }
        if (count == DIGITS_DECISIVE) {
            has_rest |= *at != '0';
            power.exponent += !is_fraction;
            continue;
        }
        power.exponent -= is_fraction;
        if (count > 0 || *at != '0') {
            out[length++] = *at;
            count++;
        }
    }
    if (has_rest) {
        out[length++] = '1';
        power.exponent--;
    }
    if (at < end)
        read_exponent(at + 1, end, &power);
    snprintf(out + length, PLAIN_SIZE - length, "e%lld", (long long)power.exponent);
}

bool json_double(const char *at, const char *end, const struct json_number *number,
                 double *ret_number)
{
    char plain[PLAIN_SIZE];
    double result = 0;

    if (exact_double(number, ret_number))
        return true;
    if (!number->is_cut && number->exponent >= JSON_POWER_MIN &&
        number->exponent <= DBL_MAX_10_EXP && near_double(number, ret_number))
        return true;
    write_plain(plain, at, end);
    result = strtod(plain, NULL);
    if (isinf(result))
        return false;
    *ret_number = result;
    return true;
}

bool codec_double_parse(const char *text, size_t length, double *ret_number)
{
    const char *end = text + length;
    struct json_number number;

    return length > 0 && json_number(text, end, &number) == end &&
           json_double(text, end, &number, ret_number);
}
