/* SipHash-1-3: one round for each word, three to finish (Aumasson, Bernstein, "SipHash: a fast
 * short-input PRF", 2012; the lighter rounds are those of Rust's and Python's tables). Words are
 * read lowest byte first on every machine, so the same key gives the same hash everywhere. */
#include "base.h"

#include <endian.h>

struct sip {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline uint64_t load(const unsigned char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return le64toh(word);
}

static inline struct sip sip_begin(const struct hash_key *key)
{
    return (struct sip){
        key->k0 ^ 0x736f6d6570736575u,
        key->k1 ^ 0x646f72616e646f6du,
        key->k0 ^ 0x6c7967656e657261u,
        key->k1 ^ 0x7465646279746573u,
    };
}

static inline struct sip sip_round(struct sip s)
{
    s.v0 += s.v1;
    s.v2 += s.v3;
    s.v1 = rotate(s.v1, 13) ^ s.v0;
    s.v3 = rotate(s.v3, 16) ^ s.v2;
    s.v0 = rotate(s.v0, 32);
    s.v2 += s.v1;
    s.v0 += s.v3;
    s.v1 = rotate(s.v1, 17) ^ s.v2;
    s.v3 = rotate(s.v3, 21) ^ s.v0;
    s.v2 = rotate(s.v2, 32);
    return s;
}

static inline struct sip sip_word(struct sip s, uint64_t word)
{
    s.v3 ^= word;
    s = sip_round(s);
    s.v0 ^= word;
    return s;
}

static inline uint64_t sip_end(struct sip s)
{
    s.v2 ^= 0xFF;
    s = sip_round(s);
    s = sip_round(s);
    s = sip_round(s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* The last 0 to 7 bytes as a word. With eight bytes before the end, one load that overlaps does for
 * all of them. */
static inline uint64_t load_rest(const unsigned char *bytes, size_t length)
{
    const size_t rest = length & 7;
    uint64_t word = 0;

    if (rest && length >= 8)
        return load(bytes + length - 8) >> (8 * (8 - rest));
    for (size_t i = 0; i < rest; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    struct sip s = sip_begin(key);

    for (size_t i = 0; i + 8 <= length; i += 8)
        s = sip_word(s, load(at + i));
    return sip_end(sip_word(s, load_rest(at, length) | (uint64_t)length << 56));
}

uint64_t hash_uint64(const struct hash_key *key, uint64_t number)
{
    return sip_end(sip_word(sip_word(sip_begin(key), number), UINT64_C(8) << 56));
}
