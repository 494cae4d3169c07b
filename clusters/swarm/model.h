/*
 * What a round of reads changes in what is known: pure functions on views. Only what was asked for
 * is replaced; the rest stays as it was.
 */
#ifndef CLUSTERS_SWARM_MODEL_H
#define CLUSTERS_SWARM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "clusters/swarm/ids.h"

struct view;
struct view_patch;

/*
 * What a reply speaks for: an object in scope that is not in the reply is gone. What the reply
 * holds but could not be understood (view's `refused`) is not in scope: it stays as it was.
 */
struct model_scope {
    bool all;            /* every service and task */
    struct ids services; /* else these services */
    struct ids tasks;    /* and the tasks of these services */
    bool nodes, networks;
    struct ids kept; /* services, tasks and nodes that stay as they were all the same */
};

void model_scope_clear(struct model_scope *s);

enum {                   /* what differs */
       MODEL_BESIDE = 1, /* `others` */
       MODEL_TASKS = 2,  /* tasks, or what could not be understood */
       MODEL_ANNOUNCED =
           4, /* services, nodes, networks: Docker tells of such changes by an event */
       MODEL_ROUTING = MODEL_TASKS | MODEL_ANNOUNCED
};

/*
 * Moves what is in scope, and differs, from fresh (sealed) into known (sealed); gives what differs,
 * into an empty patch as well. Of what does not differ known takes the versions. out NULL: nobody
 * wants to know.
 */
unsigned model_apply(struct view *known, struct view *fresh, const struct model_scope *scope,
                     struct view_patch *out);

/*
 * Puts into scope->kept what fresh would set back, because whoever gave it is behind: an object in
 * an older version than is known. With missing_too also services and tasks that fresh lacks, while
 * all that it holds of their kind is older than they are: they may have come into being since.
 */
struct model_newest {
    uint64_t service, task; /* the highest versions in the lists that fresh was made from */
};
void model_keep_newer(const struct view *known, const struct view *fresh, bool missing_too,
                      const struct model_newest *newest, struct model_scope *scope);

/* Services that are not at rest: updating, a task on its way, a task on a node that is not ready.
 */
void model_add_changing(const struct view *known, struct ids *out);
/* The same set after a patch, which known has already. */
void model_follow_changing(const struct view *known, const struct view_patch *patch,
                           struct ids *changing);
/* Services with a task on that node that is meant to run, or runs. */
void model_add_on_node(const struct view *known, const char *node_id, struct ids *out);
/* Whether a service of fresh is attached to a network that neither holds. */
bool model_lacks_network(const struct view *known, const struct view *fresh);

#endif
