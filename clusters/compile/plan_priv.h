/*
 * Inside clusters/compile only: how the parts of a plan (things_priv.h) work together. Each step of
 * plan_settle (settle.c) works off a queue of what the step before it changed, so that the cost is
 * that of the change:
 *
 * - judge (service.c, document.c): one thing by itself: whose, which cluster, which hosts it asks
 *   for
 * - names (things.c): of two services with one name in a cluster the older one counts
 * - quotas (quota.c): the newest things beyond a tenant's quota count no more
 * - hosts (hosts.c): who has each host; who of those with the same match serves
 * - guards (guards.c, guard_sets.c): what keeps others' wildcards off hosts that nobody serves
 * - emit (emit.c, tables.c): objects, and what of them changed
 *
 * Each step is a function of what the steps before it left, never of what it found: that is why any
 * order of changes leads to the same tables.
 */
#ifndef CLUSTERS_COMPILE_PLAN_PRIV_H
#define CLUSTERS_COMPILE_PLAN_PRIV_H

#include "clusters/compile/plan.h"
#include "clusters/compile/things_priv.h"

struct assign_cluster;
struct assign_label;

/* ---- tables of clusters, tables.c ---- */

struct table *table_get(struct plan *p, const char *name);        /* made when it is not known */
struct table *table_find(const struct plan *p, const char *name); /* also one that goes; or NULL */
struct table *table_there(const struct plan *p, const char *name);
void tables_review(struct plan *p); /* which are there, and which is the default */
void table_set(struct plan *p, struct table *t, enum route_kind kind, const char *name,
               char *owned_value); /* NULL: delete */
void tables_take_delta(struct plan *p, struct plan_delta *out);
void tables_sweep(struct plan *p); /* those that are gone */
void table_free(void *table);

/* ---- tenants, tenants.c, quota.c ---- */

#define TENANT_DEFAULT "default"

struct tenant *tenant_get(struct plan *p, const char *name); /* made when it is not there */
struct tenant *tenant_find(const struct plan *p, const char *name);
bool tenant_there(const struct tenant *t);
const struct intent_tenant *tenant_doc(const struct tenant *t); /* NULL: none */
bool tenant_may_use(const struct tenant *t, const struct table *table);
const char *tenant_in_table(const struct tenant *t); /* "" for `default` without quotas */
/* Its document is another now (or none), and was this one (or none). */
void tenant_change(struct plan *p, const struct document *d, const char *name,
                   const struct intent *was);
bool tenant_limited(const struct tenant *t); /* has it quotas of what it may have? */
void tenant_queue(struct plan *p, struct tenant *t, unsigned what);
/* Whose a service is; NULL with *e, code AmbiguousTenant or NotSelected. */
struct tenant *tenant_of_service(struct plan *p, const struct view_service *s, struct err *e);
void tenants_rank(struct plan *p); /* quotas.c: things beyond a quota */
void tenants_emit(struct plan *p); /* `tenant` objects */
void tenant_free(void *tenant);

/* ---- things.c ---- */

void thing_queue(struct plan *p, struct thing *t, unsigned what);
void thing_set_tenant(struct plan *p, struct thing *t, struct tenant *tenant);
bool thing_counts(const struct thing *t); /* usable, no duplicate, within quotas */
bool thing_serves(const struct thing *t); /* counts, and has a host when it asks for some */

struct name *name_get(struct plan *p, const char *name);
struct name *name_find(const struct plan *p, const char *name);
void name_add(struct plan *p, struct unit *u);
void name_remove(struct plan *p, struct unit *u);
void name_queue(struct plan *p, const char *name);
void names_judge(struct plan *p);
void name_sweep(struct plan *p, struct name *n); /* frees it when nobody needs it */
void name_free(void *name);

/* ---- hosts.c ---- */

enum { HOST_ABOVE_MAX = ROUTE_HOST_MAX + 3 };
/*
 * The wildcards above a host, the nearest first: *at is the host at the start, out has
 * HOST_ABOVE_MAX bytes. "*" is none of them: it is a host of its own, for requests of no other.
 */
bool host_above(const char **at, char *out);
void thing_ask(struct plan *p, struct thing *t); /* asks for what it may ask now */
void thing_unask(struct plan *p, struct thing *t);
void hosts_queue_all(struct plan *p);
void hosts_queue_under(struct plan *p, const struct map *claims); /* those that any of them gives */
void hosts_judge(struct plan *p);
void hosts_sweep(struct plan *p);
void host_free(void *host);
void host_emits(struct plan *p, struct host *h);
struct host *host_nearest_wild(const struct plan *p, const char *name); /* above it; or NULL */
/* A host that is asked for, or the nearest wildcard above it that is. */
const struct host *host_over(const struct plan *p, const char *host);

/* ---- guards.c ---- */

void guards_judged(struct plan *p, struct host *h); /* who has it or where may be another now */
void guards_places(struct plan *p, const struct map *hosts); /* who has these may be another */
void guards_all(struct plan *p);                             /* everything may */
void guards_settle(struct plan *p);

/* ---- guard_sets.c: those of a table as objects ---- */

void guard_add(struct table *t, const char *host);
void guard_remove(struct plan *p, struct table *t, const char *host); /* one that was added */
void guards_write(struct plan *p, struct table *t); /* what changed since the last time */
void guards_free(struct guard_set *s);

/* ---- secrets.c ---- */

/* What is missing of the secrets that a thing names, as ResolvedRefs; how many there were. */
size_t secrets_tell_certificate(const struct plan *p, const struct document *d, struct told *told);
size_t secrets_tell_service(const struct plan *p, const struct unit *u, struct told *told);

/* ---- claims.c ---- */

void claims_change(struct plan *p, struct tenant *t, const struct intent *was,
                   const struct intent *now);
/* One but this that has exactly that claim, or NULL. */
struct tenant *claims_other(const struct plan *p, const char *claim, const char *tenant);
struct tenant *claims_holder(const struct plan *p, const char *host); /* or NULL */

/* ---- service.c, document.c, emit.c, told.c ---- */

void tasks_free(void *queue);
void units_collect(struct plan *p, const struct queue *units); /* their tasks, for this settle */
void units_let_go(struct plan *p);
const struct view_service *unit_service(const struct plan *p, const struct unit *u); /* or NULL */
void unit_judge(struct plan *p, struct unit *u);
void unit_free(void *unit);
struct unit *unit_of(struct thing *t);
struct document *document_of(struct thing *t);
struct document *document_find(const struct plan *p, enum intent_kind kind, const char *tenant,
                               const char *name);
bool document_is_thing(enum intent_kind kind);
void document_remove(struct plan *p, struct document *d); /* frees it */
void document_judge(struct plan *p, struct document *d);
void documents_collect(struct plan *p); /* the tasks that queued pools need */
void document_free(void *document);
void emit_all(struct plan *p);
void told_service_clear(struct compile_service *s);
void told_service_copy(struct compile_service *out, const struct compile_service *s);
/* seen.c: what history knows of the services' labels. */
void seen_queue(struct plan *p, const char *tenant, const char *service);
void seen_know(struct plan *p, const struct intent *service);
void seen_forget(struct plan *p, const struct intent *service);

struct plan {
    const struct view *view;                  /* lent; NULL before the first */
    struct map units;                         /* id -> struct unit */
    struct map tasks;                         /* id of a service -> struct queue of ids, sorted */
    struct map names;                         /* of services -> struct name */
    struct map documents[INTENT_KIND__COUNT]; /* tenant NUL name -> struct document */
    struct map tenants;                       /* name -> struct tenant */
    struct tenant **selecting;                /* those with a selector, by name */
    size_t num_selecting;
    struct map hosts;   /* name -> struct host */
    struct host *roots; /* hosts without a wildcard above, a list */
    struct map claims;  /* host -> struct queue of documents */
    bool enforced;
    struct map guards;       /* host -> struct queue of tables that have a guard for it */
    struct map guard_places; /* hosts whose guards are to be looked at */
    struct queue guard_hosts;
    bool guards_changed;
    uint64_t guard_mark;
    struct map tables;              /* name -> struct table */
    struct table **there;           /* by name */
    struct assign_cluster *assigns; /* the same, as clusters/assign wants them */
    struct assign_label *assign_labels;
    size_t num_there;
    char *default_name; /* of plan_clusters */
    const struct table *by_default;
    bool clusters_changed;
    bool settings_changed;
    struct queue judge_units, judge_documents, names_queue, tenants_queue, asks, hosts_queue;
    struct queue emits, host_emits;
    struct queue collected;   /* units that have their tasks at hand */
    struct queue hosts_empty; /* to be freed; likewise the next */
    struct queue graves;
    struct queue
        losses;         /* asks that were served before this settle, and are another tenant's now */
    struct map touched; /* objects that a settle set or deleted -> struct touch */
    struct map seen;    /* tenant NUL service -> value as told */
    struct map unseen;  /* those to look at */
    struct map secrets; /* name -> the tenant that its label names */
    bool secrets_known;
    uint64_t wanted;  /* changes with the names that documents want */
    uint64_t settled; /* count of settles */
};

#endif
