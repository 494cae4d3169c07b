/*
 * Services that an event named a short while ago. What Swarm makes of a change (other tasks) may
 * come a little after the event, and has no event of its own: so their tasks are read again, after
 * a quarter of a second and then each time after twice as long, four times in all. Not after an
 * update of which Docker says the name only: of one that makes other tasks it also says how many
 * replicas there are, or, with an event more, how far it is. Times are given.
 */
#ifndef CLUSTERS_SWARM_RECENT_H
#define CLUSTERS_SWARM_RECENT_H

#include <stdint.h>

#include "clusters/swarm/ids.h"
#include "gateway/core/map.h"

/* All of it is this map; zeroed memory is the empty one. */
void recent_add(struct map *recent, const char *service_id, int64_t now_ms);
/* Those whose tasks are to be read again now, into out. */
void recent_take(struct map *recent, int64_t now_ms, struct ids *out);
int64_t recent_next(const struct map *recent); /* when that is; INT64_MAX: never */
void recent_clear(struct map *recent);

#endif
