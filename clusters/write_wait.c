/*
 * Who waits for a commit to be everywhere: until every live gateway of the changed clusters serves
 * it, or until Swarm's own store has it. A gateway whose lease has lapsed, and which no task
 * accounts for, is unknown: it never counts as having the commit. One that refused an object of the
 * commit does not have it either. Called by coordinator.c at each word of a gateway.
 */
#include <string.h>

#include "clusters/gateways.h"
#include "clusters/write_priv.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"

enum { DURABLE_MS = 10000, OBJECT_TEXT_MAX = 8 << 10 };

struct laggards {
    const struct write *w;
    const struct cluster *cl;
    struct write_laggard *all;
    size_t num;
};

static const char *state_name(enum coordinator_gateway_state state)
{
    switch (state) {
    case COORDINATOR_GATEWAY_LIVE:
        return "live";
    case COORDINATOR_GATEWAY_SILENT:
        return "silent";
    case COORDINATOR_GATEWAY_GONE:
        return "gone";
    case COORDINATOR_GATEWAY_UNKNOWN:
    case COORDINATOR_GATEWAY_STATE__COUNT:
        break;
    }
    return "unknown";
}

/* The refusals are printed by publish/report.c, kind and name first. */
static bool refused_one(const struct laggards *l, const char *refusals_json)
{
    const struct plan_delta *delta = &l->w->delta;
    bool found = false;
    struct buf b;

    if (strcmp(refusals_json, "[]") == 0)
        return false;
    buf_init(&b, OBJECT_TEXT_MAX);
    for (size_t i = 0; i < delta->num && !found; i++) {
        const struct plan_change *ch = &delta->changes[i];

        buf_clear(&b);
        found = strcmp(ch->cluster, l->cl->name) == 0 &&
                buf_add_fmt(&b, "{\"kind\":\"%s\",\"name\":", route_kind_name(ch->kind)) &&
                buf_add_json(&b, str_from(ch->name)) && strstr(refusals_json, b.bytes) != NULL;
    }
    buf_free(&b);
    return found;
}

static bool has_it(const struct laggards *l, const struct coordinator_gateway *g)
{
    return g->state != COORDINATOR_GATEWAY_UNKNOWN && strcmp(g->epoch, l->cl->epoch) == 0 &&
           g->applied >= l->w->commit && !refused_one(l, g->refusals_json);
}

static void on_gateway(void *arg, const struct coordinator_gateway *g)
{
    struct laggards *l = arg;

    if (g->state == COORDINATOR_GATEWAY_GONE || has_it(l, g))
        return;
    l->all = xrealloc(l->all, (l->num + 1) * sizeof l->all[0]);
    l->all[l->num++] = (struct write_laggard){
        .cluster = l->cl->name,
        .gateway = g->id, /* lives as long as the register's next news */
        .node = g->node,
        .state = state_name(g->state),
        .applied = g->applied,
        .refusals_json = g->refusals_json,
    };
}

static bool is_tenants(const struct write *w)
{
    for (size_t i = 0; i < w->num_ops; i++)
        if (w->ops[i].tenant[0] == '\0')
            return false;
    return true;
}

/* The gateways of a cluster where a tenant's write makes guards only are none of its business. */
static bool touches(const struct write *w, const struct cluster *cl)
{
    bool guards = !is_tenants(w);

    for (size_t i = 0; i < w->delta.num; i++) {
        const struct plan_change *c = &w->delta.changes[i];

        if (strcmp(c->cluster, cl->name) == 0 && (guards || !plan_is_guard(c->name)))
            return true;
    }
    return false;
}

/* A write that found everything as it is waits for the clusters of its documents. */
static bool names(const struct write *w, const struct cluster *cl)
{
    for (size_t i = 0; !w->changed && i < w->num_ops; i++) {
        const struct intent *in =
            plan_intent(w->owner->plan, w->ops[i].kind, w->ops[i].tenant, w->ops[i].name);

        if (in != NULL && in->cluster != NULL && strcmp(in->cluster, cl->name) == 0)
            return true;
    }
    return false;
}

static struct laggards find_laggards(const struct write *w, bool *out_held)
{
    struct coordinator *c = w->owner;
    struct laggards l = {.w = w};

    *out_held = false;
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (!touches(w, c->clusters[i]) && !names(w, c->clusters[i]))
            continue;
        l.cl = c->clusters[i];
        *out_held = *out_held || l.cl->held != HELD_NOT || !l.cl->served;
        gateways_each(l.cl->gateways, c->view, clock_mono_ms(), on_gateway, &l);
        gateways_each_missing(l.cl->gateways, c->view, on_gateway, &l);
    }
    return l;
}

/* True: it was answered, and is in no list any more. */
static bool review(struct write *w, int64_t now_ms)
{
    bool wants_applied = w->wait_ms > 0;
    bool held = false;
    struct laggards l = {0};
    struct err why = {0};
    bool in_vain;
    bool done;

    if (wants_applied)
        l = find_laggards(w, &held);
    w->applied = wants_applied && l.num == 0 && !held;
    w->in_swarm = coordinator_durable(w->owner) >= w->commit;
    in_vain = w->durable && !w->in_swarm && !coordinator_may_be_durable(w->owner, &why);
    done = (w->applied || !wants_applied) && (w->in_swarm || !w->durable || in_vain);
    if (done || now_ms >= w->deadline_ms) {
        TAILQ_REMOVE(&w->owner->waiting, w, next);
        write_answer(w, l.all, l.num);
        done = true;
    }
    free(l.all);
    return done;
}

/* An unchanged document is served since the commit that set it. */
static void find_commit(struct write *w)
{
    uint64_t newest = 0;

    for (size_t i = 0; i < w->num_ops; i++) {
        struct write_document d;

        if (coordinator_document(w->owner, w->ops[i].kind, w->ops[i].tenant, w->ops[i].name, &d) &&
            d.set_by > newest)
            newest = d.set_by;
    }
    if (newest != 0)
        w->commit = newest;
}

void write_wait_begin(struct write *w)
{
    int64_t now_ms = clock_mono_ms();
    int64_t wait_ms = w->durable && w->wait_ms < DURABLE_MS ? DURABLE_MS : w->wait_ms;

    if (!w->changed)
        find_commit(w);
    w->stage = WRITE_WAITING;
    w->deadline_ms = now_ms + wait_ms;
    TAILQ_INSERT_TAIL(&w->owner->waiting, w, next);
    (void)review(w, now_ms);
}

void write_wait_review(struct coordinator *c, const struct cluster *cl)
{
    int64_t now_ms = clock_mono_ms();
    struct write *next;

    for (struct write *w = TAILQ_FIRST(&c->waiting); w != NULL; w = next) {
        next = TAILQ_NEXT(w, next);
        if (cl == NULL || touches(w, cl) || !w->changed)
            (void)review(w, now_ms);
    }
}
