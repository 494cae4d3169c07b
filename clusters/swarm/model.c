/*
 * Merging replies into what is known, and what of it is still moving. Pure: no clock, no calls. A
 * reply speaks only for its scope, so that a filtered read cannot withdraw what it did not ask for.
 * Called by observe.c and round.c.
 */
#include "clusters/swarm/model.h"

#include <string.h>

#include "clusters/swarm/view.h"

void model_scope_clear(struct model_scope *s)
{
    ids_clear(&s->services);
    ids_clear(&s->tasks);
    memset(s, 0, sizeof(*s));
}

static bool service_in(const struct model_scope *scope, const struct view_service *s)
{
    return scope->all || ids_has(&scope->services, s->id);
}

/* A task of a service that was asked for and did not come back goes with it. */
static bool task_in(const struct model_scope *scope, const struct view *fresh,
                    const struct view_task *t)
{
    return scope->all || ids_has(&scope->tasks, t->service_id) ||
           (ids_has(&scope->services, t->service_id) && !view_service(fresh, t->service_id));
}

static bool services_differ(const struct view *known, const struct view *fresh,
                            const struct model_scope *scope)
{
    size_t num_known = 0, num_fresh = 0;

    for (size_t i = 0; i < known->num_services; i++)
        num_known += service_in(scope, &known->services[i]);
    for (size_t i = 0; i < fresh->num_services; i++) {
        const struct view_service *now = &fresh->services[i], *was;

        if (!service_in(scope, now))
            continue;
        num_fresh++;
        was = view_service(known, now->id);
        if (!was || !view_service_same(was, now))
            return true;
    }
    return num_known != num_fresh;
}

static bool tasks_differ(const struct view *known, const struct view *fresh,
                         const struct model_scope *scope)
{
    size_t num_known = 0, num_fresh = 0;

    for (size_t i = 0; i < known->num_tasks; i++)
        num_known += task_in(scope, fresh, &known->tasks[i]);
    for (size_t i = 0; i < fresh->num_tasks; i++) {
        const struct view_task *now = &fresh->tasks[i], *was;

        if (!task_in(scope, fresh, now))
            continue;
        num_fresh++;
        was = view_task(known, now->id);
        if (!was || !view_task_same(was, now))
            return true;
    }
    return num_known != num_fresh;
}

static bool nodes_differ(const struct view *known, const struct view *fresh)
{
    if (known->num_nodes != fresh->num_nodes)
        return true;
    for (size_t i = 0; i < known->num_nodes; i++)
        if (!view_node_same(&known->nodes[i], &fresh->nodes[i]))
            return true;
    return false;
}

static bool networks_differ(const struct view *known, const struct view *fresh)
{
    if (known->num_networks != fresh->num_networks)
        return true;
    for (size_t i = 0; i < known->num_networks; i++)
        if (!view_network_same(&known->networks[i], &fresh->networks[i]))
            return true;
    return false;
}

static void move_services_and_tasks(struct view *next, struct view *known, struct view *fresh,
                                    const struct model_scope *scope)
{
    for (size_t i = 0; i < known->num_tasks; i++)
        if (!task_in(scope, fresh, &known->tasks[i]))
            view_add_task(next, &known->tasks[i]);
    for (size_t i = 0; i < fresh->num_tasks; i++)
        if (task_in(scope, fresh, &fresh->tasks[i]))
            view_add_task(next, &fresh->tasks[i]);
    for (size_t i = 0; i < known->num_services; i++)
        if (!service_in(scope, &known->services[i]))
            view_add_service(next, &known->services[i]);
    for (size_t i = 0; i < fresh->num_services; i++)
        if (service_in(scope, &fresh->services[i]))
            view_add_service(next, &fresh->services[i]);
}

static void move_nodes(struct view *next, struct view *from)
{
    for (size_t i = 0; i < from->num_nodes; i++)
        view_add_node(next, &from->nodes[i]);
}

static void move_networks(struct view *next, struct view *from)
{
    for (size_t i = 0; i < from->num_networks; i++)
        view_add_network(next, &from->networks[i]);
}

bool model_apply(struct view **known, struct view *fresh, const struct model_scope *scope)
{
    struct view *next, *was = *known;

    if (!services_differ(was, fresh, scope) && !tasks_differ(was, fresh, scope) &&
        !(scope->nodes && nodes_differ(was, fresh)) &&
        !(scope->networks && networks_differ(was, fresh)))
        return false;
    next = view_new();
    move_services_and_tasks(next, was, fresh, scope);
    move_nodes(next, scope->nodes ? fresh : was);
    move_networks(next, scope->networks ? fresh : was);
    view_seal(next);
    view_free(was);
    *known = next;
    return true;
}

/* A task that was told to stop on a node that is lost stays "running" for ever: that is at rest. */
static bool task_moves(const struct view *known, const struct view_task *t)
{
    const struct view_node *node = view_node(known, t->node_id);
    bool lost = node && node->state != VIEW_NODE_READY;

    if (!t->desired_running)
        return !lost && t->state != VIEW_TASK_ENDED;
    return lost || t->state != VIEW_TASK_RUNNING;
}

void model_add_changing(const struct view *known, struct ids *out)
{
    for (size_t i = 0; i < known->num_services; i++)
        if (known->services[i].updating)
            ids_add(out, known->services[i].id);
    for (size_t i = 0; i < known->num_tasks; i++)
        if (task_moves(known, &known->tasks[i]))
            ids_add(out, known->tasks[i].service_id);
}

void model_add_on_node(const struct view *known, const char *node_id, struct ids *out)
{
    for (size_t i = 0; i < known->num_tasks; i++) {
        const struct view_task *t = &known->tasks[i];

        if (strcmp(t->node_id, node_id) == 0 &&
            (t->desired_running || t->state == VIEW_TASK_RUNNING))
            ids_add(out, t->service_id);
    }
}

bool model_lacks_network(const struct view *known, const struct view *fresh)
{
    for (size_t i = 0; i < fresh->num_services; i++) {
        const struct view_service *s = &fresh->services[i];

        for (size_t j = 0; j < s->num_networks; j++)
            if (!view_network(known, s->networks[j].network_id) &&
                !view_network(fresh, s->networks[j].network_id))
                return true;
    }
    return false;
}
