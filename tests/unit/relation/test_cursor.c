/* Proves the codec of cursors: what is written is read again, and nothing else is. */
#include "relation/pages.h"
#include "test.h"

#include "allocator.h"

#include <stdlib.h>

#define PRINT UINT64_C(0x0123456789abcdef)

static entc_value text(const char *characters)
{
    return (entc_value){
        .type = ENTC_TEXT, .length = (uint32_t)strlen(characters), .as.text = characters};
}

static const struct cursor_wanted wanted = {"args.after", PRINT, 4, 2};

/* The cursor of a position; the caller frees. */
static char *write_cursor(const entc_value *values, size_t count)
{
    const struct cursor_position position = {count, values};
    struct buffer buffer;
    char *copy = NULL;

    buffer_init(&buffer, base_default_allocator());
    assert_int_equal(relation_cursor_write(&buffer, PRINT, &position, NULL), ENTC_OK);
    copy = strdup(buffer_text(&buffer));
    assert_non_null(copy);
    buffer_fini(&buffer);
    return copy;
}

static char *sample(void)
{
    const entc_value values[] = {{.type = ENTC_INT64, .as.int64 = INT64_MIN},
                                 {.type = ENTC_UUID, .as.bytes = {0xab}},
                                 {.type = ENTC_NULL},
                                 text("\xc3\xa4 \"x\"")};

    return write_cursor(values, 4);
}

static void a_position_is_read_as_it_was_written(void **state)
{
    char *cursor = sample();
    char bytes[256];
    entc_value values[4];

    (void)state;
    assert_int_equal(relation_cursor_read(cursor, &wanted, bytes, values, NULL), ENTC_OK);
    assert_int_equal(values[0].type, ENTC_TEXT);
    assert_int_equal(values[0].length, 20);
    assert_memory_equal(values[0].as.text, "-9223372036854775808", 20);
    assert_int_equal(values[1].length, 36);
    assert_memory_equal(values[1].as.text, "ab000000-0000-0000-0000-000000000000", 36);
    assert_int_equal(values[2].type, ENTC_NULL);
    assert_int_equal(values[3].length, 6);
    assert_memory_equal(values[3].as.text, "\xc3\xa4 \"x\"", 6);
    free(cursor);
}

/* Cursors outlive processes and releases: a change here refuses all that are out there. */
static void the_text_is_the_same_for_ever(void **state)
{
    const entc_value value = text("7");
    char *cursor = write_cursor(&value, 1);

    (void)state;
    assert_string_equal(cursor, "AQEjRWeJq83vAAI339EOzAYNF5w");
    free(cursor);
}

static void refuses(const char *cursor, const struct cursor_wanted *other, const char *words)
{
    char *bytes = malloc(strlen(cursor) + 1);
    entc_value values[4];
    entc_error *error = NULL;

    assert_non_null(bytes);
    assert_int_equal(relation_cursor_read(cursor, other, bytes, values, &error), ENTC_E_INVALID);
    assert_non_null(strstr(entc_error_message(error), words));
    assert_true(entc_error_hint(error)[0] != '\0');
    entc_error_free(error);
    free(bytes);
}

static void nothing_that_is_changed_cut_or_longer_is_read(void **state)
{
    char *cursor = sample();
    const size_t length = strlen(cursor);
    char longer[256];

    (void)state;
    for (size_t i = 0; i < length; i++) {
        for (int with = 1; with < 256; with++) {
            const char was = cursor[i];

            if ((char)with == was)
                continue;
            cursor[i] = (char)with;
            refuses(cursor, &wanted, "args.after is no cursor");
            cursor[i] = was;
        }
    }
    strcpy(longer, cursor);
    strcat(longer, "A");
    refuses(longer, &wanted, "no cursor");
    strcat(longer, "AAA");
    refuses(longer, &wanted, "no cursor");
    while (strlen(cursor) > 0) {
        cursor[strlen(cursor) - 1] = '\0';
        refuses(cursor, &wanted, "no cursor");
    }
    free(cursor);
}

static void another_fingerprint_is_another_list(void **state)
{
    const struct cursor_wanted other = {"args.before", PRINT + 1, 4, 2};
    char *cursor = sample();

    (void)state;
    refuses(cursor, &other, "args.before is a cursor of another list");
    free(cursor);
}

static void values_that_a_list_cannot_have_are_refused(void **state)
{
    const struct cursor_wanted fewer = {"args.after", PRINT, 3, 2};
    const struct cursor_wanted more = {"args.after", PRINT, 5, 2};
    const struct cursor_wanted keys = {"args.after", PRINT, 4, 3};
    const entc_value nul = {.type = ENTC_TEXT, .length = 3, .as.text = "a\0b"};
    const entc_value broken = text("\xff");
    const struct cursor_wanted one = {"args.after", PRINT, 1, 1};
    char *cursor = sample();

    (void)state;
    refuses(cursor, &fewer, "no cursor");
    refuses(cursor, &more, "no cursor");
    refuses(cursor, &keys, "no cursor");
    free(cursor);
    cursor = write_cursor(&nul, 1);
    refuses(cursor, &one, "no cursor");
    free(cursor);
    cursor = write_cursor(&broken, 1);
    refuses(cursor, &one, "no cursor");
    free(cursor);
}

static void the_longest_position_is_read_and_a_longer_one_is_not_written(void **state)
{
    const size_t most = CURSOR_BYTES_MAX - 1 - 8 - 2 - 8;
    const struct cursor_wanted one = {"args.after", PRINT, 1, 1};
    struct cursor_position position = {1, NULL};
    char *long_text = calloc(1, most + 2);
    char bytes[CURSOR_TEXT_MAX];
    entc_value value;
    entc_error *error = NULL;
    struct buffer buffer;
    char *cursor = NULL;

    (void)state;
    assert_non_null(long_text);
    memset(long_text, 'x', most);
    value = text(long_text);
    cursor = write_cursor(&value, 1);
    assert_int_equal(strlen(cursor), CURSOR_TEXT_MAX);
    assert_int_equal(relation_cursor_read(cursor, &one, bytes, &value, NULL), ENTC_OK);
    assert_int_equal(value.length, most);
    free(cursor);
    long_text[most] = 'x';
    value = text(long_text);
    position.values = &value;
    buffer_init(&buffer, base_default_allocator());
    assert_int_equal(relation_cursor_write(&buffer, PRINT, &position, &error), ENTC_E_UNSUPPORTED);
    assert_int_equal(buffer.length, 0);
    assert_true(entc_error_hint(error)[0] != '\0');
    buffer_fini(&buffer);
    entc_error_free(error);
    free(long_text);
}

static void memory_that_is_out_is_told(void **state)
{
    const entc_value value = text("some text that needs memory");
    const struct cursor_position position = {1, &value};
    struct test_allocator memory;
    entc_status status = ENTC_E_NO_MEMORY;

    (void)state;
    test_allocator_init(&memory);
    for (uint64_t n = 1; status != ENTC_OK; n++) {
        struct buffer buffer;

        buffer_init(&buffer, &memory.allocator);
        test_allocator_fail_at(&memory, n, false);
        status = relation_cursor_write(&buffer, PRINT, &position, NULL);
        assert_int_equal(status, test_allocator_calls(&memory) < n ? ENTC_OK : ENTC_E_NO_MEMORY);
        buffer_fini(&buffer);
        assert_int_equal(test_allocator_live(&memory), 0);
    }
}

/* ---- values as PostgreSQL reads them ---- */

static void assert_text(entc_value value, const char *expected)
{
    struct buffer buffer;

    buffer_init(&buffer, base_default_allocator());
    assert_int_equal(relation_check_value(&value, "value", NULL), ENTC_OK);
    relation_value_text(&buffer, &value);
    assert_string_equal(buffer_text(&buffer), expected);
    buffer_fini(&buffer);
}

static entc_value moment(int64_t microseconds)
{
    return (entc_value){.type = ENTC_TIMESTAMP, .as.int64 = microseconds};
}

static entc_value day(int64_t days)
{
    return (entc_value){.type = ENTC_DATE, .as.int64 = days};
}

static void values_are_written_as_postgresql_reads_them(void **state)
{
    (void)state;
    assert_text((entc_value){.type = ENTC_BOOL, .as.int64 = 1}, "true");
    assert_text((entc_value){.type = ENTC_BOOL}, "false");
    assert_text((entc_value){.type = ENTC_INT64, .as.int64 = -5}, "-5");
    assert_text((entc_value){.type = ENTC_DOUBLE, .as.real = 0.1}, "0.1");
    assert_text((entc_value){.type = ENTC_BYTES, .length = 2, .as.text = "\0\xff"}, "\\x00ff");
    assert_text(text("a b"), "a b");
    assert_text(moment(0), "1970-01-01T00:00:00.000000Z");
    assert_text(moment(INT64_MAX), "infinity");
    assert_text(moment(INT64_MIN), "-infinity");
    assert_text(moment(INT64_C(253402300800000000)), "10000-01-01T00:00:00.000000Z");
    assert_text(moment(INT64_C(-62167219200000001)), "0002-12-31T23:59:59.999999Z BC");
    assert_text(moment(INT64_C(-62167219200000000)), "0001-01-01T00:00:00.000000Z BC");
    assert_text(day(0), "1970-01-01");
    assert_text(day(-719528), "0001-01-01 BC");
    assert_text(day(-719529), "0002-12-31 BC");
    assert_text(day(INT32_MAX), "infinity");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_is_read_as_it_was_written),
        cmocka_unit_test(the_text_is_the_same_for_ever),
        cmocka_unit_test(nothing_that_is_changed_cut_or_longer_is_read),
        cmocka_unit_test(another_fingerprint_is_another_list),
        cmocka_unit_test(values_that_a_list_cannot_have_are_refused),
        cmocka_unit_test(the_longest_position_is_read_and_a_longer_one_is_not_written),
        cmocka_unit_test(memory_that_is_out_is_told),
        cmocka_unit_test(values_are_written_as_postgresql_reads_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
