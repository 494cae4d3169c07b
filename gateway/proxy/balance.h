/*
 * Which endpoint takes a request, of all that its route forwards to: the pool first, by weight or
 * by cohort (route/cohort.h), then an endpoint of that pool (upstream/balancer.h); a client that
 * sticks to an endpoint gets that one. A pool that has nobody is stood in for by the others.
 */
#ifndef GATEWAY_PROXY_BALANCE_H
#define GATEWAY_PROXY_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http/cookie.h"
#include "gateway/table/table.h"
#include "gateway/upstream/balancer.h"
#include "gateway/upstream/sticky.h"
#include "gateway/upstream/upstream.h"

struct recall;

struct balance_query {
    const struct table *table; /* pools are looked up in it */
    const struct table_route *route;
    struct upstreams *ups;
    struct recall *recall; /* of the version in force, which `table` is then; NULL: none */
    uint64_t *random;      /* the worker's generator, never 0 */
    const struct balancer_tried *tried;
    /* Who asks. The request is looked at only where something is hashed or sticks. */
    struct str client;     /* address as text */
    http_next_field field; /* as route_request.field */
    const void *head;
};

struct balance_choice {
    const struct table_endpoint *endpoint; /* NULL: nobody can be asked; lent with the table */
    struct eject_ticket ticket;            /* of the attempt, for upstreams_note */
    const struct table_pool *pool;         /* of the endpoint, or of `full`; lent likewise */
    bool full;                             /* nobody only because of endpoint_in_flight */
    bool binds;                            /* the response must carry the sticky cookie `name` */
    struct sticky_name name;
};

void balance_pick(const struct balance_query *q, struct balance_choice *out);

#endif
