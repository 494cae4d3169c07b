/*
 * The follower's end of the frames socket: frames go out, acks and nacks come back. Writes at once
 * what the socket takes and keeps the rest; whoever feeds it looks at proxy_link_queued and pauses.
 */
#ifndef GATEWAY_FOLLOWER_PROXY_LINK_H
#define GATEWAY_FOLLOWER_PROXY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"

struct event_base;
struct proxy_link;

struct proxy_link_config {
    struct event_base *base;
    int fd; /* a stream socket; becomes the link's */
    void (*on_ack)(void *arg, uint64_t revision);
    void (*on_nack)(void *arg, enum route_kind kind, const char *name, const struct err *why);
    void (*on_stats)(void *arg, struct str json); /* one object; lent for the call */
    void (*on_drained)(void *arg); /* everything queued has left; not called from proxy_link_send */
    void (*on_gone)(void *arg);    /* the proxy closed it; once */
    void *arg;
};

/* NULL with *e when the socket cannot be used; it is closed then. */
struct proxy_link *proxy_link_new(const struct proxy_link_config *config, struct err *e);
void proxy_link_free(struct proxy_link *l);

void proxy_link_send(struct proxy_link *l, struct str bytes); /* copies what cannot leave now */
size_t proxy_link_queued(const struct proxy_link *l);

#endif
