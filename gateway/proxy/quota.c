/*
 * See quota.h. The bucket of a rate is one number, the moment at which it would be full again
 * (generic cell rate algorithm): who takes a token moves it on by one interval with a
 * compare-and-swap, so that a bucket needs no refilling and two workers never take the same token.
 */
#include "gateway/proxy/quota.h"

#include <stddef.h>

static const int64_t second_ns = 1000000000;

static bool take(_Atomic uint32_t *num, uint32_t limit)
{
    if (atomic_fetch_add_explicit(num, 1, memory_order_relaxed) < limit || limit == 0)
        return true;
    atomic_fetch_sub_explicit(num, 1, memory_order_relaxed);
    return false;
}

bool quota_enter(struct table_gauge *g, uint32_t limit)
{
    if (g == NULL)
        return true;
    if (!take(&g->in_flight, limit))
        return false;
    (void)table_gauge_ref(g); /* it is the caller's now */
    return true;
}

void quota_leave(struct table_gauge **g)
{
    if (*g == NULL)
        return;
    atomic_fetch_sub_explicit(&(*g)->in_flight, 1, memory_order_relaxed);
    table_gauge_unref(g);
}

bool quota_connect(struct table_gauge *g, uint32_t limit)
{
    if (g == NULL)
        return true;
    if (!take(&g->connections, limit))
        return false;
    (void)table_gauge_ref(g);
    return true;
}

void quota_disconnect(struct table_gauge **g)
{
    if (*g == NULL)
        return;
    atomic_fetch_sub_explicit(&(*g)->connections, 1, memory_order_relaxed);
    table_gauge_unref(g);
}

bool quota_spend(struct table_gauge *g, uint32_t per_second, uint32_t burst, int64_t now_us,
                 uint32_t *out_wait_s)
{
    int64_t now_ns = now_us * 1000;
    int64_t interval_ns, room_ns, full_ns;

    if (g == NULL || per_second == 0)
        return true;
    interval_ns = second_ns / per_second > 0 ? second_ns / per_second : 1;
    room_ns = interval_ns * (burst != 0 ? burst : per_second);
    full_ns = atomic_load_explicit(&g->stamp, memory_order_relaxed);
    for (;;) {
        int64_t next_ns = (full_ns > now_ns ? full_ns : now_ns) + interval_ns;

        if (next_ns - now_ns > room_ns) {
            *out_wait_s = (uint32_t)((next_ns - now_ns - room_ns + second_ns - 1) / second_ns);
            return false;
        }
        if (atomic_compare_exchange_weak_explicit(&g->stamp, &full_ns, next_ns,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    }
}
