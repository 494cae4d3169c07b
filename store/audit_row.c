/*
 * The bytes that a row's hash is over, in order. Changing any of it breaks every chain there is:
 * the fixed word has a number for that.
 */
#include "store/audit_row.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include <openssl/sha.h>

#include "gateway/core/hex.h"

static const char domain[] = "signalbox-audit-1";

static void hash_bytes(SHA256_CTX *sha, const void *p, size_t n)
{
    uint64_t len = htobe64(n);

    SHA256_Update(sha, &len, sizeof(len));
    SHA256_Update(sha, p, n);
}

static void hash_text(SHA256_CTX *sha, const char *text)
{
    hash_bytes(sha, text, strlen(text));
}

static void hash_number(SHA256_CTX *sha, uint64_t number)
{
    uint64_t wire = htobe64(number);

    hash_bytes(sha, &wire, sizeof(wire));
}

void audit_row_hash(const struct store_audit_row *row, char out[STORE_HASH_HEX + 1])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX sha;

    SHA256_Init(&sha);
    hash_text(&sha, domain);
    hash_text(&sha, row->prev);
    hash_number(&sha, row->seq);
    hash_number(&sha, row->commit);
    hash_number(&sha, (uint64_t)row->at_ms);
    hash_text(&sha, row->author);
    hash_text(&sha, row->action);
    hash_text(&sha, row->tenant);
    hash_text(&sha, row->detail);
    SHA256_Final(digest, &sha);
    hex_write(digest, sizeof(digest), out);
}
