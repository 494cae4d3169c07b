/*
 * Order-independent, incremental, collision-resistant digest of a set of objects: an LtHash16 of
 * 1,024 lanes. Each object (kind, name, value bytes as sent) is expanded by SHA-256 and a ChaCha20
 * key stream to 2,048 bytes and added lane by lane; removing subtracts. O(1) per object.
 */
#ifndef GATEWAY_WIRE_DIGEST_H
#define GATEWAY_WIRE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/core/str.h"
#include "gateway/route/route.h"

enum { DIGEST_LANES = 1024, DIGEST_BYTES = 2 * DIGEST_LANES };

struct digest {
    uint16_t lanes[DIGEST_LANES]; /* all zero = the empty set */
};

void digest_add(struct digest *d, enum route_kind kind, struct str name, struct str value);
void digest_remove(struct digest *d, enum route_kind kind, struct str name, struct str value);
void digest_hex(const struct digest *d, char out[65]); /* SHA-256 of the lanes, lower-case hex */

/* The lanes as bytes, the low one of each first, and back. */
void digest_to_bytes(const struct digest *d, uint8_t out[DIGEST_BYTES]);
void digest_from_bytes(struct digest *d, const uint8_t bytes[DIGEST_BYTES]);

#endif
