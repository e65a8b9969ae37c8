/* Proves that one number has one spelling, that UTF-8 is RFC 3629 to the byte at every alignment,
 * and what names are. */
#include "base/base.h"
#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Checks a copy of exactly that size on the heap, so that a sanitizer sees a read behind the end.
 */
static bool is_utf8_at(const unsigned char *bytes, size_t length, size_t offset)
{
    char *memory = malloc(offset + length + 1);
    char *exact = NULL;
    bool valid = false;

    assert_non_null(memory);
    exact = realloc(memory, offset + length ? offset + length : 1);
    assert_non_null(exact);
    if (length)
        memcpy(exact + offset, bytes, length);
    valid = text_is_utf8(exact + offset, length);
    free(exact);
    return valid;
}

static void a_number_is_read_from_its_one_spelling(void **state)
{
    static const int64_t numbers[] = {0,
                                      1,
                                      -1,
                                      7,
                                      9,
                                      10,
                                      -10,
                                      99,
                                      100,
                                      INT32_MAX,
                                      INT32_MIN,
                                      9007199254740993,
                                      INT64_MAX,
                                      INT64_MIN,
                                      INT64_MAX - 1,
                                      INT64_MIN + 1};

    (void)state;
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        char expected[32] = "";
        char text[TEXT_INT64_MAX];
        int64_t read = 42;
        const int length = snprintf(expected, sizeof(expected), "%" PRId64, numbers[i]);

        assert_int_equal(text_from_int64(text, numbers[i]), length);
        assert_memory_equal(text, expected, (size_t)length);
        assert_true(text_to_int64(text, (size_t)length, &read));
        assert_true(read == numbers[i]);
    }
}

static void every_digit_count_survives_the_way_there_and_back(void **state)
{
    uint64_t bits = 0x9E3779B97F4A7C15u;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        char text[TEXT_INT64_MAX];
        int64_t number = 0;
        int64_t read = 0;

        bits = bits * 6364136223846793005u + 1442695040888963407u;
        number = (int64_t)bits >> (i % 64);
        assert_true(text_to_int64(text, text_from_int64(text, number), &read));
        assert_true(read == number);
    }
}

static void every_other_spelling_is_refused_and_writes_nothing(void **state)
{
    static const char *const others[] = {
        "",
        "-",
        "--1",
        "+7",
        "-0",
        "00",
        "007",
        "-07",
        " 7",
        "7 ",
        "7\n",
        "7a",
        "a",
        "0x7",
        "1e3",
        "1.0",
        "1,0",
        "/",
        ":",
        "-/",
        "1_000",
        "\xD9\xA7",             /* an Arabic seven */
        "9223372036854775808",  /* INT64_MAX + 1 */
        "-9223372036854775809", /* INT64_MIN - 1 */
        "9223372036854775810",
        "10000000000000000000",
        "18446744073709551616",
        "18446744073709551617",
        "-10000000000000000000",
        "99999999999999999999",
        "-99999999999999999999",
        "100000000000000000000000000000000000000000",
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(others); i++) {
        int64_t read = 42;

        if (text_to_int64(others[i], strlen(others[i]), &read))
            fail_msg("'%s' was read as %" PRId64, others[i], read);
        assert_int_equal(read, 42);
    }
}

static void a_number_ends_where_its_length_says(void **state)
{
    int64_t read = 0;

    (void)state;
    assert_true(text_to_int64("123", 2, &read));
    assert_int_equal(read, 12);
    assert_false(text_to_int64("7\0", 2, &read));
    assert_false(text_to_int64(NULL, 0, &read));
}

/* ---- UTF-8 ---- */

static size_t encode(uint32_t point, unsigned char out[4])
{
    if (point < 0x80) {
        out[0] = (unsigned char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (unsigned char)(0xC0 | point >> 6);
        out[1] = (unsigned char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (unsigned char)(0xE0 | point >> 12);
        out[1] = (unsigned char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (unsigned char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (unsigned char)(0xF0 | point >> 18);
    out[1] = (unsigned char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (unsigned char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (unsigned char)(0x80 | (point & 0x3F));
    return 4;
}

/* The oracle: decodes as loosely as can be, then asks whether encoding gives the same bytes back.
 */
static size_t oracle_character(const unsigned char *bytes, size_t length)
{
    const unsigned char first = bytes[0];
    const size_t wanted = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t point = first & (wanted == 1 ? 0x7Fu : 0xFFu >> (wanted + 1));
    unsigned char again[4];

    if (length < wanted)
        return 0;
    for (size_t i = 1; i < wanted; i++)
        point = point << 6 | (bytes[i] & 0x3Fu);
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return 0;
    return encode(point, again) == wanted && memcmp(again, bytes, wanted) == 0 ? wanted : 0;
}

static bool oracle(const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        const size_t step = oracle_character(bytes, length);

        if (step == 0)
            return false;
        bytes += step;
        length -= step;
    }
    return true;
}

static void each_code_point_that_is_a_character_is_accepted(void **state)
{
    unsigned char bytes[4];

    (void)state;
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        const size_t length = encode(point, bytes);

        if (text_is_utf8((const char *)bytes, length) == surrogate)
            fail_msg("U+%04X", (unsigned)point);
    }
    for (uint32_t point = 0x110000; point < 0x200000; point += 0xFFF)
        assert_false(text_is_utf8((const char *)bytes, encode(point, bytes)));
}

static void each_pair_of_bytes_is_judged_as_by_the_oracle(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0x10000; i++) {
        const unsigned char bytes[2] = {(unsigned char)(i >> 8), (unsigned char)i};

        assert_int_equal(text_is_utf8((const char *)bytes, 2), oracle(bytes, 2));
        if (i < 256)
            assert_int_equal(text_is_utf8((const char *)bytes + 1, 1), oracle(bytes + 1, 1));
    }
}

static void longer_sequences_are_judged_as_by_the_oracle(void **state)
{
    static const unsigned char edges[] = {0x41, 0x7F, 0x80, 0x8F, 0x90, 0xA0, 0xBF, 0xC0};

    (void)state;
    for (unsigned i = 0xC000; i < 0x10000; i++) {
        for (size_t j = 0; j < LENGTH(edges) * LENGTH(edges); j++) {
            const unsigned char bytes[4] = {(unsigned char)(i >> 8), (unsigned char)i,
                                            edges[j / LENGTH(edges)], edges[j % LENGTH(edges)]};

            if (text_is_utf8((const char *)bytes, 4) != oracle(bytes, 4) ||
                text_is_utf8((const char *)bytes, 3) != oracle(bytes, 3))
                fail_msg("%02X %02X %02X %02X", bytes[0], bytes[1], bytes[2], bytes[3]);
        }
    }
}

struct sample {
    const char *bytes;
    size_t length;
};
#define SAMPLE(text)           \
    {                          \
        text, sizeof(text) - 1 \
    }

static const struct sample good[] = {
    SAMPLE(""),
    SAMPLE("a"),
    SAMPLE("\0"),
    SAMPLE("\x7F"),
    SAMPLE("\xC2\x80"),
    SAMPLE("\xDF\xBF"),
    SAMPLE("\xE0\xA0\x80"),
    SAMPLE("\xED\x9F\xBF"),
    SAMPLE("\xEE\x80\x80"),
    SAMPLE("\xEF\xBF\xBF"),
    SAMPLE("\xF0\x90\x80\x80"),
    SAMPLE("\xF4\x8F\xBF\xBF"),
    SAMPLE("\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9"),
};

static const struct sample bad[] = {
    SAMPLE("\x80"), /* a continuation alone */
    SAMPLE("\xBF"),
    SAMPLE("\xC0\x80"),         /* overlong NUL */
    SAMPLE("\xC1\xBF"),         /* overlong U+007F */
    SAMPLE("\xE0\x80\x80"),     /* overlong */
    SAMPLE("\xE0\x9F\xBF"),     /* overlong U+07FF */
    SAMPLE("\xF0\x80\x80\x80"), /* overlong */
    SAMPLE("\xF0\x8F\xBF\xBF"), /* overlong U+FFFF */
    SAMPLE("\xED\xA0\x80"),     /* U+D800 */
    SAMPLE("\xED\xBF\xBF"),     /* U+DFFF */
    SAMPLE("\xF4\x90\x80\x80"), /* U+110000 */
    SAMPLE("\xF5\x80\x80\x80"),
    SAMPLE("\xF8\x88\x80\x80\x80"), /* five bytes */
    SAMPLE("\xFC\x84\x80\x80\x80\x80"),
    SAMPLE("\xFE"),
    SAMPLE("\xFF"),
    SAMPLE("\xC2"), /* truncated */
    SAMPLE("\xE2\x82"),
    SAMPLE("\xE2"),
    SAMPLE("\xF0\x9F\x98"),
    SAMPLE("\xF0\x9F"),
    SAMPLE("\xF0"),
    SAMPLE("\xE2\x28\xA1"), /* something else within */
    SAMPLE("\xE2\x82\x28"),
    SAMPLE("\xF0\x28\x8C\xBC"),
    SAMPLE("\xF0\x90\x28\xBC"),
    SAMPLE("\xF0\x90\x8C\x28"),
};

/* One sample among ASCII: behind `before` bytes, in front of `after`, at each alignment. */
static void check_everywhere(const struct sample *sample, bool expected)
{
    unsigned char bytes[64];

    for (size_t before = 0; before <= 17; before++) {
        for (size_t after = 0; after <= 17; after++) {
            const size_t length = before + sample->length + after;

            memset(bytes, 'a', length);
            memcpy(bytes + before, sample->bytes, sample->length);
            for (size_t offset = 0; offset < 8; offset++)
                if (is_utf8_at(bytes, length, offset) != expected)
                    fail_msg("%02X... behind %zu bytes, before %zu, at %zu", bytes[before], before,
                             after, offset);
        }
    }
}

static void well_formed_samples_are_accepted_at_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++)
        check_everywhere(&good[i], true);
}

static void ill_formed_samples_are_refused_at_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(bad); i++)
        check_everywhere(&bad[i], false);
}

static void no_bytes_are_valid_text(void **state)
{
    (void)state;
    assert_true(text_is_utf8(NULL, 0));
}

/* ---- one line ---- */

static void text_for_messages_becomes_one_clean_line(void **state)
{
    static const struct {
        const char *given;
        const char *expected;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"two\nlines\r\n", "two lines"},
        {"tab\tand\x7F"
         "delete",
         "tab and delete"},
        {"  keeps what leads", "  keeps what leads"},
        {"   ", ""},
        {"caf\xC3\xA9 \xE2\x82\xAC", "caf\xC3\xA9 \xE2\x82\xAC"},
        {"bad \xFF\xC0\xAF byte", "bad ??? byte"},
        {"half \xED\xA0\x80 pair", "half ??? pair"},
        {"cut \xE2\x82", "cut"},
        {"cut \xF0\x9F\x98", "cut"},
        {"cut\xC3", "cut"},
        {"broken \xE2\x82x", "broken ??x"},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char text[64] = "";

        memcpy(text, cases[i].given, strlen(cases[i].given) + 1);
        assert_int_equal(text_one_line(text), strlen(cases[i].expected));
        assert_string_equal(text, cases[i].expected);
        assert_true(text_is_utf8(text, strlen(text)));
    }
}

/* ---- names ---- */

static void names_are_ascii_identifiers(void **state)
{
    static const char *const names[] = {"a", "Z", "_", "_1", "campaign_id", "Event2"};
    static const char *const others[] = {"",    "1a",  "a-b",      "a b",       "a\"b",
                                         "a.b", "a$b", "\xC3\xA9", "a\xC3\xA9", "a;",
                                         "@a",  "[a",  "`a",       "{a"};

    (void)state;
    for (size_t i = 0; i < LENGTH(names); i++)
        assert_true(text_is_name(names[i], 63));
    for (size_t i = 0; i < LENGTH(others); i++)
        assert_false(text_is_name(others[i], 63));
    assert_false(text_is_name(NULL, 63));
}

static void a_name_may_be_as_long_as_told_and_no_longer(void **state)
{
    (void)state;
    assert_true(text_is_name("abc", 3));
    assert_false(text_is_name("abcd", 3));
    assert_true(text_is_name("a", 1));
    assert_false(text_is_name("a", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_read_from_its_one_spelling),
        cmocka_unit_test(every_digit_count_survives_the_way_there_and_back),
        cmocka_unit_test(every_other_spelling_is_refused_and_writes_nothing),
        cmocka_unit_test(a_number_ends_where_its_length_says),
        cmocka_unit_test(each_code_point_that_is_a_character_is_accepted),
        cmocka_unit_test(each_pair_of_bytes_is_judged_as_by_the_oracle),
        cmocka_unit_test(longer_sequences_are_judged_as_by_the_oracle),
        cmocka_unit_test(well_formed_samples_are_accepted_at_every_place),
        cmocka_unit_test(ill_formed_samples_are_refused_at_every_place),
        cmocka_unit_test(no_bytes_are_valid_text),
        cmocka_unit_test(text_for_messages_becomes_one_clean_line),
        cmocka_unit_test(names_are_ascii_identifiers),
        cmocka_unit_test(a_name_may_be_as_long_as_told_and_no_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
