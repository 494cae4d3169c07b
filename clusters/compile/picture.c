/*
 * A new view comes in: what differs from the one before is found by walking both, which are sorted
 * by id, side by side, or only what a patch has of both; the services that it concerns are queued.
 * Nothing is judged here.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

static const struct view nothing;

/* ---- services ---- */

static void queue_unit(struct plan *p, const char *id)
{
    struct unit *u = map_get(&p->units, str_from(id));

    if (u != NULL)
        thing_queue(p, &u->thing, THING_JUDGE);
}

/* Whatever sorts by name or age is left before they change, and found again after. */
static void rename_unit(struct plan *p, struct unit *u, const char *name, const char *created)
{
    thing_unask(p, &u->thing);
    name_queue(p, u->name); /* its followers lose it */
    name_remove(p, u);
    free(u->name);
    free(u->created);
    u->name = xstrdup(name);
    u->created = xstrdup(created);
    u->thing.age = (struct age){age_of_text(created), u->created, u->id};
    name_add(p, u);
    thing_queue(p, &u->thing, THING_JUDGE | THING_ASK);
}

static struct unit *unit_get(struct plan *p, const char *id, const char *name, const char *created)
{
    struct unit *u = map_get(&p->units, str_from(id));

    if (u == NULL) {
        u = xcalloc(1, sizeof(*u));
        u->thing.is_service = true;
        u->thing.match = INTENT_MATCH_ALL;
        u->thing.most = SIZE_MAX;
        u->id = xstrdup(id);
        u->name = xstrdup(name);
        u->created = xstrdup(created);
        u->thing.age = (struct age){age_of_text(created), u->created, u->id};
        map_put(&p->units, str_from(id), u);
        name_add(p, u);
    } else if (strcmp(u->name, name) != 0 || strcmp(u->created, created) != 0) {
        rename_unit(p, u, name, created);
    }
    u->thing.gone = false;
    thing_queue(p, &u->thing, THING_JUDGE);
    return u;
}

static void lose_service(struct plan *p, const struct view_service *was)
{
    struct unit *u = map_get(&p->units, str_from(was->id));

    if (u == NULL)
        return;
    u->there = false;
    u->thing.gone = true; /* unless it is refused, which is seen later */
    thing_queue(p, &u->thing, THING_JUDGE);
}

/* The same memory (view_clone shares it), or the same content. */
static bool same_service(const struct view_service *a, const struct view_service *b)
{
    return (a->shared != NULL && a->shared == b->shared) || view_service_same(a, b);
}

static void take_service(struct plan *p, const struct view_service *was,
                         const struct view_service *now)
{
    if (was == NULL || !same_service(was, now))
        unit_get(p, now->id, now->name, now->created_at)->there = true;
}

static int service_order(const struct view_service *a, const struct view_service *b)
{
    return a->shared != NULL && a->shared == b->shared ? 0 : strcmp(a->id, b->id);
}

static void compare_services(struct plan *p, const struct view *was, const struct view *now)
{
    size_t i = 0;

    for (size_t k = 0; k < now->num_services; k++) {
        const struct view_service *s = &now->services[k];
        int order = -1;

        while (i < was->num_services && (order = service_order(&was->services[i], s)) < 0)
            lose_service(p, &was->services[i++]);
        bool known = i < was->num_services && order == 0;

        take_service(p, known ? &was->services[i] : NULL, s);
        i += known ? 1 : 0;
    }
    while (i < was->num_services)
        lose_service(p, &was->services[i++]);
}

/* ---- tasks ---- */

void tasks_free(void *queue)
{
    struct queue *ids = queue;

    for (size_t i = 0; i < ids->num; i++)
        free(ids->all[i]);
    queue_free(ids);
    free(ids);
}

/* Where the id is, or belongs. */
static size_t place_of(const struct queue *ids, const char *id)
{
    size_t low = 0;
    size_t high = ids->num;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (strcmp(ids->all[mid], id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void add_task(struct plan *p, const struct view_task *t)
{
    struct queue *ids = map_get(&p->tasks, str_from(t->service_id));
    size_t at;

    if (ids == NULL) {
        ids = xcalloc(1, sizeof(*ids));
        map_put(&p->tasks, str_from(t->service_id), ids);
    }
    at = place_of(ids, t->id);
    queue_add(ids, NULL);
    memmove(&ids->all[at + 1], &ids->all[at], (ids->num - 1 - at) * sizeof(void *));
    ids->all[at] = xstrdup(t->id);
    queue_unit(p, t->service_id);
}

static void lose_task(struct plan *p, const struct view_task *t)
{
    struct queue *ids = map_get(&p->tasks, str_from(t->service_id));
    size_t at = place_of(ids, t->id);

    ASSERT(at < ids->num && strcmp(ids->all[at], t->id) == 0);
    free(ids->all[at]);
    memmove(&ids->all[at], &ids->all[at + 1], (ids->num - at - 1) * sizeof(void *));
    ids->num--;
    if (ids->num == 0)
        tasks_free(map_remove(&p->tasks, str_from(t->service_id)));
    queue_unit(p, t->service_id);
}

static bool is_shared(const struct view_task *a, const struct view_task *b)
{
    return a->shared != NULL && a->shared == b->shared;
}

static int task_order(const struct view_task *a, const struct view_task *b)
{
    return is_shared(a, b) ? 0 : strcmp(a->id, b->id);
}

/* States are the view's own, even where the rest is shared. */
static bool same_task(const struct view_task *a, const struct view_task *b)
{
    if (is_shared(a, b))
        return a->state == b->state && a->desired_running == b->desired_running;
    return view_task_same(a, b);
}

static void compare_task(struct plan *p, const struct view_task *was, const struct view_task *now)
{
    if (same_task(was, now))
        return;
    if (strcmp(was->service_id, now->service_id) == 0) {
        queue_unit(p, now->service_id);
    } else {
        lose_task(p, was);
        add_task(p, now);
    }
}

static void compare_tasks(struct plan *p, const struct view *was, const struct view *now)
{
    size_t i = 0;

    for (size_t k = 0; k < now->num_tasks; k++) {
        int order = -1;

        while (i < was->num_tasks && (order = task_order(&was->tasks[i], &now->tasks[k])) < 0)
            lose_task(p, &was->tasks[i++]);
        if (i < was->num_tasks && order == 0)
            compare_task(p, &was->tasks[i++], &now->tasks[k]);
        else
            add_task(p, &now->tasks[k]);
    }
    while (i < was->num_tasks)
        lose_task(p, &was->tasks[i++]);
}

/* ---- nodes ---- */

/* Ids whose state is another, or that came or went. */
static void compare_nodes(const struct view *was, const struct view *now, struct map *changed)
{
    for (size_t i = 0; i < was->num_nodes; i++) {
        const struct view_node *n = view_node(now, was->nodes[i].id);

        if (n == NULL || n->state != was->nodes[i].state)
            map_put(changed, str_from(was->nodes[i].id), changed);
    }
    for (size_t i = 0; i < now->num_nodes; i++)
        if (view_node(was, now->nodes[i].id) == NULL)
            map_put(changed, str_from(now->nodes[i].id), changed);
}

static void queue_on_nodes(struct plan *p, const struct view *now, const struct map *changed)
{
    for (size_t i = 0; changed->len > 0 && i < now->num_tasks; i++)
        if (map_get(changed, str_from(now->tasks[i].node_id)) != NULL)
            queue_unit(p, now->tasks[i].service_id);
}

/* ---- networks ---- */

static void add_network(struct map *changed, const struct view_network *n)
{
    map_put(changed, str_from(n->id), changed);
    map_put(changed, str_from(n->name), changed);
}

/* Ids and names that mean something else now. */
static void compare_networks(const struct view *was, const struct view *now, struct map *changed)
{
    for (size_t i = 0; i < was->num_networks; i++) {
        const struct view_network *n = view_network(now, was->networks[i].id);

        if (n != NULL && view_network_same(n, &was->networks[i]))
            continue;
        add_network(changed, &was->networks[i]);
        if (n != NULL)
            add_network(changed, n);
    }
    for (size_t i = 0; i < now->num_networks; i++)
        if (view_network(was, now->networks[i].id) == NULL)
            add_network(changed, &now->networks[i]);
}

static bool unit_on(const struct plan *p, const struct unit *u, const struct map *changed)
{
    const struct view_service *s = unit_service(p, u);
    const char *wish = u->intent != NULL ? u->intent->network : NULL;

    for (size_t i = 0; s != NULL && i < s->num_networks; i++)
        if (map_get(changed, str_from(s->networks[i].network_id)) != NULL)
            return true;
    return wish != NULL && map_get(changed, str_from(wish)) != NULL;
}

static void queue_on_networks(struct plan *p, const struct map *changed)
{
    size_t pos = 0;
    struct str key;
    void *found;

    while (changed->len > 0 && map_next(&p->units, &pos, &key, &found))
        if (unit_on(p, found, changed))
            thing_queue(p, found, THING_JUDGE); /* with it the pools that follow it */
    pos = 0;
    while (changed->len > 0 && map_next(&p->documents[INTENT_POOL], &pos, &key, &found)) {
        const struct document *d = found;
        const char *wish = d->intent != NULL ? d->intent->as.pool.network : NULL;

        if (wish != NULL && map_get(changed, str_from(wish)) != NULL)
            thing_queue(p, found, THING_JUDGE);
    }
}

/* ---- what Docker says and nobody understands ---- */

static bool is_refused_service(const struct view_refused *r)
{
    return strcmp(r->kind, "service") == 0;
}

/* They have no say in the tables, so that all of them are taken anew. */
static void forget_refused(struct plan *p, const struct view *was)
{
    for (size_t i = 0; i < was->num_refused; i++) {
        struct unit *u = map_get(&p->units, str_from(was->refused[i].id));

        if (!is_refused_service(&was->refused[i]) || u == NULL)
            continue;
        free(u->refused_why);
        u->refused_why = NULL;
        u->thing.gone = !u->there;
        thing_queue(p, &u->thing, THING_JUDGE);
    }
}

static void take_refused(struct plan *p, const struct view *now)
{
    for (size_t i = 0; i < now->num_refused; i++) {
        const struct view_refused *r = &now->refused[i];
        struct unit *u;

        if (!is_refused_service(r))
            continue;
        u = map_get(&p->units, str_from(r->id));
        if (u == NULL || !u->there)
            u = unit_get(p, r->id, r->name, "");
        free(u->refused_why);
        u->refused_why = xstrdup(r->why);
    }
}

/* ---- the whole ---- */

/* Of `was` and `now` only what differs need be there, but all that is refused. */
static void take(struct plan *p, const struct view *was, const struct view *now,
                 const struct view *view)
{
    struct map nodes = {0};
    struct map networks = {0};

    compare_nodes(was, now, &nodes);
    compare_networks(was, now, &networks);
    forget_refused(p, was);
    compare_services(p, was, now);
    take_refused(p, now);
    compare_tasks(p, was, now);
    p->view = view;
    queue_on_nodes(p, view, &nodes);
    queue_on_networks(p, &networks);
    map_free(&nodes, NULL);
    map_free(&networks, NULL);
}

void plan_view(struct plan *p, const struct view *view)
{
    take(p, p->view != NULL ? p->view : &nothing, view, view);
}

void plan_patch(struct plan *p, const struct view *gone, const struct view *come)
{
    ASSERT(p->view != NULL);
    take(p, gone, come, p->view);
}
