/*
 * Explain for a whole plan: keeps the tables of clusters that somebody asked about, and follows the
 * commits that change them. Belongs to one thread, the coordinator's.
 */
#ifndef CLUSTERS_EXPLAIN_EXPLAINER_H
#define CLUSTERS_EXPLAIN_EXPLAINER_H

#include "clusters/compile/plan.h"
#include "clusters/explain/explain.h"

struct explainer;

struct explainer *explainer_new(void);
void explainer_free(struct explainer *x); /* NULL is fine */

/* What a commit changed in the tables; to be called for each of them. */
void explainer_follow(struct explainer *x, const struct plan_delta *d);

/* explain_write over the plan, as `view` asks, whose `value` and `arg` are set here. False with *e:
 * UnknownCluster, or TooLarge when out is full. */
MUST_USE bool explainer_write(struct explainer *x, const struct plan *plan,
                              struct explain_view view, const struct explain_request *rq,
                              struct buf *out, struct err *e);

/*
 * What a dry run would leave that no request reaches, on the hosts of the routes that it would set:
 * each with its cluster. The plan is as it was before (a dry run is undone).
 */
typedef void explainer_shadow_fn(void *arg, const char *cluster, const struct explain_shadow *s);
void explainer_shadows(struct explainer *x, const struct plan *plan, const struct plan_delta *d,
                       explainer_shadow_fn *fn, void *arg);

#endif
