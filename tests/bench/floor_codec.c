/* The floor for JSON: a parser and a printer that know this one struct, its members and their
 * order. */
#include "floor.h"

#include <string.h>

static const char *skip(const char *at, const char *end, const char *text, size_t length)
{
    if (!at || (size_t)(end - at) < length || memcmp(at, text, length) != 0)
        return NULL;
    return at + length;
}

#define SKIP(text) at = skip(at, end, text, sizeof(text) - 1)

static const char *number(const char *at, const char *end, int64_t *ret)
{
    int64_t value = 0;
    int is_negative = 0;

    if (!at)
        return NULL;
    if (at < end && *at == '-') {
        is_negative = 1;
        at++;
    }
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (*at - '0');
    *ret = is_negative ? -value : value;
    return at;
}

static const char *text(struct floor *floor, const char *at, const char *end, const char **ret,
                        size_t *ret_length)
{
    const char *quote = at ? memchr(at, '"', (size_t)(end - at)) : NULL;
    size_t length = 0;

    if (!quote || memchr(at, '\\', (size_t)(quote - at)))
        return NULL;
    length = (size_t)(quote - at);
    memcpy(floor->arena + floor->arena_used, at, length);
    floor->arena[floor->arena_used + length] = '\0';
    *ret = floor->arena + floor->arena_used;
    *ret_length = length;
    floor->arena_used += length + 1;
    return quote + 1;
}

static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t digits(const char *at, int count)
{
    int64_t value = 0;

    for (int i = 0; i < count; i++)
        value = value * 10 + (at[i] - '0');
    return value;
}

/* "2026-11-22T10:00:00.000000Z" */
static const char *timestamp(const char *at, const char *end, int64_t *ret)
{
    int64_t seconds = 0;

    if (!at || end - at < 29)
        return NULL;
    at++;
    seconds = days_of(digits(at, 4), digits(at + 5, 2), digits(at + 8, 2)) * 86400 +
              digits(at + 11, 2) * 3600 + digits(at + 14, 2) * 60 + digits(at + 17, 2);
    *ret = seconds * 1000000 + digits(at + 20, 6);
    return at + 28;
}

/* Up to 15 digits, which is what this table has. */
static const char *real(const char *at, const char *end, double *ret)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    int64_t value = 0;
    int scale = 0;

    if (!at)
        return NULL;
    for (; at < end && ((*at >= '0' && *at <= '9') || *at == '.'); at++) {
        if (*at == '.') {
            scale = 1;
        } else {
            value = value * 10 + (*at - '0');
            scale += scale > 0;
        }
    }
    *ret = (double)value / powers[scale ? scale - 1 : 0];
    return at;
}

int floor_decode(struct floor *floor, const char *json, size_t length, struct floor_event *event)
{
    const char *end = json + length;
    const char *at = json;

    SKIP("{\"id\":");
    at = number(at, end, &event->id);
    SKIP(",\"campaign_id\":");
    at = number(at, end, &event->campaign_id);
    SKIP(",\"capacity\":");
    at = number(at, end, &event->capacity);
    SKIP(",\"title\":\"");
    at = text(floor, at, end, &event->title, &event->title_length);
    SKIP(",\"venue\":\"");
    at = text(floor, at, end, &event->venue, &event->venue_length);
    SKIP(",\"starts_at\":");
    at = timestamp(at, end, &event->starts_at);
    SKIP(",\"price\":");
    at = real(at, end, &event->price);
    SKIP(",\"is_public\":");
    event->is_public = at && *at == 't';
    return at != NULL;
}

/* ---- printing ---- */

static char *put(char *out, const char *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

#define PUT(text) out = put(out, text, sizeof(text) - 1)

static char *put_number(char *out, int64_t value)
{
    char reversed[24];
    int length = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    if (value < 0)
        *out++ = '-';
    do {
        reversed[length++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    while (length)
        *out++ = reversed[--length];
    return out;
}

static char *put_digits(char *out, int64_t value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + count;
}

static char *put_timestamp(char *out, int64_t microseconds)
{
    int64_t seconds = microseconds / 1000000;
    int64_t z = seconds / 86400 + 719468;
    int64_t era = z / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;

    out = put_digits(out, y + era * 400 + (month <= 2), 4);
    *out++ = '-';
    out = put_digits(out, month, 2);
    *out++ = '-';
    out = put_digits(out, of_year - (153 * shifted + 2) / 5 + 1, 2);
    *out++ = 'T';
    out = put_digits(out, seconds % 86400 / 3600, 2);
    *out++ = ':';
    out = put_digits(out, seconds / 60 % 60, 2);
    *out++ = ':';
    out = put_digits(out, seconds % 60, 2);
    *out++ = '.';
    out = put_digits(out, microseconds % 1000000, 6);
    *out++ = 'Z';
    return out;
}

/* Prices of this table have two decimals, the last of which is never 0. */
static char *put_price(char *out, double price)
{
    int64_t cents = (int64_t)(price * 100 + 0.5);

    out = put_number(out, cents / 100);
    *out++ = '.';
    return put_digits(out, cents % 100, 2);
}

size_t floor_encode(const struct floor_event *event, char *out)
{
    const char *begin = out;

    PUT("{\"id\":");
    out = put_number(out, event->id);
    PUT(",\"campaign_id\":");
    out = put_number(out, event->campaign_id);
    PUT(",\"capacity\":");
    out = put_number(out, event->capacity);
    PUT(",\"title\":\"");
    out = put(out, event->title, event->title_length);
    PUT("\",\"venue\":\"");
    out = put(out, event->venue, event->venue_length);
    PUT("\",\"starts_at\":\"");
    out = put_timestamp(out, event->starts_at);
    PUT("\",\"price\":");
    out = put_price(out, event->price);
    PUT(",\"is_public\":");
    if (event->is_public)
        PUT("true}");
    else
        PUT("false}");
    return (size_t)(out - begin);
}
