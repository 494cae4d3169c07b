/*
 * Routes by name and the fight for hosts. The trie of hosts always holds the winner of each host;
 * hosts with more than one claim have a list of claims sorted by name beside it, whose first is the
 * winner, so that the outcome depends on names alone and never on the order of arrival. Reports
 * losers at the end of a commit, when it is certain who they are.
 */
#include "gateway/table/routes.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

struct routes_entry {
    struct version_route *route;
    struct table_gauge *gauge; /* NULL: it never had limits */
    uint64_t print;            /* fingerprint of the value it came from */
    uint32_t seen;             /* last round that named it */
    uint32_t changed;          /* last round that changed it */
    struct routes_entry *next_stale;
};

struct routes_claims {
    struct routes_entry **all; /* by name, the lowest first */
    size_t num;
    size_t cap;
};

static struct str entry_name(const struct routes_entry *e)
{
    return str_from(e->route->pub.name);
}

static void claims_free(void *claims)
{
    struct routes_claims *c = claims;

    free(c->all);
    free(c);
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
    map_init(&r->contested);
    map_init(&r->touched);
    trie_init(&r->hosts, &version_hosts_type);
}

void routes_free(struct routes *r)
{
    trie_free(&r->hosts);
    map_free(&r->touched, free);
    map_free(&r->contested, claims_free);
    trie_free(&r->by_name);
}

static size_t host_index(const struct route *route, struct str host)
{
    size_t i = 0;

    while (i < route->num_hosts && !str_eq(str_from(route->hosts[i]), host))
        i++;
    ASSERT(i < route->num_hosts);
    return i;
}

static void give_host(struct routes *r, struct routes_entry *winner, size_t index)
{
    struct version_host *h = version_host_new(winner->route, index);

    trie_put(&r->hosts, h);
    version_hosts_type.unref(h);
}

/* First place where name may stand. */
static size_t claims_find(const struct routes_claims *c, struct str name)
{
    size_t low = 0;
    size_t high = c->num;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (str_cmp(entry_name(c->all[middle]), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void claims_insert(struct routes_claims *c, struct routes_entry *e)
{
    size_t at = claims_find(c, entry_name(e));

    if (c->num == c->cap) {
        c->cap = c->cap != 0 ? c->cap * 2 : 4;
        c->all = xrealloc(c->all, c->cap * sizeof(struct routes_entry *));
    }
    memmove(&c->all[at + 1], &c->all[at], (c->num - at) * sizeof(struct routes_entry *));
    c->all[at] = e;
    c->num++;
}

static struct routes_entry *holder(const struct routes *r, struct str host)
{
    const struct version_host *h = trie_get(&r->hosts, host);

    if (h == NULL)
        return NULL;
    struct routes_entry *e = find_entry(r, str_from(h->owner->pub.name));

    ASSERT(e != NULL);
    return e;
}

static void claim(struct routes *r, struct routes_entry *e, size_t index)
{
    struct str host = str_from(e->route->pub.route->hosts[index]);
    struct routes_entry *winner = holder(r, host);

    if (winner == NULL) {
        give_host(r, e, index);
        return;
    }
    struct routes_claims *c = map_get(&r->contested, host);

    if (c == NULL) {
        c = xcalloc(1, sizeof(*c));
        claims_insert(c, winner);
        map_put(&r->contested, host, c);
    }
    if (map_get(&r->touched, host) == NULL)
        map_put(&r->touched, host, str_dup(entry_name(winner)));
    claims_insert(c, e);
    if (c->all[0] == e)
        give_host(r, e, index);
}

static void disclaim(struct routes *r, struct routes_entry *e, size_t index)
{
    struct str host = str_from(e->route->pub.route->hosts[index]);
    struct routes_claims *c = map_get(&r->contested, host);

    if (c == NULL) {
        bool was = trie_remove(&r->hosts, host);

        ASSERT(was);
        return;
    }
    size_t at = claims_find(c, entry_name(e));

    ASSERT(at < c->num && c->all[at] == e);
    c->num--;
    memmove(&c->all[at], &c->all[at + 1], (c->num - at) * sizeof(struct routes_entry *));
    if (at == 0)
        give_host(r, c->all[0], host_index(c->all[0]->route->pub.route, host));
    if (c->num == 1)
        claims_free(map_remove(&r->contested, host));
}

static void disclaim_all(struct routes *r, struct routes_entry *e)
{
    for (size_t i = 0; i < e->route->pub.route->num_hosts; i++)
        disclaim(r, e, i);
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
        disclaim_all(r, e);
        version_route_unref(e->route);
    }
    give_gauge(e, route);
    e->route = route;
    e->print = print;
    e->seen = e->changed = round;
    if (is_new)
        trie_put(&r->by_name, e);
    for (size_t i = 0; i < route->pub.route->num_hosts; i++)
        claim(r, e, i);
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
    disclaim_all(r, e);
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

static void report(const struct routes_claims *c, size_t loser, struct str host,
                   struct refusals *out)
{
    const struct table_route *lost = &c->all[loser]->route->pub;
    char field[ERR_FIELD_MAX];
    struct err why;

    snprintf(field, sizeof(field), "/hosts/%zu", host_index(lost->route, host));
    err_set(
        &why, "Conflicted", field,
        "the host \"%.*s\" belongs to the route \"%.100s\", whose name is lower; this one takes "
        "over when that one goes",
        STR_ARG(host), c->all[0]->route->pub.name);
    refusals_add(out, ROUTE_KIND_ROUTE, lost->name, &why);
}

void routes_finish(struct routes *r, uint32_t round, bool all, struct refusals *out)
{
    const struct map *hosts = all ? &r->contested : &r->touched;
    size_t pos = 0;
    struct str host;
    void *value;

    while (map_next(hosts, &pos, &host, &value)) {
        const struct routes_claims *c = map_get(&r->contested, host);
        struct str before = all ? STR("") : str_from(value);

        for (size_t i = 1; c != NULL && i < c->num; i++)
            if (all || c->all[i]->changed == round || str_eq(entry_name(c->all[i]), before))
                report(c, i, host, out);
    }
    map_free(&r->touched, free);
    map_init(&r->touched);
}
