/*
 * The counters of one worker: only its own thread writes them, any thread may read them (relaxed
 * atomics with one writer, so that counting is a plain load and store). One list gives the field,
 * the name on /metrics and the help text.
 */
#ifndef GATEWAY_OBSERVE_METRICS_H
#define GATEWAY_OBSERVE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"

#define METRICS_COUNTERS(X)                                                                      \
    X(accepted, "signalbox_connections_accepted_total", "client connections accepted")           \
    X(requests, "signalbox_requests_total", "request heads taken")                               \
    X(refused_heads, "signalbox_refused_heads_total", "request heads refused as malformed")      \
    X(local_replies, "signalbox_local_replies_total", "answers made by the gateway itself")      \
    X(responses, "signalbox_responses_total", "responses relayed to their end")                  \
    X(connects, "signalbox_upstream_connects_total", "connections begun to endpoints")           \
    X(connect_failures, "signalbox_upstream_connect_failures_total",                             \
      "connections to endpoints that were refused or timed out")                                 \
    X(reuses, "signalbox_upstream_reuses_total", "requests sent on a kept connection")           \
    X(ejections, "signalbox_upstream_ejections_total", "times an endpoint was put aside")        \
    X(retries_denied, "signalbox_retries_denied_total",                                          \
      "requests not sent once more because too many were")                                       \
    X(retries, "signalbox_retries_total", "requests sent once more, to the same or another end") \
    X(tunnels, "signalbox_tunnels_total", "connections that changed to another protocol")        \
    X(adoptions, "signalbox_table_adoptions_total", "table versions adopted")                    \
    X(refusals, "signalbox_table_refusals_total", "objects of a table refused")                  \
    X(accept_pauses, "signalbox_accept_pauses_total", "pauses for want of descriptors")

struct metrics {
#define X(sym, name, help) _Atomic uint64_t sym;
    METRICS_COUNTERS(X)
#undef X
};

static inline uint64_t metrics_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* By the thread that owns the counter. */
static inline void metrics_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, metrics_get(counter) + n, memory_order_relaxed);
}

/* One series in Prometheus' text form: HELP, TYPE and one sample. False: the buffer is full. */
MUST_USE bool metrics_write_one(struct buf *b, const char *name, const char *type, const char *help,
                                uint64_t value);
MUST_USE bool metrics_write(struct buf *b, const struct metrics *m);

#endif
