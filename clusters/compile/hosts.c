/*
 * Who has each host. Everything that asks for a host is in its list, oldest first; the holder
 * follows from the list, from the lists of the wildcards above it and from the claims, and from
 * nothing else. Then, among what the holder asks for in one cluster: of several with the same match
 * the oldest serves; services that share a host share it as one.
 *
 * Hosts know the nearest wildcard above them that anybody asks for, and wildcards what is below
 * them, so that a wildcard that comes, goes or changes hands is judged with the hosts that it
 * concerns, not with all.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

bool host_above(const char **at, char *out)
{
    if (*at == NULL || (*at)[0] == '\0')
        return false;
    if ((*at)[0] == '*' && (*at)[1] == '.')
        *at += 2; /* a wildcard is not above itself */
    *at = strchr(*at, '.');
    if (*at == NULL)
        return false;
    (*at)++;
    out[0] = '*';
    out[1] = '.';
    memcpy(out + 2, *at, strlen(*at) + 1);
    return true;
}

static bool is_wild(const struct host *h)
{
    return h->name[0] == '*' && h->name[1] == '.';
}

static void queue(struct plan *p, struct host *h)
{
    if (!h->queued)
        queue_add(&p->hosts_queue, h);
    h->queued = true;
}

static void queue_below(struct plan *p, const struct host *wild)
{
    for (struct host *h = wild->below; h != NULL; h = h->next)
        queue(p, h);
}

void hosts_queue_all(struct plan *p)
{
    size_t pos = 0;
    struct str key;
    void *h;

    while (map_next(&p->hosts, &pos, &key, &h))
        queue(p, h);
}

static bool is_under(const struct host *h, const struct map *claims)
{
    const char *at = h->name;
    char above[HOST_ABOVE_MAX];

    if (map_get(claims, str_from(h->name)) != NULL || map_get(claims, STR("*")) != NULL)
        return true;
    while (host_above(&at, above))
        if (map_get(claims, str_from(above)) != NULL)
            return true;
    return false;
}

void hosts_queue_under(struct plan *p, const struct map *claims)
{
    size_t pos = 0;
    struct str key;
    void *h;

    while (claims->len > 0 && map_next(&p->hosts, &pos, &key, &h))
        if (is_under(h, claims))
            queue(p, h);
}

/* ---- the tree of hosts ---- */

static void unlink_host(struct host *h)
{
    *h->link = h->next;
    if (h->next != NULL)
        h->next->link = h->link;
}

static void link_host(struct plan *p, struct host *h, struct host *up)
{
    struct host **list = up != NULL ? &up->below : &p->roots;

    h->up = up;
    h->next = *list;
    h->link = list;
    if (h->next != NULL)
        h->next->link = &h->next;
    *list = h;
}

struct host *host_nearest_wild(const struct plan *p, const char *name)
{
    const char *at = name;
    char above[HOST_ABOVE_MAX];
    struct host *found = NULL;

    while (found == NULL && host_above(&at, above))
        found = map_get(&p->hosts, str_from(above));
    return found;
}

/* A wildcard that comes takes what it is above of from the next one above, or from the roots. */
static void take_below(struct plan *p, struct host *wild)
{
    const char *suffix = wild->name + 1; /* with its dot */
    size_t len = strlen(suffix);
    struct host *next;

    for (struct host *h = wild->up != NULL ? wild->up->below : p->roots; h != NULL; h = next) {
        size_t n = strlen(h->name);

        next = h->next;
        if (h == wild || n <= len || memcmp(h->name + n - len, suffix, len) != 0)
            continue;
        unlink_host(h);
        link_host(p, h, wild);
        queue(p, h);
    }
}

static struct host *host_get(struct plan *p, const char *name)
{
    struct host *h = map_get(&p->hosts, str_from(name));

    if (h != NULL)
        return h;
    h = xcalloc(1, sizeof(*h));
    h->name = xstrdup(name);
    link_host(p, h, host_nearest_wild(p, name));
    map_put(&p->hosts, str_from(name), h);
    if (is_wild(h))
        take_below(p, h);
    return h;
}

void hosts_sweep(struct plan *p)
{
    for (size_t i = 0; i < p->hosts_empty.num; i++) {
        struct host *h = p->hosts_empty.all[i];

        while (h->below != NULL) {
            struct host *below = h->below;

            unlink_host(below);
            link_host(p, below, h->up);
        }
        unlink_host(h);
        (void)map_remove(&p->hosts, str_from(h->name));
        host_free(h);
    }
    p->hosts_empty.num = 0;
}

static void clear_groups(struct host *h)
{
    for (size_t i = 0; i < h->num_groups; i++)
        free(h->groups[i].members);
    free(h->groups);
    h->groups = NULL;
    h->num_groups = 0;
}

void host_free(void *host)
{
    struct host *h = host;

    clear_groups(h);
    queue_free(&h->shared_in);
    queue_free(&h->serves);
    free(h->asks);
    free(h->name);
    free(h);
}

const struct host *host_over(const struct plan *p, const char *host)
{
    const struct host *h = map_get(&p->hosts, str_from(host));

    return h != NULL ? h : host_nearest_wild(p, host);
}

/* ---- asking ---- */

/* The first of the host's asks that is not older than this age. */
static size_t place_of(const struct host *h, const struct age *age)
{
    size_t low = 0;
    size_t high = h->num_asks;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (age_order(&h->asks[mid]->thing->age, age) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void add_ask(struct plan *p, struct ask *a)
{
    struct host *h = a->host;
    size_t at = place_of(h, &a->thing->age);

    if (h->num_asks == h->cap_asks) {
        h->cap_asks = h->cap_asks > 0 ? h->cap_asks * 2 : 1;
        h->asks = xrealloc(h->asks, h->cap_asks * sizeof(struct ask *));
    }
    memmove(&h->asks[at + 1], &h->asks[at], (h->num_asks - at) * sizeof(struct ask *));
    h->asks[at] = a;
    h->num_asks++;
    queue(p, h);
}

static void remove_ask(struct plan *p, struct ask *a)
{
    struct host *h = a->host;
    size_t at = place_of(h, &a->thing->age);

    ASSERT(at < h->num_asks && h->asks[at] == a);
    memmove(&h->asks[at], &h->asks[at + 1], (h->num_asks - at - 1) * sizeof(struct ask *));
    h->num_asks--;
    clear_groups(h); /* they point at asks */
    queue(p, h);
}

void thing_unask(struct plan *p, struct thing *t)
{
    for (size_t i = 0; i < t->num_asks; i++)
        remove_ask(p, &t->asks[i]);
    free(t->asks);
    t->asks = NULL;
    t->num_asks = 0;
}

static bool asks_the_same(const struct thing *t, size_t num)
{
    if (t->num_asks != num)
        return false;
    for (size_t i = 0; i < num; i++)
        if (strcmp(t->asks[i].host->name, t->hosts[i]) != 0)
            return false;
    return true;
}

void thing_ask(struct plan *p, struct thing *t)
{
    size_t num = thing_counts(t) ? t->num_hosts : 0;

    if (asks_the_same(t, num)) {
        for (size_t i = 0; i < num; i++)
            queue(p, t->asks[i].host); /* its tenant, cluster or match may be another */
        return;
    }
    thing_unask(p, t);
    t->asks = xcalloc(num + 1, sizeof(*t->asks));
    t->num_asks = num;
    for (size_t i = 0; i < num; i++) {
        t->asks[i] = (struct ask){t, host_get(p, t->hosts[i]), ASK_NEW};
        add_ask(p, &t->asks[i]);
    }
}

/* ---- judging ---- */

/* Of those of the holder with one match in one cluster. */
struct contender {
    struct ask *first;
    struct group services;
};

static const struct tenant *find_holder(const struct plan *p, const struct host *host)
{
    const struct thing *best = NULL;

    if (p->enforced)
        return claims_holder(p, host->name);
    for (const struct host *h = host; h != NULL; h = h->up)
        if (h->num_asks > 0 && (best == NULL || age_order(&h->asks[0]->thing->age, &best->age) < 0))
            best = h->asks[0]->thing;
    return best != NULL ? best->tenant : NULL;
}

static void set_state(struct plan *p, struct ask *a, enum ask_state state)
{
    if (a->state != state)
        thing_queue(p, a->thing, THING_EMIT);
    a->state = state;
}

static struct contender *contender_of(struct map *contenders, const struct ask *a)
{
    const char *table = a->thing->table->name;
    char *key = xasprintf("%zu %s%s", strlen(table), table, a->thing->match);
    struct contender *c = map_get(contenders, str_from(key));

    if (c == NULL) {
        c = xcalloc(1, sizeof(*c));
        map_put(contenders, str_from(key), c);
    }
    free(key);
    return c;
}

static void contend(struct plan *p, struct map *contenders, struct ask *a)
{
    struct contender *c = contender_of(contenders, a);
    struct group *g = &c->services;

    if (c->first == NULL)
        c->first = a;
    else if (!c->first->thing->is_service || !a->thing->is_service) {
        set_state(p, a, ASK_BEATEN);
        return;
    }
    if (!a->thing->is_service) {
        set_state(p, a, ASK_OWN);
    } else if (g->num == ROUTE_FORWARD_MAX) {
        set_state(p, a, ASK_CROWDED);
    } else {
        g->table = a->thing->table;
        g->members = xrealloc(g->members, (g->num + 1) * sizeof(struct ask *));
        g->members[g->num++] = a;
    }
}

/* Several services: a route of the host's own; one: in its own route. */
static void close_contender(struct plan *p, struct host *h, struct contender *c)
{
    struct group *g = &c->services;

    for (size_t i = 0; i < g->num; i++)
        set_state(p, g->members[i], g->num > 1 ? ASK_SHARED : ASK_OWN);
    if (g->num > 1) {
        h->groups = xrealloc(h->groups, (h->num_groups + 1) * sizeof(*h->groups));
        h->groups[h->num_groups++] = *g;
    } else {
        free(g->members);
    }
    free(c);
}

static void judge_contenders(struct plan *p, struct host *h)
{
    struct map contenders = {0};
    size_t pos = 0;
    struct str key;
    void *c;

    for (size_t i = 0; i < h->num_asks; i++)
        if (h->asks[i]->thing->tenant == h->holder)
            contend(p, &contenders, h->asks[i]);
    while (map_next(&contenders, &pos, &key, &c))
        close_contender(p, h, c);
    map_free(&contenders, NULL);
}

static void refuse(struct plan *p, struct ask *a, const struct tenant *holder)
{
    if (holder != NULL && (a->state == ASK_OWN || a->state == ASK_SHARED))
        queue_add(&p->losses, a);
    set_state(p, a, holder != NULL ? ASK_TAKEN : ASK_UNCLAIMED);
}

static void judge(struct plan *p, struct host *h)
{
    h->holder = find_holder(p, h);
    clear_groups(h);
    for (size_t i = 0; i < h->num_asks; i++)
        if (h->asks[i]->thing->tenant != h->holder)
            refuse(p, h->asks[i], h->holder);
    if (h->num_asks == 1 && h->asks[0]->thing->tenant == h->holder)
        set_state(p, h->asks[0], ASK_OWN); /* the rule: no need for more */
    else
        judge_contenders(p, h);
    if (is_wild(h))
        queue_below(p, h);
    if (h->num_asks == 0 && !h->buried)
        queue_add(&p->hosts_empty, h);
    h->buried = h->num_asks == 0;
    guards_judged(p, h);
    host_emits(p, h);
}

void hosts_judge(struct plan *p)
{
    for (size_t i = 0; i < p->hosts_queue.num; i++) { /* it grows on the way */
        struct host *h = p->hosts_queue.all[i];

        h->queued = false;
        judge(p, h);
    }
    p->hosts_queue.num = 0;
}
