/*
 * LtHash16 (Bellare, Micciancio 1997; Lewi et al. 2019, "Securing Update Propagation with
 * Homomorphic Hashing") over the objects of a table. The hash of one object is a ChaCha20 key
 * stream whose key is SHA-256(kind NUL name NUL value): kind and name hold no NUL, so the three
 * parts cannot be shifted against each other. BoringSSL's crypto only; called by whoever sends,
 * keeps or checks a table.
 */
#include "gateway/wire/digest.h"

#include <endian.h>
#include <string.h>

#include <openssl/chacha.h>
#include <openssl/sha.h>

#include "gateway/core/hex.h"

/* The key stream of one object, in lanes of this machine's byte order. */
static void expand(enum route_kind kind, struct str name, struct str value,
                   uint16_t out_lanes[DIGEST_LANES])
{
    static const uint8_t nonce[12];
    static const uint8_t zeros[DIGEST_BYTES];
    const char *word = route_kind_name(kind);
    uint8_t key[SHA256_DIGEST_LENGTH];
    SHA256_CTX sha;

    SHA256_Init(&sha);
    SHA256_Update(&sha, word, strlen(word) + 1);
    SHA256_Update(&sha, name.p, name.n);
    SHA256_Update(&sha, "", 1);
    SHA256_Update(&sha, value.p, value.n);
    SHA256_Final(key, &sha);
    CRYPTO_chacha_20((uint8_t *)out_lanes, zeros, sizeof(zeros), key, nonce, 0);
    for (size_t i = 0; i < DIGEST_LANES; i++)
        out_lanes[i] = le16toh(out_lanes[i]); /* nothing at all on most machines */
}

void digest_add(struct digest *d, enum route_kind kind, struct str name, struct str value)
{
    uint16_t lanes[DIGEST_LANES];

    expand(kind, name, value, lanes);
    for (size_t i = 0; i < DIGEST_LANES; i++)
        d->lanes[i] = (uint16_t)(d->lanes[i] + lanes[i]);
}

void digest_remove(struct digest *d, enum route_kind kind, struct str name, struct str value)
{
    uint16_t lanes[DIGEST_LANES];

    expand(kind, name, value, lanes);
    for (size_t i = 0; i < DIGEST_LANES; i++)
        d->lanes[i] = (uint16_t)(d->lanes[i] - lanes[i]);
}

void digest_to_bytes(const struct digest *d, uint8_t out[DIGEST_BYTES])
{
    for (size_t i = 0; i < DIGEST_LANES; i++) {
        out[2 * i] = (uint8_t)d->lanes[i];
        out[2 * i + 1] = (uint8_t)(d->lanes[i] >> 8);
    }
}

void digest_from_bytes(struct digest *d, const uint8_t bytes[DIGEST_BYTES])
{
    for (size_t i = 0; i < DIGEST_LANES; i++)
        d->lanes[i] = (uint16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
}

void digest_hex(const struct digest *d, char out[65])
{
    uint8_t bytes[DIGEST_BYTES];
    uint8_t sum[SHA256_DIGEST_LENGTH];

    digest_to_bytes(d, bytes);
    SHA256(bytes, sizeof(bytes), sum);
    hex_write(sum, sizeof(sum), out);
}
