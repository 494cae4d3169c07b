/*
 * See balance.h. The turn of a pool lives with its first live endpoint, so that it needs no map; a
 * pool that changed begins its turn anew. Pools whose endpoints all weigh the same take O(1).
 */
#include "gateway/proxy/balance.h"

#include "gateway/core/str.h"

/* xorshift64*: not for secrets. */
static uint64_t next_random(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * 0x2545f4914f6cdd1dULL;
}

static bool was_tried(const struct balance_tried *tried, uint32_t id)
{
    for (size_t i = 0; i < tried->num; i++)
        if (tried->ids[i] == id)
            return true;
    return false;
}

static bool can_take(const struct table_endpoint *ep, struct upstreams *u, bool suspects_too,
                     const struct balance_tried *tried)
{
    return upstreams_usable(u, ep->id, suspects_too) && !was_tried(tried, ep->id);
}

static bool weights_are_even(const struct table_pool *pool)
{
    for (size_t i = 1; i < pool->num_live; i++)
        if (pool->all[i].weight != pool->all[0].weight)
            return false;
    return true;
}

static const struct table_endpoint *pick_even(const struct table_pool *pool, struct upstreams *u,
                                              struct upstream_endpoint *turn, bool suspects_too,
                                              const struct balance_tried *tried)
{
    for (size_t i = 0; i < pool->num_live; i++) {
        const struct table_endpoint *ep = &pool->all[turn->rr_cursor++ % pool->num_live];

        if (can_take(ep, u, suspects_too, tried))
            return ep;
    }
    return NULL;
}

/* Smooth weighted round robin: all gain their weight, the richest pays for the round. */
static const struct table_endpoint *pick_weighted(const struct table_pool *pool,
                                                  struct upstreams *u, bool suspects_too,
                                                  const struct balance_tried *tried)
{
    const struct table_endpoint *best = NULL;
    struct upstream_endpoint *best_known = NULL;
    int64_t total = 0;

    for (size_t i = 0; i < pool->num_live; i++) {
        const struct table_endpoint *ep = &pool->all[i];
        struct upstream_endpoint *known;

        if (!can_take(ep, u, suspects_too, tried))
            continue;
        known = upstreams_endpoint(u, ep->id);
        total += ep->weight;
        known->rr_credit += ep->weight;
        if (best == NULL || known->rr_credit > best_known->rr_credit) {
            best = ep;
            best_known = known;
        }
    }
    if (best != NULL)
        best_known->rr_credit -= total;
    return best;
}

const struct table_endpoint *balance_pick_in_pool(const struct table_pool *pool,
                                                  struct upstreams *u, bool suspects_too,
                                                  const struct balance_tried *tried)
{
    struct upstream_endpoint *turn;

    if (pool == NULL || pool->num_live == 0)
        return NULL;
    turn = upstreams_endpoint(u, pool->all[0].id);
    if (turn == NULL)
        return NULL;
    if (turn->rr_pool != pool) { /* upstreams_set forgets it whenever the pool changes */
        turn->rr_pool = pool;
        turn->rr_even = weights_are_even(pool);
    }
    return turn->rr_even ? pick_even(pool, u, turn, suspects_too, tried)
                         : pick_weighted(pool, u, suspects_too, tried);
}

static const struct table_pool *pool_at(const struct table *t, const struct table_route *r,
                                        size_t i)
{
    return table_pool(t, str_from(r->route->forward[i].pool));
}

static uint64_t share(const struct table_route *r, size_t i, bool all_zero)
{
    return all_zero ? 1 : r->route->forward[i].weight;
}

/* One of several pools: those with a live endpoint share by weight; none weighs = all weigh one. */
static const struct table_pool *choose_pool(const struct table *t, const struct table_route *r,
                                            uint64_t *random)
{
    const struct table_pool *pools[ROUTE_FORWARD_MAX];
    uint64_t total = 0, at;
    bool all_zero = true;
    size_t num = r->route->num_forward;

    for (size_t i = 0; i < num; i++) {
        pools[i] = pool_at(t, r, i);
        if (pools[i] != NULL && pools[i]->num_live == 0)
            pools[i] = NULL;
        if (pools[i] != NULL && r->route->forward[i].weight > 0)
            all_zero = false;
    }
    for (size_t i = 0; i < num; i++)
        total += pools[i] != NULL ? share(r, i, all_zero) : 0;
    if (total == 0)
        return NULL;
    at = next_random(random) % total;
    for (size_t i = 0; i < num; i++) {
        if (pools[i] == NULL)
            continue;
        if (at < share(r, i, all_zero))
            return pools[i];
        at -= share(r, i, all_zero);
    }
    return NULL;
}

const struct table_endpoint *balance_pick(const struct table *t, const struct table_route *r,
                                          struct upstreams *u, uint64_t *random,
                                          const struct balance_tried *tried)
{
    size_t num = r->route->num_forward;
    const struct table_endpoint *ep = balance_pick_in_pool(
        num == 1 ? pool_at(t, r, 0) : choose_pool(t, r, random), u, false, tried);

    /* The pool chosen has nobody: any pool of the route, then suspects as well. */
    for (int suspects_too = 0; ep == NULL && suspects_too <= 1; suspects_too++)
        for (size_t i = 0; ep == NULL && i < num; i++)
            if (suspects_too == 1 || r->route->forward[i].weight > 0)
                ep = balance_pick_in_pool(pool_at(t, r, i), u, suspects_too == 1, tried);
    return ep;
}
