/*
 * Plain routes: one host, one pool, all members in our own order, words without escapes. Nearly
 * every object of a large table is one, so that those are taken apart by hand. What is in any way
 * different, or not right, goes the long way (objects_route.c), which also has the sentences: the
 * bounds and rules here are those of its table, and objects_fuzz holds both against each other.
 */
#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

struct plain_route {
    struct str tenant;
    struct str host;
    struct str path;
    struct str pool;
    uint64_t weight;
};

/* A number as JSON writes it: no zero in front. */
static bool cut_weight(struct str *rest, uint64_t *out)
{
    size_t n = 0;

    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
        n++;
    struct str digits = {rest->p, n};

    *rest = (struct str){rest->p + n, rest->n - n};
    return (n == 1 || (n != 0 && digits.p[0] != '0')) && str_to_u64(digits, ROUTE_WEIGHT_MAX, out);
}

/* It may be absent, which means "". */
static bool cut_tenant(struct str *rest, struct str *out)
{
    *out = STR("");
    return !str_cut(rest, STR("\"tenant\":\"")) ||
           (json_cut_plain(rest, out) && str_cut(rest, STR(",")));
}

static bool split(struct str rest, struct plain_route *p)
{
    return str_cut(&rest, STR("{")) && cut_tenant(&rest, &p->tenant) &&
           str_cut(&rest, STR("\"hosts\":[\"")) && json_cut_plain(&rest, &p->host) &&
           str_cut(&rest, STR("],\"path\":\"")) && json_cut_plain(&rest, &p->path) &&
           str_cut(&rest, STR(",\"forward\":[{\"pool\":\"")) && json_cut_plain(&rest, &p->pool) &&
           str_cut(&rest, STR(",\"weight\":")) && cut_weight(&rest, &p->weight) &&
           str_eq(rest, STR("}]}"));
}

static bool is_within_bounds(const struct plain_route *p)
{
    return p->tenant.n <= SHAPE_TEXT_MAX && p->host.n > 0 && p->host.n <= SHAPE_HOST_MAX &&
           p->path.n <= ROUTE_PATH_MAX && p->pool.n > 0 && p->pool.n <= ROUTE_NAME_MAX;
}

struct route *objects_route_plain(struct str value)
{
    struct plain_route p;
    struct err unused;
    char *host = NULL;
    char *path = NULL;

    if (!split(value, &p) || !is_within_bounds(&p) || !text_host_pattern(p.host, &host, &unused))
        return NULL;
    if (!text_path_pattern(p.path, &path, &unused)) {
        free(host);
        return NULL;
    }
    struct route *r = xcalloc(1, sizeof(*r));

    shape_route.init(r);
    r->tenant = str_dup(p.tenant);
    r->hosts = xcalloc(1, sizeof(*r->hosts));
    r->hosts[0] = host;
    r->num_hosts = 1;
    r->path = path;
    r->forward = xcalloc(1, sizeof(*r->forward));
    r->forward[0] = (struct route_forward){str_dup(p.pool), (uint32_t)p.weight};
    r->num_forward = 1;
    return r;
}
