/*
 * The builder's side of routes: by name, with the hosts each one claims. A host that several routes
 * claim goes to the lowest name; the others wait in line. Private to gateway/table.
 */
#ifndef GATEWAY_TABLE_ROUTES_H
#define GATEWAY_TABLE_ROUTES_H

#include "gateway/core/map.h"
#include "gateway/table/refusals.h"
#include "gateway/table/version.h"

struct routes {
    struct trie by_name;  /* of struct routes_entry, never shared */
    struct map contested; /* host -> struct routes_claims, hosts with two claims or more */
    struct map touched;   /* hosts fought over in this commit -> name of the winner before it */
    struct trie hosts;    /* of the next version */
};

void routes_init(struct routes *r);
void routes_free(struct routes *r);

/* Each stamps the entry with `round`, the number of the commit. */
void routes_set(struct routes *r, struct version_route *route, uint64_t print, uint32_t round);
void routes_keep(struct routes *r, struct str name, uint32_t round); /* refused: as before */
void routes_delete(struct routes *r, struct str name);
void routes_sweep(struct routes *r, uint32_t round); /* deletes what has not been stamped */

/*
 * Ends a commit: reports who lost a host in it, or, with `all`, who has lost one at all (who
 * follows us anew knows nothing).
 */
void routes_finish(struct routes *r, uint32_t round, bool all, struct refusals *out);

#endif
