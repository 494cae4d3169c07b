/*
 * Guards: a host that is somebody's is nobody else's, also in a cluster that does not serve it. A
 * gateway knows the routes of its own cluster only and gives a request to the most exact host that
 * it finds there; so where that would be another tenant's wildcard or "*", a route of nobody's
 * stands before it, which answers as a gateway does for a host that it does not know. It says
 * nothing of who has the host.
 *
 * A wildcard of the holder's own that is farther than another's does not count either: a gateway
 * asks the most exact host only, and whoever is asked instead of that one has to name the host.
 *
 * Places are the hosts that somebody has: asked for (open), or claimed (enforced). What a place
 * needs follows from who has it, where he serves it, and who serves what is above it; so it is
 * looked at again when one of these changed, and its guards are the same by any way to there.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

#define EVERY_HOST "*"

bool plan_is_guard(const char *object_name)
{
    return strncmp(object_name, PLAN_GUARD, strlen(PLAN_GUARD)) == 0;
}

static bool is_every(const char *host)
{
    return strcmp(host, EVERY_HOST) == 0;
}

static bool is_above_others(const struct host *h)
{
    return h->name[0] == '*';
}

static struct host *find_host(const struct plan *p, const char *name)
{
    return map_get(&p->hosts, str_from(name));
}

/* ---- what is to be looked at ---- */

void guards_judged(struct plan *p, struct host *h)
{
    if (!h->guarding)
        queue_add(&p->guard_hosts, h);
    h->guarding = true;
}

static void add_place(struct plan *p, const char *host)
{
    map_put(&p->guard_places, str_from(host), p);
}

void guards_all(struct plan *p)
{
    p->guards_changed = true;
}

void guards_places(struct plan *p, const struct map *of)
{
    size_t pos = 0;
    struct str key;
    void *value;

    while (map_next(of, &pos, &key, &value))
        map_put(&p->guard_places, key, p);
}

/* ---- where wildcards serve ---- */

static void begin_mark(struct plan *p)
{
    p->guard_mark++;
}

/* True the first time since begin_mark. */
static bool mark(const struct plan *p, struct table *t)
{
    bool first = t->guard_mark != p->guard_mark;

    t->guard_mark = p->guard_mark;
    return first;
}

static bool same_tables(const struct queue *a, const struct queue *b)
{
    return a->num == b->num &&
           (a->num == 0 || memcmp(a->all, b->all, a->num * sizeof(*a->all)) == 0);
}

static bool has_it(const struct host *h, const struct ask *a)
{
    return a->thing->tenant == h->holder;
}

/* True: others may be below it now, or above what is below it. */
static bool wildcard_moved(struct plan *p, struct host *h)
{
    struct queue now = {0};
    bool same;

    begin_mark(p);
    for (size_t i = 0; i < h->num_asks; i++)
        if (has_it(h, h->asks[i]) && mark(p, h->asks[i]->thing->table))
            queue_add(&now, h->asks[i]->thing->table);
    same = same_tables(&now, &h->serves) && (now.num == 0 || h->serves_of == h->holder);
    queue_free(&h->serves);
    h->serves = now;
    h->serves_of = h->holder;
    return !same;
}

/* In open ownership: all hosts below, which are in the tree of hosts. */
static void add_below(struct plan *p, const struct host *wild)
{
    struct queue work = {0};

    queue_add(&work, (void *)wild);
    for (size_t i = 0; i < work.num; i++) {
        const struct host *above = work.all[i];

        for (struct host *h = above->below; h != NULL; h = h->next) {
            add_place(p, h->name);
            if (h->below != NULL)
                queue_add(&work, h);
        }
    }
    queue_free(&work);
}

/* The asked wildcard next above, whether anybody asks for the host itself or not. */
static struct host *next_above(const struct plan *p, const char *name)
{
    const struct host *h = find_host(p, name);

    return h != NULL ? h->up : host_nearest_wild(p, name);
}

/* In enforced ownership: claims, which are in no tree; all are looked through, once a settle. */
static void add_claims_below(struct plan *p)
{
    size_t pos = 0;
    struct str claim;
    void *who;

    while (map_next(&p->claims, &pos, &claim, &who)) {
        const struct host *h = next_above(p, claim.p); /* keys of a map end in a NUL */

        while (h != NULL && !h->moved)
            h = h->up;
        if (h != NULL)
            map_put(&p->guard_places, claim, p);
    }
}

static void add_moved(struct plan *p, const struct queue *moved)
{
    const struct host *every = find_host(p, EVERY_HOST);

    if (every != NULL && every->moved)
        guards_places(p, p->enforced ? &p->claims : &p->hosts);
    else if (p->enforced && moved->num > 0)
        add_claims_below(p);
    for (size_t i = 0; i < moved->num; i++) {
        struct host *h = moved->all[i];

        if (!p->enforced && !is_every(h->name))
            add_below(p, h);
        h->moved = false;
    }
}

static void find_places(struct plan *p)
{
    struct queue moved = {0};

    for (size_t i = 0; i < p->guard_hosts.num; i++) {
        struct host *h = p->guard_hosts.all[i];

        h->guarding = false;
        h->moved = is_above_others(h) && wildcard_moved(p, h);
        if (h->moved)
            queue_add(&moved, h);
        add_place(p, h->name);
    }
    p->guard_hosts.num = 0;
    add_moved(p, &moved);
    queue_free(&moved);
    if (!p->guards_changed)
        return;
    p->guards_changed = false;
    guards_places(p, &p->guards);
    guards_places(p, p->enforced ? &p->claims : &p->hosts);
}

/* ---- what a place needs ---- */

static const struct tenant *holder_of(const struct plan *p, const char *place)
{
    const struct host *h = find_host(p, place);

    if (is_every(place))
        return NULL;
    if (p->enforced)
        return map_get(&p->claims, str_from(place)) != NULL ? claims_holder(p, place) : NULL;
    return h != NULL && h->num_asks > 0 ? h->holder : NULL;
}

/* Of tables that nothing nearer has decided: those where the wildcard is another's. */
static void decide(const struct plan *p, const struct host *wild, const struct tenant *holder,
                   struct queue *wanted)
{
    for (size_t i = 0; i < wild->serves.num; i++)
        if (mark(p, wild->serves.all[i]) && wild->serves_of != holder)
            queue_add(wanted, wild->serves.all[i]);
}

static void find_wanted(struct plan *p, const char *place, const struct tenant *holder,
                        struct queue *wanted)
{
    const struct host *own = find_host(p, place);
    const struct host *every = find_host(p, EVERY_HOST);

    begin_mark(p);
    for (size_t i = 0; own != NULL && i < own->num_asks; i++)
        if (has_it(own, own->asks[i]))
            (void)mark(p, own->asks[i]->thing->table);
    for (const struct host *h = next_above(p, place); h != NULL; h = h->up)
        decide(p, h, holder, wanted);
    if (every != NULL)
        decide(p, every, holder, wanted);
}

static bool is_in(const struct queue *q, const void *item)
{
    for (size_t i = 0; i < q->num; i++)
        if (q->all[i] == item)
            return true;
    return false;
}

/* Takes `wanted`. */
static void set_guards(struct plan *p, struct str place, struct queue *wanted)
{
    struct queue *has = map_get(&p->guards, place);

    for (size_t i = 0; has != NULL && i < has->num; i++)
        if (!is_in(wanted, has->all[i]))
            guard_remove(p, has->all[i], place.p);
    for (size_t i = 0; i < wanted->num; i++)
        if (has == NULL || !is_in(has, wanted->all[i]))
            guard_add(wanted->all[i], place.p);
    if (has == NULL && wanted->num > 0)
        map_put(&p->guards, place, has = xcalloc(1, sizeof(*has)));
    if (has != NULL)
        queue_free(has);
    if (wanted->num > 0)
        *has = *wanted;
    else
        free(map_remove(&p->guards, place));
}

void guards_settle(struct plan *p)
{
    struct map places;
    size_t pos = 0;
    struct str place;
    void *value;

    find_places(p);
    places = p->guard_places;
    p->guard_places = (struct map){0};
    while (map_next(&places, &pos, &place, &value)) {
        const struct tenant *holder = holder_of(p, place.p); /* keys of a map end in a NUL */
        struct queue wanted = {0};

        if (holder != NULL)
            find_wanted(p, place.p, holder, &wanted);
        set_guards(p, place, &wanted);
    }
    map_free(&places, NULL);
    pos = 0;
    while (map_next(&p->tables, &pos, &place, &value))
        guards_write(p, value);
}
