/*
 * Order-independent, incremental, collision-resistant digest of a set of objects: an LtHash16 of
 * 1,024 lanes. Each object (kind, name, value bytes as sent) is expanded by SHA-256 and a ChaCha20
 * key stream to 2,048 bytes and added lane by lane; removing subtracts. O(1) per object.
 */
#ifndef GATEWAY_WIRE_DIGEST_H
#define GATEWAY_WIRE_DIGEST_H

#include <stdint.h>

#include "gateway/core/str.h"
#include "gateway/route/route.h"

struct digest {
    uint16_t lanes[1024]; /* all zero = the empty set */
};

void digest_add(struct digest *d, enum route_kind kind, struct str name, struct str value);
void digest_remove(struct digest *d, enum route_kind kind, struct str name, struct str value);
void digest_hex(const struct digest *d, char out[65]); /* SHA-256 of the lanes, lower-case hex */

#endif
