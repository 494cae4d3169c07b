/*
 * Looks at every route of a host with the rules that match.c goes by, one after the other. Which
 * one takes the request is table_match's word alone; here is only said what the others lost by.
 */
#include "gateway/table/candidates.h"

#include <string.h>

#include "gateway/core/check.h"
#include "gateway/route/path.h"
#include "gateway/table/conditions.h"
#include "gateway/table/version.h"

/* ---- one route ---- */

static bool segment_is(struct str segment, struct str canonical)
{
    char own[3 * ROUTE_PATH_MAX];

    return segment.n <= sizeof(own) &&
           str_eq((struct str){own, route_segment_canonical(segment, own)}, canonical);
}

/* As a request goes down the tree of segments (match.c). */
static bool path_holds(const struct route *r, struct str path)
{
    struct str want = r->path_exact ? str_from(r->path) : route_path_prefix(r->path);
    struct str segment;
    struct str own;

    if (!str_starts(path, STR("/")))
        return !r->path_exact && want.n == 0;
    while (route_path_next(&want, &segment))
        if (!route_path_next(&path, &own) || !segment_is(own, segment))
            return false;
    return !r->path_exact || !route_path_next(&path, &own);
}

static bool same_path(const struct route *a, const struct route *b)
{
    return a->path_exact == b->path_exact &&
           (a->path_exact ? strcmp(a->path, b->path) == 0
                          : str_eq(route_path_prefix(a->path), route_path_prefix(b->path)));
}

static enum table_loss loss_of_condition(enum conditions_part part)
{
    static const enum table_loss all[] = {
        [CONDITIONS_METHOD] = TABLE_LOSS_METHOD,
        [CONDITIONS_HEADER] = TABLE_LOSS_HEADER,
        [CONDITIONS_QUERY] = TABLE_LOSS_QUERY,
        [CONDITIONS_COOKIE] = TABLE_LOSS_COOKIE,
    };

    return all[part];
}

static enum table_loss loss_to(const struct table_route *r, const struct table_route *winner)
{
    if (!same_path(r->route, winner->route))
        return TABLE_LOSS_LONGER;
    if (conditions_order_asked(winner, r) != 0)
        return TABLE_LOSS_ASKS;
    return r->route->created_ms != winner->route->created_ms ? TABLE_LOSS_AGE : TABLE_LOSS_NAME;
}

/* ---- all of a host ---- */

struct walk {
    const struct route_request *q;
    const struct table_route *winner; /* NULL: nobody takes it */
    bool first;                       /* the host whose routes are asked */
    const char *host;
    table_candidate_fn *fn;
    void *arg;
};

static void judge(const struct walk *w, struct table_candidate *c)
{
    enum conditions_part part;

    if (c->route == w->winner)
        c->loss = TABLE_LOSS_NONE;
    else if (!path_holds(c->route->route, w->q->path))
        c->loss = TABLE_LOSS_PATH;
    else if (!conditions_find_fault(c->route->route->match, w->q, &part, &c->condition))
        c->loss = loss_of_condition(part);
    else if (!w->first)
        c->loss = TABLE_LOSS_HOST;
    else {
        ASSERT(w->winner != NULL);
        c->loss = loss_to(c->route, w->winner);
    }
}

static void show_route(void *arg, const struct table_route *r)
{
    const struct walk *w = arg;
    struct table_candidate c = {.route = r, .host = w->host};

    if (r == w->winner && !w->first) /* it has the request by a more specific one already */
        return;
    judge(w, &c);
    w->fn(w->arg, &c);
}

static void show_node(struct walk *w, const struct hosts_node *n, const char *host)
{
    if (n == NULL)
        return;
    w->host = host;
    hosts_each_route(n, show_route, w);
    w->first = false;
}

static void show_wildcards(const struct table *t, struct walk *w)
{
    char host[ROUTE_HOST_MAX + 3] = "*.";
    struct str suffix = w->q->host;
    struct str label;

    while (str_split(&suffix, '.', &label) && suffix.p != NULL) {
        ASSERT(suffix.n <= ROUTE_HOST_MAX);
        memcpy(host + 2, suffix.p, suffix.n);
        host[2 + suffix.n] = '\0';
        show_node(w, trie_get(&t->hosts.wildcards, suffix), host);
    }
}

void table_each_candidate(const struct table *t, const struct route_request *q,
                          table_candidate_fn *fn, void *arg)
{
    enum table_miss why;
    struct walk w = {
        .q = q, .winner = table_match(t, q, &why), .first = true, .fn = fn, .arg = arg};
    char *host = str_dup(q->host);

    show_node(&w, trie_get(&t->hosts.exact, q->host), host);
    if (!str_eq(q->host, STR("*"))) {
        show_wildcards(t, &w);
        show_node(&w, trie_get(&t->hosts.exact, STR("*")), "*");
    }
    free(host);
}

/* ---- hosts ---- */

struct each_host {
    table_host_fn *fn;
    void *arg;
    const char *star; /* in front of the names */
};

static void show_host(void *arg, const void *value)
{
    const struct each_host *e = arg;
    const struct hosts_node *n = value;
    char host[ROUTE_HOST_MAX + 3];

    snprintf(host, sizeof(host), "%s%.*s", e->star, (int)n->name_len, n->name);
    e->fn(e->arg, host);
}

void table_each_host(const struct table *t, table_host_fn *fn, void *arg)
{
    struct each_host e = {fn, arg, ""};

    trie_each(&t->hosts.exact, show_host, &e);
    e.star = "*.";
    trie_each(&t->hosts.wildcards, show_host, &e);
}

void table_each_route_of(const struct table *t, const char *host, table_route_fn *fn, void *arg)
{
    bool wild = strncmp(host, "*.", 2) == 0;
    const struct hosts_node *n =
        trie_get(wild ? &t->hosts.wildcards : &t->hosts.exact, str_from(wild ? host + 2 : host));

    if (n != NULL)
        hosts_each_route(n, fn, arg);
}
