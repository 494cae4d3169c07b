/*
 * The table that a proxy serves from: an immutable version, and how the next one is made from
 * frames. A version shares everything that did not change with its predecessor (persistent hash
 * tries, reference counts), so that adopting a change costs what changed.
 *
 * Versions and the objects in them never change once published; threads may read them freely.
 * table_ref and table_unref are atomic.
 */
#ifndef GATEWAY_TABLE_TABLE_H
#define GATEWAY_TABLE_TABLE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "gateway/core/err.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"

struct table;   /* one version */
struct frame;

/*
 * One endpoint of one pool. `id` is a small dense number that names (pool, address, port) for as
 * long as any version holds it, so that workers keep their connections and counters in arrays;
 * ids of endpoints that are gone from the newest version are reused only after table_release_id.
 */
struct table_endpoint {
    uint32_t id;
    uint32_t weight;
    enum endpoint_state state;
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char text[64]; /* "10.0.1.5:8080", "[fd00::1]:8080" */
};

struct table_pool {
    char *name;
    size_t num_live;      /* the first num_live of all[] are ENDPOINT_LIVE, the others drain */
    size_t num_endpoints;
    struct table_endpoint all[];
};

struct table_forward {
    const struct table_pool *pool; /* NULL: the pool does not exist (yet) */
    const char *pool_name;
    uint32_t weight;
};

struct table_route {
    const char *name;
    const struct route *route;
};

uint64_t table_revision(const struct table *t);
size_t table_num_routes(const struct table *t);
const struct route_settings *table_settings(const struct table *t);

/* The route of a canonical host, else the default route ("*"), else NULL. Lent: valid with t. */
const struct table_route *table_match(const struct table *t, struct str canonical_host);

/* The pool of that name in this version, or NULL. Lent. */
const struct table_pool *table_pool(const struct table *t, struct str name);

void table_ref(const struct table *t);
void table_unref(const struct table **t); /* nulls the caller's pointer */

/*
 * The builder holds the newest version and what came since its last commit. One thread uses it.
 */
struct table_builder;

/* What became of the pools in a commit; `before` or `after` is NULL for added and removed ones. */
struct table_change {
    const struct table_pool *before;
    const struct table_pool *after;
};

/* One object that was refused; its predecessor, if any, stays in force. */
struct table_refusal {
    enum route_kind kind;
    char *name;
    struct err why;
};

struct table_builder *table_builder_new(void);
void table_builder_free(struct table_builder *b);

/*
 * Takes one frame: hello (a snapshot starts an empty next version; a delta starts from the newest),
 * set and delete (kept until the commit), commit (see below); beat is ignored. Never fails: what
 * cannot be used becomes a refusal.
 */
void table_builder_frame(struct table_builder *b, struct frame *f);

/*
 * After a commit frame: gives the new version (a reference for the caller) and lends the changes
 * and refusals, valid until the next table_builder_frame. False when no commit is waiting.
 */
MUST_USE bool table_builder_take(struct table_builder *b, const struct table **out,
                                 const struct table_change **out_changes, size_t *out_num_changes,
                                 const struct table_refusal **out_refusals,
                                 size_t *out_num_refusals);

/* The workers have forgotten this endpoint: its id may be given to another. */
void table_release_id(struct table_builder *b, uint32_t id);

#endif
