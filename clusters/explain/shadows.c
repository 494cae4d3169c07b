/*
 * Routes that no request reaches. Conditions are lists of things that must be there, so a route
 * wins something if and only if it wins the least request that it asks for: another route that
 * takes that one asks for no more than this, and takes all the others as well. That request is made
 * here and given to the matcher.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/explain/explain_priv.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/route/path.h"

enum {
    FRESH_TRIES = 8, /* words that nobody's table should have */
    FIELDS_MAX = ROUTE_MATCHES_MAX + 1,
    QUERY_MAX = ROUTE_MATCHES_MAX * 3 * (ROUTE_FIELD_NAME_MAX + ROUTE_FIELD_VALUE_MAX + 1),
    COOKIE_MAX = ROUTE_MATCHES_MAX * (ROUTE_FIELD_NAME_MAX + ROUTE_FIELD_VALUE_MAX + 4)
};

/* The least request of a route on one of its hosts. */
struct least {
    struct str names[FIELDS_MAX];
    struct str values[FIELDS_MAX];
    size_t num;
    struct buf query;
    struct buf cookie;
};

static bool next_field(const void *head, struct str name, size_t *at, struct str *out)
{
    const struct least *l = head;

    for (; *at < l->num; ++*at) {
        if (!str_eq(l->names[*at], name))
            continue;
        *out = l->values[(*at)++];
        return true;
    }
    return false;
}

static bool is_listed(const struct route_conditions *all, size_t before, const char *name)
{
    for (size_t i = 0; i < before; i++)
        if (strcmp(all->all[i].name, name) == 0)
            return true;
    return false;
}

/* Of two conditions on one name the one with a value counts; two values cannot both hold. */
static struct str least_value(const struct route_conditions *all, size_t at)
{
    for (size_t i = at; i < all->num; i++)
        if (strcmp(all->all[i].name, all->all[at].name) == 0 && all->all[i].value != NULL)
            return str_from(all->all[i].value);
    return STR("x");
}

static void add_escaped(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        ASSERT(buf_add_fmt(b, "%%%02X", (unsigned)(unsigned char)s.p[i]));
}

static void make_fields(struct least *l, const struct route_match *m)
{
    for (size_t i = 0; i < m->headers.num; i++) {
        if (is_listed(&m->headers, i, m->headers.all[i].name))
            continue;
        l->names[l->num] = str_from(m->headers.all[i].name);
        l->values[l->num++] = least_value(&m->headers, i);
    }
    for (size_t i = 0; i < m->queries.num; i++) {
        if (is_listed(&m->queries, i, m->queries.all[i].name))
            continue;
        ASSERT(l->query.len == 0 || buf_add_str(&l->query, STR("&")));
        add_escaped(&l->query, str_from(m->queries.all[i].name));
        ASSERT(buf_add_str(&l->query, STR("=")));
        add_escaped(&l->query, least_value(&m->queries, i));
    }
}

static void make_cookies(struct least *l, const struct route_conditions *cookies)
{
    for (size_t i = 0; i < cookies->num; i++) {
        if (is_listed(cookies, i, cookies->all[i].name))
            continue;
        ASSERT(l->cookie.len == 0 || buf_add_str(&l->cookie, STR("; ")));
        ASSERT(buf_add_str(&l->cookie, str_from(cookies->all[i].name)) &&
               buf_add_str(&l->cookie, STR("=")) &&
               buf_add_str(&l->cookie, least_value(cookies, i)));
    }
    if (l->cookie.len == 0)
        return;
    l->names[l->num] = STR("cookie");
    l->values[l->num++] = buf_str(&l->cookie);
}

static void make_least(struct least *l, const struct route_match *m)
{
    l->num = 0;
    buf_init(&l->query, QUERY_MAX);
    buf_init(&l->cookie, COOKIE_MAX);
    if (m == NULL)
        return;
    make_fields(l, m);
    make_cookies(l, &m->cookies);
}

static void free_least(struct least *l)
{
    buf_free(&l->query);
    buf_free(&l->cookie);
}

/* ---- asking ---- */

struct trial {
    const struct table *t;
    const struct table_route *r;
    const char *host; /* pattern */
    struct least least;
    const struct table_route *winner; /* of the last request that was tried */
};

static bool wins(struct trial *w, const char *host, const char *path, const char *method)
{
    const struct route_request q = {
        .host = str_from(host),
        .path = str_from(path),
        .query = buf_str(&w->least.query),
        .method = str_from(method),
        .field = next_field,
        .head = &w->least,
    };
    enum table_miss why;

    w->winner = table_match(w->t, &q, &why);
    return w->winner == w->r;
}

/* Any of its methods; without one, a method that no route names. */
static bool wins_a_method(struct trial *w, const char *host, const char *path)
{
    const struct route_match *m = w->r->route->match;

    if (m == NULL || m->num_methods == 0)
        return wins(w, host, path, "LEAST-METHOD");
    for (size_t i = 0; i < m->num_methods; i++)
        if (wins(w, host, path, m->methods[i]))
            return true;
    return false;
}

/* A prefix is tried below itself first, where an exact route is not in the way. */
static bool wins_a_path(struct trial *w, const char *host)
{
    const struct route *r = w->r->route;
    struct str prefix = route_path_prefix(r->path);
    bool won = false;

    for (unsigned i = 0; i < FRESH_TRIES && !r->path_exact && !won; i++) {
        char *below = xasprintf("%.*s/-least-%u-", STR_ARG(prefix), i);

        won = wins_a_method(w, host, below);
        free(below);
    }
    return won || wins_a_method(w, host, r->path);
}

/* What the route itself says the Host field must be; NULL: nothing. */
static const char *asked_host(const struct route_match *m)
{
    for (size_t i = 0; m != NULL && i < m->headers.num; i++)
        if (strcmp(m->headers.all[i].name, "host") == 0)
            return m->headers.all[i].value;
    return NULL;
}

/* A wildcard is tried with names that no other route has. */
static bool wins_a_host(struct trial *w)
{
    const char *asked = asked_host(w->r->route->match);
    char only[ROUTE_HOST_MAX + 1];
    bool won = false;

    if (asked != NULL)
        return route_host_of_request(str_from(asked), only, NULL) && wins_a_path(w, only);
    if (w->host[0] != '*')
        return wins_a_path(w, w->host);
    for (unsigned i = 0; i < FRESH_TRIES && !won; i++) {
        char *host = xasprintf("-least-%u-%s", i, w->host[1] == '.' ? w->host + 1 : ".invalid");

        won = wins_a_path(w, host);
        free(host);
    }
    return won;
}

struct each {
    const struct table *t;
    const char *host;
    explain_shadow_fn *fn;
    void *arg;
};

static void try_route(void *arg, const struct table_route *r)
{
    const struct each *e = arg;
    struct trial w = {.t = e->t, .r = r, .host = e->host};

    make_least(&w.least, r->route->match);
    if (!wins_a_host(&w)) {
        const struct explain_shadow s = {r->name, r->route->tenant, e->host,
                                         w.winner != NULL ? w.winner->name : NULL};

        e->fn(e->arg, &s);
    }
    free_least(&w.least);
}

void explain_shadows(const struct explain_table *t, const char *const *hosts, size_t num,
                     explain_shadow_fn *fn, void *arg)
{
    struct each e = {.t = explain_version(t), .fn = fn, .arg = arg};

    for (size_t i = 0; i < num; i++) {
        e.host = hosts[i];
        table_each_route_of(e.t, e.host, try_route, &e);
    }
}
