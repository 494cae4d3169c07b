/* See admission.h. The counting is quota.c's; which endpoint a request takes is balance.c's. */
#include "gateway/proxy/admission.h"

#include "gateway/proxy/conn.h"
#include "gateway/proxy/deadline.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/h2_client.h"
#include "gateway/proxy/quota.h"

enum { QUEUE_MS = 1000, BLOCKED_MAX = 16 };

/* ---- route and tenant ------------------------------------------------------------------------ */

static bool take(struct conn *c, enum admission_place place, struct table_gauge *g, uint32_t limit,
                 enum reply otherwise)
{
    if (!quota_enter(g, limit)) {
        reply_come_again(c, otherwise, 1);
        return false;
    }
    c->x->admission.places[place] = g;
    return true;
}

static bool spend(struct conn *c, struct table_gauge *g, uint32_t per_second, uint32_t burst,
                  enum reply otherwise)
{
    uint32_t wait_s = 1;

    if (quota_spend(g, per_second, burst, loop_now_us(c->proxy->loop), &wait_s))
        return true;
    reply_come_again(c, otherwise, wait_s);
    return false;
}

static bool begin_route(struct conn *c)
{
    const struct table_route *r = c->x->route;
    const struct route_limits *l = r->route->limits;

    if (r->gauge == NULL || l == NULL)
        return true;
    return spend(c, r->gauge, l->per_second, l->burst, REPLY_RATE_LIMITED) &&
           take(c, ADMISSION_ROUTE, r->gauge, l->in_flight, REPLY_ROUTE_BUSY);
}

/* A connection is its first request's tenant's, to its end; one that is too many ends. */
static bool count_connection(struct conn *c, const struct table_tenant *t)
{
    struct conn *carrier = c->carrier != NULL ? c->carrier : c;

    if (carrier->in_tenant != NULL)
        return true;
    if (quota_connect(t->gauge, t->spec->connections)) {
        carrier->in_tenant = t->gauge;
        return true;
    }
    if (carrier != c)
        h2_client_finish(carrier);
    reply_come_again(c, REPLY_TENANT_FULL, 1);
    return false;
}

static bool begin_tenant(struct conn *c, const struct table_tenant *t)
{
    return spend(c, t->gauge, t->spec->per_second, t->spec->burst, REPLY_TENANT_RATE_LIMITED) &&
           take(c, ADMISSION_TENANT, t->gauge, t->spec->in_flight, REPLY_TENANT_BUSY);
}

bool admission_begin(struct conn *c)
{
    const char *name = c->x->route->route->tenant;
    const struct table_tenant *t =
        name[0] != '\0' ? table_tenant(c->proxy->table, str_from(name)) : NULL;
    bool is_counted = t != NULL && t->gauge != NULL;

    return (!is_counted || count_connection(c, t)) && begin_route(c) &&
           (!is_counted || begin_tenant(c, t));
}

/* ---- turns ----------------------------------------------------------------------------------- */

/*
 * A worker hears of a place that its own request gave back before all others do: it would serve its
 * own line for ever. So the workers that have somebody in line take turns: who takes a place from
 * there gives the turn to the next one, and who gives a place back calls the one whose turn it is.
 */

static uint32_t worker_number(const struct proxy *p)
{
    return (uint32_t)p->book.worker + 1; /* 0 is nobody's */
}

static uint64_t bit_of(uint32_t number)
{
    return UINT64_C(1) << (number - 1);
}

/* The next in line after that one, itself at last; waits: not 0. */
static uint32_t number_after(uint64_t waits, uint32_t number)
{
    uint64_t later = number < 64 ? waits >> number << number : 0;

    return (uint32_t)__builtin_ctzll(later != 0 ? later : waits) + 1;
}

static bool is_turn_of(const struct proxy *p, struct table_gauge *g)
{
    uint32_t turn = atomic_load_explicit(&g->turn, memory_order_relaxed);
    uint64_t waits = atomic_load_explicit(&g->waits, memory_order_relaxed);

    return turn == 0 || turn == worker_number(p) || (waits & bit_of(turn)) == 0;
}

static void call_worker(struct proxy *p, uint32_t number)
{
    if (number == worker_number(p))
        loop_later(p->loop, &p->looking);
    else if (p->on_place != NULL)
        p->on_place(p->arg, number - 1);
}

/* A place was given back. */
static void call_next(struct proxy *p, struct table_gauge *g)
{
    uint64_t waits = atomic_load_explicit(&g->waits, memory_order_relaxed);
    uint32_t turn = atomic_load_explicit(&g->turn, memory_order_relaxed);

    if (waits == 0)
        return;
    if (turn == 0 || (waits & bit_of(turn)) == 0) {
        turn = number_after(waits, turn);
        atomic_store_explicit(&g->turn, turn, memory_order_relaxed);
    }
    call_worker(p, turn);
}

/* One of ours has taken a place from the line; there may be another for the next one. */
static void pass_turn(struct proxy *p, struct table_gauge *g, uint32_t limit)
{
    uint64_t waits = atomic_load_explicit(&g->waits, memory_order_relaxed);
    uint32_t next;

    if (waits == 0)
        return;
    next = number_after(waits, worker_number(p));
    atomic_store_explicit(&g->turn, next, memory_order_relaxed);
    if (limit == 0 || atomic_load_explicit(&g->in_flight, memory_order_relaxed) < limit)
        call_worker(p, next);
}

/* ---- pools, and the line before them --------------------------------------------------------- */

/* Has this worker somebody in that line? */
static bool waits_for(const struct proxy *p, const struct table_gauge *g)
{
    const struct conn *c;

    TAILQ_FOREACH(c, &p->conns[CONN_WAIT], link)
    {
        if (c->x->admission.line == g)
            return true;
    }
    return false;
}

static void join_line(struct conn *c, struct table_gauge *g)
{
    c->x->admission.line = table_gauge_ref(g);
    atomic_fetch_or_explicit(&g->waits, bit_of(worker_number(c->proxy)), memory_order_relaxed);
}

static void leave_line(struct conn *c)
{
    struct exchange *x = c->x;
    struct table_gauge *g = x->admission.line;

    if (g == NULL)
        return;
    x->admission.line = NULL;
    atomic_fetch_sub_explicit(&g->waiting, 1, memory_order_relaxed);
    if (!waits_for(c->proxy, g))
        atomic_fetch_and_explicit(&g->waits, ~bit_of(worker_number(c->proxy)),
                                  memory_order_relaxed);
    table_gauge_unref(&g);
    if (x->times == NULL)
        wheel_remove(&c->proxy->wheel, &x->timer);
}

/* Somebody was here before, of whichever worker. */
static bool has_line(const struct conn *c, const struct table_gauge *g)
{
    return c->x->admission.line != g && atomic_load_explicit(&g->waiting, memory_order_relaxed) > 0;
}

bool admission_to_pool(struct conn *c, const struct table_pool *pool)
{
    struct exchange *x = c->x;
    bool has_waited;

    if (x->admission.places[ADMISSION_POOL] != NULL &&
        x->admission.places[ADMISSION_POOL] == pool->gauge)
        return true;
    quota_leave(&x->admission.places[ADMISSION_POOL]); /* of another pool, which failed it */
    if (pool->gauge == NULL || pool->spec->limits == NULL) {
        leave_line(c);
        return true;
    }
    if (has_line(c, pool->gauge) || !quota_enter(pool->gauge, pool->spec->limits->in_flight)) {
        admission_wait(c, pool);
        return false;
    }
    has_waited = x->admission.line == pool->gauge;
    leave_line(c);
    if (has_waited)
        pass_turn(c->proxy, pool->gauge, pool->spec->limits->in_flight);
    x->admission.places[ADMISSION_POOL] = pool->gauge;
    return true;
}

void admission_wait(struct conn *c, const struct table_pool *pool)
{
    const struct pool_limits *l = pool->spec->limits;
    struct table_gauge *g = pool->gauge;
    struct exchange *x = c->x;

    if (x->admission.line == g)
        return; /* it keeps its place in the line */
    leave_line(c);
    if (atomic_fetch_add_explicit(&g->waiting, 1, memory_order_relaxed) >= l->queue) {
        atomic_fetch_sub_explicit(&g->waiting, 1, memory_order_relaxed);
        account_chosen(c, x->route, NULL);
        reply_come_again(c, REPLY_POOL_BUSY, 1);
        return;
    }
    join_line(c, g);
    x->admission.wait_until_ms =
        loop_now_ms(c->proxy->loop) + (l->queue_ms != 0 ? l->queue_ms : QUEUE_MS);
    if (c->state != CONN_WAIT)
        conn_enter(c, CONN_WAIT);
    deadline_wait(c);
}

static bool is_blocked(struct table_gauge *const *blocked, size_t num, const struct table_gauge *g)
{
    for (size_t i = 0; i < num; i++)
        if (blocked[i] == g)
            return true;
    return false;
}

/* Who is behind one that cannot go on cannot either, if it waits for the same pool. */
static void look_along(struct proxy *p, bool politely)
{
    struct table_gauge *blocked[BLOCKED_MAX];
    size_t num = 0;
    struct conn *c, *next;

    for (c = TAILQ_FIRST(&p->conns[CONN_WAIT]); c != NULL; c = next) {
        struct table_gauge *g = c->x->admission.line;

        next = TAILQ_NEXT(c, link);
        if (is_blocked(blocked, num, g))
            continue;
        if (!politely || is_turn_of(p, g))
            exchange_go_on(c);
        if (c->state != CONN_WAIT)
            conn_run(c);
        else if (num < BLOCKED_MAX)
            blocked[num++] = g;
    }
}

void admission_look(struct proxy *p)
{
    look_along(p, true);
}

/* Whoever's turn it was has not come: the place is for anybody. */
void admission_tick(struct proxy *p)
{
    look_along(p, false);
}

static void look(void *arg)
{
    look_along(arg, true);
}

void admission_init(struct proxy *p)
{
    p->looking = (struct loop_task){.run = look, .arg = p};
}

void admission_end(struct conn *c)
{
    struct exchange *x = c->x;
    struct table_gauge *pool = table_gauge_ref(x->admission.places[ADMISSION_POOL]);

    leave_line(c);
    for (int i = 0; i < ADMISSION__COUNT; i++)
        quota_leave(&x->admission.places[i]);
    if (pool != NULL)
        call_next(c->proxy, pool);
    table_gauge_unref(&pool);
}
