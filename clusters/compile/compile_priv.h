/*
 * Inside clusters/compile only. A unit is one labelled service on its way through: read its labels,
 * pick its cluster, its network, its endpoints (unit.c), settle it with the others of its cluster
 * (settle.c), write its objects (value.c). compile.c drives them.
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

struct unit_endpoint {
    const char *address; /* an IP literal; borrowed from the view, as are task and node */
    const char *task;
    const char *node;
};

struct unit {
    const struct view_service *service;
    struct labels_intent *intent; /* owned */
    struct compile_service *out;
    long cluster;        /* index in the input, -1 = none */
    bool refused;        /* then it makes no objects, and an Accepted condition says why */
    const char *network; /* id of the one it is reached by; NULL = none */
    const struct view_task **tasks; /* those that may take requests: a slice of one big array */
    size_t num_tasks;
    struct unit_endpoint *endpoints; /* owned; first those that serve, or else those that end */
    size_t num_endpoints;            /* that serve */
    size_t num_ending;
    size_t num_crowded; /* hosts that have all the services they can have without this one */
};

/* What all units look up. */
struct compile_index {
    const struct compile_input *in;
    struct map nodes;    /* id -> view_node */
    struct map networks; /* id -> view_network */
};

/* A reason that concerns one label; label "" and value NULL when it concerns none. */
struct cond_about {
    const char *reason;
    const char *label;
    const char *value; /* shown through labels_show */
};

/* conditions.c */
void cond_add(struct compile_service *out, const char *type, bool status, struct cond_about about,
              const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void cond_finish(struct unit *u); /* the verdict, the notes of the labels, the order */

/* network.c: sets u->network, or refuses the unit; says what it did in ResolvedRefs. */
void network_pick(const struct compile_index *index, struct unit *u);

/* unit.c */
void unit_refuse(struct unit *u, const char *type, struct cond_about about, const char *text);
void unit_read(const struct compile_index *index, struct unit *u);
bool unit_task_serves(const struct compile_index *index, const struct view_task *t);
bool unit_task_ends(const struct compile_index *index, const struct view_task *t);
void unit_find_endpoints(struct unit *u);

/* settle.c: units are sorted oldest first; fills clusters' objects and Conflicted conditions. */
void settle_units(struct compile_result *result, struct unit **units, size_t num_units);

/* value.c: the JSON of each kind; free(). */
struct value_forward {
    const char *pool;
    size_t weight;
};
char *value_route(char *const *hosts, size_t num_hosts, const struct value_forward *forward,
                  size_t num_forward);
char *value_pool(void);
char *value_endpoints(const struct unit *u);

#endif
