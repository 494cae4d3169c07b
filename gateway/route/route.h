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
#include "gateway/route/pool.h"
#include "gateway/route/settings.h"

enum {
    ROUTE_HOST_MAX = 253,   /* bytes of a host name, RFC 1035 section 2.3.4 */
    ROUTE_NAME_MAX = 512,   /* bytes of an object's name */
    ROUTE_HOSTS_MAX = 1024, /* hosts of one route */
    ROUTE_FORWARD_MAX = 64, /* pools of one route */
    ROUTE_PATH_MAX = 2048,  /* bytes of a path, of a replacement as well */
    ROUTE_MATCHES_MAX = 16, /* methods of a match; likewise headers, queries, cookies */
    ROUTE_FIELDS_MAX = 32,  /* header fields that a route sets; adds; removes */
    ROUTE_FIELD_NAME_MAX = 128,
    ROUTE_FIELD_VALUE_MAX = 1024,
    ROUTE_BODY_MAX = 4096, /* bytes of a direct response */
    ROUTE_TIMEOUT_MAX_MS = 86400000
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

/* What a request must have besides host and path. All of them hold, or it is not this route. */
struct route_condition {
    char *name;  /* of a field: lower case, compared so; of a query or cookie: exactly */
    char *value; /* compared exactly; NULL: present is enough */
};

struct route_conditions {
    struct route_condition *all;
    size_t num;
};

struct route_match {
    char **methods; /* any of them; none: all */
    size_t num_methods;
    struct route_conditions headers;
    struct route_conditions queries; /* the first of that name in the query, percent-decoded */
    struct route_conditions cookies; /* the first of that name */
};

enum route_action { ROUTE_FORWARD, ROUTE_REDIRECT, ROUTE_RESPOND };

/* A part that is NULL or 0 stays as the request has it; a port never comes from a listener. */
struct route_redirect {
    uint16_t status; /* 301, 302, 303, 307, 308 */
    uint16_t port;
    char *scheme; /* "http" or "https" */
    char *host;
    char *path;   /* the whole path */
    char *prefix; /* replaces what the route's prefix matched; never beside path */
    bool drop_query;
};

struct route_respond {
    uint16_t status; /* 200..599 */
    char *content_type;
    char *body;
};

/* Of what is forwarded. NULL: stays. */
struct route_rewrite {
    char *host;
    char *path;   /* the whole path; the query stays */
    char *prefix; /* replaces what the route's prefix matched: "/" strips it; never beside path */
};

struct route_field {
    char *name; /* lower case; never one that frames, routes or says who the client is */
    char *value;
};

/* Applied in this order: removed, set (replaces all of that name), added. */
struct route_fields {
    char **removed;
    size_t num_removed;
    struct route_field *set;
    size_t num_set;
    struct route_field *added;
    size_t num_added;
};

enum route_sticky_by {
    ROUTE_STICKY_APP,   /* the value of a cookie that the application sets: hashed */
    ROUTE_STICKY_COOKIE /* an opaque signed cookie of ours names the endpoint */
};

struct route_sticky {
    enum route_sticky_by by;
    char *name;     /* of the cookie */
    uint32_t ttl_s; /* Max-Age of ours; 0: until the browser ends */
};

struct route_limits {
    int64_t body_bytes;  /* 413 beyond; -1: as the settings say */
    int64_t min_rate;    /* bytes a second from and to a client; -1: as the settings say */
    uint32_t in_flight;  /* per gateway; 503 beyond; 0: no limit */
    uint32_t per_second; /* requests a second and gateway, 429 beyond; 0: no limit */
    uint32_t burst;      /* requests beyond the rate at one time; per_second by default */
};

/* In milliseconds; 0: the default of proxy/timeouts.h. */
struct route_timeouts {
    uint32_t connect;       /* to an endpoint */
    uint32_t body_idle;     /* of the request: no byte for so long; 408 */
    uint32_t response;      /* until the response head; 504 */
    uint32_t response_idle; /* no byte of the response for so long */
    uint32_t total;         /* from head to the response's last byte; 0: no limit */
    uint32_t tunnel_idle;   /* WebSocket and other upgrades */
};

struct route_retry {
    uint8_t attempts;     /* on other endpoints after the first; default 2 */
    uint8_t num_statuses; /* responses that are retried when the request may be repeated */
    uint16_t statuses[ROUTE_STATUSES_MAX];
};

/* What few requests need stands first, what all of them read follows, next to what is packed. */
struct route {
    char **hosts; /* canonical: exact, "*.suffix", or "*" = the default backend */
    size_t num_hosts;
    char *path;         /* canonical, see path.h; "/" is all */
    int64_t created_ms; /* Unix time; the oldest of equals wins; INT64_MAX: unknown, youngest */
    struct route_redirect *redirect; /* of ROUTE_REDIRECT, or NULL */
    struct route_respond *respond;   /* of ROUTE_RESPOND, or NULL */
    char *tenant;                    /* never NULL; "" = none */
    enum route_action action;
    bool path_exact; /* else a prefix by whole segments */
    bool packed;     /* by route_pack: strings and arrays of this struct stand behind it */
    struct route_forward *forward; /* of ROUTE_FORWARD */
    size_t num_forward;
    /* NULL: the route has none of it, which is the rule */
    struct route_match *match;
    struct route_rewrite *rewrite;
    struct route_fields *request_fields;
    struct route_fields *response_fields;
    struct route_sticky *sticky;
    struct route_hash *split; /* cohorts: which of several pools a user gets */
    struct route_limits *limits;
    struct route_timeouts *timeouts;
    struct route_retry *retry;
};

void route_free(struct route *r);
/*
 * The same route in one block of memory, its optional parts apart: tables of many routes are half
 * headers of allocations otherwise. Takes r; route_free as usual. Nothing in it may be replaced.
 */
struct route *route_pack(struct route *r);
/* As route_pack, from a struct whose strings and arrays are lent; its optional parts are taken. */
struct route *route_packed_copy(const struct route *r);
/*
 * Canonical form of a host as routing, limits and tables use it: ASCII lower case, one trailing dot
 * removed; A-labels pass as they are; "[v6]" in inet_ntop's spelling. Refused ("BadHost"): empty,
 * over 253 bytes, labels empty or over 63 bytes, bytes other than letters, digits, '-', '_' and
 * '.'. Only where `wildcards`: "*", any host that no route names, and "*.suffix", any host of one
 * or more labels before the suffix. out must hold ROUTE_HOST_MAX + 1 bytes and may be touched on
 * false.
 */
MUST_USE bool route_host_canonical(struct str host, bool wildcards, char *out, struct err *e);

/*
 * The same for the Host header of a request (RFC 9110 section 7.2): takes "host", "host:port" and
 * "[v6]:port", cuts the port, answers the canonical host. An IP literal is a host like any other
 * (kept with its brackets when IPv6).
 */
MUST_USE bool route_host_of_request(struct str host_header, char *out, struct err *e);

#endif
