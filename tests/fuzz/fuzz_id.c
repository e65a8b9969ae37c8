/* Ids and their text in keys. Of any two ids that are taken: each has one spelling, made of
 * harmless bytes only, from which the id can be read again; and two ids never share one. */
#include "codec/codec.h"
#include "fuzz.h"

#include <stdlib.h>

/* What a percent sign and hex digits stand for; the spelling must be canonical. */
static size_t percent_decode(const struct buffer *key, char *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "._~:@=+,/-";
    static const char hex[] = "0123456789ABCDEF";
    size_t length = 0;

    for (size_t i = 0; i < key->length; i++) {
        const char *high = NULL;
        const char *low = NULL;

        FUZZ_CHECK(key->bytes[i] != '\0');
        if (strchr(plain, key->bytes[i])) {
            out[length++] = key->bytes[i];
            continue;
        }
        FUZZ_CHECK(key->bytes[i] == '%' && key->length - i > 2);
        FUZZ_CHECK(key->bytes[i + 1] != '\0' && key->bytes[i + 2] != '\0');
        high = strchr(hex, key->bytes[i + 1]);
        low = strchr(hex, key->bytes[i + 2]);
        FUZZ_CHECK(high != NULL && low != NULL);
        out[length] = (char)((high - hex) * 16 + (low - hex));
        FUZZ_CHECK(out[length] != '\0' && !strchr(plain, out[length]));
        length++;
        i += 2;
    }
    return length;
}

static void check_spelling(const entc_value *id, const struct buffer *key)
{
    char decoded[CODEC_ID_KEY_MAX];
    char digits[TEXT_INT64_MAX];
    size_t length = 0;

    FUZZ_CHECK(key->length > 0 && key->length <= CODEC_ID_KEY_MAX);
    length = percent_decode(key, decoded);
    if (id->type == ENTC_TEXT)
        FUZZ_CHECK(length == id->length && memcmp(decoded, id->as.text, length) == 0);
    if (id->type == ENTC_INT64) {
        FUZZ_CHECK(length == text_from_int64(digits, id->as.int64));
        FUZZ_CHECK(memcmp(decoded, digits, length) == 0);
    }
}

/* False: it is refused, with a story. */
static bool spell(const struct schema_type *type, const entc_value *given, struct buffer *key)
{
    entc_value id;
    entc_value again;
    entc_error *error = NULL;
    const entc_status status = codec_id(type, given, &id, &error);

    FUZZ_CHECK(status == ENTC_OK || status == ENTC_E_INVALID);
    FUZZ_CHECK((error != NULL) == (status != ENTC_OK));
    if (status != ENTC_OK) {
        FUZZ_CHECK(*entc_error_message(error) && *entc_error_hint(error));
        entc_error_free(error);
        return false;
    }
    FUZZ_CHECK(codec_id_append(&id, 1, key));
    check_spelling(&id, key);
    /* What is canonical stays as it is. */
    FUZZ_CHECK(codec_id(type, &id, &again, NULL) == ENTC_OK);
    FUZZ_CHECK(again.type == id.type && again.length == id.length);
    return true;
}

static bool same(const struct buffer *a, const struct buffer *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

static void try_text_pair(uint32_t key_type, struct span a, struct span b)
{
    const struct schema_type *type = fuzz_key_type(key_type);
    struct buffer keys[2];
    entc_value ids[2];
    bool is_taken[2];

    if (!type)
        return;
    FUZZ_CHECK(entc_value_text(&ids[0], a.bytes, a.length) == ENTC_OK);
    FUZZ_CHECK(entc_value_text(&ids[1], b.bytes, b.length) == ENTC_OK);
    for (int i = 0; i < 2; i++) {
        buffer_init(&keys[i], base_default_allocator());
        is_taken[i] = spell(type, &ids[i], &keys[i]);
    }
    if (is_taken[0] && is_taken[1] && (key_type == ENTC_TEXT || key_type == ENTC_INT64))
        FUZZ_CHECK(same(&keys[0], &keys[1]) ==
                   (a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0));
    buffer_fini(&keys[0]);
    buffer_fini(&keys[1]);
}

/* A value of any type and any bits. */
static void try_value(uint32_t key_type, uint32_t given_type, uint64_t bits, struct span text)
{
    const struct schema_type *type = fuzz_key_type(key_type);
    struct buffer key;
    entc_value id = {.type = given_type};

    if (!type)
        return;
    if (given_type < FUZZ_TYPES && schema_type_is_text(given_type)) {
        id.as.text = text.bytes;
        id.length = (uint32_t)text.length;
    } else {
        memcpy(&id.as, &bits, sizeof(bits));
    }
    buffer_init(&key, base_default_allocator());
    spell(type, &id, &key);
    buffer_fini(&key);
}

/* type of the value | eight bytes | length of the first text | both texts */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    const uint32_t given_type = fuzz_byte(&input);
    const uint64_t bits = fuzz_uint64(&input);
    const size_t first = fuzz_byte(&input);
    const struct span spans[2] = {fuzz_span(&input, first), fuzz_span(&input, input.left)};
    char *a = fuzz_copy(spans[0]);
    char *b = fuzz_copy(spans[1]);
    const struct span text = {a, spans[0].length};

    for (uint32_t type = 1; type < FUZZ_TYPES; type++) {
        try_text_pair(type, text, (struct span){b, spans[1].length});
        try_value(type, given_type, bits, text);
    }
    free(a);
    free(b);
    return 0;
}
