/* See balance.h. Pure but for the worker's generator and what balancers keep. */
#include "gateway/proxy/balance.h"

#include "gateway/core/str.h"
#include "gateway/proxy/recall.h"
#include "gateway/route/cohort.h"

/* What is known while a request is being placed. */
struct placing {
    const struct balance_query *q;
    const struct table_pool *pools[ROUTE_FORWARD_MAX]; /* NULL: missing */
    size_t num;
    bool none_weighs;
    bool sticks; /* to the endpoint that `user` hashes to */
    uint64_t user;
    struct balance_choice *out;
};

static bool find_cookie(const struct balance_query *q, const char *name, struct str *out)
{
    return http_cookie_find_in(q->field, q->head, str_from(name), out);
}

static bool find_key(const struct balance_query *q, const struct route_hash *h, uint64_t *out)
{
    struct str value = q->client;
    bool found = true;
    size_t at = 0;

    if (h->by == ROUTE_KEY_HEADER)
        found = q->field(q->head, str_from(h->name), &at, &value);
    else if (h->by == ROUTE_KEY_COOKIE)
        found = find_cookie(q, h->name, &value);
    if (found)
        *out = cohort_hash(str_from(h->salt), value);
    return found;
}

/* ---- pools ----------------------------------------------------------------------------------- */

static bool is_there(const struct table_pool *pool)
{
    return pool != NULL && pool->num_live > 0;
}

static void find_pools(struct placing *p)
{
    const struct route *r = p->q->route->route;

    p->num = r->num_forward;
    p->none_weighs = true;
    for (size_t i = 0; i < p->num; i++) {
        p->pools[i] = i == 0 && p->q->recall != NULL
                          ? recall_first_pool(p->q->recall, p->q->table, p->q->route)
                          : table_pool(p->q->table, str_from(r->forward[i].pool));
        p->none_weighs &= r->forward[i].weight == 0 || !is_there(p->pools[i]);
    }
}

/* May it be asked while others can? */
static bool weighs(const struct placing *p, size_t i)
{
    return p->none_weighs || p->q->route->route->forward[i].weight > 0;
}

static uint64_t next_random(struct placing *p)
{
    struct balancer_query q = {.random = p->q->random};

    return balancer_random(&q);
}

/*
 * By all the weights first: whose pool has nobody at this moment is placed again among those that
 * have, and everybody else stays where he is.
 */
static size_t choose_pool(const struct placing *p, uint64_t user)
{
    const struct route_forward *forward = p->q->route->route->forward;
    uint32_t weights[ROUTE_FORWARD_MAX];
    size_t chosen;

    for (size_t i = 0; i < p->num; i++)
        weights[i] = forward[i].weight;
    chosen = cohort_choose(user, weights, p->num);
    if (is_there(p->pools[chosen]))
        return chosen;
    for (size_t i = 0; i < p->num; i++)
        weights[i] = !is_there(p->pools[i]) ? 0 : p->none_weighs ? 1 : forward[i].weight;
    return cohort_choose(user << 32 | user >> 32, weights, p->num); /* the half not used yet */
}

static size_t place_user(struct placing *p)
{
    const struct route_hash *split = p->q->route->route->split;
    uint64_t user = p->user;

    if (p->num == 1)
        return 0;
    if (split != NULL ? !find_key(p->q, split, &user) : !p->sticks)
        user = next_random(p);
    return choose_pool(p, user);
}

/* ---- endpoints ------------------------------------------------------------------------------- */

static struct balancer_query query_for(const struct placing *p, enum balancer_pass pass)
{
    return (struct balancer_query){
        .pass = pass,
        .tried = p->q->tried,
        .random = p->q->random,
        .has_key = p->sticks,
        .key = p->user,
        .sticks = p->sticks,
    };
}

static bool take(struct placing *p, const struct table_pool *pool, const struct table_endpoint *ep,
                 const struct balancer_query *bq)
{
    if (ep != NULL || (bq->full && p->out->pool == NULL))
        p->out->pool = pool;
    p->out->full |= bq->full;
    p->out->endpoint = ep;
    p->out->ticket = bq->ticket;
    return ep != NULL;
}

static void bind_client(struct placing *p, const struct table_pool *pool)
{
    const struct route_sticky *sticky = p->q->route->route->sticky;
    struct sticky_key key;

    if (sticky == NULL || sticky->by != ROUTE_STICKY_COOKIE)
        return;
    key = sticky_key_of(table_settings(p->q->table));
    p->out->binds = true;
    p->out->name = sticky_name_of(&key, str_from(pool->name), str_from(p->out->endpoint->text));
}

static bool pick_in(struct placing *p, size_t i, enum balancer_pass pass)
{
    const struct table_pool *pool = p->pools[i];
    struct balancer_query bq = query_for(p, pass);

    if (!is_there(pool))
        return false;
    if (pool->spec->hash != NULL && pool->spec->balance == POOL_HASH && !bq.sticks)
        bq.has_key = find_key(p->q, pool->spec->hash, &bq.key);
    if (!take(p, pool, balancer_pick(p->q->ups, pool, &bq), &bq))
        return false;
    bind_client(p, pool);
    return true;
}

/* The chosen pool has nobody: any pool of the route, those of weight 0 at last. */
static bool pick_anywhere(struct placing *p, size_t chosen, enum balancer_pass pass)
{
    if (pick_in(p, chosen, pass))
        return true;
    for (size_t i = 0; i < p->num; i++)
        if (i != chosen && (pass == BALANCER_PANIC || weighs(p, i)) && pick_in(p, i, pass))
            return true;
    return false;
}

/*
 * Nobody is live. What is about to end may still answer: Swarm tells a task so seconds before it
 * ends it, and with overlapping updates before its successor runs.
 */
static bool pick_draining(struct placing *p)
{
    for (size_t i = 0; i < p->num; i++)
        if (is_there(p->pools[i]))
            return false;
    for (size_t i = 0; i < p->num; i++) {
        const struct table_pool *pool = p->pools[i];
        struct balancer_query bq = query_for(p, BALANCER_PANIC);

        if (pool != NULL && take(p, pool, balancer_pick_draining(p->q->ups, pool, &bq), &bq))
            return true;
    }
    return false;
}

/* ---- who sticks ------------------------------------------------------------------------------ */

/* A kept connection that failed unbinds nobody: the pass is the second. */
static bool pick_named_in(struct placing *p, size_t i, const struct sticky_key *key,
                          struct sticky_name name)
{
    struct balancer_query bq = query_for(p, BALANCER_STALE);

    return take(p, p->pools[i], balancer_pick_named(p->q->ups, p->pools[i], key, name, &bq), &bq);
}

/* Where a split says the pool, a cookie from another pool counts no more. */
static bool pick_named(struct placing *p, size_t chosen)
{
    const struct route *r = p->q->route->route;
    struct sticky_key key;
    struct sticky_name name;
    struct str text;

    if (r->sticky == NULL || r->sticky->by != ROUTE_STICKY_COOKIE ||
        !find_cookie(p->q, r->sticky->name, &text) || !sticky_read(text, &name))
        return false;
    key = sticky_key_of(table_settings(p->q->table));
    if (pick_named_in(p, chosen, &key, name))
        return true;
    for (size_t i = 0; r->split == NULL && i < p->num; i++)
        if (i != chosen && weighs(p, i) && pick_named_in(p, i, &key, name))
            return true;
    return false;
}

static void find_sticky_user(struct placing *p)
{
    const struct route_sticky *sticky = p->q->route->route->sticky;
    struct str value;

    p->sticks = false;
    p->user = 0;
    if (sticky == NULL || sticky->by != ROUTE_STICKY_APP ||
        !find_cookie(p->q, sticky->name, &value))
        return;
    p->sticks = true;
    p->user = cohort_hash(STR(""), value);
}

void balance_pick(const struct balance_query *q, struct balance_choice *out)
{
    struct placing p; /* not zeroed as a whole: it has room for many pools */
    size_t chosen;

    *out = (struct balance_choice){.endpoint = NULL};
    p.q = q;
    p.out = out;
    find_pools(&p);
    find_sticky_user(&p);
    chosen = place_user(&p);
    if (pick_named(&p, chosen))
        return;
    for (int pass = p.sticks ? BALANCER_STALE : BALANCER_FRESH; pass < BALANCER__PASSES; pass++)
        if (pick_anywhere(&p, chosen, (enum balancer_pass)pass))
            return;
    (void)pick_draining(&p);
}
