/* Points in time and days as text: RFC 3339 in UTC, six decimals, one spelling for each. Whatever
 * else means the same instant (another offset, a leap second, a sign before a usual year) is
 * refused, so what is read is written again byte for byte, but for decimals left out.
 *
 * The calendar is the proleptic Gregorian one with a year 0, as PostgreSQL's and ECMAScript's. Days
 * are computed as in H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2014), but counted
 * from a day before all that can be written, so that everything is positive and fits 32 bits. */
#include "codec/codec.h"
#include "codec/json.h"

#include <string.h>

#define SECOND_US 1000000
#define DAY_S 86400
#define FRACTION_DIGITS 6
#define USUAL_YEAR_END 10000
/* Only a DATE reaches it: PostgreSQL's end in the year 5874897. */
#define LONG_YEAR 1000000
#define FIRST_DATE (-2440588) /* 24 November 4714 BC, Julian day 0 */
#define LAST_DATE 2145042905  /* 31 December 5874897 */

/* 400 years, after which the calendar repeats. */
#define ERA_YEARS 400
#define ERA_DAYS 146097
/* Counting begins on 1 March of year -1000000, whole eras before year 0. */
#define FIRST_YEAR (-1000000)
#define DAYS_TO_1970 (-FIRST_YEAR / ERA_YEARS * ERA_DAYS + 719468)

struct date {
    int32_t year;   /* FIRST_YEAR + 1 to 9999999 */
    uint32_t month; /* 1 to 12 */
    uint32_t day;   /* 1 to 31 */
};

/* Years begin in March here, so that the leap day is the last of its year. */
static int64_t days_from_date(const struct date *date)
{
    const uint32_t year = (uint32_t)(date->year - FIRST_YEAR) - (date->month <= 2);
    const uint32_t month = date->month > 2 ? date->month - 3 : date->month + 9;
    const uint32_t day_of_year = (153 * month + 2) / 5 + date->day - 1;
    const uint32_t day = year * 365 + year / 4 - year / 100 + year / ERA_YEARS + day_of_year;

    return (int64_t)day - DAYS_TO_1970;
}

static struct date date_from_days(int64_t days)
{
    const uint32_t day = (uint32_t)(days + DAYS_TO_1970);
    const uint32_t era = day / ERA_DAYS;
    const uint32_t day_of_era = day % ERA_DAYS;
    const uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint32_t month = (5 * day_of_year + 2) / 153;
    struct date date;

    date.day = day_of_year - (153 * month + 2) / 5 + 1;
    date.month = month < 10 ? month + 3 : month - 9;
    date.year = (int32_t)(era * ERA_YEARS + year_of_era + (date.month <= 2)) + FIRST_YEAR;
    return date;
}

static int64_t divide_down(int64_t number, int64_t divisor)
{
    return number / divisor - (number % divisor < 0);
}

/* ---- writing ---- */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static char *put_pair(char *out, uint32_t number)
{
    memcpy(out, pairs + (size_t)2 * number, 2);
    return out + 2;
}

static char *put_four(char *out, uint32_t number)
{
    return put_pair(put_pair(out, number / 100), number % 100);
}

static char *put_six(char *out, uint32_t number)
{
    return put_four(put_pair(out, number / 10000), number % 10000);
}

static char *put_date(char *out, const struct date *date)
{
    const uint32_t year = (uint32_t)(date->year < 0 ? -date->year : date->year);

    if (date->year >= 0 && date->year < USUAL_YEAR_END) {
        out = put_four(out, year);
    } else {
        *out++ = date->year < 0 ? '-' : '+';
        if (year >= LONG_YEAR) {
            out = put_six(out, year / 10);
            *out++ = (char)('0' + year % 10);
        } else {
            out = put_six(out, year);
        }
    }
    *out++ = '-';
    out = put_pair(out, date->month);
    *out++ = '-';
    return put_pair(out, date->day);
}

static size_t put_word(char *out, const char *word)
{
    memcpy(out, word, strlen(word));
    return strlen(word);
}

size_t codec_date_text(char out[CODEC_DATE_MAX], int32_t days)
{
    struct date date;

    if (days == ENTC_DATE_INFINITY)
        return put_word(out, "infinity");
    if (days == ENTC_DATE_MINUS_INFINITY)
        return put_word(out, "-infinity");
    if (days < FIRST_DATE || days > LAST_DATE)
        return 0;
    date = date_from_days(days);
    return (size_t)(put_date(out, &date) - out);
}

size_t codec_timestamp_text(char out[CODEC_TIMESTAMP_MAX], int64_t microseconds)
{
    const int64_t seconds = divide_down(microseconds, SECOND_US);
    const int64_t days = divide_down(seconds, DAY_S);
    const uint32_t second_of_day = (uint32_t)(seconds - days * DAY_S);
    const struct date date = date_from_days(days);
    uint32_t fraction;
    char *at = out;

    if (microseconds == ENTC_TIMESTAMP_INFINITY)
        return put_word(out, "infinity");
    if (microseconds == ENTC_TIMESTAMP_MINUS_INFINITY)
        return put_word(out, "-infinity");
    fraction =
        (uint32_t)(microseconds % SECOND_US + (microseconds % SECOND_US < 0 ? SECOND_US : 0));
    at = put_date(at, &date);
    *at++ = 'T';
    at = put_pair(at, second_of_day / 3600);
    *at++ = ':';
    at = put_pair(at, second_of_day / 60 % 60);
    *at++ = ':';
    at = put_pair(at, second_of_day % 60);
    *at++ = '.';
    at = put_six(at, fraction);
    *at++ = 'Z';
    return (size_t)(at - out);
}

/* ---- reading ---- */

/* What is left of the text; `failed` stays once it is set, so a whole date is read before asking.
 */
struct cursor {
    const char *at;
    const char *end;
    bool failed;
};

static inline uint32_t take_pair(struct cursor *cursor)
{
    uint32_t tens;
    uint32_t ones;

    if (cursor->end - cursor->at < 2) {
        cursor->failed = true;
        return 0;
    }
    tens = (uint32_t)(unsigned char)cursor->at[0] - '0';
    ones = (uint32_t)(unsigned char)cursor->at[1] - '0';
    cursor->failed |= tens > 9 || ones > 9;
    cursor->at += 2;
    return tens * 10 + ones;
}

static inline uint32_t take_four(struct cursor *cursor)
{
    const uint32_t hundreds = take_pair(cursor);

    return hundreds * 100 + take_pair(cursor);
}

static inline uint32_t take_six(struct cursor *cursor)
{
    const uint32_t thousands = take_pair(cursor);

    return thousands * 10000 + take_four(cursor);
}

static inline bool take_char(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

static inline void expect_char(struct cursor *cursor, char c)
{
    cursor->failed |= !take_char(cursor, c);
}

/* A sign makes it six digits, and then it must be needed; behind '+' there may be seven. */
static int32_t take_year(struct cursor *cursor)
{
    const bool is_negative = take_char(cursor, '-');
    int32_t year;

    if (!is_negative && !take_char(cursor, '+'))
        return (int32_t)take_four(cursor);
    year = (int32_t)take_six(cursor);
    cursor->failed |= is_negative ? year == 0 : year < USUAL_YEAR_END;
    if (!is_negative && year >= LONG_YEAR / 10 && cursor->at < cursor->end && *cursor->at >= '0' &&
        *cursor->at <= '9')
        year = year * 10 + (*cursor->at++ - '0');
    return is_negative ? -year : year;
}

static bool is_leap(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static void check_date(struct cursor *cursor, const struct date *date)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (cursor->failed || date->month < 1 || date->month > 12 || date->day < 1 ||
        date->day > (uint32_t)days[date->month - 1] + (date->month == 2 && is_leap(date->year)))
        cursor->failed = true;
}

static struct date take_date(struct cursor *cursor)
{
    struct date date = {0};

    date.year = take_year(cursor);
    expect_char(cursor, '-');
    date.month = take_pair(cursor);
    expect_char(cursor, '-');
    date.day = take_pair(cursor);
    check_date(cursor, &date);
    return date;
}

static uint32_t take_time(struct cursor *cursor)
{
    const uint32_t hour = take_pair(cursor);
    uint32_t minute;
    uint32_t second;

    expect_char(cursor, ':');
    minute = take_pair(cursor);
    expect_char(cursor, ':');
    second = take_pair(cursor);
    cursor->failed |= hour > 23 || minute > 59 || second > 59;
    return hour * 3600 + minute * 60 + second;
}

/* Microseconds of one to six decimals behind a point, or of none. */
static uint32_t take_fraction(struct cursor *cursor)
{
    uint32_t fraction = 0;
    int count = 0;

    if (!take_char(cursor, '.'))
        return 0;
    if (cursor->end - cursor->at > FRACTION_DIGITS)
        return take_six(cursor);
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; count++)
        fraction = fraction * 10 + (uint32_t)(*cursor->at++ - '0');
    cursor->failed |= count == 0;
    for (; count < FRACTION_DIGITS; count++)
        fraction *= 10;
    return fraction;
}

/* Seconds and microseconds are brought to the same sign first: the sum may fit where a part of it
 * does not. The ends of the range stand for the infinities and have no date. */
static bool join(int64_t seconds, int64_t fraction, int64_t *ret_microseconds)
{
    int64_t result;

    if (seconds < 0 && fraction > 0) {
        seconds++;
        fraction -= SECOND_US;
    }
    if (__builtin_mul_overflow(seconds, (int64_t)SECOND_US, &result) ||
        __builtin_add_overflow(result, fraction, &result) || result == ENTC_TIMESTAMP_INFINITY ||
        result == ENTC_TIMESTAMP_MINUS_INFINITY)
        return false;
    *ret_microseconds = result;
    return true;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

#define USUAL_TIMESTAMP (sizeof("2026-11-22T10:00:00.000000Z") - 1)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

/* Eight characters at once. `pattern` has '0' for a digit, `limit` then 0x76, and elsewhere the
 * very character and 0x7F: whatever differs from it is carried into the high bit of its byte. Gives
 * in the byte of each tens digit the number of two digits. */
static inline uint64_t take_eight(const char *text, const char *pattern, const char *limit,
                                  uint64_t *wrong)
{
    const uint64_t digits = json_load8(text) ^ json_load8(pattern);

    *wrong |= (digits + json_load8(limit)) | digits;
    return digits * 10 + (digits >> 8);
}

static inline uint32_t pair_at(uint64_t numbers, unsigned place)
{
    return (uint32_t)(numbers >> (8 * place)) & 0xFF;
}

/* As we write it, in the years 0 to 9999. False for all else, which is looked at again. */
static bool parse_usual(const char *text, int64_t *ret_microseconds)
{
    uint64_t wrong = 0;
    const uint64_t day = take_eight(text, "0000-00-", "vvvv\x7Fvv\x7F", &wrong);
    const uint64_t time = take_eight(text + 8, "00T00:00", "vv\x7Fvv\x7Fvv", &wrong);
    const uint64_t second = take_eight(text + 16, ":00.0000", "\x7Fvv\x7Fvvvv", &wrong);
    const uint64_t rest = take_eight(text + 19, ".000000Z", "\x7Fvvvvvv\x7F", &wrong);
    struct cursor cursor = {NULL, NULL, (wrong & JSON_HIGH_BITS) != 0};
    struct date date;
    int64_t seconds;

    date.year = (int32_t)(pair_at(day, 0) * 100 + pair_at(day, 2));
    date.month = pair_at(day, 5);
    date.day = pair_at(time, 0);
    check_date(&cursor, &date);
    if (cursor.failed || pair_at(time, 3) > 23 || pair_at(time, 6) > 59 || pair_at(second, 1) > 59)
        return false;
    seconds = days_from_date(&date) * DAY_S + pair_at(time, 3) * 3600 + pair_at(time, 6) * 60 +
              pair_at(second, 1);
    *ret_microseconds =
        seconds * SECOND_US + pair_at(rest, 1) * 10000 + pair_at(rest, 3) * 100 + pair_at(rest, 5);
    return true;
}

#else

static bool parse_usual(const char *text, int64_t *ret_microseconds)
{
    (void)text;
    (void)ret_microseconds;
    return false;
}

#endif

bool codec_timestamp_parse(const char *text, size_t length, int64_t *ret_microseconds)
{
    struct cursor cursor = {text, text + length, false};
    struct date date;
    uint32_t second;
    uint32_t fraction;

    if (length == USUAL_TIMESTAMP && parse_usual(text, ret_microseconds))
        return true;
    if (is_word(text, length, "infinity")) {
        *ret_microseconds = ENTC_TIMESTAMP_INFINITY;
        return true;
    }
    if (is_word(text, length, "-infinity")) {
        *ret_microseconds = ENTC_TIMESTAMP_MINUS_INFINITY;
        return true;
    }
    date = take_date(&cursor);
    expect_char(&cursor, 'T');
    second = take_time(&cursor);
    fraction = take_fraction(&cursor);
    expect_char(&cursor, 'Z');
    if (cursor.failed || cursor.at != cursor.end)
        return false;
    return join(days_from_date(&date) * DAY_S + second, fraction, ret_microseconds);
}

bool codec_date_parse(const char *text, size_t length, int32_t *ret_days)
{
    struct cursor cursor = {text, text + length, false};
    struct date date;
    int64_t days;

    if (is_word(text, length, "infinity")) {
        *ret_days = ENTC_DATE_INFINITY;
        return true;
    }
    if (is_word(text, length, "-infinity")) {
        *ret_days = ENTC_DATE_MINUS_INFINITY;
        return true;
    }
    date = take_date(&cursor);
    if (cursor.failed || cursor.at != cursor.end)
        return false;
    days = days_from_date(&date);
    if (days < FIRST_DATE || days > LAST_DATE)
        return false;
    *ret_days = (int32_t)days;
    return true;
}
