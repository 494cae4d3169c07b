/*
 * What the admin API reads of the coordinator: lent for the turn, never changed. Called by
 * admin/api.
 */
#include <string.h>

#include "clusters/coordinator_priv.h"
#include "clusters/gateways.h"
#include "clusters/publish/publish.h"
#include "clusters/swarm/observe.h"
#include "clusters/write_priv.h"
#include "gateway/core/clock.h"

enum { STALE_MS = 60000 /* without one good reading the coordinator is not ready */ };

/* Of what Swarm holds, as one write before all others. */
static bool takes_from_swarm(const struct coordinator *c)
{
    const struct write *queued = TAILQ_FIRST(&c->queued);
    const struct write *batched = TAILQ_FIRST(&c->batched);

    return (queued != NULL && queued->restored) || (batched != NULL && batched->restored);
}

bool coordinator_ready(const struct coordinator *c, struct err *why)
{
    const struct observe_health *h = observe_health(c->observe);
    int64_t age = clock_mono_ms() - h->last_good_mono_ms;

    if (c->store_failure.code != NULL)
        return err_set(why, c->store_failure.code, "", "%s", c->store_failure.text);
    if (c->planned == NULL)
        return err_set(why, "NotRead", "", "the swarm has not been read yet%s%s",
                       h->last_error.code != NULL ? ": " : "", h->last_error.text);
    if (age > STALE_MS)
        return err_set(why, "Stale", "", "the swarm was last read %lld s ago%s%s",
                       (long long)(age / 1000), h->last_error.code != NULL ? ": " : "",
                       h->last_error.text);
    if (!coordinator_may_commit(c, why))
        return false;
    if (takes_from_swarm(c))
        return err_set(why, "NotRead", "", "what Swarm's store holds is not in this one yet");
    for (size_t i = 0; i < c->num_clusters; i++) {
        if (c->clusters[i]->why.code != NULL) {
            *why = c->clusters[i]->why;
            return false;
        }
        if (!c->clusters[i]->served)
            return err_set(why, "NotPublished", "",
                           "the first table of cluster %s is on its way to the store",
                           c->clusters[i]->name);
    }
    return true;
}

bool coordinator_has_cluster(const struct coordinator *c, const char *cluster)
{
    return coordinator_find(c, cluster) != NULL;
}

uint64_t coordinator_revision(const struct coordinator *c, const char *cluster)
{
    const struct cluster *cl = coordinator_find(c, cluster);

    return cl != NULL ? cl->revision : 0;
}

uint16_t coordinator_stream_port(const struct coordinator *c)
{
    return publish_port(c->publish);
}

bool coordinator_has_read(const struct coordinator *c)
{
    return c->planned != NULL;
}

uint64_t coordinator_service_commit(const struct coordinator *c, const char *cluster,
                                    const char *service)
{
    const struct cluster *cl = coordinator_find(c, cluster);
    const struct stamp *s = cl != NULL ? map_get(&cl->commits, str_from(service)) : NULL;

    return s != NULL ? s->commit : 0;
}

void coordinator_each_gateway(const struct coordinator *c, const char *cluster,
                              coordinator_gateway_fn *fn, void *arg)
{
    const struct cluster *cl = coordinator_find(c, cluster);

    if (cl != NULL)
        gateways_each(cl->gateways, c->view, clock_mono_ms(), fn, arg);
}

bool coordinator_cluster(const struct coordinator *c, const char *cluster,
                         struct coordinator_cluster *out)
{
    const struct cluster *cl = coordinator_find(c, cluster);

    if (cl == NULL)
        return false;
    *out = (struct coordinator_cluster){
        .served = cl->served,
        .held = cl->held != HELD_NOT || cl->outdated || !cl->served,
        .why = cl->why,
        .epoch = cl->epoch,
        .revision = cl->revision,
        .routes = cl->facts.routes,
        .held_routes = cl->facts.held,
        .expected = cl->facts.expected,
        .answered = cl->facts.answered,
    };
    return true;
}
