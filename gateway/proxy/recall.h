/*
 * What a worker remembers of look-ups by name in the version that it has in force: hosts, as
 * clients spell them, and the first pools of routes. Most requests of a moment name few of either,
 * and a look-up costs a keyed hash and its way through a trie. It answers what the look-up would;
 * with the version all is forgotten, since what it lends is gone.
 */
#ifndef GATEWAY_PROXY_RECALL_H
#define GATEWAY_PROXY_RECALL_H

#include <stdint.h>

#include "gateway/core/str.h"

struct table;
struct table_host;
struct table_pool;
struct table_route;

/* One place for each value of a cheap hash: who wants to can push others out, and no more. */
enum { RECALL_PLACES = 64, RECALL_HOST_BYTES = 55 };

struct recall_host {
    const struct table_host *at; /* NULL: nothing is remembered here */
    uint8_t len;
    char text[RECALL_HOST_BYTES];
};

struct recall_pool {
    const struct table_route *route;
    const struct table_pool *pool;
};

struct recall {
    struct recall_host hosts[RECALL_PLACES];
    struct recall_pool pools[RECALL_PLACES];
};

void recall_clear(struct recall *r); /* before the version goes that is in force */

/* named: of a request's Host field or target, never empty. NULL: not remembered. */
const struct table_host *recall_host(const struct recall *r, struct str named);
void recall_keep_host(struct recall *r, struct str named, const struct table_host *at);

/* table_pool of the first pool that the route forwards to; t is the version in force. */
const struct table_pool *recall_first_pool(struct recall *r, const struct table *t,
                                           const struct table_route *route);

#endif
