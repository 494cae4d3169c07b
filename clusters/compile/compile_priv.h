/*
 * Inside clusters/compile only: the parts that judge one thing by itself. What a service or a pool
 * is reached by (network.c, reach.c), what its owner is told (conditions.c), the bytes of objects
 * (value.c). How the things of a plan hang together is plan_priv.h.
 */
#ifndef CLUSTERS_COMPILE_COMPILE_PRIV_H
#define CLUSTERS_COMPILE_COMPILE_PRIV_H

#include "clusters/compile/compile.h"
#include "clusters/labels/labels.h"
#include "gateway/core/map.h"

#define COMPILE_ACCEPTED "Accepted"
#define COMPILE_CONFLICTED "Conflicted"
#define COMPILE_RESOLVED "ResolvedRefs"

enum { COMPILE_NAME_MAX = 255, COMPILE_SHARED_NOTES_MAX = 8 };

/* Conditions in the order of adding; zeros are none. */
struct told {
    struct compile_condition *all;
    size_t num;
};

/* A reason that concerns one label; label "" and value NULL when it concerns none. */
struct cond_about {
    const char *reason;
    const char *label;
    const char *value; /* shown through labels_show */
};

/* ---- conditions.c ---- */

void cond_add(struct told *told, const char *type, bool status, struct cond_about about,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* A refusal: not Accepted and, when the reason is a reference or a conflict, that type too. */
void cond_refuse(struct told *told, const char *type, struct cond_about about, const char *text);
void cond_add_notes(struct told *told, const struct labels_intent *intent, bool fatal);
void cond_copy(struct told *told, const struct told *from);
/* Accepted, Conflicted, ResolvedRefs; every Accepted gets the status of the verdict. */
void cond_finish(struct told *told, bool accepted);
void told_clear(struct told *told);

/* ---- network.c, reach.c ---- */

struct reach_endpoint {
    const char *address; /* an IP literal; borrowed from the view, as are task and node */
    const char *task;
    const char *node;
};

/* One way to the tasks of a service. In: */
struct reach {
    const struct view_service *service;
    const char *wish;  /* name of the network, NULL = none */
    const char *where; /* the label, or the pointer into the document, that says it */
    const char *says;  /* "with the label": how it is said */
    uint16_t port;
    const struct view_task *const *tasks; /* those that may take requests */
    size_t num_tasks;
    size_t most; /* endpoints, at most ROUTE_ENDPOINTS_MAX; a quota may leave less */
    struct told *told;
    /* out: */
    bool refused;
    const char *network;              /* id of the one it is reached by; NULL = none */
    struct reach_endpoint *endpoints; /* owned; first those that serve, or else those that end */
    size_t num_endpoints;             /* that serve */
    size_t num_ending;
    size_t num_wanted; /* that would serve without the quota */
};

/* Sets the network, or refuses; says what it did in ResolvedRefs. */
void network_pick(const struct view *view, struct reach *r);
bool reach_task_serves(const struct view *view, const struct view_task *t);
bool reach_task_ends(const struct view *view, const struct view_task *t);
void reach_endpoints(struct reach *r); /* not of one that is refused */

/* ---- value.c: the JSON of each kind; free() ---- */

struct value_forward {
    const char *pool;
    size_t weight;
};
char *value_route(const char *tenant, const char *const *hosts, size_t num_hosts,
                  const struct value_forward *forward, size_t num_forward);
char *value_pool(const char *tenant);
/* A route of nobody's, see guards.c. */
char *value_guard(const char *const *hosts, size_t num_hosts);
char *value_endpoints(const struct reach *r);
/* {"labels":{…}} of the labels of ours, sorted by key; NULL: there are none. */
char *value_seen(const struct view_service *s);

#endif
