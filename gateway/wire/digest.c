/*
 * LtHash16 (Bellare, Micciancio 1997; Lewi et al. 2019, "Securing Update Propagation with
 * Homomorphic Hashing") over the objects of a table. The hash of one object is a ChaCha20 key
 * stream whose key is SHA-256(kind NUL name NUL value): kind and name hold no NUL, so the three
 * parts cannot be shifted against each other. BoringSSL's crypto only; called by whoever sends,
 * keeps or checks a table.
 */
#include "gateway/wire/digest.h"

#include <string.h>

#include <openssl/chacha.h>
#include <openssl/sha.h>

enum { NUM_LANES = 1024 };

static uint16_t lane(const uint8_t *stream, size_t i)
{
    return (uint16_t)(stream[2 * i] | stream[2 * i + 1] << 8);
}

static void expand(enum route_kind kind, struct str name, struct str value, uint8_t *out_stream)
{
    static const uint8_t nonce[12];
    const char *word = route_kind_name(kind);
    uint8_t key[SHA256_DIGEST_LENGTH];
    SHA256_CTX sha;

    SHA256_Init(&sha);
    SHA256_Update(&sha, word, strlen(word) + 1);
    SHA256_Update(&sha, name.p, name.n);
    SHA256_Update(&sha, "", 1);
    SHA256_Update(&sha, value.p, value.n);
    SHA256_Final(key, &sha);
    memset(out_stream, 0, 2 * NUM_LANES);
    CRYPTO_chacha_20(out_stream, out_stream, 2 * NUM_LANES, key, nonce, 0);
}

void digest_add(struct digest *d, enum route_kind kind, struct str name, struct str value)
{
    uint8_t stream[2 * NUM_LANES];

    expand(kind, name, value, stream);
    for (size_t i = 0; i < NUM_LANES; i++)
        d->lanes[i] = (uint16_t)(d->lanes[i] + lane(stream, i));
}

void digest_remove(struct digest *d, enum route_kind kind, struct str name, struct str value)
{
    uint8_t stream[2 * NUM_LANES];

    expand(kind, name, value, stream);
    for (size_t i = 0; i < NUM_LANES; i++)
        d->lanes[i] = (uint16_t)(d->lanes[i] - lane(stream, i));
}

void digest_hex(const struct digest *d, char out[65])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[2 * NUM_LANES];
    uint8_t sum[SHA256_DIGEST_LENGTH];

    for (size_t i = 0; i < NUM_LANES; i++) {
        bytes[2 * i] = (uint8_t)d->lanes[i];
        bytes[2 * i + 1] = (uint8_t)(d->lanes[i] >> 8);
    }
    SHA256(bytes, sizeof(bytes), sum);
    for (size_t i = 0; i < sizeof(sum); i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
    out[64] = '\0';
}
