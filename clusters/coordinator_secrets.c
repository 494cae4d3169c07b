/*
 * Swarm's secrets: what the observer lists is given to the plan, and kept in the store for the
 * first answers after a start. A store that does not take it is asked again with the next turn: it
 * is nothing that anybody was promised. Called by coordinator.c.
 */
#include <string.h>

#include "clusters/coordinator_priv.h"
#include "clusters/swarm/secrets.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

static void plan_them(struct coordinator *c)
{
    struct plan_secret *all = xcalloc(c->secrets->num + 1, sizeof *all);

    for (size_t i = 0; i < c->secrets->num; i++)
        all[i] = (struct plan_secret){c->secrets->all[i].name, c->secrets->all[i].tenant};
    plan_secrets(c->plan, all, c->secrets->num);
    free(all);
}

static bool same(const struct secrets *a, const struct secrets *b)
{
    if (a == NULL || a->num != b->num)
        return false;
    for (size_t i = 0; i < a->num; i++)
        if (!secret_same(&a->all[i], &b->all[i]))
            return false;
    return true;
}

void coordinator_on_secrets(void *arg, struct secrets *owned)
{
    struct coordinator *c;
    bool first;

    OBJ_CAST(c, arg, COORDINATOR_MAGIC);
    first = !c->secrets_read;
    c->secrets_read = true;
    if (!first && same(c->secrets, owned)) {
        secrets_free(owned);
        return;
    }
    if (c->secrets != c->secrets_kept)
        secrets_free(c->secrets);
    c->secrets = owned;
    plan_them(c);
    coordinator_turn_soon(c);
}

/* ---- to the store and back ----------------------------------------------------------------------
 */

/* Both are sorted by id. */
struct difference {
    struct store_secret *set;
    size_t num_set;
    const char **gone;
    size_t num_gone;
};

static struct store_secret row_of(const struct secret *s)
{
    return (struct store_secret){s->id,         s->name,   s->version, s->created_at,
                                 s->updated_at, s->labels, s->tenant,  s->expires};
}

static struct difference differ(const struct secrets *was, const struct secrets *now)
{
    static const struct secrets none = {0};
    const struct secrets *old = was != NULL ? was : &none;
    struct difference d = {.set = xcalloc(now->num + 1, sizeof *d.set),
                           .gone = xcalloc(old->num + 1, sizeof *d.gone)};
    size_t i = 0, k = 0;

    while (i < old->num || k < now->num) {
        int order = i == old->num ? 1 : k == now->num ? -1 : strcmp(old->all[i].id, now->all[k].id);

        if (order < 0) {
            d.gone[d.num_gone++] = old->all[i++].id;
            continue;
        }
        if (order > 0 || !secret_same(&old->all[i], &now->all[k]))
            d.set[d.num_set++] = row_of(&now->all[k]);
        i += order == 0;
        k++;
    }
    return d;
}

void coordinator_remember_secrets(struct coordinator *c)
{
    struct err why = {0};
    struct difference d;

    if (c->store == NULL || c->batch != NULL || c->secrets == c->secrets_kept)
        return;
    d = differ(c->secrets_kept, c->secrets);
    if (store_keep_secrets(c->store, d.set, d.num_set, d.gone, d.num_gone, &why)) {
        secrets_free(c->secrets_kept);
        c->secrets_kept = c->secrets;
    } else {
        log_debug("what is known of secrets is not kept: %s", why.text);
    }
    free(d.set);
    free(d.gone);
}

static void on_row(void *arg, const struct store_secret *x)
{
    struct secrets *s = arg;

    if ((s->num & (s->num - 1)) == 0) /* at 0 and at each power of two */
        s->all = xrealloc(s->all, (s->num > 0 ? s->num * 2 : 1) * sizeof s->all[0]);
    s->all[s->num++] = (struct secret){
        xstrdup(x->id),         xstrdup(x->name),   x->version,         xstrdup(x->created_at),
        xstrdup(x->updated_at), xstrdup(x->labels), xstrdup(x->tenant), xstrdup(x->expires)};
}

void coordinator_recall_secrets(struct coordinator *c)
{
    struct secrets *kept = xcalloc(1, sizeof *kept);
    struct err why = {0};

    if (!store_each_secret(c->store, on_row, kept, &why)) {
        log_warn("what was known of secrets is not read: %s", why.text);
        secrets_free(kept);
        return;
    }
    if (c->secrets_kept != c->secrets || !c->secrets_read)
        secrets_free(c->secrets_kept);
    c->secrets_kept = kept;
    if (c->secrets_read)
        return;
    c->secrets = kept;
    if (kept->num > 0)
        plan_them(c);
}

void coordinator_secrets_free(struct coordinator *c)
{
    if (c->secrets_kept != c->secrets)
        secrets_free(c->secrets_kept);
    secrets_free(c->secrets);
}

/* ---- what the admin API reads -------------------------------------------------------------------
 */

void coordinator_each_secret(const struct coordinator *c, coordinator_secret_fn *fn, void *arg)
{
    for (size_t i = 0; c->secrets != NULL && i < c->secrets->num; i++)
        fn(arg, &c->secrets->all[i]);
}

bool coordinator_has_listed_secrets(const struct coordinator *c)
{
    return c->secrets_read;
}
