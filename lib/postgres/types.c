/* Types: which column types serve which declared ones, and what they are called. A result's type is
 * taken as it is, so an int4 column widens without a cast, and a domain counts as what it stands
 * for. */
#include "postgres/internal.h"

#include <inttypes.h>
#include <stdio.h>

/* PostgreSQL's own types that may be met (pg_type.dat); `field_type`: as what a column of it can be
 * declared; 0: with its text, as ENTC_TEXT. READING_NONE: never met in a result that is right. */
static const struct live_type {
    Oid oid;
    const char *name;
    uint32_t field_type;
    enum postgres_reading reading;
} live_types[] = {
    {20, "int8", ENTC_INT64, READING_INT8},
    {25, "text", ENTC_TEXT, READING_TEXT},
    {23, "int4", ENTC_INT64, READING_INT4},
    {16, "bool", ENTC_BOOL, READING_BOOL},
    {701, "float8", ENTC_DOUBLE, READING_FLOAT8},
    {1184, "timestamptz", ENTC_TIMESTAMP, READING_TIMESTAMP},
    {2950, "uuid", ENTC_UUID, READING_UUID},
    {114, "json", ENTC_JSON, READING_BYTES},
    {1043, "varchar", ENTC_TEXT, READING_TEXT},
    {21, "int2", ENTC_INT64, READING_INT2},
    {700, "float4", ENTC_DOUBLE, READING_FLOAT4},
    {1114, "timestamp", ENTC_TIMESTAMP, READING_TIMESTAMP},
    {1082, "date", ENTC_DATE, READING_DATE},
    {17, "bytea", ENTC_BYTES, READING_BYTES},
    {3802, "jsonb", ENTC_JSON, READING_NONE},
    {18, "\"char\"", 0, READING_NONE},
    {19, "name", 0, READING_NONE},
    {26, "oid", 0, READING_NONE},
    {142, "xml", 0, READING_NONE},
    {600, "point", 0, READING_NONE},
    {650, "cidr", 0, READING_NONE},
    {790, "money", 0, READING_NONE},
    {829, "macaddr", 0, READING_NONE},
    {869, "inet", 0, READING_NONE},
    {1000, "bool[]", ENTC_JSON, READING_NONE},
    {1005, "int2[]", ENTC_JSON, READING_NONE},
    {1007, "int4[]", ENTC_JSON, READING_NONE},
    {1009, "text[]", ENTC_JSON, READING_NONE},
    {1015, "varchar[]", ENTC_JSON, READING_NONE},
    {1016, "int8[]", ENTC_JSON, READING_NONE},
    {1042, "char(n)", 0, READING_NONE},
    {1083, "time", 0, READING_NONE},
    {1186, "interval", 0, READING_NONE},
    {1266, "timetz", 0, READING_NONE},
    {1560, "bit", 0, READING_NONE},
    {1562, "varbit", 0, READING_NONE},
    {1700, "numeric", 0, READING_NONE},
    {2951, "uuid[]", ENTC_JSON, READING_NONE},
    {3614, "tsvector", 0, READING_NONE},
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
    case ENTC_DATE:
        return "date";
    case ENTC_BYTES:
        return "bytea";
    case ENTC_UUID:
        return "uuid";
    case ENTC_JSON:
        return "jsonb or json";
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
    case ENTC_DATE:
        return "ENTC_DATE";
    case ENTC_BYTES:
        return "ENTC_BYTES";
    case ENTC_UUID:
        return "ENTC_UUID";
    case ENTC_JSON:
        return "ENTC_JSON";
    default:
        return "ENTC_TEXT";
    }
}
