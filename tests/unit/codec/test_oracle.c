/* Proves against cJSON, which shares no code with us, that both mean the same by the same bytes,
 * and that no damaged value is taken for another one in silence. */
#include "sample.h"
#include "test.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 3000

static const char sample_json[] = SAMPLE_JSON;

static void write_or_fail(const struct entc_entity *entity, struct buffer *buffer)
{
    buffer_clear(buffer);
    assert_int_equal(codec_encode(entity, buffer), CODEC_OK);
}

static void a_random_entity_survives_the_way_there_and_back_byte_for_byte(void **state)
{
    struct sample_kit kit;
    struct random random;
    struct buffer once;
    struct buffer again;

    (void)state;
    sample_init(&kit, NULL);
    sample_seed(&random);
    buffer_init(&once, base_default_allocator());
    buffer_init(&again, base_default_allocator());
    for (int i = 0; i < ROUNDS; i++) {
        struct entc_entity *entity = sample_random(&kit, &random);
        struct entc_entity *back = NULL;

        write_or_fail(entity, &once);
        if (sample_decode(&kit, once.bytes, once.length, &back) != CODEC_ENTITY)
            test_fail("refused: %s", buffer_text(&once));
        write_or_fail(back, &again);
        assert_int_equal(again.length, once.length);
        assert_memory_equal(again.bytes, once.bytes, once.length);
        assert_int_equal(back->block_size, entity->block_size);
        entity_unref(entity);
        entity_unref(back);
    }
    buffer_fini(&once);
    buffer_fini(&again);
    sample_fini(&kit);
}

static void cjson_reads_from_our_text_what_we_wrote(void **state)
{
    struct sample_kit kit;
    struct random random;
    struct buffer buffer;

    (void)state;
    sample_init(&kit, NULL);
    sample_seed(&random);
    buffer_init(&buffer, base_default_allocator());
    for (int i = 0; i < ROUNDS; i++) {
        struct entc_entity *entity = sample_random(&kit, &random);

        write_or_fail(entity, &buffer);
        assert_true(sample_oracle_agrees(entity, buffer.bytes, buffer.length));
        entity_unref(entity);
    }
    buffer_fini(&buffer);
    sample_fini(&kit);
}

/* The same entity as cJSON writes it: other escapes, and members in any order. cJSON writes numbers
 * with 15 or 17 digits and no integers beyond 2^53, so those go as text, and infinities too. */
static cJSON *as_cjson(const struct entc_entity *entity, struct random *random)
{
    cJSON *object = cJSON_CreateObject();
    const uint32_t first = (uint32_t)random_below(random, SAMPLE_FIELDS);
    char text[CODEC_TIMESTAMP_MAX + 1];
    entc_value value;

    for (uint32_t i = 0; i < SAMPLE_FIELDS; i++) {
        const uint32_t field = (first + i * 3) % SAMPLE_FIELDS;
        const char *name = entity->type->fields[field].name;

        if (random_below(random, 3) == 0)
            cJSON_AddItemToObject(object, "foreign", cJSON_CreateString("{\"id\":[]}\x01\xC3\xA9"));
        entity_get(entity, field, &value);
        switch (value.type) {
        case ENTC_NULL:
            cJSON_AddNullToObject(object, name);
            break;
        case ENTC_BOOL:
            cJSON_AddBoolToObject(object, name, (cJSON_bool)value.as.int64);
            break;
        case ENTC_INT64:
            snprintf(text, sizeof(text), "%" PRId64, value.as.int64);
            if (value.as.int64 > -1000000000000000 && value.as.int64 < 1000000000000000)
                cJSON_AddNumberToObject(object, name, (double)value.as.int64);
            else
                cJSON_AddStringToObject(object, name, text);
            break;
        case ENTC_DOUBLE:
            snprintf(text, sizeof(text), "%.17g", value.as.real);
            if (fabs(value.as.real) > 1e300 && isfinite(value.as.real)) /* 15 digits may overflow */
                cJSON_AddRawToObject(object, name, text);
            else if (isfinite(value.as.real))
                cJSON_AddNumberToObject(object, name, value.as.real);
            else
                cJSON_AddStringToObject(object, name,
                                        isnan(value.as.real) ? "NaN"
                                        : value.as.real > 0  ? "Infinity"
                                                             : "-Infinity");
            break;
        case ENTC_TIMESTAMP:
            text[codec_timestamp_text(text, value.as.int64)] = '\0';
            cJSON_AddStringToObject(object, name, text);
            break;
        default:
            cJSON_AddStringToObject(object, name, value.as.text);
        }
    }
    return object;
}

static void we_read_from_cjsons_text_what_it_wrote(void **state)
{
    struct sample_kit kit;
    struct random random;

    (void)state;
    sample_init(&kit, NULL);
    sample_seed(&random);
    for (int i = 0; i < ROUNDS; i++) {
        struct entc_entity *entity = sample_random(&kit, &random);
        struct entc_entity *back = NULL;
        cJSON *object = as_cjson(entity, &random);
        char *json = i % 2 ? cJSON_Print(object) : cJSON_PrintUnformatted(object);

        assert_non_null(json);
        if (sample_decode(&kit, json, strlen(json), &back) != CODEC_ENTITY)
            test_fail("refused: %s", json);
        assert_true(sample_oracle_agrees(back, json, strlen(json)));
        assert_int_equal(back->block_size, entity->block_size);
        cJSON_free(json);
        cJSON_Delete(object);
        entity_unref(entity);
        entity_unref(back);
    }
    sample_fini(&kit);
}

/* ---- damage ---- */

/* Whatever we take must be what cJSON reads, too. */
static void check_damaged(struct sample_kit *kit, const char *json, size_t length)
{
    struct entc_entity *entity = NULL;
    const enum codec_verdict verdict = sample_decode(kit, json, length, &entity);

    assert_int_equal(entity != NULL, verdict == CODEC_ENTITY);
    assert_true(verdict != CODEC_NO_MEMORY && verdict != CODEC_ABSENT);
    if (entity)
        assert_true(sample_oracle_agrees(entity, json, length));
    entity_unref(entity);
}

/* Members that are not declared, of every kind, before and behind one that is. */
static const char foreign_json[] =
    "{\"x\":{\"y\": [1, -2.5E+3 ,\"\\u00e9\\uD83D\\uDE00\\n\" , true, false, null,"
    "{ } ] , \"z\" : { } }, "
    "\"\\u0069d\":\"7\",\"y\":[ ]}";

static void every_truncation_is_corrupt(void **state)
{
    struct sample_kit kit;
    struct entc_entity *entity = NULL;

    (void)state;
    sample_init(&kit, NULL);
    for (size_t length = 0; length < strlen(sample_json); length++) {
        if (sample_decode(&kit, sample_json, length, &entity) != CODEC_CORRUPT)
            test_fail("not corrupt: %.*s", (int)length, sample_json);
    }
    for (size_t length = 0; length < strlen(foreign_json); length++) {
        if (sample_decode(&kit, foreign_json, length, &entity) != CODEC_CORRUPT)
            test_fail("not corrupt: %.*s", (int)length, foreign_json);
    }
    assert_int_equal(sample_verdict(&kit, sample_json), CODEC_ENTITY);
    assert_int_equal(sample_verdict(&kit, foreign_json), CODEC_RESHAPED);
    sample_fini(&kit);
}

static void every_byte_of_every_value_may_be_flipped(void **state)
{
    struct sample_kit kit;
    char json[sizeof(sample_json)];

    (void)state;
    sample_init(&kit, NULL);
    for (size_t at = 0; at < sizeof(sample_json) - 1; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(json, sample_json, sizeof(json));
            json[at] = (char)byte;
            check_damaged(&kit, json, sizeof(json) - 1);
        }
    }
    sample_fini(&kit);
}

static void every_byte_may_be_removed(void **state)
{
    struct sample_kit kit;
    char json[sizeof(sample_json)];

    (void)state;
    sample_init(&kit, NULL);
    for (size_t at = 0; at < sizeof(sample_json) - 1; at++) {
        memcpy(json, sample_json, at);
        memcpy(json + at, sample_json + at + 1, sizeof(sample_json) - 1 - at);
        check_damaged(&kit, json, sizeof(sample_json) - 2);
    }
    sample_fini(&kit);
}

static void any_byte_may_be_inserted_anywhere(void **state)
{
    struct sample_kit kit;
    char json[sizeof(sample_json) + 1];

    (void)state;
    sample_init(&kit, NULL);
    for (size_t at = 0; at < sizeof(sample_json); at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(json, sample_json, at);
            json[at] = (char)byte;
            memcpy(json + at + 1, sample_json + at, sizeof(sample_json) - at);
            check_damaged(&kit, json, sizeof(sample_json));
        }
    }
    sample_fini(&kit);
}

static void damage_to_the_frame_of_a_value_is_never_taken_for_an_entity(void **state)
{
    static const char frame[] = "{}:,\"";
    struct sample_kit kit;
    char json[sizeof(sample_json)];
    struct entc_entity *entity = NULL;

    (void)state;
    sample_init(&kit, NULL);
    for (size_t at = 0; at < sizeof(sample_json) - 1; at++) {
        if (!strchr(frame, sample_json[at]))
            continue;
        memcpy(json, sample_json, sizeof(json));
        json[at] ^= 1;
        if (sample_decode(&kit, json, sizeof(json) - 1, &entity) == CODEC_ENTITY)
            test_fail("taken: %s", json);
    }
    sample_fini(&kit);
}

static void many_bytes_may_be_damaged_at_once(void **state)
{
    struct sample_kit kit;
    struct random random;
    struct buffer buffer;

    (void)state;
    sample_init(&kit, NULL);
    sample_seed(&random);
    buffer_init(&buffer, base_default_allocator());
    for (int i = 0; i < 10 * ROUNDS; i++) {
        struct entc_entity *entity = sample_random(&kit, &random);

        write_or_fail(entity, &buffer);
        for (uint64_t n = random_below(&random, 4) + 1; n > 0; n--) {
            const size_t from = random_below(&random, buffer.length);
            const size_t to = random_below(&random, buffer.length);

            buffer.bytes[to] =
                random_below(&random, 2) ? (char)random_next(&random) : buffer.bytes[from];
        }
        check_damaged(&kit, buffer.bytes, buffer.length);
        entity_unref(entity);
    }
    buffer_fini(&buffer);
    sample_fini(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_entity_survives_the_way_there_and_back_byte_for_byte),
        cmocka_unit_test(cjson_reads_from_our_text_what_we_wrote),
        cmocka_unit_test(we_read_from_cjsons_text_what_it_wrote),
        cmocka_unit_test(every_truncation_is_corrupt),
        cmocka_unit_test(every_byte_of_every_value_may_be_flipped),
        cmocka_unit_test(every_byte_may_be_removed),
        cmocka_unit_test(any_byte_may_be_inserted_anywhere),
        cmocka_unit_test(damage_to_the_frame_of_a_value_is_never_taken_for_an_entity),
        cmocka_unit_test(many_bytes_may_be_damaged_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
