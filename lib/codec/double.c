/* The shortest decimal that reads back as the same double, in ECMAScript's form: what
 * JSON.stringify writes, so every language writes the same bytes. Of several shortest ones it is
 * the closest. */
#include "codec/codec.h"
#include "codec/json.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct decimal {
    uint64_t digits;  /* no trailing zeros; at most 17 digits */
    int32_t exponent; /* the number is digits * 10^exponent */
};

static void strip_zeros(struct decimal *decimal)
{
    while (decimal->digits % 10 == 0) {
        decimal->digits /= 10;
        decimal->exponent++;
    }
}

/* ---- finding the digits of a positive, finite number ---- */

#define EXACT_INTEGER_END 9007199254740992.0 /* 2^53: below it every integer is a double */

static bool integer_decimal(double number, struct decimal *ret_decimal)
{
    if (number >= EXACT_INTEGER_END || number != (double)(int64_t)number)
        return false;
    ret_decimal->digits = (uint64_t)number;
    ret_decimal->exponent = 0;
    strip_zeros(ret_decimal);
    return true;
}

#define SHORT_PLACES 6

/* Prices, ratios, coordinates: up to 15 digits and few decimals. As
 * D. M. Gay proves, "Correctly Rounded Binary-Decimal and Decimal-Binary Conversions" (1990), a
 * decimal of 15 digits is the only one of that length for its double, so it is the shortest. The
 * division is of two exact doubles, so it gives just the double that the decimal stands for. */
static bool short_decimal(double number, struct decimal *ret_decimal)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

    if (FLT_EVAL_METHOD != 0)
        return false;
    for (int32_t places = 1; places <= SHORT_PLACES; places++) {
        const double scaled = number * powers[places];
        double rounded;

        if (scaled >= 1e15)
            return false;
        rounded = (double)(int64_t)(scaled + 0.5);
        /* Two roundings lie between them, so farther apart needs no division. */
        if (fabs(scaled - rounded) > scaled * (2 * DBL_EPSILON))
            continue;
        if (rounded / powers[places] == number) {
            *ret_decimal = (struct decimal){(uint64_t)rounded, -places};
            return true;
        }
    }
    return false;
}

/* ---- any number: R. Giulietti, "The Schubfach way to render doubles" (2021), with the rounding to
 * odd of its section 9; steps and names are those of its figures 4 and 6 ---- */

static int32_t floor_log10_of_2_to(int32_t q)
{
    return (q * 1262611) >> 22;
}

static int32_t floor_log10_of_three_quarters_of_2_to(int32_t q)
{
    return (q * 1262611 - 524031) >> 22;
}

static int32_t floor_log2_of_10_to(int32_t e)
{
    return (e * 1741647) >> 19;
}

/* The upper half of g * c / 2^64, and its last bit set when anything was cut off. */
static uint64_t round_to_odd(const struct json_wide *g, uint64_t c)
{
    const struct json_wide low = json_multiply(g->low, c);
    const struct json_wide high = json_multiply(g->high, c);
    const uint64_t rest = high.low + low.high;

    return (high.high + (rest < low.high)) | (rest > 1);
}

/* 10^exponent, rounded up. */
static struct json_wide power_above(int32_t exponent)
{
    struct json_wide power = json_power_of_ten(exponent);

    if (exponent >= 0 && exponent <= 55)
        return power;
    power.low++;
    power.high += power.low == 0;
    return power;
}

/* The decimal of the fewest digits in the rounding interval of c * 2^q, and of those the closest.
 */
static struct decimal schubfach(uint64_t c, int32_t q, bool is_lower_closer)
{
    const int32_t k =
        is_lower_closer ? floor_log10_of_three_quarters_of_2_to(q) : floor_log10_of_2_to(q);
    const int32_t h = q + floor_log2_of_10_to(-k) + 1;
    const struct json_wide g = power_above(-k);
    const uint64_t is_odd = c & 1;
    const uint64_t vb = round_to_odd(&g, (4 * c) << h);
    const uint64_t lower = round_to_odd(&g, (4 * c - 2 + is_lower_closer) << h) + is_odd;
    const uint64_t upper = round_to_odd(&g, (4 * c + 2) << h) - is_odd;
    const uint64_t s = vb / 4;
    const uint64_t tens = s / 10;
    bool is_below = lower <= 40 * tens;
    bool is_above = 40 * tens + 40 <= upper;

    if (s >= 10 && is_below != is_above)
        return (struct decimal){tens + is_above, k + 1};
    is_below = lower <= 4 * s;
    is_above = 4 * s + 4 <= upper;
    if (is_below != is_above)
        return (struct decimal){s + is_above, k};
    is_above = vb > 4 * s + 2 || (vb == 4 * s + 2 && (s & 1));
    return (struct decimal){s + is_above, k};
}

#define FRACTION_BITS (DBL_MANT_DIG - 1)
#define LEAST_EXPONENT (DBL_MIN_EXP - DBL_MANT_DIG) /* of the last bit, -1074 */

static struct decimal shortest_decimal(double number)
{
    struct decimal decimal;
    uint64_t bits;
    uint64_t fraction;
    int32_t exponent;

    if (integer_decimal(number, &decimal) || short_decimal(number, &decimal))
        return decimal;
    memcpy(&bits, &number, sizeof(bits));
    fraction = bits & (((uint64_t)1 << FRACTION_BITS) - 1);
    exponent = (int32_t)(bits >> FRACTION_BITS);
    if (exponent == 0)
        decimal = schubfach(fraction, LEAST_EXPONENT, false);
    else
        decimal = schubfach(fraction | (uint64_t)1 << FRACTION_BITS, LEAST_EXPONENT + exponent - 1,
                            fraction == 0 && exponent > 1);
    strip_zeros(&decimal);
    return decimal;
}

/* ---- writing them: ECMA-262, Number::toString ---- */

static char *put_zeros(char *out, int32_t count)
{
    memset(out, '0', (size_t)count);
    return out + count;
}

static char *put(char *out, const char *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

static char *put_exponential(char *out, const char *digits, size_t count, int32_t exponent)
{
    *out++ = digits[0];
    if (count > 1) {
        *out++ = '.';
        out = put(out, digits + 1, count - 1);
    }
    *out++ = 'e';
    if (exponent > 0)
        *out++ = '+';
    return out + text_from_int64(out, exponent);
}

static char *put_decimal(char *out, const struct decimal *decimal)
{
    char digits[TEXT_INT64_MAX];
    const size_t count = text_from_int64(digits, (int64_t)decimal->digits);
    const int32_t point = (int32_t)count + decimal->exponent; /* digits before the point */

    if (point > 21 || point <= -6)
        return put_exponential(out, digits, count, point - 1);
    if (decimal->exponent >= 0)
        return put_zeros(put(out, digits, count), decimal->exponent);
    if (point > 0) {
        out = put(out, digits, (size_t)point);
        *out++ = '.';
        return put(out, digits + point, count - (size_t)point);
    }
    out = put_zeros(put(out, "0.", 2), -point);
    return put(out, digits, count);
}

size_t codec_double_text(char out[CODEC_DOUBLE_MAX], double number)
{
    char *at = out;
    struct decimal decimal;

    if (isnan(number))
        return (size_t)(put(out, "NaN", 3) - out);
    if (signbit(number))
        *at++ = '-';
    number = fabs(number);
    if (isinf(number))
        return (size_t)(put(at, "Infinity", 8) - out);
    if (number == 0) {
        *at++ = '0';
        return (size_t)(at - out);
    }
    decimal = shortest_decimal(number);
    return (size_t)(put_decimal(at, &decimal) - out);
}
