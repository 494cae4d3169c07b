/*
 * Lines of routes: nothing, the lone route itself, or a sorted array with a count of its holders.
 * Does not know what a request is: match.c walks it from the front.
 */
#include "gateway/table/line.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/table/conditions.h"
#include "gateway/table/version.h"

struct line_array {
    _Atomic uint32_t refs;
    uint32_t num; /* at least 2 */
    struct version_route *all[];
};

static struct line_array *array_of(struct line l)
{
    return (l.routes & 1) != 0 ? (struct line_array *)(l.routes & ~(uintptr_t)1) : NULL;
}

static struct line from_array(struct line_array *a)
{
    return (struct line){(uintptr_t)a | 1};
}

static struct line from_route(struct version_route *r)
{
    ASSERT(((uintptr_t)r & 1) == 0);
    return (struct line){(uintptr_t)r};
}

static size_t array_bytes(size_t num)
{
    return sizeof(struct line_array) + num * sizeof(struct version_route *);
}

size_t line_len(struct line l)
{
    const struct line_array *a = array_of(l);

    return a != NULL ? a->num : l.routes != 0;
}

struct version_route *line_at(struct line l, size_t i)
{
    const struct line_array *a = array_of(l);

    return a != NULL ? a->all[i] : (struct version_route *)l.routes;
}

struct line line_share(struct line l)
{
    struct line_array *a = array_of(l);

    if (a != NULL)
        atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
    else if (l.routes != 0)
        version_route_ref(line_at(l, 0));
    return l;
}

void line_free(struct line *l)
{
    struct line_array *a = array_of(*l);

    if (a == NULL) {
        version_route_unref(line_at(*l, 0));
    } else if (atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1) {
        for (size_t i = 0; i < a->num; i++)
            version_route_unref(a->all[i]);
        free(a);
    }
    *l = (struct line){0};
}

/* The line as an array that is ours alone, with room for so many. */
static struct line_array *own(struct line *l, size_t room)
{
    struct line_array *a = array_of(*l);
    size_t num = line_len(*l);

    if (a != NULL && atomic_load_explicit(&a->refs, memory_order_acquire) == 1)
        return room > num ? xrealloc(a, array_bytes(room)) : a;
    struct line_array *mine = xmalloc(array_bytes(room));

    atomic_init(&mine->refs, 1);
    mine->num = (uint32_t)num;
    for (size_t i = 0; i < num; i++) {
        mine->all[i] = line_at(*l, i);
        version_route_ref(mine->all[i]);
    }
    line_free(l);
    return mine;
}

/* Where r stands or would stand. */
static size_t place_of(struct line l, const struct version_route *r)
{
    size_t low = 0;
    size_t high = line_len(l);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (conditions_order(&line_at(l, middle)->pub, &r->pub) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void line_add(struct line *l, struct version_route *r)
{
    size_t num = line_len(*l);
    size_t at = place_of(*l, r);

    version_route_ref(r);
    if (num == 0) {
        *l = from_route(r);
        return;
    }
    struct line_array *a = own(l, num + 1);

    memmove(&a->all[at + 1], &a->all[at], (num - at) * sizeof(struct version_route *));
    a->all[at] = r;
    a->num = (uint32_t)num + 1;
    *l = from_array(a);
}

void line_remove(struct line *l, const struct version_route *r)
{
    size_t num = line_len(*l);
    size_t at = place_of(*l, r);

    ASSERT(at < num && line_at(*l, at) == r);
    if (num == 1) {
        line_free(l);
        return;
    }
    if (num == 2) {
        struct line rest = line_share(from_route(line_at(*l, 1 - at)));

        line_free(l);
        *l = rest;
        return;
    }
    struct line_array *a = own(l, num);

    version_route_unref(a->all[at]);
    memmove(&a->all[at], &a->all[at + 1], (num - at - 1) * sizeof(struct version_route *));
    a->num = (uint32_t)num - 1;
    *l = from_array(a);
}
