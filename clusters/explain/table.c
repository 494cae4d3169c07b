/*
 * A cluster's routes in a version of the gateway's table, by way of the frames that a gateway would
 * get. Changing it costs what changed. Pools, endpoints, quotas have no say in which route takes a
 * request, so they stay outside.
 */
#include <stdlib.h>

#include "clusters/explain/explain_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/table/table.h"
#include "gateway/wire/frame.h"

struct explain_table {
    struct table_builder *builder;
    const struct table *version;
};

struct explain_table *explain_table_new(void)
{
    struct explain_table *t = xcalloc(1, sizeof(*t));

    t->builder = table_builder_new();
    return t;
}

void explain_table_free(struct explain_table *t)
{
    if (t == NULL)
        return;
    table_unref(&t->version);
    table_builder_free(t->builder);
    free(t);
}

void explain_table_set(struct explain_table *t, enum route_kind kind, const char *name,
                       struct str value)
{
    struct frame f = {.type = FRAME_SET, .kind = kind, .name = xstrdup(name), .value_bytes = value};

    if (kind == ROUTE_KIND_ROUTE)
        table_builder_frame(t->builder, &f);
    frame_free(&f);
}

void explain_table_delete(struct explain_table *t, enum route_kind kind, const char *name)
{
    struct frame f = {.type = FRAME_DELETE, .kind = kind, .name = xstrdup(name)};

    if (kind == ROUTE_KIND_ROUTE)
        table_builder_frame(t->builder, &f);
    frame_free(&f);
}

size_t explain_table_commit(struct explain_table *t)
{
    struct frame f = {.type = FRAME_COMMIT};
    struct table_commit c;
    size_t refused = 0;

    table_builder_frame(t->builder, &f);
    ASSERT(table_builder_take(t->builder, &c));
    table_unref(&t->version);
    t->version = c.table;
    for (size_t i = 0; i < c.num_refusals; i++)
        refused += !str_eq(str_from(c.refusals[i].why.code), STR("Conflicted"));
    return refused;
}

const struct table *explain_version(const struct explain_table *t)
{
    ASSERT(t->version != NULL); /* nothing was committed yet */
    return t->version;
}
