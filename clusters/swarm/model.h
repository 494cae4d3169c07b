/*
 * What a round of reads changes in what is known: pure functions on views. Only what was asked for
 * is replaced; the rest stays as it was.
 */
#ifndef CLUSTERS_SWARM_MODEL_H
#define CLUSTERS_SWARM_MODEL_H

#include <stdbool.h>

#include "clusters/swarm/ids.h"

struct view;

/*
 * What a reply speaks for: an object in scope that is not in the reply is gone. What the reply
 * holds but could not be understood (view's `refused`) is not in scope: it stays as it was.
 */
struct model_scope {
    bool all;            /* every service and task */
    struct ids services; /* else these services */
    struct ids tasks;    /* and the tasks of these services */
    bool nodes, networks;
};

void model_scope_clear(struct model_scope *s);

enum model_change {
    MODEL_SAME,
    MODEL_BESIDE, /* nothing but `others`: what is routed is the same */
    MODEL_ROUTING
};

/* Moves what is in scope from fresh (sealed) into *known. */
enum model_change model_apply(struct view **known, struct view *fresh,
                              const struct model_scope *scope);

/* Services that are not at rest: updating, a task on its way, a task on a node that is not ready.
 */
void model_add_changing(const struct view *known, struct ids *out);
/* Services with a task on that node that is meant to run, or runs. */
void model_add_on_node(const struct view *known, const char *node_id, struct ids *out);
/* Whether a service of fresh is attached to a network that neither holds. */
bool model_lacks_network(const struct view *known, const struct view *fresh);

#endif
