/*
 * Documents as bytes: records one after the other, deflated in pieces that fit an object. And the
 * other way: a set of documents that records are applied to. Pure. What comes in was sealed by us,
 * yet by another version perhaps: it is judged like foreign bytes.
 *
 *   op 's' or 'd' | length of tenant, kind, name: one byte each | length of value be32 |
 *   created_ms be64 | tenant | kind | name | value
 */
#ifndef CLUSTERS_REPLICA_PACK_H
#define CLUSTERS_REPLICA_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "clusters/replica/replica.h"
#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/map.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    PACK_KEY_MAX = 255,
    PACK_VALUE_MAX = 480 << 10, /* a record fits any object, */
    PACK_RECORD_MAX = PACK_VALUE_MAX + 3 * PACK_KEY_MAX + 16
};

/* False: *out has no room left, and is as it was. */
MUST_USE bool pack_record(struct buf *out, const struct replica_doc *d);

size_t pack_record_len(const struct replica_doc *d);

/* Appends the deflated bytes; false when *out has no room for them. */
MUST_USE bool pack_deflate(struct str raw, struct buf *out);
/* The same bit by bit. False: with it *out might get more than `max` bytes; it was not taken. */
struct pack_stream;
struct pack_stream *pack_stream_new(void);
MUST_USE bool pack_stream_add(struct pack_stream *s, struct str raw, size_t max);
/* All of it; nothing can be added after that. False: *out has no room. */
MUST_USE bool pack_stream_end(struct pack_stream *s, struct buf *out);
void pack_stream_free(struct pack_stream *s); /* NULL is fine */
/* Exactly raw_len bytes come out, or it is refused: BadPayload. */
MUST_USE bool pack_inflate(struct str packed, size_t raw_len, struct buf *out, struct err *e);

struct pack_set {
    struct map docs; /* private */
};

void pack_set_init(struct pack_set *s);
void pack_set_free(struct pack_set *s);
/* BadPayload: not whole records; the set has then what came before, and is to be thrown away. */
MUST_USE bool pack_apply(struct pack_set *s, struct str records, struct err *e);
/* All of them, by tenant, kind and name; strings are lent from the set. free() the array. */
struct replica_doc *pack_list(const struct pack_set *s, size_t *out_num);

#endif
