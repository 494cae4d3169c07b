/*
 * What an API write is refused for once it was settled on trial, and who holds which host. Reads
 * the plan, changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

/* Refusals that are faults of the document itself. Others may mend themselves: a service that
 * comes, a network. */
static const char *const faults[] = {"UnknownTenant", "UnknownCluster", "NotAllowed",
                                     "FollowsService"};

/* The same word as a static string, or NULL. */
static const char *fault_code(const char *reason)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (strcmp(faults[i], reason) == 0)
            return faults[i];
    return NULL;
}

static void add(struct errs *e, const char *code, const char *field, const char *text)
{
    struct err one;

    err_set(&one, code, field, "%s", text);
    errs_add(e, &one);
}

static void judge_local(const struct document *d, struct errs *e)
{
    for (size_t i = 0; i < d->local.num; i++) {
        const struct compile_condition *c = &d->local.all[i];
        const char *code = fault_code(c->reason);

        if (code != NULL && strcmp(c->type, COMPILE_ACCEPTED) == 0)
            add(e, code, c->label, c->message);
    }
}

static void judge_hosts(const struct thing *t, struct errs *e)
{
    char field[32];

    for (size_t i = 0; i < t->num_asks; i++) {
        snprintf(field, sizeof(field), "/hosts/%zu", i);
        if (t->asks[i].state == ASK_TAKEN)
            add(e, "Conflicted", field, "The host belongs to somebody else.");
        else if (t->asks[i].state == ASK_UNCLAIMED)
            add(e, "NotClaimed", field,
                "The host is not among those that are given to the tenant.");
        else if (t->asks[i].state == ASK_BEATEN)
            add(e, "Conflicted", field,
                "An older route or service of the tenant asks for the same requests of this host.");
    }
}

static void judge_thing(const struct document *d, struct errs *e)
{
    char text[ERR_TEXT_MAX];

    judge_local(d, e);
    if (d->thing.over != NULL) {
        snprintf(text, sizeof(text), "The tenant's quota of %s is used up.", d->thing.over);
        add(e, "QuotaExceeded", "", text);
    }
    judge_hosts(&d->thing, e);
}

/* ---- documents that are no things ---- */

static void judge_tenant(const struct plan *p, const struct intent *i, struct errs *e)
{
    const struct intent_tenant *doc = &i->as.tenant;
    char field[48];

    for (size_t k = 0; k < doc->num_clusters; k++) {
        snprintf(field, sizeof(field), "/clusters/%zu", k);
        if (table_there(p, doc->clusters[k]) == NULL)
            add(e, "UnknownCluster", field, "There is no such service cluster.");
    }
    for (size_t k = 0; k < doc->num_claims; k++) {
        snprintf(field, sizeof(field), "/hosts/%zu", k);
        if (claims_other(p, doc->claims[k], i->name) != NULL)
            add(e, "Conflicted", field, "Another tenant has this claim.");
    }
}

static void judge_settings(const struct plan *p, const struct intent *i, struct errs *e)
{
    if (table_there(p, i->name) == NULL)
        add(e, "UnknownCluster", "", "There is no such service cluster.");
}

bool plan_judge(const struct plan *p, enum intent_kind kind, const char *tenant, const char *name,
                struct errs *e)
{
    const struct document *d = document_find(p, kind, tenant, name);
    size_t before = e->num;

    if (d == NULL || d->intent == NULL)
        return true;
    if (document_is_thing(kind))
        judge_thing(d, e);
    else if (kind == INTENT_TENANT)
        judge_tenant(p, d->intent, e);
    else if (kind == INTENT_SETTINGS)
        judge_settings(p, d->intent, e);
    return e->num == before;
}

/* ---- hosts ---- */

void plan_each_loss(const struct plan *p, plan_loss_fn *fn, void *arg)
{
    for (size_t i = 0; i < p->losses.num; i++) {
        const struct ask *a = p->losses.all[i];

        fn(arg, a->host->name, a->thing->tenant->name);
    }
}

static int compare_hosts(const void *a, const void *b)
{
    return strcmp((*(struct host *const *)a)->name, (*(struct host *const *)b)->name);
}

void plan_each_holding(const struct plan *p, plan_holding_fn *fn, void *arg)
{
    struct host **sorted = xcalloc(p->hosts.len + 1, sizeof(struct host *));
    size_t pos = 0;
    size_t num = 0;
    struct str key;
    void *found;

    while (map_next(&p->hosts, &pos, &key, &found))
        if (((struct host *)found)->holder != NULL)
            sorted[num++] = found;
    qsort(sorted, num, sizeof(struct host *), compare_hosts);
    for (size_t i = 0; i < num; i++) {
        const struct tenant *t = sorted[i]->holder;

        fn(arg,
           &(struct plan_holding){sorted[i]->name, t->name, claims_holder(p, sorted[i]->name) == t,
                                  claims_other(p, sorted[i]->name, t->name) != NULL});
    }
    free(sorted);
}

const char *plan_holder(const struct plan *p, const char *host)
{
    const struct host *h = host_over(p, host);
    const struct tenant *t = p->enforced ? claims_holder(p, host) : h != NULL ? h->holder : NULL;

    return t != NULL ? t->name : NULL;
}
