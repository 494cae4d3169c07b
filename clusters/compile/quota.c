/*
 * Quotas of what a tenant may have. Its things are gone through oldest first; what does not fit any
 * more is left out, what fits counts. So it is always the newest that is refused, and one that is
 * too big by itself hurts itself only.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

/* What is left, as the walk goes on; -1: no limit. */
struct left {
    struct intent_quotas of;
    struct map hosts; /* that count already */
};

bool tenant_limited(const struct tenant *t)
{
    const struct intent_tenant *doc = tenant_doc(t);

    return doc != NULL && (doc->quotas.routes >= 0 || doc->quotas.hosts >= 0 ||
                           doc->quotas.certificates >= 0 || doc->quotas.endpoints >= 0);
}

static int compare_ages(const void *a, const void *b)
{
    return age_order(&(*(struct thing *const *)a)->age, &(*(struct thing *const *)b)->age);
}

static struct thing **oldest_first(const struct tenant *t, size_t *out_num)
{
    struct thing **all;
    size_t num = 0;

    for (struct thing *i = t->things; i != NULL; i = i->next)
        num++;
    all = xcalloc(num + 1, sizeof(struct thing *));
    *out_num = num;
    num = 0;
    for (struct thing *i = t->things; i != NULL; i = i->next)
        all[num++] = i;
    qsort(all, num, sizeof(struct thing *), compare_ages);
    return all;
}

static bool fits(int64_t left, size_t need)
{
    return left < 0 || (uint64_t)left >= need;
}

static void take(int64_t *left, size_t need)
{
    if (*left >= 0)
        *left -= (int64_t)need;
}

static size_t new_hosts(const struct left *left, const struct thing *t)
{
    size_t num = 0;

    for (size_t i = 0; i < t->num_hosts; i++)
        num += map_get(&left->hosts, str_from(t->hosts[i])) == NULL;
    return num;
}

/* Routes and labelled services. */
static const char *rank_route(struct left *left, struct thing *t)
{
    size_t hosts = left->of.hosts >= 0 ? new_hosts(left, t) : 0;

    if (!fits(left->of.routes, 1))
        return "routes";
    if (!fits(left->of.hosts, hosts))
        return "hosts";
    take(&left->of.routes, 1);
    take(&left->of.hosts, hosts);
    for (size_t i = 0; left->of.hosts >= 0 && i < t->num_hosts; i++)
        map_put(&left->hosts, str_from(t->hosts[i]), t);
    return NULL;
}

/* Endpoints that follow tasks: as many as fit. */
static size_t rank_tasks(struct left *left, const struct thing *t)
{
    size_t most;

    if (fits(left->of.endpoints, t->num_wanted)) {
        take(&left->of.endpoints, t->num_wanted);
        return SIZE_MAX; /* the same, whatever is left: nothing changes for this one */
    }
    most = (size_t)left->of.endpoints;
    left->of.endpoints = 0;
    return most;
}

static const char *rank_document(struct left *left, struct document *d)
{
    if (d->kind == INTENT_ROUTE)
        return rank_route(left, &d->thing);
    if (d->kind == INTENT_CERTIFICATE) {
        if (!fits(left->of.certificates, 1))
            return "certificates";
        take(&left->of.certificates, 1);
    } else if (d->kind == INTENT_ENDPOINTS) {
        if (!fits(left->of.endpoints, d->num_endpoints))
            return "endpoints";
        take(&left->of.endpoints, d->num_endpoints);
    }
    return NULL;
}

static void rank_thing(struct plan *p, struct left *left, struct thing *t)
{
    const char *over = NULL;
    size_t most = SIZE_MAX;

    if (t->usable && !t->duplicate) {
        over = t->is_service ? rank_route(left, t) : rank_document(left, document_of(t));
        if (over == NULL && t->num_wanted > 0)
            most = rank_tasks(left, t);
    }
    if (over != t->over && (over == NULL || t->over == NULL || strcmp(over, t->over) != 0))
        thing_queue(p, t, THING_ASK | THING_EMIT);
    t->over = over;
    if (most != t->most)
        thing_queue(p, t, THING_JUDGE);
    t->most = most;
}

static void rank(struct plan *p, struct tenant *t)
{
    struct left left = {.of = {-1, -1, -1, -1}};
    struct thing **all;
    size_t num;

    if (!tenant_limited(t) && !t->ranked)
        return;
    t->ranked = tenant_limited(t);
    if (t->ranked)
        left.of = tenant_doc(t)->quotas;
    all = oldest_first(t, &num);
    for (size_t i = 0; i < num; i++)
        rank_thing(p, &left, all[i]);
    map_free(&left.hosts, NULL);
    free(all);
}

void tenants_rank(struct plan *p)
{
    for (size_t i = 0; i < p->tenants_queue.num; i++) {
        struct tenant *t = p->tenants_queue.all[i];

        if ((t->queued & TENANT_QUOTA) != 0)
            rank(p, t);
        t->queued &= ~(unsigned)TENANT_QUOTA;
    }
}
