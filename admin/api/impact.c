/*
 * From a delta of tables to hosts: those of the routes that differ in what chooses a backend, and
 * those of the routes that forward to a pool that differs. Called for dry runs.
 */
#include "admin/api/impact.h"

#include <string.h>

#include "admin/api/jsontext.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"

enum { HOSTS_SHOWN_MAX = 10000 };

struct impact {
    const char *tenant;
    const char *cluster; /* of the delta under way */
    struct map pools;    /* names of those that differ in this cluster */
    struct map hosts;    /* to be shown */
};

static char there; /* what a set's map has for its members */

bool impact_is_of(const char *tenant, const char *name, const char *value)
{
    size_t n = strlen(tenant);
    struct str member;
    char text[128];

    if (plan_is_guard(name))
        return false; /* nobody's */
    if (strncmp(name, tenant, n) == 0 && name[n] == '/')
        return true;
    if (value == NULL || strchr(name, '/') != NULL)
        return false; /* documents make names with a slash: that was somebody else's */
    if (!jsontext_get(str_from(value), "tenant", &member) ||
        !jsontext_copy(member, text, sizeof text) || text[0] == '\0')
        return strcmp(tenant, "default") == 0;
    return strcmp(text, tenant) == 0;
}

static bool is_shown(const struct impact *im, const char *name, const char *before,
                     const char *after)
{
    return im->tenant[0] == '\0' || impact_is_of(im->tenant, name, before) ||
           impact_is_of(im->tenant, name, after);
}

static void add_hosts(struct impact *im, const char *route)
{
    struct jsontext w;
    struct str list, host;
    char text[512];

    if (route == NULL || !jsontext_get(str_from(route), "hosts", &list) ||
        !jsontext_array(list, &w))
        return;
    while (jsontext_element(&w, &host)) {
        if (jsontext_copy(host, text, sizeof text) && im->hosts.len < HOSTS_SHOWN_MAX)
            map_put(&im->hosts, str_from(text), &there);
    }
}

/* Do they choose the same backends for the same requests? */
static bool chooses_same(const char *before, const char *after)
{
    static const char *const members[] = {"hosts",   "path",     "path_type", "match", "forward",
                                          "respond", "redirect", "split",     "sticky"};

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct str a = {NULL, 0}, b = {NULL, 0};
        bool in_a = jsontext_get(str_from(before), members[i], &a);
        bool in_b = jsontext_get(str_from(after), members[i], &b);

        if (in_a != in_b || (in_a && !str_eq(a, b)))
            return false;
    }
    return true;
}

static bool forwards_to(const struct impact *im, const char *route)
{
    struct jsontext w;
    struct str list, one, pool;
    char name[512];

    if (!jsontext_get(str_from(route), "forward", &list) || !jsontext_array(list, &w))
        return false;
    while (jsontext_element(&w, &one)) {
        if (jsontext_get(one, "pool", &pool) && jsontext_copy(pool, name, sizeof name) &&
            map_get(&im->pools, str_from(name)) != NULL)
            return true;
    }
    return false;
}

static void take_change(struct impact *im, const struct plan_change *c)
{
    if (c->kind == ROUTE_KIND_POOL || c->kind == ROUTE_KIND_ENDPOINTS) {
        map_put(&im->pools, str_from(c->name), &there);
    } else if (c->kind == ROUTE_KIND_ROUTE && is_shown(im, c->name, c->before, c->after) &&
               (c->before == NULL || c->after == NULL || !chooses_same(c->before, c->after))) {
        add_hosts(im, c->before);
        add_hosts(im, c->after);
    }
}

static void take_route(void *arg, enum route_kind kind, const char *name, const char *value)
{
    struct impact *im = arg;

    if (kind == ROUTE_KIND_ROUTE && is_shown(im, name, value, NULL) && forwards_to(im, value))
        add_hosts(im, value);
}

/* The changes of one cluster, which stand together. */
static size_t take_cluster(struct impact *im, const struct plan *p, const struct plan_delta *delta,
                           size_t from)
{
    size_t to = from;

    im->cluster = delta->changes[from].cluster;
    map_init(&im->pools);
    while (to < delta->num && strcmp(delta->changes[to].cluster, im->cluster) == 0)
        take_change(im, &delta->changes[to++]);
    if (im->pools.len > 0)
        plan_each_object(p, im->cluster, take_route, im);
    map_free(&im->pools, NULL);
    return to;
}

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void print_hosts(struct answer *out, const struct map *hosts)
{
    struct str *all = xcalloc(hosts->len + 1, sizeof *all);
    size_t num = 0;
    size_t pos = 0;
    void *value;

    while (map_next(hosts, &pos, &all[num], &value))
        num++;
    qsort(all, num, sizeof all[0], by_bytes);
    answer_add(out, ",\"hosts\":[");
    for (size_t i = 0; i < num; i++) {
        answer_separator(out);
        out->fits = out->fits && buf_add_json(&out->b, all[i]);
    }
    answer_add(out, "]");
    free(all);
}

static void print_change(struct answer *out, const struct plan_change *c)
{
    answer_separator(out);
    answer_text(out, "{\"cluster\":", c->cluster);
    answer_text(out, ",\"kind\":", route_kind_name(c->kind));
    answer_text(out, ",\"name\":", c->name);
    answer_add(out, ",\"before\":");
    answer_add(out, c->before != NULL ? c->before : "null");
    answer_add(out, ",\"after\":");
    answer_add(out, c->after != NULL ? c->after : "null");
    answer_add(out, "}");
}

void impact_print(struct answer *out, const struct plan *p, const struct plan_delta *delta,
                  const char *tenant)
{
    struct impact im = {.tenant = tenant};

    map_init(&im.hosts);
    answer_add(out, ",\"objects\":[");
    for (size_t i = 0; i < delta->num; i++) {
        const struct plan_change *c = &delta->changes[i];

        if (is_shown(&im, c->name, c->before, c->after))
            print_change(out, c);
    }
    answer_add(out, "]");
    for (size_t i = 0; i < delta->num;)
        i = take_cluster(&im, p, delta, i);
    print_hosts(out, &im.hosts);
    map_free(&im.hosts, NULL);
}
