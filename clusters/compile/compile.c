/*
 * From a view of the swarm to one table per service cluster in one go: a plan that is made, asked
 * and thrown away. For tests and whoever has no plan.
 */
#include "clusters/compile/compile.h"

#include <stdlib.h>

#include "clusters/compile/plan.h"
#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

struct filling {
    struct compile_result *result;
    struct compile_cluster *cluster;
};

static void add_object(void *arg, enum route_kind kind, const char *name, const char *value)
{
    struct filling *f = arg;
    struct compile_cluster *c = f->cluster;

    c->objects[c->num_objects++] = (struct compile_object){kind, xstrdup(name), xstrdup(value)};
}

static size_t num_objects(const struct plan *p, const char *cluster)
{
    const struct table *t = table_find(p, cluster);
    size_t num = 0;

    for (int k = 0; t != NULL && k < ROUTE_KIND__COUNT; k++)
        num += t->objects[k].len;
    return num;
}

static void add_cluster(const struct plan *p, struct filling *f, const char *name)
{
    struct compile_cluster *c = &f->result->clusters[f->result->num_clusters++];

    c->name = xstrdup(name);
    c->objects = xcalloc(num_objects(p, name) + 1, sizeof(*c->objects));
    f->cluster = c;
    plan_each_object(p, name, add_object, f);
}

static void add_service(void *arg, const struct compile_service *s)
{
    struct filling *f = arg;

    told_service_copy(&f->result->services[f->result->num_services++], s);
}

struct compile_result *compile_run(const struct compile_input *in)
{
    struct plan *p = plan_new();
    struct compile_result *r = xcalloc(1, sizeof(*r));
    struct filling f = {.result = r};
    struct plan_delta delta;

    plan_clusters(p, in->clusters, in->num_clusters, in->default_cluster);
    plan_view(p, in->view);
    plan_settle(p, &delta);
    r->clusters = xcalloc(in->num_clusters + 1, sizeof(*r->clusters));
    for (size_t i = 0; i < in->num_clusters; i++)
        add_cluster(p, &f, in->clusters[i]);
    r->services = xcalloc(p->units.len + 1, sizeof(*r->services));
    plan_each_service(p, add_service, &f);
    plan_delta_clear(&delta);
    plan_free(p);
    return r;
}

static void free_cluster(struct compile_cluster *c)
{
    for (size_t i = 0; i < c->num_objects; i++) {
        free(c->objects[i].name);
        free(c->objects[i].value);
    }
    free(c->objects);
    free(c->name);
}

void compile_free(struct compile_result *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->num_clusters; i++)
        free_cluster(&r->clusters[i]);
    for (size_t i = 0; i < r->num_services; i++)
        told_service_clear(&r->services[i]);
    free(r->clusters);
    free(r->services);
    free(r);
}
