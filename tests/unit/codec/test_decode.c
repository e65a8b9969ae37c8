/* Proves what the decoder takes, and that it tells apart what is no JSON (corrupt) from what
 * another version of the host wrote (reshaped). */
#include "allocator.h"
#include "sample.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- one field at a time ---- */

/* A type of one key and one field `v` of the type under test. */
static struct schema_type *type_of(uint32_t type, uint32_t flags, const entc_allocator *allocator)
{
    const entc_field fields[] = {{"id", ENTC_INT64, ENTC_KEY, 0, 0, 0, NULL},
                                 {"v", type, flags, 0, 0, 0, NULL}};
    const entc_entity_desc desc = {sizeof(desc), "One", 0, fields, 2, sizeof(entc_field)};
    struct schema_type *made = NULL;

    assert_int_equal(schema_type_new(&desc, allocator, &made, NULL), ENTC_OK);
    return made;
}

/* Decodes {"id":1,"v":<value>} for a nullable field of that type; the value is written to
 * *ret_value and, if it is text, to `text`. */
static enum codec_verdict decode_value(uint32_t type, uint32_t flags, const char *value,
                                       entc_value *ret_value, char text[64])
{
    struct sample_kit kit = {.type = type_of(type, flags, NULL)};
    struct entc_entity *entity = NULL;
    enum codec_verdict verdict;
    char json[2048];

    assert_int_equal(entity_draft_init(&kit.draft, kit.type), ENTC_OK);
    snprintf(json, sizeof(json), "{\"id\":1,\"v\":%s}", value);
    verdict = sample_decode(&kit, json, strlen(json), &entity);
    if (entity) {
        entity_get(entity, 1, ret_value);
        if (ret_value->type == ENTC_TEXT)
            snprintf(text, 64, "%s", ret_value->as.text);
    }
    entity_unref(entity);
    sample_fini(&kit);
    return verdict;
}

struct value_case {
    const char *value;
    enum codec_verdict verdict;
    int64_t number;
};

static void check_int64_cases(uint32_t type, const struct value_case *cases, size_t count)
{
    char text[64];

    for (size_t i = 0; i < count; i++) {
        entc_value value = {0};
        const enum codec_verdict verdict =
            decode_value(type, ENTC_NULLABLE, cases[i].value, &value, text);

        if (verdict != cases[i].verdict)
            test_fail("%s gives verdict %d", cases[i].value, (int)verdict);
        if (verdict == CODEC_ENTITY && value.as.int64 != cases[i].number)
            test_fail("%s gives %lld", cases[i].value, (long long)value.as.int64);
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void an_int64_is_a_whole_number_of_64_bits_or_its_canonical_text(void **state)
{
    static const struct value_case cases[] = {
        {"0", CODEC_ENTITY, 0},
        {"-0", CODEC_ENTITY, 0},
        {"7", CODEC_ENTITY, 7},
        {" \t\r\n7 ", CODEC_ENTITY, 7},
        {"-7", CODEC_ENTITY, -7},
        {"999999999999999999", CODEC_ENTITY, 999999999999999999},
        {"1000000000000000000", CODEC_ENTITY, 1000000000000000000},
        {"9007199254740993", CODEC_ENTITY, 9007199254740993},
        {"9223372036854775807", CODEC_ENTITY, INT64_MAX},
        {"-9223372036854775808", CODEC_ENTITY, INT64_MIN},
        {"\"7\"", CODEC_ENTITY, 7},
        {"\"-9223372036854775808\"", CODEC_ENTITY, INT64_MIN},
        {"\"\\u0037\"", CODEC_ENTITY, 7},
        {"9223372036854775808", CODEC_RESHAPED, 0},
        {"-9223372036854775809", CODEC_RESHAPED, 0},
        {"10000000000000000000", CODEC_RESHAPED, 0},
        {"99999999999999999999999", CODEC_RESHAPED, 0},
        {"18446744073709551617", CODEC_RESHAPED, 0},
        {"7.0", CODEC_RESHAPED, 0},
        {"7e0", CODEC_RESHAPED, 0},
        {"-7E+2", CODEC_RESHAPED, 0},
        {"\"\"", CODEC_RESHAPED, 0},
        {"\"007\"", CODEC_RESHAPED, 0},
        {"\"+7\"", CODEC_RESHAPED, 0},
        {"\"-0\"", CODEC_RESHAPED, 0},
        {"\"7 \"", CODEC_RESHAPED, 0},
        {"\"9223372036854775808\"", CODEC_RESHAPED, 0},
        {"\"7\\u0000\"", CODEC_RESHAPED, 0},
        {"true", CODEC_RESHAPED, 0},
        {"[7]", CODEC_RESHAPED, 0},
        {"{\"id\":7}", CODEC_RESHAPED, 0},
        {"007", CODEC_CORRUPT, 0},
        {"-007", CODEC_CORRUPT, 0},
        {"00", CODEC_CORRUPT, 0},
        {"+7", CODEC_CORRUPT, 0},
        {"-", CODEC_CORRUPT, 0},
        {"--7", CODEC_CORRUPT, 0},
        {"7-", CODEC_CORRUPT, 0},
        {"7.", CODEC_CORRUPT, 0},
        {".7", CODEC_CORRUPT, 0},
        {"7e", CODEC_CORRUPT, 0},
        {"7e+", CODEC_CORRUPT, 0},
        {"0x7", CODEC_CORRUPT, 0},
        {"7 7", CODEC_CORRUPT, 0},
        {"\"7", CODEC_CORRUPT, 0},
        {"NaN", CODEC_CORRUPT, 0},
        {"", CODEC_CORRUPT, 0},
    };

    (void)state;
    check_int64_cases(ENTC_INT64, cases, COUNT(cases));
}

static void a_bool_is_true_or_false_and_nothing_else(void **state)
{
    static const struct value_case cases[] = {
        {"true", CODEC_ENTITY, 1},  {"false", CODEC_ENTITY, 0},      {"1", CODEC_RESHAPED, 0},
        {"0", CODEC_RESHAPED, 0},   {"\"true\"", CODEC_RESHAPED, 0}, {"[true]", CODEC_RESHAPED, 0},
        {"True", CODEC_CORRUPT, 0}, {"tru", CODEC_CORRUPT, 0},       {"truee", CODEC_CORRUPT, 0},
        {"t", CODEC_CORRUPT, 0},    {"falsy", CODEC_CORRUPT, 0},
    };

    (void)state;
    check_int64_cases(ENTC_BOOL, cases, COUNT(cases));
}

static void a_timestamp_is_text_as_we_write_it(void **state)
{
    static const struct value_case cases[] = {
        {"\"1970-01-01T00:00:00.000000Z\"", CODEC_ENTITY, 0},
        {"\"1970-01-01T00:00:00Z\"", CODEC_ENTITY, 0},
        {"\"1970-01-01T00:00:00.5Z\"", CODEC_ENTITY, 500000},
        {"\"1970-01-01T00:00:00.00000\\u0031Z\"", CODEC_ENTITY, 1},
        {"\"+010000-01-01T00:00:00.000000Z\"", CODEC_ENTITY, 253402300800000000},
        {"\"infinity\"", CODEC_ENTITY, INT64_MAX},
        {"\"-infinity\"", CODEC_ENTITY, INT64_MIN},
        {"\"1970-01-01 00:00:00.000000Z\"", CODEC_RESHAPED, 0},
        {"\"1970-01-01T00:00:00.000000+00:00\"", CODEC_RESHAPED, 0},
        {"\"\"", CODEC_RESHAPED, 0},
        {"0", CODEC_RESHAPED, 0},
        {"\"1970-01-01T00:00:00.000000Z", CODEC_CORRUPT, 0},
        {"\"1970-01-01T00:00:00.00000\\x31Z\"", CODEC_CORRUPT, 0},
    };

    (void)state;
    check_int64_cases(ENTC_TIMESTAMP, cases, COUNT(cases));
}

static void a_double_is_any_number_that_it_can_hold_or_one_of_three_words(void **state)
{
    static const struct {
        const char *value;
        enum codec_verdict verdict;
        double number;
    } cases[] = {
        {"0", CODEC_ENTITY, 0.0},
        {"-0", CODEC_ENTITY, -0.0},
        {"-0.0e9", CODEC_ENTITY, -0.0},
        {"1", CODEC_ENTITY, 1.0},
        {"0.1", CODEC_ENTITY, 0.1},
        {"1e2", CODEC_ENTITY, 100.0},
        {"1E-2", CODEC_ENTITY, 0.01},
        {"1.5e+300", CODEC_ENTITY, 1.5e300},
        {"1e-400", CODEC_ENTITY, 0.0},
        {"4.9e-324", CODEC_ENTITY, 5e-324},
        {"12345678901234567890123", CODEC_ENTITY, 12345678901234567890123.0},
        {"\"NaN\"", CODEC_ENTITY, NAN},
        {"\"Infinity\"", CODEC_ENTITY, INFINITY},
        {"\"-Infinity\"", CODEC_ENTITY, -INFINITY},
        {"1e400", CODEC_RESHAPED, 0},
        {"-1.8e308", CODEC_RESHAPED, 0},
        {"\"1\"", CODEC_RESHAPED, 0},
        {"\"nan\"", CODEC_RESHAPED, 0},
        {"\"+Infinity\"", CODEC_RESHAPED, 0},
        {"\"Infinity\\u0000\"", CODEC_RESHAPED, 0},
        {"true", CODEC_RESHAPED, 0},
        {"NaN", CODEC_CORRUPT, 0},
        {"Infinity", CODEC_CORRUPT, 0},
        {"-Infinity", CODEC_CORRUPT, 0},
        {"1.", CODEC_CORRUPT, 0},
        {".5", CODEC_CORRUPT, 0},
        {"01.5", CODEC_CORRUPT, 0},
        {"1.5.5", CODEC_CORRUPT, 0},
        {"0x1p3", CODEC_CORRUPT, 0},
        {"1,5", CODEC_CORRUPT, 0},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        entc_value value = {0};
        const enum codec_verdict verdict =
            decode_value(ENTC_DOUBLE, ENTC_NULLABLE, cases[i].value, &value, text);

        if (verdict != cases[i].verdict)
            test_fail("%s gives verdict %d", cases[i].value, (int)verdict);
        if (verdict != CODEC_ENTITY)
            continue;
        if (isnan(cases[i].number) ? !isnan(value.as.real)
                                   : memcmp(&value.as.real, &cases[i].number, sizeof(double)) != 0)
            test_fail("%s gives %.17g", cases[i].value, value.as.real);
    }
}

static void text_is_utf8_with_every_escape_and_no_nul(void **state)
{
    static const struct {
        const char *value;
        enum codec_verdict verdict;
        const char *text;
    } cases[] = {
        {"\"\"", CODEC_ENTITY, ""},
        {"\"plain\"", CODEC_ENTITY, "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", CODEC_ENTITY, "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\"", CODEC_ENTITY, "A\xC3\xA9\xE2\x82\xAC"},
        {"\"\\uD83D\\uDE00\"", CODEC_ENTITY, "\xF0\x9F\x98\x80"},
        {"\"\\uDBFF\\uDFFF\"", CODEC_ENTITY, "\xF4\x8F\xBF\xBF"},
        {"\"\\uFFFF\\u0800\\u07FF\\u0080\\u007f\"", CODEC_ENTITY,
         "\xEF\xBF\xBF\xE0\xA0\x80\xDF\xBF\xC2\x80\x7F"},
        {"\"\x7F\xC3\xA9 \xF0\x9F\x98\x80\"", CODEC_ENTITY, "\x7F\xC3\xA9 \xF0\x9F\x98\x80"},
        {"\"1234567\\n90123456\\\"8\"", CODEC_ENTITY, "1234567\n90123456\"8"},
        {"7", CODEC_RESHAPED, NULL},
        {"[\"a\"]", CODEC_RESHAPED, NULL},
        {"\"a\\u0000b\"", CODEC_CORRUPT, NULL},
        {"\"\\uD83D\"", CODEC_CORRUPT, NULL},
        {"\"\\uDE00\"", CODEC_CORRUPT, NULL},
        {"\"\\uDE00\\uD83D\"", CODEC_CORRUPT, NULL},
        {"\"\\uD83D\\uD83D\"", CODEC_CORRUPT, NULL},
        {"\"\\uD83Dx\\uDE00\"", CODEC_CORRUPT, NULL},
        {"\"\\uD83D\\n\"", CODEC_CORRUPT, NULL},
        {"\"\\uD83D\\uE000\"", CODEC_CORRUPT, NULL},
        {"\"\\uD83D\\uDE0\"", CODEC_CORRUPT, NULL},
        {"\"\\u12\"", CODEC_CORRUPT, NULL},
        {"\"\\u12g4\"", CODEC_CORRUPT, NULL},
        {"\"\\U0041\"", CODEC_CORRUPT, NULL},
        {"\"\\a\"", CODEC_CORRUPT, NULL},
        {"\"\\'\"", CODEC_CORRUPT, NULL},
        {"\"\\\"", CODEC_CORRUPT, NULL},
        {"'a'", CODEC_CORRUPT, NULL},
        {"\"a\nb\"", CODEC_CORRUPT, NULL},
        {"\"a\tb\"", CODEC_CORRUPT, NULL},
        {"\"a\x1F\"", CODEC_CORRUPT, NULL},
        {"\"12345678\x01\"", CODEC_CORRUPT, NULL},
        {"\"\x80\"", CODEC_CORRUPT, NULL},
        {"\"\xC3\"", CODEC_CORRUPT, NULL},
        {"\"\xC3\\u00A9\"", CODEC_CORRUPT, NULL},
        {"\"\\u00e9\xA9\"", CODEC_CORRUPT, NULL},
        {"\"\xC0\xAF\"", CODEC_CORRUPT, NULL},
        {"\"\xED\xA0\x80\"", CODEC_CORRUPT, NULL},
        {"\"\xF4\x90\x80\x80\"", CODEC_CORRUPT, NULL},
        {"\"\xFF\"", CODEC_CORRUPT, NULL},
        {"\"12345678901234567890\xFF\"", CODEC_CORRUPT, NULL},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        entc_value value = {0};
        const enum codec_verdict verdict =
            decode_value(ENTC_TEXT, ENTC_NULLABLE, cases[i].value, &value, text);

        if (verdict != cases[i].verdict)
            test_fail("case %zu, %s, gives verdict %d", i, cases[i].value, (int)verdict);
        if (verdict == CODEC_ENTITY)
            assert_string_equal(text, cases[i].text);
    }
}

static void null_is_taken_where_the_field_may_be_null_and_reshaped_elsewhere(void **state)
{
    char text[64];

    (void)state;
    for (uint32_t type = ENTC_BOOL; type <= ENTC_TIMESTAMP; type++) {
        entc_value value = {0};

        assert_int_equal(decode_value(type, ENTC_NULLABLE, "null", &value, text), CODEC_ENTITY);
        assert_int_equal(value.type, ENTC_NULL);
        assert_int_equal(decode_value(type, 0, "null", &value, text), CODEC_RESHAPED);
        assert_int_equal(decode_value(type, ENTC_NULLABLE, "nul", &value, text), CODEC_CORRUPT);
        assert_int_equal(decode_value(type, ENTC_NULLABLE, "nulll", &value, text), CODEC_CORRUPT);
        assert_int_equal(decode_value(type, 0, "nulll", &value, text), CODEC_CORRUPT);
    }
}

/* ---- whole values ---- */

struct whole_case {
    const char *json;
    enum codec_verdict verdict;
};

static void check_whole_cases(const struct whole_case *cases, size_t count)
{
    struct sample_kit kit = {.type = type_of(ENTC_TEXT, 0, NULL)};

    assert_int_equal(entity_draft_init(&kit.draft, kit.type), ENTC_OK);
    for (size_t i = 0; i < count; i++) {
        const enum codec_verdict verdict = sample_verdict(&kit, cases[i].json);

        if (verdict != cases[i].verdict)
            test_fail("%s gives verdict %d", cases[i].json, (int)verdict);
    }
    sample_fini(&kit);
}

static void only_an_object_is_an_entity_and_only_null_is_an_absence(void **state)
{
    static const struct whole_case cases[] = {
        {"null", CODEC_ABSENT},
        {" \n\r\tnull\t", CODEC_ABSENT},
        {"{}", CODEC_RESHAPED},
        {"{ }", CODEC_RESHAPED},
        {"[]", CODEC_RESHAPED},
        {"[null]", CODEC_RESHAPED},
        {"true", CODEC_RESHAPED},
        {"7", CODEC_RESHAPED},
        {"\"null\"", CODEC_RESHAPED},
        {"", CODEC_CORRUPT},
        {" ", CODEC_CORRUPT},
        {"nul", CODEC_CORRUPT},
        {"nulll", CODEC_CORRUPT},
        {"null null", CODEC_CORRUPT},
        {"Null", CODEC_CORRUPT},
        {"{", CODEC_CORRUPT},
        {"}", CODEC_CORRUPT},
        {"{]", CODEC_CORRUPT},
        {"\xEF\xBB\xBFnull", CODEC_CORRUPT},
        {"{}{}", CODEC_CORRUPT},
        {"{},", CODEC_CORRUPT},
    };

    (void)state;
    check_whole_cases(cases, COUNT(cases));
}

static void members_may_come_in_any_order_and_with_escapes_and_space(void **state)
{
    static const struct whole_case cases[] = {
        {"{\"id\":1,\"v\":\"a\"}", CODEC_ENTITY},
        {"{\"v\":\"a\",\"id\":1}", CODEC_ENTITY},
        {"{\"\\u0069d\":1,\"\\u0076\":\"a\"}", CODEC_ENTITY},
        {"{\"\\u0069\\u0064\":1,\"v\":\"a\"}", CODEC_ENTITY},
        {" { \"id\" : 1 , \"v\" : \"a\" } ", CODEC_ENTITY},
        {"\r\n{\t\"id\"\n:\r1,\"v\":\"a\"}\n", CODEC_ENTITY},
        {"{\"id\":1,\"v\":\"a\",\"more\":0}", CODEC_ENTITY},
        {"{\"more\":0,\"id\":1,\"mere\":[{}],\"v\":\"a\",\"more\":1}", CODEC_ENTITY},
        {"{\"ID\":2,\"id\":1,\"V\":0,\"v\":\"a\"}", CODEC_ENTITY},
        {"{\"id\\u0000\":2,\"id\":1,\"v\":\"a\"}", CODEC_ENTITY},
        {"{\"i\":0,\"id\":1,\"idx\":0,\"\":0,\"v\":\"a\"}", CODEC_ENTITY},
    };

    (void)state;
    check_whole_cases(cases, COUNT(cases));
}

static void a_missing_member_is_reshaped_and_a_second_one_corrupt(void **state)
{
    static const struct whole_case cases[] = {
        {"{\"id\":1}", CODEC_RESHAPED},
        {"{\"v\":\"a\"}", CODEC_RESHAPED},
        {"{\"Id\":1,\"v\":\"a\"}", CODEC_RESHAPED},
        {"{\"id\":1,\"v\":\"a\",\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":1,\"id\":1,\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"\\u0076\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":null,\"v\":\"a\",\"id\":1}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":7,\"v\":\"a\"}", CODEC_CORRUPT},
    };

    (void)state;
    check_whole_cases(cases, COUNT(cases));
}

static void reshaped_is_said_only_of_what_is_json_to_its_end(void **state)
{
    static const struct whole_case cases[] = {
        {"{\"id\":\"x\",\"v\":\"a\"}", CODEC_RESHAPED},
        {"{\"id\":\"x\",\"v\":\"a\"", CODEC_CORRUPT},
        {"{\"id\":\"x\",\"v\":\"a}", CODEC_CORRUPT},
        {"{\"id\":\"x\",\"v\":\"a\"}x", CODEC_CORRUPT},
        {"{\"id\":1.5,\"v\":\"\xFF\"}", CODEC_CORRUPT},
        {"{\"id\":1}\xFF", CODEC_CORRUPT},
        {"[1,2", CODEC_CORRUPT},
        {"[1,2]]", CODEC_CORRUPT},
    };

    (void)state;
    check_whole_cases(cases, COUNT(cases));
}

static void the_frame_of_an_object_is_strict(void **state)
{
    static const struct whole_case cases[] = {
        {"{\"id\":1,\"v\":\"a\",}", CODEC_CORRUPT},
        {"{,\"id\":1,\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":1,,\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":1 \"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":1;\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\"=1,\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\" 1,\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":,\"v\":\"a\"}", CODEC_CORRUPT},
        {"{id:1,\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\"]", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\"} /* */", CODEC_CORRUPT},
        {"{\"id\":1,\v\"v\":\"a\"}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\"}\x01", CODEC_CORRUPT},
    };

    (void)state;
    check_whole_cases(cases, COUNT(cases));
}

static void members_that_are_not_declared_are_checked_as_json(void **state)
{
    static const struct whole_case cases[] = {
        {"{\"id\":1,\"v\":\"a\",\"x\":[]}", CODEC_ENTITY},
        {"{\"id\":1,\"v\":\"a\",\"x\":{\"id\":2,\"id\":3}}", CODEC_ENTITY},
        {"{\"id\":1,\"v\":\"a\",\"x\":[1,-2.5e-3,\"\\u0000\\ud83d\\ude00\",true,false,null,{}]}",
         CODEC_ENTITY},
        {"{\"id\":1,\"v\":\"a\",\"x\":1e999}", CODEC_ENTITY},
        {"{\"id\":1,\"v\":\"a\",\"x\": [ 1 , { \"y\" : [ ] } ] }", CODEC_ENTITY},
        {"{\"id\":1,\"v\":\"a\",\"x\":[1,]}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":[,1]}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":[1 2]}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":[1}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":{\"y\"}}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":{1:2}}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":{\"y\":1,}}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":01}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":\"\\ud83d\"}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":\"\xFF\"}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\xFF\":1}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":\"\n\"}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":undefined}", CODEC_CORRUPT},
        {"{\"id\":1,\"v\":\"a\",\"x\":}", CODEC_CORRUPT},
    };

    (void)state;
    check_whole_cases(cases, COUNT(cases));
}

static void write_nested(char *out, const char *before, char open, char close, int depth)
{
    char *at = stpcpy(out, before);

    memset(at, open, (size_t)depth);
    memset(at + depth, close, (size_t)depth);
    strcpy(at + 2 * depth, "}");
}

static void nesting_is_followed_to_a_depth_of_32_and_no_deeper(void **state)
{
    static const char before[] = "{\"id\":1,\"v\":\"a\",\"x\":";
    struct sample_kit kit = {.type = type_of(ENTC_TEXT, 0, NULL)};
    static char json[100100];

    (void)state;
    assert_int_equal(entity_draft_init(&kit.draft, kit.type), ENTC_OK);
    write_nested(json, before, '[', ']', CODEC_DEPTH_MAX - 1);
    assert_int_equal(sample_verdict(&kit, json), CODEC_ENTITY);
    write_nested(json, before, '[', ']', CODEC_DEPTH_MAX);
    assert_int_equal(sample_verdict(&kit, json), CODEC_CORRUPT);
    write_nested(json, before, '[', ']', 50000);
    assert_int_equal(sample_verdict(&kit, json), CODEC_CORRUPT);
    memset(json, '[', 100000);
    json[100000] = '\0';
    assert_int_equal(sample_verdict(&kit, json), CODEC_CORRUPT);
    sample_fini(&kit);
}

static void nul_bytes_are_corrupt_wherever_they_are(void **state)
{
    struct sample_kit kit;
    char json[sizeof(SAMPLE_JSON)];
    struct entc_entity *entity = NULL;

    (void)state;
    sample_init(&kit, NULL);
    for (size_t at = 0; at < sizeof(SAMPLE_JSON); at++) {
        memcpy(json, SAMPLE_JSON, sizeof(json));
        json[at] = '\0';
        assert_int_equal(sample_decode(&kit, json, sizeof(json), &entity), CODEC_CORRUPT);
        assert_int_equal(sample_decode(&kit, json, at + 1, &entity), CODEC_CORRUPT);
    }
    sample_fini(&kit);
}

static void the_record_holds_what_the_text_says(void **state)
{
    struct sample_kit kit;
    struct entc_entity *entity = NULL;
    const struct sample *sample;

    (void)state;
    sample_init(&kit, NULL);
    assert_int_equal(sample_decode(&kit, SAMPLE_JSON, strlen(SAMPLE_JSON), &entity), CODEC_ENTITY);
    sample = entity_record(entity);
    assert_int_equal(sample->id, -42);
    assert_string_equal(sample->title.ptr,
                        "a\"b\\c\x01 \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 and more");
    assert_int_equal(sample->title.len, strlen(sample->title.ptr));
    assert_int_equal(sample->count, 9007199254740993);
    assert_int_equal(sample->has_count, 1);
    assert_true(sample->price == 0.1);
    assert_int_equal(sample->done, 1);
    assert_int_equal(sample->at, 1795341600000000);
    assert_null(sample->note.ptr);
    assert_int_equal(sample->note.len, 0);
    assert_true(sample->ratio == -1.25e-7);
    assert_int_equal(sample->active, 0);
    assert_int_equal(sample->has_active, 1);
    assert_int_equal(sample->seen, INT64_MIN);
    entity_unref(entity);
    sample_fini(&kit);
}

/* Descriptors as real tables have them: many columns, names that begin alike. */
static void wide_entities_are_decoded_in_any_order(void **state)
{
    enum { WIDE = 300 };
    static entc_field fields[WIDE];
    static char names[WIDE][24];
    entc_entity_desc desc = {sizeof(desc), "Wide", 0, fields, WIDE, sizeof(entc_field)};
    struct sample_kit kit = {0};
    struct buffer json;
    struct entc_entity *entity = NULL;

    (void)state;
    for (int i = 0; i < WIDE; i++) {
        snprintf(names[i], sizeof(names[i]), "column_%d", i);
        fields[i] = (entc_field){names[i], ENTC_INT64, i == 0 ? ENTC_KEY : 0, 0, 0, 0, NULL};
    }
    assert_int_equal(schema_type_new(&desc, NULL, &kit.type, NULL), ENTC_OK);
    assert_int_equal(entity_draft_init(&kit.draft, kit.type), ENTC_OK);
    buffer_init(&json, base_default_allocator());
    for (int i = 0; i < WIDE; i++)
        buffer_append_format(&json, "%c\"column_%d\":%d", i ? ',' : '{', i * 7 % WIDE,
                             i * 7 % WIDE);
    buffer_append_char(&json, '}');
    assert_int_equal(sample_decode(&kit, json.bytes, json.length, &entity), CODEC_ENTITY);
    for (uint32_t i = 0; i < WIDE; i++) {
        entc_value value;

        entity_get(entity, i, &value);
        assert_int_equal(value.as.int64, i);
    }
    entity_unref(entity);
    buffer_fini(&json);
    sample_fini(&kit);
}

/* ---- memory ---- */

static void a_draft_decodes_again_after_any_verdict(void **state)
{
    struct sample_kit kit;

    (void)state;
    sample_init(&kit, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sample_verdict(&kit, SAMPLE_JSON), CODEC_ENTITY);
        assert_int_equal(sample_verdict(&kit, "{\"id\":1"), CODEC_CORRUPT);
        assert_int_equal(sample_verdict(&kit, "{\"id\":1}"), CODEC_RESHAPED);
        assert_int_equal(sample_verdict(&kit, "null"), CODEC_ABSENT);
    }
    sample_fini(&kit);
}

static void a_failed_allocation_is_told_and_the_draft_stays_usable(void **state)
{
    struct test_allocator memory;

    (void)state;
    test_allocator_init(&memory);
    for (uint64_t n = 1;; n++) {
        struct sample_kit kit;
        enum codec_verdict verdict;
        bool failed;

        sample_init(&kit, &memory.allocator);
        test_allocator_fail_at(&memory, n, false);
        verdict = sample_verdict(&kit, SAMPLE_JSON);
        failed = test_allocator_calls(&memory) >= n;
        assert_int_equal(verdict, failed ? CODEC_NO_MEMORY : CODEC_ENTITY);
        test_allocator_fail_at(&memory, 0, false);
        assert_int_equal(sample_verdict(&kit, SAMPLE_JSON), CODEC_ENTITY);
        sample_fini(&kit);
        assert_int_equal(test_allocator_live(&memory), 0);
        if (!failed)
            break;
    }
}

static void a_reused_draft_allocates_the_entity_and_nothing_else(void **state)
{
    struct test_allocator memory;
    struct sample_kit kit;

    (void)state;
    test_allocator_init(&memory);
    sample_init(&kit, &memory.allocator);
    assert_int_equal(sample_verdict(&kit, SAMPLE_JSON), CODEC_ENTITY);
    test_allocator_fail_at(&memory, 0, false);
    assert_int_equal(sample_verdict(&kit, SAMPLE_JSON), CODEC_ENTITY);
    assert_int_equal(test_allocator_calls(&memory), 1);
    sample_fini(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_int64_is_a_whole_number_of_64_bits_or_its_canonical_text),
        cmocka_unit_test(a_bool_is_true_or_false_and_nothing_else),
        cmocka_unit_test(a_timestamp_is_text_as_we_write_it),
        cmocka_unit_test(a_double_is_any_number_that_it_can_hold_or_one_of_three_words),
        cmocka_unit_test(text_is_utf8_with_every_escape_and_no_nul),
        cmocka_unit_test(null_is_taken_where_the_field_may_be_null_and_reshaped_elsewhere),
        cmocka_unit_test(only_an_object_is_an_entity_and_only_null_is_an_absence),
        cmocka_unit_test(members_may_come_in_any_order_and_with_escapes_and_space),
        cmocka_unit_test(a_missing_member_is_reshaped_and_a_second_one_corrupt),
        cmocka_unit_test(reshaped_is_said_only_of_what_is_json_to_its_end),
        cmocka_unit_test(the_frame_of_an_object_is_strict),
        cmocka_unit_test(members_that_are_not_declared_are_checked_as_json),
        cmocka_unit_test(nesting_is_followed_to_a_depth_of_32_and_no_deeper),
        cmocka_unit_test(nul_bytes_are_corrupt_wherever_they_are),
        cmocka_unit_test(the_record_holds_what_the_text_says),
        cmocka_unit_test(wide_entities_are_decoded_in_any_order),
        cmocka_unit_test(a_draft_decodes_again_after_any_verdict),
        cmocka_unit_test(a_failed_allocation_is_told_and_the_draft_stays_usable),
        cmocka_unit_test(a_reused_draft_allocates_the_entity_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
