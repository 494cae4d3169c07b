/* Refusals on their way to whoever reports them (table_builder_take). They own their names. */
#include "gateway/table/refusals.h"

#include <stdlib.h>

#include "gateway/core/check.h"

void refusals_add(struct refusals *r, enum route_kind kind, const char *name, const struct err *why)
{
    if (r->num == r->cap) {
        r->cap = r->cap != 0 ? r->cap * 2 : 8;
        r->all = xrealloc(r->all, r->cap * sizeof(*r->all));
    }
    r->all[r->num++] = (struct table_refusal){kind, xstrdup(name), *why};
}

void refusals_clear(struct refusals *r)
{
    for (size_t i = 0; i < r->num; i++)
        free(r->all[i].name);
    free(r->all);
    *r = (struct refusals){0};
}
