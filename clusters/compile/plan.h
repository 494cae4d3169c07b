/*
 * plan: what runs in the swarm and what documents ask for, in; one table per service cluster and
 * the conditions of every service and route, out. It holds its inputs, so that a change costs what
 * changed. Its outputs are a function of the inputs alone: any order of the same changes leads to
 * the same bytes, and undoing a change leads back. Pure: no I/O, no clock, no globals.
 *
 * Who has a host. A host belongs to one tenant at a time, in all clusters: in `open` ownership to
 * the tenant of the oldest that asks for it or for a wildcard above it (created, then id); in
 * `enforced` only to whom a claim gives it, the most specific claim first. Others are refused
 * "Conflicted" / "NotClaimed" and learn nothing of the winner. Within a tenant, services share a
 * host as labels always did; a route document beside them goes by Gateway API precedence.
 */
#ifndef CLUSTERS_COMPILE_PLAN_H
#define CLUSTERS_COMPILE_PLAN_H

#include "clusters/compile/compile.h"
#include "clusters/intents/intents.h"
#include "clusters/swarm/view.h"
#include "gateway/core/errs.h"

struct plan;

struct plan *plan_new(void);
void plan_free(struct plan *p);

/* ---- inputs: take effect at plan_settle ---- */

/* Clusters that are there without a document, and which of them is the default (NULL: none). */
void plan_clusters(struct plan *p, const char *const *names, size_t num, const char *default_name);

/*
 * The newest picture, lent until the next call has returned: that one compares the two, which costs
 * what there is. Elements that view_clone shares are compared by their address.
 */
void plan_view(struct plan *p, const struct view *view);
/*
 * The picture that the plan holds has been changed where it stands (clusters/swarm/patch.h): these
 * elements went and these came, sorted; of what cannot be understood all that was and is. Costs
 * what changed.
 */
void plan_patch(struct plan *p, const struct view *gone, const struct view *come);

/* Replaces the document of that key; takes it. */
void plan_put(struct plan *p, struct intent *owned);
void plan_delete(struct plan *p, enum intent_kind kind, const char *tenant, const char *name);
/* Lent until it is replaced; NULL: there is none. */
const struct intent *plan_intent(const struct plan *p, enum intent_kind kind, const char *tenant,
                                 const char *name);

/*
 * The names of services that documents speak of: the view must hold them, labels of ours or not.
 * Sorted; free() the array, the names are lent until a document changes. The version is another
 * whenever they may be others.
 */
const char **plan_wanted(const struct plan *p, size_t *num);
uint64_t plan_wanted_version(const struct plan *p);

/*
 * Swarm's secrets, all of them; before the first call none is known, and nothing is said of them.
 * They change no table. Takes effect at once.
 */
struct plan_secret {
    const char *name;
    const char *tenant; /* whom its label names; "": nobody */
};
void plan_secrets(struct plan *p, const struct plan_secret *all, size_t num);
/* May the tenant have the secret of that name? Its label only narrows: a secret without one is for
 * whoever names it. False: there is none, or it is another's, which is one and the same to him. */
MUST_USE bool plan_secret_is_for(const struct plan *p, const char *tenant, const char *name);

/* ---- outputs ---- */

struct plan_change {
    char *cluster;
    enum route_kind kind;
    char *name;
    char *before; /* NULL: was not there */
    char *after;  /* NULL: is not there any more */
};

struct plan_delta {
    struct plan_change *changes; /* sorted by cluster, kind, name; none changes nothing */
    size_t num;
};

/*
 * Applies what was put in since the last call; *out is what that changed in the tables.
 * plan_delta_clear releases it.
 */
void plan_settle(struct plan *p, struct plan_delta *out);
void plan_delta_clear(struct plan_delta *d);

/*
 * After plan_settle: what is wrong with this document in its surroundings, as an API write would be
 * refused for: a host that another tenant has (code Conflicted, pointer /hosts/2), one that no
 * claim gives (NotClaimed), a cluster that the tenant may not use or that is not there
 * (NotAllowed, UnknownCluster), no such tenant (UnknownTenant), endpoints for a pool that follows a
 * service (FollowsService), an older route for the same requests (Conflicted), a quota
 * (QuotaExceeded). Things that may come later (a pool that is not there yet) are conditions, not
 * faults. False with *e.
 */
MUST_USE bool plan_judge(const struct plan *p, enum intent_kind kind, const char *tenant,
                         const char *name, struct errs *e);

/* Every host in use, by host: what a switch to `enforced` would withdraw is what is not claimed. */
struct plan_holding {
    const char *host;
    const char *tenant;
    bool claimed;   /* a claim of that tenant gives it */
    bool elsewhere; /* another tenant claims exactly this host: nobody else can claim it */
};
typedef void plan_holding_fn(void *arg, const struct plan_holding *h);
void plan_each_holding(const struct plan *p, plan_holding_fn *fn, void *arg);

/* Who holds it now, or NULL; lent. */
const char *plan_holder(const struct plan *p, const char *host);

/*
 * Hosts that their tenant lost to another one by the last plan_settle although it still asks for
 * them: what a tenant's own write must not do to others, however old the document is that it
 * changes.
 */
typedef void plan_loss_fn(void *arg, const char *host, const char *tenant);
void plan_each_loss(const struct plan *p, plan_loss_fn *fn, void *arg);

typedef void plan_object_fn(void *arg, enum route_kind kind, const char *name, const char *value);
void plan_each_object(const struct plan *p, const char *cluster, plan_object_fn *fn, void *arg);
const char *plan_object(const struct plan *p, const char *cluster, enum route_kind kind,
                        const char *name); /* its value, lent; NULL */
size_t plan_num_routes(const struct plan *p, const char *cluster);
/*
 * A guard: a route "guard:..." of no tenant, in a cluster that does not serve some hosts that
 * somebody has, where another tenant's wildcard or "*" would take their requests. It answers them
 * as a gateway does for a host that it does not know, counts against nobody's quota, and tells
 * nothing of who has the hosts.
 */
#define PLAN_GUARD "guard:"
MUST_USE bool plan_is_guard(const char *object_name);

/* By name; NULL at the end. Those of plan_clusters and those of documents. */
const char *plan_cluster_name(const struct plan *p, size_t i);

/* Services with at least one label of ours, as in compile.h, by name. Lent until the next change.
 */
const struct compile_service *plan_service(const struct plan *p, const char *id);
typedef void plan_service_fn(void *arg, const struct compile_service *s);
void plan_each_service(const struct plan *p, plan_service_fn *fn, void *arg);
/*
 * Whether the tenant's selector takes the service, which may be somebody else's or, refused for
 * that, nobody's: then those who select it are told why. `default` takes what no selector does.
 */
bool plan_selects(const struct plan *p, const char *tenant, const char *id);

/*
 * The conditions of a route, pool or certificate document: Accepted, Conflicted, ResolvedRefs, as
 * for a service. Lent; *num 0: no such document.
 */
const struct compile_condition *plan_conditions(const struct plan *p, enum intent_kind kind,
                                                const char *tenant, const char *name, size_t *num);

/*
 * The services whose labels of ours changed since the last call of this, as INTENT_SERVICE
 * documents to be kept with the commit: {"labels":{…}}; value NULL: the service is gone. Tenant is
 * its owner's. Read after plan_settle; pinned services give their real labels.
 */
struct plan_seen {
    const char *tenant;
    const char *service; /* name */
    const char *value;   /* lent until the next call */
};
typedef void plan_seen_fn(void *arg, const struct plan_seen *s);
void plan_take_seen(struct plan *p, plan_seen_fn *fn, void *arg);

#endif
