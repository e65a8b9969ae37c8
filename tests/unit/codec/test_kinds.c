/* Proves that bytes, days, UUIDs, JSON and integers in quotes go from the record to JSON and back
 * byte for byte, that others read the same in them, and that nothing else is taken for them. */
#include "kinds.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 3000

static const char kinds_json[] = KINDS_JSON;

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
    kinds_init(&kit);
    sample_seed(&random);
    buffer_init(&once, base_default_allocator());
    buffer_init(&again, base_default_allocator());
    for (int i = 0; i < ROUNDS; i++) {
        struct entc_entity *entity = kinds_random(&kit, &random);
        struct entc_entity *back = NULL;

        write_or_fail(entity, &once);
        assert_true(kinds_oracle_agrees(entity, once.bytes, once.length));
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

static struct entc_entity *decode(struct sample_kit *kit, const char *json)
{
    struct entc_entity *entity = NULL;

    if (sample_decode(kit, json, strlen(json), &entity) != CODEC_ENTITY)
        test_fail("refused: %s", json);
    return entity;
}

static void each_type_lies_in_the_record_as_its_c_type(void **state)
{
    static const uint8_t id[16] = {0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78,
                                   0x87, 0x96, 0xa5, 0xb4, 0xc3, 0xd2, 0xe1, 0xf0};
    struct sample_kit kit;
    struct entc_entity *entity;
    const struct kinds *record;
    struct buffer buffer;

    (void)state;
    kinds_init(&kit);
    entity = decode(&kit, kinds_json);
    record = entity_record(entity);
    assert_memory_equal(record->id, id, sizeof(id));
    assert_int_equal(record->part, 7);
    assert_int_equal(record->data.len, 4);
    assert_memory_equal(record->data.ptr, "\x00\xFF\xFE\x66\x00", 5);
    assert_null(record->more.ptr);
    assert_int_equal(record->day, 20779);
    assert_int_equal(record->has_other_day, 1);
    assert_int_equal(record->other_day, INT32_MIN);
    assert_int_equal(record->has_other_id, 0);
    assert_string_equal(record->body.ptr, "{\"a\":[1, 2.50,\"\\u00e9\"],\"a\":null}");
    assert_string_equal(record->extra.ptr, " [ ] ");
    assert_int_equal(record->big, INT64_MAX);
    buffer_init(&buffer, base_default_allocator());
    write_or_fail(entity, &buffer);
    assert_string_equal(buffer_text(&buffer), kinds_json);
    buffer_fini(&buffer);
    entity_unref(entity);
    sample_fini(&kit);
}

/* The sample with one member's value replaced. */
static char *with(const char *prefix, const char *value)
{
    const char *begin = strstr(kinds_json, prefix);
    const char *end = NULL;
    char *json = malloc(sizeof(kinds_json) + strlen(value) + 1);

    assert_non_null(begin);
    assert_non_null(json);
    begin += strlen(prefix);
    end = strstr(begin, ",\"");
    if (strncmp(begin, "{\"a\"", 4) == 0)
        end = strstr(begin, ",\"extra\"");
    if (!end)
        end = strchr(begin, '}');
    sprintf(json, "%.*s%s%s", (int)(begin - kinds_json), kinds_json, value, end);
    return json;
}

static void what_is_not_of_the_type_is_told_from_what_is_not_json(void **state)
{
    static const struct {
        const char *prefix;
        const char *value;
        enum codec_verdict verdict;
    } cases[] = {
        {"\"da\\\"ta\\n\":", "\"\"", CODEC_ENTITY},
        {"\"da\\\"ta\\n\":", "\"Zg==\"", CODEC_ENTITY},
        {"\"da\\\"ta\\n\":", "\"A\\/8=\"", CODEC_ENTITY},
        {"\"da\\\"ta\\n\":", "\"Zg\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"Zh==\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"Zm9=\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"Zg= \"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"Zg==Zg==\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"Z===\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"====\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"_-__\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"Zm9v\\nZm9v\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"\xC3\xA9\xC3\xA9\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"\\u0000AA=\"", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "null", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "17", CODEC_RESHAPED},
        {"\"da\\\"ta\\n\":", "\"Zg==", CODEC_CORRUPT},
        {"\"more\":", "\"Zg==\"", CODEC_ENTITY},
        {"\"day\":", "\"-infinity\"", CODEC_ENTITY},
        {"\"day\":", "\"+5874897-12-31\"", CODEC_ENTITY},
        {"\"day\":", "\"+5874898-01-01\"", CODEC_RESHAPED},
        {"\"day\":", "\"-004713-11-24\"", CODEC_ENTITY},
        {"\"day\":", "\"-004713-11-23\"", CODEC_RESHAPED},
        {"\"day\":", "\"2026-02-29\"", CODEC_RESHAPED},
        {"\"day\":", "\"2026-11-22T00:00:00.000000Z\"", CODEC_RESHAPED},
        {"\"day\":", "\"2026-11-22 \"", CODEC_RESHAPED},
        {"\"day\":", "20779", CODEC_RESHAPED},
        {"\"day\":", "null", CODEC_RESHAPED},
        {"\"other_day\":", "null", CODEC_ENTITY},
        {"\"other_id\":", "\"0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0\"", CODEC_ENTITY},
        {"\"other_id\":", "\"0f1e2d3c4b5a69788796a5b4c3d2e1f0\"", CODEC_RESHAPED},
        {"\"other_id\":", "\"{0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}\"", CODEC_RESHAPED},
        {"\"other_id\":", "\"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1fg\"", CODEC_RESHAPED},
        {"\"other_id\":", "\"0f1e2d3-c4b5a-6978-8796-a5b4c3d2e1f0\"", CODEC_RESHAPED},
        {"\"other_id\":", "\"\"", CODEC_RESHAPED},
        {"\"other_id\":", "{}", CODEC_RESHAPED},
        {"rper\":", "null", CODEC_ENTITY},
        {"rper\":", " null ", CODEC_ENTITY},
        {"rper\":", "\"\\u0000\"", CODEC_ENTITY},
        {"rper\":", "nul", CODEC_CORRUPT},
        {"rper\":", "", CODEC_CORRUPT},
        {"rper\":", "[1,]", CODEC_CORRUPT},
        {"rper\":", "[1 2]", CODEC_CORRUPT},
        {"rper\":", "\"\\uD800\"", CODEC_CORRUPT},
        {"rper\":", "01", CODEC_CORRUPT},
        {"rper\":", "NaN", CODEC_CORRUPT},
        {"\"big\":", "7", CODEC_ENTITY},
        {"\"big\":", "\"007\"", CODEC_RESHAPED},
    };
    struct sample_kit kit;

    (void)state;
    kinds_init(&kit);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *json = with(cases[i].prefix, cases[i].value);
        const enum codec_verdict verdict = sample_verdict(&kit, json);

        if (verdict != cases[i].verdict)
            test_fail("verdict %d of %s", (int)verdict, json);
        free(json);
    }
    sample_fini(&kit);
}

/* ---- JSON in JSON ---- */

static char *nested(unsigned depth)
{
    char *text = calloc(2 * depth + 1, 1);

    assert_non_null(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return text;
}

static void the_depth_of_a_json_field_counts_with_what_it_stands_in(void **state)
{
    struct sample_kit kit;

    (void)state;
    kinds_init(&kit);
    for (unsigned depth = CODEC_DEPTH_MAX - 2; depth <= CODEC_DEPTH_MAX; depth++) {
        char *text = nested(depth);
        char *json = with("rper\":", text);

        assert_int_equal(sample_verdict(&kit, json),
                         depth < CODEC_DEPTH_MAX ? CODEC_ENTITY : CODEC_CORRUPT);
        free(json);
        free(text);
    }
    sample_fini(&kit);
}

/* The sample's entity with another text in a field of JSON. */
static enum codec_result encode_with(struct sample_kit *kit, uint32_t field, const char *text,
                                     struct buffer *buffer)
{
    struct entc_entity *entity = decode(kit, kinds_json);
    enum codec_result result;

    entity_unref(entity);
    assert_true(entity_draft_set_text(&kit->draft, field, text, strlen(text)));
    entity = entity_draft_seal(&kit->draft);
    assert_non_null(entity);
    buffer_clear(buffer);
    assert_true(buffer_append_text(buffer, "before"));
    result = codec_encode(entity, buffer);
    entity_unref(entity);
    return result;
}

static void json_that_the_decoder_would_refuse_is_never_written(void **state)
{
    static const char *const refused[] = {"",       " ",    "{",    "[1,]",         "1 2",  "'x'",
                                          "\xFF",   "01",   "nul",  "\"\\uDC00\"",  "\"a",  "{1:2}",
                                          "\"\t\"", "+1.0", "[1]]", "{\"a\":1,}{}", "\x01", "tru"};
    struct sample_kit kit;
    struct buffer buffer;
    char *deep = nested(CODEC_DEPTH_MAX);

    (void)state;
    kinds_init(&kit);
    buffer_init(&buffer, base_default_allocator());
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (encode_with(&kit, KINDS_BODY, refused[i], &buffer) != CODEC_REFUSED)
            test_fail("written: %s", refused[i]);
        assert_string_equal(buffer_text(&buffer), "before");
    }
    assert_int_equal(encode_with(&kit, KINDS_BODY, deep, &buffer), CODEC_REFUSED);
    assert_int_equal(encode_with(&kit, KINDS_BODY, deep + 1, &buffer), CODEC_REFUSED);
    free(deep);
    buffer_fini(&buffer);
    sample_fini(&kit);
}

static void a_json_null_is_itself_where_null_cannot_be_and_never_cached_where_it_can(void **state)
{
    static const char *const nulls[] = {"null", " null", "null\n"};
    struct sample_kit kit;
    struct buffer buffer;

    (void)state;
    kinds_init(&kit);
    buffer_init(&buffer, base_default_allocator());
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
        struct entc_entity *back = NULL;

        assert_int_equal(encode_with(&kit, KINDS_EXTRA, nulls[i], &buffer), CODEC_UNCACHEABLE);
        assert_non_null(strstr(buffer_text(&buffer), ",\"big\":\"9223372036854775807\"}"));
        assert_int_equal(encode_with(&kit, KINDS_BODY, nulls[i], &buffer), CODEC_OK);
        back = decode(&kit, buffer_text(&buffer) + strlen("before"));
        assert_string_equal(((const struct kinds *)entity_record(back))->body.ptr, nulls[i]);
        entity_unref(back);
    }
    buffer_fini(&buffer);
    sample_fini(&kit);
}

static void a_day_that_postgresql_does_not_have_is_never_written(void **state)
{
    static const int32_t days[] = {-2440589, 2145042906, INT32_MAX - 1, INT32_MIN + 1};
    struct sample_kit kit;
    struct buffer buffer;

    (void)state;
    kinds_init(&kit);
    buffer_init(&buffer, base_default_allocator());
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        struct entc_entity *entity = decode(&kit, kinds_json);

        entity_unref(entity);
        entity_draft_set_int64(&kit.draft, KINDS_DAY, days[i]);
        entity = entity_draft_seal(&kit.draft);
        assert_int_equal(codec_encode(entity, &buffer), CODEC_REFUSED);
        assert_int_equal(buffer.length, 0);
        entity_unref(entity);
    }
    buffer_fini(&buffer);
    sample_fini(&kit);
}

/* ---- names ---- */

static void members_are_found_by_their_names_in_json_in_any_order_and_escape(void **state)
{
    static const char json[] =
        "{\"\\u004B\\u00f6rper\" : [] , \"big\" : 1, \"body\": 5, \"extra\":null,"
        "\"data\":7,\"da\\u0022ta\\u000a\":\"\",\"more\":null,\"other_id\":null,\"other_day\":null,"
        "\"part\":1,\"id\":\"00000000-0000-0000-0000-000000000000\",\"day\":\"1970-01-01\"}";
    struct sample_kit kit;
    struct entc_entity *entity;
    const struct kinds *record;

    (void)state;
    kinds_init(&kit);
    entity = decode(&kit, json);
    record = entity_record(entity);
    assert_string_equal(record->body.ptr, " [] ");
    assert_int_equal(record->data.len, 0);
    assert_non_null(record->data.ptr);
    assert_null(record->extra.ptr);
    assert_int_equal(record->day, 0);
    entity_unref(entity);
    sample_fini(&kit);
}

/* ---- damage ---- */

/* Whatever is taken must be what cJSON reads, and must be written as something that reads the same
 * again. */
static void check_damaged(struct sample_kit *kit, const char *json, size_t length,
                          struct buffer *buffer)
{
    struct entc_entity *entity = NULL;
    struct entc_entity *again = NULL;
    const enum codec_verdict verdict = sample_decode(kit, json, length, &entity);

    assert_int_equal(entity != NULL, verdict == CODEC_ENTITY);
    assert_true(verdict != CODEC_NO_MEMORY && verdict != CODEC_ABSENT);
    if (!entity)
        return;
    write_or_fail(entity, buffer);
    assert_int_equal(sample_decode(kit, buffer->bytes, buffer->length, &again), CODEC_ENTITY);
    assert_int_equal(again->block_size, entity->block_size);
    if (!memchr(json, '\0', length) && !strstr(buffer_text(buffer), "\\u0000"))
        assert_true(kinds_oracle_agrees(entity, json, length));
    entity_unref(entity);
    entity_unref(again);
}

static void every_byte_may_be_flipped_removed_or_inserted(void **state)
{
    struct sample_kit kit;
    struct buffer buffer;
    char json[sizeof(kinds_json) + 1];
    const size_t length = sizeof(kinds_json) - 1;

    (void)state;
    kinds_init(&kit);
    buffer_init(&buffer, base_default_allocator());
    for (size_t at = 0; at < length; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(json, kinds_json, sizeof(kinds_json));
            json[at] = (char)byte;
            check_damaged(&kit, json, length, &buffer);
            memcpy(json + at + 1, kinds_json + at, length - at);
            check_damaged(&kit, json, length + 1, &buffer);
        }
        memcpy(json, kinds_json, at);
        memcpy(json + at, kinds_json + at + 1, length - at);
        check_damaged(&kit, json, length - 1, &buffer);
        assert_int_equal(sample_decode(&kit, kinds_json, at, &(struct entc_entity *){NULL}),
                         CODEC_CORRUPT);
    }
    buffer_fini(&buffer);
    sample_fini(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_entity_survives_the_way_there_and_back_byte_for_byte),
        cmocka_unit_test(each_type_lies_in_the_record_as_its_c_type),
        cmocka_unit_test(what_is_not_of_the_type_is_told_from_what_is_not_json),
        cmocka_unit_test(the_depth_of_a_json_field_counts_with_what_it_stands_in),
        cmocka_unit_test(json_that_the_decoder_would_refuse_is_never_written),
        cmocka_unit_test(a_json_null_is_itself_where_null_cannot_be_and_never_cached_where_it_can),
        cmocka_unit_test(a_day_that_postgresql_does_not_have_is_never_written),
        cmocka_unit_test(members_are_found_by_their_names_in_json_in_any_order_and_escape),
        cmocka_unit_test(every_byte_may_be_flipped_removed_or_inserted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
