/* Proves that one id has one key and one key one id, and that a refused id is never told. */
#include "allocator.h"
#include "codec/codec.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static struct schema_type *type_of(uint32_t key)
{
    const entc_field fields[] = {{"number", ENTC_INT64, 0, 0, 0, 0, NULL},
                                 {"code", key, ENTC_KEY, 0, 0, 0, NULL}};
    const entc_entity_desc desc = {sizeof(desc), "Thing", 0, fields, 2, sizeof(entc_field)};
    struct schema_type *type = NULL;

    assert_int_equal(schema_type_new(&desc, NULL, &type, NULL), ENTC_OK);
    return type;
}

static entc_value text_value(const char *text, size_t length)
{
    return (entc_value){.type = ENTC_TEXT, .length = (uint32_t)length, .as = {.text = text}};
}

/* Refused with a message that names entity, key and cure, and nothing of the id. */
static void check_refused(uint32_t key, const entc_value *given, const char *secret)
{
    struct schema_type *type = type_of(key);
    entc_value id = {.type = 99};
    entc_error *error = NULL;

    if (codec_id(type, given, &id, &error) != ENTC_E_INVALID)
        test_fail("accepted: %s", secret);
    assert_int_equal(id.type, 99);
    assert_int_equal(entc_error_code(error), ENTC_E_INVALID);
    assert_string_equal(entc_error_domain(error), "codec");
    assert_non_null(strstr(entc_error_message(error), "\"Thing\""));
    assert_non_null(strstr(entc_error_message(error), "\"code\""));
    assert_true(*entc_error_hint(error) != '\0');
    if (*secret)
        assert_null(strstr(entc_error_message(error), secret));
    assert_int_equal(codec_id(type, given, &id, NULL), ENTC_E_INVALID);
    entc_error_free(error);
    schema_type_unref(type);
}

static void a_number_and_its_canonical_text_are_the_same_id(void **state)
{
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {
        {"7", 7},
        {"0", 0},
        {"-1", -1},
        {"9007199254740993", 9007199254740993},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    struct schema_type *type = type_of(ENTC_INT64);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const entc_value as_number = {.type = ENTC_INT64, .as = {.int64 = cases[i].number}};
        const entc_value as_text = text_value(cases[i].text, strlen(cases[i].text));
        entc_value one;
        entc_value other;

        memset(&one, 0xAA, sizeof(one));
        memset(&other, 0x55, sizeof(other));
        assert_int_equal(codec_id(type, &as_number, &one, NULL), ENTC_OK);
        assert_int_equal(codec_id(type, &as_text, &other, NULL), ENTC_OK);
        assert_int_equal(one.type, ENTC_INT64);
        assert_int_equal(one.as.int64, cases[i].number);
        assert_memory_equal(&one, &other, sizeof(one));
    }
    schema_type_unref(type);
}

static void an_integer_key_refuses_every_other_spelling(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"007", 3},
        {"7 ", 2},
        {" 7", 2},
        {"", 0},
        {"+7", 2},
        {"-0", 2},
        {"-", 1},
        {"7.0", 3},
        {"7e0", 3},
        {"0x7", 3},
        {"7\0", 2},
        {"7\r\n", 3},
        {"seven", 5},
        {"{7}", 3},
        {"7%", 2},
        {"\xD9\xA7", 2},
        {"9223372036854775808", 19},
        {"-9223372036854775809", 20},
        {"99999999999999999999999999", 26},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const entc_value given = text_value(cases[i].text, cases[i].length);

        check_refused(ENTC_INT64, &given, cases[i].length > 5 ? cases[i].text : "");
    }
}

static void a_value_of_another_type_is_refused(void **state)
{
    const entc_value null = {.type = ENTC_NULL};
    const entc_value real = {.type = ENTC_DOUBLE, .as = {.real = 7}};
    const entc_value truth = {.type = ENTC_BOOL, .as = {.int64 = 1}};
    const entc_value time = {.type = ENTC_TIMESTAMP, .as = {.int64 = 7}};
    const entc_value number = {.type = ENTC_INT64, .as = {.int64 = 7}};
    const entc_value unknown = {.type = 77};
    const entc_value no_text = text_value(NULL, 1);

    (void)state;
    check_refused(ENTC_INT64, &null, "");
    check_refused(ENTC_INT64, &real, "");
    check_refused(ENTC_INT64, &truth, "");
    check_refused(ENTC_INT64, &time, "");
    check_refused(ENTC_INT64, &unknown, "");
    check_refused(ENTC_INT64, &no_text, "");
    check_refused(ENTC_TEXT, &null, "");
    check_refused(ENTC_TEXT, &number, "");
    check_refused(ENTC_TEXT, &unknown, "");
    check_refused(ENTC_TEXT, &no_text, "");
}

static void a_text_key_takes_any_text_that_the_database_can_hold(void **state)
{
    static char longest[CODEC_ID_TEXT_MAX];
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"a", 1},       {"007", 3},   {"7 ", 2}, {"+7", 2},
        {"\r\n", 2},    {"{tag}", 5}, {"%", 1},  {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9},
        {longest, 200},
    };
    struct schema_type *type = type_of(ENTC_TEXT);

    (void)state;
    memset(longest, 'a', sizeof(longest));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        entc_value id = text_value(cases[i].text, cases[i].length);
        const entc_value given = id;

        assert_int_equal(codec_id(type, &given, &id, NULL), ENTC_OK);
        assert_int_equal(id.type, ENTC_TEXT);
        assert_int_equal(id.length, cases[i].length);
        assert_ptr_equal(id.as.text, cases[i].text);
        assert_int_equal(codec_id(type, &id, &id, NULL), ENTC_OK);
        assert_int_equal(id.length, cases[i].length);
    }
    schema_type_unref(type);
}

static void a_text_key_refuses_what_no_row_can_have_or_no_key_can_hold(void **state)
{
    static char long_text[201];
    static char long_key[2 * 171];
    const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"", 0},         {"secret\0id", 9},   {"\0", 1},        {"secret\xFF", 7}, {"\xC3", 1},
        {"\xC0\xAF", 2}, {"\xED\xA0\x80", 3}, {long_text, 201}, {long_key, 172},
    };

    (void)state;
    memset(long_text, 'a', sizeof(long_text));
    for (size_t i = 0; i < sizeof(long_key); i += 2)
        memcpy(long_key + i, "\xC3\xA9", 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const entc_value given = text_value(cases[i].text, cases[i].length);

        check_refused(ENTC_TEXT, &given, i == 1 || i == 3 ? "secret" : "");
    }
}

static void the_longest_encoded_id_is_512_bytes(void **state)
{
    struct schema_type *type = type_of(ENTC_TEXT);
    char text[CODEC_ID_TEXT_MAX];
    struct buffer key;
    entc_value id;

    (void)state;
    memset(text, ' ', sizeof(text));
    memset(text, 'a', 200 - 156);
    id = text_value(text, 200);
    assert_int_equal(codec_id(type, &id, &id, NULL), ENTC_OK);
    buffer_init(&key, base_default_allocator());
    assert_true(codec_id_append(&id, 1, &key));
    assert_int_equal(key.length, 512);
    text[0] = ' ';
    assert_int_equal(codec_id(type, &id, &id, NULL), ENTC_E_INVALID);
    buffer_fini(&key);
    schema_type_unref(type);
}

/* ---- the spelling in a key ---- */

static void check_key(const entc_value *id, const char *expected)
{
    struct buffer key;

    buffer_init(&key, base_default_allocator());
    assert_true(buffer_append_text(&key, "Thing-"));
    assert_true(codec_id_append(id, 1, &key));
    if (strcmp(buffer_text(&key) + 6, expected) != 0)
        test_fail("%s is written as %s", expected, buffer_text(&key));
    buffer_fini(&key);
}

static void a_number_stands_in_a_key_as_canonical_decimal(void **state)
{
    const entc_value seven = {.type = ENTC_INT64, .as = {.int64 = 7}};
    const entc_value least = {.type = ENTC_INT64, .as = {.int64 = INT64_MIN}};

    (void)state;
    check_key(&seven, "7");
    check_key(&least, "-9223372036854775808");
}

static void plain_bytes_stand_for_themselves_and_all_others_are_percent_encoded(void **state)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "._~:@=+,/-";

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        const char text[1] = {(char)byte};
        const entc_value id = text_value(text, 1);
        char expected[4];

        if (byte && strchr(plain, (int)byte))
            snprintf(expected, sizeof(expected), "%c", (char)byte);
        else
            snprintf(expected, sizeof(expected), "%%%02X", byte);
        check_key(&id, expected);
    }
}

static void hostile_ids_cannot_move_or_break_a_key(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        const char *key;
    } cases[] = {
        {"a{b}c", 5, "a%7Bb%7Dc"},
        {"a\r\nDEL x", 8, "a%0D%0ADEL%20x"},
        {"100%", 4, "100%25"},
        {"%7B", 3, "%257B"},
        {"a\0b", 3, "a%00b"},
        {"\xC3\xA9", 2, "%C3%A9"},
        {"ann@example.org", 15, "ann@example.org"},
        {"*?[x]", 5, "%2A%3F%5Bx%5D"},
        {"", 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const entc_value id = text_value(cases[i].text, cases[i].length);

        check_key(&id, cases[i].key);
    }
}

static void a_failed_allocation_leaves_the_key_as_it_was(void **state)
{
    const entc_value ids[] = {text_value("a longer id than the first allocation of a buffer holds, "
                                         "with spaces in it",
                                         70),
                              {.type = ENTC_INT64, .as = {.int64 = INT64_MIN}}};
    struct test_allocator memory;

    (void)state;
    test_allocator_init(&memory);
    for (size_t i = 0; i < 2; i++) {
        struct buffer key;

        buffer_init(&key, &memory.allocator);
        test_allocator_fail_at(&memory, 1, true);
        assert_false(codec_id_append(&ids[i], 1, &key));
        assert_int_equal(key.length, 0);
        buffer_fini(&key);
    }
    assert_int_equal(test_allocator_live(&memory), 0);
}

/* ---- UUIDs and ids of several parts ---- */

#define UUID "01020304-0506-0708-090a-0b0c0d0e0f10"

static struct schema_type *make_parts(const uint32_t *types, size_t count)
{
    static const char *const names[] = {"one", "two", "three"};
    entc_field fields[3];
    entc_entity_desc desc = {sizeof(desc), "Parts", 0, fields, count, sizeof(fields[0])};
    struct schema_type *type = NULL;

    for (size_t i = 0; i < count; i++)
        fields[i] = (entc_field){names[i], types[i], ENTC_KEY, 0, 0, 0, NULL};
    assert_int_equal(schema_type_new(&desc, NULL, &type, NULL), ENTC_OK);
    return type;
}

static void a_uuid_and_its_text_in_either_case_are_the_same_id(void **state)
{
    static const uint32_t types[] = {ENTC_UUID};
    static const char *const same[] = {UUID, "01020304-0506-0708-090A-0B0C0D0E0F10"};
    static const char *const refused[] = {"",
                                          "01020304",
                                          ("{" UUID "}"),
                                          (UUID " "),
                                          "01020304-0506-0708-090a-0b0c0d0e0f1g",
                                          ("urn:" UUID),
                                          "0102030405060708090a0b0c0d0e0f10",
                                          "01020304_0506_0708_090a_0b0c0d0e0f10"};
    struct schema_type *type = make_parts(types, 1);
    struct buffer buffer;
    entc_value id;

    (void)state;
    buffer_init(&buffer, base_default_allocator());
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        const entc_value given = {.type = ENTC_TEXT, .length = 36, .as.text = same[i]};

        assert_int_equal(codec_id(type, &given, &id, NULL), ENTC_OK);
        assert_int_equal(id.type, ENTC_UUID);
        assert_int_equal(codec_id(type, &id, &id, NULL), ENTC_OK);
        buffer_clear(&buffer);
        assert_true(codec_id_append(&id, 1, &buffer));
        assert_string_equal(buffer_text(&buffer), UUID);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const entc_value given = {
            .type = ENTC_TEXT, .length = (uint32_t)strlen(refused[i]), .as.text = refused[i]};
        entc_error *error = NULL;

        assert_int_equal(codec_id(type, &given, &id, &error), ENTC_E_INVALID);
        assert_non_null(strstr(entc_error_message(error), "\"one\" (UUID)"));
        entc_error_free(error);
    }
    buffer_fini(&buffer);
    schema_type_unref(type);
}

static void parts_are_joined_by_commas_that_no_part_can_forge(void **state)
{
    static const uint32_t types[] = {ENTC_TEXT, ENTC_INT64, ENTC_UUID};
    const entc_value given[3] = {{.type = ENTC_TEXT, .length = 6, .as.text = "a,{%}b"},
                                 {.type = ENTC_TEXT, .length = 2, .as.text = "-7"},
                                 {.type = ENTC_TEXT, .length = 36, .as.text = UUID}};
    struct schema_type *type = make_parts(types, 3);
    struct buffer buffer;
    entc_value id[3];

    (void)state;
    buffer_init(&buffer, base_default_allocator());
    assert_int_equal(codec_id(type, given, id, NULL), ENTC_OK);
    assert_true(codec_id_append(id, 3, &buffer));
    assert_string_equal(buffer_text(&buffer), "a%2C%7B%25%7Db,-7," UUID);
    buffer_clear(&buffer);
    assert_true(codec_id_append(id, 1, &buffer));
    assert_string_equal(buffer_text(&buffer), "a,%7B%25%7Db");
    buffer_fini(&buffer);
    schema_type_unref(type);
}

static void all_parts_together_have_512_bytes_at_most(void **state)
{
    static const uint32_t types[] = {ENTC_TEXT, ENTC_TEXT, ENTC_TEXT};
    char text[200];
    struct schema_type *type = make_parts(types, 3);
    entc_value given[3];
    entc_value id[3];
    entc_error *error = NULL;

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < 3; i++)
        given[i] = (entc_value){.type = ENTC_TEXT, .length = 170, .as.text = text};
    assert_int_equal(codec_id(type, given, id, NULL), ENTC_OK);
    given[2].length = 171;
    assert_int_equal(codec_id(type, given, id, &error), ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(error), "3 parts"));
    given[2].length = 10;
    memset(text + 100, ',', 100);
    assert_int_equal(codec_id(type, given, id, &error), ENTC_E_INVALID);
    entc_error_free(error);
    schema_type_unref(type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uuid_and_its_text_in_either_case_are_the_same_id),
        cmocka_unit_test(parts_are_joined_by_commas_that_no_part_can_forge),
        cmocka_unit_test(all_parts_together_have_512_bytes_at_most),
        cmocka_unit_test(a_number_and_its_canonical_text_are_the_same_id),
        cmocka_unit_test(an_integer_key_refuses_every_other_spelling),
        cmocka_unit_test(a_value_of_another_type_is_refused),
        cmocka_unit_test(a_text_key_takes_any_text_that_the_database_can_hold),
        cmocka_unit_test(a_text_key_refuses_what_no_row_can_have_or_no_key_can_hold),
        cmocka_unit_test(the_longest_encoded_id_is_512_bytes),
        cmocka_unit_test(a_number_stands_in_a_key_as_canonical_decimal),
        cmocka_unit_test(plain_bytes_stand_for_themselves_and_all_others_are_percent_encoded),
        cmocka_unit_test(hostile_ids_cannot_move_or_break_a_key),
        cmocka_unit_test(a_failed_allocation_leaves_the_key_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
