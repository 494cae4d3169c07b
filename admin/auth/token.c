/*
 * Deriving and checking tokens. A check derives the token that would be right for the name it
 * carries and compares the whole, so there is one way to write a token and one to read it. Pure
 * apart from the identity it is given; called on both threads of the coordinator.
 */
#include "admin/auth/token.h"

#include <stdio.h>
#include <string.h>

#include <openssl/base64.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>

#include "clusters/coordinator.h"
#include "gateway/core/check.h"

enum { MAC_BYTES = 32, MAC_TEXT = 43 /* base64url of 32 bytes, no padding */ };

/* RFC 4648 section 5: base64 with '-' and '_', the '=' left out. */
static void mac_text(const struct identity *id, const void *msg, size_t n, char out[MAC_TEXT + 1])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    uint8_t text[MAC_BYTES * 2];
    unsigned mac_len = 0;

    ASSERT(HMAC(EVP_sha256(), id->token_key, IDENTITY_TOKEN_KEY, msg, n, mac, &mac_len) != NULL &&
           mac_len == MAC_BYTES);
    EVP_EncodeBlock(text, mac, MAC_BYTES);
    for (size_t i = 0; i < MAC_TEXT; i++)
        out[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char)text[i];
    out[MAC_TEXT] = '\0';
}

static void derive_cluster(const struct identity *id, struct str cluster, char out[TOKEN_MAX])
{
    char msg[TOKEN_MAX];
    char mac[MAC_TEXT + 1];
    /* snprintf's %c writes the NULs between the three parts. */
    int n = snprintf(msg, sizeof msg, "cluster%c%.*s%c%d", 0, STR_ARG(cluster), 0,
                     (int)TOKEN_GENERATION);

    ASSERT(n > 0 && n < (int)sizeof msg);
    mac_text(id, msg, (size_t)n, mac);
    n = snprintf(out, TOKEN_MAX, "sbc1.%.*s.%d.%s", STR_ARG(cluster), (int)TOKEN_GENERATION, mac);
    ASSERT(n > 0 && n < TOKEN_MAX);
}

bool token_cluster(const struct identity *id, const char *cluster, char out[TOKEN_MAX],
                   struct err *e)
{
    if (!coordinator_name_ok(str_from(cluster)))
        return err_set(e, "BadName", "cluster",
                       "a cluster's name has 1 to 63 lower-case letters, digits and inner hyphens");
    derive_cluster(id, str_from(cluster), out);
    return true;
}

void token_bootstrap(const struct identity *id, char out[TOKEN_MAX])
{
    char mac[MAC_TEXT + 1];
    int n;

    mac_text(id, "bootstrap", strlen("bootstrap"), mac);
    n = snprintf(out, TOKEN_MAX, "sbb1.%s", mac);
    ASSERT(n > 0 && n < TOKEN_MAX);
}

void token_replica_key(const struct identity *id, uint8_t out[IDENTITY_TOKEN_KEY])
{
    static const char purpose[] = "replica";
    unsigned n = 0;

    ASSERT(HMAC(EVP_sha256(), id->token_key, IDENTITY_TOKEN_KEY, (const uint8_t *)purpose,
                strlen(purpose), out, &n) != NULL &&
           n == IDENTITY_TOKEN_KEY);
}

static bool same(struct str token, const char *expected)
{
    return token.n == strlen(expected) && CRYPTO_memcmp(token.p, expected, token.n) == 0;
}

enum publish_access token_check_cluster(const struct identity *id, const char *cluster,
                                        struct str token)
{
    char expected[TOKEN_MAX];
    struct str rest = token;
    struct str version;
    struct str name;
    bool good;

    if (!str_split(&rest, '.', &version) || !str_eq(version, STR("sbc1")) ||
        !str_split(&rest, '.', &name) || !coordinator_name_ok(name))
        return PUBLISH_UNKNOWN_TOKEN;
    derive_cluster(id, name, expected);
    good = same(token, expected);
    OPENSSL_cleanse(expected, sizeof expected);
    if (!good)
        return PUBLISH_UNKNOWN_TOKEN;
    return str_eq(name, str_from(cluster)) ? PUBLISH_ALLOWED : PUBLISH_OTHER_CLUSTER;
}

bool token_check_bootstrap(const struct identity *id, struct str token)
{
    char expected[TOKEN_MAX];
    bool good;

    token_bootstrap(id, expected);
    good = same(token, expected);
    OPENSSL_cleanse(expected, sizeof expected);
    return good;
}
