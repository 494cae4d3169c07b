/*
 * What the objects of a table mean: THE CONTRACT between whoever makes tables (clusters/compile,
 * `--table` files) and whoever serves them. Plain structs, no I/O, no clock, no globals.
 *
 * All strings are NUL-terminated and owned by the object; the *_free functions release everything
 * and take NULL. Decoding from JSON is gateway/wire/objects.h.
 */
#ifndef GATEWAY_ROUTE_ROUTE_H
#define GATEWAY_ROUTE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    ROUTE_HOST_MAX = 253,       /* bytes of a host name, RFC 1035 section 2.3.4 */
    ROUTE_NAME_MAX = 512,       /* bytes of an object's name */
    ROUTE_HOSTS_MAX = 1024,     /* hosts of one route */
    ROUTE_FORWARD_MAX = 64,     /* pools of one route */
    ROUTE_ENDPOINTS_MAX = 4096, /* endpoints of one pool */
    ROUTE_WEIGHT_MAX = 1000000
};

/* The six kinds of object; route_kind_name gives the word used on the wire. */
enum route_kind {
    ROUTE_KIND_SETTINGS,
    ROUTE_KIND_CERTIFICATE,
    ROUTE_KIND_ROUTE,
    ROUTE_KIND_POOL,
    ROUTE_KIND_ENDPOINTS,
    ROUTE_KIND_TENANT,
    ROUTE_KIND__COUNT
};

const char *route_kind_name(enum route_kind kind);
MUST_USE bool route_kind_from_name(const char *name, enum route_kind *out);

/* One weighted pool behind a route. */
struct route_forward {
    char *pool;
    uint32_t weight; /* 0..1000000; 0 = takes nothing while another has weight */
};

struct route {
    char *tenant; /* never NULL; "" = none */
    char **hosts; /* canonical, see route_host_canonical; "*" = the default backend */
    size_t num_hosts;
    char *path; /* "/" */
    struct route_forward *forward;
    size_t num_forward;
};

struct route_pool {
    char *tenant;
    /* protocol: http1 and balance: round_robin are the only ones so far */
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

struct route_settings {
    int64_t idle_timeout_ms; /* keep-alive connections of clients; default 60 s */
    bool access_log;         /* a line on standard output for each request; default off */
};

void route_free(struct route *r);
void route_pool_free(struct route_pool *p);
void route_endpoints_free(struct route_endpoints *e);
struct route_settings route_settings_default(void);

/*
 * Canonical form of a host as routing, limits and tables use it: ASCII lower case, one trailing dot
 * removed; A-labels pass as they are; "[v6]" in inet_ntop's spelling. Refused ("BadHost"): empty,
 * over 253 bytes, labels empty or over 63 bytes, bytes other than letters, digits, '-', '_' and
 * '.', wildcards other than the lone "*" (only where `allow_default`). out must hold ROUTE_HOST_MAX
 * + 1 bytes and may be untouched on false.
 */
MUST_USE bool route_host_canonical(struct str host, bool allow_default, char *out, struct err *e);

/*
 * The same for the Host header of a request (RFC 9110 section 7.2): takes "host", "host:port" and
 * "[v6]:port", cuts the port, answers the canonical host. An IP literal is a host like any other
 * (kept with its brackets when IPv6).
 */
MUST_USE bool route_host_of_request(struct str host_header, char *out, struct err *e);

#endif
