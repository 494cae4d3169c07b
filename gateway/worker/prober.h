/*
 * Active health checks: the gateway's one prober, on the hub's thread. It asks the live endpoints
 * of all pools that say so (pool.h, struct pool_health), tells all workers what it found by
 * upstream/shared.h, logs what changes and follows the table in force.
 *
 *     WAITING --time--> CONNECTING --> ASKING --> WAITING
 *                           +------------------------^
 */
#ifndef GATEWAY_WORKER_PROBER_H
#define GATEWAY_WORKER_PROBER_H

struct exposition;
struct loop;
struct metrics;
struct prober;
struct table_delta;
struct upstream_shared;

enum {
    PROBER_AT_ONCE = 256, /* connections; who comes later waits */
    PROBER_BUSY_MS = 50   /* so long, as does who finds no descriptor */
};

struct prober *prober_new(struct loop *l, struct upstream_shared *shared, struct metrics *m);
void prober_free(struct prober *p); /* NULL is fine */

/*
 * A version is in force that differs from the one before by this; its pools are lent until the next
 * one is.
 */
void prober_adopt(struct prober *p, const struct table_delta *d);

void prober_write_metrics(const struct prober *p, struct exposition *x);

#endif
