/*
 * The builder's side of routes: by name, with the places that each one has in the tree of hosts and
 * paths. Routes of one place that ask for the same conflict: the oldest of them serves, the others
 * wait in line. Private to gateway/table.
 */
#ifndef GATEWAY_TABLE_ROUTES_H
#define GATEWAY_TABLE_ROUTES_H

#include "gateway/core/map.h"
#include "gateway/table/refusals.h"
#include "gateway/table/version.h"

struct routes {
    struct trie by_name; /* of struct routes_entry, never shared */
    struct hosts hosts;  /* of the next version */
    struct map shared;   /* places where a route of this commit found company; see routes.c */
};

void routes_init(struct routes *r);
void routes_free(struct routes *r);

/* Each stamps the entry with `round`, the number of the commit. */
void routes_set(struct routes *r, struct version_route *route, uint64_t print, uint32_t round);
void routes_keep(struct routes *r, struct str name, uint32_t round); /* refused: as before */
void routes_delete(struct routes *r, struct str name);
void routes_sweep(struct routes *r, uint32_t round); /* deletes what has not been stamped */

/*
 * Ends a commit: reports who came to wait in line by it, or, with `all`, who waits at all (who
 * follows us anew knows nothing). `before`: the version before this commit, or NULL.
 */
void routes_finish(struct routes *r, const struct table *before, uint32_t round, bool all,
                   struct refusals *out);

#endif
