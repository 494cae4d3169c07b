/* See siphash.h. Words are read as the machine has them: little-endian, as everywhere we run. */
#include "gateway/core/siphash.h"

#include <string.h>

static inline uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static inline void take_word(uint64_t v[4], uint64_t word, int rounds)
{
    v[3] ^= word;
    for (int i = 0; i < rounds; i++)
        sip_round(v);
    v[0] ^= word;
}

static inline uint64_t hash(const uint64_t key[2], struct str s, int rounds, int last_rounds)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
                     key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
    size_t whole = s.n & ~(size_t)7;
    uint64_t word = 0;

    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, s.p + i, 8);
        take_word(v, word, rounds);
    }
    word = 0;
    if (s.n != whole)
        memcpy(&word, s.p + whole, s.n - whole);
    take_word(v, word | (uint64_t)s.n << 56, rounds);
    v[2] ^= 0xff;
    for (int i = 0; i < last_rounds; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t siphash_1_3(const uint64_t key[2], struct str bytes)
{
    return hash(key, bytes, 1, 3);
}

uint64_t siphash_2_4(const uint64_t key[2], struct str bytes)
{
    return hash(key, bytes, 2, 4);
}
