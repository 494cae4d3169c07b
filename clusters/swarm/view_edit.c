/*
 * Changing a sealed view where it stands: some elements of a sorted array go, others come. What
 * comes in the place of one with its id moves nothing; else each element in between moves once.
 * Called by the model and by patches, for which one service among ten thousand is the rule.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/swarm/view_priv.h"
#include "gateway/core/check.h"

/* A sorted array of elements, and what comes into it: the elements of `from` at these places. */
struct edit {
    char *items;
    size_t num;
    size_t size;
    char *from;
    const size_t *entering;
    size_t num_entering;
    void (*clear)(void *);
};

static void close_up(struct edit *e, const size_t *leaving, size_t num_leaving)
{
    size_t kept = num_leaving > 0 ? leaving[0] : e->num;

    for (size_t i = 0; i < num_leaving; i++) {
        size_t next = i + 1 < num_leaving ? leaving[i + 1] : e->num;
        size_t run = next - leaving[i] - 1;

        e->clear(e->items + leaving[i] * e->size);
        memmove(e->items + kept * e->size, e->items + (leaving[i] + 1) * e->size, run * e->size);
        kept += run;
    }
    e->num = kept;
}

/* The first of the first num elements that is not before this one. */
static size_t place_of(const struct edit *e, size_t num, const void *element)
{
    size_t low = 0, high = num;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (view_by_id(e->items + middle * e->size, element) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* From the back, so that every element moves once. */
static void open_up(struct edit *e)
{
    size_t old = e->num, end = e->num + e->num_entering, room = 1;

    while (room < end) /* as grow has it */
        room *= 2;
    e->items = xrealloc(e->items, room * e->size);
    for (size_t i = e->num_entering; i > 0; i--) {
        char *element = e->from + e->entering[i - 1] * e->size;
        size_t place = place_of(e, old, element);

        memmove(e->items + (place + i) * e->size, e->items + place * e->size,
                (old - place) * e->size);
        memcpy(e->items + (place + i - 1) * e->size, element, e->size);
        memset(element, 0, e->size);
        old = place;
    }
    e->num = end;
}

/* What comes in the place of one with its id stands where that stood: nothing moves for it. */
static void replace_in_place(struct edit *e, size_t *leaving, size_t *num_leaving, size_t *entering)
{
    size_t num = *num_leaving, kept_leaving = 0, kept_entering = 0, k = 0;

    for (size_t i = 0; i < num; i++) {
        char *was = e->items + leaving[i] * e->size;

        while (k < e->num_entering && view_by_id(e->from + entering[k] * e->size, was) < 0)
            entering[kept_entering++] = entering[k++];
        if (k < e->num_entering && view_by_id(e->from + entering[k] * e->size, was) == 0) {
            char *now = e->from + entering[k++] * e->size;

            e->clear(was);
            memcpy(was, now, e->size);
            memset(now, 0, e->size);
        } else {
            leaving[kept_leaving++] = leaving[i];
        }
    }
    while (k < e->num_entering)
        entering[kept_entering++] = entering[k++];
    *num_leaving = kept_leaving;
    e->num_entering = kept_entering;
}

static size_t *copy_places(const size_t *places, size_t num)
{
    size_t *copy = xcalloc(num + 1, sizeof(*copy));

    for (size_t i = 0; i < num; i++)
        copy[i] = places[i];
    return copy;
}

static void edit(struct edit *e, const size_t *leaving, size_t num_leaving)
{
    size_t *going = copy_places(leaving, num_leaving);
    size_t *coming = copy_places(e->entering, e->num_entering);

    replace_in_place(e, going, &num_leaving, coming);
    e->entering = coming;
    close_up(e, going, num_leaving);
    if (e->num_entering > 0)
        open_up(e);
    free(going);
    free(coming);
}

static void clear_service(void *p)
{
    view_service_clear(p);
}

static void clear_task(void *p)
{
    view_task_clear(p);
}

static void clear_node(void *p)
{
    view_node_clear(p);
}

static void clear_network(void *p)
{
    view_network_clear(p);
}

/* Of services, nodes and networks nobody keeps an index. */
static void no_index(const struct view *v, const void *element)
{
    (void)v;
    (void)element;
}

#define DEFINE_EDIT(kind, type, clear_it, index, unindex)                                 \
    void view_edit_##kind(struct view *v, const size_t *leaving, size_t num_leaving,      \
                          struct type *from, const size_t *entering, size_t num_entering) \
    {                                                                                     \
        struct edit e = {(char *)v->kind, v->num_##kind, sizeof(*v->kind), (char *)from,  \
                         entering,        num_entering,  clear_it};                       \
                                                                                          \
        for (size_t i = 0; i < num_leaving; i++)                                          \
            unindex(v, &v->kind[leaving[i]]);                                             \
        for (size_t i = 0; i < num_entering; i++)                                         \
            index(v, &from[entering[i]]);                                                 \
        edit(&e, leaving, num_leaving);                                                   \
        v->kind = (struct type *)(void *)e.items;                                         \
        v->num_##kind = e.num;                                                            \
    }

DEFINE_EDIT(services, view_service, clear_service, no_index, no_index)
DEFINE_EDIT(tasks, view_task, clear_task, view_index_task, view_unindex_task)
DEFINE_EDIT(others, view_task, clear_task, view_index_other, view_unindex_other)
DEFINE_EDIT(nodes, view_node, clear_node, no_index, no_index)
DEFINE_EDIT(networks, view_network, clear_network, no_index, no_index)
