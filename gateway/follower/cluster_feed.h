/*
 * One of the two sources of a follower: the table of a cluster, from the state directory at start
 * and from the coordinator's stream from then on, to the proxy and back as reports.
 */
#ifndef GATEWAY_FOLLOWER_CLUSTER_FEED_H
#define GATEWAY_FOLLOWER_CLUSTER_FEED_H

#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/str.h"
#include "gateway/follower/follower.h"
#include "gateway/route/route.h"

struct cluster_feed;
struct event_base;
struct proxy_link;

/* config and link are borrowed. What the state directory holds is on its way to the proxy at once.
 */
struct cluster_feed *cluster_feed_new(struct event_base *base, const struct follower_config *config,
                                      struct proxy_link *link, struct err *e);
void cluster_feed_free(struct cluster_feed *f);

/* What the proxy said. */
void cluster_feed_ack(struct cluster_feed *f, uint64_t revision);
void cluster_feed_nack(struct cluster_feed *f, enum route_kind kind, const char *name,
                       const struct err *why);
void cluster_feed_stats(struct cluster_feed *f, struct str json); /* for the next report */
void cluster_feed_drained(struct cluster_feed *f); /* it has taken everything that was queued */

#endif
