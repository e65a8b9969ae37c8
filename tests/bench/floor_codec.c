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

/* ---- descriptor-like: a table of members, in the order in which they are written ---- */

enum kind { NUMBER, TEXT, TIMESTAMP, REAL, TRUTH };

struct member {
    const char *prefix;
    size_t length;
    enum kind kind;
    size_t offset;
};

#define MEMBER(name, kind)                                                            \
    {                                                                                 \
        "\"" #name "\":", sizeof(#name) + 2, kind, offsetof(struct floor_event, name) \
    }

static const struct member members[] = {MEMBER(id, NUMBER),       MEMBER(campaign_id, NUMBER),
                                        MEMBER(capacity, NUMBER), MEMBER(title, TEXT),
                                        MEMBER(venue, TEXT),      MEMBER(starts_at, TIMESTAMP),
                                        MEMBER(price, REAL),      MEMBER(is_public, TRUTH)};

static const char *truth(const char *at, const char *end, uint8_t *ret)
{
    *ret = end - at > 4 && *at == 't';
    return at + (*ret ? 4 : 5);
}

static const char *value(struct floor *floor, const struct member *member, const char *at,
                         const char *end, void *to)
{
    struct floor_text *string = to;

    switch (member->kind) {
    case NUMBER:
        return number(at, end, to);
    case TEXT:
        return *at == '"' ? text(floor, at + 1, end, &string->ptr, &string->len) : NULL;
    case TIMESTAMP:
        return timestamp(at, end, to);
    case REAL:
        return real(at, end, to);
    case TRUTH:
        return truth(at, end, to);
    }
    return NULL;
}

int floor_decode(struct floor *floor, const char *json, size_t length, struct floor_event *event)
{
    const char *end = json + length;
    const char *at = json;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        /* '{' before the first, ',' before the others. */
        at = skip(at + 1, end, members[i].prefix, members[i].length);
        if (!at)
            return 0;
        at = value(floor, &members[i], at, end, (char *)event + members[i].offset);
        if (!at)
            return 0;
    }
    return at < end && *at == '}';
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
    out = put(out, event->title.ptr, event->title.len);
    PUT("\",\"venue\":\"");
    out = put(out, event->venue.ptr, event->venue.len);
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
