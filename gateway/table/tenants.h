/* The builder's side of tenants: by name, with their gauges. Private to gateway/table. */
#ifndef GATEWAY_TABLE_TENANTS_H
#define GATEWAY_TABLE_TENANTS_H

#include "gateway/table/version.h"

struct tenants {
    struct trie by_name; /* of struct tenants_entry, never shared */
    struct trie trie;    /* of the next version */
};

void tenants_init(struct tenants *t);
void tenants_free(struct tenants *t);

/* Each stamps the entry with `round`, the number of the commit. */
void tenants_set(struct tenants *t, struct version_tenant *tenant, uint64_t print,
                 uint32_t round); /* takes a reference of its own */
void tenants_keep(struct tenants *t, struct str name, uint32_t round); /* refused: as before */
void tenants_delete(struct tenants *t, struct str name);
void tenants_sweep(struct tenants *t, uint32_t round); /* deletes what has not been stamped */

#endif
