/*
 * Merging replies into what is known, and what of it is still moving. Pure: no clock, no calls. A
 * reply speaks only for its scope, so that a filtered read cannot withdraw what it did not ask for.
 * Called by observe.c and round.c.
 */
#include "clusters/swarm/model.h"

#include <stdlib.h>
#include <string.h>

#include "clusters/swarm/view.h"
#include "gateway/core/check.h"

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

/*
 * Whose tasks a reply speaks for. All known tasks are looked at; the marks say of nearly all that
 * are not meant that they are not, without touching their ids.
 */
struct asked {
    struct ids ids;
    uint64_t marks;
};

/* A task of a service that was asked for and did not come back goes with it (tasks_of). */
static bool task_in(const struct model_scope *scope, const struct asked *asked,
                    const struct view *fresh, const struct view_task *t)
{
    bool in = scope->all ||
              ((asked->marks >> t->service_mark & 1) != 0 && ids_has(&asked->ids, t->service_id));

    return in && !stays(scope, fresh, t->id);
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

/* ---- what goes and what comes ---- */

/* Of one array: the places of what is known and in scope, and of what the reply has instead. */
struct change {
    size_t *leaving;
    size_t num_leaving;
    size_t *entering;
    size_t num_entering;
    bool differs;
};

static void change_init(struct change *c, size_t num_known, size_t num_fresh)
{
    c->leaving = xcalloc(num_known + 1, sizeof(*c->leaving));
    c->entering = xcalloc(num_fresh + 1, sizeof(*c->entering));
}

static void change_clear(struct change *c)
{
    free(c->leaving);
    free(c->entering);
}

static struct change change_services(const struct view *known, const struct view *fresh,
                                     const struct model_scope *scope)
{
    struct change c = {0};

    if (!scope->all && scope->services.num == 0)
        return c;
    change_init(&c, scope->all ? known->num_services : scope->services.num, fresh->num_services);
    for (size_t i = 0; i < known->num_services && scope->all; i++)
        if (service_in(scope, fresh, &known->services[i]))
            c.leaving[c.num_leaving++] = i;
    for (size_t i = 0; i < scope->services.num && !scope->all; i++) {
        const struct view_service *was = view_service(known, scope->services.items[i]);

        if (was && service_in(scope, fresh, was))
            c.leaving[c.num_leaving++] = (size_t)(was - known->services);
    }
    for (size_t i = 0; i < fresh->num_services; i++) {
        const struct view_service *now = &fresh->services[i], *was;

        if (!service_in(scope, fresh, now))
            continue;
        c.entering[c.num_entering++] = i;
        was = view_service(known, now->id);
        c.differs = c.differs || !was || !view_service_same(was, now);
    }
    c.differs = c.differs || c.num_leaving != c.num_entering;
    return c;
}

static struct asked tasks_of(const struct view *fresh, const struct model_scope *scope)
{
    struct asked asked = {0};

    ids_add_all(&asked.ids, &scope->tasks);
    for (size_t i = 0; i < scope->services.num; i++)
        if (!view_service(fresh, scope->services.items[i]))
            ids_add(&asked.ids, scope->services.items[i]);
    for (size_t i = 0; i < asked.ids.num; i++)
        asked.marks |= UINT64_C(1) << view_mark(asked.ids.items[i]);
    return asked;
}

static struct change change_tasks(const struct view *known, const struct view *fresh,
                                  const struct model_scope *scope)
{
    struct asked asked = tasks_of(fresh, scope);
    struct change c = {0};

    change_init(&c, known->num_tasks, fresh->num_tasks);
    for (size_t i = 0; i < known->num_tasks && (scope->all || asked.marks != 0); i++)
        if (task_in(scope, &asked, fresh, &known->tasks[i]))
            c.leaving[c.num_leaving++] = i;
    for (size_t i = 0; i < fresh->num_tasks; i++) {
        const struct view_task *now = &fresh->tasks[i], *was;

        if (!task_in(scope, &asked, fresh, now))
            continue;
        c.entering[c.num_entering++] = i;
        was = view_task(known, now->id);
        c.differs = c.differs || !was || !view_task_same(was, now);
    }
    c.differs = c.differs || c.num_leaving != c.num_entering;
    ids_clear(&asked.ids);
    return c;
}

static struct change change_nodes(const struct view *known, const struct view *fresh,
                                  const struct model_scope *scope)
{
    struct change c = {0};

    change_init(&c, known->num_nodes, fresh->num_nodes);
    for (size_t i = 0; i < known->num_nodes; i++)
        if (node_in(scope, fresh, &known->nodes[i]))
            c.leaving[c.num_leaving++] = i;
    for (size_t i = 0; i < fresh->num_nodes; i++) {
        const struct view_node *now = &fresh->nodes[i], *was;

        if (!node_in(scope, fresh, now))
            continue;
        c.entering[c.num_entering++] = i;
        was = view_node(known, now->id);
        c.differs = c.differs || !was || !view_node_same(was, now);
    }
    c.differs = c.differs || c.num_leaving != c.num_entering;
    return c;
}

static struct change change_networks(const struct view *known, const struct view *fresh,
                                     const struct model_scope *scope)
{
    struct change c = {0};

    if (!scope->networks)
        return c;
    change_init(&c, known->num_networks, fresh->num_networks);
    for (size_t i = 0; i < known->num_networks; i++)
        if (network_in(scope, fresh, &known->networks[i]))
            c.leaving[c.num_leaving++] = i;
    for (size_t i = 0; i < fresh->num_networks; i++) {
        const struct view_network *was = view_network(known, fresh->networks[i].id);

        c.entering[c.num_entering++] = i;
        c.differs = c.differs || !was || !view_network_same(was, &fresh->networks[i]);
    }
    c.differs = c.differs || c.num_leaving != c.num_entering;
    return c;
}

static int by_place(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x < y ? -1 : x > y;
}

/* Of the rest, those of which the reply says something; there may be very many others. */
static void find_others(const struct view *known, const struct view_task *said, size_t num,
                        struct change *c)
{
    for (size_t i = 0; i < num; i++) {
        const struct view_task *was = view_other(known, said[i].id);

        if (was)
            c->leaving[c->num_leaving++] = (size_t)(was - known->others);
    }
}

static struct change change_others(const struct view *known, const struct view *fresh,
                                   const struct model_scope *scope)
{
    struct change c = {0};

    change_init(&c, scope->all ? known->num_others : fresh->num_tasks + fresh->num_others,
                fresh->num_others);
    for (size_t i = 0; i < known->num_others && scope->all; i++)
        c.leaving[c.num_leaving++] = i;
    if (!scope->all) {
        find_others(known, fresh->tasks, fresh->num_tasks, &c);
        find_others(known, fresh->others, fresh->num_others, &c);
        qsort(c.leaving, c.num_leaving, sizeof(*c.leaving), by_place);
    }
    for (size_t i = 0; i < fresh->num_others; i++) {
        const struct view_task *was = view_find_task(known, fresh->others[i].id);

        c.entering[c.num_entering++] = i;
        c.differs = c.differs || !was || !view_task_same(was, &fresh->others[i]);
    }
    c.differs = c.differs || c.num_leaving != c.num_entering;
    return c;
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

static void apply_refusals(struct view *known, struct view *fresh, const struct model_scope *scope)
{
    struct view_refused *was = known->refused;
    size_t num = known->num_refused;

    known->refused = NULL;
    known->num_refused = 0;
    for (size_t i = 0; i < num; i++)
        if (refusal_in(scope, fresh, &was[i]))
            view_refused_clear(&was[i]);
        else
            view_add_refused(known, &was[i]);
    for (size_t i = 0; i < fresh->num_refused; i++)
        view_add_refused(known, &fresh->refused[i]);
    free(was);
}

/* Nothing that matters differs, but the versions do, to tell an older reply by. */
static void take_versions(struct view *known, const struct view *fresh)
{
    for (size_t i = 0; i < fresh->num_tasks; i++) {
        struct view_task *was = (struct view_task *)view_task(known, fresh->tasks[i].id);

        if (was && fresh->tasks[i].version > was->version)
            was->version = fresh->tasks[i].version;
    }
    for (size_t i = 0; i < fresh->num_nodes; i++) {
        struct view_node *was = (struct view_node *)view_node(known, fresh->nodes[i].id);

        if (was && fresh->nodes[i].version > was->version)
            was->version = fresh->nodes[i].version;
    }
}

/* ---- what is behind ---- */

static void keep_missing_services(const struct view *known, const struct view *fresh,
                                  uint64_t newest, struct model_scope *scope)
{
    for (size_t i = 0; i < known->num_services; i++) {
        const struct view_service *was = &known->services[i];

        if (newest < was->version && !view_service(fresh, was->id))
            ids_add(&scope->kept, was->id);
    }
}

static void keep_services(const struct view *known, const struct view *fresh,
                          struct model_scope *scope)
{
    for (size_t i = 0; i < fresh->num_services; i++) {
        const struct view_service *was = view_service(known, fresh->services[i].id);

        if (was && fresh->services[i].version < was->version)
            ids_add(&scope->kept, was->id);
    }
}

/* The tasks of a service that is kept because it is missing are kept with it. */
static void keep_missing_tasks(const struct view *known, const struct view *fresh, uint64_t newest,
                               struct model_scope *scope)
{
    for (size_t i = 0; i < known->num_tasks; i++) {
        const struct view_task *was = &known->tasks[i];
        bool missing = newest < was->version || (ids_has(&scope->kept, was->service_id) &&
                                                 !view_service(fresh, was->service_id));

        if (missing && !view_find_task(fresh, was->id))
            ids_add(&scope->kept, was->id);
    }
}

static void keep_tasks(const struct view *known, const struct view_task *fresh, size_t num,
                       struct model_scope *scope)
{
    for (size_t i = 0; i < num; i++) {
        const struct view_task *was = view_task(known, fresh[i].id);

        if (was && fresh[i].version < was->version)
            ids_add(&scope->kept, was->id);
    }
}

void model_keep_newer(const struct view *known, const struct view *fresh, bool missing_too,
                      const struct model_newest *newest, struct model_scope *scope)
{
    if (scope->all || scope->services.num) {
        keep_services(known, fresh, scope);
        if (missing_too)
            keep_missing_services(known, fresh, newest->service, scope);
    }
    if (scope->all || scope->tasks.num) {
        keep_tasks(known, fresh->tasks, fresh->num_tasks, scope);
        keep_tasks(known, fresh->others, fresh->num_others, scope);
        if (missing_too)
            keep_missing_tasks(known, fresh, newest->task, scope);
    }
    for (size_t i = 0; i < known->num_nodes && scope->nodes; i++) {
        const struct view_node *now = view_node(fresh, known->nodes[i].id);

        if (now && now->version < known->nodes[i].version)
            ids_add(&scope->kept, now->id);
    }
}

/* ---- applying ---- */

unsigned model_apply(struct view *known, struct view *fresh, const struct model_scope *scope)
{
    struct change others = change_others(known, fresh, scope);
    struct change tasks = change_tasks(known, fresh, scope);
    struct change services = change_services(known, fresh, scope);
    struct change nodes = change_nodes(known, fresh, scope);
    struct change networks = change_networks(known, fresh, scope);
    bool refusals = refusals_differ(known, fresh, scope);
    unsigned change =
        (others.differs ? MODEL_BESIDE : 0U) | (tasks.differs || refusals ? MODEL_TASKS : 0U) |
        (services.differs || nodes.differs || networks.differs ? MODEL_ANNOUNCED : 0U);

    if (change != 0) {
        view_edit_services(known, services.leaving, services.num_leaving, fresh->services,
                           services.entering, services.num_entering);
        view_edit_tasks(known, tasks.leaving, tasks.num_leaving, fresh->tasks, tasks.entering,
                        tasks.num_entering);
        view_edit_nodes(known, nodes.leaving, nodes.num_leaving, fresh->nodes, nodes.entering,
                        nodes.num_entering);
        view_edit_networks(known, networks.leaving, networks.num_leaving, fresh->networks,
                           networks.entering, networks.num_entering);
        view_edit_others(known, others.leaving, others.num_leaving, fresh->others, others.entering,
                         others.num_entering);
        apply_refusals(known, fresh, scope);
    } else {
        take_versions(known, fresh);
    }
    change_clear(&others);
    change_clear(&tasks);
    change_clear(&services);
    change_clear(&nodes);
    change_clear(&networks);
    return change;
}

static bool is_lost(const struct view *known, const struct view_task *t)
{
    const struct view_node *node = view_node(known, t->node_id);

    return node && node->state != VIEW_NODE_READY;
}

/* A task that was told to stop on a node that is lost stays "running" for ever: that is at rest. */
static bool task_moves(const struct view_task *t, bool lost)
{
    if (!t->desired_running)
        return !lost && t->state != VIEW_TASK_ENDED;
    return lost || t->state != VIEW_TASK_RUNNING;
}

static bool all_ready(const struct view *known)
{
    for (size_t i = 0; i < known->num_nodes; i++)
        if (known->nodes[i].state != VIEW_NODE_READY)
            return false;
    return true;
}

void model_add_changing(const struct view *known, struct ids *out)
{
    bool ready = all_ready(known); /* the rule: then no task's node is looked for */

    for (size_t i = 0; i < known->num_services; i++)
        if (known->services[i].updating)
            ids_add(out, known->services[i].id);
    for (size_t i = 0; i < known->num_tasks; i++)
        if (task_moves(&known->tasks[i], !ready && is_lost(known, &known->tasks[i])))
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
