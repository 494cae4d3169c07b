/*
 * Which endpoint takes a request: a weighted random choice among the pools of the route, then round
 * robin by weight over the live endpoints of that pool. Endpoints that failed this request are left
 * out; those that are ejected (gateway/upstream/eject.h) are used only when there are no others.
 */
#ifndef GATEWAY_PROXY_BALANCE_H
#define GATEWAY_PROXY_BALANCE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/table/table.h"
#include "gateway/upstream/upstream.h"

enum { BALANCE_TRIES = 8 };

/* Endpoints that this request was sent to, or that did not take it. */
struct balance_tried {
    uint32_t ids[BALANCE_TRIES];
    uint8_t num;
    uint8_t stale; /* bit i: only a kept connection to ids[i] failed, a new one may do */
};

/* The passes over a pool, each with more than the one before. */
enum balance_pass {
    BALANCE_FRESH, /* neither ejected nor tried */
    BALANCE_STALE, /* and those of which only a kept connection failed */
    BALANCE_PANIC, /* and the ejected: better than no answer at all */
    BALANCE__PASSES
};

/*
 * *random is the worker's generator (never 0). NULL: no endpoint can be used. Lent with t. *ticket
 * goes with the attempt to upstreams_note.
 */
const struct table_endpoint *balance_pick(const struct table *t, const struct table_route *r,
                                          struct upstreams *u, uint64_t *random,
                                          const struct balance_tried *tried,
                                          struct eject_ticket *ticket);

/* The turn inside one pool, for balance_pick and its tests. */
const struct table_endpoint *balance_pick_in_pool(const struct table_pool *pool,
                                                  struct upstreams *u, enum balance_pass pass,
                                                  const struct balance_tried *tried,
                                                  struct eject_ticket *ticket);

#endif
