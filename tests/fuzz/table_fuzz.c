/*
 * Random sequences of frames against a naive model of a table: plain arrays that are searched from
 * end to end. After each commit both must give every request the same route and every pool the same
 * endpoints; endpoints keep their ids, no retired id comes back unreleased, and a version from an
 * earlier commit still says what it said then.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/table/table.h"
#include "gateway/wire/frame.h"
#include "tests/unit/gateway/table/match_host.h"

enum { ROUTES = 6, HOSTS = 5, POOLS = 4, ADDRESSES = 6, OPS_MAX = 256, IDS_MAX = 2048 };

static const char *const hosts[HOSTS] = {"h0.x", "h1.x", "*.x", "*.h1.x", "*"};
/* A request's host for each, and which of them have it, the most specific first. */
static const char *const asked_hosts[HOSTS] = {"h0.x", "h1.x", "a.x", "b.h1.x", "z"};
static const int hosts_of[HOSTS][4] = {
    {0, 2, 4, -1}, {1, 2, 4, -1}, {2, 4, -1}, {3, 2, 4, -1}, {4, -1}};

/* What a route asks for beside its host: a path and, perhaps, a method. */
enum { PLACES = 4, PLACE_METHOD = PLACES, ASKED = 8, ASKED_POST = 4 };
static const char *const places[PLACES] = {"/", "/p", "/p/q", "/p"}; /* the last one exact */
static const char *const asked_paths[ASKED_POST] = {"/", "/p", "/%70/q/r", "/pp"};
/* The places of each, the first to be tried first. */
static const int places_of[ASKED_POST][4] = {{0, -1}, {3, 1, 0, -1}, {2, 1, 0, -1}, {0, -1}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model_route {
    bool there;
    bool seen;
    bool changed;
    unsigned hosts; /* bits */
    unsigned pool;
    unsigned place; /* and PLACE_METHOD: POST only */
    unsigned age;   /* created_ms */
};

struct model_pool {
    bool declared;
    bool declared_seen;
    bool has_endpoints;
    bool endpoints_seen;
    unsigned live; /* bits of addresses */
    unsigned draining;
};

struct model {
    struct model_route routes[ROUTES];
    struct model_pool pools[POOLS];
};

struct op {
    char what; /* r R: route set, deleted; p P: pool; e E: endpoints; k: refused route */
    unsigned name;
    unsigned a;
    unsigned b;
    unsigned place;
    unsigned age;
};

struct run {
    const uint8_t *data;
    size_t left;
    struct table_builder *builder;
    struct model now;
    struct model before; /* the last commit's, for changes */
    struct op ops[OPS_MAX];
    size_t num_ops;
    bool snapshot;
    bool retired[IDS_MAX];
    uint32_t ids[POOLS][ADDRESSES]; /* of what is visible; IDS_MAX: none */
    const struct table *newest;
    const struct table *old;
    const char *old_match[HOSTS][ASKED]; /* pool of each request's route in `old`, NULL: none */
};

static unsigned next(struct run *r)
{
    if (r->left == 0)
        return 0;
    r->left--;
    return *r->data++;
}

static void feed(struct run *r, struct buf *line)
{
    struct frame f;
    struct err e = {0};

    ASSERT(frame_parse(buf_str(line), &f, &e));
    table_builder_frame(r->builder, &f);
    frame_free(&f);
    buf_free(line);
}

static void add_op(struct run *r, char what, unsigned name, unsigned a, unsigned b)
{
    ASSERT(r->num_ops < OPS_MAX);
    r->ops[r->num_ops++] = (struct op){what, name, a, b, 0, 0};
}

static void set_route(struct run *r)
{
    unsigned name = next(r) % ROUTES;
    unsigned mask = next(r) % (1U << HOSTS);
    unsigned pool = next(r) % POOLS;
    unsigned how = next(r);
    unsigned place = how % (2 * PLACES);
    unsigned age = how / (2 * PLACES) % 3;
    const char *comma = "";
    struct buf b;

    buf_init(&b, 4096);
    ASSERT(buf_add_fmt(&b, "{\"set\":{\"kind\":\"route\",\"name\":\"%c\",\"value\":{\"hosts\":[",
                       (int)('a' + name)));
    for (unsigned h = 0; h < HOSTS; h++) {
        if ((mask >> h & 1) == 0)
            continue;
        ASSERT(buf_add_fmt(&b, "%s\"%s\"", comma, hosts[h]));
        comma = ",";
    }
    ASSERT(buf_add_fmt(&b,
                       "],\"path\":\"%s\",\"path_type\":\"%s\",\"created_ms\":%u,%s\"forward\":"
                       "[{\"pool\":\"p%u\"}]}}}",
                       places[place % PLACES], place % PLACES == 3 ? "exact" : "prefix", age,
                       place >= PLACE_METHOD ? "\"match\":{\"methods\":[\"POST\"]}," : "", pool));
    feed(r, &b);
    add_op(r, mask != 0 ? 'r' : 'k', name, mask, pool); /* no hosts: refused */
    r->ops[r->num_ops - 1].place = place;
    r->ops[r->num_ops - 1].age = age;
}

static void set_endpoints(struct run *r)
{
    unsigned name = next(r) % POOLS;
    unsigned live = next(r) % (1U << ADDRESSES);
    unsigned draining = next(r) % (1U << ADDRESSES) & ~live;
    const char *comma = "";
    struct buf b;

    buf_init(&b, 4096);
    ASSERT(buf_add_fmt(&b,
                       "{\"set\":{\"kind\":\"endpoints\",\"name\":\"p%u\",\"value\":{"
                       "\"endpoints\":[",
                       name));
    for (unsigned a = 0; a < ADDRESSES; a++) {
        if (((live | draining) >> a & 1) == 0)
            continue;
        ASSERT(buf_add_fmt(&b, "%s{\"address\":\"10.0.0.%u\",\"port\":80,\"state\":\"%s\"}", comma,
                           a, live >> a & 1 ? "live" : "draining"));
        comma = ",";
    }
    ASSERT(buf_add_str(&b, STR("]}}}")));
    feed(r, &b);
    add_op(r, 'e', name, live, draining);
}

static void simple_frame(struct run *r, const char *fmt, char what, unsigned name)
{
    struct buf b;

    buf_init(&b, 4096);
    ASSERT(buf_add_fmt(&b, "{\"%s\":{\"kind\":", what == 'p' ? "set" : "delete"));
    ASSERT(buf_add_str(&b, str_from(fmt)));
    if (what == 'R')
        ASSERT(buf_add_fmt(&b, ",\"name\":\"%c\"", (int)('a' + name)));
    else
        ASSERT(buf_add_fmt(&b, ",\"name\":\"p%u\"", name));
    ASSERT(buf_add_str(&b, what == 'p' ? STR(",\"value\":{}}}") : STR("}}")));
    feed(r, &b);
    add_op(r, what, name, 0, 0);
}

static void hello(struct run *r, bool snapshot)
{
    struct buf b;

    buf_init(&b, 4096);
    ASSERT(frame_write_hello(&b, "c", "1-a", 1, snapshot));
    b.len--; /* the newline */
    feed(r, &b);
    r->num_ops = 0;
    r->snapshot = snapshot;
}

/* ---- the model ---- */

static void apply(struct model *m, const struct op *op)
{
    struct model_route *route =
        op->what == 'r' || op->what == 'R' || op->what == 'k' ? &m->routes[op->name] : NULL;
    struct model_pool *pool = route == NULL ? &m->pools[op->name] : NULL;

    if (op->what == 'r') {
        bool same = route->there && route->hosts == op->a && route->pool == op->b &&
                    route->place == op->place && route->age == op->age;

        *route = (struct model_route){true,      true,   route->changed || !same, op->a, op->b,
                                      op->place, op->age};
    } else if (op->what == 'R') {
        *route = (struct model_route){0};
    } else if (op->what == 'k') {
        route->seen = true;
    } else if (op->what == 'p') {
        pool->declared = pool->declared_seen = true;
    } else if (op->what == 'P') {
        pool->declared = false;
    } else if (op->what == 'e') {
        pool->has_endpoints = pool->endpoints_seen = true;
        pool->live = op->a;
        pool->draining = op->b;
    } else {
        pool->has_endpoints = false;
        pool->live = pool->draining = 0;
    }
}

static void apply_all(struct run *r)
{
    struct model *m = &r->now;

    r->before = *m;
    for (unsigned i = 0; i < ROUTES; i++)
        m->routes[i].seen = m->routes[i].changed = false;
    for (unsigned i = 0; i < POOLS; i++)
        m->pools[i].declared_seen = m->pools[i].endpoints_seen = false;
    for (size_t i = 0; i < r->num_ops; i++)
        apply(m, &r->ops[i]);
    for (unsigned i = 0; r->snapshot && i < ROUTES; i++)
        if (!m->routes[i].seen)
            m->routes[i] = (struct model_route){0};
    for (unsigned i = 0; r->snapshot && i < POOLS; i++) {
        if (!m->pools[i].declared_seen)
            m->pools[i].declared = false;
        if (!m->pools[i].endpoints_seen)
            apply(m, &(struct op){'E', i, 0, 0, 0, 0});
    }
    r->num_ops = 0;
}

/* The oldest route of that place, then the lowest name; -1: none. */
static int winner(const struct model *m, unsigned host, unsigned place)
{
    int best = -1;

    for (int i = 0; i < ROUTES; i++)
        if (m->routes[i].there && (m->routes[i].hosts >> host & 1) != 0 &&
            m->routes[i].place == place && (best < 0 || m->routes[i].age < m->routes[best].age))
            best = i;
    return best;
}

/* The route that takes a request to a host that somebody has; -1: none. */
static int winner_of_request(const struct model *m, unsigned host, unsigned asked)
{
    const int *place = places_of[asked % ASKED_POST];
    int best = -1;

    for (; *place >= 0 && best < 0; place++) {
        if (asked >= ASKED_POST)
            best = winner(m, host, (unsigned)*place + PLACE_METHOD);
        if (best < 0)
            best = winner(m, host, (unsigned)*place);
    }
    return best;
}

static bool has_host(const struct model *m, unsigned host)
{
    for (int i = 0; i < ROUTES; i++)
        if (m->routes[i].there && (m->routes[i].hosts >> host & 1) != 0)
            return true;
    return false;
}

/* ---- comparing ---- */

static const struct table_route *ask(const struct table *t, unsigned host, unsigned asked,
                                     enum table_miss *why)
{
    const struct route_request q = {
        .host = str_from(asked_hosts[host]),
        .path = str_from(asked_paths[asked % ASKED_POST]),
        .method = asked >= ASKED_POST ? STR("POST") : STR("GET"),
        .field = match_no_field,
    };

    return table_match(t, &q, why);
}

static void check_request(const struct run *r, unsigned h, unsigned asked)
{
    enum table_miss why;
    const struct table_route *got = ask(r->newest, h, asked, &why);
    const int *host = hosts_of[h];

    while (*host >= 0 && !has_host(&r->now, (unsigned)*host))
        host++;
    int want = *host >= 0 ? winner_of_request(&r->now, (unsigned)*host, asked) : -1;

    ASSERT((got != NULL) == (want >= 0));
    ASSERT(got != NULL || why == (*host >= 0 ? TABLE_MISS_PATH : TABLE_MISS_HOST));
    if (got == NULL)
        return;
    ASSERT(got->name[0] == 'a' + want);
    ASSERT(got->route->forward[0].pool[1] == (char)('0' + (int)r->now.routes[want].pool));
}

static void check_hosts(struct run *r)
{
    size_t there = 0;

    for (unsigned h = 0; h < HOSTS; h++)
        for (unsigned asked = 0; asked < ASKED; asked++)
            check_request(r, h, asked);
    for (unsigned i = 0; i < ROUTES; i++)
        there += r->now.routes[i].there ? 1 : 0;
    ASSERT(table_num_routes(r->newest) == there);
}

static bool lost_something(const struct model *m, unsigned route)
{
    for (unsigned h = 0; h < HOSTS; h++)
        if (m->routes[route].there && (m->routes[route].hosts >> h & 1) != 0 &&
            winner(m, h, m->routes[route].place) != (int)route)
            return true;
    return false;
}

static void check_refusals(const struct run *r, const struct table_commit *c)
{
    bool told[ROUTES] = {false};

    for (size_t i = 0; i < c->num_refusals; i++) {
        unsigned route = (unsigned)(c->refusals[i].name[0] - 'a');

        if (strcmp(c->refusals[i].why.code, "Conflicted") != 0)
            continue;
        ASSERT(route < ROUTES && lost_something(&r->now, route));
        told[route] = true;
    }
    for (unsigned i = 0; i < ROUTES; i++)
        ASSERT(told[i] || !lost_something(&r->now, i) ||
               (!r->snapshot && !r->now.routes[i].changed));
}

static void check_endpoint(struct run *r, unsigned pool, const struct table_endpoint *e,
                           uint32_t *ids, bool *used)
{
    unsigned address = (unsigned)(e->text[7] - '0');

    ASSERT(address < ADDRESSES && strcmp(e->text + 8, ":80") == 0);
    ASSERT(e->id < IDS_MAX && !used[e->id] && !r->retired[e->id]);
    used[e->id] = true;
    ASSERT(e->addr_len == sizeof(e->addr.v4));
    ASSERT(ntohl(e->addr.v4.sin_addr.s_addr) == 0x0a000000U + address);
    unsigned bits =
        e->state == ENDPOINT_LIVE ? r->now.pools[pool].live : r->now.pools[pool].draining;

    ASSERT((bits >> address & 1) != 0);
    ASSERT(r->ids[pool][address] == IDS_MAX || r->ids[pool][address] == e->id);
    ids[address] = e->id;
}

static void check_pool(struct run *r, unsigned i, bool *used)
{
    const struct model_pool *want = &r->now.pools[i];
    char name[8];
    uint32_t ids[ADDRESSES];

    snprintf(name, sizeof(name), "p%u", i);
    for (unsigned a = 0; a < ADDRESSES; a++)
        ids[a] = IDS_MAX;
    const struct table_pool *got = table_pool(r->newest, str_from(name));

    ASSERT((got != NULL) == want->declared);
    if (got != NULL) {
        ASSERT(got->num_live == (uint32_t)__builtin_popcount(want->live));
        ASSERT(got->num_endpoints == got->num_live + (uint32_t)__builtin_popcount(want->draining));
        for (unsigned n = 0; n < got->num_endpoints; n++) {
            ASSERT((n < got->num_live) == (got->all[n].state == ENDPOINT_LIVE));
            check_endpoint(r, i, &got->all[n], ids, used);
        }
    }
    for (unsigned a = 0; a < ADDRESSES; a++)
        if (r->ids[i][a] != IDS_MAX && ids[a] == IDS_MAX)
            r->retired[r->ids[i][a]] = true;
    memcpy(r->ids[i], ids, sizeof(ids));
}

static bool pool_changed(const struct run *r, unsigned i)
{
    const struct model_pool *a = &r->before.pools[i];
    const struct model_pool *b = &r->now.pools[i];

    if (a->declared != b->declared || !b->declared)
        return a->declared != b->declared;
    return a->live != b->live || a->draining != b->draining;
}

static void check_changes(const struct run *r, const struct table_commit *c)
{
    size_t want = 0;

    for (unsigned i = 0; i < POOLS; i++)
        want += pool_changed(r, i) ? 1 : 0;
    ASSERT(c->num_changes == want);
    for (size_t i = 0; i < c->num_changes; i++) {
        const struct table_pool *p =
            c->changes[i].after != NULL ? c->changes[i].after : c->changes[i].before;

        ASSERT(pool_changed(r, (unsigned)(p->name[1] - '0')));
        ASSERT(table_pool(r->newest, str_from(p->name)) == c->changes[i].after);
    }
}

static const char *pool_asked(const struct table *t, unsigned host, unsigned asked)
{
    enum table_miss why;
    const struct table_route *got = ask(t, host, asked, &why);

    return got != NULL ? got->route->forward[0].pool : NULL;
}

static void check_old(struct run *r, bool replace)
{
    for (unsigned h = 0; r->old != NULL && h < HOSTS; h++)
        for (unsigned asked = 0; asked < ASKED; asked++)
            ASSERT(pool_asked(r->old, h, asked) == r->old_match[h][asked]);
    if (!replace)
        return;
    table_unref(&r->old);
    r->old = r->newest;
    table_ref(r->old);
    for (unsigned h = 0; h < HOSTS; h++)
        for (unsigned asked = 0; asked < ASKED; asked++)
            r->old_match[h][asked] = pool_asked(r->old, h, asked);
}

static void commit(struct run *r)
{
    bool used[IDS_MAX] = {false};
    struct table_commit c;
    struct buf b;

    buf_init(&b, 4096);
    ASSERT(buf_add_str(&b, STR("{\"commit\":{\"revision\":5}}")));
    feed(r, &b);
    apply_all(r);
    ASSERT(table_builder_take(r->builder, &c));
    table_unref(&r->newest);
    r->newest = c.table;
    check_hosts(r);
    check_refusals(r, &c);
    for (unsigned i = 0; i < POOLS; i++)
        check_pool(r, i, used);
    check_changes(r, &c);
    check_old(r, (next(r) & 3) == 0);
    r->snapshot = false;
}

static void release(struct run *r)
{
    for (uint32_t id = 0; id < IDS_MAX; id++) {
        if (!r->retired[id])
            continue;
        r->retired[id] = false;
        table_release_id(r->builder, id);
        return;
    }
}

static void one_step(struct run *r)
{
    unsigned what = next(r) % 16;

    if (r->num_ops == OPS_MAX || what >= 13)
        commit(r);
    else if (what < 4)
        set_route(r);
    else if (what < 6)
        simple_frame(r, "\"route\"", 'R', next(r) % ROUTES);
    else if (what == 6)
        simple_frame(r, "\"pool\"", 'p', next(r) % POOLS);
    else if (what == 7)
        simple_frame(r, "\"pool\"", 'P', next(r) % POOLS);
    else if (what < 10)
        set_endpoints(r);
    else if (what == 10)
        simple_frame(r, "\"endpoints\"", 'E', next(r) % POOLS);
    else if (what == 11)
        hello(r, (next(r) & 1) != 0);
    else
        release(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run r;

    if (size > 1024)
        return 0;
    memset(&r, 0, sizeof(r));
    r.data = data;
    r.left = size;
    r.builder = table_builder_new();
    for (unsigned p = 0; p < POOLS; p++)
        for (unsigned a = 0; a < ADDRESSES; a++)
            r.ids[p][a] = IDS_MAX;
    while (r.left != 0)
        one_step(&r);
    if (r.newest != NULL)
        check_old(&r, false);
    table_unref(&r.old);
    table_unref(&r.newest);
    table_builder_free(r.builder);
    return 0;
}
