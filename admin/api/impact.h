/*
 * What a write changes, for whoever asks before it is made: the objects that differ and the hosts
 * whose backend is another afterwards. A tenant is shown its own only. Reads the plan as it is
 * without the write.
 */
#ifndef ADMIN_API_IMPACT_H
#define ADMIN_API_IMPACT_H

#include "admin/api/answer.h"
#include "clusters/compile/plan.h"

/* ",\"objects\":[…],\"hosts\":[…]"; tenant "": all. */
void impact_print(struct answer *out, const struct plan *p, const struct plan_delta *delta,
                  const char *tenant);

/* Is the object a tenant's, by its name ("acme/web") or by the "tenant" in its value? */
MUST_USE bool impact_is_of(const char *tenant, const char *name, const char *value);

#endif
