/*
 * What the gateways of one cluster last said of themselves. Memory only: a coordinator that starts
 * learns it anew from streams and reports. Who there was it is told from the store, so that nobody
 * who has not come back yet is taken for not being there. Time is given; pure otherwise.
 */
#ifndef CLUSTERS_GATEWAYS_H
#define CLUSTERS_GATEWAYS_H

#include "clusters/coordinator.h"
#include "clusters/publish/publish.h"
#include "clusters/swarm/view.h"
#include "gateway/core/buf.h"

enum { GATEWAYS_MAX = 1024, GATEWAYS_FORGET_MS = 600000, GATEWAYS_STATS_BYTES = 32 << 20 };

struct gateways;

struct gateways *gateways_new(void);
void gateways_free(struct gateways *g);

/*
 * Takes one piece of news. When there are too many gateways the one that was silent longest makes
 * room: one that is not live if there is one, else one that is no Swarm task and not connected.
 */
void gateways_take(struct gateways *g, const struct publish_news *news, const struct view *view,
                   int64_t now_ms);

/*
 * Forgets who is not connected and was silent for GATEWAYS_FORGET_MS, or whose task is gone; notes
 * who is a Swarm task. To be called every second or so.
 */
void gateways_sweep(struct gateways *g, const struct view *view, int64_t now_ms);

/* By id. The view says which ids are tasks and wanted; NULL: the lease alone decides. */
void gateways_each(const struct gateways *g, const struct view *view, int64_t now_ms,
                   coordinator_gateway_fn *fn, void *arg);
size_t gateways_len(const struct gateways *g);

/*
 * The tasks of its gateways' services that should be serving and have not spoken yet: live, as far
 * as anyone can know, with nothing applied. By id.
 */
void gateways_each_missing(const struct gateways *g, const struct view *view,
                           coordinator_gateway_fn *fn, void *arg);

/*
 * Who there is, as lines for the next start, and back from them: those are live for a lease from
 * then on, having said nothing. The version is another whenever the lines may be others. Lines that
 * cannot be read are left out.
 */
enum { GATEWAYS_TEXT_MAX = 512 << 10 };
uint64_t gateways_version(const struct gateways *g);
void gateways_write(const struct gateways *g, struct buf *out); /* room for GATEWAYS_TEXT_MAX */
void gateways_recall(struct gateways *g, const char *lines, int64_t now_ms);

/* What the live gateways hold, for hold.h. */
struct gateways_claims {
    size_t expected;     /* live gateways, and the running tasks of their services */
    size_t answered;     /* those of them that have said how many routes they hold */
    bool all_known;      /* there are some, and each is a Swarm task: there can be no others */
    uint64_t routes;     /* the most that one holds */
    const char *gateway; /* which one; lent until the next news; "" = none */
    const char *epoch;   /* the latest that one holds; lent likewise; "" = none */
    uint64_t revision;   /* the latest that one holds of the cluster's own epoch */
};

/* `epoch` is the cluster's own. */
void gateways_sum(const struct gateways *g, const struct view *view, int64_t now_ms,
                  const char *epoch, struct gateways_claims *out);

#endif
