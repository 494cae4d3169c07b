/*
 * The descriptors of one process, counted by all its threads. Clients may not take the last ones:
 * what is kept from them is for connections to endpoints, and of that again a few for the admin
 * listener, the follower and the parent, so that a flood of clients stops nothing else.
 *
 * Sockets of gateway/loop/sock.h count themselves. Who asks fd_budget_may_* and then opens one may
 * overshoot by one for each thread, which the kept ones bear.
 */
#ifndef GATEWAY_LOOP_FD_BUDGET_H
#define GATEWAY_LOOP_FD_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fd_budget {
    _Alignas(64) _Atomic uint32_t used;
    uint32_t for_clients;   /* most that may be used when a client is accepted */
    uint32_t for_endpoints; /* likewise, when an endpoint is connected to */
};

enum { FD_BUDGET_KEPT_MIN = 64, FD_BUDGET_KEPT_SHARE = 8, FD_BUDGET_OWN = 16 };

/* total: descriptors that are still to be had. */
static inline void fd_budget_init(struct fd_budget *b, uint32_t total)
{
    uint32_t kept = total / FD_BUDGET_KEPT_SHARE;
    uint32_t own = total / 4 < FD_BUDGET_OWN ? total / 4 : FD_BUDGET_OWN;

    if (kept < FD_BUDGET_KEPT_MIN)
        kept = FD_BUDGET_KEPT_MIN;
    if (kept > total / 2)
        kept = total / 2;
    atomic_init(&b->used, 0);
    b->for_clients = total - kept;
    b->for_endpoints = total - own;
}

/* NULL: unlimited, in all of these. */
static inline void fd_budget_add(struct fd_budget *b)
{
    if (b != NULL)
        atomic_fetch_add_explicit(&b->used, 1, memory_order_relaxed);
}

static inline void fd_budget_drop(struct fd_budget *b)
{
    if (b != NULL)
        atomic_fetch_sub_explicit(&b->used, 1, memory_order_relaxed);
}

static inline uint32_t fd_budget_used(const struct fd_budget *b)
{
    return b != NULL ? atomic_load_explicit(&b->used, memory_order_relaxed) : 0;
}

static inline bool fd_budget_may_accept(const struct fd_budget *b)
{
    return b == NULL || fd_budget_used(b) < b->for_clients;
}

static inline bool fd_budget_may_connect(const struct fd_budget *b)
{
    return b == NULL || fd_budget_used(b) < b->for_endpoints;
}

#endif
