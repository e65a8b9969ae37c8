/* Values: the binary forms of columns become values of fields and parts of ids. Every length is
 * checked before the bytes are read. */
#include "postgres/internal.h"

/* From 1970-01-01, where our clock begins, to 2000-01-01, where PostgreSQL's does. */
#define EPOCH_DAYS 10957
#define EPOCH_US INT64_C(946684800000000)

/* float4 is widened exactly: 0.1 becomes 0.10000000149011612, the number that the column holds, not
 * the shortest text that would print the same. */
static double get_float4(const char *bytes)
{
    uint32_t bits = postgres_get_uint32(bytes);
    float number;

    memcpy(&number, &bits, sizeof(number));
    return (double)number;
}

static double get_float8(const char *bytes)
{
    uint64_t bits = postgres_get_uint64(bytes);
    double number;

    memcpy(&number, &bits, sizeof(number));
    return number;
}

bool postgres_integer_read(enum postgres_reading reading, const char *bytes, int length,
                           int64_t *ret_number)
{
    const unsigned char *at = (const unsigned char *)bytes;

    if (reading == READING_INT8 && length == 8)
        *ret_number = (int64_t)postgres_get_uint64(bytes);
    else if (reading == READING_INT4 && length == 4)
        *ret_number = (int32_t)postgres_get_uint32(bytes);
    else if (reading == READING_INT2 && length == 2)
        *ret_number = (int16_t)(uint16_t)(at[0] << 8 | at[1]);
    else
        return false;
    return true;
}

bool postgres_part_read(enum postgres_reading reading, const char *bytes, int length,
                        entc_value *ret_part)
{
    memset(ret_part, 0, sizeof(*ret_part));
    if (reading == READING_TEXT) {
        ret_part->type = ENTC_TEXT;
        ret_part->length = (uint32_t)length;
        ret_part->as.text = bytes;
        return true;
    }
    if (reading == READING_UUID && length == sizeof(ret_part->as.bytes)) {
        ret_part->type = ENTC_UUID;
        memcpy(ret_part->as.bytes, bytes, sizeof(ret_part->as.bytes));
        return true;
    }
    ret_part->type = ENTC_INT64;
    return postgres_integer_read(reading, bytes, length, &ret_part->as.int64);
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

/* The same of days; its calendar ends in 5874897, so what does not fit is no date. */
static bool date_from(int32_t since_2000, int32_t *ret_since_1970)
{
    *ret_since_1970 = since_2000;
    if (since_2000 == ENTC_DATE_INFINITY || since_2000 == ENTC_DATE_MINUS_INFINITY)
        return true;
    if (since_2000 >= ENTC_DATE_INFINITY - EPOCH_DAYS)
        return false;
    *ret_since_1970 = since_2000 + EPOCH_DAYS;
    return true;
}

/* Inlined always: the size is then a constant, and the copy one move instead of a call. */
static inline __attribute__((always_inline)) enum postgres_verdict
set_member(struct entity_draft *draft, uint32_t field, const void *member, size_t size)
{
    const struct schema_field *shape = &draft->type->fields[field];

    memcpy(draft->record + shape->offset, member, size);
    entity_draft_mark(draft, shape);
    return VALUE_TAKEN;
}

static enum postgres_verdict read_timestamp(struct entity_draft *draft, uint32_t field,
                                            const char *bytes)
{
    int64_t microseconds;

    if (!timestamp_from((int64_t)postgres_get_uint64(bytes), &microseconds))
        return VALUE_TOO_LARGE;
    return set_member(draft, field, &microseconds, sizeof(microseconds));
}

static enum postgres_verdict read_date(struct entity_draft *draft, uint32_t field,
                                       const char *bytes)
{
    int32_t days;

    if (!date_from((int32_t)postgres_get_uint32(bytes), &days))
        return VALUE_TOO_LARGE;
    return set_member(draft, field, &days, sizeof(days));
}

static enum postgres_verdict read_integer(struct entity_draft *draft, uint32_t field,
                                          enum postgres_reading reading, const char *bytes,
                                          int length)
{
    int64_t number;

    if (!postgres_integer_read(reading, bytes, length, &number))
        return VALUE_BROKEN;
    return set_member(draft, field, &number, sizeof(number));
}

static enum postgres_verdict read_double(struct entity_draft *draft, uint32_t field, double number)
{
    return set_member(draft, field, &number, sizeof(number));
}

static enum postgres_verdict read_bool(struct entity_draft *draft, uint32_t field,
                                       const char *bytes)
{
    const uint8_t truth = bytes[0] != 0;

    return set_member(draft, field, &truth, sizeof(truth));
}

enum postgres_verdict postgres_value_read(struct entity_draft *draft, uint32_t field,
                                          enum postgres_reading reading, const char *bytes,
                                          int length)
{
    switch (reading) {
    case READING_TEXT:
    case READING_BYTES:
        return entity_draft_set_text(draft, field, bytes, (size_t)length) ? VALUE_TAKEN
                                                                          : VALUE_NO_MEMORY;
    case READING_INT2:
    case READING_INT4:
    case READING_INT8:
        return read_integer(draft, field, reading, bytes, length);
    case READING_BOOL:
        return length == 1 ? read_bool(draft, field, bytes) : VALUE_BROKEN;
    case READING_FLOAT4:
        return length == 4 ? read_double(draft, field, get_float4(bytes)) : VALUE_BROKEN;
    case READING_FLOAT8:
        return length == 8 ? read_double(draft, field, get_float8(bytes)) : VALUE_BROKEN;
    case READING_TIMESTAMP:
        return length == 8 ? read_timestamp(draft, field, bytes) : VALUE_BROKEN;
    case READING_DATE:
        return length == 4 ? read_date(draft, field, bytes) : VALUE_BROKEN;
    case READING_UUID:
        return length == 16 ? set_member(draft, field, bytes, 16) : VALUE_BROKEN;
    case READING_NONE:
        break;
    }
    return VALUE_BROKEN;
}
