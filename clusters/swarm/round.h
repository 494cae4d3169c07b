/*
 * One round of reads: services, then tasks, nodes, networks, as far as the plan asks for them, one
 * call at a time. When services or tasks cannot be read, the round ends and nothing of it counts.
 * Nodes or networks that cannot be read, for which there is a deadline of its own, are taken out of
 * the scope: what is known of them stays, and tasks do not wait for what may fail for ever.
 */
#ifndef CLUSTERS_SWARM_ROUND_H
#define CLUSTERS_SWARM_ROUND_H

#include "clusters/swarm/docker.h"
#include "clusters/swarm/model.h"

struct round;
struct view;

struct round_plan {
    bool full;           /* every service and task; the two sets do not matter then */
    struct ids services; /* read again, with their tasks */
    struct ids polled;   /* only their tasks */
    bool nodes, networks;
};

void round_plan_clear(struct round_plan *p);
bool round_plan_empty(const struct round_plan *p);
void round_plan_add(struct round_plan *p, const struct round_plan *more);

struct round_result {
    const struct err *failure; /* NULL: fresh and scope are good */
    const struct err *missing; /* why nodes or networks are not in the scope; NULL: they are */
    struct view *fresh;        /* sealed, lent */
    struct model_scope *scope;
    struct model_newest newest;
    const struct ids *gone; /* services that vanished under the read: read them again */
    size_t num_seen;        /* length of the longest list */
};

struct round_config {
    struct docker *docker;
    struct view *const *known; /* what is known at any time until on_done */
    const struct ids *also;    /* as in decode.h; likewise */
    int64_t read_ms;           /* deadline of services, and of tasks */
    int64_t side_ms;           /* of nodes, and of networks; 0: networks are read if planned only */
    void (*on_done)(void *arg,
                    const struct round_result *result); /* the round is gone afterwards */
    void (*on_skip)(void *arg, const char *kind, const char *id, const struct err *why);
    void *arg;
};

/* Takes the plan's sets; on_done comes from the loop. The plan is not empty. */
struct round *round_start(const struct round_config *config, struct round_plan *plan);
void round_cancel(struct round *r); /* NULL is fine */

#endif
