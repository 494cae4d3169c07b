/*
 * Making and checking tokens; knows no store. Called by auth.c, and by admin/api to make one.
 */
#include "admin/auth/tokens.h"

#include <stdio.h>
#include <string.h>

#include <openssl/base64.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "gateway/core/check.h"
#include "gateway/core/hex.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"

enum { TOKENS_MAGIC = 0x70c3a511, SECRET_BYTES = 32 };

struct used {
    char tenant[TOKENS_TENANT_MAX + 1];
    int64_t last_ms;
};

struct tokens {
    unsigned magic;
    struct map used; /* id -> struct used: only of those that were right */
};

struct tokens *tokens_new(void)
{
    struct tokens *t = xcalloc(1, sizeof *t);

    t->magic = TOKENS_MAGIC;
    map_init(&t->used);
    return t;
}

void tokens_free(struct tokens *t)
{
    if (t == NULL)
        return;
    OBJ_CHECK(t, TOKENS_MAGIC);
    map_free(&t->used, free);
    OBJ_KILL(t);
}

static void hash_secret(struct str secret, char out[TOKENS_HASH_HEX + 1])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256((const uint8_t *)secret.p, secret.n, digest);
    hex_write(digest, sizeof digest, out);
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    }
    return true;
}

static bool take_apart(struct str token, char id[TOKENS_ID + 1], struct str *secret)
{
    struct str part;

    if (!str_split(&token, '.', &part) || !str_eq(part, STR("sbt1")) ||
        !str_split(&token, '.', &part) || part.n != TOKENS_ID || !is_hex(part) || token.p == NULL ||
        token.n != TOKENS_SECRET)
        return false;
    memcpy(id, part.p, TOKENS_ID);
    id[TOKENS_ID] = '\0';
    *secret = token;
    return true;
}

static void note_use(struct tokens *t, const char *id, const char *tenant, int64_t now_ms)
{
    struct used *u = map_get(&t->used, str_from(id));

    if (u == NULL) {
        if (t->used.len >= TOKENS_USED_MAX) {
            map_free(&t->used, free); /* revoked ones stay in it; it fills again with the others */
            map_init(&t->used);
        }
        u = xcalloc(1, sizeof *u);
        map_put(&t->used, str_from(id), u);
    }
    snprintf(u->tenant, sizeof u->tenant, "%s", tenant);
    u->last_ms = now_ms;
}

static bool look_up(const struct tokens *t, const char *id, tokens_find_fn *find, void *arg,
                    struct tokens_found *out)
{
    const struct used *u = map_get(&t->used, str_from(id));

    return (u != NULL && find(arg, id, u->tenant, out)) || find(arg, id, NULL, out);
}

bool tokens_check(struct tokens *t, struct str token, int64_t now_ms, tokens_find_fn *find,
                  void *arg, struct tokens_found *out)
{
    char hash[TOKENS_HASH_HEX + 1];
    char id[TOKENS_ID + 1];
    struct str secret;
    bool found, same;

    OBJ_CHECK(t, TOKENS_MAGIC);
    *out = (struct tokens_found){.scopes = 0};
    if (!take_apart(token, id, &secret))
        return false;
    found = look_up(t, id, find, arg, out);
    memcpy(out->id, id, sizeof id);
    hash_secret(secret, hash);
    same = CRYPTO_memcmp(hash, out->hash, TOKENS_HASH_HEX) == 0;
    OPENSSL_cleanse(hash, sizeof hash);
    if (!found || !same || (out->expires_ms != 0 && now_ms >= out->expires_ms))
        return false;
    note_use(t, id, out->tenant, now_ms);
    return true;
}

int64_t tokens_last_used(const struct tokens *t, const char *id)
{
    const struct used *u = map_get(&t->used, str_from(id));

    return u != NULL ? u->last_ms : 0;
}

void tokens_make(char out_text[TOKENS_TEXT_MAX], char out_id[TOKENS_ID + 1],
                 char out_hash[TOKENS_HASH_HEX + 1])
{
    uint8_t random[SECRET_BYTES];
    uint8_t text[SECRET_BYTES * 2];
    char secret[TOKENS_SECRET + 1];

    ASSERT(RAND_bytes(random, TOKENS_ID / 2) == 1);
    hex_write(random, TOKENS_ID / 2, out_id);
    ASSERT(RAND_bytes(random, sizeof random) == 1);
    EVP_EncodeBlock(text, random, sizeof random);
    /* RFC 4648 section 5: base64 with '-' and '_', the '=' left out. */
    for (size_t i = 0; i < TOKENS_SECRET; i++)
        secret[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char)text[i];
    secret[TOKENS_SECRET] = '\0';
    hash_secret(str_from(secret), out_hash);
    ASSERT(snprintf(out_text, TOKENS_TEXT_MAX, "sbt1.%s.%s", out_id, secret) < TOKENS_TEXT_MAX);
    OPENSSL_cleanse(random, sizeof random);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(secret, sizeof secret);
}
