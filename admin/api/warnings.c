/*
 * From a write's documents and from what it changes in tables to warnings. Looks at the tenant's
 * route documents only where a pool is deleted, else at nothing but the write: every answer of a
 * write comes by here. Called by change_show.c; what a dry run tells besides is impact.c's.
 */
#include "admin/api/warnings.h"

#include <string.h>

#include "admin/api/impact.h"
#include "admin/api/jsontext.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"

struct warnings {
    struct answer *out;
    const struct api *api;
    const struct write_answer *a;
    struct map pools;  /* "tenant/name" of those that are deleted */
    struct map routes; /* "tenant/name" of those that the write speaks of -> their op */
    bool pins;         /* it speaks of services as well */
    size_t num;
};

/* ---- what the write speaks of ---- */

static void *named(const struct map *in, const char *tenant, const char *name)
{
    char *key = intent_table_name(tenant, name);
    void *found = map_get(in, str_from(key));

    free(key);
    return found;
}

static void note(struct map *in, const struct write_op *op)
{
    char *key = intent_table_name(op->tenant, op->name);

    map_put(in, str_from(key), (void *)(uintptr_t)op);
    free(key);
}

static void note_ops(struct warnings *w)
{
    for (size_t i = 0; i < w->a->num_ops; i++) {
        const struct write_op *op = &w->a->ops[i];

        if (op->kind == INTENT_ROUTE)
            note(&w->routes, op);
        else if (op->kind == INTENT_POOL && op->value == NULL)
            note(&w->pools, op);
        w->pins = w->pins || op->kind == INTENT_PIN;
    }
}

/* ---- one warning ---- */

static bool begin(struct warnings *w, const char *code, const char *name)
{
    if (w->num == WARNINGS_MAX)
        return false;
    answer_add(w->out, w->num++ == 0 ? ",\"warnings\":[" : ",");
    answer_text(w->out, "{\"code\":", code);
    answer_text(w->out, ",\"route\":", name);
    return true;
}

static void end(struct warnings *w, const char *detail)
{
    answer_text(w->out, ",\"detail\":", detail);
    answer_add(w->out, "}");
}

/* ---- routes without a pool ---- */

static void warn_of_pools(struct warnings *w, const struct intent *route)
{
    for (size_t i = 0; i < route->as.route.num_pools; i++) {
        const char *pool = route->as.route.pools[i];
        char *name, *detail;

        if (named(&w->pools, route->tenant, pool) == NULL)
            continue;
        name = intent_table_name(route->tenant, route->name);
        detail = xasprintf("it forwards to the pool \"%s\", which this deletes", pool);
        if (begin(w, "PoolGone", name))
            end(w, detail);
        free(detail);
        free(name);
    }
}

/* One that the write does not speak of. */
static bool on_route(void *arg, const struct write_document *d)
{
    struct warnings *w = arg;
    const struct intent *route =
        plan_intent(coordinator_plan(w->api->coordinator), INTENT_ROUTE, d->tenant, d->name);

    if (route != NULL && named(&w->routes, d->tenant, d->name) == NULL)
        warn_of_pools(w, route);
    return w->num < WARNINGS_MAX;
}

static void warn_of_written(struct warnings *w, const struct write_op *op)
{
    struct errs unused = {.num = 0};
    struct intent *route =
        op->kind == INTENT_ROUTE && op->value != NULL
            ? intent_read(op->kind, op->tenant, op->name, 0, str_from(op->value), &unused)
            : NULL;

    if (route != NULL)
        warn_of_pools(w, route);
    intent_free(route);
}

static void print_without_pools(struct warnings *w)
{
    struct map tenants = {0};

    if (w->pools.len == 0)
        return;
    for (size_t i = 0; i < w->a->num_ops; i++) {
        const struct write_op *op = &w->a->ops[i];

        warn_of_written(w, op);
        if (op->kind == INTENT_POOL && op->value == NULL &&
            map_put(&tenants, str_from(op->tenant), w) == NULL)
            coordinator_each_document(w->api->coordinator, INTENT_ROUTE, op->tenant, on_route, w);
    }
    map_free(&tenants, NULL);
}

/* ---- routes that serve other hosts ---- */

static bool hosts_of(const char *route, struct str *out)
{
    *out = (struct str){NULL, 0};
    return route != NULL && jsontext_get(str_from(route), "hosts", out);
}

static bool is_aside(const struct warnings *w, const struct plan_change *c, const char *tenant)
{
    bool of_service = strchr(c->name, '/') == NULL;

    return c->kind == ROUTE_KIND_ROUTE && !plan_is_guard(c->name) && !(of_service && w->pins) &&
           map_get(&w->routes, str_from(c->name)) == NULL &&
           (tenant[0] == '\0' || impact_is_of(tenant, c->name, c->before) ||
            impact_is_of(tenant, c->name, c->after));
}

static void print_moved(struct warnings *w, const struct plan_change *c)
{
    struct str before, after;
    bool was = hosts_of(c->before, &before);
    bool is = hosts_of(c->after, &after);

    if ((was && is && str_eq(before, after)) || !begin(w,
                                                       !was  ? "ServesNow"
                                                       : !is ? "ServesNoMore"
                                                             : "OtherHosts",
                                                       c->name))
        return;
    answer_text(w->out, ",\"cluster\":", c->cluster);
    answer_add(w->out, ",\"hosts\":");
    answer_span(w->out, is ? after : before);
    end(w, !was  ? "it waited for a quota, a host or an older route, and serves now"
           : !is ? "it serves no more; its conditions say why"
                 : "it serves other hosts than before");
}

void warnings_print(struct answer *out, const struct api *api, const struct write_answer *a,
                    const char *tenant)
{
    struct warnings w = {.out = out, .api = api, .a = a};

    note_ops(&w);
    print_without_pools(&w);
    for (size_t i = 0; i < a->delta->num; i++)
        if (is_aside(&w, &a->delta->changes[i], tenant))
            print_moved(&w, &a->delta->changes[i]);
    if (w.num > 0)
        answer_add(out, "]");
    map_free(&w.pools, NULL);
    map_free(&w.routes, NULL);
}
