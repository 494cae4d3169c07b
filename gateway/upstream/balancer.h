/*
 * Which endpoint of a pool takes a request. A balancer belongs to one version of a pool in one
 * worker: it is made when the pool is first asked for and freed when the version goes. Inside it
 * each algorithm keeps what it needs for one set of endpoints; an algorithm is a file (lb_*.c) and
 * a row of the table in balancer.c.
 *
 * All algorithms leave out the same endpoints: those that this request has tried, those that are
 * ejected or unhealthy, those that have all the requests they may have. They are asked in passes,
 * each with more than the one before.
 */
#ifndef GATEWAY_UPSTREAM_BALANCER_H
#define GATEWAY_UPSTREAM_BALANCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/table/table.h"
#include "gateway/upstream/sticky.h"
#include "gateway/upstream/upstream.h"

enum { BALANCER_TRIES = 12 };

/* Endpoints that this request was sent to, or that did not take it. */
struct balancer_tried {
    uint32_t ids[BALANCER_TRIES];
    uint8_t num;
    uint16_t stale; /* bit i: only a kept connection to ids[i] failed, a new one may do */
};

enum balancer_pass {
    BALANCER_FRESH, /* neither ejected, unhealthy nor tried */
    BALANCER_STALE, /* and those of which only a kept connection failed */
    BALANCER_PANIC, /* and the ejected and unhealthy: better than no answer at all */
    BALANCER__PASSES
};

struct balancer_query {
    enum balancer_pass pass;
    const struct balancer_tried *tried;
    uint64_t *random; /* the worker's generator, never 0 */
    bool has_key;     /* else an algorithm that hashes chooses at random */
    uint64_t key;
    bool sticks; /* the key decides, whatever the pool's algorithm and whatever the load is */
    /* out */
    bool full;                  /* somebody was left out only because of endpoint_in_flight */
    struct eject_ticket ticket; /* of the endpoint that was picked: goes to upstreams_note */
};

/*
 * NULL: no endpoint can be used; a pool that is NULL has none. Lent with the pool. Of a pool with
 * endpoint_in_flight its place is held (upstreams_hold).
 */
const struct table_endpoint *balancer_pick(struct upstreams *u, const struct table_pool *pool,
                                           struct balancer_query *q);

/* The endpoint of that name under the cluster's key, if it can be used. */
const struct table_endpoint *balancer_pick_named(struct upstreams *u, const struct table_pool *pool,
                                                 const struct sticky_key *key,
                                                 struct sticky_name name, struct balancer_query *q);

/* One that drains; for a pool in which nobody is live. */
const struct table_endpoint *balancer_pick_draining(struct upstreams *u,
                                                    const struct table_pool *pool,
                                                    struct balancer_query *q);

void balancer_free(struct balancer *b); /* NULL is fine; upstream.c does */

/* ---- for the algorithms ---- */

struct balancer_ops;

/* Endpoints that an algorithm chooses among. */
struct balancer_set {
    const struct balancer_ops *ops;
    struct balancer *of;
    void *state;     /* the algorithm's; NULL: not built yet */
    uint32_t num;    /* 0: nobody */
    uint16_t *which; /* places in pool->all; NULL: the first num */
};

struct balancer_ops {
    const char *name; /* as in a table */
    const struct table_endpoint *(*pick)(struct balancer_set *s, struct balancer_query *q);
    void (*forget)(struct balancer_set *s); /* frees the state, which is there */
};

extern const struct balancer_ops lb_round_robin, lb_least_requests, lb_hash, lb_sticky;

const struct table_endpoint *balancer_endpoint(const struct balancer_set *s, uint32_t i);
/* May it be asked? With true its ticket is in q, and who has the ticket of a probe must take it. */
bool balancer_can_take(struct balancer_set *s, uint32_t i, struct balancer_query *q);
uint32_t balancer_in_flight(const struct balancer_set *s, uint32_t i);
int64_t balancer_now_ms(const struct balancer_set *s);
uint32_t *balancer_turn(const struct balancer_set *s); /* survives the pool's versions */

enum { BALANCER_FULL_SHARE = 1024, BALANCER_LEAST_SHARE = 102 /* a tenth */ };

/* How much of its weight counts, of BALANCER_FULL_SHARE: less while it warms up. */
uint32_t balancer_share(const struct balancer_set *s, uint32_t i);
/* For who draws: while it warms up it is drawn as often as ever, and passed over. */
bool balancer_is_cold(const struct balancer_set *s, uint32_t i, struct balancer_query *q);
bool balancer_is_even(const struct balancer_set *s); /* all weigh the same, nobody warms up */

static inline uint64_t balancer_random(struct balancer_query *q) /* xorshift64*: not for secrets */
{
    uint64_t *x = q->random;

    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * 0x2545f4914f6cdd1dULL;
}

#endif
