/*
 * Who may be asked: what passive findings (eject.h) and the prober (health.h) say of an endpoint,
 * read and written by all workers without a lock. The functions are upstream.h's; the rules are not
 * here.
 */
#include "gateway/core/check.h"
#include "gateway/upstream/upstream.h"

enum { WINDOW_FAILS_BITS = 24 };

static struct upstream_shared_endpoint *find_shared(struct upstreams *u, uint32_t id)
{
    struct upstream_endpoint *e = upstreams_endpoint(u, id);

    return e != NULL ? e->shared : upstream_shared_find(u->shared, id);
}

static int64_t ejected_until(const struct upstream_shared_endpoint *s)
{
    return atomic_load_explicit(&s->ejected_until_ms, memory_order_relaxed);
}

/* Of all the requests of all workers that find it due, one. */
static bool claim_probe(struct upstreams *u, struct upstream_shared_endpoint *s, int64_t until_ms,
                        struct eject_ticket *out)
{
    struct eject_state next = {atomic_load_explicit(&s->failures, memory_order_relaxed),
                               loop_now_ms(u->loop) + EJECT_PROBE_MS};

    *out = (struct eject_ticket){next.until_ms, true};
    return upstream_shared_eject(u->shared, s, until_ms, next);
}

bool upstreams_admits(struct upstreams *u, uint32_t id, bool ejected_too, struct eject_ticket *out)
{
    struct upstream_shared_endpoint *s = find_shared(u, id);
    int64_t until_ms = s != NULL ? ejected_until(s) : 0;

    *out = (struct eject_ticket){until_ms, false};
    if (s != NULL && atomic_load_explicit(&s->unhealthy, memory_order_relaxed))
        return ejected_too;
    if (until_ms == 0)
        return true;
    if (eject_standing(until_ms, loop_now_ms(u->loop)) == EJECT_DUE &&
        claim_probe(u, s, until_ms, out))
        return true;
    *out = (struct eject_ticket){until_ms, false};
    return ejected_too;
}

bool upstreams_is_usable(struct upstreams *u, uint32_t id)
{
    const struct upstream_shared_endpoint *s = find_shared(u, id);

    return s == NULL ||
           (ejected_until(s) == 0 && !atomic_load_explicit(&s->unhealthy, memory_order_relaxed));
}

uint32_t upstreams_in_flight(struct upstreams *u, uint32_t id)
{
    const struct upstream_shared_endpoint *s = find_shared(u, id);

    return s != NULL ? atomic_load_explicit(&s->in_flight, memory_order_relaxed) : 0;
}

bool upstreams_hold(struct upstreams *u, const struct table_endpoint *ep, uint32_t limit)
{
    struct upstream_shared_endpoint *s;
    uint32_t seen;

    if (limit == 0)
        return true;
    ASSERT(u->held == NULL);
    s = upstreams_use(u, ep)->shared;
    seen = atomic_load_explicit(&s->in_flight, memory_order_relaxed);
    do {
        if (seen >= limit)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&s->in_flight, &seen, seen + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    u->held = s;
    return true;
}

void upstreams_let_go(struct upstreams *u)
{
    if (u->held != NULL)
        atomic_fetch_sub_explicit(&u->held->in_flight, 1, memory_order_relaxed);
    u->held = NULL;
}

int64_t upstreams_warm_from(struct upstreams *u, uint32_t id)
{
    const struct upstream_shared_endpoint *s = find_shared(u, id);

    return s != NULL ? atomic_load_explicit(&s->warm_from_ms, memory_order_relaxed) : 0;
}

void upstreams_arrives(struct upstreams *u, uint32_t id)
{
    struct upstream_shared_endpoint *s = upstream_shared_get(u->shared, id);

    if (atomic_load_explicit(&s->warm_from_ms, memory_order_relaxed) == 0)
        upstream_shared_warm(u->shared, s, loop_now_ms(u->loop));
}

/* What is known now; *next is what it becomes. */
static void change(struct upstreams *u, struct upstream_shared_endpoint *s, int64_t seen_until_ms,
                   struct eject_state next)
{
    if (next.until_ms == seen_until_ms || !upstream_shared_eject(u->shared, s, seen_until_ms, next))
        return; /* nothing new, or another worker was faster */
    if (next.until_ms != 0)
        metrics_add(&u->metrics->ejections, 1);
    else
        upstream_shared_warm(u->shared, s, loop_now_ms(u->loop));
}

static struct eject_state state_of(const struct upstream_shared_endpoint *s)
{
    return (struct eject_state){
        .until_ms = ejected_until(s),
        .failures = atomic_load_explicit(&s->failures, memory_order_relaxed),
    };
}

void upstreams_note(struct upstreams *u, uint32_t id, const struct eject_ticket *t,
                    enum eject_outcome outcome)
{
    struct upstream_shared_endpoint *s;
    struct eject_state seen;

    if (outcome == EJECT_ANSWERED && t->until_ms == 0) /* the usual case costs nothing */
        return;
    s = upstream_shared_get(u->shared, id);
    seen = state_of(s);
    change(u, s, seen.until_ms, eject_after(seen, *t, outcome, loop_now_ms(u->loop)));
}

/* True: one too many. */
static bool count_failure(struct upstream_shared_endpoint *s, const struct pool_passive *rule,
                          int64_t now_ms)
{
    const uint64_t mask = (UINT64_C(1) << WINDOW_FAILS_BITS) - 1;
    uint64_t seen = atomic_load_explicit(&s->window, memory_order_relaxed), next;
    struct eject_window w;
    bool too_many;

    do {
        w = (struct eject_window){(int64_t)(seen >> WINDOW_FAILS_BITS), (uint32_t)(seen & mask)};
        too_many = eject_is_too_many(&w, rule->max_fails, rule->fail_timeout_ms, now_ms);
        next = (uint64_t)w.since_ms << WINDOW_FAILS_BITS | (w.fails & mask);
    } while (!atomic_compare_exchange_weak_explicit(&s->window, &seen, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return too_many;
}

const struct pool_passive *upstreams_rule(struct upstreams *u, uint32_t id)
{
    const struct upstream_endpoint *e = upstreams_endpoint(u, id);
    const struct pool_passive *rule = e != NULL && e->pool != NULL ? e->pool->spec->passive : NULL;

    return rule != NULL && rule->max_fails > 0 ? rule : NULL;
}

static bool is_failure(const struct pool_passive *rule, unsigned status)
{
    if (rule->num_statuses == 0)
        return status == 500 || (status >= 502 && status <= 504);
    for (size_t i = 0; i < rule->num_statuses; i++)
        if (rule->statuses[i] == status)
            return true;
    return false;
}

void upstreams_note_status(struct upstreams *u, uint32_t id, const struct eject_ticket *t,
                           const struct pool_passive *rule, unsigned status)
{
    struct upstream_shared_endpoint *s;
    struct eject_state seen;
    int64_t now_ms = loop_now_ms(u->loop);

    if (rule == NULL || !is_failure(rule, status)) {
        upstreams_note(u, id, t, EJECT_ANSWERED);
        return;
    }
    s = upstream_shared_get(u->shared, id);
    if (!t->probe && !count_failure(s, rule, now_ms))
        return;
    seen = state_of(s);
    change(u, s, seen.until_ms, eject_after_statuses(seen, *t, rule->fail_timeout_ms, now_ms));
}
