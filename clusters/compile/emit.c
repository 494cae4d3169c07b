/*
 * From what was judged to objects. All that is queued first leaves its table and then is written
 * again, so that two things that swap a name do not stand in each other's way; what comes back with
 * the same bytes did not change (tables.c).
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

static unsigned bit(enum route_kind kind)
{
    return 1U << kind;
}

/* ---- who has something where ---- */

static void arrive(struct plan *p, struct table *table, const char *tenant)
{
    struct presence *has = map_get(&table->tenants, str_from(tenant));

    if (has == NULL) {
        has = xcalloc(1, sizeof(*has));
        map_put(&table->tenants, str_from(tenant), has);
        tenant_queue(p, tenant_get(p, tenant), TENANT_VALUE);
    }
    has->num++;
}

static void depart(struct plan *p, struct table *table, const char *tenant)
{
    struct presence *has = map_get(&table->tenants, str_from(tenant));

    if (--has->num > 0)
        return;
    free(map_remove(&table->tenants, str_from(tenant)));
    tenant_queue(p, tenant_get(p, tenant), TENANT_VALUE);
}

/* ---- things ---- */

static void withdraw(struct plan *p, struct thing *t)
{
    if (t->in == NULL)
        return;
    for (int k = 0; k < ROUTE_KIND__COUNT; k++)
        if ((t->in_kinds & bit((enum route_kind)k)) != 0)
            table_set(p, t->in, (enum route_kind)k, t->in_name, NULL);
    depart(p, t->in, t->in_tenant);
    free(t->in_name);
    free(t->in_tenant);
    t->in = NULL;
    t->in_name = NULL;
    t->in_tenant = NULL;
    t->in_kinds = 0;
}

static void put(struct plan *p, struct thing *t, enum route_kind kind, char *owned_value)
{
    table_set(p, t->table, kind, t->in_name, owned_value);
    t->in_kinds |= bit(kind);
}

static char *own_route(const struct unit *u)
{
    const struct thing *t = &u->thing;
    const char **own = xcalloc(t->num_asks + 1, sizeof(*own));
    struct value_forward forward = {u->name, 1};
    char *value = NULL;
    size_t num = 0;

    for (size_t i = 0; i < t->num_asks; i++)
        if (t->asks[i].state == ASK_OWN)
            own[num++] = t->asks[i].host->name;
    if (num > 0)
        value = value_route(tenant_in_table(t->tenant), own, num, &forward, 1);
    free(own);
    return value;
}

static void write_unit(struct plan *p, struct unit *u)
{
    char *route = own_route(u);

    if (route != NULL)
        put(p, &u->thing, ROUTE_KIND_ROUTE, route);
    put(p, &u->thing, ROUTE_KIND_POOL, value_pool(tenant_in_table(u->thing.tenant)));
    put(p, &u->thing, ROUTE_KIND_ENDPOINTS, xstrdup(u->endpoints));
}

static void write_route(struct plan *p, struct document *d)
{
    struct thing *t = &d->thing;
    bool *keep = xcalloc(t->num_asks + 1, sizeof(*keep));

    for (size_t i = 0; i < t->num_asks; i++)
        keep[i] = t->asks[i].state == ASK_OWN; /* in the order of the document's hosts */
    put(p, t, ROUTE_KIND_ROUTE, intent_route_value(d->intent, keep));
    free(keep);
}

static void write_document(struct plan *p, struct document *d)
{
    switch (d->kind) {
    case INTENT_ROUTE:
        write_route(p, d);
        break;
    case INTENT_POOL:
        put(p, &d->thing, ROUTE_KIND_POOL, xstrdup(d->intent->as.pool.table_value));
        if (d->endpoints != NULL)
            put(p, &d->thing, ROUTE_KIND_ENDPOINTS, xstrdup(d->endpoints));
        break;
    case INTENT_ENDPOINTS:
        put(p, &d->thing, ROUTE_KIND_ENDPOINTS, xstrdup(d->intent->as.table_value));
        break;
    default: /* gateways of this build terminate no TLS: certificates stay out */
        break;
    }
}

static void write_thing(struct plan *p, struct thing *t)
{
    if (t->gone || !thing_serves(t))
        return;
    t->in = t->table;
    t->in_tenant = xstrdup(t->tenant->name);
    t->in_name = t->is_service ? xstrdup(unit_of(t)->name)
                               : intent_table_name(t->tenant->name, document_of(t)->intent->name);
    arrive(p, t->in, t->in_tenant);
    if (t->is_service)
        write_unit(p, unit_of(t));
    else
        write_document(p, document_of(t));
}

/* ---- hosts that services share ---- */

void host_emits(struct plan *p, struct host *h)
{
    if (h->emits || (h->num_groups == 0 && h->shared_in.num == 0))
        return;
    h->emits = true;
    queue_add(&p->host_emits, h);
}

static char *shared_name(const struct host *h)
{
    return xasprintf("host:%s", h->name);
}

static void withdraw_host(struct plan *p, struct host *h)
{
    char *name = shared_name(h);

    for (size_t i = 0; i < h->shared_in.num; i++)
        table_set(p, h->shared_in.all[i], ROUTE_KIND_ROUTE, name, NULL);
    h->shared_in.num = 0;
    free(name);
}

/* In proportion to the running tasks of each, which is how a canary is made. */
static char *shared_route(const struct host *h, const struct group *g)
{
    struct value_forward forward[ROUTE_FORWARD_MAX];
    const char *host = h->name;
    size_t total = 0;

    for (size_t i = 0; i < g->num; i++)
        total += unit_of(g->members[i]->thing)->num_endpoints;
    for (size_t i = 0; i < g->num; i++) {
        const struct unit *u = unit_of(g->members[i]->thing);

        forward[i] = (struct value_forward){u->name, total > 0 ? u->num_endpoints : 1};
    }
    return value_route(tenant_in_table(h->holder), &host, 1, forward, g->num);
}

static void write_host(struct plan *p, struct host *h)
{
    char *name = shared_name(h);

    for (size_t i = 0; i < h->num_groups; i++) {
        const struct group *g = &h->groups[i];

        table_set(p, g->table, ROUTE_KIND_ROUTE, name, shared_route(h, g));
        queue_add(&h->shared_in, g->table);
    }
    free(name);
}

/* ---- all of it ---- */

static void withdraw_all(struct plan *p)
{
    for (size_t i = 0; i < p->emits.num; i++) {
        struct thing *t = p->emits.all[i];

        withdraw(p, t);
        for (size_t k = 0; k < t->num_asks; k++)
            if (t->asks[k].state == ASK_SHARED)
                host_emits(p, t->asks[k].host); /* its share may be another */
    }
    for (size_t i = 0; i < p->host_emits.num; i++)
        withdraw_host(p, p->host_emits.all[i]);
}

void emit_all(struct plan *p)
{
    withdraw_all(p);
    for (size_t i = 0; i < p->emits.num; i++) {
        struct thing *t = p->emits.all[i];

        t->queued &= ~(unsigned)THING_EMIT;
        write_thing(p, t);
    }
    for (size_t i = 0; i < p->host_emits.num; i++) {
        struct host *h = p->host_emits.all[i];

        h->emits = false;
        write_host(p, h);
    }
    p->emits.num = 0;
    p->host_emits.num = 0;
}
