/* Types: which column types serve which declared ones, and how their binary forms become values.
 * The type is that of the result itself, so an int4 column widens without a cast, and a domain
 * counts as what it stands for. Every length is checked before the bytes are read. */
#include "postgres/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* From 1970-01-01, where our clock begins, to 2000-01-01, where PostgreSQL's does. */
#define EPOCH_US INT64_C(946684800000000)

/* PostgreSQL's own types that may be met (pg_type.dat); `field_type`: as what a column of it can be
 * declared; 0: with its text, as ENTC_TEXT. */
static const struct live_type {
    Oid oid;
    const char *name;
    uint32_t field_type;
    enum postgres_reading reading;
} live_types[] = {
    {16, "bool", ENTC_BOOL, READING_BOOL},
    {20, "int8", ENTC_INT64, READING_INT8},
    {21, "int2", ENTC_INT64, READING_INT2},
    {23, "int4", ENTC_INT64, READING_INT4},
    {25, "text", ENTC_TEXT, READING_TEXT},
    {700, "float4", ENTC_DOUBLE, READING_FLOAT4},
    {701, "float8", ENTC_DOUBLE, READING_FLOAT8},
    {1043, "varchar", ENTC_TEXT, READING_TEXT},
    {1114, "timestamp", ENTC_TIMESTAMP, READING_TIMESTAMP},
    {1184, "timestamptz", ENTC_TIMESTAMP, READING_TIMESTAMP},
    {17, "bytea", 0, READING_NONE},
    {18, "\"char\"", 0, READING_NONE},
    {19, "name", 0, READING_NONE},
    {26, "oid", 0, READING_NONE},
    {114, "json", 0, READING_NONE},
    {600, "point", 0, READING_NONE},
    {650, "cidr", 0, READING_NONE},
    {790, "money", 0, READING_NONE},
    {829, "macaddr", 0, READING_NONE},
    {869, "inet", 0, READING_NONE},
    {1000, "bool[]", 0, READING_NONE},
    {1005, "int2[]", 0, READING_NONE},
    {1007, "int4[]", 0, READING_NONE},
    {1009, "text[]", 0, READING_NONE},
    {1015, "varchar[]", 0, READING_NONE},
    {1016, "int8[]", 0, READING_NONE},
    {1042, "char(n)", 0, READING_NONE},
    {1082, "date", 0, READING_NONE},
    {1083, "time", 0, READING_NONE},
    {1186, "interval", 0, READING_NONE},
    {1266, "timetz", 0, READING_NONE},
    {1560, "bit", 0, READING_NONE},
    {1562, "varbit", 0, READING_NONE},
    {1700, "numeric", 0, READING_NONE},
    {2950, "uuid", 0, READING_NONE},
    {3614, "tsvector", 0, READING_NONE},
    {3802, "jsonb", 0, READING_NONE},
};

static const struct live_type *find(Oid oid)
{
    for (size_t i = 0; i < sizeof(live_types) / sizeof(live_types[0]); i++)
        if (live_types[i].oid == oid)
            return &live_types[i];
    return NULL;
}

enum postgres_reading postgres_reading_of(uint32_t field_type, Oid live)
{
    const struct live_type *type = find(live);

    return type && type->field_type == field_type ? type->reading : READING_NONE;
}

const char *postgres_type_name(Oid type, char out[POSTGRES_TYPE_NAME_MAX])
{
    const struct live_type *known = find(type);

    if (known)
        return known->name;
    snprintf(out, POSTGRES_TYPE_NAME_MAX, "type number %" PRIu32, (uint32_t)type);
    return out;
}

const char *postgres_types_for(uint32_t field_type)
{
    switch (field_type) {
    case ENTC_BOOL:
        return "bool";
    case ENTC_INT64:
        return "int2, int4 or int8";
    case ENTC_DOUBLE:
        return "float4 or float8";
    case ENTC_TIMESTAMP:
        return "timestamptz or timestamp";
    default:
        return "text or varchar";
    }
}

const char *postgres_field_type_for(Oid live)
{
    const struct live_type *type = find(live);

    switch (type ? type->field_type : 0) {
    case ENTC_BOOL:
        return "ENTC_BOOL";
    case ENTC_INT64:
        return "ENTC_INT64";
    case ENTC_DOUBLE:
        return "ENTC_DOUBLE";
    case ENTC_TIMESTAMP:
        return "ENTC_TIMESTAMP";
    default:
        return "ENTC_TEXT";
    }
}

/* ---- bytes, highest first ---- */

static uint32_t get_uint32(const char *bytes)
{
    const unsigned char *at = (const unsigned char *)bytes;

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get_uint64(const char *bytes)
{
    return (uint64_t)get_uint32(bytes) << 32 | get_uint32(bytes + 4);
}

static int64_t get_int64(const char *bytes)
{
    return (int64_t)get_uint64(bytes);
}

/* float4 is widened exactly: 0.1 becomes 0.10000000149011612, the number that the column holds, not
 * the shortest text that would print the same. */
static double get_float4(const char *bytes)
{
    uint32_t bits = get_uint32(bytes);
    float number;

    memcpy(&number, &bits, sizeof(number));
    return (double)number;
}

static double get_float8(const char *bytes)
{
    uint64_t bits = get_uint64(bytes);
    double number;

    memcpy(&number, &bits, sizeof(number));
    return number;
}

bool postgres_integer_read(enum postgres_reading reading, const char *bytes, int length,
                           int64_t *ret_number)
{
    const unsigned char *at = (const unsigned char *)bytes;

    if (reading == READING_INT8 && length == 8)
        *ret_number = get_int64(bytes);
    else if (reading == READING_INT4 && length == 4)
        *ret_number = (int32_t)get_uint32(bytes);
    else if (reading == READING_INT2 && length == 2)
        *ret_number = (int16_t)(uint16_t)(at[0] << 8 | at[1]);
    else
        return false;
    return true;
}

/* PostgreSQL's infinities are the same two numbers as ours. Its calendar reaches further than ours:
 * 294276 against 294247. */
static bool timestamp_from(int64_t since_2000, int64_t *ret_since_1970)
{
    *ret_since_1970 = since_2000;
    if (since_2000 == ENTC_TIMESTAMP_INFINITY || since_2000 == ENTC_TIMESTAMP_MINUS_INFINITY)
        return true;
    if (since_2000 >= ENTC_TIMESTAMP_INFINITY - EPOCH_US)
        return false;
    *ret_since_1970 = since_2000 + EPOCH_US;
    return true;
}

static enum postgres_verdict read_timestamp(struct entity_draft *draft, uint32_t field,
                                            const char *bytes, int length)
{
    int64_t microseconds;

    if (length != 8)
        return VALUE_BROKEN;
    if (!timestamp_from(get_int64(bytes), &microseconds))
        return VALUE_TOO_LARGE;
    entity_draft_set_int64(draft, field, microseconds);
    return VALUE_TAKEN;
}

static enum postgres_verdict read_integer(struct entity_draft *draft, uint32_t field,
                                          enum postgres_reading reading, const char *bytes,
                                          int length)
{
    int64_t number;

    if (!postgres_integer_read(reading, bytes, length, &number))
        return VALUE_BROKEN;
    entity_draft_set_int64(draft, field, number);
    return VALUE_TAKEN;
}

enum postgres_verdict postgres_value_read(struct entity_draft *draft, uint32_t field,
                                          enum postgres_reading reading, const char *bytes,
                                          int length)
{
    switch (reading) {
    case READING_TEXT:
        return entity_draft_set_text(draft, field, bytes, (size_t)length) ? VALUE_TAKEN
                                                                          : VALUE_NO_MEMORY;
    case READING_INT2:
    case READING_INT4:
    case READING_INT8:
        return read_integer(draft, field, reading, bytes, length);
    case READING_BOOL:
        if (length != 1)
            break;
        entity_draft_set_int64(draft, field, bytes[0] != 0);
        return VALUE_TAKEN;
    case READING_FLOAT4:
        if (length != 4)
            break;
        entity_draft_set_double(draft, field, get_float4(bytes));
        return VALUE_TAKEN;
    case READING_FLOAT8:
        if (length != 8)
            break;
        entity_draft_set_double(draft, field, get_float8(bytes));
        return VALUE_TAKEN;
    case READING_TIMESTAMP:
        return read_timestamp(draft, field, bytes, length);
    case READING_NONE:
        break;
    }
    return VALUE_BROKEN;
}
