/*
 * Lets clusters go: gathers what hold.h judges by, and takes a later epoch where a live gateway
 * holds one, because it would refuse ours. Called by coordinator.c at each new picture, at each
 * word of a gateway and each second, and does nothing for a cluster that is published.
 */
#include <string.h>

#include "clusters/coordinator_priv.h"
#include "clusters/gateways.h"
#include "clusters/publish/epoch.h"
#include "clusters/publish/publish.h"
#include "clusters/swarm/view.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

enum {
    RENEW_EVERY_MS = 10000, /* whoever has the cluster's token can make us take a later epoch */
    LOG_EVERY_MS = 60000
};

void coordinator_hold_begin(struct coordinator *c)
{
    for (size_t i = 0; i < c->num_clusters; i++) {
        struct cluster *cl = c->clusters[i];

        if (cl->held == HELD_NOT && c->view->num_services == 0 &&
            cl->backlog.num_routes > plan_num_routes(c->plan, cl->name))
            cl->held = HELD_EMPTY;
        cl->since_ms = c->first_view_ms;
    }
}

static struct hold_facts gather(const struct coordinator *c, const struct cluster *cl,
                                const struct gateways_claims *claims, int64_t now_ms)
{
    int64_t since_ms = cl->since_ms > c->first_view_ms ? cl->since_ms : c->first_view_ms;

    return (struct hold_facts){
        .read = c->planned != NULL,
        .accept_empty = c->config.accept_empty,
        .routes = plan_num_routes(c->plan, cl->name),
        .held = claims->routes,
        .gateway = claims->gateway,
        .expected = claims->expected,
        .answered = claims->answered,
        .all_known = claims->all_known,
        .waited_ms = now_ms - since_ms,
    };
}

/* These two wait for a picture only: their tables were never in doubt. */
static bool has_its_picture(const struct coordinator *c, const struct cluster *cl)
{
    return c->planned != NULL &&
           (cl->held == HELD_RETURNED || (cl->held == HELD_EMPTY && c->view->num_services > 0));
}

static void tell(struct cluster *cl, const struct err *why, int64_t now_ms)
{
    if (cl->why.code != why->code || now_ms - cl->why_logged_ms >= LOG_EVERY_MS) {
        log_warn("%s", why->text);
        cl->why_logged_ms = now_ms;
    }
    cl->why = *why;
}

/* False: not now; cl->why says it. */
static bool renew_epoch(struct coordinator *c, struct cluster *cl,
                        const struct gateways_claims *claims, int64_t now_ms)
{
    const char *theirs = epoch_is_later(claims->epoch, cl->epoch) ? claims->epoch : cl->epoch;
    char before[STORE_EPOCH_MAX];
    uint64_t after_ms = 0;
    struct err e = {0};
    struct err why = {0};

    if (cl->renewed_ms != 0 && now_ms - cl->renewed_ms < RENEW_EVERY_MS)
        return false;
    if (!epoch_ms(theirs, &after_ms))
        WRONG("an epoch of ours, or later than ours, is one");
    memcpy(before, cl->epoch, sizeof before);
    if (!store_renew_epoch(c->store, cl->name, after_ms, cl->epoch, &e)) {
        err_set(&why, e.code, cl->name, "cluster %s needs an epoch later than %s: %s", cl->name,
                theirs, e.text);
        tell(cl, &why, now_ms);
        return false;
    }
    cl->renewed_ms = now_ms;
    publish_epoch(c->publish, cl->name, cl->epoch);
    log_warn("cluster %s: a gateway holds a later table (epoch %s, revision %llu) than this store "
             "(%s, %llu); its epoch is %s from now on",
             cl->name, claims->epoch, (unsigned long long)claims->revision, before,
             (unsigned long long)cl->revision, cl->epoch);
    return true;
}

static void let_go(struct cluster *cl)
{
    if (cl->why.code != NULL)
        log_info("cluster %s is published: %llu routes in the swarm, at most %llu in a gateway "
                 "(%zu of %zu have answered)",
                 cl->name, (unsigned long long)cl->facts.routes, (unsigned long long)cl->facts.held,
                 cl->facts.answered, cl->facts.expected);
    cl->held = HELD_NOT;
    cl->outdated = false;
    cl->ahead = false;
    cl->why = (struct err){0};
}

static bool review(struct coordinator *c, struct cluster *cl, int64_t now_ms)
{
    struct gateways_claims claims;
    struct err why = {0};
    bool later;

    gateways_sum(cl->gateways, c->view, now_ms, cl->epoch, &claims);
    cl->ahead = cl->ahead || claims.revision > cl->revision;
    later = cl->ahead || epoch_is_later(claims.epoch, cl->epoch);
    if (later && !cl->outdated && cl->held == HELD_NOT)
        cl->since_ms = now_ms;
    cl->outdated = later;
    cl->facts = gather(c, cl, &claims, now_ms);
    if (cl->held == HELD_NOT && !later) {
        let_go(cl);
        return false;
    }
    if ((later || !has_its_picture(c, cl)) && hold_judge(&cl->facts) != HOLD_SERVE) {
        hold_explain(&cl->facts, cl->name, &why);
        tell(cl, &why, now_ms);
        return false;
    }
    if (later && !renew_epoch(c, cl, &claims, now_ms))
        return false;
    let_go(cl);
    return true;
}

bool coordinator_hold_review(struct coordinator *c)
{
    int64_t now_ms = clock_mono_ms();
    bool any = false;

    for (size_t i = 0; i < c->num_clusters && c->store != NULL && c->batch == NULL; i++)
        any = review(c, c->clusters[i], now_ms) || any;
    return any;
}
