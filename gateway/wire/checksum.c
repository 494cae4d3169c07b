/*
 * See checksum.h. The line is taken apart by hand: nothing but our own words, in our own order, is
 * one. BoringSSL's SHA-256 only. Called by the follower's journal.
 */
#include "gateway/wire/checksum.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "gateway/core/check.h"
#include "gateway/core/hex.h"

struct checksum {
    SHA256_CTX sha;
};

struct checksum *checksum_new(void)
{
    struct checksum *s = xcalloc(1, sizeof(*s));

    SHA256_Init(&s->sha);
    return s;
}

void checksum_free(struct checksum *s)
{
    free(s);
}

void checksum_add(struct checksum *s, struct str bytes)
{
    SHA256_Update(&s->sha, bytes.p, bytes.n);
}

static void hash_so_far(const struct checksum *s, uint8_t out[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX sha = s->sha;

    SHA256_Final(out, &sha);
}

/* ---- hexadecimal ---- */

/* At most as many bytes as a digest has. */
static bool add_hex(struct buf *b, const uint8_t *bytes, size_t n)
{
    char text[2 * DIGEST_BYTES + 1];

    ASSERT(n <= DIGEST_BYTES);
    hex_write(bytes, n, text);
    return buf_add(b, text, 2 * n);
}

static bool cut_hex(struct str *rest, uint8_t *out, size_t n)
{
    if (rest->n < 2 * n || !hex_read((struct str){rest->p, 2 * n}, out, n))
        return false;
    *rest = (struct str){rest->p + 2 * n, rest->n - 2 * n};
    return true;
}

/* ---- lines ---- */

#define OPENING "{\"checksum\":{\"sha256\":\""
#define BETWEEN "\",\"sum\":\""
#define ENDING "\"}}"

bool checksum_is(struct str line)
{
    return str_starts(line, STR("{\"checksum\":"));
}

bool checksum_write(const struct checksum *s, const struct digest *sum, struct buf *out)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    uint8_t lanes[DIGEST_BYTES];
    size_t start = out->len;

    hash_so_far(s, hash);
    digest_to_bytes(sum, lanes);
    if (buf_add_str(out, STR(OPENING)) && add_hex(out, hash, sizeof(hash)) &&
        buf_add_str(out, STR(BETWEEN)) && add_hex(out, lanes, sizeof(lanes)) &&
        buf_add_str(out, STR(ENDING "\n")))
        return true;
    out->len = start;
    return false;
}

bool checksum_read(const struct checksum *s, struct str line, struct digest *out_sum, struct err *e)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    uint8_t said[SHA256_DIGEST_LENGTH];
    uint8_t lanes[DIGEST_BYTES];

    if (!str_cut(&line, STR(OPENING)) || !cut_hex(&line, said, sizeof(said)) ||
        !str_cut(&line, STR(BETWEEN)) || !cut_hex(&line, lanes, sizeof(lanes)) ||
        !str_eq(line, STR(ENDING)))
        return err_set(e, "BadChecksum", "/checksum", "its checksum is malformed");
    hash_so_far(s, hash);
    if (memcmp(hash, said, sizeof(hash)) != 0)
        return err_set(e, "BadChecksum", "/checksum/sha256",
                       "its bytes are not those that were written");
    digest_from_bytes(out_sum, lanes);
    return true;
}
