/*
 * May a request go on, and its connection? The limits of its route, its tenant and its pool, which
 * all workers of this gateway share. A place that an exchange has taken is given back in one way
 * only, by admission_end, however the exchange ends. Private to gateway/proxy.
 *
 * A pool that is at its limit has a line: requests wait in the state WAIT, first come, first served
 * among those of one worker, and workers by turns. Who comes while others wait stands behind them.
 * The end of a request lets the next worker look along its line; all look every 100 ms besides, for
 * what nobody tells: a place that is freed while a request is on its way into the line, an endpoint
 * that is back.
 */
#ifndef GATEWAY_PROXY_ADMISSION_H
#define GATEWAY_PROXY_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/result.h"

struct conn;
struct proxy;
struct table_gauge;
struct table_pool;

enum admission_place { ADMISSION_ROUTE, ADMISSION_TENANT, ADMISSION_POOL, ADMISSION__COUNT };

/* What an exchange holds of its limits: a place each, and a reference; NULL: none. */
struct admission {
    struct table_gauge *places[ADMISSION__COUNT];
    struct table_gauge *line; /* of the pool that it waits for */
    int64_t wait_until_ms;
};

/* Once a request, when its route is known. False: an answer is on its way. */
MUST_USE bool admission_begin(struct conn *c);

/* A place in the pool, for the first or another attempt. False: it waits, or is being answered. */
MUST_USE bool admission_to_pool(struct conn *c, const struct table_pool *pool);

/* None of the pool's endpoints has room: it waits, or is being answered. */
void admission_wait(struct conn *c, const struct table_pool *pool);

void admission_end(struct conn *c); /* idempotent: gives back its places, leaves the line */

void admission_init(struct proxy *p);
void admission_look(struct proxy *p); /* along the line: who can go on does, if it is his turn */
void admission_tick(struct proxy *p); /* the same now and then, whoever's turn it is */

#endif
