/*
 * Explain: which route of a cluster takes a request, what every other route of its host lost by,
 * and what would happen to the request then; for one that nobody takes, what came nearest. The
 * answer is the gateway's own: a version of its table is built of the cluster's objects and asked
 * (gateway/table). Also which routes no request can reach. Pure: no I/O, no clock, no globals.
 */
#ifndef CLUSTERS_EXPLAIN_EXPLAIN_H
#define CLUSTERS_EXPLAIN_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/errs.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/route/route.h"

struct buf;

/* ---- a cluster's objects, as its gateways have them ------------------------------------------ */

struct explain_table;

/* Empty; to be asked after the first commit. Only routes matter: other kinds are ignored. */
struct explain_table *explain_table_new(void);
void explain_table_free(struct explain_table *t); /* NULL is fine */
/* Each counts from the next explain_table_commit on. value: its JSON, lent for the call. */
void explain_table_set(struct explain_table *t, enum route_kind kind, const char *name,
                       struct str value);
void explain_table_delete(struct explain_table *t, enum route_kind kind, const char *name);
/* Answers how many of the routes gateways refuse, those that wait in line apart. */
size_t explain_table_commit(struct explain_table *t);

/* ---- one request ----------------------------------------------------------------------------- */

enum { EXPLAIN_FIELDS_MAX = 64, EXPLAIN_PATH_MAX = 8192 };

struct explain_request {
    char *cluster;
    bool https;
    char *host; /* as a client writes it, with a port or without; "": none */
    char *method;
    char *path;   /* with its query */
    char *sni;    /* NULL: none */
    char *client; /* its address; NULL: not said */
    struct route_field *fields;
    size_t num_fields;
};

/*
 * {"cluster":…,"host":…,"scheme":"http","method":"GET","path":"/","headers":[{"name":…,"value":…}],
 * "sni":…,"client":…}: the first two are needed. NULL with every fault in *e.
 */
struct explain_request *explain_request_read(struct str json, struct errs *e);
void explain_request_free(struct explain_request *rq); /* NULL is fine */

/* Who asks, and where the objects' values are: what an answer shows of them comes from there. */
struct explain_view {
    const char *tenant; /* sees its own routes only; NULL: all. "default" has those of none too */
    const char *(*value)(void *arg, enum route_kind kind, const char *name); /* lent, or NULL */
    void *arg;
    uint64_t commit; /* whose table it is */
    bool held;       /* gateways do not get it yet */
};

/*
 * The answer as one JSON object:
 *
 *   outcome   "forward", "redirect", "respond": the route does so; "other_tenant": a route that the
 *             view may not see; "guarded": a guard (plan_is_guard); refused: "no_host", "no_path",
 *             "no_endpoint", "bad_host", "bad_path"
 *   status    of the gateway's own answer, where it gives one
 *   host      in its canonical form
 *   commit    the view's
 *   route     the winner: name, tenant, host (which of its hosts), path, path_type, policies (all
 *             that it says beside these and its pools)
 *   pools     those that it forwards to: name, weight, exists, policies, live, draining, endpoints
 *   losers    other routes that have the host: as route, without policies; lost_by ("path",
 * "method", "header", "query", "cookie", "host", "path_length", "conditions", "age", "name") and
 *             why (a sentence); those of the most specific host first, of them those that came
 *             farthest
 *   more_losers  how many more there are
 *   nearest   where nobody takes it: sentences
 *   notes     what to know besides: sentences
 *
 * False: out is full.
 */
MUST_USE bool explain_write(const struct explain_table *t, const struct explain_request *rq,
                            const struct explain_view *view, struct buf *out);

/* ---- routes that no request reaches ---------------------------------------------------------- */

struct explain_shadow {
    const char *route;
    const char *tenant;
    const char *host; /* on which of its hosts */
    const char *by; /* the route that takes what it asks for; NULL: no request can have all that */
};
typedef void explain_shadow_fn(void *arg, const struct explain_shadow *s);

/*
 * Of the routes on these hosts (as routes write them, canonical) those that win no request there.
 * Exact: for each route the least request that it asks for is made, and the table is asked.
 */
void explain_shadows(const struct explain_table *t, const char *const *hosts, size_t num,
                     explain_shadow_fn *fn, void *arg);

#endif
