/*
 * Counters of pools (services), with a cap on how many have series of their own: the first so many
 * that are used do, the others share one named "(other)". A worker finds the number of a pool's
 * series once for each endpoint that it uses and from then on counts into its own array.
 *
 * A series goes when its pool has left the table and nobody holds it. The mutex guards the names;
 * no request takes it, but for one to a service that has no endpoint at all.
 */
#ifndef GATEWAY_OBSERVE_POOL_SERIES_H
#define GATEWAY_OBSERVE_POOL_SERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/str.h"

enum {
    POOL_SERIES_MAX = 1000,
    POOL_SERIES_OTHER = 0, /* the number of "(other)" */
    POOL_CLASSES = 6       /* of a status: none, 1xx to 5xx */
};

/* Of one pool in one worker; written by that worker only. */
struct pool_counters {
    _Atomic uint64_t requests[POOL_CLASSES];
    _Atomic uint64_t in_flight; /* begun while held; pool_counters_leave ends one */
    _Atomic uint64_t timed;     /* those whose time is in duration_us: all but tunnels */
    _Atomic uint64_t duration_us;
    _Atomic uint64_t failures;
    _Atomic uint64_t retries;
    _Atomic uint64_t holds; /* see pool_series_hold */
};

struct exposition;
struct pool_series;

/* max: series besides "(other)", at most POOL_SERIES_MAX. */
struct pool_series *pool_series_new(size_t num_workers, size_t max);
void pool_series_free(struct pool_series *s); /* NULL is fine */

/* On the worker's thread. The number stays this pool's until as many drops. */
uint16_t pool_series_hold(struct pool_series *s, size_t worker, struct str pool);
void pool_series_drop(struct pool_series *s, size_t worker, uint16_t number);
struct pool_counters *pool_series_counters(struct pool_series *s, size_t worker, uint16_t number);

/* The request counts nothing into it any more. */
static inline void pool_counters_leave(struct pool_counters *c)
{
    uint64_t n = atomic_load_explicit(&c->in_flight, memory_order_relaxed);

    atomic_store_explicit(&c->in_flight, n - 1, memory_order_release);
}

/* On the hub's thread: series whose pools `is_there` does not know, and that nobody holds, go. */
void pool_series_sweep(struct pool_series *s, bool (*is_there)(const void *arg, struct str pool),
                       const void *arg);
/* Sums over the workers; pools that would make more than about `bytes` are in "(other)" as well. */
void pool_series_write(struct pool_series *s, struct exposition *x, size_t bytes);

#endif
