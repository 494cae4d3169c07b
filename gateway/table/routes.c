/*
 * Routes by name, and who waits for whom. A line of the tree holds every route of its place in the
 * order in which they are tried, so that one that asks for the same as one before it is never
 * reached and takes over by itself: nothing depends on the order of arrival. What is left to do
 * here is to say who waits, at the end of a commit, when it is certain.
 */
#include "gateway/table/routes.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/table/conditions.h"

struct routes_entry {
    struct version_route *route;
    struct table_gauge *gauge; /* NULL: it never had limits */
    uint64_t print;            /* fingerprint of the value it came from */
    uint32_t seen;             /* last round that named it */
    struct routes_entry *next_stale;
};

static struct str entry_name(const struct routes_entry *e)
{
    return str_from(e->route->pub.name);
}

static struct str entry_key(const void *value)
{
    return entry_name(value);
}

static void entry_ref(const void *value)
{
    (void)value; /* the one trie by name owns its entries */
}

static void entry_unref(const void *value)
{
    struct routes_entry *e = (struct routes_entry *)(uintptr_t)value;

    version_route_unref(e->route);
    table_gauge_unref(&e->gauge);
    free(e);
}

static const struct trie_type entries_type = {entry_key, map_hash, entry_ref, entry_unref};

static struct routes_entry *find_entry(const struct routes *r, struct str name)
{
    return (struct routes_entry *)(uintptr_t)trie_get(&r->by_name, name);
}

void routes_init(struct routes *r)
{
    *r = (struct routes){0};
    trie_init(&r->by_name, &entries_type);
    map_init(&r->shared);
    hosts_init(&r->hosts);
}

void routes_free(struct routes *r)
{
    hosts_free(&r->hosts);
    map_free(&r->shared, NULL);
    trie_free(&r->by_name);
}

/* ---- places ---- */

/* A place as a key: "host NUL path", "host NUL =path" when exact; no path begins with a "=". */
static void note_shared(struct routes *r, const struct hosts_place *p)
{
    char key[ROUTE_HOST_MAX + ROUTE_PATH_MAX + 2];
    size_t n = p->host.n + 1;

    ASSERT(n + 1 + p->path.n <= sizeof(key));
    memcpy(key, p->host.p, p->host.n);
    key[p->host.n] = '\0';
    if (p->exact)
        key[n++] = '=';
    memcpy(key + n, p->path.p, p->path.n);
    (void)map_put(&r->shared, (struct str){key, n + p->path.n}, r); /* the value only says: there */
}

static struct hosts_place place_from_key(struct str key)
{
    struct hosts_place p = {.path = key};
    bool ok = str_split(&p.path, '\0', &p.host);

    ASSERT(ok && p.path.p != NULL);
    p.exact = p.path.n != 0 && p.path.p[0] == '=';
    if (p.exact)
        p.path = (struct str){p.path.p + 1, p.path.n - 1};
    return p;
}

static void stand(struct routes *r, struct version_route *route)
{
    for (size_t i = 0; i < route->pub.route->num_hosts; i++) {
        struct hosts_place p = hosts_place_of(route, i);

        if (hosts_add(&r->hosts, &p, route) > 1)
            note_shared(r, &p);
    }
}

static void leave(struct routes *r, const struct version_route *route)
{
    for (size_t i = 0; i < route->pub.route->num_hosts; i++) {
        struct hosts_place p = hosts_place_of(route, i);

        hosts_remove(&r->hosts, &p, route);
    }
}

static void give_gauge(struct routes_entry *e, struct version_route *route)
{
    const struct route_limits *limits = route->pub.route->limits;

    if (limits == NULL || (limits->in_flight == 0 && limits->per_second == 0))
        return;
    if (e->gauge == NULL)
        e->gauge = table_gauge_new();
    route->pub.gauge = table_gauge_ref(e->gauge);
}

void routes_set(struct routes *r, struct version_route *route, uint64_t print, uint32_t round)
{
    struct str name = str_from(route->pub.name);
    struct routes_entry *e = find_entry(r, name);

    if (e != NULL && e->print == print) {
        e->seen = round;
        return;
    }
    bool is_new = e == NULL;

    version_route_ref(route);
    if (is_new) {
        e = xcalloc(1, sizeof(*e));
    } else {
        leave(r, e->route);
        version_route_unref(e->route);
    }
    give_gauge(e, route);
    e->route = route;
    e->print = print;
    e->seen = route->round = round;
    if (is_new)
        trie_put(&r->by_name, e);
    stand(r, route);
}

void routes_keep(struct routes *r, struct str name, uint32_t round)
{
    struct routes_entry *e = find_entry(r, name);

    if (e != NULL)
        e->seen = round;
}

void routes_delete(struct routes *r, struct str name)
{
    struct routes_entry *e = find_entry(r, name);

    if (e == NULL)
        return;
    leave(r, e->route);
    (void)trie_remove(&r->by_name, name); /* there: found above */
}

struct sweep {
    uint32_t round;
    struct routes_entry *stale; /* a list through the entries */
};

static void collect_stale(void *arg, const void *value)
{
    struct routes_entry *e = (struct routes_entry *)(uintptr_t)value;
    struct sweep *s = arg;

    if (e->seen == s->round)
        return;
    e->next_stale = s->stale;
    s->stale = e;
}

void routes_sweep(struct routes *r, uint32_t round)
{
    struct sweep s = {round, NULL};

    trie_each(&r->by_name, collect_stale, &s);
    while (s.stale != NULL) {
        struct routes_entry *e = s.stale;

        s.stale = e->next_stale;
        routes_delete(r, entry_name(e));
    }
}

/* ---- who waits ---- */

/* A route of a line; equal fingerprints ask for the same. */
struct claim {
    uint64_t print;
    size_t at;
};

static int by_print(const void *a, const void *b)
{
    const struct claim *x = a;
    const struct claim *y = b;
    int order = (x->print > y->print) - (x->print < y->print);

    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* The claims of a line of several routes, those that ask for the same together, in line order. */
static struct claim *sort_claims(struct line l, size_t num)
{
    struct claim *all = xcalloc(num, sizeof(*all));

    for (size_t i = 0; i < num; i++)
        all[i] = (struct claim){conditions_print(line_at(l, i)->pub.route->match), i};
    qsort(all, num, sizeof(*all), by_print);
    return all;
}

static size_t host_index(const struct route *route, struct str host)
{
    size_t i = 0;

    while (i < route->num_hosts && !str_eq(str_from(route->hosts[i]), host))
        i++;
    ASSERT(i < route->num_hosts);
    return i;
}

static void report(const struct table_route *winner, const struct table_route *loser,
                   struct str host, struct refusals *out)
{
    char field[ERR_FIELD_MAX];
    struct err why;

    snprintf(field, sizeof(field), "/hosts/%zu", host_index(loser->route, host));
    err_set(&why, "Conflicted", field,
            "the route \"%.100s\" has the same path and match on \"%.*s\" and is older or, of the "
            "same age, lower by name; this one takes over when that one goes",
            winner->name, STR_ARG(host));
    refusals_add(out, ROUTE_KIND_ROUTE, loser->name, &why);
}

/* What judging needs to know of a commit. */
struct judging {
    const struct table *before;
    uint32_t round;
    bool all;
    struct refusals *out;
};

/* Who served before this commit what asks for the same as r, or NULL. */
static const struct version_route *served_before(const struct judging *j,
                                                 const struct version_route *r, struct str host)
{
    if (j->before == NULL)
        return NULL;
    struct hosts_place p = hosts_place_of(r, host_index(r->pub.route, host));
    struct line l = hosts_line(&j->before->hosts, &p);
    uint64_t print = conditions_print(r->pub.route->match);

    for (size_t i = 0; i < line_len(l); i++)
        if (conditions_print(line_at(l, i)->pub.route->match) == print)
            return line_at(l, i);
    return NULL;
}

/* Several routes that ask for the same: the first serves. Who waited before it knows already. */
static void judge_group(const struct judging *j, struct line l, const struct claim *group,
                        size_t num, struct str host)
{
    const struct version_route *winner = line_at(l, group[0].at);
    const struct version_route *before = NULL;
    bool changed = j->all;

    for (size_t i = 0; i < num; i++)
        changed = changed || line_at(l, group[i].at)->round == j->round;
    if (!changed)
        return;
    if (!j->all)
        before = served_before(j, winner, host);
    for (size_t i = 1; i < num; i++) {
        const struct version_route *loser = line_at(l, group[i].at);

        if (j->all || loser->round == j->round || loser == before)
            report(&winner->pub, &loser->pub, host, j->out);
    }
}

static void judge_line(void *arg, struct line l, struct str host)
{
    const struct judging *j = arg;
    size_t num = line_len(l);

    if (num < 2)
        return;
    struct claim *claims = sort_claims(l, num);
    size_t from = 0;

    for (size_t i = 1; i <= num; i++) {
        if (i < num && claims[i].print == claims[from].print)
            continue;
        if (i - from > 1)
            judge_group(j, l, &claims[from], i - from, host);
        from = i;
    }
    free(claims);
}

void routes_finish(struct routes *r, const struct table *before, uint32_t round, bool all,
                   struct refusals *out)
{
    struct judging j = {before, round, all, out};
    size_t pos = 0;
    struct str key;
    void *value;

    if (all)
        hosts_each_shared(&r->hosts, judge_line, &j);
    while (!all && map_next(&r->shared, &pos, &key, &value)) {
        struct hosts_place p = place_from_key(key);

        judge_line(&j, hosts_line(&r->hosts, &p), p.host);
    }
    map_free(&r->shared, NULL);
    map_init(&r->shared);
}
