/*
 * See balancer.h. What algorithms have in common: sets of endpoints, who is left out, shares while
 * endpoints warm up, and the look-up of names. A pool with one endpoint needs none of it and has no
 * balancer: of 100,000 pools most are such.
 */
#include "gateway/upstream/balancer.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

enum { RACES = 4 /* for a last place that may be lost to other workers before it waits */ };

struct named {
    struct sticky_name name; /* first: sticky_compare looks at it */
    uint16_t at;
};

struct balancer {
    const struct table_pool *pool;
    struct upstreams *ups;
    struct upstream_endpoint *home; /* the pool's first, which has the turn */
    struct balancer_set all, near, sticky;
    struct named *names; /* sorted; NULL: nobody asked yet */
    struct sticky_key names_key;
    /* of the moment when upstream_shared_changes was `changes` */
    uint64_t changes;
    uint32_t num_usable;
    int64_t warm_until_ms; /* somebody's share grows until then; 0: nobody's */
};

static const struct balancer_ops *const algorithms[] = {
    [POOL_ROUND_ROBIN] = &lb_round_robin,
    [POOL_LEAST_REQUESTS] = &lb_least_requests,
    [POOL_HASH] = &lb_hash,
};

/* ---- sets ------------------------------------------------------------------------------------ */

const struct table_endpoint *balancer_endpoint(const struct balancer_set *s, uint32_t i)
{
    return &s->of->pool->all[s->which != NULL ? s->which[i] : i];
}

uint32_t balancer_in_flight(const struct balancer_set *s, uint32_t i)
{
    return upstreams_in_flight(s->of->ups, balancer_endpoint(s, i)->id);
}

int64_t balancer_now_ms(const struct balancer_set *s)
{
    return loop_now_ms(s->of->ups->loop);
}

uint32_t *balancer_turn(const struct balancer_set *s)
{
    return &s->of->home->turn;
}

static uint32_t share_of(struct upstreams *u, const struct table_pool *pool, uint32_t at)
{
    int64_t from = upstreams_warm_from(u, pool->all[at].id), whole = pool->spec->slow_start_ms;
    int64_t share = from == 0 || whole == 0
                        ? BALANCER_FULL_SHARE
                        : (loop_now_ms(u->loop) - from) * BALANCER_FULL_SHARE / whole;

    if (share >= BALANCER_FULL_SHARE)
        return BALANCER_FULL_SHARE;
    return share > BALANCER_LEAST_SHARE ? (uint32_t)share : BALANCER_LEAST_SHARE;
}

uint32_t balancer_share(const struct balancer_set *s, uint32_t i)
{
    if (s->of->warm_until_ms == 0)
        return BALANCER_FULL_SHARE;
    return share_of(s->of->ups, s->of->pool, s->which != NULL ? s->which[i] : i);
}

bool balancer_is_cold(const struct balancer_set *s, uint32_t i, struct balancer_query *q)
{
    uint32_t share = balancer_share(s, i);

    return share < BALANCER_FULL_SHARE && balancer_random(q) % BALANCER_FULL_SHARE >= share;
}

bool balancer_is_even(const struct balancer_set *s)
{
    for (uint32_t i = 1; i < s->num; i++)
        if (balancer_endpoint(s, i)->weight != balancer_endpoint(s, 0)->weight)
            return false;
    return s->of->warm_until_ms == 0;
}

static void forget_state(struct balancer_set *s)
{
    if (s->state != NULL)
        s->ops->forget(s);
    s->state = NULL;
}

/* Endpoints on the gateway's own node. */
static void choose_near(struct balancer *b)
{
    const struct table_pool *pool = b->pool;

    if (!pool->spec->prefer_node || b->ups->node == 0)
        return;
    b->near.which = xcalloc(pool->num_live, sizeof *b->near.which);
    for (uint32_t i = 0; i < pool->num_live; i++)
        if (pool->all[i].node == b->ups->node)
            b->near.which[b->near.num++] = (uint16_t)i;
}

static struct balancer *balancer_new(struct upstreams *u, const struct table_pool *pool,
                                     struct upstream_endpoint *home)
{
    struct balancer *b = xcalloc(1, sizeof *b);
    const struct balancer_ops *ops = algorithms[pool->spec->balance];

    _Static_assert(ROUTE_ENDPOINTS_MAX <= UINT16_MAX, "places are 16 bits");
    b->pool = pool;
    b->ups = u;
    b->home = home;
    b->all = (struct balancer_set){.ops = ops, .of = b, .num = pool->num_live};
    b->near = (struct balancer_set){.ops = ops, .of = b};
    b->sticky = (struct balancer_set){.ops = &lb_sticky, .of = b, .num = pool->num_live};
    b->changes = UINT64_MAX;
    choose_near(b);
    return b;
}

void balancer_free(struct balancer *b)
{
    if (b == NULL)
        return;
    forget_state(&b->all);
    forget_state(&b->near);
    forget_state(&b->sticky);
    free(b->near.which);
    free(b->names);
    free(b);
}

/* ---- what findings change -------------------------------------------------------------------- */

static void look_at_all(struct balancer *b)
{
    const struct table_pool *pool = b->pool;

    b->num_usable = 0;
    b->warm_until_ms = 0;
    for (uint32_t i = 0; i < pool->num_live; i++) {
        int64_t from = upstreams_warm_from(b->ups, pool->all[i].id);

        b->num_usable += upstreams_is_usable(b->ups, pool->all[i].id);
        if (share_of(b->ups, pool, i) < BALANCER_FULL_SHARE &&
            from + pool->spec->slow_start_ms > b->warm_until_ms)
            b->warm_until_ms = from + pool->spec->slow_start_ms;
    }
}

/* Costs a comparison, but when an endpoint somewhere came, went out or is back. */
static void refresh(struct balancer *b)
{
    uint64_t changes = upstream_shared_changes(b->ups->shared);
    bool was_warming = b->warm_until_ms != 0;

    if (b->pool->spec->panic_percent == 0 && b->pool->spec->slow_start_ms == 0)
        return;
    if (changes == b->changes && !(was_warming && loop_now_ms(b->ups->loop) >= b->warm_until_ms))
        return;
    b->changes = changes;
    look_at_all(b);
    if (was_warming || b->warm_until_ms != 0) {
        forget_state(&b->all);
        forget_state(&b->near);
    }
}

static bool is_panic(const struct balancer *b)
{
    uint64_t percent = b->pool->spec->panic_percent;

    return percent > 0 && b->num_usable * UINT64_C(100) <= percent * b->pool->num_live;
}

/* ---- who is left out ------------------------------------------------------------------------- */

static bool was_tried(const struct balancer_query *q, uint32_t id)
{
    for (size_t i = 0; i < q->tried->num; i++)
        if (q->tried->ids[i] == id &&
            (q->pass == BALANCER_FRESH || (q->tried->stale >> i & 1) == 0))
            return true; /* a kept connection may have failed before the new one that did, too */
    return false;
}

static bool is_full(struct upstreams *u, const struct table_pool *pool, uint32_t id)
{
    const struct pool_limits *limits = pool->spec->limits;

    return limits != NULL && limits->endpoint_in_flight > 0 &&
           upstreams_in_flight(u, id) >= limits->endpoint_in_flight;
}

static bool can_take(struct upstreams *u, const struct table_pool *pool, uint32_t id,
                     bool ejected_too, struct balancer_query *q)
{
    if (was_tried(q, id))
        return false;
    if (is_full(u, pool, id)) {
        q->full = true;
        return false;
    }
    return upstreams_admits(u, id, ejected_too || q->pass == BALANCER_PANIC, &q->ticket);
}

bool balancer_can_take(struct balancer_set *s, uint32_t i, struct balancer_query *q)
{
    return can_take(s->of->ups, s->of->pool, balancer_endpoint(s, i)->id, is_panic(s->of), q);
}

/* ---- picking --------------------------------------------------------------------------------- */

static const struct table_endpoint *pick_only(struct upstreams *u, const struct table_pool *pool,
                                              struct balancer_query *q)
{
    return can_take(u, pool, pool->all[0].id, false, q) ? &pool->all[0] : NULL;
}

static struct balancer *balancer_of(struct upstreams *u, const struct table_pool *pool)
{
    struct upstream_endpoint *home = upstreams_use(u, &pool->all[0]);

    if (home->balancer == NULL || home->balancer->pool != pool) {
        balancer_free(home->balancer);
        home->balancer = balancer_new(u, pool, home);
    }
    refresh(home->balancer);
    return home->balancer;
}

static const struct table_endpoint *pick_from(struct balancer_set *s, struct balancer_query *q)
{
    return s->num > 0 ? s->ops->pick(s, q) : NULL;
}

static const struct table_endpoint *pick_in(struct balancer *b, struct balancer_query *q)
{
    const struct table_endpoint *ep;

    if (q->sticks)
        return pick_from(&b->sticky, q);
    ep = pick_from(&b->near, q);
    return ep != NULL ? ep : pick_from(&b->all, q);
}

/*
 * Whom it is picked for knows the endpoint from now on, and its pool. Its place among those of
 * endpoint_in_flight may have gone to another worker since it was looked at: then it is full.
 */
static const struct table_endpoint *settle(struct upstreams *u, const struct table_pool *pool,
                                           const struct table_endpoint *ep,
                                           struct balancer_query *q)
{
    const struct pool_limits *limits = pool->spec->limits;

    if (ep == NULL)
        return NULL;
    upstreams_use(u, ep)->pool = pool;
    if (limits == NULL || upstreams_hold(u, ep, limits->endpoint_in_flight))
        return ep;
    q->full = true;
    return NULL;
}

const struct table_endpoint *balancer_pick(struct upstreams *u, const struct table_pool *pool,
                                           struct balancer_query *q)
{
    const struct table_endpoint *ep = NULL;
    bool lost = true;

    if (pool == NULL || pool->num_live == 0)
        return NULL;
    if (pool->num_live == 1)
        return settle(u, pool, pick_only(u, pool, q), q);
    for (int i = 0; ep == NULL && lost && i < RACES; i++) {
        const struct table_endpoint *picked = pick_in(balancer_of(u, pool), q);

        ep = settle(u, pool, picked, q);
        lost = picked != NULL;
    }
    return ep;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void name_all(struct balancer *b, const struct sticky_key *key)
{
    const struct table_pool *pool = b->pool;

    if (b->names == NULL)
        b->names = xcalloc(pool->num_live, sizeof *b->names);
    b->names_key = *key;
    for (uint32_t i = 0; i < pool->num_live; i++)
        b->names[i] = (struct named){
            sticky_name_of(key, str_from(pool->name), str_from(pool->all[i].text)), (uint16_t)i};
    qsort(b->names, pool->num_live, sizeof *b->names, sticky_compare);
}

static const struct named *find_name(struct balancer *b, const struct sticky_key *key,
                                     struct sticky_name name)
{
    if (b->names == NULL || memcmp(&b->names_key, key, sizeof *key) != 0)
        name_all(b, key);
    return bsearch(&name, b->names, b->pool->num_live, sizeof *b->names, sticky_compare);
}

const struct table_endpoint *balancer_pick_named(struct upstreams *u, const struct table_pool *pool,
                                                 const struct sticky_key *key,
                                                 struct sticky_name name, struct balancer_query *q)
{
    const struct named *found;
    struct balancer *b;

    if (pool == NULL || pool->num_live == 0)
        return NULL;
    if (pool->num_live == 1) {
        struct sticky_name only =
            sticky_name_of(key, str_from(pool->name), str_from(pool->all[0].text));

        return sticky_compare(&only, &name) == 0 ? settle(u, pool, pick_only(u, pool, q), q) : NULL;
    }
    b = balancer_of(u, pool);
    found = find_name(b, key, name);
    if (found == NULL || !balancer_can_take(&b->all, found->at, q))
        return NULL;
    return settle(u, pool, &pool->all[found->at], q);
}

const struct table_endpoint *
balancer_pick_draining(struct upstreams *u, const struct table_pool *pool, struct balancer_query *q)
{
    for (uint32_t i = pool->num_live; i < pool->num_endpoints; i++)
        if (can_take(u, pool, pool->all[i].id, true, q))
            return settle(u, pool, &pool->all[i], q);
    return NULL;
}
