/*
 * Claims: the hosts that tenants' documents give them. The most specific claim decides, between
 * equal ones the tenant that is older. They count in `enforced` ownership only.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

static bool same_claims(const struct intent_tenant *a, const struct intent_tenant *b)
{
    size_t num_a = a != NULL ? a->num_claims : 0;
    size_t num_b = b != NULL ? b->num_claims : 0;

    if (num_a != num_b)
        return false;
    for (size_t i = 0; i < num_a; i++)
        if (strcmp(a->claims[i], b->claims[i]) != 0)
            return false;
    return true;
}

static bool is_older(const struct tenant *a, const struct tenant *b)
{
    if (a->doc->intent->created_ms != b->doc->intent->created_ms)
        return a->doc->intent->created_ms < b->doc->intent->created_ms;
    return strcmp(a->name, b->name) < 0;
}

static void add(struct plan *p, const char *claim, struct tenant *t)
{
    struct queue *who = map_get(&p->claims, str_from(claim));

    if (who == NULL) {
        who = xcalloc(1, sizeof(*who));
        map_put(&p->claims, str_from(claim), who);
    }
    queue_add(who, t);
}

static void drop(struct plan *p, const char *claim, const struct tenant *t)
{
    struct queue *who = map_get(&p->claims, str_from(claim));

    queue_remove(who, t);
    if (who->num > 0)
        return;
    (void)map_remove(&p->claims, str_from(claim));
    queue_free(who);
    free(who);
}

void claims_change(struct plan *p, struct tenant *t, const struct intent *was,
                   const struct intent *now)
{
    const struct intent_tenant *old = was != NULL ? &was->as.tenant : NULL;
    const struct intent_tenant *new = now != NULL ? &now->as.tenant : NULL;
    struct map changed = {0};

    if (was != NULL && now != NULL && was->created_ms == now->created_ms && same_claims(old, new))
        return;
    for (size_t i = 0; old != NULL && i < old->num_claims; i++) {
        drop(p, old->claims[i], t);
        map_put(&changed, str_from(old->claims[i]), t);
    }
    for (size_t i = 0; new != NULL &&i < new->num_claims; i++) {
        add(p, new->claims[i], t);
        map_put(&changed, str_from(new->claims[i]), t);
    }
    if (p->enforced) {
        hosts_queue_under(p, &changed);
        guards_places(p, &changed);
    }
    map_free(&changed, NULL);
}

static struct tenant *oldest(const struct queue *who)
{
    struct tenant *best = NULL;

    for (size_t i = 0; who != NULL && i < who->num; i++)
        if (best == NULL || is_older(who->all[i], best))
            best = who->all[i];
    return best;
}

struct tenant *claims_holder(const struct plan *p, const char *host)
{
    struct tenant *t = oldest(map_get(&p->claims, str_from(host)));
    const char *at = host;
    char above[HOST_ABOVE_MAX];

    while (t == NULL && host_above(&at, above))
        t = oldest(map_get(&p->claims, str_from(above)));
    return t != NULL ? t : oldest(map_get(&p->claims, STR("*")));
}

struct tenant *claims_other(const struct plan *p, const char *claim, const char *tenant)
{
    const struct queue *who = map_get(&p->claims, str_from(claim));

    for (size_t i = 0; who != NULL && i < who->num; i++)
        if (strcmp(((struct tenant *)who->all[i])->name, tenant) != 0)
            return who->all[i];
    return NULL;
}
