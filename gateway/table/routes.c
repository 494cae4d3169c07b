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
    uint64_t print;   /* fingerprint of the value it came from */
    uint32_t seen;    /* last round that named it */
    uint32_t changed; /* last round that changed it */
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

static void entry_free(void *entry)
{
    struct routes_entry *e = entry;

    version_route_unref(e->route);
    free(e);
}

void routes_init(struct routes *r)
{
    *r = (struct routes){0};
    map_init(&r->by_name);
    map_init(&r->contested);
    map_init(&r->touched);
    trie_init(&r->hosts, &version_hosts_type);
}

void routes_free(struct routes *r)
{
    trie_free(&r->hosts);
    map_free(&r->touched, free);
    map_free(&r->contested, claims_free);
    map_free(&r->by_name, entry_free);
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
    struct routes_entry *e = map_get(&r->by_name, str_from(h->owner->pub.name));

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

void routes_set(struct routes *r, struct version_route *route, uint64_t print, uint32_t round)
{
    struct str name = str_from(route->pub.name);
    struct routes_entry *e = map_get(&r->by_name, name);

    if (e != NULL && e->print == print) {
        e->seen = round;
        return;
    }
    version_route_ref(route);
    if (e != NULL) {
        disclaim_all(r, e);
        version_route_unref(e->route);
    } else {
        e = xcalloc(1, sizeof(*e));
        map_put(&r->by_name, name, e);
    }
    *e = (struct routes_entry){route, print, round, round};
    for (size_t i = 0; i < route->pub.route->num_hosts; i++)
        claim(r, e, i);
}

void routes_keep(struct routes *r, struct str name, uint32_t round)
{
    struct routes_entry *e = map_get(&r->by_name, name);

    if (e != NULL)
        e->seen = round;
}

void routes_delete(struct routes *r, struct str name)
{
    struct routes_entry *e = map_remove(&r->by_name, name);

    if (e == NULL)
        return;
    disclaim_all(r, e);
    entry_free(e);
}

void routes_sweep(struct routes *r, uint32_t round)
{
    size_t pos = 0;
    struct str name;
    void *entry;

    while (map_next(&r->by_name, &pos, &name, &entry)) {
        struct routes_entry *e = entry;

        if (e->seen == round)
            continue;
        disclaim_all(r, e);
        (void)map_remove(&r->by_name, name); /* the entry itself, freed below */
        entry_free(e);
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
