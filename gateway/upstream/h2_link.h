/*
 * Connections of HTTP/2 to endpoints: each carries many requests, and each of those is a struct
 * upstream_conn with a virtual socket. What a request needs of it is in upstream.h; this is for the
 * files of this folder.
 *
 * A link takes streams up to the peer's limit, while it connects as well; when all are full, one
 * more is opened. It lives until it has been idle for as long as a kept connection may be, until
 * its peer says GOAWAY or its endpoint goes, and in each case until its last stream has ended.
 * Requests that the peer says it has not looked at may be sent elsewhere, whatever they are; a link
 * on which one was refused takes no more.
 */
#ifndef GATEWAY_UPSTREAM_H2_LINK_H
#define GATEWAY_UPSTREAM_H2_LINK_H

#include "gateway/upstream/upstream.h"

struct h2_link;

/* A stream on a link that is open, BUSY; NULL: none has room. warm: as upstreams_take_idle. */
struct upstream_conn *h2_link_take(struct upstreams *u, struct upstream_endpoint *e, bool warm);
/* A stream on an open link, or on one that is not open yet, CONNECTING; NULL with errno. */
struct upstream_conn *h2_link_connect(struct upstreams *u, struct upstream_endpoint *e,
                                      uint32_t id);
struct upstream_conn *h2_link_carrier(const struct h2_link *l); /* NULL: it has ended */
void h2_links_retire(struct upstream_endpoint *e); /* no new streams; without any, they end */
void h2_links_tick(struct upstreams *u, int64_t now_ms);
void h2_links_free(struct upstreams *u); /* nobody holds a stream any more */

/* upstream.c, for links */
struct upstream_conn *upstream_dial(struct upstreams *u, struct upstream_endpoint *e, uint32_t id,
                                    bool carries); /* a connection of the kernel, CONNECTING */
struct upstream_conn *upstream_new_stream(struct h2_link *over, struct upstreams *u,
                                          uint32_t endpoint, bool connected);
void upstream_end_connect(struct upstream_conn *c, int failure); /* 0: it is BUSY now */

#endif
