/*
 * What can be said of one document in its surroundings, apart from hosts and quotas: is its cluster
 * there and may the tenant use it; of a pool that follows a service, which tasks take requests.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

static void refuse(struct document *d, const char *type, struct cond_about about, const char *text)
{
    d->refused = true;
    cond_refuse(&d->local, type, about, text);
}

static void find_table(const struct plan *p, struct document *d)
{
    struct thing *t = &d->thing;

    if (!tenant_there(t->tenant))
        refuse(d, COMPILE_RESOLVED, (struct cond_about){"UnknownTenant", "", t->tenant->name},
               "There is no such tenant.");
    t->table = table_there(p, d->intent->cluster);
    if (t->table == NULL) {
        refuse(d, COMPILE_RESOLVED,
               (struct cond_about){"UnknownCluster", "/cluster", d->intent->cluster},
               "There is no such service cluster.");
    } else if (!tenant_may_use(t->tenant, t->table)) {
        t->table = NULL;
        refuse(d, COMPILE_RESOLVED,
               (struct cond_about){"NotAllowed", "/cluster", d->intent->cluster},
               "The tenant may not use this service cluster.");
    }
}

/* ---- a pool that follows a service ---- */

/* The oldest service of that name; NULL: none. */
static struct unit *followed(const struct plan *p, const struct document *d)
{
    const struct name *n = name_find(p, d->intent->as.pool.service);

    for (size_t i = 0; n != NULL && i < n->num; i++)
        if (n->units[i]->there)
            return n->units[i];
    return NULL;
}

static void find_endpoints(struct plan *p, struct document *d, const struct unit *u)
{
    const struct intent_pool *pool = &d->intent->as.pool;
    struct reach r = {.service = unit_service(p, u),
                      .wish = pool->network,
                      .where = "/service/network",
                      .says = "in /service/network",
                      .port = pool->port,
                      .tasks = u->tasks,
                      .num_tasks = u->num_tasks,
                      .most = d->thing.most,
                      .told = &d->local};

    network_pick(p->view, &r);
    if (r.refused)
        d->refused = true;
    else
        reach_endpoints(&r);
    d->num_endpoints = r.num_endpoints;
    d->thing.num_wanted = r.num_wanted;
    d->endpoints = value_endpoints(&r);
    free(r.endpoints);
}

/* A service of another tenant is told as one that is not there: who may write documents need not
 * be one who sees the swarm's services. */
static void follow(struct plan *p, struct document *d)
{
    const struct intent_pool *pool = &d->intent->as.pool;
    struct cond_about about = {"ServiceMissing", "/service/name", pool->service};
    struct unit *u;

    if (pool->service == NULL)
        return;
    u = followed(p, d);
    if (u == NULL || u->thing.tenant != d->thing.tenant) {
        cond_add(&d->local, COMPILE_RESOLVED, false, about,
                 "The tenant has no such service: the pool has no endpoints until it comes.");
        d->endpoints = value_endpoints(&(struct reach){0});
        return;
    }
    find_endpoints(p, d, u);
}

/* ---- the kinds ---- */

static void judge_endpoints(const struct plan *p, struct document *d)
{
    const struct intent *pool = plan_intent(p, INTENT_POOL, d->intent->tenant, d->intent->name);

    d->num_endpoints = d->intent->num_endpoints;
    if (pool != NULL && pool->as.pool.service != NULL)
        refuse(d, COMPILE_CONFLICTED, (struct cond_about){"FollowsService", "", NULL},
               "The pool of this name has the tasks of a service as endpoints.");
}

static void forget(struct document *d)
{
    told_clear(&d->local);
    free(d->endpoints);
    d->endpoints = NULL;
    d->num_endpoints = 0;
    d->refused = false;
    d->thing.num_wanted = 0;
    d->thing.usable = false;
    d->thing.table = NULL;
    d->thing.hosts = NULL;
    d->thing.num_hosts = 0;
    d->thing.match = "";
}

static void judge_kind(struct plan *p, struct document *d)
{
    if (d->kind == INTENT_POOL) {
        follow(p, d);
    } else if (d->kind == INTENT_ENDPOINTS) {
        judge_endpoints(p, d);
    } else if (d->kind == INTENT_ROUTE) {
        d->thing.hosts = d->intent->as.route.hosts;
        d->thing.num_hosts = d->intent->as.route.num_hosts;
        d->thing.match = d->intent->as.route.match;
    }
}

void document_judge(struct plan *p, struct document *d)
{
    forget(d);
    thing_queue(p, &d->thing, THING_ASK | THING_EMIT);
    if (d->intent == NULL) {
        thing_set_tenant(p, &d->thing, NULL);
        queue_add(&p->graves, d);
        return;
    }
    find_table(p, d);
    judge_kind(p, d);
    d->thing.usable = !d->refused;
    tenant_queue(p, d->thing.tenant, TENANT_QUOTA);
}

/* The units whose tasks the queued pools need. */
void documents_collect(struct plan *p)
{
    struct queue units = {0};

    for (size_t i = 0; i < p->judge_documents.num; i++) {
        const struct document *d = p->judge_documents.all[i];

        if (d->kind != INTENT_POOL || d->intent == NULL || d->intent->as.pool.service == NULL)
            continue;
        struct unit *u = followed(p, d);

        if (u != NULL)
            queue_add(&units, u);
    }
    units_collect(p, &units);
    queue_free(&units);
}

void document_free(void *document)
{
    struct document *d = document;

    told_clear(&d->local);
    told_clear(&d->told);
    intent_free(d->intent);
    free(d->thing.asks);
    free(d->thing.in_name);
    free(d->thing.in_tenant);
    free(d->endpoints);
    free(d->key);
    free(d);
}
