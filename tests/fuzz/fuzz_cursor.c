/* Cursors that strangers send. None is read beyond its end, whatever it is; and one that is taken
 * is exactly what is written of the values that it holds. */
#include "fuzz.h"
#include "relation/pages.h"

#include <stdlib.h>

#define VALUES_MAX 8
#define PRINT UINT64_C(0x0123456789abcdef)

static void check_same(const char *text, const entc_value *values, size_t count)
{
    const struct cursor_position position = {count, values};
    struct buffer again;

    buffer_init(&again, base_default_allocator());
    FUZZ_CHECK(relation_cursor_write(&again, PRINT, &position, NULL) == ENTC_OK);
    FUZZ_CHECK(again.length == strlen(text) && memcmp(again.bytes, text, again.length) == 0);
    buffer_fini(&again);
}

static void try_text(const char *text, size_t count, size_t keys)
{
    const struct cursor_wanted wanted = {"args.after", PRINT, count, keys};
    char *bytes = malloc(strlen(text));
    entc_value values[VALUES_MAX];
    entc_error *error = NULL;
    const entc_status status = relation_cursor_read(text, &wanted, bytes, values, &error);

    FUZZ_CHECK(status == ENTC_OK || status == ENTC_E_INVALID);
    FUZZ_CHECK((error != NULL) == (status != ENTC_OK));
    for (size_t i = 0; status == ENTC_OK && i < count; i++) {
        FUZZ_CHECK(values[i].type == ENTC_TEXT || (values[i].type == ENTC_NULL && i >= keys));
        FUZZ_CHECK(values[i].type == ENTC_NULL ||
                   text_is_utf8(values[i].as.text, values[i].length));
    }
    if (status == ENTC_OK)
        check_same(text, values, count);
    entc_error_free(error);
    free(bytes);
}

/* What a list would have written of these values; then it is taken, or holds what no list has. */
static void try_values(struct fuzz_input *input, size_t count)
{
    entc_value values[VALUES_MAX];
    const struct cursor_position position = {count, values};
    struct buffer text;
    char *copies[VALUES_MAX];

    for (size_t i = 0; i < count; i++) {
        const size_t length = fuzz_byte(input);
        const struct span span = fuzz_span(input, length);

        copies[i] = fuzz_copy(span);
        values[i] = (entc_value){.type = length == 255 ? ENTC_NULL : ENTC_TEXT,
                                 .length = (uint32_t)span.length,
                                 .as.text = copies[i]};
    }
    buffer_init(&text, base_default_allocator());
    FUZZ_CHECK(relation_cursor_write(&text, PRINT, &position, NULL) == ENTC_OK);
    try_text(buffer_text(&text), count, 1);
    buffer_fini(&text);
    for (size_t i = 0; i < count; i++)
        free(copies[i]);
}

/* count of values | count of keys | the text of a cursor, NUL | values: length and text of each */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    const size_t count = 1 + fuzz_byte(&input) % VALUES_MAX;
    const size_t keys = 1 + fuzz_byte(&input) % count;
    char *text = fuzz_text(&input);

    try_text(text, count, keys);
    try_values(&input, count);
    free(text);
    return 0;
}
