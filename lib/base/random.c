/* Randomness: the kernel's for tokens and seeds, xoshiro256** (Blackman, Vigna, "Scrambled linear
 * pseudorandom number generators", 2018) for the rest. A generator's state is never all zero, where
 * it would stay for ever. */
#include "base.h"

#include <errno.h>
#include <sys/random.h>

entc_status random_bytes(void *bytes, size_t length)
{
    unsigned char *at = bytes;

    while (length > 0) {
        const ssize_t got = getrandom(at, length, 0);

        if (got < 0 && errno != EINTR)
            return ENTC_E_SYSTEM;
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
    return ENTC_OK;
}

entc_status random_seed(struct random *random)
{
    struct random fresh = {{0, 0, 0, 0}};

    do {
        const entc_status status = random_bytes(fresh.state, sizeof(fresh.state));

        if (status != ENTC_OK)
            return status;
    } while (!(fresh.state[0] | fresh.state[1] | fresh.state[2] | fresh.state[3]));
    *random = fresh;
    return ENTC_OK;
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    const uint64_t result = rotate(s[1] * 5, 7) * 9;
    const uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

/* Draws below 2^64 mod limit are thrown away, so that every remainder is as likely (as
 * arc4random_uniform of OpenBSD). */
uint64_t random_below(struct random *random, uint64_t limit)
{
    uint64_t unfair;
    uint64_t draw;

    if (limit == 0)
        return 0;
    unfair = (0 - limit) % limit;
    do {
        draw = random_next(random);
    } while (draw < unfair);
    return draw % limit;
}
