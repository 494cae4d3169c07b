/*
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018): the endpoint that
 * the key belongs to on the ring (ring.h), or, when that one has a quarter more in flight than its
 * share of all that is in flight, the next one that has not. lb_sticky is the same without a bound:
 * who sticks to an endpoint does so however busy it is.
 */
#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/upstream/balancer.h"
#include "gateway/upstream/ring.h"

enum {
    WALK = 512,     /* points that are looked at, until all endpoints are in turn */
    LOOK_EVERY = 64 /* what is in flight is summed up again after a millisecond each so many */
};

struct hashing {
    struct ring *ring;
    uint64_t weights;
    uint64_t in_flight; /* of the set when it was summed up, and what was picked since */
    int64_t summed_ms;
};

static struct str identity(const void *arg, uint32_t i, uint32_t *out_weight)
{
    const struct table_endpoint *ep = balancer_endpoint(arg, i);

    *out_weight = ep->weight;
    return str_from(ep->text);
}

static struct hashing *hashing_of(struct balancer_set *s)
{
    struct hashing *h = s->state;

    if (h != NULL)
        return h;
    h = s->state = xcalloc(1, sizeof *h);
    h->ring = ring_new(s->num, identity, s);
    h->summed_ms = INT64_MIN / 2;
    for (uint32_t i = 0; i < s->num; i++)
        h->weights += balancer_endpoint(s, i)->weight;
    return h;
}

static void sum_up(struct balancer_set *s, struct hashing *h)
{
    int64_t now_ms = balancer_now_ms(s);

    if (now_ms - h->summed_ms <= s->num / LOOK_EVERY)
        return;
    h->summed_ms = now_ms;
    h->in_flight = 0;
    for (uint32_t i = 0; i < s->num; i++)
        h->in_flight += balancer_in_flight(s, i);
}

/* Has it what it may have: its weight's share of all with this request, and a quarter? */
static bool is_over(const struct balancer_set *s, const struct hashing *h, uint32_t i)
{
    uint64_t mine = UINT64_C(4) * h->weights * balancer_in_flight(s, i);

    return mine >= UINT64_C(5) * (h->in_flight + 1) * balancer_endpoint(s, i)->weight;
}

static uint64_t key_of(struct balancer_query *q)
{
    return q->has_key ? q->key : balancer_random(q);
}

/* Round the ring from the key's point, then everybody once. */
static const struct table_endpoint *walk(struct balancer_set *s, const struct hashing *h,
                                         uint32_t from, bool bounded, struct balancer_query *q)
{
    for (uint32_t n = 0; n < WALK && n < h->ring->num; n++) {
        uint32_t i = ring_at(h->ring, (from + n) % h->ring->num);

        if (bounded && (is_over(s, h, i) || balancer_is_cold(s, i, q)))
            continue;
        if (balancer_can_take(s, i, q))
            return balancer_endpoint(s, i);
    }
    for (uint32_t n = 0; !bounded && n < s->num; n++)
        if (balancer_can_take(s, (from + n) % s->num, q))
            return balancer_endpoint(s, (from + n) % s->num);
    return NULL;
}

static const struct table_endpoint *pick_bounded(struct balancer_set *s, struct balancer_query *q)
{
    struct hashing *h = hashing_of(s);
    uint32_t from = ring_find(h->ring, key_of(q));
    const struct table_endpoint *ep;

    sum_up(s, h);
    ep = walk(s, h, from, true, q);
    if (ep == NULL) /* all are over, or out: then nobody is over */
        ep = walk(s, h, from, false, q);
    h->in_flight += ep != NULL;
    return ep;
}

static const struct table_endpoint *pick_sticky(struct balancer_set *s, struct balancer_query *q)
{
    struct hashing *h = hashing_of(s);

    return walk(s, h, ring_find(h->ring, key_of(q)), false, q);
}

static void forget(struct balancer_set *s)
{
    struct hashing *h = s->state;

    free(h->ring);
    free(h);
}

const struct balancer_ops lb_hash = {"hash", pick_bounded, forget};
const struct balancer_ops lb_sticky = {"sticky", pick_sticky, forget};
