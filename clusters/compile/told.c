/*
 * What the owner of a service or a document is told, put together when somebody asks: it names
 * neighbours, who may change while the thing itself does not. Of another tenant nothing is told
 * but that a host is taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

enum { TEXT_MAX = 400 };

/* ---- hosts ---- */

static const char *const lost_reason[] = {
    [ASK_BEATEN] = "OlderRoute", [ASK_TAKEN] = "Conflicted", [ASK_UNCLAIMED] = "NotClaimed"};

static bool is_lost(const struct ask *a)
{
    return a->state == ASK_BEATEN || a->state == ASK_TAKEN || a->state == ASK_UNCLAIMED;
}

static void lost_text(const struct ask *a, char out[TEXT_MAX])
{
    const char *host = a->host->name;

    if (a->state == ASK_TAKEN)
        snprintf(out, TEXT_MAX, "Host %s belongs to somebody else.", host);
    else if (a->state == ASK_UNCLAIMED)
        snprintf(out, TEXT_MAX, "Host %s is not among the hosts that are given to the tenant.",
                 host);
    else
        snprintf(out, TEXT_MAX,
                 "An older route or service of the tenant asks for the same requests of host %s.",
                 host);
}

/* The hosts that went to others; when none is left, that is the verdict. */
static size_t tell_lost(const struct thing *t, struct told *told)
{
    bool refused = !thing_serves(t);
    char pointer[32] = LABELS_HOSTS;
    char text[TEXT_MAX];
    size_t num = 0;

    for (size_t i = 0; i < t->num_asks; i++) {
        const struct ask *a = &t->asks[i];

        if (!is_lost(a) || num++ >= COMPILE_SHARED_NOTES_MAX)
            continue;
        if (!t->is_service)
            snprintf(pointer, sizeof(pointer), "/hosts/%zu", i);
        struct cond_about about = {lost_reason[a->state], pointer, a->host->name};

        lost_text(a, text);
        if (refused)
            cond_refuse(told, COMPILE_CONFLICTED, about, text);
        else
            cond_add(told, COMPILE_CONFLICTED, true, about, "%s", text);
    }
    return num;
}

static const struct group *group_of(const struct ask *a)
{
    for (size_t i = 0; i < a->host->num_groups; i++)
        if (a->host->groups[i].table == a->thing->table)
            return &a->host->groups[i];
    return NULL;
}

static const char *name_of(const struct ask *a)
{
    return unit_of(a->thing)->name;
}

static size_t tell_crowded(const struct thing *t, struct told *told)
{
    size_t num = 0;

    for (size_t i = 0; i < t->num_asks; i++) {
        const struct ask *a = &t->asks[i];
        const struct group *g = group_of(a);

        if (a->state != ASK_CROWDED || g == NULL || num++ >= COMPILE_SHARED_NOTES_MAX)
            continue;
        cond_add(told, COMPILE_CONFLICTED, true,
                 (struct cond_about){"TooManyServices", LABELS_HOSTS, a->host->name},
                 "A host can be shared by %d services; this one has older ones (%.64s first) and "
                 "sends nothing to this service.",
                 ROUTE_FORWARD_MAX, name_of(g->members[0]));
    }
    return num;
}

static void say_shared(const struct ask *a, const struct group *g, struct told *told)
{
    const char *other = name_of(g->members[0] == a ? g->members[1] : g->members[0]);
    struct cond_about about = {"SharedHost", LABELS_HOSTS, a->host->name};

    if (g->num == 2)
        cond_add(told, COMPILE_CONFLICTED, false, about,
                 "Host %s is shared with service %.64s; each gets requests in proportion to its "
                 "running tasks.",
                 a->host->name, other);
    else
        cond_add(told, COMPILE_CONFLICTED, false, about,
                 "Host %s is shared with service %.64s and %zu more; each gets requests in "
                 "proportion to its running tasks.",
                 a->host->name, other, g->num - 2);
}

static size_t tell_shared(const struct thing *t, struct told *told)
{
    size_t num = 0;

    for (size_t i = 0; i < t->num_asks; i++) {
        const struct ask *a = &t->asks[i];
        const struct group *g = group_of(a);

        if (a->state == ASK_SHARED && g != NULL && num++ < COMPILE_SHARED_NOTES_MAX)
            say_shared(a, g, told);
    }
    return num;
}

static void tell_hosts(const struct thing *t, struct told *told)
{
    size_t num = tell_lost(t, told);

    num += tell_crowded(t, told);
    num += tell_shared(t, told);
    if (num == 0)
        cond_add(told, COMPILE_CONFLICTED, false, (struct cond_about){"NoConflict", "", NULL},
                 t->is_service ? "No other service has these hosts."
                               : "Nothing else asks for the same requests.");
}

static void tell_over(const struct thing *t, struct told *told)
{
    cond_add(told, COMPILE_ACCEPTED, false, (struct cond_about){"QuotaExceeded", "", NULL},
             "The tenant's quota of %s is used up by what is older.", t->over);
}

/* ---- services ---- */

/* True for what has labels of ours, or had them, or cannot be understood. */
static bool is_shown(const struct unit *u)
{
    return !u->thing.gone && (u->intent != NULL || u->pin != NULL || u->refused_why != NULL);
}

void told_service_clear(struct compile_service *s)
{
    struct told told = {s->conditions, s->num_conditions};

    told_clear(&told);
    for (size_t i = 0; i < s->num_hosts; i++)
        free(s->hosts[i]);
    free(s->hosts);
    free(s->id);
    free(s->name);
    free(s->cluster);
    free(s->tenant);
    *s = (struct compile_service){0};
}

void told_service_copy(struct compile_service *out, const struct compile_service *s)
{
    struct told conditions = {0};
    const struct told from = {s->conditions, s->num_conditions};

    *out = (struct compile_service){.id = xstrdup(s->id),
                                    .name = xstrdup(s->name),
                                    .cluster = xstrdup(s->cluster),
                                    .tenant = xstrdup(s->tenant),
                                    .hosts = xcalloc(s->num_hosts + 1, sizeof(*out->hosts)),
                                    .num_hosts = s->num_hosts,
                                    .num_endpoints = s->num_endpoints};
    for (size_t i = 0; i < s->num_hosts; i++)
        out->hosts[i] = xstrdup(s->hosts[i]);
    cond_copy(&conditions, &from);
    out->conditions = conditions.all;
    out->num_conditions = conditions.num;
}

static void tell_routed(const struct plan *p, const struct unit *u, struct told *told)
{
    const struct thing *t = &u->thing;

    if (!u->refused && t->duplicate)
        cond_refuse(told, COMPILE_CONFLICTED, (struct cond_about){"DuplicateName", "", u->name},
                    "An older service has the same name.");
    else if (!u->refused && t->over != NULL)
        tell_over(t, told);
    else if (!u->refused)
        tell_hosts(t, told);
    (void)secrets_tell_service(p, u, told);
    cond_add_notes(told, u->intent, true);
    if (t->table != NULL && thing_serves(t))
        cond_add(told, COMPILE_ACCEPTED, true, (struct cond_about){"Accepted", "", NULL},
                 "The service is routed by service cluster %.64s.", t->table->name);
    cond_add_notes(told, u->intent, false);
}

static void tell_odd(const struct unit *u, struct told *told)
{
    if (u->intent == NULL && u->pin != NULL)
        cond_add(told, COMPILE_ACCEPTED, false, (struct cond_about){"Pinned", "", NULL},
                 "At the commit at which the service is held it had no labels of ours.");
    if (u->refused_why == NULL)
        return;
    if (u->intent == NULL)
        cond_add(told, COMPILE_ACCEPTED, false, (struct cond_about){"NotUnderstood", "", NULL},
                 "what Docker says of the service is not understood: %s", u->refused_why);
    else
        cond_add(told, COMPILE_RESOLVED, false, (struct cond_about){"NotUnderstood", "", NULL},
                 "what Docker says of the service now is not understood, what was known before "
                 "stays in force: %s",
                 u->refused_why);
}

static void put_together(const struct plan *p, struct unit *u, struct compile_service *s)
{
    const struct thing *t = &u->thing;
    struct told told = {0};

    told_service_clear(s);
    s->id = xstrdup(u->id);
    s->name = xstrdup(u->name);
    s->cluster = xstrdup(t->table != NULL ? t->table->name : "");
    s->tenant = xstrdup(t->tenant != NULL ? t->tenant->name : "");
    s->num_endpoints = thing_serves(t) ? u->num_endpoints : 0;
    s->num_hosts = u->intent != NULL ? u->intent->num_hosts : 0;
    s->hosts = xcalloc(s->num_hosts + 1, sizeof(*s->hosts));
    for (size_t i = 0; i < s->num_hosts; i++)
        s->hosts[i] = xstrdup(u->intent->hosts[i]);
    cond_copy(&told, &u->local);
    if (u->intent != NULL)
        tell_routed(p, u, &told);
    tell_odd(u, &told);
    cond_finish(&told, thing_serves(t));
    s->conditions = told.all;
    s->num_conditions = told.num;
}

static const struct compile_service *tell_service(const struct plan *p, struct unit *u)
{
    if (u->told_at != p->settled) {
        put_together(p, u, &u->told);
        u->told_at = p->settled;
    }
    return &u->told;
}

const struct compile_service *plan_service(const struct plan *p, const char *id)
{
    struct unit *u = map_get(&p->units, str_from(id));

    return u != NULL && is_shown(u) ? tell_service(p, u) : NULL;
}

static int compare_units(const void *a, const void *b)
{
    const struct unit *x = *(struct unit *const *)a;
    const struct unit *y = *(struct unit *const *)b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : strcmp(x->id, y->id);
}

void plan_each_service(const struct plan *p, plan_service_fn *fn, void *arg)
{
    struct unit **sorted = xcalloc(p->units.len + 1, sizeof(struct unit *));
    size_t pos = 0;
    size_t num = 0;
    struct str key;
    void *u;

    while (map_next(&p->units, &pos, &key, &u))
        if (is_shown(u))
            sorted[num++] = u;
    qsort(sorted, num, sizeof(struct unit *), compare_units);
    for (size_t i = 0; i < num; i++)
        fn(arg, tell_service(p, sorted[i]));
    free(sorted);
}

/* ---- documents ---- */

static void say_pool(const struct plan *p, const struct document *d, size_t i, struct told *told)
{
    const char *name = d->intent->as.route.pools[i];
    const struct intent *pool = plan_intent(p, INTENT_POOL, d->intent->tenant, name);
    char pointer[48];

    snprintf(pointer, sizeof(pointer), "/forward/%zu/pool", i);
    if (pool == NULL)
        cond_add(told, COMPILE_RESOLVED, false, (struct cond_about){"PoolMissing", pointer, name},
                 "There is no such pool: what would go to it gets 503.");
    else if (strcmp(pool->cluster, d->intent->cluster) != 0)
        cond_add(told, COMPILE_RESOLVED, false, (struct cond_about){"OtherCluster", pointer, name},
                 "The pool is in service cluster %.64s: what would go to it gets 503.",
                 pool->cluster);
}

static void tell_pools(const struct plan *p, const struct document *d, struct told *told)
{
    size_t before = told->num;

    for (size_t i = 0; i < d->intent->as.route.num_pools; i++)
        say_pool(p, d, i, told);
    if (told->num == before)
        cond_add(told, COMPILE_RESOLVED, true, (struct cond_about){"ResolvedRefs", "", NULL},
                 "Everything that the route names is there.");
}

static void tell_endpoints_of_pool(const struct plan *p, const struct document *d,
                                   struct told *told)
{
    const struct intent *e = plan_intent(p, INTENT_ENDPOINTS, d->intent->tenant, d->intent->name);

    if (d->intent->as.pool.service != NULL)
        return; /* judging it told that */
    if (e == NULL || strcmp(e->cluster, d->intent->cluster) != 0)
        cond_add(told, COMPILE_RESOLVED, false, (struct cond_about){"NoEndpoints", "", NULL},
                 "There are no endpoints of this name in the service cluster: requests get 503.");
    else
        cond_add(told, COMPILE_RESOLVED, true, (struct cond_about){"ResolvedRefs", "", NULL},
                 e->num_endpoints == 1 ? "1 endpoint is listed." : "%zu endpoints are listed.",
                 e->num_endpoints);
}

static void tell_pool_of_endpoints(const struct plan *p, const struct document *d,
                                   struct told *told)
{
    const struct intent *pool = plan_intent(p, INTENT_POOL, d->intent->tenant, d->intent->name);
    bool there = pool != NULL && strcmp(pool->cluster, d->intent->cluster) == 0;

    cond_add(told, COMPILE_RESOLVED, there,
             (struct cond_about){there ? "ResolvedRefs" : "PoolMissing", "", NULL},
             there ? "The pool of this name has them."
                   : "There is no pool of this name in the service cluster: nobody uses them.");
}

static void tell_references(const struct plan *p, const struct document *d, struct told *told)
{
    switch (d->kind) {
    case INTENT_ROUTE:
        tell_pools(p, d, told);
        break;
    case INTENT_POOL:
        tell_endpoints_of_pool(p, d, told);
        break;
    case INTENT_ENDPOINTS:
        tell_pool_of_endpoints(p, d, told);
        break;
    default:
        if (secrets_tell_certificate(p, d, told) == 0 && p->secrets_known)
            cond_add(told, COMPILE_RESOLVED, true, (struct cond_about){"ResolvedRefs", "", NULL},
                     "The secrets that the certificate names are there.");
        cond_add(told, "Programmed", false, (struct cond_about){"Unsupported", "", NULL},
                 "Gateways of this build do not end TLS: the certificate is kept and not used.");
        break;
    }
}

static void tell_document(const struct plan *p, struct document *d)
{
    const struct thing *t = &d->thing;
    struct told *told = &d->told;

    told_clear(told);
    cond_copy(told, &d->local);
    if (!d->refused && t->over != NULL)
        tell_over(t, told);
    else if (!d->refused && d->kind == INTENT_ROUTE)
        tell_hosts(t, told);
    if (t->table != NULL && thing_serves(t))
        cond_add(told, COMPILE_ACCEPTED, true, (struct cond_about){"Accepted", "", NULL},
                 d->kind == INTENT_CERTIFICATE ? "Kept for service cluster %.64s."
                                               : "In force in service cluster %.64s.",
                 t->table->name);
    tell_references(p, d, told);
    cond_finish(told, thing_serves(t));
    d->told_at = p->settled;
}

const struct compile_condition *plan_conditions(const struct plan *p, enum intent_kind kind,
                                                const char *tenant, const char *name, size_t *num)
{
    struct document *d = document_find(p, kind, tenant, name);

    *num = 0;
    if (d == NULL || d->intent == NULL || !document_is_thing(kind))
        return NULL;
    if (d->told_at != p->settled)
        tell_document(p, d);
    *num = d->told.num;
    return d->told.all;
}
