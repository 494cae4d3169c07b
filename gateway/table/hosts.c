/*
 * The tree of hosts and paths. A node that changes is taken out of its parent's trie, which leaves
 * this the only way to it unless another version holds it too (then it is copied), and put back.
 * What a request finds in a node is match.c's business, who is told of a conflict routes.c's.
 */
#include "gateway/table/hosts.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/route/path.h"
#include "gateway/table/version.h"

/* ---- nodes ---- */

static struct str node_key(const void *value)
{
    const struct hosts_node *n = value;

    return (struct str){n->name, n->name_len};
}

static void node_ref(const void *value)
{
    struct hosts_node *n = (struct hosts_node *)(uintptr_t)value;

    atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
}

/* Goes as deep as the tree: ROUTE_SEGMENTS_MAX and the host. */
static void node_unref(const void *value)
{
    struct hosts_node *n = (struct hosts_node *)(uintptr_t)value;

    if (atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1)
        return;
    line_free(&n->prefix);
    line_free(&n->exact);
    trie_free(&n->children);
    free(n);
}

static const struct trie_type node_type = {node_key, map_hash, node_ref, node_unref};

static struct hosts_node *node_new(struct str name)
{
    struct hosts_node *n = xcalloc(1, sizeof(*n) + name.n);

    atomic_init(&n->refs, 1);
    n->name_len = (uint32_t)name.n;
    memcpy(n->name, name.p, name.n);
    trie_init(&n->children, &node_type);
    return n;
}

/* The node of that name for us alone, out of its trie; a new one when there is none. */
static struct hosts_node *take_node(struct trie *level, struct str name)
{
    struct hosts_node *n = (struct hosts_node *)(uintptr_t)trie_take(level, name);

    if (n == NULL)
        return node_new(name);
    if (atomic_load_explicit(&n->refs, memory_order_acquire) == 1)
        return n;
    struct hosts_node *copy = node_new(name);

    copy->prefix = line_share(n->prefix);
    copy->exact = line_share(n->exact);
    trie_copy(&copy->children, &n->children);
    node_unref(n);
    return copy;
}

static bool is_empty(const struct hosts_node *n)
{
    return line_len(n->prefix) == 0 && line_len(n->exact) == 0 && n->children.len == 0;
}

static void put_back(struct trie *level, struct hosts_node *n)
{
    if (!is_empty(n))
        trie_put(level, n);
    node_unref(n);
}

/* ---- the whole ---- */

void hosts_init(struct hosts *h)
{
    trie_init(&h->exact, &node_type);
    trie_init(&h->wildcards, &node_type);
}

void hosts_copy(struct hosts *out, const struct hosts *h)
{
    trie_copy(&out->exact, &h->exact);
    trie_copy(&out->wildcards, &h->wildcards);
}

void hosts_free(struct hosts *h)
{
    trie_free(&h->exact);
    trie_free(&h->wildcards);
}

struct hosts_place hosts_place_of(const struct version_route *r, size_t index)
{
    const struct route *route = r->pub.route;

    ASSERT(index < route->num_hosts);
    return (struct hosts_place){
        .host = str_from(route->hosts[index]),
        .path = route->path_exact ? str_from(route->path) : route_path_prefix(route->path),
        .exact = route->path_exact,
    };
}

/* The trie that a host belongs to, and its name there. */
static bool is_wildcard(struct str host, struct str *out_name)
{
    bool wild = str_starts(host, STR("*."));

    *out_name = wild ? (struct str){host.p + 2, host.n - 2} : host;
    return wild;
}

/* ---- changing ---- */

/* One route on its way to its line or out of it. */
struct change {
    struct version_route *add; /* NULL: remove */
    const struct version_route *remove;
    bool exact;
    size_t len; /* of the line, afterwards */
};

static void change_line(struct line *l, struct change *c)
{
    if (c->add != NULL)
        line_add(l, c->add);
    else
        line_remove(l, c->remove);
    c->len = line_len(*l);
}

static void change_below(struct trie *level, struct str name, struct str path, struct change *c)
{
    struct hosts_node *n = take_node(level, name);
    struct str segment;

    if (route_path_next(&path, &segment))
        change_below(&n->children, segment, path, c);
    else
        change_line(c->exact ? &n->exact : &n->prefix, c);
    put_back(level, n);
}

static void change(struct hosts *h, const struct hosts_place *p, struct change *c)
{
    struct str name;
    struct trie *level = is_wildcard(p->host, &name) ? &h->wildcards : &h->exact;

    c->exact = p->exact;
    change_below(level, name, p->path, c);
}

size_t hosts_add(struct hosts *h, const struct hosts_place *p, struct version_route *r)
{
    struct change c = {.add = r};

    change(h, p, &c);
    return c.len;
}

void hosts_remove(struct hosts *h, const struct hosts_place *p, const struct version_route *r)
{
    struct change c = {.remove = r};

    change(h, p, &c);
}

/* ---- looking ---- */

struct line hosts_line(const struct hosts *h, const struct hosts_place *p)
{
    struct str name;
    struct str path = p->path;
    struct str segment;
    bool wild = is_wildcard(p->host, &name);
    const struct hosts_node *n = trie_get(wild ? &h->wildcards : &h->exact, name);

    while (n != NULL && route_path_next(&path, &segment))
        n = hosts_child(n, segment);
    if (n == NULL)
        return (struct line){0};
    return p->exact ? n->exact : n->prefix;
}

const struct hosts_node *hosts_find(const struct hosts *h, struct str host)
{
    const struct hosts_node *n = trie_get(&h->exact, host);
    struct str suffix = host;
    struct str label;

    while (n == NULL && h->wildcards.len != 0 && str_split(&suffix, '.', &label) &&
           suffix.p != NULL)
        n = trie_get(&h->wildcards, suffix);
    return n != NULL ? n : trie_get(&h->exact, STR("*"));
}

const struct hosts_node *hosts_child(const struct hosts_node *n, struct str segment)
{
    return n->children.len != 0 ? trie_get(&n->children, segment) : NULL;
}

/* A walk over all nodes of one host, or of all. */
struct walk {
    void (*fn)(void *arg, struct line l, struct str host);
    void *arg;
    struct str host; /* "": the nodes are hosts */
    bool wild;
};

static void walk_node(void *arg, const void *value);

static void walk_host(const struct walk *w, const struct hosts_node *n, struct str host)
{
    struct walk below = {w->fn, w->arg, host, w->wild};

    if (line_len(n->prefix) > 1)
        w->fn(w->arg, n->prefix, host);
    if (line_len(n->exact) > 1)
        w->fn(w->arg, n->exact, host);
    trie_each(&n->children, walk_node, &below);
}

static void walk_node(void *arg, const void *value)
{
    const struct hosts_node *n = value;
    const struct walk *w = arg;
    char host[ROUTE_HOST_MAX + 1] = "*.";
    size_t star = w->wild ? 2 : 0;

    if (w->host.n != 0) {
        walk_host(w, n, w->host);
        return;
    }
    ASSERT(star + n->name_len < sizeof(host));
    memcpy(host + star, n->name, n->name_len);
    walk_host(w, n, (struct str){host, star + n->name_len});
}

void hosts_each_shared(const struct hosts *h, void (*fn)(void *arg, struct line l, struct str host),
                       void *arg)
{
    struct walk w = {.fn = fn, .arg = arg};

    trie_each(&h->exact, walk_node, &w);
    w.wild = true;
    trie_each(&h->wildcards, walk_node, &w);
}

struct each_route {
    void (*fn)(void *arg, const struct table_route *r);
    void *arg;
};

static void show_line(const struct each_route *e, struct line l)
{
    size_t num = line_len(l);

    for (size_t i = 0; i < num; i++)
        e->fn(e->arg, &line_at(l, i)->pub);
}

/* As deep as the tree. */
static void show_below(void *arg, const void *value)
{
    const struct hosts_node *n = value;
    struct each_route *e = arg;

    show_line(e, n->exact);
    show_line(e, n->prefix);
    trie_each(&n->children, show_below, e);
}

void hosts_each_route(const struct hosts_node *n,
                      void (*fn)(void *arg, const struct table_route *r), void *arg)
{
    struct each_route e = {fn, arg};

    show_below(&e, n);
}
