/*
 * Pools by name. An entry keeps the endpoints that were last sent (`content`), what was last said
 * of the pool itself (`spec`), and what the newest version shows of both (`visible`: nothing while
 * the pool itself is missing). They are shared
 * with versions and never change once they have been visible. Endpoints keep their ids by address
 * and port; everything is settled once a commit, so that what comes and goes inside one commit
 * costs no id and no change.
 */
#include "gateway/table/pools.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"

enum { LINEAR_MAX = 8 }; /* up to so many endpoints are compared one by one */

struct pools_entry {
    struct table_pool *content; /* NULL: no endpoints object */
    struct table_pool *visible; /* NULL: not in the newest version */
    struct version_spec *spec;  /* NULL: never declared */
    struct table_gauge *gauge;  /* NULL: it never had limits */
    uint64_t print;             /* fingerprint of the endpoints' value */
    uint32_t pool_seen;         /* last round that named the pool */
    uint32_t endpoints_seen;
    bool declared;
    bool touched;
    struct pools_entry *next_touched;
    char name[];
};

static struct str entry_key(const void *value)
{
    const struct pools_entry *e = value;

    return str_from(e->name);
}

static void entry_ref(const void *value)
{
    (void)value; /* the one trie by name owns its entries */
}

static void entry_unref(const void *value)
{
    struct pools_entry *e = (struct pools_entry *)(uintptr_t)value;

    version_pool_unref(e->content);
    version_pool_unref(e->visible);
    version_spec_unref(e->spec);
    table_gauge_unref(&e->gauge);
    free(e);
}

static const struct trie_type entries_type = {entry_key, map_hash, entry_ref, entry_unref};

static struct pools_entry *find_entry(const struct pools *p, struct str name)
{
    return (struct pools_entry *)(uintptr_t)trie_get(&p->by_name, name);
}

void pools_init(struct pools *p)
{
    *p = (struct pools){0};
    trie_init(&p->by_name, &entries_type);
    trie_init(&p->trie, &version_pools_type);
    ids_init(&p->ids);
}

void pools_free(struct pools *p)
{
    pools_clear_changes(p);
    trie_free(&p->trie);
    trie_free(&p->by_name);
    ids_free(&p->ids);
    for (size_t i = 0; i < POOLS_SPECS; i++)
        version_spec_unref(p->specs[i]);
}

/* ---- endpoints ---- */

/* "address:port" or "[address]:port". By hand: snprintf is a tenth of what a large table costs. */
static void write_text(char out[TABLE_ENDPOINT_TEXT], const struct route_endpoint *from, bool v6)
{
    char digits[5];
    size_t num_digits = 0;
    size_t n = strlen(from->address);

    ASSERT(n + sizeof("[]:65535") <= TABLE_ENDPOINT_TEXT);
    if (v6)
        *out++ = '[';
    memcpy(out, from->address, n);
    out += n;
    if (v6)
        *out++ = ']';
    *out++ = ':';
    for (unsigned left = from->port; left != 0; left /= 10)
        digits[num_digits++] = (char)('0' + left % 10);
    while (num_digits > 0)
        *out++ = digits[--num_digits];
    *out = '\0';
}

static void fill_endpoint(struct table_endpoint *to, const struct route_endpoint *from)
{
    bool v6 = strchr(from->address, ':') != NULL;

    to->id = IDS_NONE;
    to->weight = from->weight;
    to->state = from->state;
    to->node = table_node(str_from(from->node));
    int ok;

    if (v6) {
        to->addr.v6.sin6_family = AF_INET6;
        to->addr.v6.sin6_port = htons(from->port);
        to->addr_len = sizeof(to->addr.v6);
        ok = inet_pton(AF_INET6, from->address, &to->addr.v6.sin6_addr);
    } else {
        to->addr.v4.sin_family = AF_INET;
        to->addr.v4.sin_port = htons(from->port);
        to->addr_len = sizeof(to->addr.v4);
        ok = inet_pton(AF_INET, from->address, &to->addr.v4.sin_addr);
    }
    ASSERT(ok == 1); /* objects_endpoints has judged it */
    write_text(to->text, from, v6);
}

struct table_pool *pools_draft(const char *name, const struct route_endpoints *endpoints)
{
    struct table_pool *draft = version_pool_new(name, endpoints->num);
    size_t at = 0;

    for (size_t i = 0; i < endpoints->num; i++)
        if (endpoints->all[i].state == ENDPOINT_LIVE)
            fill_endpoint(&draft->all[at++], &endpoints->all[i]);
    draft->num_live = (uint32_t)at;
    for (size_t i = 0; i < endpoints->num; i++)
        if (endpoints->all[i].state != ENDPOINT_LIVE)
            fill_endpoint(&draft->all[at++], &endpoints->all[i]);
    return draft;
}

static bool same_endpoints(const struct table_pool *a, const struct table_pool *b)
{
    if (a->num_endpoints != b->num_endpoints || a->num_live != b->num_live)
        return false;
    for (size_t i = 0; i < a->num_endpoints; i++)
        if (a->all[i].weight != b->all[i].weight || a->all[i].node != b->all[i].node ||
            strcmp(a->all[i].text, b->all[i].text) != 0)
            return false;
    return true;
}

static int by_text(const void *a, const void *b)
{
    const struct table_endpoint *const *x = a;
    const struct table_endpoint *const *y = b;

    return strcmp((*x)->text, (*y)->text);
}

/* The endpoints of `before` by text, for pools too large to be searched one by one. */
static const struct table_endpoint **sort_endpoints(const struct table_pool *before)
{
    const struct table_endpoint **sorted =
        xcalloc(before->num_endpoints, sizeof(const struct table_endpoint *));

    for (size_t i = 0; i < before->num_endpoints; i++)
        sorted[i] = &before->all[i];
    qsort(sorted, before->num_endpoints, sizeof(const struct table_endpoint *), by_text);
    return sorted;
}

static const struct table_endpoint *find_endpoint(const struct table_pool *before,
                                                  const struct table_endpoint **sorted,
                                                  const struct table_endpoint *wanted)
{
    if (sorted != NULL) {
        const struct table_endpoint **at = bsearch(&wanted, sorted, before->num_endpoints,
                                                   sizeof(const struct table_endpoint *), by_text);

        return at != NULL ? *at : NULL;
    }
    for (size_t i = 0; before != NULL && i < before->num_endpoints; i++)
        if (strcmp(before->all[i].text, wanted->text) == 0)
            return &before->all[i];
    return NULL;
}

static void assign_ids(struct ids *ids, struct table_pool *pool, const struct table_pool *before,
                       uint32_t round)
{
    const struct table_endpoint **sorted = NULL;

    if (before != NULL && before->num_endpoints > LINEAR_MAX)
        sorted = sort_endpoints(before);
    for (size_t i = 0; i < pool->num_endpoints; i++) {
        const struct table_endpoint *old = find_endpoint(before, sorted, &pool->all[i]);

        if (old != NULL)
            ids_keep(ids, old->id, round);
        pool->all[i].id = old != NULL ? old->id : ids_new(ids, round);
    }
    free(sorted);
}

/* ---- entries ---- */

static struct pools_entry *get_entry(struct pools *p, struct str name)
{
    struct pools_entry *e;

    if (p->last != NULL && str_eq(str_from(p->last->name), name))
        return p->last;
    e = p->last = find_entry(p, name);
    if (e != NULL)
        return e;
    e = p->last = xcalloc(1, sizeof(*e) + name.n + 1);
    memcpy(e->name, name.p, name.n);
    trie_put(&p->by_name, e);
    return e;
}

static void touch(struct pools *p, struct pools_entry *e)
{
    if (e->touched)
        return;
    e->touched = true;
    e->next_touched = p->touched;
    p->touched = e;
}

/* The one that says the same and is remembered, else this one, which is remembered from now on. */
static struct version_spec *share_spec(struct pools *p, struct version_spec *spec)
{
    struct version_spec **slot = &p->specs[spec->print % POOLS_SPECS];

    if (*slot == NULL || (*slot)->print != spec->print) {
        version_spec_unref(*slot);
        *slot = version_spec_ref(spec);
    }
    return *slot;
}

struct version_spec *pools_known_spec(const struct pools *p, uint64_t print)
{
    struct version_spec *s = p->specs[print % POOLS_SPECS];

    return s != NULL && s->print == print ? version_spec_ref(s) : NULL;
}

static void set_spec(struct pools *p, struct pools_entry *e, struct version_spec *spec)
{
    struct version_spec *old = e->spec;

    e->spec = version_spec_ref(share_spec(p, spec));
    version_spec_unref(old);
    if (e->gauge == NULL && e->spec->pool->limits != NULL)
        e->gauge = table_gauge_new();
}

void pools_declare(struct pools *p, struct str name, struct version_spec *spec, uint32_t round)
{
    struct pools_entry *e = get_entry(p, name);
    bool same = e->spec != NULL && e->spec->print == spec->print;

    e->pool_seen = round;
    if (!same)
        set_spec(p, e, spec);
    if (!same || !e->declared)
        touch(p, e);
    e->declared = true;
}

void pools_set_endpoints(struct pools *p, struct table_pool *draft, uint64_t print, uint32_t round)
{
    struct pools_entry *e = get_entry(p, str_from(draft->name));

    e->endpoints_seen = round;
    if (e->content != NULL && e->print == print)
        return;
    version_pool_ref(draft);
    version_pool_unref(e->content);
    e->content = draft;
    e->print = print;
    touch(p, e);
}

void pools_keep(struct pools *p, struct str name, bool endpoints, uint32_t round)
{
    struct pools_entry *e = find_entry(p, name);

    if (e == NULL)
        return;
    if (endpoints)
        e->endpoints_seen = round;
    else
        e->pool_seen = round;
}

static void delete_half(struct pools *p, struct pools_entry *e, bool endpoints)
{
    if (endpoints) {
        version_pool_unref(e->content);
        e->content = NULL;
    } else {
        e->declared = false;
    }
    touch(p, e);
}

void pools_delete(struct pools *p, struct str name, bool endpoints)
{
    struct pools_entry *e = find_entry(p, name);

    if (e != NULL)
        delete_half(p, e, endpoints);
}

struct sweep {
    struct pools *pools;
    uint32_t round;
};

static void sweep_entry(void *arg, const void *value)
{
    struct pools_entry *e = (struct pools_entry *)(uintptr_t)value;
    const struct sweep *s = arg;

    if (e->pool_seen != s->round && e->declared)
        delete_half(s->pools, e, false);
    if (e->endpoints_seen != s->round && e->content != NULL)
        delete_half(s->pools, e, true);
}

void pools_sweep(struct pools *p, uint32_t round)
{
    struct sweep s = {p, round};

    trie_each(&p->by_name, sweep_entry, &s);
}

/* ---- the end of a commit ---- */

static bool shows_the_same(const struct table_pool *before, const struct pools_entry *e)
{
    if (before == NULL || before->owner != e->spec)
        return false;
    return e->content != NULL ? same_endpoints(before, e->content) : before->num_endpoints == 0;
}

/* A pool that nobody has seen yet: its ids and its spec can still be set. */
static struct table_pool *unseen(const struct pools_entry *e)
{
    const struct table_pool *content = e->content;

    if (content != NULL && content->owner == NULL) {
        version_pool_ref(content);
        return e->content;
    }
    /* The content was visible once; its ids may be retired, and versions may still show it. */
    struct table_pool *next =
        version_pool_new(e->name, content != NULL ? content->num_endpoints : 0);

    if (content == NULL)
        return next;
    next->num_live = content->num_live;
    memcpy(next->all, content->all, content->num_endpoints * sizeof(next->all[0]));
    return next;
}

/* What the next version shows of a declared pool; a new reference. */
static struct table_pool *settle(struct pools *p, struct pools_entry *e, uint32_t round)
{
    struct table_pool *next = e->visible;

    if (shows_the_same(e->visible, e)) {
        version_pool_ref(next);
    } else {
        next = unseen(e);
        version_pool_set_spec(next, e->spec, e->spec->pool->limits != NULL ? e->gauge : NULL);
        assign_ids(&p->ids, next, e->visible, round);
    }
    if (e->content != NULL) {
        version_pool_unref(e->content);
        version_pool_ref(next);
        e->content = next;
    }
    return next;
}

static void grow_delta(struct pools *p)
{
    struct table_delta *d = p->delta;

    if (d != NULL && d->num < p->cap_changes)
        return;
    p->cap_changes = d != NULL ? p->cap_changes * 2 : 8;
    p->delta = xrealloc(d, sizeof(*d) + p->cap_changes * sizeof(d->all[0]));
    if (d == NULL) {
        atomic_init(&p->delta->refs, 1);
        p->delta->num = 0;
    }
}

static void add_change(struct pools *p, const struct table_pool *before,
                       const struct table_pool *after)
{
    grow_delta(p);
    if (before != NULL)
        version_pool_ref(before);
    if (after != NULL)
        version_pool_ref(after);
    p->delta->all[p->delta->num++] = (struct table_change){before, after};
}

static void finish_entry(struct pools *p, struct pools_entry *e, uint32_t round)
{
    struct table_pool *before = e->visible;

    e->visible = e->declared ? settle(p, e, round) : NULL;
    if (e->visible == before) {
        version_pool_unref(before);
        return;
    }
    if (e->visible != NULL)
        trie_put(&p->trie, e->visible);
    else
        (void)trie_remove(&p->trie, str_from(e->name)); /* there: it was visible */
    for (size_t i = 0; before != NULL && i < before->num_endpoints; i++)
        ids_retire_old(&p->ids, before->all[i].id, round);
    add_change(p, before, e->visible);
    version_pool_unref(before);
}

void pools_finish(struct pools *p, uint32_t round)
{
    struct pools_entry *e = p->touched;

    grow_delta(p); /* also for no change */
    p->last = NULL;
    p->touched = NULL;
    while (e != NULL) {
        struct pools_entry *next = e->next_touched;

        e->touched = false;
        finish_entry(p, e, round);
        if (!e->declared && e->content == NULL)
            (void)trie_remove(&p->by_name, str_from(e->name)); /* frees it */
        e = next;
    }
}

void pools_clear_changes(struct pools *p)
{
    table_delta_unref(&p->delta);
}
