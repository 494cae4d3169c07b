/* Inside clusters/explain only. */
#ifndef CLUSTERS_EXPLAIN_EXPLAIN_PRIV_H
#define CLUSTERS_EXPLAIN_EXPLAIN_PRIV_H

#include "clusters/compile/plan.h"
#include "clusters/explain/explain.h"
#include "gateway/table/candidates.h"

/* The version in force; lent until the next commit. */
const struct table *explain_version(const struct explain_table *t);

/* As a gateway sees it (gateway/proxy/request.c); host: ROUTE_HOST_MAX + 1 bytes, lent to *out.
 * False: the host is none. */
MUST_USE bool explain_request_view(const struct explain_request *rq, char *host,
                                   struct route_request *out);

bool explain_sees(const struct explain_view *view, const struct table_route *r);

enum { EXPLAIN_NEAREST_MAX = 5 };

/* Sentences about what came nearest to taking a request that nobody takes; all are owned. */
struct explain_nearest {
    char *all[EXPLAIN_NEAREST_MAX];
    size_t num;
};

/* On its own host: routes that another method, field or path would reach. nearest.c */
void explain_nearest_route(const struct table *t, const struct route_request *q,
                           const struct explain_view *view, struct explain_nearest *out);
/* No route has its host: hosts that are written nearly so. */
void explain_nearest_host(const struct table *t, const struct route_request *q,
                          const struct explain_view *view, struct explain_nearest *out);

/* Why it lost, as a sentence; free(). loss.c */
char *explain_loss_text(const struct table_candidate *c, const struct route_request *q,
                        const struct table_route *winner);
const char *explain_loss_name(enum table_loss loss); /* "path", "header", "age" */

#endif
