/*
 * The life of gauges. Knows nothing of limits: the builder's entries make a gauge when their object
 * first has some, and versions and requests share it.
 */
#include "gateway/table/gauge.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

struct table_gauge *table_gauge_new(void)
{
    struct table_gauge *g = aligned_alloc(TABLE_GAUGE_ALIGN, sizeof(*g));

    ASSERT(g != NULL);
    memset(g, 0, sizeof(*g));
    atomic_init(&g->refs, 1);
    return g;
}

struct table_gauge *table_gauge_ref(struct table_gauge *g)
{
    if (g != NULL)
        atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void table_gauge_unref(struct table_gauge **g)
{
    struct table_gauge *mine = *g;

    *g = NULL;
    if (mine != NULL && atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) == 1)
        free(mine);
}
