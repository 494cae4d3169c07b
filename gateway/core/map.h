/*
 * Map from byte strings to pointers: open addressing, SipHash-1-3 with a seed per process, so that
 * whoever chooses the keys cannot choose the collisions. Not for threads. Keys are copied, unless
 * they are lent.
 */
#ifndef GATEWAY_CORE_MAP_H
#define GATEWAY_CORE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/str.h"

struct map_slot;

struct map {
    struct map_slot *slots; /* private */
    size_t num_slots;
    size_t num_used; /* live entries and graves */
    size_t len;      /* live entries */
    bool lent_keys;
};

void map_init(struct map *m); /* allocates nothing; all zero is the same */
/* Keys stay the caller's, in or beside their values, and live as long as those are in the map. */
void map_init_lent(struct map *m);
void map_free(struct map *m, void (*free_value)(void *)); /* free_value may be NULL */
void *map_get(const struct map *m, struct str key);       /* NULL when absent */
void *map_put(struct map *m, struct str key,
              void *value);                      /* value != NULL; gives back the old one */
void *map_remove(struct map *m, struct str key); /* gives back the value or NULL */

/*
 * Walks all entries in no particular order: start with *pos = 0, false at the end. The entry just
 * given may be removed during the walk; nothing may be added.
 */
bool map_next(const struct map *m, size_t *pos, struct str *out_key, void **out_value);

uint64_t map_hash(struct str key); /* the seeded hash itself */

#endif
