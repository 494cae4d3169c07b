/*
 * Plain objects: routes of one host and one pool, and endpoints, with all members in our own order
 * and words without escapes. Nearly every object of a large table is one, so that those are taken
 * apart by hand. What is in any way different, or not right, goes the long way (objects_route.c,
 * objects_endpoints.c), which also has the sentences: the bounds and rules here are those of its
 * tables, and objects_fuzz holds both against each other.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/route/path.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

/* A number as JSON writes it: no zero in front. */
static bool cut_number(struct str *rest, uint64_t min, uint64_t max, uint64_t *out)
{
    size_t n = 0;

    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
        n++;
    struct str digits = {rest->p, n};

    *rest = (struct str){rest->p + n, rest->n - n};
    return (n == 1 || (n != 0 && digits.p[0] != '0')) && str_to_u64(digits, max, out) &&
           *out >= min;
}

/* A member's value after its `key`, which ends in a quote. */
static bool cut_text(struct str *rest, struct str key, size_t max, struct str *out)
{
    return str_cut(rest, key) && json_cut_plain(rest, out) && out->n <= max;
}

/* The same of a member that may be absent, which means "". */
static bool cut_optional(struct str *rest, struct str key, size_t max, struct str *out)
{
    *out = STR("");
    return !str_starts(*rest, key) || cut_text(rest, key, max, out);
}

/* ---- routes ---- */

struct plain_route {
    struct str tenant;
    struct str host;
    struct str path;
    struct str pool;
    uint64_t weight;
};

/* It may be absent, which means "". */
static bool cut_tenant(struct str *rest, struct str *out)
{
    struct str before = *rest;

    return cut_optional(rest, STR("\"tenant\":\""), SHAPE_TEXT_MAX, out) &&
           (rest->n == before.n || str_cut(rest, STR(",")));
}

static bool split_route(struct str rest, struct plain_route *p)
{
    return str_cut(&rest, STR("{")) && cut_tenant(&rest, &p->tenant) &&
           cut_text(&rest, STR("\"hosts\":[\""), SHAPE_HOST_MAX, &p->host) &&
           cut_text(&rest, STR("],\"path\":\""), ROUTE_PATH_MAX, &p->path) &&
           cut_text(&rest, STR(",\"forward\":[{\"pool\":\""), ROUTE_NAME_MAX, &p->pool) &&
           p->pool.n > 0 && str_cut(&rest, STR(",\"weight\":")) &&
           cut_number(&rest, 0, ROUTE_WEIGHT_MAX, &p->weight) && str_eq(rest, STR("}]}"));
}

static char *terminated(char *out, struct str s)
{
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return out;
}

/* The split is judged; p, host and path are what the parts become. */
static struct route *pack(const struct plain_route *p, char *host, char *path)
{
    char tenant[SHAPE_TEXT_MAX + 1];
    char pool[ROUTE_NAME_MAX + 1];
    struct route_forward forward = {terminated(pool, p->pool), (uint32_t)p->weight};
    struct route r = {.hosts = &host, .num_hosts = 1, .forward = &forward, .num_forward = 1};

    shape_route.init(&r);
    r.tenant = terminated(tenant, p->tenant);
    r.path = path;
    return route_packed_copy(&r);
}

struct route *objects_route_plain(struct str value)
{
    struct plain_route p;
    char host[ROUTE_HOST_MAX + 1];
    char path[ROUTE_PATH_MAX + 1];

    if (!split_route(value, &p) || !route_host_canonical(p.host, true, host, NULL) ||
        !route_path_canonical(p.path, path, NULL))
        return NULL;
    return pack(&p, host, path);
}

/* ---- endpoints ---- */

struct plain_endpoint {
    struct str address;
    uint64_t port;
    uint64_t weight;
    struct str task;
    struct str node;
    bool draining;
};

static bool cut_endpoint(struct str *rest, struct plain_endpoint *p)
{
    if (!cut_text(rest, STR("{\"address\":\""), SHAPE_TEXT_MAX, &p->address) ||
        !str_cut(rest, STR(",\"port\":")) || !cut_number(rest, 1, UINT16_MAX, &p->port) ||
        !str_cut(rest, STR(",\"weight\":")) || !cut_number(rest, 1, ROUTE_WEIGHT_MAX, &p->weight) ||
        !cut_optional(rest, STR(",\"task\":\""), SHAPE_TEXT_MAX, &p->task) ||
        !cut_optional(rest, STR(",\"node\":\""), SHAPE_TEXT_MAX, &p->node))
        return false;
    p->draining = str_cut(rest, STR(",\"state\":\"draining\""));
    return str_cut(rest, STR("}"));
}

static bool add_endpoint(struct route_endpoints *all, const struct plain_endpoint *p)
{
    struct err unused;
    size_t n = all->num;
    char *address;

    if (n == ROUTE_ENDPOINTS_MAX || !text_address(p->address, &address, &unused))
        return false;
    if ((n & (n - 1)) == 0) /* as many again at each power of two */
        all->all = xrealloc(all->all, (n != 0 ? 2 * n : 1) * sizeof(*all->all));
    all->all[n] = (struct route_endpoint){
        .address = address,
        .port = (uint16_t)p->port,
        .weight = (uint32_t)p->weight,
        .state = p->draining ? ENDPOINT_DRAINING : ENDPOINT_LIVE,
        .task = str_dup(p->task),
        .node = str_dup(p->node),
    };
    all->num++;
    return true;
}

static bool read_endpoints(struct str rest, struct route_endpoints *all)
{
    struct plain_endpoint p;
    struct err unused;

    if (!str_cut(&rest, STR("{\"endpoints\":[")))
        return false;
    do {
        if (!cut_endpoint(&rest, &p) || !add_endpoint(all, &p))
            return false;
    } while (str_cut(&rest, STR(",")));
    return str_eq(rest, STR("]}")) && shape_endpoints.check(NULL, all, &unused);
}

struct route_endpoints *objects_endpoints_plain(struct str value)
{
    struct route_endpoints *all = xcalloc(1, sizeof(*all));

    if (read_endpoints(value, all))
        return all;
    route_endpoints_free(all);
    return NULL;
}
