/*
 * When an endpoint that is probed becomes unhealthy, and healthy again: so many results against its
 * state in a row. Pure; worker/prober.c asks. An endpoint begins healthy: a task that runs is used
 * until its probes say no.
 */
#ifndef GATEWAY_UPSTREAM_HEALTH_H
#define GATEWAY_UPSTREAM_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/route/pool.h"

struct health_state { /* all zero: healthy */
    bool unhealthy;
    uint16_t against; /* results that say otherwise, in a row */
};

/* Takes a result. True: it has changed. */
bool health_after(struct health_state *s, bool good, const struct pool_health *rule);

bool health_is_good(unsigned status, const struct pool_health *rule);

/*
 * Until the next probe: the interval, a tenth more or less, so that the probes of many gateways and
 * endpoints do not come together; until the first one: at most a second.
 */
int64_t health_wait_ms(const struct pool_health *rule, bool first, uint64_t random);

#endif
