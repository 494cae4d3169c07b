/*
 * What the workers of one process know of endpoints together, by endpoint id: relaxed atomics, one
 * cache line each, so that one worker's finding counts for all without a lock or a message. The
 * memory comes in chunks, when an id of the chunk is first asked for, and never moves.
 */
#ifndef GATEWAY_UPSTREAM_SHARED_H
#define GATEWAY_UPSTREAM_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/upstream/eject.h"

enum { UPSTREAM_SHARED_CHUNK = 256, UPSTREAM_SHARED_CHUNKS = 16384 };

struct upstream_shared_endpoint {
    _Alignas(64) _Atomic uint32_t in_flight; /* connections that carry or await a request */
    _Atomic uint32_t failures;               /* in a row; see eject.h */
    _Atomic int64_t ejected_until_ms;        /* monotonic; 0: not ejected */
    _Atomic uint64_t window;                 /* struct eject_window, packed: admit.c's */
    _Atomic int64_t warm_from_ms; /* monotonic; its share grows from then on; 0: it is full */
    _Atomic bool unhealthy;       /* the prober says so (health.h) */
};

struct upstream_shared;

struct upstream_shared *upstream_shared_new(void);
void upstream_shared_free(struct upstream_shared *s);

/* Any thread. id < UPSTREAM_SHARED_CHUNK * UPSTREAM_SHARED_CHUNKS: ids are dense by contract. */
struct upstream_shared_endpoint *upstream_shared_get(struct upstream_shared *s, uint32_t id);

/* The same without making a chunk: NULL says that nothing is known of the id. */
struct upstream_shared_endpoint *upstream_shared_find(struct upstream_shared *s, uint32_t id);

/*
 * Replaces the state of ejection, unless another thread did since `seen_until_ms` was read. False:
 * it did, and *e is as that thread wrote it.
 */
bool upstream_shared_eject(struct upstream_shared *s, struct upstream_shared_endpoint *e,
                           int64_t seen_until_ms, struct eject_state next);
uint32_t upstream_shared_num_ejected(struct upstream_shared *s);
/* The prober's finding. */
void upstream_shared_set_unhealthy(struct upstream_shared *s, struct upstream_shared_endpoint *e,
                                   bool unhealthy);
uint32_t upstream_shared_num_unhealthy(struct upstream_shared *s);
/* The endpoint is new, or back: see pool.h's slow_start_ms. */
void upstream_shared_warm(struct upstream_shared *s, struct upstream_shared_endpoint *e,
                          int64_t now_ms);
/* Another number than before: an endpoint was ejected, found unhealthy, is back, is new. */
uint64_t upstream_shared_changes(const struct upstream_shared *s);

/* By whoever gives ids back, when every worker has forgotten this one and before it is reused. */
void upstream_shared_clear(struct upstream_shared *s, uint32_t id);

#endif
