/*
 * What a write would take from tenants that have no part in it. Ages say who has a host, and the
 * age of a document is that of its first write: without this an old route could be changed, or
 * brought back by a rollback, to ask for a host that somebody younger has in service. The plan
 * knows no before and after, so it cannot say this; labels, which say their age themselves, go by
 * it.
 */
#include <string.h>

#include "clusters/write_priv.h"
#include "gateway/core/check.h"

struct harm {
    const struct write *w;
    struct errs *faults;
    size_t before;
};

static bool is_operators(enum intent_kind kind)
{
    return kind == INTENT_CLUSTER || kind == INTENT_TENANT || kind == INTENT_OWNERSHIP ||
           kind == INTENT_SETTINGS;
}

static bool takes_part(const struct write *w, const char *tenant)
{
    for (size_t i = 0; i < w->num_ops; i++)
        if (strcmp(w->ops[i].tenant, tenant) == 0)
            return true;
    return false;
}

/* Which host of the op's route takes it; -1: none. */
static long taker(const struct write *w, const struct write_op *op, const char *host)
{
    const struct intent *i = op->kind == INTENT_ROUTE && op->value != NULL
                                 ? plan_intent(w->owner->plan, op->kind, op->tenant, op->name)
                                 : NULL;

    for (size_t k = 0; i != NULL && k < i->as.route.num_hosts; k++)
        if (intent_host_covered(i->as.route.hosts[k], host))
            return (long)k;
    return -1;
}

static void on_loss(void *arg, const char *host, const char *tenant)
{
    struct harm *h = arg;
    const char *holder = plan_holder(h->w->owner->plan, host);
    char field[ERR_FIELD_MAX] = "/0"; /* a pin, whose labels say it */
    struct err why;
    long k = -1;

    /* What a tenant gives up may go to whoever waited for longest; that is none of its doing. */
    if (takes_part(h->w, tenant) || holder == NULL || !takes_part(h->w, holder))
        return;
    for (size_t i = 0; i < h->w->num_ops && k < 0; i++) {
        k = taker(h->w, &h->w->ops[i], host);
        if (k >= 0)
            (void)snprintf(field, sizeof field, "/%zu/hosts/%ld", i, k);
    }
    err_set(&why, "Conflicted", field, "The host belongs to somebody else.");
    errs_add(h->faults, &why);
}

bool write_harms_nobody(const struct write *w, struct errs *faults)
{
    struct harm h = {w, faults, faults->num};
    bool asks = false;

    for (size_t i = 0; i < w->num_ops; i++) {
        if (is_operators(w->ops[i].kind))
            return true;
        asks = asks || w->ops[i].value != NULL;
    }
    if (!asks) /* who gives things up may always */
        return true;
    plan_each_loss(w->owner->plan, on_loss, &h);
    return faults->num == h.before;
}
