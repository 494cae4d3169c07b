/*
 * What a write did beside what it says, for whoever made it: routes that it leaves without a pool,
 * and routes of which it says nothing and which serve other hosts now. A tenant is told of its own
 * only.
 */
#ifndef ADMIN_API_WARNINGS_H
#define ADMIN_API_WARNINGS_H

#include "admin/api/answer.h"
#include "admin/api/api_priv.h"

enum { WARNINGS_MAX = 100 }; /* the first ones of more */

/* ",\"warnings\":[…]", or nothing; tenant "": all. */
void warnings_print(struct answer *out, const struct api *api, const struct write_answer *a,
                    const char *tenant);

#endif
