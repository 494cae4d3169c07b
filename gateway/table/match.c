/*
 * Which route takes a request: the host's node, down along the segments of the path as far as
 * routes go, then back up: the exact path first, then the longest prefix, and in each line the
 * first route whose conditions hold. On the path of each request: no allocation; a host with
 * nothing but "/" costs one hash.
 */
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/route/path.h"
#include "gateway/table/conditions.h"
#include "gateway/table/version.h"

enum {
    CACHE_LINE = 64,
    ROUTE_EXPECTED = 64 /* bytes behind a packed route: a pool, its name, the tenant's */
};

/* The nodes with prefix routes on the way of a path, the shortest first, and the exact routes. */
struct way {
    struct line exact;
    size_t num;
    const struct hosts_node *prefixes[ROUTE_SEGMENTS_MAX + 1];
};

static const struct hosts_node *child_of_segment(const struct hosts_node *n, struct str segment)
{
    char canonical[3 * ROUTE_PATH_MAX]; /* an escape has three bytes: longer ones match no route */

    if (n->children.len == 0 || segment.n > sizeof(canonical))
        return NULL;
    if (memchr(segment.p, '%', segment.n) == NULL)
        return hosts_child(n, segment);
    return hosts_child(n, (struct str){canonical, route_segment_canonical(segment, canonical)});
}

static void add_prefix(struct way *w, const struct hosts_node *n)
{
    if (line_len(n->prefix) == 0)
        return;
    ASSERT(w->num < sizeof(w->prefixes) / sizeof(w->prefixes[0]));
    w->prefixes[w->num++] = n;
}

/* n is the host's node. The path "*" has no segments and no exact routes (RFC 9110 section 7.1). */
static void go_down(const struct hosts_node *n, struct str path, struct way *w)
{
    struct str segment;

    add_prefix(w, n);
    if (!str_starts(path, STR("/")))
        return;
    while (route_path_next(&path, &segment)) {
        n = child_of_segment(n, segment);
        if (n == NULL)
            return;
        add_prefix(w, n);
    }
    w->exact = n->exact;
}

/*
 * Of many routes none is in a cache when its request comes: what each request reads of one is asked
 * for at once, before the first line of it is waited for.
 */
static void expect(const struct route *r)
{
    const char *end = (const char *)(r + 1) + ROUTE_EXPECTED;

    for (const char *at = (const char *)&r->tenant; at < end; at += CACHE_LINE)
        __builtin_prefetch(at);
}

static const struct table_route *first_that_holds(struct line l, const struct route_request *q)
{
    size_t num = line_len(l);

    for (size_t i = 0; i < num; i++) {
        const struct table_route *r = &line_at(l, i)->pub;

        expect(r->route);
        if (conditions_hold(r->route->match, q))
            return r;
    }
    return NULL;
}

/* For others a node of a host is a type of its own, which tells them nothing. */
const struct table_host *table_host(const struct table *t, struct str host)
{
    return (const struct table_host *)hosts_find(&t->hosts, host);
}

const struct table_route *table_match(const struct table *t, const struct route_request *q,
                                      enum table_miss *why)
{
    return table_match_at(table_host(t, q->host), q, why);
}

const struct table_route *table_match_at(const struct table_host *host,
                                         const struct route_request *q, enum table_miss *why)
{
    struct way w; /* its large array is not worth zeroing */

    *why = host != NULL ? TABLE_MISS_PATH : TABLE_MISS_HOST;
    if (host == NULL)
        return NULL;
    w.num = 0;
    w.exact = (struct line){0};
    go_down((const struct hosts_node *)host, q->path, &w);
    const struct table_route *r = first_that_holds(w.exact, q);

    while (r == NULL && w.num != 0)
        r = first_that_holds(w.prefixes[--w.num]->prefix, q);
    return r;
}
