/*
 * What the services of one cluster have in common: names and hosts. Units come oldest first, so
 * that who is older wins, whatever the order of a list.
 *
 * A host that one service has is in that service's route; one that several have gets a route of
 * its own, "host:<host>", that forwards to all their pools in proportion to their running tasks
 * (which is how a canary is made, interlock scenarios 25 and 26).
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/compile_priv.h"
#include "gateway/core/check.h"

/* A host and the services that want it, oldest first. */
struct group {
    char *host;          /* borrowed from the first service */
    struct unit **units; /* at most ROUTE_FORWARD_MAX */
    size_t num_units;
};

struct settle {
    struct compile_cluster *out;
    size_t cap_objects;
    struct map names; /* name of a service -> its unit */
    struct map hosts; /* host -> group */
};

static void add_object(struct settle *s, enum route_kind kind, char *name, char *value)
{
    struct compile_cluster *c = s->out;

    if (c->num_objects == s->cap_objects) {
        s->cap_objects = s->cap_objects > 0 ? s->cap_objects * 2 : 64;
        c->objects = xrealloc(c->objects, s->cap_objects * sizeof(*c->objects));
    }
    c->objects[c->num_objects++] = (struct compile_object){kind, name, value};
}

static void say_crowded(struct unit *u, const struct group *g)
{
    if (u->num_crowded++ >= COMPILE_SHARED_NOTES_MAX)
        return; /* the same trouble with other names */
    cond_add(u->out, COMPILE_CONFLICTED, true,
             (struct cond_about){"TooManyServices", LABELS_HOSTS, g->host},
             "A host can be shared by %d services; this one has older ones (%.64s first) and sends "
             "nothing to this service.",
             ROUTE_FORWARD_MAX, g->units[0]->service->name);
}

static void join_host(struct settle *s, struct unit *u, char *host)
{
    struct group *g = map_get(&s->hosts, str_from(host));

    if (g == NULL) {
        g = xcalloc(1, sizeof(*g));
        g->host = host;
        map_put(&s->hosts, str_from(host), g);
    }
    if (g->num_units == ROUTE_FORWARD_MAX) {
        say_crowded(u, g);
        return;
    }
    g->units = xrealloc(g->units, (g->num_units + 1) * sizeof(struct unit *));
    g->units[g->num_units++] = u;
}

static void join(struct settle *s, struct unit *u)
{
    struct str name = str_from(u->service->name);

    if (map_get(&s->names, name) != NULL) {
        unit_refuse(u, COMPILE_CONFLICTED,
                    (struct cond_about){"DuplicateName", "", u->service->name},
                    "An older service has the same name.");
        u->out->num_endpoints = 0;
        return;
    }
    map_put(&s->names, name, u);
    for (size_t i = 0; i < u->out->num_hosts; i++)
        join_host(s, u, u->out->hosts[i]);
}

static void say_shared(struct unit *u, const struct group *g)
{
    const struct unit *other = g->units[0] == u ? g->units[1] : g->units[0];

    if (g->num_units == 2)
        cond_add(u->out, COMPILE_CONFLICTED, false,
                 (struct cond_about){"SharedHost", LABELS_HOSTS, g->host},
                 "Host %s is shared with service %.64s; each gets requests in proportion to its "
                 "running tasks.",
                 g->host, other->service->name);
    else
        cond_add(u->out, COMPILE_CONFLICTED, false,
                 (struct cond_about){"SharedHost", LABELS_HOSTS, g->host},
                 "Host %s is shared with service %.64s and %zu more; each gets requests in "
                 "proportion to its running tasks.",
                 g->host, other->service->name, g->num_units - 2);
}

static bool has_unit(const struct group *g, const struct unit *u)
{
    for (size_t i = 0; i < g->num_units; i++)
        if (g->units[i] == u)
            return true;
    return false;
}

/* The unit's own hosts, borrowed, in *out_own; says which ones it shares. */
static size_t sort_hosts(const struct settle *s, struct unit *u, char **out_own)
{
    size_t num_own = 0;
    size_t num_shared = 0;

    for (size_t i = 0; i < u->out->num_hosts; i++) {
        const struct group *g = map_get(&s->hosts, str_from(u->out->hosts[i]));

        if (!has_unit(g, u))
            continue; /* say_crowded said why */
        if (g->num_units == 1)
            out_own[num_own++] = u->out->hosts[i];
        else if (num_shared++ < COMPILE_SHARED_NOTES_MAX)
            say_shared(u, g);
    }
    if (num_shared == 0 && u->num_crowded == 0)
        cond_add(u->out, COMPILE_CONFLICTED, false, (struct cond_about){"NoConflict", "", NULL},
                 "No other service has these hosts.");
    return num_own;
}

static void write_unit(struct settle *s, struct unit *u)
{
    const char *name = u->service->name;
    char **own = xcalloc(u->out->num_hosts + 1, sizeof(*own));
    size_t num_own = sort_hosts(s, u, own);
    struct value_forward forward = {name, 1};

    if (num_own > 0)
        add_object(s, ROUTE_KIND_ROUTE, xstrdup(name), value_route(own, num_own, &forward, 1));
    add_object(s, ROUTE_KIND_POOL, xstrdup(name), value_pool());
    add_object(s, ROUTE_KIND_ENDPOINTS, xstrdup(name), value_endpoints(u));
    free(own);
}

static void write_group(struct settle *s, const struct group *g)
{
    struct value_forward forward[ROUTE_FORWARD_MAX];
    size_t total = 0;

    if (g->num_units < 2)
        return; /* in its service's own route */
    for (size_t i = 0; i < g->num_units; i++)
        total += g->units[i]->num_endpoints;
    for (size_t i = 0; i < g->num_units; i++)
        forward[i] = (struct value_forward){g->units[i]->service->name,
                                            total > 0 ? g->units[i]->num_endpoints : 1};
    add_object(s, ROUTE_KIND_ROUTE, xasprintf("host:%s", g->host),
               value_route(&g->host, 1, forward, g->num_units));
}

static int compare_objects(const void *a, const void *b)
{
    const struct compile_object *x = a;
    const struct compile_object *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void free_group(void *p)
{
    struct group *g = p;

    free(g->units);
    free(g);
}

static void finish(struct settle *s)
{
    size_t pos = 0;
    struct str host;
    void *g;

    while (map_next(&s->hosts, &pos, &host, &g))
        write_group(s, g);
    if (s->out->num_objects > 0)
        qsort(s->out->objects, s->out->num_objects, sizeof(*s->out->objects), compare_objects);
    map_free(&s->hosts, free_group);
    map_free(&s->names, NULL);
}

void settle_units(struct compile_result *result, struct unit **units, size_t num_units)
{
    struct settle *all = xcalloc(result->num_clusters + 1, sizeof(*all));

    for (size_t i = 0; i < result->num_clusters; i++)
        all[i].out = &result->clusters[i]; /* maps of zeros are empty maps */
    for (size_t i = 0; i < num_units; i++)
        if (!units[i]->refused)
            join(&all[units[i]->cluster], units[i]);
    for (size_t i = 0; i < num_units; i++)
        if (!units[i]->refused)
            write_unit(&all[units[i]->cluster], units[i]);
    for (size_t i = 0; i < result->num_clusters; i++)
        finish(&all[i]);
    free(all);
}
