/* Values as cJSON, the C library and timegm() understand them. */
#include "oracle.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NUMBER_MAX 62

bool oracle_can_read(const char *json, size_t length)
{
    size_t run = 0;

    for (size_t i = 0; i < length; i++) {
        run = json[i] && strchr("0123456789+-.eE", json[i]) ? run + 1 : 0;
        if (run > NUMBER_MAX || (length - i >= 6 && memcmp(json + i, "\\u0000", 6) == 0))
            return false;
    }
    return true;
}

bool oracle_parses(const char *json, size_t length)
{
    cJSON *tree = cJSON_ParseWithLength(json, length);
    const bool parses = tree != NULL;

    cJSON_Delete(tree);
    return parses;
}

/* cJSON keeps integers as doubles: above 2^53 only the nearest double can be compared. */
static bool same_int64(const cJSON *item, int64_t number)
{
    char *end = NULL;

    if (cJSON_IsString(item))
        return strtoll(item->valuestring, &end, 10) == number && *end == '\0';
    return cJSON_IsNumber(item) && item->valuedouble == (double)number;
}

static bool same_double(const cJSON *item, double number)
{
    double read = 0;

    if (cJSON_IsString(item))
        read = strtod(item->valuestring, NULL);
    else if (cJSON_IsNumber(item))
        read = item->valuedouble;
    else
        return false;
    return isnan(number) ? isnan(read) : read == number && signbit(read) == signbit(number);
}

/* Microseconds of ".25"; 0 for "". */
static int64_t fraction_us(const char *digits)
{
    int64_t number = 0;

    if (*digits == '.')
        digits++;
    for (int i = 0; i < 6; i++) {
        number = number * 10 + (*digits >= '0' && *digits <= '9' ? *digits - '0' : 0);
        digits += *digits != '\0';
    }
    return number;
}

static bool same_timestamp(const cJSON *item, int64_t microseconds)
{
    struct tm tm = {0};
    char fraction[8] = "";
    int64_t read = 0;

    if (!cJSON_IsString(item))
        return false;
    if (strcmp(item->valuestring, "infinity") == 0)
        return microseconds == INT64_MAX;
    if (strcmp(item->valuestring, "-infinity") == 0)
        return microseconds == INT64_MIN;
    if (sscanf(item->valuestring, "%d-%d-%dT%d:%d:%d%7[.0-9]", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, fraction) < 6)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    /* In the first second of all the product alone is out of range. */
    if (__builtin_mul_overflow((int64_t)timegm(&tm), INT64_C(1000000), &read))
        return true;
    return !__builtin_add_overflow(read, fraction_us(fraction), &read) && read == microseconds;
}

static bool same_value(const cJSON *item, const entc_value *value)
{
    switch (value->type) {
    case ENTC_NULL:
        return cJSON_IsNull(item);
    case ENTC_BOOL:
        return cJSON_IsBool(item) && cJSON_IsTrue(item) == value->as.int64;
    case ENTC_INT64:
        return same_int64(item, value->as.int64);
    case ENTC_DOUBLE:
        return same_double(item, value->as.real);
    case ENTC_TEXT:
        return cJSON_IsString(item) && strlen(item->valuestring) == value->length &&
               memcmp(item->valuestring, value->as.text, value->length) == 0;
    case ENTC_TIMESTAMP:
        return same_timestamp(item, value->as.int64);
    default:
        return true;
    }
}

bool oracle_agrees(const struct entc_entity *entity, const char *json, size_t length)
{
    cJSON *object = cJSON_ParseWithLength(json, length);
    bool agrees = cJSON_IsObject(object);

    for (uint32_t i = 0; i < entity->type->field_count && agrees; i++) {
        const char *name = entity->type->fields[i].name;
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
        entc_value value;

        entity_get(entity, i, &value);
        agrees = item && same_value(item, &value);
        if (!agrees)
            fprintf(stderr, "member %s of %.*s\n", name, (int)length, json);
    }
    cJSON_Delete(object);
    return agrees;
}
