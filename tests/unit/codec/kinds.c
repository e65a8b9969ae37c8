/* The entity of kinds.h. As in sample.c, nothing here uses the code under test to decide what a
 * text means: days go through timegm(), base64 through a table of bits, JSON through cJSON. */
#include "kinds.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static entc_field named(entc_field field, const char *json_name)
{
    field.json_name = json_name;
    return field;
}

void kinds_init(struct sample_kit *kit)
{
    entc_field fields[] = {
        ENTC_FIELD(struct kinds, id, ENTC_UUID, ENTC_KEY),
        ENTC_FIELD(struct kinds, part, ENTC_INT64, ENTC_KEY | ENTC_GENERATED),
        ENTC_FIELD(struct kinds, data, ENTC_BYTES, ENTC_SENSITIVE),
        ENTC_FIELD(struct kinds, more, ENTC_BYTES, ENTC_NULLABLE),
        ENTC_FIELD(struct kinds, day, ENTC_DATE, ENTC_READ_ONLY),
        ENTC_FIELD_NULLABLE(struct kinds, other_day, ENTC_DATE, 0),
        ENTC_FIELD_NULLABLE(struct kinds, other_id, ENTC_UUID, 0),
        ENTC_FIELD(struct kinds, body, ENTC_JSON, 0),
        ENTC_FIELD(struct kinds, extra, ENTC_JSON, ENTC_NULLABLE),
        ENTC_FIELD(struct kinds, big, ENTC_INT64, ENTC_JSON_STRING),
    };
    const entc_entity_desc desc = ENTC_ENTITY("Kinds", struct kinds, fields);

    fields[KINDS_DATA] = named(fields[KINDS_DATA], "da\"ta\n");
    fields[KINDS_BODY] = named(fields[KINDS_BODY], "K\xC3\xB6rper");
    memset(kit, 0, sizeof(*kit));
    assert_int_equal(schema_type_new(&desc, NULL, &kit->type, NULL), ENTC_OK);
    assert_int_equal(entity_draft_init(&kit->draft, kit->type), ENTC_OK);
}

/* ---- random values ---- */

static int32_t random_day(struct random *random)
{
    static const int32_t odd[] = {INT32_MAX, INT32_MIN, -2440588, 2145042905, 0,
                                  -1,        -719528,   -719529,  2932896,    2932897};

    if (random_below(random, 3) == 0)
        return odd[random_below(random, sizeof(odd) / sizeof(odd[0]))];
    return (int32_t)((int64_t)random_below(random, 2147483494) - 2440588);
}

static size_t random_json(struct random *random, char *out, unsigned depth)
{
    static const char *const plain[] = {
        "0",     "-0.0", "1e400", "\"\"",  "\"\\u0000\\\"\xC3\xA9\"",
        "false", "[]",   "{ }",   "[{}]",  "123456789012345678901",
        "true",  "1.50", "[1,2]", "\"x\"", "{\"a\":1,\"a\":2}"};
    const char *text = plain[random_below(random, sizeof(plain) / sizeof(plain[0]))];
    size_t length;

    if (depth == 0 || random_below(random, 2)) {
        memcpy(out, text, strlen(text));
        return strlen(text);
    }
    length = (size_t)sprintf(out, random_below(random, 2) ? "[ null ," : "{\"k\\n\":null,\t\"\":");
    length += random_json(random, out + length, depth - 1);
    out[length++] = out[0] == '[' ? ']' : '}';
    return length;
}

/* As a `json` column may have it: white space around it. */
static size_t random_spaced(struct random *random, char *out)
{
    static const char *const spaces[] = {"", " ", "\n", "\t\r "};
    const char *before = spaces[random_below(random, 4)];
    const char *after = spaces[random_below(random, 4)];
    size_t length = (size_t)sprintf(out, "%s", before);

    length += random_json(random, out + length, 5);
    return length + (size_t)sprintf(out + length, "%s", after);
}

static bool set_string(struct entity_draft *draft, uint32_t field, struct random *random)
{
    char text[512];
    size_t length = random_below(random, 40);

    if (draft->type->fields[field].type == ENTC_JSON) {
        length = random_spaced(random, text);
    } else {
        for (size_t i = 0; i < length; i++)
            text[i] = (char)random_next(random);
    }
    return entity_draft_set_text(draft, field, text, length);
}

static void set_random(struct entity_draft *draft, uint32_t field, struct random *random)
{
    const struct schema_field *shape = &draft->type->fields[field];
    uint8_t uuid[16];

    if ((shape->flags & ENTC_NULLABLE) && random_below(random, 4) == 0) {
        entity_draft_set_null(draft, field);
        return;
    }
    switch (shape->type) {
    case ENTC_UUID:
        for (size_t i = 0; i < sizeof(uuid); i++)
            uuid[i] = (uint8_t)random_next(random);
        entity_draft_set_uuid(draft, field, uuid);
        break;
    case ENTC_DATE:
        entity_draft_set_int64(draft, field, random_day(random));
        break;
    case ENTC_INT64:
        entity_draft_set_int64(draft, field,
                               (int64_t)(random_next(random) >> random_below(random, 64)));
        break;
    default:
        assert_true(set_string(draft, field, random));
    }
}

struct entc_entity *kinds_random(struct sample_kit *kit, struct random *random)
{
    struct entc_entity *entity;

    entity_draft_clear(&kit->draft);
    for (uint32_t i = 0; i < KINDS_FIELDS; i++)
        set_random(&kit->draft, i, random);
    entity = entity_draft_seal(&kit->draft);
    assert_non_null(entity);
    return entity;
}

/* ---- what others read ---- */

static bool same_bytes(const char *text, const entc_value *value)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t bits = 0;

    for (; *text && *text != '='; text++) {
        const char *place = strchr(alphabet, *text);

        for (int bit = 5; bit >= 0; bit--, bits++) {
            const unsigned is_set = (unsigned)(place - alphabet) >> bit & 1;

            if (bits / 8 >= value->length)
                continue;
            if (((unsigned char)value->as.text[bits / 8] >> (7 - bits % 8) & 1) != is_set)
                return false;
        }
    }
    return bits / 8 == value->length;
}

static bool same_day(const char *text, int64_t day)
{
    struct tm tm = {.tm_hour = 12};
    const int sign = *text == '-' ? -1 : 1;

    if (strcmp(text, "infinity") == 0)
        return day == INT32_MAX;
    if (strcmp(text, "-infinity") == 0)
        return day == INT32_MIN;
    if (sscanf(text + (*text == '-' || *text == '+'), "%d-%d-%d", &tm.tm_year, &tm.tm_mon,
               &tm.tm_mday) != 3)
        return false;
    tm.tm_year = sign * tm.tm_year - 1900;
    tm.tm_mon -= 1;
    return timegm(&tm) == day * 86400 + 43200;
}

static bool same_uuid(const char *text, const uint8_t *uuid)
{
    for (size_t i = 0; i < 16; i++) {
        char pair[3] = "";

        text += *text == '-';
        memcpy(pair, text, 2);
        if (strtoul(pair, NULL, 16) != uuid[i])
            return false;
        text += 2;
    }
    return *text == '\0';
}

static bool same_json(const cJSON *item, const entc_value *value)
{
    cJSON *read = cJSON_ParseWithLength(value->as.text, value->length);
    char *left = cJSON_PrintUnformatted(item);
    char *right = read ? cJSON_PrintUnformatted(read) : NULL;
    const bool is_same = left && right && strcmp(left, right) == 0;

    cJSON_free(left);
    cJSON_free(right);
    cJSON_Delete(read);
    return is_same;
}

static bool same_value(const cJSON *item, const entc_value *value)
{
    char *end;

    if (value->type == ENTC_NULL)
        return cJSON_IsNull(item);
    if (value->type == ENTC_JSON)
        return same_json(item, value);
    if (value->type == ENTC_INT64 && cJSON_IsNumber(item))
        return item->valuedouble == (double)value->as.int64;
    if (!cJSON_IsString(item))
        return false;
    switch (value->type) {
    case ENTC_INT64:
        return strtoll(item->valuestring, &end, 10) == value->as.int64 && *end == '\0';
    case ENTC_BYTES:
        return same_bytes(item->valuestring, value);
    case ENTC_UUID:
        return same_uuid(item->valuestring, value->as.bytes);
    case ENTC_DATE:
        return same_day(item->valuestring, value->as.int64);
    default:
        return false;
    }
}

bool kinds_oracle_agrees(const struct entc_entity *entity, const char *json, size_t length)
{
    cJSON *object = cJSON_ParseWithLength(json, length);
    bool agrees = cJSON_IsObject(object);

    for (uint32_t i = 0; i < KINDS_FIELDS && agrees; i++) {
        const char *name = entity->type->fields[i].json_name;
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
        entc_value value;

        entity_get(entity, i, &value);
        agrees = item && same_value(item, &value);
        if (!agrees)
            print_error("member %s of %.*s\n", name, (int)length, json);
    }
    cJSON_Delete(object);
    return agrees;
}
