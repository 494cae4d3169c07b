/* The part of the contract (route.h) that a whole cluster's gateways share. */
#ifndef GATEWAY_ROUTE_SETTINGS_H
#define GATEWAY_ROUTE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROUTE_TRUSTED_MAX = 64, /* networks whose word is taken for a client's address */
    ROUTE_COOKIE_KEY_BYTES = 32
};

/* An IP network; IPv4 as ::ffff:a.b.c.d. */
struct route_network {
    uint8_t address[16];
    uint8_t bits; /* 0..128 */
};

struct route_settings {
    int64_t idle_timeout_ms; /* keep-alive connections of clients; default 60 s */
    bool access_log;         /* a line on standard output for each request; default off */
    bool info_headers;       /* x-request-id and its like on responses; see below */
    bool underscores;        /* fields with '_' in their name pass; default: dropped */
    bool proxy_protocol;     /* connections of trusted networks begin with a PROXY header */
    /* whose PROXY header and X-Forwarded-For are believed */
    struct route_network trusted[ROUTE_TRUSTED_MAX];
    size_t num_trusted;
    bool has_cookie_key; /* else sticky cookies are signed with a key of zeros: forgeable */
    uint8_t cookie_key[ROUTE_COOKIE_KEY_BYTES];
    /* limits; 0: no limit, or the default of http/h1_head.h */
    uint32_t connections;        /* of a listener and gateway */
    uint32_t client_connections; /* of one client address */
    uint32_t head_bytes;         /* of a request head, at most 16384 */
    uint32_t head_fields;        /* at most 100 */
    uint32_t uri_bytes;          /* at most 8192 */
    int64_t body_bytes;          /* -1 (the default): no limit */
    uint32_t min_rate;           /* bytes a second of a body, either way; 0: none is asked for */
    uint32_t min_rate_ms;        /* and judged over so long; default 10000 */
    uint32_t h2_streams;         /* of a connection at one time; default 100 */
    uint32_t head_ms;            /* a request head must be whole by then; default 10000 */
    uint32_t drain_ms;           /* tunnels may last so long after a drain began; default 8000 */
};

/*
 * Of a table without settings, as services get it by their labels alone: Interlock's info headers
 * are on. In settings that do not name them they are off.
 */
struct route_settings route_settings_default(void);

#endif
