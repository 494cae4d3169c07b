/*
 * The builder's side of pools: a pool and its endpoints are two objects of one name; the version
 * shows what has been declared, with the endpoints there are. Private to gateway/table.
 */
#ifndef GATEWAY_TABLE_POOLS_H
#define GATEWAY_TABLE_POOLS_H

#include "gateway/table/ids.h"
#include "gateway/table/version.h"

struct pools_entry;

enum { POOLS_SPECS = 64 /* most pools of a table say the same: specs that are remembered */ };

struct pools {
    struct trie by_name; /* of struct pools_entry, never shared */
    struct trie trie;    /* of the next version */
    struct ids ids;
    struct pools_entry *last;    /* looked up: a pool's endpoints mostly come next to it */
    struct pools_entry *touched; /* in this commit, a list through the entries */
    struct table_delta *delta;   /* of this commit, or NULL */
    struct version_spec *specs[POOLS_SPECS]; /* by fingerprint, the last that was seen */
    size_t cap_changes;
};

void pools_init(struct pools *p);
void pools_free(struct pools *p);

/* The endpoints of an object as a pool without ids; a reference for the caller. */
struct table_pool *pools_draft(const char *name, const struct route_endpoints *endpoints);

/* The spec of a pool whose value has that fingerprint, if one is remembered; a new reference. */
struct version_spec *pools_known_spec(const struct pools *p, uint64_t print);

/* Each stamps its half of the entry with `round`, the number of the commit. */
void pools_declare(struct pools *p, struct str name, struct version_spec *spec,
                   uint32_t round); /* takes a reference of its own */
void pools_set_endpoints(struct pools *p, struct table_pool *draft, uint64_t print,
                         uint32_t round); /* takes a reference of its own */
void pools_keep(struct pools *p, struct str name, bool endpoints, uint32_t round);
void pools_delete(struct pools *p, struct str name, bool endpoints);
void pools_sweep(struct pools *p, uint32_t round); /* deletes the halves without a stamp */

/* Ends a commit: ids, the trie and the delta, which is there until pools_clear_changes. */
void pools_finish(struct pools *p, uint32_t round);
void pools_clear_changes(struct pools *p);

#endif
