/*
 * One replicated object: a header in the clear that says its place in the chain, and a sealed
 * payload (XChaCha20-Poly1305; the prefix and the header are its associated data). Its name says
 * the place again and ends with its content's hash, so that an object that was altered, renamed,
 * swapped or made by somebody else does not open. Pure apart from seal_random.
 *
 *   "SBR1" | kind | last | part be16 | seq be64 | commit be64 | term be64 | prev 32 | raw be32 |
 *   nonce 24 | ciphertext and tag
 */
#ifndef CLUSTERS_REPLICA_SEAL_H
#define CLUSTERS_REPLICA_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

#define SEAL_SEQ_MAX                                                             \
    UINT64_C(9999999999) /* ten digits in a name; two batches a second last long \
                          */

enum {
    SEAL_HASH = 32,
    SEAL_NONCE = 24,
    SEAL_PREFIX_MAX = 16, /* with its NUL */
    SEAL_HEADER = 92,
    SEAL_TAG = 16,
    SEAL_PAYLOAD_MAX = 500 << 10, /* Docker takes 1,000 KB, Raft entries are better small */
    SEAL_OBJECT_MAX = SEAL_HEADER + SEAL_PAYLOAD_MAX + SEAL_TAG,
    SEAL_RAW_MAX = 4 << 20, /* what a payload may inflate to */
    SEAL_PARTS_MAX = 16,    /* of a snapshot */
    SEAL_NAME_MAX = 65,     /* with its NUL; Docker's limit is 64 */
    SEAL_BASE64_MAX = (SEAL_OBJECT_MAX + 2) / 3 * 4
};

struct seal_keys {
    uint8_t object[32];
    uint8_t fence[32];
    char prefix[SEAL_PREFIX_MAX]; /* of the names: an installation */
};

enum seal_kind { SEAL_SNAPSHOT = 's', SEAL_BATCH = 'l' };

/* Where an object belongs. A batch has one part, which is its last. */
struct seal_place {
    enum seal_kind kind;
    bool last;       /* part of its snapshot */
    uint16_t part;   /* from 0 */
    uint64_t seq;    /* of the batch; of a snapshot: of the last batch that it stands for */
    uint64_t commit; /* the last one whose documents are in it */
    uint64_t term;   /* of the fence under which it was made */
    /* The object before it: of a batch the batch before, of a part the part before, of a first part
     * the batch that the snapshot stands for. Zero where there is none. */
    uint8_t prev[SEAL_HASH];
    uint32_t raw_len; /* of the payload when inflated, at most SEAL_RAW_MAX */
};

struct seal_named { /* what a name says */
    enum seal_kind kind;
    uint64_t seq;
    uint16_t part;
};

/* HKDF-SHA256 with a word for each use. */
void seal_derive(const uint8_t key[32], const char *prefix, struct seal_keys *out);
void seal_wipe(struct seal_keys *k);
void seal_random(void *out, size_t n);

/* Appends the sealed object to *out (cap SEAL_OBJECT_MAX at least). The nonce is never used twice.
 */
void seal_object(const struct seal_keys *k, const struct seal_place *place,
                 const uint8_t nonce[SEAL_NONCE], struct str payload, struct buf *out);

/*
 * Opens what stands under `name`; the payload is appended to *out_payload (cap SEAL_PAYLOAD_MAX).
 * Codes: BadObject (no object of ours, or of another identity, or altered), BadName (not the name
 * of this content).
 */
MUST_USE bool seal_open(const struct seal_keys *k, const char *name, struct str bytes,
                        struct seal_place *out_place, struct buf *out_payload, struct err *e);

void seal_hash(struct str bytes, uint8_t out[SEAL_HASH]);
/* "<prefix>-<kind>-<seq>-<part>-<half of the hash>" */
void seal_name(const char *prefix, const struct seal_named *what, const uint8_t hash[SEAL_HASH],
               char out[SEAL_NAME_MAX]);
/* False: not a name of ours, whatever it begins with. */
MUST_USE bool seal_read_name(const char *prefix, const char *name, struct seal_named *out);

/* HMAC-SHA256 with the fence's key, lower-case hex. */
void seal_mac(const struct seal_keys *k, struct str text, char out_hex[2 * SEAL_HASH + 1]);
bool seal_mac_same(const char *a, const char *b); /* constant time */
void seal_hex(const uint8_t hash[SEAL_HASH], char out[2 * SEAL_HASH + 1]);
MUST_USE bool seal_unhex(struct str text, uint8_t out[SEAL_HASH]);

/* Docker's form of bytes. seal_from_base64 is strict and empty when it refuses. */
char *seal_to_base64(struct str bytes); /* free() it */
MUST_USE bool seal_from_base64(struct str text, struct buf *out);

#endif
