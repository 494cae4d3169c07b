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
    ids_clear(&s->kept);
    memset(s, 0, sizeof(*s));
}

static bool stays(const struct model_scope *scope, const struct view *fresh, const char *id)
{
    return view_refused(fresh, id) || ids_has(&scope->kept, id);
}

static bool service_in(const struct model_scope *scope, const struct view *fresh,
                       const struct view_service *s)
{
    return (scope->all || ids_has(&scope->services, s->id)) && !stays(scope, fresh, s->id);
}

/* A task of a service that was asked for and did not come back goes with it. */
static bool task_in(const struct model_scope *scope, const struct view *fresh,
                    const struct view_task *t)
{
    bool asked = scope->all || ids_has(&scope->tasks, t->service_id) ||
                 (ids_has(&scope->services, t->service_id) && !view_service(fresh, t->service_id));

    return asked && !stays(scope, fresh, t->id);
}

static bool node_in(const struct model_scope *scope, const struct view *fresh,
                    const struct view_node *n)
{
    return scope->nodes && !stays(scope, fresh, n->id);
}

static bool network_in(const struct model_scope *scope, const struct view *fresh,
                       const struct view_network *n)
{
    return scope->networks && !view_refused(fresh, n->id);
}

/* Whether the reply would have refused it again, if it still were to be refused. */
static bool refusal_in(const struct model_scope *scope, const struct view *fresh,
                       const struct view_refused *r)
{
    if (view_refused(fresh, r->id) || scope->all)
        return true;
    if (strcmp(r->kind, "node") == 0)
        return scope->nodes;
    if (strcmp(r->kind, "network") == 0)
        return scope->networks;
    return ids_has(&scope->services, r->id);
}

static bool other_in(const struct model_scope *scope, const struct view *fresh,
                     const struct view_task *t)
{
    return scope->all || view_find_task(fresh, t->id);
}

static bool services_differ(const struct view *known, const struct view *fresh,
                            const struct model_scope *scope)
{
    size_t num_known = 0, num_fresh = 0;

    for (size_t i = 0; i < known->num_services; i++)
        num_known += service_in(scope, fresh, &known->services[i]);
    for (size_t i = 0; i < fresh->num_services; i++) {
        const struct view_service *now = &fresh->services[i], *was;

        if (!service_in(scope, fresh, now))
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

static bool nodes_differ(const struct view *known, const struct view *fresh,
                         const struct model_scope *scope)
{
    size_t num_known = 0, num_fresh = 0;

    if (!scope->nodes)
        return false;
    for (size_t i = 0; i < known->num_nodes; i++)
        num_known += node_in(scope, fresh, &known->nodes[i]);
    for (size_t i = 0; i < fresh->num_nodes; i++) {
        const struct view_node *now = &fresh->nodes[i], *was;

        if (!node_in(scope, fresh, now))
            continue;
        num_fresh++;
        was = view_node(known, now->id);
        if (!was || !view_node_same(was, now))
            return true;
    }
    return num_known != num_fresh;
}

static bool networks_differ(const struct view *known, const struct view *fresh,
                            const struct model_scope *scope)
{
    size_t num_known = 0;

    if (!scope->networks)
        return false;
    for (size_t i = 0; i < known->num_networks; i++)
        num_known += network_in(scope, fresh, &known->networks[i]);
    for (size_t i = 0; i < fresh->num_networks; i++) {
        const struct view_network *was = view_network(known, fresh->networks[i].id);

        if (!was || !view_network_same(was, &fresh->networks[i]))
            return true;
    }
    return num_known != fresh->num_networks;
}

static bool refusals_differ(const struct view *known, const struct view *fresh,
                            const struct model_scope *scope)
{
    size_t num_known = 0;

    for (size_t i = 0; i < known->num_refused; i++)
        num_known += refusal_in(scope, fresh, &known->refused[i]);
    for (size_t i = 0; i < fresh->num_refused; i++) {
        const struct view_refused *was = view_refused(known, fresh->refused[i].id);

        if (!was || !view_refused_same(was, &fresh->refused[i]))
            return true;
    }
    return num_known != fresh->num_refused;
}

static bool others_differ(const struct view *known, const struct view *fresh,
                          const struct model_scope *scope)
{
    size_t num_known = 0;

    for (size_t i = 0; i < known->num_others; i++)
        num_known += other_in(scope, fresh, &known->others[i]);
    for (size_t i = 0; i < fresh->num_others; i++) {
        const struct view_task *was = view_find_task(known, fresh->others[i].id);

        if (!was || !view_task_same(was, &fresh->others[i]))
            return true;
    }
    return num_known != fresh->num_others;
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
        if (!service_in(scope, fresh, &known->services[i]))
            view_add_service(next, &known->services[i]);
    for (size_t i = 0; i < fresh->num_services; i++)
        if (service_in(scope, fresh, &fresh->services[i]))
            view_add_service(next, &fresh->services[i]);
}

static void move_nodes_and_networks(struct view *next, struct view *known, struct view *fresh,
                                    const struct model_scope *scope)
{
    for (size_t i = 0; i < known->num_nodes; i++)
        if (!node_in(scope, fresh, &known->nodes[i]))
            view_add_node(next, &known->nodes[i]);
    for (size_t i = 0; i < fresh->num_nodes; i++)
        if (node_in(scope, fresh, &fresh->nodes[i]))
            view_add_node(next, &fresh->nodes[i]);
    for (size_t i = 0; i < known->num_networks; i++)
        if (!network_in(scope, fresh, &known->networks[i]))
            view_add_network(next, &known->networks[i]);
    for (size_t i = 0; i < fresh->num_networks && scope->networks; i++)
        view_add_network(next, &fresh->networks[i]);
}

/* Before the tasks are moved: other_in looks for them. A task that is kept is in tasks. */
static void move_beside(struct view *next, struct view *known, struct view *fresh,
                        const struct model_scope *scope)
{
    for (size_t i = 0; i < known->num_others; i++)
        if (!other_in(scope, fresh, &known->others[i]))
            view_add_other(next, &known->others[i]);
    for (size_t i = 0; i < fresh->num_others; i++)
        view_add_other(next, &fresh->others[i]);
}

static void move_refusals(struct view *next, struct view *known, struct view *fresh,
                          const struct model_scope *scope)
{
    for (size_t i = 0; i < known->num_refused; i++)
        if (!refusal_in(scope, fresh, &known->refused[i]))
            view_add_refused(next, &known->refused[i]);
    for (size_t i = 0; i < fresh->num_refused; i++)
        view_add_refused(next, &fresh->refused[i]);
}

/* Nothing that matters differs, but the versions do, to tell an older reply by. */
static void take_versions(struct view *known, const struct view *fresh)
{
    for (size_t i = 0; i < known->num_tasks; i++) {
        const struct view_task *now = view_task(fresh, known->tasks[i].id);

        if (now && now->version > known->tasks[i].version)
            known->tasks[i].version = now->version;
    }
    for (size_t i = 0; i < known->num_nodes; i++) {
        const struct view_node *now = view_node(fresh, known->nodes[i].id);

        if (now && now->version > known->nodes[i].version)
            known->nodes[i].version = now->version;
    }
}

static void keep_services(const struct view *known, const struct view *fresh, bool missing_too,
                          uint64_t newest, struct model_scope *scope)
{
    for (size_t i = 0; i < known->num_services; i++) {
        const struct view_service *was = &known->services[i];
        const struct view_service *now = view_service(fresh, was->id);

        if (now ? now->version < was->version : missing_too && newest < was->version)
            ids_add(&scope->kept, was->id);
    }
}

/* The tasks of a service that is kept because it is missing are kept with it. */
static void keep_tasks(const struct view *known, const struct view *fresh, bool missing_too,
                       uint64_t newest, struct model_scope *scope)
{
    for (size_t i = 0; i < known->num_tasks; i++) {
        const struct view_task *was = &known->tasks[i];
        const struct view_task *now = view_find_task(fresh, was->id);
        bool missing =
            missing_too && (newest < was->version || (ids_has(&scope->kept, was->service_id) &&
                                                      !view_service(fresh, was->service_id)));

        if (now ? now->version < was->version : missing)
            ids_add(&scope->kept, was->id);
    }
}

void model_keep_newer(const struct view *known, const struct view *fresh, bool missing_too,
                      const struct model_newest *newest, struct model_scope *scope)
{
    if (scope->all || scope->services.num)
        keep_services(known, fresh, missing_too, newest->service, scope);
    if (scope->all || scope->tasks.num)
        keep_tasks(known, fresh, missing_too, newest->task, scope);
    for (size_t i = 0; i < known->num_nodes && scope->nodes; i++) {
        const struct view_node *now = view_node(fresh, known->nodes[i].id);

        if (now && now->version < known->nodes[i].version)
            ids_add(&scope->kept, now->id);
    }
}

unsigned model_apply(struct view **known, struct view *fresh, const struct model_scope *scope)
{
    struct view *next, *was = *known;
    unsigned change = 0;

    if (others_differ(was, fresh, scope))
        change |= MODEL_BESIDE;
    if (tasks_differ(was, fresh, scope) || refusals_differ(was, fresh, scope))
        change |= MODEL_TASKS;
    if (services_differ(was, fresh, scope) || nodes_differ(was, fresh, scope) ||
        networks_differ(was, fresh, scope))
        change |= MODEL_ANNOUNCED;
    if (change == 0) {
        take_versions(was, fresh);
        return change;
    }
    next = view_new();
    move_beside(next, was, fresh, scope);
    move_services_and_tasks(next, was, fresh, scope);
    move_nodes_and_networks(next, was, fresh, scope);
    move_refusals(next, was, fresh, scope);
    view_seal(next);
    view_free(was);
    *known = next;
    return change;
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
