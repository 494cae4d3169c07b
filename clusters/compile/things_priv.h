/*
 * Inside clusters/compile only: what a plan is made of. A *thing* is a service (a unit) or a
 * document that a tenant has and a table may hold; a thing asks for hosts, and a host has all who
 * ask for it. What is done with them is plan_priv.h.
 */
#ifndef CLUSTERS_COMPILE_THINGS_PRIV_H
#define CLUSTERS_COMPILE_THINGS_PRIV_H

#include "clusters/compile/compile_priv.h"
#include "clusters/intents/intents.h"
#include "gateway/core/map.h"

struct document;
struct host;
struct plan;
struct thing;

struct queue { /* whoever queues keeps a mark, so that nothing is in it twice */
    void **all;
    size_t num;
    size_t cap;
};

void queue_add(struct queue *q, void *item);
void queue_remove(struct queue *q, const void *item); /* the first such */
void queue_free(struct queue *q);

/* The oldest first; of two of one moment the lower text, then id. */
struct age {
    int64_t ns;       /* Unix time; INT64_MAX: unknown, youngest */
    const char *text; /* as Docker writes it, "" of documents */
    const char *id;
};

int age_order(const struct age *a, const struct age *b);
int64_t age_of_text(const char *rfc3339); /* ns; INT64_MAX when it is no time */

struct guard_set;

struct table {
    char *name;
    bool configured;                       /* by plan_clusters */
    bool there;                            /* that, or there is a document */
    const struct intent_cluster *doc;      /* NULL: none */
    struct map objects[ROUTE_KIND__COUNT]; /* name -> value */
    struct map tenants;                    /* name -> struct presence */
    uint64_t guard_mark;
    struct guard_set *guards; /* hosts that have one; NULL: none ever had */
};

/* What a tenant has in a table. */
struct presence {
    size_t num; /* routes and pools */
};

enum { TENANT_QUOTA = 1, TENANT_VALUE = 2, TENANT_QUEUED = 4 }; /* what of it is queued */

struct tenant {
    char *name;
    const struct document *doc; /* NULL: none; `default` is there without */
    struct thing *things;       /* a list */
    bool ranked;                /* some of its things may be beyond a quota */
    unsigned queued;
};

enum ask_state {
    ASK_NEW,
    ASK_OWN,      /* in its own route */
    ASK_SHARED,   /* in the host's route, with others */
    ASK_CROWDED,  /* others are ROUTE_FORWARD_MAX already */
    ASK_BEATEN,   /* an older thing of the same tenant asks for the same requests */
    ASK_TAKEN,    /* another tenant has the host */
    ASK_UNCLAIMED /* nobody's claim gives it */
};

struct ask {
    struct thing *thing;
    struct host *host;
    enum ask_state state;
};

enum { THING_JUDGE = 1, THING_ASK = 2, THING_EMIT = 4 }; /* queues it is in */

struct thing {
    bool is_service;  /* else a document */
    bool usable;      /* by itself it may be in a table */
    bool duplicate;   /* an older service has its name */
    const char *over; /* the quota that it exceeds, or NULL */
    bool gone;        /* free it when all is settled */
    unsigned queued;
    struct age age;
    struct tenant *tenant;      /* NULL: nobody's */
    struct thing *next, **link; /* of the tenant */
    struct table *table;        /* NULL: none that it may use */
    const char *match;          /* what it asks for of its hosts */
    char *const *hosts;         /* that it would ask for; lent by its intent */
    size_t num_hosts;
    struct ask *asks; /* that are registered */
    size_t num_asks;
    size_t num_wanted; /* endpoints, were there no quota */
    size_t most;       /* that the quota leaves; SIZE_MAX without one */
    /* what is in a table: */
    struct table *in; /* NULL: nothing */
    char *in_name;
    char *in_tenant;
    unsigned in_kinds; /* a bit each */
};

struct unit { /* a service */
    struct thing thing;
    char *id;
    char *name;
    char *created;
    bool there;                     /* in the view */
    struct labels_intent *intent;   /* NULL: no labels of ours */
    const struct intent_pin *pin;   /* instead of its labels; NULL */
    char *refused_why;              /* what Docker says of it is not understood; NULL */
    struct told local;              /* what judging it alone told */
    bool refused;                   /* by itself: then `local` says why */
    const struct view_task **tasks; /* during a settle, when they were collected */
    size_t num_tasks;
    bool collected;
    size_t num_endpoints;
    char *endpoints; /* value */
    struct compile_service told;
    uint64_t told_at;
};

struct document {
    struct thing thing;
    enum intent_kind kind;
    char *key;             /* with the kind before it */
    struct intent *intent; /* NULL: deleted */
    struct told local;
    bool refused;
    char *endpoints; /* value; of a pool that follows a service */
    size_t num_endpoints;
    struct told told;
    uint64_t told_at;
};

/* Services of one name, oldest first, and who waits for one of that name. */
struct name {
    char *name;
    struct unit **units;
    size_t num;
    struct queue pools; /* documents */
    size_t num_pins;
    bool queued;
};

/* Services that share a host in a cluster. */
struct group {
    struct table *table;
    struct ask **members; /* oldest first, at most ROUTE_FORWARD_MAX */
    size_t num;
};

struct host {
    char *name;
    struct host *up;           /* the nearest wildcard above that is asked for */
    struct host *below;        /* of a wildcard: those that have it as `up`; a list */
    struct host *next, **link; /* of that list, or of the hosts without a wildcard above */
    struct ask **asks;         /* oldest first */
    size_t num_asks;
    size_t cap_asks;
    const struct tenant *holder;
    struct group *groups; /* of more than one */
    size_t num_groups;
    struct queue shared_in; /* tables that have its "host:" route */
    bool queued;            /* to be judged */
    bool emits;             /* to be written */
    bool buried;            /* nobody asks for it: to be freed */
    /* guards.c; of wildcards and "*": */
    struct queue serves;            /* tables in which its holder has it */
    const struct tenant *serves_of; /* that holder */
    bool guarding;                  /* to be looked at */
    bool moved;                     /* `serves` is another now */
};

#endif
