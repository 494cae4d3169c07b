/*
 * Least requests: of two endpoints drawn at random, by weight, the one that has fewer requests in
 * flight for its weight (Mitzenmacher 2001, the power of two choices). The counts are of all
 * workers. O(log n), and no herd runs to the one that is empty at this moment.
 */
#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/upstream/balancer.h"

enum { DRAWS = 16 /* that may hit somebody who cannot be asked, until all are looked at */ };

struct weights {
    uint64_t total;
    uint64_t up_to[]; /* the sum of the weights before and at this place */
};

static struct weights *sum_up(const struct balancer_set *s)
{
    struct weights *w = xmalloc(sizeof *w + s->num * sizeof w->up_to[0]);

    w->total = 0;
    for (uint32_t i = 0; i < s->num; i++)
        w->up_to[i] = w->total += balancer_endpoint(s, i)->weight;
    ASSERT(w->total > 0); /* a set is not empty, and everybody weighs at least one */
    return w;
}

static uint32_t draw(const struct balancer_set *s, struct balancer_query *q)
{
    const struct weights *w = s->state;
    uint64_t at = balancer_random(q) % w->total;
    uint32_t low = 0, high = s->num - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (at < w->up_to[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool is_lighter(const struct balancer_set *s, uint32_t a, uint32_t b)
{
    return (balancer_in_flight(s, a) + UINT64_C(1)) * balancer_endpoint(s, b)->weight <
           (balancer_in_flight(s, b) + UINT64_C(1)) * balancer_endpoint(s, a)->weight;
}

static const struct table_endpoint *pick_first(struct balancer_set *s, struct balancer_query *q)
{
    uint32_t from = (uint32_t)(balancer_random(q) % s->num);

    for (uint32_t i = 0; i < s->num; i++)
        if (balancer_can_take(s, (from + i) % s->num, q))
            return balancer_endpoint(s, (from + i) % s->num);
    return NULL;
}

static const struct table_endpoint *pick(struct balancer_set *s, struct balancer_query *q)
{
    struct eject_ticket ticket = {0, false};
    uint32_t best = s->num;

    if (s->state == NULL)
        s->state = sum_up(s);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t one = draw(s, q);

        if (one == best || balancer_is_cold(s, one, q) || !balancer_can_take(s, one, q))
            continue;
        if (q->ticket.probe) /* it has waited for this */
            return balancer_endpoint(s, one);
        if (best < s->num) {
            if (is_lighter(s, one, best))
                return balancer_endpoint(s, one);
            q->ticket = ticket;
            return balancer_endpoint(s, best);
        }
        best = one;
        ticket = q->ticket;
    }
    if (best == s->num)
        return pick_first(s, q);
    q->ticket = ticket;
    return balancer_endpoint(s, best);
}

static void forget(struct balancer_set *s)
{
    free(s->state);
}

const struct balancer_ops lb_least_requests = {"least_requests", pick, forget};
