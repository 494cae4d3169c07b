/* Tables by cluster, made of the plan when somebody asks, changed by the deltas of commits. */
#include "clusters/explain/explainer.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/json.h"

enum { TABLES_MAX = 64 }; /* at one time; then all are made anew as they are asked for */

struct explainer {
    struct map tables; /* of struct explain_table, by cluster */
};

struct explainer *explainer_new(void)
{
    return xcalloc(1, sizeof(struct explainer));
}

static void free_table(void *t)
{
    explain_table_free(t);
}

void explainer_free(struct explainer *x)
{
    if (x == NULL)
        return;
    map_free(&x->tables, free_table);
    free(x);
}

/* ---- tables ---- */

static bool is_cluster(const struct plan *plan, const char *cluster)
{
    const char *name;

    for (size_t i = 0; (name = plan_cluster_name(plan, i)) != NULL; i++)
        if (strcmp(name, cluster) == 0)
            return true;
    return false;
}

static void set_object(void *arg, enum route_kind kind, const char *name, const char *value)
{
    explain_table_set(arg, kind, name, str_from(value));
}

static struct explain_table *table_of(struct explainer *x, const struct plan *plan,
                                      const char *cluster)
{
    struct explain_table *t = map_get(&x->tables, str_from(cluster));

    if (t != NULL)
        return t;
    if (x->tables.len == TABLES_MAX)
        map_free(&x->tables, free_table);
    t = explain_table_new();
    plan_each_object(plan, cluster, set_object, t);
    (void)explain_table_commit(t);
    (void)map_put(&x->tables, str_from(cluster), t);
    return t;
}

/* Where that change leads, or back from there. */
static void apply(struct explain_table *t, const struct plan_change *c, bool back)
{
    const char *value = back ? c->before : c->after;

    if (value != NULL)
        explain_table_set(t, c->kind, c->name, str_from(value));
    else
        explain_table_delete(t, c->kind, c->name);
}

/* The changes of one cluster, which stand together; answers where the next one's begin. */
static size_t apply_cluster(struct explain_table *t, const struct plan_delta *d, size_t from,
                            bool back)
{
    size_t i = from;

    for (; i < d->num && strcmp(d->changes[i].cluster, d->changes[from].cluster) == 0; i++)
        if (t != NULL)
            apply(t, &d->changes[i], back);
    if (t != NULL)
        (void)explain_table_commit(t);
    return i;
}

void explainer_follow(struct explainer *x, const struct plan_delta *d)
{
    for (size_t i = 0; i < d->num;)
        i = apply_cluster(map_get(&x->tables, str_from(d->changes[i].cluster)), d, i, false);
}

/* ---- answers ---- */

struct values {
    const struct plan *plan;
    const char *cluster;
};

static const char *value_in_plan(void *arg, enum route_kind kind, const char *name)
{
    const struct values *v = arg;

    return plan_object(v->plan, v->cluster, kind, name);
}

bool explainer_write(struct explainer *x, const struct plan *plan, struct explain_view view,
                     const struct explain_request *rq, struct buf *out, struct err *e)
{
    struct values values = {plan, rq->cluster};

    view.value = value_in_plan;
    view.arg = &values;
    if (!is_cluster(plan, rq->cluster))
        return err_set(e, "UnknownCluster", "/cluster", "there is no cluster \"%s\"", rq->cluster);
    if (explain_write(table_of(x, plan, rq->cluster), rq, &view, out))
        return true;
    return err_set(e, "TooLarge", "", "the explanation is too long");
}

/* ---- dry runs ---- */

struct hosts {
    const char **all; /* lent by the trees */
    size_t num;
};

static void add_hosts(struct hosts *to, struct map *seen, const cJSON *route)
{
    const cJSON *hosts = json_get(route, "hosts");

    for (const cJSON *h = hosts != NULL ? hosts->child : NULL; h != NULL; h = h->next) {
        if (map_put(seen, str_from(h->valuestring), to) != NULL)
            continue;
        to->all = xrealloc(to->all, (to->num + 1) * sizeof(*to->all));
        to->all[to->num++] = h->valuestring;
    }
}

struct shown {
    const char *cluster;
    explainer_shadow_fn *fn;
    void *arg;
};

static void show(void *arg, const struct explain_shadow *s)
{
    const struct shown *w = arg;

    w->fn(w->arg, w->cluster, s);
}

static void shadows_after(struct explain_table *t, const struct plan_delta *d, size_t from,
                          size_t end, struct shown *w)
{
    cJSON **trees = xcalloc(end - from, sizeof(cJSON *));
    struct hosts hosts = {NULL, 0};
    struct map seen;

    map_init(&seen);
    for (size_t i = from; i < end; i++) {
        if (d->changes[i].kind != ROUTE_KIND_ROUTE || d->changes[i].after == NULL)
            continue;
        trees[i - from] = json_parse(str_from(d->changes[i].after), &json_limits_frame, NULL);
        add_hosts(&hosts, &seen, trees[i - from]);
    }
    explain_shadows(t, hosts.all, hosts.num, show, w);
    for (size_t i = from; i < end; i++)
        cJSON_Delete(trees[i - from]);
    map_free(&seen, NULL);
    free(hosts.all);
    free(trees);
}

void explainer_shadows(struct explainer *x, const struct plan *plan, const struct plan_delta *d,
                       explainer_shadow_fn *fn, void *arg)
{
    for (size_t i = 0; i < d->num;) {
        struct shown w = {d->changes[i].cluster, fn, arg};
        struct explain_table *t = table_of(x, plan, w.cluster);
        size_t end = apply_cluster(t, d, i, false);

        shadows_after(t, d, i, end, &w);
        (void)apply_cluster(t, d, i, true);
        i = end;
    }
}
