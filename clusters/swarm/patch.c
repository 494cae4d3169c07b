/*
 * Applying what differs to a copy. Called by the coordinator, whose plan holds on to a picture
 * while the observer goes on with its own; made by the model.
 */
#include "clusters/swarm/patch.h"

#include <stdlib.h>

#include "gateway/core/check.h"

struct view_patch *view_patch_new(void)
{
    struct view_patch *p = xcalloc(1, sizeof(*p));

    p->gone = view_new();
    p->come = view_new();
    return p;
}

void view_patch_free(struct view_patch *p)
{
    if (!p)
        return;
    view_free(p->gone);
    view_free(p->come);
    free(p);
}

/* Places of the elements that go, and of those that come: all that the patch has. */
struct places {
    size_t *leaving;
    size_t *entering;
};

static struct places places_new(size_t num_leaving, size_t num_entering)
{
    struct places p = {xcalloc(num_leaving + 1, sizeof(*p.leaving)),
                       xcalloc(num_entering + 1, sizeof(*p.entering))};

    for (size_t i = 0; i < num_entering; i++)
        p.entering[i] = i;
    return p;
}

static void places_free(struct places *p)
{
    free(p->leaving);
    free(p->entering);
}

/* `copy` has the same elements as `come`: they are moved out of it. */
#define DEFINE_APPLY(kind, find)                                                         \
    static void apply_##kind(const struct view *gone, struct view *copy, struct view *v) \
    {                                                                                    \
        struct places p = places_new(gone->num_##kind, copy->num_##kind);                \
                                                                                         \
        for (size_t i = 0; i < gone->num_##kind; i++)                                    \
            p.leaving[i] = (size_t)(find(v, gone->kind[i].id) - v->kind);                \
        view_edit_##kind(v, p.leaving, gone->num_##kind, copy->kind, p.entering,         \
                         copy->num_##kind);                                              \
        places_free(&p);                                                                 \
    }

DEFINE_APPLY(services, view_service)
DEFINE_APPLY(tasks, view_task)
DEFINE_APPLY(others, view_other)
DEFINE_APPLY(nodes, view_node)
DEFINE_APPLY(networks, view_network)

static void apply_refused(const struct view *come, struct view *v)
{
    for (size_t i = 0; i < v->num_refused; i++)
        view_refused_clear(&v->refused[i]);
    free(v->refused);
    v->refused = NULL;
    v->num_refused = 0;
    for (size_t i = 0; i < come->num_refused; i++)
        view_copy_refused(v, &come->refused[i]);
}

void view_patch_apply(struct view_patch *p, struct view *v)
{
    struct view *copy = view_clone(p->come);

    apply_services(p->gone, copy, v);
    apply_tasks(p->gone, copy, v);
    apply_others(p->gone, copy, v);
    apply_nodes(p->gone, copy, v);
    apply_networks(p->gone, copy, v);
    apply_refused(p->come, v);
    view_free(copy);
}
