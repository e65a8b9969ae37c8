/* The entity that the codec's tests work on. Nothing here uses the code under test to decide what a
 * text means: numbers go through the C library, dates through timegm(), JSON through cJSON. */
#include "sample.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const entc_field fields[] = {
    ENTC_FIELD(struct sample, id, ENTC_INT64, ENTC_KEY),
    ENTC_FIELD(struct sample, title, ENTC_TEXT, 0),
    ENTC_FIELD_NULLABLE(struct sample, count, ENTC_INT64, 0),
    ENTC_FIELD(struct sample, price, ENTC_DOUBLE, 0),
    ENTC_FIELD(struct sample, done, ENTC_BOOL, 0),
    ENTC_FIELD(struct sample, at, ENTC_TIMESTAMP, 0),
    ENTC_FIELD(struct sample, note, ENTC_TEXT, ENTC_NULLABLE),
    ENTC_FIELD_NULLABLE(struct sample, ratio, ENTC_DOUBLE, 0),
    ENTC_FIELD_NULLABLE(struct sample, active, ENTC_BOOL, 0),
    ENTC_FIELD_NULLABLE(struct sample, seen, ENTC_TIMESTAMP, 0),
};

static const entc_entity_desc desc = ENTC_ENTITY("Sample", struct sample, fields);

void sample_init(struct sample_kit *kit, const entc_allocator *allocator)
{
    memset(kit, 0, sizeof(*kit));
    assert_int_equal(schema_type_new(&desc, allocator, &kit->type, NULL), ENTC_OK);
    assert_int_equal(entity_draft_init(&kit->draft, kit->type), ENTC_OK);
}

void sample_fini(struct sample_kit *kit)
{
    entity_draft_fini(&kit->draft);
    schema_type_unref(kit->type);
}

enum codec_verdict sample_decode(struct sample_kit *kit, const char *json, size_t length,
                                 struct entc_entity **ret_entity)
{
    char *exact = malloc(length ? length : 1);
    enum codec_verdict verdict;

    assert_non_null(exact);
    if (length)
        memcpy(exact, json, length);
    verdict = codec_decode(&kit->draft, exact, length, ret_entity);
    free(exact);
    return verdict;
}

enum codec_verdict sample_verdict(struct sample_kit *kit, const char *json)
{
    struct entc_entity *entity = NULL;
    const enum codec_verdict verdict = sample_decode(kit, json, strlen(json), &entity);

    assert_int_equal(entity != NULL, verdict == CODEC_ENTITY);
    entity_unref(entity);
    return verdict;
}

/* ---- random values ---- */

void sample_seed(struct random *random)
{
    const char *given = getenv("ENTC_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 0;

    if (!given)
        assert_int_equal(random_bytes(&seed, sizeof(seed)), ENTC_OK);
    print_message("ENTC_TEST_SEED=%" PRIu64 "\n", seed);
    for (size_t i = 0; i < sizeof(random->state) / sizeof(random->state[0]); i++)
        random->state[i] = seed * 0x9E3779B97F4A7C15u + i + 1;
}

static int64_t random_int64(struct random *random)
{
    static const int64_t odd[] = {0, -1, INT64_MAX, INT64_MIN, 9007199254740993, -9007199254740993};

    if (random_below(random, 4) == 0)
        return odd[random_below(random, sizeof(odd) / sizeof(odd[0]))];
    return (int64_t)(random_next(random) >> random_below(random, 64));
}

static double random_double(struct random *random)
{
    static const double odd[] = {0.0, -0.0, 5e-324, 1.7976931348623157e308, 1e21, 1e-7, 0.1, 123.0};
    uint64_t bits = random_next(random);
    double number;

    switch (random_below(random, 4)) {
    case 0:
        return odd[random_below(random, sizeof(odd) / sizeof(odd[0]))];
    case 1:
        return (double)(bits % 10000000) / 100;
    case 2:
        return random_below(random, 2) ? INFINITY : -INFINITY;
    default:
        memcpy(&number, &bits, sizeof(number));
        return isnan(number) ? NAN : number;
    }
}

/* Within the years 0 to 9999, which timegm() and sscanf() can follow; or an infinity. */
static int64_t random_timestamp(struct random *random)
{
    if (random_below(random, 8) == 0)
        return random_below(random, 2) ? INT64_MAX : INT64_MIN;
    return (int64_t)random_below(random, 315569519999u) * 1000000 - 62167219200000000 +
           (int64_t)random_below(random, 1000000);
}

static size_t random_text(struct random *random, char *out, size_t longest)
{
    static const char *const odd[] = {"\"",
                                      "\\",
                                      "\b",
                                      "\f",
                                      "\n",
                                      "\r",
                                      "\t",
                                      "\x01",
                                      "\x1F",
                                      "\x7F",
                                      "/",
                                      "\xC2\x80",
                                      "\xE2\x80\xA8",
                                      "\xEF\xBF\xBF",
                                      "\xED\x9F\xBF",
                                      "\xF4\x8F\xBF\xBF",
                                      "\xF0\x9F\x98\x80"};
    const size_t pieces = random_below(random, 30);
    size_t length = 0;

    for (size_t i = 0; i < pieces && length + 8 < longest; i++) {
        const char *piece = odd[random_below(random, sizeof(odd) / sizeof(odd[0]))];

        if (random_below(random, 3) > 0) {
            out[length++] = (char)(' ' + random_below(random, 95));
            continue;
        }
        memcpy(out + length, piece, strlen(piece));
        length += strlen(piece);
    }
    return length;
}

static void set_random(struct entity_draft *draft, uint32_t field, struct random *random)
{
    const struct schema_field *shape = &draft->type->fields[field];
    char text[256];

    if ((shape->flags & ENTC_NULLABLE) && random_below(random, 4) == 0) {
        entity_draft_set_null(draft, field);
        return;
    }
    switch (shape->type) {
    case ENTC_DOUBLE:
        entity_draft_set_double(draft, field, random_double(random));
        break;
    case ENTC_TEXT:
        assert_true(
            entity_draft_set_text(draft, field, text, random_text(random, text, sizeof(text))));
        break;
    case ENTC_TIMESTAMP:
        entity_draft_set_int64(draft, field, random_timestamp(random));
        break;
    default:
        entity_draft_set_int64(draft, field, random_int64(random));
        break;
    }
}

struct entc_entity *sample_random(struct sample_kit *kit, struct random *random)
{
    struct entc_entity *entity;

    entity_draft_clear(&kit->draft);
    for (uint32_t i = 0; i < SAMPLE_FIELDS; i++)
        set_random(&kit->draft, i, random);
    entity = entity_draft_seal(&kit->draft);
    assert_non_null(entity);
    return entity;
}

/* ---- cJSON ---- */

/* cJSON keeps integers as doubles: above 2^53 only the nearest double can be compared. */
static bool same_int64(const cJSON *item, int64_t number)
{
    char *end;

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

static bool same_timestamp(const cJSON *item, int64_t microseconds)
{
    struct tm tm = {0};
    char fraction[8] = "";
    double decimals;

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
    decimals = *fraction ? strtod(fraction, NULL) : 0;
    return timegm(&tm) * INT64_C(1000000) + (int64_t)lround(decimals * 1e6) == microseconds;
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
        return false;
    }
}

bool sample_oracle_agrees(const struct entc_entity *entity, const char *json, size_t length)
{
    cJSON *object = cJSON_ParseWithLength(json, length);
    bool agrees = cJSON_IsObject(object);

    for (uint32_t i = 0; i < SAMPLE_FIELDS && agrees; i++) {
        const char *name = entity->type->fields[i].name;
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
