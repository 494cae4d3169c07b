/*
 * Merging replies into what is known, and what of it is still moving. Pure: no clock, no calls. A
 * reply speaks only for its scope, so that a filtered read cannot withdraw what it did not ask for.
 * Called by observe.c and round.c.
 */
#include "clusters/swarm/model.h"

#include <stdlib.h>
#include <string.h>

#include "clusters/swarm/patch.h"
#include "clusters/swarm/view_priv.h"
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

/* What a reply was asked for, and what it is. */
struct question {
    const struct model_scope *scope;
    const struct view *fresh;
    struct ids asked; /* whose tasks: also those of services that did not come back */
};

static bool service_in(const struct question *q, const void *element)
{
    const struct view_service *s = element;

    return (q->scope->all || ids_has(&q->scope->services, s->id)) &&
           !stays(q->scope, q->fresh, s->id);
}

static bool task_in(const struct question *q, const void *element)
{
    const struct view_task *t = element;

    return (q->scope->all || ids_has(&q->asked, t->service_id)) &&
           !stays(q->scope, q->fresh, t->id);
}

static bool other_in(const struct question *q, const void *element)
{
    (void)q;
    (void)element;
    return true;
}

static bool node_in(const struct question *q, const void *element)
{
    const struct view_node *n = element;

    return q->scope->nodes && !stays(q->scope, q->fresh, n->id);
}

static bool network_in(const struct question *q, const void *element)
{
    const struct view_network *n = element;

    return q->scope->networks && !view_refused(q->fresh, n->id);
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

/* Elements of one kind; every element begins with its id. */
struct array {
    char *items;
    size_t num;
    size_t size;
};

static void *find(const struct array *a, const void *like)
{
    return a->num ? bsearch(like, a->items, a->num, a->size, view_by_id) : NULL;
}

/* For who asks for one after the other, in their order. */
struct cursor {
    const struct array *in;
    size_t at;
};

static void *find_next(struct cursor *c, const void *like)
{
    int order = -1;

    while (c->at < c->in->num && (order = view_by_id(c->in->items + c->at * c->in->size, like)) < 0)
        c->at++;
    return order == 0 ? c->in->items + c->at * c->in->size : NULL;
}

/* What is in scope of one kind, and what of it is the same. */
struct rule {
    bool (*in)(const struct question *q, const void *element);
    bool (*same)(const void *a, const void *b);
    void (*keep_up)(void *was, const void *now); /* what `same` does not look at */
};

static bool same_service(const void *a, const void *b)
{
    return view_service_same(a, b);
}

static bool same_task(const void *a, const void *b)
{
    return view_task_same(a, b);
}

static bool same_node(const void *a, const void *b)
{
    return view_node_same(a, b);
}

static bool same_network(const void *a, const void *b)
{
    return view_network_same(a, b);
}

static void keep_nothing(void *was, const void *now)
{
    (void)was;
    (void)now;
}

static void keep_service_digest(void *was, const void *now)
{
    ((struct view_service *)was)->digest = ((const struct view_service *)now)->digest;
}

/* Nothing that matters differs, but the versions do, to tell an older reply by. */
static void keep_task_version(void *was, const void *now)
{
    struct view_task *t = was;
    const struct view_task *as = now;

    t->version = as->version > t->version ? as->version : t->version;
    t->digest = as->digest;
}

static void keep_node_version(void *was, const void *now)
{
    struct view_node *n = was;
    uint64_t version = ((const struct view_node *)now)->version;

    n->version = version > n->version ? version : n->version;
}

static const struct rule service_rule = {service_in, same_service, keep_service_digest};
static const struct rule task_rule = {task_in, same_task, keep_task_version};
static const struct rule other_rule = {other_in, same_task, keep_task_version};
static const struct rule node_rule = {node_in, same_node, keep_node_version};
static const struct rule network_rule = {network_in, same_network, keep_nothing};

/* Of one kind: the places of what is known and goes, and of what the reply has instead. */
struct change {
    size_t *leaving;
    size_t num_leaving;
    size_t *entering;
    size_t num_entering;
};

static bool differs(const struct change *c)
{
    return c->num_leaving + c->num_entering > 0;
}

static void change_clear(struct change *c)
{
    free(c->leaving);
    free(c->entering);
}

/* Some of what is known, by its places (rising); those behind the last are not looked at. */
struct places {
    size_t *all;
    size_t num;
};

static void look_at(const struct rule *rule, const struct question *q, char *was, size_t place,
                    struct cursor *fresh, struct change *c)
{
    const void *now = find_next(fresh, was);

    if (!rule->in(q, was))
        return;
    if (now && rule->in(q, now) && rule->same(was, now))
        rule->keep_up(was, now);
    else
        c->leaving[c->num_leaving++] = place;
}

/* What is known under the same id and out of scope stays, and the reply's is left where it is. */
static bool enters(const struct rule *rule, const struct question *q, const void *was,
                   const void *now)
{
    return rule->in(q, now) && (!was || (rule->in(q, was) && !rule->same(was, now)));
}

/* only NULL: all that is known is looked at. */
static struct change compare(const struct rule *rule, const struct question *q, struct array known,
                             struct array fresh, const struct places *only)
{
    size_t num = only ? only->num : known.num;
    struct change c = {.leaving = xcalloc(num + 1, sizeof(*c.leaving)),
                       .entering = xcalloc(fresh.num + 1, sizeof(*c.entering))};

    struct cursor in_fresh = {&fresh, 0}, in_known = {&known, 0};

    for (size_t i = 0; i < num; i++) {
        size_t place = only ? only->all[i] : i;

        look_at(rule, q, known.items + place * known.size, place, &in_fresh, &c);
    }
    for (size_t i = 0; i < fresh.num; i++) {
        const void *now = fresh.items + i * fresh.size;

        if (enters(rule, q, only ? find(&known, now) : find_next(&in_known, now), now))
            c.entering[c.num_entering++] = i;
    }
    return c;
}

#define ARRAY(view, kind) \
    ((struct array){(char *)(view)->kind, (view)->num_##kind, sizeof(*(view)->kind)})

static int by_place(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return x < y ? -1 : x > y;
}

static void places_add(struct places *p, size_t place)
{
    if ((p->num & (p->num - 1)) == 0) /* a power of two, or none: it is full */
        p->all = xrealloc(p->all, (p->num ? p->num * 2 : 1) * sizeof(*p->all));
    p->all[p->num++] = place;
}

static void places_sort(struct places *p)
{
    if (p->num)
        qsort(p->all, p->num, sizeof(*p->all), by_place);
}

static struct change change_services(const struct view *known, const struct question *q)
{
    const struct ids *asked = &q->scope->services;
    struct places only = {0};
    struct change c;

    for (size_t i = 0; i < asked->num && !q->scope->all; i++) {
        const struct view_service *was = view_service(known, asked->items[i]);

        if (was)
            places_add(&only, (size_t)(was - known->services));
    }
    c = compare(&service_rule, q, ARRAY(known, services), ARRAY(q->fresh, services),
                q->scope->all ? NULL : &only);
    free(only.all);
    return c;
}

static struct change change_tasks(const struct view *known, const struct question *q)
{
    struct places only = {0};
    struct change c;

    for (size_t i = 0; i < q->asked.num && !q->scope->all; i++) {
        size_t num;
        const struct view_task **were = view_tasks_of(known, q->asked.items[i], false, &num);

        for (size_t k = 0; k < num; k++)
            places_add(&only, (size_t)(were[k] - known->tasks));
        free(were);
    }
    places_sort(&only);
    c = compare(&task_rule, q, ARRAY(known, tasks), ARRAY(q->fresh, tasks),
                q->scope->all ? NULL : &only);
    free(only.all);
    return c;
}

/* Of the rest, those of which the reply says something; there may be very many others. */
static void find_others(const struct view *known, const struct view_task *said, size_t num,
                        struct places *only)
{
    for (size_t i = 0; i < num; i++) {
        const struct view_task *was = view_other(known, said[i].id);

        if (was)
            places_add(only, (size_t)(was - known->others));
    }
}

static struct change change_others(const struct view *known, const struct question *q)
{
    struct places only = {0};
    struct change c;

    if (!q->scope->all) {
        find_others(known, q->fresh->tasks, q->fresh->num_tasks, &only);
        find_others(known, q->fresh->others, q->fresh->num_others, &only);
        places_sort(&only);
    }
    c = compare(&other_rule, q, ARRAY(known, others), ARRAY(q->fresh, others),
                q->scope->all ? NULL : &only);
    free(only.all);
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

struct changes {
    struct change services, tasks, others, nodes, networks;
    bool refusals;
};

static struct changes find_changes(const struct view *known, const struct question *q)
{
    return (struct changes){
        .services = change_services(known, q),
        .tasks = change_tasks(known, q),
        .others = change_others(known, q),
        .nodes = compare(&node_rule, q, ARRAY(known, nodes), ARRAY(q->fresh, nodes), NULL),
        .networks =
            compare(&network_rule, q, ARRAY(known, networks), ARRAY(q->fresh, networks), NULL),
        .refusals = refusals_differ(known, q->fresh, q->scope),
    };
}

static void changes_clear(struct changes *c)
{
    change_clear(&c->services);
    change_clear(&c->tasks);
    change_clear(&c->others);
    change_clear(&c->nodes);
    change_clear(&c->networks);
}

static unsigned what_differs(const struct changes *c)
{
    return (differs(&c->others) ? MODEL_BESIDE : 0U) |
           (differs(&c->tasks) || c->refusals ? MODEL_TASKS : 0U) |
           (differs(&c->services) || differs(&c->nodes) || differs(&c->networks) ? MODEL_ANNOUNCED
                                                                                 : 0U);
}

#define TELL_EACH(add, to, from, places, num) \
    for (size_t i = 0; i < (num); i++)        \
    add((to), &(from)[(places)[i]])

static void tell_gone(const struct changes *c, struct view *known, struct view *gone)
{
    TELL_EACH(view_share_service, gone, known->services, c->services.leaving,
              c->services.num_leaving);
    TELL_EACH(view_share_task, gone, known->tasks, c->tasks.leaving, c->tasks.num_leaving);
    TELL_EACH(view_share_other, gone, known->others, c->others.leaving, c->others.num_leaving);
    TELL_EACH(view_copy_node, gone, known->nodes, c->nodes.leaving, c->nodes.num_leaving);
    TELL_EACH(view_copy_network, gone, known->networks, c->networks.leaving,
              c->networks.num_leaving);
    for (size_t i = 0; i < known->num_refused; i++)
        view_copy_refused(gone, &known->refused[i]);
}

/* Before they move, but for what is refused. */
static void tell_come(const struct changes *c, struct view *fresh, struct view *come)
{
    TELL_EACH(view_share_service, come, fresh->services, c->services.entering,
              c->services.num_entering);
    TELL_EACH(view_share_task, come, fresh->tasks, c->tasks.entering, c->tasks.num_entering);
    TELL_EACH(view_share_other, come, fresh->others, c->others.entering, c->others.num_entering);
    TELL_EACH(view_copy_node, come, fresh->nodes, c->nodes.entering, c->nodes.num_entering);
    TELL_EACH(view_copy_network, come, fresh->networks, c->networks.entering,
              c->networks.num_entering);
}

static void move(const struct changes *c, struct view *known, struct view *fresh)
{
    view_edit_services(known, c->services.leaving, c->services.num_leaving, fresh->services,
                       c->services.entering, c->services.num_entering);
    view_edit_tasks(known, c->tasks.leaving, c->tasks.num_leaving, fresh->tasks, c->tasks.entering,
                    c->tasks.num_entering);
    view_edit_others(known, c->others.leaving, c->others.num_leaving, fresh->others,
                     c->others.entering, c->others.num_entering);
    view_edit_nodes(known, c->nodes.leaving, c->nodes.num_leaving, fresh->nodes, c->nodes.entering,
                    c->nodes.num_entering);
    view_edit_networks(known, c->networks.leaving, c->networks.num_leaving, fresh->networks,
                       c->networks.entering, c->networks.num_entering);
}

static void ask(struct question *q)
{
    ids_add_all(&q->asked, &q->scope->tasks);
    for (size_t i = 0; i < q->scope->services.num; i++)
        if (!view_service(q->fresh, q->scope->services.items[i]))
            ids_add(&q->asked, q->scope->services.items[i]);
}

unsigned model_apply(struct view *known, struct view *fresh, const struct model_scope *scope,
                     struct view_patch *out)
{
    struct question q = {scope, fresh, {0}};
    struct changes c;
    unsigned change;

    ask(&q);
    c = find_changes(known, &q);
    change = what_differs(&c);
    if (change != 0) {
        if (out) {
            tell_gone(&c, known, out->gone);
            tell_come(&c, fresh, out->come);
        }
        apply_refusals(known, fresh, scope);
        move(&c, known, fresh);
        for (size_t i = 0; out && i < known->num_refused; i++)
            view_copy_refused(out->come, &known->refused[i]);
    }
    changes_clear(&c);
    ids_clear(&q.asked);
    return change;
}

/* ---- what is not at rest ---- */

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

static bool service_moves(const struct view *known, const char *id)
{
    const struct view_service *s = view_service(known, id);
    bool moves = s && s->updating;
    size_t num;
    const struct view_task **tasks = view_tasks_of(known, id, false, &num);

    for (size_t i = 0; i < num && !moves; i++)
        moves = task_moves(tasks[i], is_lost(known, tasks[i]));
    free(tasks);
    return moves;
}

static void add_touched(const struct view *v, struct ids *out)
{
    for (size_t i = 0; i < v->num_services; i++)
        ids_add(out, v->services[i].id);
    for (size_t i = 0; i < v->num_tasks; i++)
        ids_add(out, v->tasks[i].service_id);
}

/* Of a node all tasks are concerned. */
void model_follow_changing(const struct view *known, const struct view_patch *patch,
                           struct ids *changing)
{
    struct ids touched = {0};

    if (patch->gone->num_nodes + patch->come->num_nodes > 0) {
        ids_clear(changing);
        model_add_changing(known, changing);
        return;
    }
    add_touched(patch->gone, &touched);
    add_touched(patch->come, &touched);
    for (size_t i = 0; i < touched.num; i++)
        if (service_moves(known, touched.items[i]))
            ids_add(changing, touched.items[i]);
        else
            ids_remove(changing, touched.items[i]);
    ids_clear(&touched);
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
