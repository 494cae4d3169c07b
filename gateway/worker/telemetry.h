/*
 * The numbers of the proxy's process, summed over its workers: as the exposition that /metrics
 * gives, and every TELEMETRY_EVERY_S as samples for the follower's report. On the hub's thread.
 */
#ifndef GATEWAY_WORKER_TELEMETRY_H
#define GATEWAY_WORKER_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct access_log;
struct event_base;
struct fd_budget;
struct frames_status;
struct metrics;
struct pool_series;
struct prober;
struct proxy;
struct table;
struct telemetry;

enum {
    TELEMETRY_EVERY_S = 5,
    TELEMETRY_SAMPLES_MAX = 192 << 10, /* bytes; a report may have 256 KiB in all */
    TELEMETRY_POOLS_BYTES = 128 << 10, /* of these, about, for series of pools */
    TELEMETRY_SILENT_MS = 15000        /* a follower that says nothing for so long is not up */
};

struct telemetry_ops {
    size_t (*num_workers)(void *arg);
    /* Of a worker, or, for i = num_workers, what the hub itself counts. */
    const struct metrics *(*metrics_of)(void *arg, size_t i);
    struct proxy *(*proxy_of)(void *arg, size_t i); /* for what any thread may ask it */
    const struct table *(*table)(void *arg);        /* in force in every worker; lent; NULL: none */
    const struct frames_status *(*status)(void *arg); /* of the follower */
    bool (*send_stats)(void *arg, struct str json);   /* frames.h */
    const struct fd_budget *budget;
    const struct access_log *log;
    struct pool_series *series;
    const struct prober *prober;
    void *arg;
};

/* Opens /proc/self/statm, which is read again and again: later no file can be opened. */
struct telemetry *telemetry_new(struct event_base *base, const struct telemetry_ops *ops);
void telemetry_free(struct telemetry *t); /* NULL is fine */

MUST_USE bool telemetry_write(struct telemetry *t, struct buf *out); /* false: it does not fit */

#endif
