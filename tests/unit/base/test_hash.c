/* Proves that the hash is SipHash-1-3, byte for byte, at every length and alignment. */
#include "base/base.h"
#include "test.h"

#include <stdlib.h>

/* SipHash-1-3 of the first n bytes of 00 01 02 ... under the key 00 01 ... 0f, for n = 0 ... 63.
 * From a Python program written for this table alone, which gives the paper's vector for
 * SipHash-2-4 and the values of Rust and CPython below. */
static const uint64_t vectors[64] = {
    0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
    0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
    0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
    0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
    0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c, 0x8ffc389cb473e63e, 0xf21f9de58d297d1c,
    0xc0dc2f46a6cce040, 0xb992abfe2b45f844, 0x7ffe7b9ba320872e, 0x525a0e7fdae6c123,
    0xf464aeb267349c8c, 0x45cd5928705b0979, 0x3a3e35e3ca9913a5, 0xa91dc74e4ade3b35,
    0xfb0bed02ef6cd00d, 0x88d93cb44ab1e1f4, 0x540f11d643c5e663, 0x2370dd1f8c21d1bc,
    0x81157b6c16a7b60d, 0x4d54b9e57a8ff9bf, 0x759f12781f2a753e, 0xcea1a3bebf186b91,
    0x2cf508d3ada26206, 0xb6101c2da3c33057, 0xb3f47496ae3a36a1, 0x626b57547b108392,
    0xc1d2363299e41531, 0x667cc1923f1ad944, 0x65704ffec8138825, 0x24f280d1c28949a6,
    0xc2ca1cedfaf8876b, 0xc2164bfc9f042196, 0xa16e9c9368b1d623, 0x49fb169c8b5114fd,
    0x9f3143f8df074c46, 0xc6fdaf2412cc86b3, 0x7eaf49d10a52098f, 0x1cf313559d292f9a,
    0xc44a30dda2f41f12, 0x36fae98943a71ed0, 0x318fb34c73f0bce6, 0xa27abf3670a7e980,
    0xb4bcc0db243c6d75, 0x23f8d852fdb71513, 0x8f035f4da67d8a08, 0xd89cd0e5b7e8f148,
    0xf6f4e6bcf7a644ee, 0xaec59ad80f1837f2, 0xc3b2f6154b6694e0, 0x9d199062b7bbb3a8,
};

/* The same under the key 0, as Rust 1.95 (std's DefaultHasher) and CPython 3.11 (hash(bytes) with
 * PYTHONHASHSEED=0) tell it. */
#define EMPTY_UNDER_ZERO 0xd1fba762150c532c
#define CAMPAIGN_UNDER_ZERO 0xc22d69737139e0c7
#define SIXTY_FOUR_UNDER_ZERO 0x75e05fd5bbc870c6

static const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void the_hash_is_siphash_1_3_at_every_length(void **state)
{
    unsigned char bytes[64];

    (void)state;
    for (size_t length = 0; length < 64; length++) {
        bytes[length] = (unsigned char)length;
        assert_true(hash_bytes(&key, bytes, length) == vectors[length]);
    }
}

static void the_hash_agrees_with_rust_and_cpython(void **state)
{
    const struct hash_key zero = {0, 0};
    unsigned char bytes[64];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    assert_true(hash_bytes(&zero, "", 0) == EMPTY_UNDER_ZERO);
    assert_true(hash_bytes(&zero, NULL, 0) == EMPTY_UNDER_ZERO);
    assert_true(hash_bytes(&zero, "Campaign-1234567890a", 20) == CAMPAIGN_UNDER_ZERO);
    assert_true(hash_bytes(&zero, bytes, sizeof(bytes)) == SIXTY_FOUR_UNDER_ZERO);
}

/* On the heap with nothing behind, so that a sanitizer sees a read beyond either end. */
static void alignment_does_not_matter_and_nothing_beyond_the_bytes_is_read(void **state)
{
    (void)state;
    for (size_t length = 1; length < 64; length++) {
        for (size_t offset = 0; offset < 8; offset++) {
            unsigned char *bytes = malloc(offset + length);

            assert_non_null(bytes);
            memset(bytes, 0xFF, offset);
            for (size_t i = 0; i < length; i++)
                bytes[offset + i] = (unsigned char)i;
            assert_true(hash_bytes(&key, bytes + offset, length) == vectors[length]);
            free(bytes);
        }
    }
}

static void a_number_hashes_as_its_eight_bytes_lowest_first(void **state)
{
    static const uint64_t numbers[] = {0, 1, 255, 256, INT64_MAX, UINT64_MAX, 0x0706050403020100};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        unsigned char bytes[8];

        for (size_t j = 0; j < 8; j++)
            bytes[j] = (unsigned char)(numbers[i] >> (8 * j));
        assert_true(hash_uint64(&key, numbers[i]) == hash_bytes(&key, bytes, 8));
    }
    assert_true(hash_uint64(&key, 0x0706050403020100) == vectors[8]);
}

static void each_half_of_the_key_and_each_bit_of_the_text_counts(void **state)
{
    static const char text[] = "Campaign-1234567890a";
    const uint64_t plain = hash_bytes(&key, text, 20);
    const struct hash_key other0 = {key.k0 ^ 1, key.k1};
    const struct hash_key other1 = {key.k0, key.k1 ^ 1};

    (void)state;
    assert_true(hash_bytes(&other0, text, 20) != plain);
    assert_true(hash_bytes(&other1, text, 20) != plain);
    for (size_t bit = 0; bit < 160; bit++) {
        char changed[20];

        memcpy(changed, text, 20);
        changed[bit / 8] = (char)(changed[bit / 8] ^ (1 << bit % 8));
        assert_true(hash_bytes(&key, changed, 20) != plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_siphash_1_3_at_every_length),
        cmocka_unit_test(the_hash_agrees_with_rust_and_cpython),
        cmocka_unit_test(alignment_does_not_matter_and_nothing_beyond_the_bytes_is_read),
        cmocka_unit_test(a_number_hashes_as_its_eight_bytes_lowest_first),
        cmocka_unit_test(each_half_of_the_key_and_each_bit_of_the_text_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
