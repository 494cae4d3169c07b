/* See health.h. No clock, no socket. */
#include "gateway/upstream/health.h"

enum { FIRST_WITHIN_MS = 1000 };

bool health_after(struct health_state *s, bool good, const struct pool_health *rule)
{
    if (good != s->unhealthy) {
        s->against = 0;
        return false;
    }
    if (++s->against < (good ? rule->healthy : rule->unhealthy))
        return false;
    *s = (struct health_state){.unhealthy = !good};
    return true;
}

bool health_is_good(unsigned status, const struct pool_health *rule)
{
    return status >= rule->status_from && status <= rule->status_to;
}

int64_t health_wait_ms(const struct pool_health *rule, bool first, uint64_t random)
{
    uint64_t whole = rule->interval_ms;

    if (first)
        return (int64_t)(random % (whole < FIRST_WITHIN_MS ? whole : FIRST_WITHIN_MS));
    return (int64_t)(whole - whole / 10 + random % (whole / 5 + 1));
}
