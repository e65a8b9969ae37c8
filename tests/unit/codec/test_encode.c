/* Proves the bytes that stand in the cache, and that nothing is written which the decoder would
 * refuse. */
#include "allocator.h"
#include "sample.h"
#include "test.h"

#include <math.h>
#include <stdio.h>

/* id INT64, title TEXT, at TIMESTAMP, n nullable INT64, x nullable TEXT. */
static const entc_field fields[] = {
    {"id", ENTC_INT64, ENTC_KEY, 0, 0, 0, NULL},    {"title", ENTC_TEXT, 0, 0, 0, 0, NULL},
    {"at", ENTC_TIMESTAMP, 0, 0, 0, 0, NULL},       {"n", ENTC_INT64, ENTC_NULLABLE, 0, 0, 0, NULL},
    {"x", ENTC_TEXT, ENTC_NULLABLE, 0, 0, 0, NULL},
};

static const entc_entity_desc desc = {sizeof(desc), "Row", 0, fields, 5, sizeof(entc_field)};

struct fixture {
    struct schema_type *type;
    struct entity_draft draft;
    struct buffer buffer;
};

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(schema_type_new(&desc, NULL, &fixture.type, NULL), ENTC_OK);
    assert_int_equal(entity_draft_init(&fixture.draft, fixture.type), ENTC_OK);
    buffer_init(&fixture.buffer, base_default_allocator());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    entity_draft_fini(&fixture.draft);
    schema_type_unref(fixture.type);
    buffer_fini(&fixture.buffer);
    return 0;
}

/* An entity with that title and, behind all other members, that text; NULL is NULL. */
static struct entc_entity *titled_with(const char *title, size_t length, const char *last)
{
    struct entity_draft *draft = &fixture.draft;
    struct entc_entity *entity;

    entity_draft_clear(draft);
    entity_draft_set_int64(draft, 0, 7);
    assert_true(entity_draft_set_text(draft, 1, title, length));
    entity_draft_set_int64(draft, 2, 1795341600000000);
    entity_draft_set_null(draft, 3);
    if (last)
        assert_true(entity_draft_set_text(draft, 4, last, strlen(last)));
    else
        entity_draft_set_null(draft, 4);
    entity = entity_draft_seal(draft);
    assert_non_null(entity);
    return entity;
}

static struct entc_entity *titled(const char *title, size_t length)
{
    return titled_with(title, length, NULL);
}

static enum codec_result encode_titled(const char *title, size_t length)
{
    struct entc_entity *entity = titled(title, length);
    const enum codec_result result = codec_encode(entity, &fixture.buffer);

    entity_unref(entity);
    return result;
}

static void members_stand_in_order_without_space(void **state)
{
    static const char expected[] = "{\"id\":7,\"title\":\"a\\\"b\",\"at\":\"2026-11-22T10:00:00."
                                   "000000Z\",\"n\":null,\"x\":null}";

    (void)state;
    assert_int_equal(encode_titled("a\"b", 3), CODEC_OK);
    assert_string_equal(buffer_text(&fixture.buffer), expected);
}

static void every_type_has_its_bytes(void **state)
{
    struct sample_kit kit;
    struct entc_entity *entity = NULL;

    (void)state;
    sample_init(&kit, NULL);
    assert_int_equal(sample_decode(&kit, SAMPLE_JSON, strlen(SAMPLE_JSON), &entity), CODEC_ENTITY);
    assert_int_equal(codec_encode(entity, &fixture.buffer), CODEC_OK);
    assert_string_equal(buffer_text(&fixture.buffer), SAMPLE_JSON);
    entity_unref(entity);
    sample_fini(&kit);
}

static void every_control_character_is_escaped_and_nothing_else(void **state)
{
    (void)state;
    for (unsigned c = 1; c < 0x80; c++) {
        static const char names[] = "\b\t\n\f\r\"\\";
        static const char letters[] = "btnfr\"\\";
        const char title[2] = {(char)c, 'z'};
        const char *name = strchr(names, (int)c);
        char expected[64];

        if (name)
            snprintf(expected, sizeof(expected), "\"title\":\"\\%cz\"", letters[name - names]);
        else if (c < 0x20)
            snprintf(expected, sizeof(expected), "\"title\":\"\\u%04xz\"", c);
        else
            snprintf(expected, sizeof(expected), "\"title\":\"%cz\"", (char)c);
        buffer_clear(&fixture.buffer);
        assert_int_equal(encode_titled(title, 2), CODEC_OK);
        assert_non_null(strstr(buffer_text(&fixture.buffer), expected));
    }
}

static void text_that_is_all_escapes_fits(void **state)
{
    static char title[5000];
    struct entc_entity *back = NULL;
    entc_value value;

    (void)state;
    memset(title, 1, sizeof(title));
    assert_int_equal(encode_titled(title, sizeof(title)), CODEC_OK);
    assert_int_equal(
        codec_decode(&fixture.draft, fixture.buffer.bytes, fixture.buffer.length, &back),
        CODEC_ENTITY);
    entity_get(back, 1, &value);
    assert_int_equal(value.length, sizeof(title));
    assert_memory_equal(value.as.text, title, sizeof(title));
    entity_unref(back);
}

static void utf8_stands_verbatim(void **state)
{
    static const char title[] = "\x7F\xC2\x80 \xE2\x80\xA8\xEF\xBF\xBF/ \xF4\x8F\xBF\xBF";

    (void)state;
    assert_int_equal(encode_titled(title, strlen(title)), CODEC_OK);
    assert_non_null(strstr(buffer_text(&fixture.buffer), title));
}

static void bytes_are_appended_to_what_is_there(void **state)
{
    (void)state;
    assert_true(buffer_append_text(&fixture.buffer, "before,"));
    assert_int_equal(encode_titled("t", 1), CODEC_OK);
    assert_memory_equal(fixture.buffer.bytes, "before,{\"id\":7,", 15);
}

static void text_that_the_decoder_would_refuse_is_not_written(void **state)
{
    static const struct {
        const char *title;
        size_t length;
    } cases[] = {
        {"a\0b", 3},       {"\0", 1},       {"\xFF", 1},         {"1234567890\x80", 11},
        {"\xC3", 1},       {"\xC0\xAF", 2}, {"\xED\xA0\x80", 3}, {"\xF4\x90\x80\x80", 4},
        {"\xC3\n\xA9", 3},
    };

    (void)state;
    assert_true(buffer_append_text(&fixture.buffer, "before"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (encode_titled(cases[i].title, cases[i].length) != CODEC_REFUSED)
            test_fail("case %zu was written: %s", i, buffer_text(&fixture.buffer));
        assert_int_equal(fixture.buffer.length, 6);
        assert_false(fixture.buffer.failed);
    }
}

static void null_in_a_field_that_may_not_be_null_is_not_written(void **state)
{
    struct entc_entity *entity;

    (void)state;
    entity_draft_clear(&fixture.draft);
    entity_draft_set_int64(&fixture.draft, 0, 7);
    entity = entity_draft_seal(&fixture.draft);
    assert_non_null(entity);
    assert_int_equal(codec_encode(entity, &fixture.buffer), CODEC_REFUSED);
    assert_int_equal(fixture.buffer.length, 0);
    entity_unref(entity);
}

/* Encodes behind some bytes, with every allocation of it failing once. */
static void check_every_failure(const struct entc_entity *entity)
{
    struct test_allocator memory;

    test_allocator_init(&memory);
    for (uint64_t n = 2;; n++) {
        struct buffer buffer;
        enum codec_result result;
        bool failed;

        buffer_init(&buffer, &memory.allocator);
        test_allocator_fail_at(&memory, n, false);
        assert_true(buffer_append_text(&buffer, "before"));
        result = codec_encode(entity, &buffer);
        failed = test_allocator_calls(&memory) >= n;
        assert_int_equal(result, failed ? CODEC_OUT_OF_MEMORY : CODEC_OK);
        if (failed)
            assert_int_equal(buffer.length, 6);
        assert_memory_equal(buffer.bytes, "before", 6);
        buffer_fini(&buffer);
        assert_int_equal(test_allocator_live(&memory), 0);
        if (!failed)
            break;
    }
}

/* Titles of every length, so that the memory ends at every place of the text. */
static void a_failed_allocation_leaves_the_buffer_as_it_was(void **state)
{
    char title[300] = "";

    (void)state;
    for (size_t length = 0; length + 1 < sizeof(title); length++) {
        struct entc_entity *entity;

        memset(title, length % 2 ? '"' : 'a', length);
        entity = titled(title, length);
        check_every_failure(entity);
        entity_unref(entity);
        entity = titled_with("", 0, title);
        check_every_failure(entity);
        entity_unref(entity);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_stand_in_order_without_space),
        TEST(every_type_has_its_bytes),
        TEST(every_control_character_is_escaped_and_nothing_else),
        TEST(text_that_is_all_escapes_fits),
        TEST(utf8_stands_verbatim),
        TEST(bytes_are_appended_to_what_is_there),
        TEST(text_that_the_decoder_would_refuse_is_not_written),
        TEST(null_in_a_field_that_may_not_be_null_is_not_written),
        TEST(a_failed_allocation_leaves_the_buffer_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
