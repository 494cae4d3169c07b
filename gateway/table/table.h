/*
 * The table that a proxy serves from: an immutable version, and how the next one is made from
 * frames. A version shares everything that did not change with its predecessor (persistent hash
 * tries, reference counts), so that adopting a change costs what changed.
 *
 * Versions and the objects in them never change once published; threads may read them freely.
 * table_ref and table_unref are atomic. A route names its pools; they are looked up in the same
 * version at request time (table_pool), so a pool may come and go without its routes being touched.
 */
#ifndef GATEWAY_TABLE_TABLE_H
#define GATEWAY_TABLE_TABLE_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "gateway/core/err.h"
#include "gateway/core/str.h"
#include "gateway/route/request.h"
#include "gateway/route/route.h"
#include "gateway/table/gauge.h"

struct table; /* one version */
struct frame;

enum { TABLE_ENDPOINT_TEXT = 56 };

union table_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/*
 * One endpoint of one pool. `id` is a small dense number that names (pool, address, port) for as
 * long as the newest version holds it, so that workers keep connections and counters in arrays.
 * When the endpoint goes, its id is retired: no other endpoint gets it before table_release_id,
 * and the same address coming back before that is a new endpoint with a new id.
 */
struct table_endpoint {
    uint32_t id;
    uint32_t weight; /* 1..1000000 */
    enum endpoint_state state;
    socklen_t addr_len;
    uint64_t node; /* table_node of the one it runs on; 0: not known */
    union table_addr addr;
    char text[TABLE_ENDPOINT_TEXT]; /* "10.0.1.5:8080", "[fd00::1]:8080" */
};

/* A number for a node's id, to compare; "": 0. */
uint64_t table_node(struct str id);

struct table_pool {
    _Atomic uint32_t refs; /* private to table.c */
    uint32_t num_live;     /* the first num_live of all[] are ENDPOINT_LIVE, the others drain */
    uint32_t num_endpoints;
    const char *name;                 /* in the same memory, behind all[] */
    const struct route_pool *spec;    /* never NULL */
    struct table_gauge *gauge;        /* NULL: it has no limits */
    const struct version_spec *owner; /* of spec; private to gateway/table */
    struct table_endpoint all[];
};

struct table_route {
    const char *name;
    const struct route *route;
    struct table_gauge *gauge; /* NULL: neither in_flight nor per_second is limited */
};

struct table_tenant {
    const char *name;
    const struct route_tenant *spec;
    struct table_gauge *gauge; /* NULL: no quota */
};

uint64_t table_revision(const struct table *t);
size_t table_num_routes(const struct table *t);
size_t table_num_pools(const struct table *t);
const struct route_settings *table_settings(const struct table *t);

/* Why no route takes a request. */
enum table_miss {
    TABLE_MISS_HOST, /* nobody has its host, and there is no default: 503 */
    TABLE_MISS_PATH  /* its host is served, but not such requests: 404 */
};

/* What is served under a host in one version: its routes by path. */
struct table_host;

/* Of a canonical host ("*": none was named), or NULL: nobody has it, and there is no default. */
const struct table_host *table_host(const struct table *t, struct str host);
/* The route of a request for that host, whatever q->host says; host may be NULL. */
const struct table_route *table_match_at(const struct table_host *host,
                                         const struct route_request *q, enum table_miss *why);

/* The route of a request, or NULL with *why. Lent: valid with t. */
const struct table_route *table_match(const struct table *t, const struct route_request *q,
                                      enum table_miss *why);

/* The pool of that name in this version, or NULL. Lent: valid with t. */
const struct table_pool *table_pool(const struct table *t, struct str name);

/* The tenant of that name, or NULL: no quotas. Lent: valid with t. */
const struct table_tenant *table_tenant(const struct table *t, struct str name);

void table_ref(const struct table *t);
void table_unref(const struct table **t); /* nulls the caller's pointer; NULL inside is fine */

/*
 * The builder holds the newest version and what came since its last commit. One thread uses it.
 */
struct table_builder;

/* What became of a pool in a commit; `before` or `after` is NULL for an added or removed one. */
struct table_change {
    const struct table_pool *before;
    const struct table_pool *after;
};

/*
 * One object that was refused; its predecessor, if any, stays in force. Code "Conflicted": the
 * route is kept, but an older one has the same path and match on the host in why.field; it takes
 * over when that one goes.
 */
struct table_refusal {
    enum route_kind kind;
    char *name;
    struct err why;
};

/*
 * The changes of one commit, for every worker to walk at its own pace. It holds the pools that it
 * names; table_delta_ref and table_delta_unref are atomic.
 */
struct table_delta {
    _Atomic uint32_t refs; /* private to table.c */
    size_t num;
    struct table_change all[];
};

void table_delta_ref(struct table_delta *d);
void table_delta_unref(struct table_delta **d); /* nulls the caller's pointer; NULL is fine */

/* What table_builder_take gives: a reference to the version; the rest is lent. */
struct table_commit {
    const struct table *table;          /* the caller's reference, table_unref it */
    struct table_delta *delta;          /* table_delta_ref it to keep it longer */
    const struct table_change *changes; /* those of delta */
    size_t num_changes;
    const struct table_refusal *refusals;
    size_t num_refusals;
};

struct table_builder *table_builder_new(void);
void table_builder_free(struct table_builder *b);

/*
 * Takes one frame: hello (drops what waits for a commit; mode snapshot: the next commit removes
 * what was not set before it), set and delete (kept until the commit), commit; the others are
 * ignored. Never fails: what cannot be used becomes a refusal. After a commit frame call
 * table_builder_take before the next frame. A set may come without its value's tree (frame.h).
 */
void table_builder_frame(struct table_builder *b, struct frame *f);

/* After a commit frame; what *out lends lives until the next table_builder_frame. False: no commit.
 */
MUST_USE bool table_builder_take(struct table_builder *b, struct table_commit *out);

/* The workers have forgotten this retired endpoint: its id may be given to another. */
void table_release_id(struct table_builder *b, uint32_t id);

#endif
