/*
 * Counting against limits that all workers share, on the atomics of a gauge (table/gauge.h): no
 * lock, no message. Pure but for the gauge.
 */
#ifndef GATEWAY_PROXY_QUOTA_H
#define GATEWAY_PROXY_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/table/gauge.h"

/*
 * A place among at most `limit` (0: any number); true takes one and a reference to g, both for
 * quota_leave. NULL has room for all.
 */
MUST_USE bool quota_enter(struct table_gauge *g, uint32_t limit);
void quota_leave(struct table_gauge **g); /* gives the place back, once; NULL is fine */

/* The same among connections. */
MUST_USE bool quota_connect(struct table_gauge *g, uint32_t limit);
void quota_disconnect(struct table_gauge **g);

/*
 * A request of a rate: per_second of them, and `burst` (0: as many) at one time. False: it is too
 * many; *out_wait_s says in how many seconds, at least 1, there is room for one.
 */
MUST_USE bool quota_spend(struct table_gauge *g, uint32_t per_second, uint32_t burst,
                          int64_t now_us, uint32_t *out_wait_s);

#endif
