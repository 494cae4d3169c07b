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

/* What one pass over a pool needs to know. */
struct pass {
    struct upstreams *ups;
    enum balance_pass which;
    const struct balance_tried *tried;
    struct eject_ticket *ticket;
};

static bool is_left_out(const struct pass *p, uint32_t id)
{
    for (size_t i = 0; i < p->tried->num; i++)
        if (p->tried->ids[i] == id)
            return p->which == BALANCE_FRESH || (p->tried->stale >> i & 1) == 0;
    return false;
}

static bool can_take(const struct pass *p, const struct table_endpoint *ep)
{
    return !is_left_out(p, ep->id) &&
           upstreams_admits(p->ups, ep->id, p->which == BALANCE_PANIC, p->ticket);
}

static bool weights_are_even(const struct table_pool *pool)
{
    for (size_t i = 1; i < pool->num_live; i++)
        if (pool->all[i].weight != pool->all[0].weight)
            return false;
    return true;
}

static const struct table_endpoint *pick_even(const struct table_pool *pool,
                                              struct upstream_endpoint *turn, const struct pass *p)
{
    for (size_t i = 0; i < pool->num_live; i++) {
        const struct table_endpoint *ep = &pool->all[turn->rr_cursor++ % pool->num_live];

        if (can_take(p, ep))
            return ep;
    }
    return NULL;
}

/* Whose ejection is over gets its probe out of turn: it has waited long enough. */
static const struct table_endpoint *pick_due(const struct table_pool *pool, const struct pass *p)
{
    for (size_t i = 0; i < pool->num_live; i++)
        if (upstreams_is_due(p->ups, pool->all[i].id) && can_take(p, &pool->all[i]))
            return &pool->all[i];
    return NULL;
}

/* Smooth weighted round robin: all gain their weight, the richest pays for the round. */
static const struct table_endpoint *pick_weighted(const struct table_pool *pool,
                                                  const struct pass *p)
{
    const struct table_endpoint *best = pick_due(pool, p);
    struct upstream_endpoint *best_known = NULL;
    struct eject_ticket best_ticket = {0, false};
    int64_t total = 0;

    if (best != NULL)
        return best;
    for (size_t i = 0; i < pool->num_live; i++) {
        const struct table_endpoint *ep = &pool->all[i];
        struct upstream_endpoint *known;

        if (!can_take(p, ep))
            continue;
        known = upstreams_use(p->ups, ep);
        total += ep->weight;
        known->rr_credit += ep->weight;
        if (best == NULL || known->rr_credit > best_known->rr_credit) {
            best = ep;
            best_known = known;
            best_ticket = *p->ticket;
        }
    }
    if (best != NULL)
        best_known->rr_credit -= total;
    *p->ticket = best_ticket;
    return best;
}

const struct table_endpoint *balance_pick_in_pool(const struct table_pool *pool,
                                                  struct upstreams *u, enum balance_pass pass,
                                                  const struct balance_tried *tried,
                                                  struct eject_ticket *ticket)
{
    const struct pass p = {u, pass, tried, ticket};
    struct upstream_endpoint *turn;

    if (pool == NULL || pool->num_live == 0)
        return NULL;
    turn = upstreams_use(u, &pool->all[0]);
    if (turn->rr_pool != pool) { /* upstreams_stays forgets it whenever the pool changes */
        turn->rr_pool = pool;
        turn->rr_even = weights_are_even(pool);
    }
    return turn->rr_even ? pick_even(pool, turn, &p) : pick_weighted(pool, &p);
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
                                          const struct balance_tried *tried,
                                          struct eject_ticket *ticket)
{
    size_t num = r->route->num_forward;
    const struct table_pool *chosen = num == 1 ? pool_at(t, r, 0) : choose_pool(t, r, random);
    const struct table_endpoint *ep = NULL;

    /* The pool chosen has nobody: any pool of the route, those of weight 0 at last. */
    for (int pass = BALANCE_FRESH; ep == NULL && pass < BALANCE__PASSES; pass++) {
        ep = balance_pick_in_pool(chosen, u, (enum balance_pass)pass, tried, ticket);
        for (size_t i = 0; num > 1 && ep == NULL && i < num; i++)
            if (pass == BALANCE_PANIC || r->route->forward[i].weight > 0)
                ep = balance_pick_in_pool(pool_at(t, r, i), u, (enum balance_pass)pass, tried,
                                          ticket);
    }
    return ep;
}
