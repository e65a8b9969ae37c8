/* Exported: version and values. */
#include "api/api.h"

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

int32_t entc_version(void)
{
    return ENTC_VERSION;
}

const char *entc_version_text(void)
{
    return TEXT_OF(ENTC_VERSION_MAJOR) "." TEXT_OF(ENTC_VERSION_MINOR) "." TEXT_OF(
        ENTC_VERSION_PATCH);
}

void entc_value_null(entc_value *value)
{
    if (value)
        *value = (entc_value){.type = ENTC_NULL};
}

void entc_value_bool(entc_value *value, int32_t truth)
{
    if (value)
        *value = (entc_value){.type = ENTC_BOOL, .as = {.int64 = truth != 0}};
}

void entc_value_int64(entc_value *value, int64_t number)
{
    if (value)
        *value = (entc_value){.type = ENTC_INT64, .as = {.int64 = number}};
}

void entc_value_double(entc_value *value, double number)
{
    if (value)
        *value = (entc_value){.type = ENTC_DOUBLE, .as = {.real = number}};
}

static entc_status fill_string(entc_value *value, uint32_t type, const char *bytes, size_t length)
{
    if (!value || length > UINT32_MAX)
        return ENTC_E_INVALID;
    if (bytes)
        *value = (entc_value){.type = type, .length = (uint32_t)length, .as = {.text = bytes}};
    else
        entc_value_null(value);
    return ENTC_OK;
}

entc_status entc_value_text(entc_value *value, const char *text, size_t length)
{
    return fill_string(value, ENTC_TEXT, text, length);
}

entc_status entc_value_bytes(entc_value *value, const void *bytes, size_t length)
{
    return fill_string(value, ENTC_BYTES, bytes, length);
}

entc_status entc_value_json(entc_value *value, const char *text, size_t length)
{
    return fill_string(value, ENTC_JSON, text, length);
}

void entc_value_uuid(entc_value *value, const uint8_t *uuid)
{
    entc_value filled = {.type = ENTC_UUID};

    if (!value)
        return;
    if (!uuid) {
        entc_value_null(value);
        return;
    }
    memcpy(filled.as.bytes, uuid, sizeof(filled.as.bytes));
    *value = filled;
}

void entc_value_date(entc_value *value, int32_t days)
{
    if (value)
        *value = (entc_value){.type = ENTC_DATE, .as = {.int64 = days}};
}

void entc_value_timestamp(entc_value *value, int64_t microseconds)
{
    if (value)
        *value = (entc_value){.type = ENTC_TIMESTAMP, .as = {.int64 = microseconds}};
}
