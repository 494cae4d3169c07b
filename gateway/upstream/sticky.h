/*
 * The name of an endpoint in a sticky cookie of ours: 128 bits that only who has the cluster's key
 * can make of pool and address, and that say nothing to anybody else. The name is its own
 * signature: one that was made up names nobody. Pure.
 */
#ifndef GATEWAY_UPSTREAM_STICKY_H
#define GATEWAY_UPSTREAM_STICKY_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/route/settings.h"

enum { STICKY_TEXT = 32 }; /* hex digits */

struct sticky_key {
    uint64_t words[ROUTE_COOKIE_KEY_BYTES / 8];
};

struct sticky_name {
    uint64_t words[2];
};

struct sticky_key sticky_key_of(const struct route_settings *s);
/* endpoint: table_endpoint.text */
struct sticky_name sticky_name_of(const struct sticky_key *key, struct str pool,
                                  struct str endpoint);
int sticky_compare(const void *a, const void *b); /* of names, for qsort and bsearch */

MUST_USE bool sticky_read(struct str text, struct sticky_name *out); /* false: it is none */
void sticky_write(struct sticky_name name, char out[STICKY_TEXT]);

#endif
