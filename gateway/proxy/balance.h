/*
 * Which endpoint takes a request: a weighted random choice among the pools of the route, then round
 * robin by weight over the live endpoints of that pool. Endpoints that failed this request are left
 * out, those that failed lately are used only when there are no others.
 */
#ifndef GATEWAY_PROXY_BALANCE_H
#define GATEWAY_PROXY_BALANCE_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/table/table.h"
#include "gateway/upstream/upstream.h"

enum { BALANCE_TRIES = 8 };

struct balance_tried {
    uint32_t ids[BALANCE_TRIES];
    uint8_t num;
};

/* *random is the worker's generator (never 0). NULL: no endpoint can be used. Lent with t. */
const struct table_endpoint *balance_pick(const struct table *t, const struct table_route *r,
                                          struct upstreams *u, uint64_t *random,
                                          const struct balance_tried *tried);

/* The turn inside one pool, for balance_pick and its tests. */
const struct table_endpoint *balance_pick_in_pool(const struct table_pool *pool,
                                                  struct upstreams *u, bool suspects_too,
                                                  const struct balance_tried *tried);

#endif
