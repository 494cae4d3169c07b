/*
 * For a request that no route takes: what its sender may have meant. On its host the routes that
 * all but took it, then paths that are nearly written so; without a host, hosts one letter away.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/explain/explain_priv.h"
#include "gateway/core/check.h"

/* In the order of their bytes behind the first `from`: the matcher walks in none. */
static void add(struct explain_nearest *to, size_t from, char *owned)
{
    size_t at = to->num;

    while (at > from && strcmp(to->all[at - 1], owned) > 0)
        at--;
    if (at == EXPLAIN_NEAREST_MAX) {
        free(owned);
        return;
    }
    if (to->num == EXPLAIN_NEAREST_MAX)
        free(to->all[--to->num]);
    memmove(&to->all[at + 1], &to->all[at], (to->num - at) * sizeof(to->all[0]));
    to->all[at] = owned;
    to->num++;
}

/* At most one byte more, less, another, or two that changed places. */
static bool is_one_edit(struct str a, struct str b)
{
    size_t front = 0;
    size_t back = 0;
    struct str s = a.n <= b.n ? a : b;
    struct str l = a.n <= b.n ? b : a;

    if (l.n - s.n > 1)
        return false;
    while (front < s.n && s.p[front] == l.p[front])
        front++;
    while (back < s.n - front && s.p[s.n - 1 - back] == l.p[l.n - 1 - back])
        back++;
    size_t left = s.n - front - back;

    return left == 0 || (s.n == l.n && (left == 1 || (left == 2 && s.p[front] == l.p[front + 1] &&
                                                      s.p[front + 1] == l.p[front])));
}

/* ---- on its host ---- */

struct near_routes {
    const struct route_request *q;
    const struct explain_view *view;
    struct explain_nearest *out;
    bool paths;  /* the second round: routes whose path is another */
    size_t from; /* what the rounds before have found stays in front */
    char *host;  /* the most specific one, whose routes are asked; NULL: not known yet */
};

static bool is_near_path(const struct route *r, struct str path)
{
    return is_one_edit(str_from(r->path), path) || str_eq_nocase(str_from(r->path), path) ||
           (r->path_exact && str_starts(path, str_from(r->path)));
}

static void near_route(void *arg, const struct table_candidate *c)
{
    struct near_routes *n = arg;
    bool path = c->loss == TABLE_LOSS_PATH;

    if (n->host == NULL)
        n->host = xstrdup(c->host);
    if (path != n->paths || strcmp(c->host, n->host) != 0 || c->loss == TABLE_LOSS_HOST ||
        !explain_sees(n->view, c->route) || (path && !is_near_path(c->route->route, n->q->path)))
        return;
    char *why = explain_loss_text(c, n->q, NULL);

    add(n->out, n->from,
        xasprintf("\"%s\" has this host%s, but %s", c->route->name,
                  path ? " and nearly this path" : " and path", why));
    free(why);
}

void explain_nearest_route(const struct table *t, const struct route_request *q,
                           const struct explain_view *view, struct explain_nearest *out)
{
    struct near_routes n = {.q = q, .view = view, .out = out};

    table_each_candidate(t, q, near_route, &n);
    n.paths = true;
    n.from = out->num;
    table_each_candidate(t, q, near_route, &n);
    free(n.host);
}

/* ---- other hosts ---- */

struct near_hosts {
    const struct table *t;
    const struct route_request *q;
    const struct explain_view *view;
    struct explain_nearest *out;
};

struct seen_route {
    const struct explain_view *view;
    const struct table_route *any; /* that the view sees, the first by name */
};

static void see_route(void *arg, const struct table_route *r)
{
    struct seen_route *s = arg;

    if (explain_sees(s->view, r) && (s->any == NULL || strcmp(r->name, s->any->name) < 0))
        s->any = r;
}

/* "*.shop.example" when the request is for shop.example itself, or for a.shop.exampl. */
static bool is_near_wildcard(struct str suffix, struct str host)
{
    struct str rest = host;
    struct str label;

    if (str_eq(suffix, host))
        return true;
    while (str_split(&rest, '.', &label) && rest.p != NULL)
        if (is_one_edit(suffix, rest))
            return true;
    return false;
}

static bool is_near_host(const char *pattern, struct str host)
{
    struct str p = str_from(pattern);

    if (str_cut(&p, STR("*.")))
        return is_near_wildcard(p, host);
    struct str bare = host;
    struct str other = p;

    return is_one_edit(p, host) || (str_cut(&bare, STR("www.")) && str_eq(bare, p)) ||
           (str_cut(&other, STR("www.")) && str_eq(other, host));
}

/* What the request would meet there. */
static const char *met_at(const struct near_hosts *n, const char *pattern)
{
    struct route_request there = *n->q;
    enum table_miss why;

    if (pattern[0] == '*')
        return "";
    there.host = str_from(pattern);
    return table_match(n->t, &there, &why) != NULL ? ", which takes such a request"
                                                   : ", which does not take such a request either";
}

static void near_host(void *arg, const char *pattern)
{
    struct near_hosts *n = arg;
    struct seen_route s = {n->view, NULL};

    if (!is_near_host(pattern, n->q->host))
        return;
    table_each_route_of(n->t, pattern, see_route, &s);
    if (s.any != NULL)
        add(n->out, 0,
            xasprintf("the host \"%s\" of \"%s\" is written nearly so%s", pattern, s.any->name,
                      met_at(n, pattern)));
}

void explain_nearest_host(const struct table *t, const struct route_request *q,
                          const struct explain_view *view, struct explain_nearest *out)
{
    struct near_hosts n = {t, q, view, out};

    table_each_host(t, near_host, &n);
}
