/*
 * Sealing and opening objects, their names and hashes: BoringSSL's AEAD, HKDF, HMAC and SHA-256. It
 * does not know what a payload means (pack.c), nor which objects belong together (chain.c). What it
 * reads comes from Docker and is judged: nothing of an object is believed before it opened.
 */
#include "clusters/replica/seal.h"

#include <string.h>

#include <openssl/aead.h>
#include <openssl/base64.h>
#include <openssl/digest.h>
#include <openssl/hkdf.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "clusters/replica/bytes.h"
#include "gateway/core/check.h"
#include "gateway/core/hex.h"

enum {
    AT_KIND = 4,
    AT_LAST = 5,
    AT_PART = 6,
    AT_SEQ = 8,
    AT_COMMIT = 16,
    AT_TERM = 24,
    AT_PREV = 32,
    AT_RAW = 64,
    AT_NONCE = 68,
    NAMED_HASH = 16, /* bytes of the hash in a name */
    SEQ_DIGITS = 10,
    PART_DIGITS = 2,
    AD_MAX = SEAL_PREFIX_MAX + SEAL_HEADER
};

static const char magic[AT_KIND] = {'S', 'B', 'R', '1'};

/* ---- keys, hashes --------------------------------------------------------------------------- */

static void derive(const uint8_t key[32], const char *use, uint8_t out[32])
{
    ASSERT(HKDF(out, 32, EVP_sha256(), key, 32, NULL, 0, (const uint8_t *)use, strlen(use)));
}

void seal_derive(const uint8_t key[32], const char *prefix, struct seal_keys *out)
{
    int n = snprintf(out->prefix, sizeof(out->prefix), "%s", prefix);

    ASSERT(n > 0 && n < SEAL_PREFIX_MAX);
    derive(key, "signalbox replica 1 object", out->object);
    derive(key, "signalbox replica 1 fence", out->fence);
}

void seal_wipe(struct seal_keys *k)
{
    OPENSSL_cleanse(k, sizeof(*k));
}

void seal_random(void *out, size_t n)
{
    ASSERT(RAND_bytes(out, n)); /* it aborts rather than give less */
}

void seal_hash(struct str bytes, uint8_t out[SEAL_HASH])
{
    SHA256((const uint8_t *)bytes.p, bytes.n, out);
}

void seal_hex(const uint8_t hash[SEAL_HASH], char out[2 * SEAL_HASH + 1])
{
    hex_write(hash, SEAL_HASH, out);
}

bool seal_unhex(struct str text, uint8_t out[SEAL_HASH])
{
    return hex_read(text, out, SEAL_HASH);
}

void seal_mac(const struct seal_keys *k, struct str text, char out_hex[2 * SEAL_HASH + 1])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    ASSERT(HMAC(EVP_sha256(), k->fence, sizeof(k->fence), (const uint8_t *)text.p, text.n, mac,
                &len) &&
           len == SEAL_HASH);
    seal_hex(mac, out_hex);
}

bool seal_mac_same(const char *a, const char *b)
{
    size_t n = strlen(a);

    return n == strlen(b) && CRYPTO_memcmp(a, b, n) == 0;
}

/* ---- names ---------------------------------------------------------------------------------- */

void seal_name(const char *prefix, const struct seal_named *what, const uint8_t hash[SEAL_HASH],
               char out[SEAL_NAME_MAX])
{
    char half[2 * NAMED_HASH + 1];
    int n;

    hex_write(hash, NAMED_HASH, half);
    n = snprintf(out, SEAL_NAME_MAX, "%s-%c-%0*llu-%0*u-%s", prefix, (char)what->kind, SEQ_DIGITS,
                 (unsigned long long)what->seq, PART_DIGITS, what->part, half);
    ASSERT(n > 0 && n < SEAL_NAME_MAX); /* prefixes are short */
}

static bool cut_number(struct str *rest, size_t digits, uint64_t *out)
{
    struct str part;

    return str_split(rest, '-', &part) && part.n == digits && str_to_u64(part, UINT64_MAX, out);
}

static bool is_half_hash(struct str text)
{
    uint8_t half[NAMED_HASH];

    return hex_read(text, half, sizeof(half));
}

bool seal_read_name(const char *prefix, const char *name, struct seal_named *out)
{
    struct str rest = str_from(name), kind;
    uint64_t part = 0;

    if (!str_cut(&rest, str_from(prefix)) || !str_cut(&rest, STR("-")) ||
        !str_split(&rest, '-', &kind) || (!str_eq(kind, STR("s")) && !str_eq(kind, STR("l"))) ||
        !cut_number(&rest, SEQ_DIGITS, &out->seq) || !cut_number(&rest, PART_DIGITS, &part) ||
        !is_half_hash(rest))
        return false;
    out->kind = kind.p[0] == 's' ? SEAL_SNAPSHOT : SEAL_BATCH;
    out->part = (uint16_t)part;
    return true;
}

/* ---- headers -------------------------------------------------------------------------------- */

static void write_header(const struct seal_place *p, const uint8_t nonce[SEAL_NONCE],
                         uint8_t out[SEAL_HEADER])
{
    memcpy(out, magic, sizeof(magic));
    out[AT_KIND] = (uint8_t)p->kind;
    out[AT_LAST] = p->last;
    bytes_put(out + AT_PART, p->part, 2);
    bytes_put(out + AT_SEQ, p->seq, 8);
    bytes_put(out + AT_COMMIT, p->commit, 8);
    bytes_put(out + AT_TERM, p->term, 8);
    memcpy(out + AT_PREV, p->prev, SEAL_HASH);
    bytes_put(out + AT_RAW, p->raw_len, 4);
    memcpy(out + AT_NONCE, nonce, SEAL_NONCE);
}

static bool read_header(const uint8_t *in, struct seal_place *out)
{
    if (memcmp(in, magic, sizeof(magic)) != 0 || in[AT_LAST] > 1 ||
        (in[AT_KIND] != SEAL_SNAPSHOT && in[AT_KIND] != SEAL_BATCH))
        return false;
    out->kind = in[AT_KIND] == SEAL_SNAPSHOT ? SEAL_SNAPSHOT : SEAL_BATCH;
    out->last = in[AT_LAST] != 0;
    out->part = (uint16_t)bytes_get(in + AT_PART, 2);
    out->seq = bytes_get(in + AT_SEQ, 8);
    out->commit = bytes_get(in + AT_COMMIT, 8);
    out->term = bytes_get(in + AT_TERM, 8);
    memcpy(out->prev, in + AT_PREV, SEAL_HASH);
    out->raw_len = (uint32_t)bytes_get(in + AT_RAW, 4);
    return out->raw_len <= SEAL_RAW_MAX &&
           (out->kind == SEAL_SNAPSHOT ? out->part < SEAL_PARTS_MAX : !out->part && out->last);
}

/* The prefix with its NUL, then the header: two installations in one swarm are kept apart too. */
static size_t associate(const char *prefix, const uint8_t *header, uint8_t out[AD_MAX])
{
    size_t n = strlen(prefix) + 1;

    memcpy(out, prefix, n);
    memcpy(out + n, header, SEAL_HEADER);
    return n + SEAL_HEADER;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void begin(EVP_AEAD_CTX *ctx, const struct seal_keys *k)
{
    ASSERT(EVP_AEAD_CTX_init(ctx, EVP_aead_xchacha20_poly1305(), k->object, sizeof(k->object),
                             SEAL_TAG, NULL));
}

void seal_object(const struct seal_keys *k, const struct seal_place *place,
                 const uint8_t nonce[SEAL_NONCE], struct str payload, struct buf *out)
{
    uint8_t header[SEAL_HEADER], ad[AD_MAX];
    uint8_t *sealed = xmalloc(payload.n + SEAL_TAG);
    size_t ad_len, len = 0;
    EVP_AEAD_CTX ctx;
    bool fits;

    ASSERT(payload.n <= SEAL_PAYLOAD_MAX && place->raw_len <= SEAL_RAW_MAX);
    write_header(place, nonce, header);
    ad_len = associate(k->prefix, header, ad);
    begin(&ctx, k);
    ASSERT(EVP_AEAD_CTX_seal(&ctx, sealed, &len, payload.n + SEAL_TAG, nonce, SEAL_NONCE,
                             (const uint8_t *)payload.p, payload.n, ad, ad_len));
    EVP_AEAD_CTX_cleanup(&ctx);
    fits = buf_add(out, header, sizeof(header)) && buf_add(out, sealed, len);
    ASSERT(fits);
    free(sealed);
}

static bool unseal(const struct seal_keys *k, struct str bytes, struct buf *out_payload)
{
    const uint8_t *in = (const uint8_t *)bytes.p;
    uint8_t ad[AD_MAX];
    size_t ad_len = associate(k->prefix, in, ad), len = 0, room = bytes.n - SEAL_HEADER;
    uint8_t *plain = xmalloc(room);
    EVP_AEAD_CTX ctx;
    bool ok;

    begin(&ctx, k);
    ok = EVP_AEAD_CTX_open(&ctx, plain, &len, room, in + AT_NONCE, SEAL_NONCE, in + SEAL_HEADER,
                           room, ad, ad_len) &&
         buf_add(out_payload, plain, len);
    EVP_AEAD_CTX_cleanup(&ctx);
    free(plain);
    return ok;
}

static bool is_named(const char *prefix, const char *name, const struct seal_place *p,
                     struct str bytes)
{
    struct seal_named what = {p->kind, p->seq, p->part};
    uint8_t hash[SEAL_HASH];
    char right[SEAL_NAME_MAX];

    if (p->seq > SEAL_SEQ_MAX)
        return false;
    seal_hash(bytes, hash);
    seal_name(prefix, &what, hash, right);
    return strcmp(right, name) == 0;
}

bool seal_open(const struct seal_keys *k, const char *name, struct str bytes,
               struct seal_place *out_place, struct buf *out_payload, struct err *e)
{
    if (bytes.n < SEAL_HEADER + SEAL_TAG || bytes.n > SEAL_OBJECT_MAX ||
        !read_header((const uint8_t *)bytes.p, out_place))
        return err_set(e, "BadObject", name, "the config %s is no object of Signalbox", name);
    if (!is_named(k->prefix, name, out_place, bytes))
        return err_set(e, "BadName", name, "the config %s does not hold what its name says", name);
    if (!unseal(k, bytes, out_payload))
        return err_set(e, "BadObject", name,
                       "the config %s was altered, or sealed with another identity", name);
    return true;
}

/* ---- base64 --------------------------------------------------------------------------------- */

char *seal_to_base64(struct str bytes)
{
    char *text = xmalloc(4 * ((bytes.n + 2) / 3) + 1);

    EVP_EncodeBlock((uint8_t *)text, (const uint8_t *)bytes.p, bytes.n);
    return text;
}

bool seal_from_base64(struct str text, struct buf *out)
{
    size_t len = 0, room = text.n / 4 * 3;
    uint8_t *bytes = xmalloc(room ? room : 1);
    bool ok = text.n <= SEAL_BASE64_MAX &&
              EVP_DecodeBase64(bytes, &len, room, (const uint8_t *)text.p, text.n) &&
              buf_add(out, bytes, len);

    free(bytes);
    return ok;
}
