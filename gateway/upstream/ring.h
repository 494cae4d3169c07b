/*
 * A ring for consistent hashing (Karger 1997): every endpoint has points on a circle of 32 bits,
 * as many as it weighs, where the hash of its address puts them; a key belongs to the next point
 * after its own hash. So who joins takes over parts of the others', who leaves gives its own to
 * the others, and between two that stay nothing moves. Pure.
 */
#ifndef GATEWAY_UPSTREAM_RING_H
#define GATEWAY_UPSTREAM_RING_H

#include <stdint.h>

#include "gateway/core/str.h"

enum { RING_POINTS = 128 /* of the heaviest endpoint; others in proportion, at least one */ };

struct ring {
    uint32_t num;
    uint64_t points[]; /* sorted: hash << 32 | which */
};

/* An endpoint's identity and its weight. */
typedef struct str ring_identity_fn(const void *arg, uint32_t i, uint32_t *out_weight);

/* Of endpoints 0 to num - 1, num >= 1; free() it. Linear in the number of points. */
struct ring *ring_new(uint32_t num, ring_identity_fn *identity, const void *arg);

/* The place of the key's point in points[]; those that follow it are the next to ask. */
uint32_t ring_find(const struct ring *r, uint64_t key);

static inline uint32_t ring_at(const struct ring *r, uint32_t place)
{
    return (uint32_t)r->points[place];
}

#endif
