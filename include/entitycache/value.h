/* Values: the types of fields, and the one tagged value that carries ids, parameters and field
 * values. */
#ifndef ENTITYCACHE_VALUE_H
#define ENTITYCACHE_VALUE_H

#include <entitycache/export.h>
#include <entitycache/status.h>
#include <stddef.h>
#include <stdint.h>

ENTC_BEGIN_DECLS

/* Types of fields and values: C member; JSON form; PostgreSQL types. Doubles are the shortest
 * number that round-trips, or "NaN", "Infinity", "-Infinity"; timestamps are microseconds since
 * 1970-01-01T00:00:00Z, as "2026-11-22T10:00:00.000000Z".
 *
 * Other types read as ENTC_TEXT, and what to_json() makes, look as the session shows them: that
 * depends on TimeZone, DateStyle (::text only), IntervalStyle, extra_float_digits, bytea_output and
 * lc_monetary. Declare such a column as what it is, or give all who share the cache the same
 * settings, by `options` of the connection text or ALTER ROLE ... SET. char(n) is without its
 * padding blanks as ENTC_TEXT, and with them as ENTC_JSON. */
#define ENTC_NULL 0u      /* no value */
#define ENTC_BOOL 1u      /* uint8_t 0 or 1; true, false; bool */
#define ENTC_INT64 2u     /* int64_t; number; int2, int4, int8 */
#define ENTC_DOUBLE 3u    /* double; number or string; float4, float8 */
#define ENTC_TEXT 4u      /* entc_str; string; text, varchar, and others by ::text */
#define ENTC_TIMESTAMP 5u /* int64_t; string; timestamptz, timestamp as UTC */
#define ENTC_BYTES 6u     /* entc_str; base64 string (RFC 4648, padded); bytea */
#define ENTC_UUID 7u      /* uint8_t[16]; string, lower case, 36 characters; uuid */
#define ENTC_DATE 8u      /* int32_t days since 1970-01-01; "2026-11-22"; date */
#define ENTC_JSON 9u      /* entc_str; the value itself; json, jsonb, others by to_json() */

/* Timestamps that stand for PostgreSQL's infinity and -infinity. */
#define ENTC_TIMESTAMP_INFINITY INT64_MAX
#define ENTC_TIMESTAMP_MINUS_INFINITY INT64_MIN
/* The same for dates; both are "infinity" and "-infinity" in JSON. */
#define ENTC_DATE_INFINITY INT32_MAX
#define ENTC_DATE_MINUS_INFINITY INT32_MIN

/* Text with its length. Inside entities it is NUL-terminated; a NULL pointer is SQL's NULL. */
typedef struct entc_str {
    const char *ptr;
    size_t len; /* bytes, without the terminator */
} entc_str;

/* A tagged value. Text is borrowed: it must live as long as the call that takes the value says. */
typedef struct entc_value {
    uint32_t type;   /* ENTC_NULL, ENTC_BOOL, ... */
    uint32_t length; /* bytes of text; 0 for the others */
    union {
        int64_t int64;     /* ENTC_INT64, ENTC_BOOL (0 or 1), ENTC_TIMESTAMP, ENTC_DATE (days) */
        double real;       /* ENTC_DOUBLE */
        const char *text;  /* ENTC_TEXT, ENTC_BYTES, ENTC_JSON */
        uint8_t bytes[16]; /* ENTC_UUID */
    } as;
} entc_value;

/* Fills a value with NULL.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_value_null(entc_value *value);

/* Fills a value with a truth value; anything but 0 is true.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_value_bool(entc_value *value, int32_t truth);

/* Fills a value with an integer.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_value_int64(entc_value *value, int64_t number);

/* Fills a value with a floating-point number.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_value_double(entc_value *value, double number);

/* Fills a value with `length` bytes of UTF-8; a NULL `text` gives ENTC_NULL.
 * Ownership: the value borrows the bytes. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID when length is above 2^32 - 1. Since: 0.1 */
ENTC_EXPORT entc_status entc_value_text(entc_value *value, const char *text, size_t length);

/* Fills a value with a point in time: microseconds since 1970-01-01T00:00:00Z.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_value_timestamp(entc_value *value, int64_t microseconds);

/* Fills a value with `length` bytes; NULL `bytes` give ENTC_NULL.
 * Ownership: the value borrows the bytes. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID when length is above 2^32 - 1. Since: 0.1 */
ENTC_EXPORT entc_status entc_value_bytes(entc_value *value, const void *bytes, size_t length);

/* Fills a value with a UUID of 16 bytes, most significant first; NULL gives ENTC_NULL.
 * Ownership: none, the bytes are copied. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_value_uuid(entc_value *value, const uint8_t *uuid);

/* Fills a value with a day: days since 1970-01-01.
 * Ownership: none. Threads: Free, Callback-safe. Errors: none. Since: 0.1 */
ENTC_EXPORT void entc_value_date(entc_value *value, int32_t days);

/* Fills a value with `length` bytes of JSON text; NULL `text` gives ENTC_NULL.
 * Ownership: the value borrows the bytes. Threads: Free, Callback-safe.
 * Errors: ENTC_E_INVALID when length is above 2^32 - 1. Since: 0.1 */
ENTC_EXPORT entc_status entc_value_json(entc_value *value, const char *text, size_t length);

ENTC_END_DECLS

#endif
