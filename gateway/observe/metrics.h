/*
 * What a gateway counts. Each list below gives the field, the name on /metrics and its help, so
 * that a metric is one row. The numbers of a worker are written by its own thread only and read by
 * any (relaxed atomics with one writer: counting is a plain load and store).
 */
#ifndef GATEWAY_OBSERVE_METRICS_H
#define GATEWAY_OBSERVE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Counters of each worker, and of the hub: summed over all of them. */
#define METRICS_COUNTERS(X)                                                                      \
    X(accepted, "signalbox_connections_accepted_total", "client connections accepted")           \
    X(h2_connections, "signalbox_h2_connections_total", "client connections that speak HTTP/2")  \
    X(h2_streams, "signalbox_h2_streams_total", "streams begun on them")                         \
    X(requests, "signalbox_requests_total", "request heads taken")                               \
    X(refused_heads, "signalbox_refused_heads_total", "request heads refused as malformed")      \
    X(local_replies, "signalbox_local_replies_total", "answers made by the gateway itself")      \
    X(responses, "signalbox_responses_total", "responses relayed to their end")                  \
    X(received_bytes, "signalbox_received_bytes_total", "bytes of requests that have ended")     \
    X(sent_bytes, "signalbox_sent_bytes_total", "bytes to clients in requests that have ended")  \
    X(spliced_bytes, "signalbox_spliced_bytes_total", "bytes of bodies moved without a copy")    \
    X(connects, "signalbox_upstream_connects_total", "connections begun to endpoints")           \
    X(connect_failures, "signalbox_upstream_connect_failures_total",                             \
      "connections to endpoints that were refused or timed out")                                 \
    X(reuses, "signalbox_upstream_reuses_total", "requests sent on a kept connection")           \
    X(ejections, "signalbox_upstream_ejections_total", "times an endpoint was put aside")        \
    X(health_checks, "signalbox_health_checks_total", "probes of endpoints that have ended")     \
    X(health_failures, "signalbox_health_check_failures_total", "probes that failed")            \
    X(health_changes, "signalbox_health_changes_total",                                          \
      "times an endpoint became unhealthy, or healthy again")                                    \
    X(retries_denied, "signalbox_retries_denied_total",                                          \
      "requests not sent once more because too many were")                                       \
    X(retries, "signalbox_retries_total", "requests sent once more, to the same or another end") \
    X(tunnels, "signalbox_tunnels_total", "connections that changed to another protocol")        \
    X(adoptions, "signalbox_table_adoptions_total", "table versions adopted")                    \
    X(refusals, "signalbox_table_refusals_total", "objects of a table refused")                  \
    X(accept_pauses, "signalbox_accept_pauses_total", "pauses for want of descriptors")

/* Histograms of times, of each worker: summed likewise. */
#define METRICS_HISTOGRAMS(X)                                              \
    X(request_time, "signalbox_request_duration_seconds",                  \
      "from the whole head of a request to its end; tunnels are left out") \
    X(connect_time, "signalbox_upstream_connect_duration_seconds",         \
      "to open a connection to an endpoint; failures are left out")

/* Upper bounds: in microseconds, and as the label says it in seconds. */
#define METRICS_BUCKETS(X) \
    X(250, "0.00025")      \
    X(500, "0.0005")       \
    X(1000, "0.001")       \
    X(2500, "0.0025")      \
    X(5000, "0.005")       \
    X(10000, "0.01")       \
    X(25000, "0.025")      \
    X(50000, "0.05")       \
    X(100000, "0.1")       \
    X(250000, "0.25")      \
    X(500000, "0.5")       \
    X(1000000, "1")        \
    X(2500000, "2.5")      \
    X(5000000, "5")        \
    X(10000000, "10")      \
    X(30000000, "30")      \
    X(60000000, "60")

/* What is neither: symbol, name, type, labels, help. */
#define METRICS_OTHERS(X)                                                                         \
    X(CONNECTIONS, "signalbox_connections", "gauge", "", "client connections open")               \
    X(STREAMS, "signalbox_h2_streams", "gauge", "", "streams of HTTP/2 open, each a request")     \
    X(WORKER_CONNECTIONS, "signalbox_worker_connections", "gauge", "worker",                      \
      "client connections open, of each worker")                                                  \
    X(CLOSED, "signalbox_connections_closed_total", "counter", "reason",                          \
      "client connections closed, by reason")                                                     \
    X(REPLIES, "signalbox_replies_total", "counter", "reason",                                    \
      "answers made by the gateway itself, by reason")                                            \
    X(REFUSED, "signalbox_refused_total", "counter", "reason",                                    \
      "malformed requests, by what was wrong with them")                                          \
    X(EJECTED, "signalbox_upstream_ejected", "gauge", "", "endpoints put aside now")              \
    X(UNHEALTHY, "signalbox_upstream_unhealthy", "gauge", "",                                     \
      "endpoints whose probes say that they are unhealthy")                                       \
    X(POOL_UNHEALTHY, "signalbox_pool_unhealthy_endpoints", "gauge", "pool",                      \
      "the same by pool, of pools that have any")                                                 \
    X(POOL_REQUESTS, "signalbox_pool_requests_total", "counter", "pool,class",                    \
      "requests that ended, by pool and class of their status; none: the client got no status")   \
    X(POOL_IN_FLIGHT, "signalbox_pool_requests_in_flight", "gauge", "pool",                       \
      "requests under way, tunnels included")                                                     \
    X(POOL_DURATION, "signalbox_pool_request_duration_seconds", "summary", "pool",                \
      "as signalbox_request_duration_seconds, by pool")                                           \
    X(POOL_FAILURES, "signalbox_pool_failures_total", "counter", "pool",                          \
      "attempts on an endpoint that came to nothing")                                             \
    X(POOL_RETRIES, "signalbox_pool_retries_total", "counter", "pool",                            \
      "attempts after a failed one")                                                              \
    X(POOLS_FOLDED, "signalbox_pools_folded", "gauge", "",                                        \
      "pools without series of their own, counted under pool=\"(other)\"")                        \
    X(TABLE_REVISION, "signalbox_table_revision", "gauge", "", "revision in force")               \
    X(TABLE_ROUTES, "signalbox_table_routes", "gauge", "", "routes in force")                     \
    X(TABLE_POOLS, "signalbox_table_pools", "gauge", "", "pools in force")                        \
    X(TABLE_STALE, "signalbox_table_stale", "gauge", "",                                          \
      "1: the source of the table is not heard from")                                             \
    X(TABLE_AGE, "signalbox_table_age_seconds", "gauge", "",                                      \
      "since the source of the table was last heard from; 0: it is")                              \
    X(FOLLOWER_UP, "signalbox_follower_up", "gauge", "", "1: the follower has spoken lately")     \
    X(JOURNAL_FAILING, "signalbox_journal_failing", "gauge", "",                                  \
      "1: the table cannot be kept on disk; /readyz says why")                                    \
    X(LOG_LINES, "signalbox_access_log_lines_total", "counter", "", "requests logged")            \
    X(LOG_LOST, "signalbox_access_log_lost_total", "counter", "worker",                           \
      "requests not logged because standard output was not read or failed")                       \
    X(BUILD_INFO, "signalbox_build_info", "gauge", "version", "always 1")                         \
    X(WORKERS, "signalbox_workers", "gauge", "", "worker threads")                                \
    X(DESCRIPTORS, "signalbox_open_descriptors", "gauge", "", "sockets of clients and endpoints") \
    X(DESCRIPTORS_MAX, "signalbox_open_descriptors_limit", "gauge", "",                           \
      "with so many in use no further client is accepted")                                        \
    X(CPU, "process_cpu_seconds_total", "counter", "", "user and system time of the proxy")       \
    X(MEMORY, "process_resident_memory_bytes", "gauge", "", "memory of the proxy")                \
    X(START, "process_start_time_seconds", "gauge", "", "when the proxy began, since the epoch")

enum metric {
#define X(sym, name, help) METRIC_##sym,
    METRICS_COUNTERS(X) METRICS_HISTOGRAMS(X)
#undef X
#define X(sym, name, type, labels, help) METRIC_##sym,
        METRICS_OTHERS(X)
#undef X
            METRIC__COUNT
};

enum metrics_bucket {
#define X(us, label) METRICS_BUCKET_##us,
    METRICS_BUCKETS(X)
#undef X
        METRICS_BUCKETS_NUM
};

struct metrics_histogram {
    _Atomic uint64_t in[METRICS_BUCKETS_NUM + 1]; /* each alone, not added up; the last: beyond */
    _Atomic uint64_t sum_us;
};

struct metrics {
#define X(sym, name, help) _Atomic uint64_t sym;
    METRICS_COUNTERS(X)
#undef X
#define X(sym, name, help) struct metrics_histogram sym;
    METRICS_HISTOGRAMS(X)
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

void metrics_observe(struct metrics_histogram *h, int64_t us); /* likewise */
void metrics_sum(struct metrics *sum, const struct metrics *one);

#endif
