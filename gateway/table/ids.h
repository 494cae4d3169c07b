/*
 * Numbers of endpoints: small and dense, so that workers index arrays with them. A number is in
 * use, retired (its endpoint is gone, workers may still hold things under it) or free.
 */
#ifndef GATEWAY_TABLE_IDS_H
#define GATEWAY_TABLE_IDS_H

#include <stdint.h>

#define IDS_NONE UINT32_MAX /* no id */

struct ids_slot;

struct ids {
    struct ids_slot *slots; /* private */
    uint32_t num;
    uint32_t cap;
    uint32_t first_free; /* IDS_NONE: none */
};

void ids_init(struct ids *ids);
void ids_free(struct ids *ids);
uint32_t ids_new(struct ids *ids, uint32_t round);                 /* in use, stamped with round */
void ids_keep(struct ids *ids, uint32_t id, uint32_t round);       /* stamps one that is in use */
void ids_retire_old(struct ids *ids, uint32_t id, uint32_t round); /* unless stamped with round */
void ids_release(struct ids *ids, uint32_t id);                    /* retired -> free */

#endif
