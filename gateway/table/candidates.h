/*
 * Why table_match chose as it did: every route that has a request's host, and what it lost by. For
 * people who ask (clusters/explain), not for requests: it looks at each of them.
 */
#ifndef GATEWAY_TABLE_CANDIDATES_H
#define GATEWAY_TABLE_CANDIDATES_H

#include "gateway/table/table.h"

enum table_loss {
    TABLE_LOSS_NONE, /* it takes the request: the route that table_match gives */
    /* It would not take the request if it were alone at its host: */
    TABLE_LOSS_PATH,
    TABLE_LOSS_METHOD,
    TABLE_LOSS_HEADER, /* `condition` says which */
    TABLE_LOSS_QUERY,
    TABLE_LOSS_COOKIE,
    /* It would, but another comes first: */
    TABLE_LOSS_HOST,   /* routes of a more specific host alone are asked */
    TABLE_LOSS_LONGER, /* a longer path, or the exact one */
    TABLE_LOSS_ASKS,   /* the same path, but more is asked for */
    TABLE_LOSS_AGE,    /* as much is asked for by an older one */
    TABLE_LOSS_NAME    /* of the same age, with a name before this one */
};

struct table_candidate {
    const struct table_route *route;
    const char *host; /* which of the route's hosts it has the request's host by */
    enum table_loss loss;
    const struct route_condition *condition;
};

typedef void table_candidate_fn(void *arg, const struct table_candidate *c);

/* Those of the most specific host first, otherwise in no order. All is lent for the call. */
void table_each_candidate(const struct table *t, const struct route_request *q,
                          table_candidate_fn *fn, void *arg);

/* Every host that some route has, as routes write it: "a.example", "*.example", "*". No order. */
typedef void table_host_fn(void *arg, const char *host);
void table_each_host(const struct table *t, table_host_fn *fn, void *arg);

/* The routes of exactly that host, as routes write it. No order. */
typedef void table_route_fn(void *arg, const struct table_route *r);
void table_each_route_of(const struct table *t, const char *host, table_route_fn *fn, void *arg);

#endif
