/*
 * What one picture of a swarm differs from the one before it in: so that whoever has a copy of that
 * one brings it up to date at the cost of the difference.
 */
#ifndef CLUSTERS_SWARM_PATCH_H
#define CLUSTERS_SWARM_PATCH_H

#include <sys/queue.h>

#include "clusters/swarm/view.h"

/*
 * Elements that differ stand in both views, as they were and as they are now. Services and tasks
 * share memory with the views they come from. `refused` is the whole of it, before and after.
 */
struct view_patch {
    struct view *gone; /* sealed; likewise the next */
    struct view *come;
    STAILQ_ENTRY(view_patch) next; /* of whoever keeps several, in their order */
};

STAILQ_HEAD(view_patches, view_patch);

struct view_patch *view_patch_new(void);
void view_patch_free(struct view_patch *p); /* NULL is fine */

/* v, sealed, is as it was before: it becomes as it is after. */
void view_patch_apply(struct view_patch *p, struct view *v);

#endif
