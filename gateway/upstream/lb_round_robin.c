/*
 * Round robin. Endpoints that weigh the same take turns. Others run a race: each has a line to
 * cross, a stride apart that is the shorter the more it weighs, and who crosses next is picked (a
 * heap: O(log n)). They start spread over their first stride, so that the light ones do not come in
 * a row.
 *
 * Who cannot be asked is put aside for a round. So one look a round finds that it is back, or gives
 * it its probe, and a pool of which many are out costs no more.
 */
#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/upstream/balancer.h"

/* In units of 1 / 2^42 of what a weight of one takes: the sum wraps, differences do not. */
static const uint64_t race_length = UINT64_C(1) << 42;

struct runner {
    uint64_t at; /* its next line */
    uint32_t place;
};

struct race {
    uint64_t round; /* what all n lines together take about */
    uint32_t num_in, num;
    struct runner all[]; /* the first num_in are the heap, the others are aside */
};

struct turns {
    struct race *race; /* NULL: all weigh the same */
};

static uint64_t stride(const struct balancer_set *s, uint32_t i)
{
    return race_length / balancer_endpoint(s, i)->weight / balancer_share(s, i);
}

static bool is_before(const struct runner *a, const struct runner *b)
{
    if (a->at != b->at)
        return (int64_t)(a->at - b->at) < 0;
    return a->place < b->place;
}

static void swap(struct runner *a, struct runner *b)
{
    struct runner was = *a;

    *a = *b;
    *b = was;
}

static void sink(struct race *r, uint32_t i)
{
    for (;;) {
        uint32_t least = i, left = 2 * i + 1;

        for (uint32_t k = left; k < left + 2 && k < r->num_in; k++)
            if (is_before(&r->all[k], &r->all[least]))
                least = k;
        if (least == i)
            return;
        swap(&r->all[i], &r->all[least]);
        i = least;
    }
}

static void rise(struct race *r, uint32_t i)
{
    while (i > 0 && is_before(&r->all[i], &r->all[(i - 1) / 2])) {
        swap(&r->all[i], &r->all[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static struct race *begin_race(const struct balancer_set *s)
{
    struct race *r = xmalloc(sizeof *r + s->num * sizeof r->all[0]);
    uint32_t turn = *balancer_turn(s);
    uint64_t weights = 0;

    r->num = r->num_in = s->num;
    for (uint32_t i = 0; i < s->num; i++) {
        uint32_t start = (i + turn) % s->num;
        uint64_t first = stride(s, i);

        weights += race_length / first;
        r->all[i] = (struct runner){first / (2 * s->num) * (2 * start + 1), i};
    }
    r->round = race_length / (weights > 0 ? weights : 1) * s->num;
    for (uint32_t i = s->num / 2; i-- > 0;)
        sink(r, i);
    return r;
}

/* Back into the heap; when somebody was picked, not before the others had their turn. */
static void take_back(struct race *r, bool wait, uint64_t until)
{
    for (; r->num_in < r->num; r->num_in++) {
        if (wait)
            r->all[r->num_in].at = until;
        rise(r, r->num_in);
    }
}

static const struct table_endpoint *pick_by_race(struct balancer_set *s, struct race *r,
                                                 struct balancer_query *q)
{
    while (r->num_in > 0 && !balancer_can_take(s, r->all[0].place, q)) {
        swap(&r->all[0], &r->all[--r->num_in]);
        sink(r, 0);
    }
    if (r->num_in == 0) {
        take_back(r, false, 0);
        return NULL;
    }
    uint32_t picked = r->all[0].place;
    uint64_t now = r->all[0].at;

    ++*balancer_turn(s);
    r->all[0].at += stride(s, picked);
    sink(r, 0);
    take_back(r, true, now + r->round);
    return balancer_endpoint(s, picked);
}

static const struct table_endpoint *pick_by_turn(struct balancer_set *s, struct balancer_query *q)
{
    uint32_t *turn = balancer_turn(s);

    for (uint32_t i = 0; i < s->num; i++) {
        uint32_t place = (*turn)++ % s->num;

        if (balancer_can_take(s, place, q))
            return balancer_endpoint(s, place);
    }
    return NULL;
}

static const struct table_endpoint *pick(struct balancer_set *s, struct balancer_query *q)
{
    struct turns *t = s->state;

    if (t == NULL) {
        t = s->state = xcalloc(1, sizeof *t);
        t->race = balancer_is_even(s) ? NULL : begin_race(s);
    }
    return t->race != NULL ? pick_by_race(s, t->race, q) : pick_by_turn(s, q);
}

static void forget(struct balancer_set *s)
{
    struct turns *t = s->state;

    free(t->race);
    free(t);
}

const struct balancer_ops lb_round_robin = {"round_robin", pick, forget};
