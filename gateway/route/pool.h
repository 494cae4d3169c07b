/*
 * The part of the contract (route.h) that says where requests go: pools, their endpoints, and the
 * tenants that both belong to.
 */
#ifndef GATEWAY_ROUTE_POOL_H
#define GATEWAY_ROUTE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_ENDPOINTS_MAX = 4096, /* endpoints of one pool */
    ROUTE_WEIGHT_MAX = 1000000,
    ROUTE_STATUSES_MAX = 16 /* statuses that are retried, that count as failures */
};

enum route_key { ROUTE_KEY_CLIENT, ROUTE_KEY_HEADER, ROUTE_KEY_COOKIE };

/* What is hashed: of a split that keeps users together, of a pool's balance "hash". */
struct route_hash {
    enum route_key by;
    char *name; /* of the field (lower case) or cookie; NULL with ROUTE_KEY_CLIENT */
    char *salt; /* so that two splits do not pick the same users; "" by default */
};

enum pool_protocol { POOL_HTTP1, POOL_H2C };
enum pool_balance { POOL_ROUND_ROBIN, POOL_LEAST_REQUESTS, POOL_HASH };

/* Active: the gateway asks. One prober a gateway, whatever the number of its workers. */
struct pool_health {
    bool http;            /* else a TCP connect is enough */
    char *path;           /* of the request, "/" by default */
    char *host;           /* of the request; NULL: the endpoint's address */
    uint16_t port;        /* 0: the endpoint's */
    uint16_t status_from; /* statuses that are healthy, 200..399 by default */
    uint16_t status_to;
    uint32_t interval_ms; /* default 5000 */
    uint32_t timeout_ms;  /* default 2000 */
    uint16_t healthy;     /* in a row until it serves again; default 2 */
    uint16_t unhealthy;   /* in a row until it is left out; default 3 */
};

/* Passive: what requests tell. Connect errors and resets eject always (upstream/eject.h). */
struct pool_passive {
    uint32_t max_fails;       /* within fail_timeout_ms; 0 (the default): a status ejects nobody */
    uint32_t fail_timeout_ms; /* and ejected for so long; default 10000, as nginx */
    uint8_t num_statuses;     /* that count; none: 500, 502, 503, 504 */
    uint16_t statuses[ROUTE_STATUSES_MAX];
};

/* Per gateway, all workers together. What is over waits in line, then 503 with Retry-After. */
struct pool_limits {
    uint32_t in_flight;          /* of the pool; 0: no limit */
    uint32_t endpoint_in_flight; /* of each endpoint; 0: no limit */
    uint32_t queue;              /* requests that may wait; 0: none */
    uint32_t queue_ms;           /* how long; default 1000 */
};

struct route_pool {
    char *tenant;
    enum pool_protocol protocol;
    enum pool_balance balance;
    bool prefer_node;        /* endpoints on the gateway's own node, while there are any */
    uint8_t panic_percent;   /* with so few usable, all are used; default 0: only when none is */
    uint32_t slow_start_ms;  /* a new endpoint's share grows over so long; 0: at once */
    uint32_t idle_ms;        /* a kept connection lives so long; 0: upstream.h's default */
    struct route_hash *hash; /* of POOL_HASH */
    struct pool_health *health;
    struct pool_passive *passive;
    struct pool_limits *limits;
};

/* Quotas of the data plane, per gateway. 0: no limit. */
struct route_tenant {
    uint32_t in_flight;  /* 503 beyond */
    uint32_t per_second; /* 429 beyond */
    uint32_t burst;
    uint32_t connections; /* of clients, by their first request; 503 beyond */
};

enum endpoint_state { ENDPOINT_LIVE, ENDPOINT_DRAINING };

struct route_endpoint {
    char *address; /* IPv4 or IPv6 literal, without brackets */
    uint16_t port;
    uint32_t weight; /* 1..1000000 */
    enum endpoint_state state;
    char *task; /* Swarm task id or "" */
    char *node; /* Swarm node id or "" */
};

struct route_endpoints {
    struct route_endpoint *all;
    size_t num;
};

void route_pool_free(struct route_pool *p);
void route_endpoints_free(struct route_endpoints *e);
void route_tenant_free(struct route_tenant *t);

#endif
