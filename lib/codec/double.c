/* The shortest decimal that reads back as the same double, in ECMAScript's form: what
 * JSON.stringify writes, so every language writes the same bytes. Of several shortest ones it is
 * the closest.
 *
 * Two facts carry it (IEEE 754, and D. M. Gay, "Correctly Rounded Binary-Decimal and Decimal-Binary
 * Conversions", 1990): a decimal of up to 15 digits is the only one of that length for its double,
 * unless that is subnormal, and 17 digits always suffice. */
#include "codec/codec.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Prices, ratios, coordinates: up to 15 digits and few decimals. The division is of two exact
 * doubles, so it gives just the double that the decimal stands for. */
static bool short_decimal(double number, struct decimal *ret_decimal)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (FLT_EVAL_METHOD != 0)
        return false;
    for (int32_t places = 1; places <= 22; places++) {
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

/* The nearest decimal of `count` digits. Whatever the locale puts for a point is no digit. */
static struct decimal rounded_decimal(double number, int count)
{
    struct decimal decimal = {0, 0};
    char text[64];
    const char *at = text;

    snprintf(text, sizeof(text), "%.*e", count - 1, number);
    for (; *at && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            decimal.digits = decimal.digits * 10 + (uint64_t)(*at - '0');
    }
    decimal.exponent = *at ? (int32_t)strtol(at + 1, NULL, 10) : 0;
    decimal.exponent -= count - 1;
    return decimal;
}

static bool reads_back(const struct decimal *decimal, double number)
{
    char text[64];

    snprintf(text, sizeof(text), "%llue%d", (unsigned long long)decimal->digits, decimal->exponent);
    return strtod(text, NULL) == number;
}

/* At a power of two the doubles below lie closer than those above, so the nearest decimal may be
 * another double's while one step up it is this one's. */
static bool decimal_of_length(double number, int count, struct decimal *ret_decimal)
{
    static const int steps[] = {0, 1, -1};
    const struct decimal nearest = rounded_decimal(number, count);

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct decimal candidate = nearest;

        candidate.digits += (uint64_t)steps[i];
        if (!reads_back(&candidate, number))
            continue;
        *ret_decimal = candidate;
        return true;
    }
    return false;
}

static struct decimal shortest_decimal(double number)
{
    struct decimal decimal;

    if (integer_decimal(number, &decimal) || short_decimal(number, &decimal))
        return decimal;
    for (int count = number < DBL_MIN ? 1 : DBL_DIG; count < DBL_DECIMAL_DIG; count++) {
        if (decimal_of_length(number, count, &decimal)) {
            strip_zeros(&decimal);
            return decimal;
        }
    }
    decimal = rounded_decimal(number, DBL_DECIMAL_DIG);
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
