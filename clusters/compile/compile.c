/*
 * From a view of the swarm to one table per service cluster. Pure; linear in services, tasks and
 * hosts but for two sorts. This file gathers the labelled services and their tasks and hands them
 * on; unit.c judges each by itself, settle.c all of a cluster together. Called by the coordinator
 * with each new view, and by tests and dry runs.
 */
#include "clusters/compile/compile.h"

#include <stdlib.h>
#include <string.h>

#include "clusters/compile/compile_priv.h"
#include "gateway/core/check.h"

/* Everything that one run needs and forgets. */
struct run {
    struct compile_index index;
    struct unit *units; /* in the order of the view: by id */
    size_t num_units;
    const struct view_task **tasks; /* those that serve or end, unit by unit */
};

static void index_view(struct compile_index *index, const struct compile_input *in)
{
    const struct view *v = in->view;

    index->in = in;
    for (size_t i = 0; i < v->num_nodes; i++)
        map_put(&index->nodes, str_from(v->nodes[i].id), &v->nodes[i]);
    for (size_t i = 0; i < v->num_networks; i++)
        map_put(&index->networks, str_from(v->networks[i].id), &v->networks[i]);
}

static struct compile_result *new_result(const struct compile_input *in)
{
    struct compile_result *r = xcalloc(1, sizeof(*r));

    r->num_clusters = in->num_clusters;
    r->clusters = xcalloc(in->num_clusters + 1, sizeof(*r->clusters));
    for (size_t i = 0; i < in->num_clusters; i++)
        r->clusters[i].name = xstrdup(in->clusters[i]);
    r->services = xcalloc(in->view->num_services + in->view->num_refused + 1, sizeof(*r->services));
    return r;
}

static void read_services(struct run *run, struct compile_result *r)
{
    const struct view *v = run->index.in->view;

    run->units = xcalloc(v->num_services + 1, sizeof(*run->units));
    for (size_t i = 0; i < v->num_services; i++) {
        struct unit *u = &run->units[run->num_units];

        u->service = &v->services[i];
        u->out = &r->services[r->num_services];
        unit_read(&run->index, u);
        if (u->intent == NULL)
            continue; /* no label of ours: the slots are used by the next one */
        run->num_units++;
        r->num_services++;
    }
}

/* Counts, then places: two walks over the tasks, so that each unit gets one slice in view order. */
static void share_tasks(struct run *run)
{
    const struct view *v = run->index.in->view;
    struct unit **owner = xcalloc(v->num_tasks + 1, sizeof(struct unit *));
    struct map by_id = {0};
    size_t next = 0;

    for (size_t i = 0; i < run->num_units; i++)
        map_put(&by_id, str_from(run->units[i].service->id), &run->units[i]);
    for (size_t i = 0; i < v->num_tasks; i++) {
        owner[i] = map_get(&by_id, str_from(v->tasks[i].service_id));
        if (owner[i] != NULL && !unit_task_serves(&run->index, &v->tasks[i]) &&
            !unit_task_ends(&run->index, &v->tasks[i]))
            owner[i] = NULL;
        if (owner[i] != NULL)
            owner[i]->num_tasks++;
    }
    run->tasks = xcalloc(v->num_tasks + 1, sizeof(const struct view_task *));
    for (size_t i = 0; i < run->num_units; i++) {
        run->units[i].tasks = run->tasks + next;
        next += run->units[i].num_tasks;
        run->units[i].num_tasks = 0;
    }
    for (size_t i = 0; i < v->num_tasks; i++)
        if (owner[i] != NULL)
            owner[i]->tasks[owner[i]->num_tasks++] = &v->tasks[i];
    map_free(&by_id, NULL);
    free(owner);
}

/*
 * Docker leaves trailing zeros of the fraction away, so that "…00.5Z" is younger than "…00Z" and
 * older than "…00.55Z": compare without the Z, shorter first.
 */
static struct str without_zone(const char *rfc3339)
{
    struct str s = str_from(rfc3339);

    if (s.n > 0 && s.p[s.n - 1] == 'Z')
        s.n--;
    return s;
}

static int compare_age(const void *a, const void *b)
{
    const struct view_service *x = (*(struct unit *const *)a)->service;
    const struct view_service *y = (*(struct unit *const *)b)->service;
    int c = str_cmp(without_zone(x->created_at), without_zone(y->created_at));

    return c != 0 ? c : strcmp(x->id, y->id);
}

static void settle(struct run *run, struct compile_result *r)
{
    struct unit **oldest_first = xcalloc(run->num_units + 1, sizeof(struct unit *));

    for (size_t i = 0; i < run->num_units; i++)
        oldest_first[i] = &run->units[i];
    qsort(oldest_first, run->num_units, sizeof(struct unit *), compare_age);
    settle_units(r, oldest_first, run->num_units);
    free(oldest_first);
}

static int compare_id(const void *a, const void *b)
{
    return strcmp(((const struct compile_service *)a)->id, ((const struct compile_service *)b)->id);
}

/*
 * What Docker says of a service now and cannot be understood: its owner would look for it here.
 * What was understood of it before is still routed. It belongs to no cluster that could be told, so
 * each shows it.
 */
static void tell_refused(struct compile_result *r, const struct view *v)
{
    const size_t num_read = r->num_services;

    for (size_t i = 0; i < v->num_refused; i++) {
        const struct view_refused *refused = &v->refused[i];
        struct compile_service key = {.id = refused->id}, *s;

        if (strcmp(refused->kind, "service") != 0)
            continue;
        s = bsearch(&key, r->services, num_read, sizeof(*s), compare_id);
        if (s == NULL) {
            s = &r->services[r->num_services++];
            s->id = xstrdup(refused->id);
            s->name = xstrdup(refused->name);
            s->cluster = xstrdup("");
            cond_add(s, COMPILE_ACCEPTED, false, (struct cond_about){"NotUnderstood", "", NULL},
                     "what Docker says of the service is not understood: %s", refused->why);
        } else {
            cond_add(s, COMPILE_RESOLVED, false, (struct cond_about){"NotUnderstood", "", NULL},
                     "what Docker says of the service now is not understood, what was known before "
                     "stays in force: %s",
                     refused->why);
        }
    }
    qsort(r->services, r->num_services, sizeof(*r->services), compare_id);
}

static void forget(struct run *run)
{
    for (size_t i = 0; i < run->num_units; i++) {
        labels_free(run->units[i].intent);
        free(run->units[i].endpoints);
    }
    free(run->units);
    free(run->tasks);
    map_free(&run->index.nodes, NULL);
    map_free(&run->index.networks, NULL);
}

struct compile_result *compile_run(const struct compile_input *in)
{
    struct run run = {0};
    struct compile_result *r = new_result(in);

    index_view(&run.index, in);
    read_services(&run, r);
    share_tasks(&run);
    for (size_t i = 0; i < run.num_units; i++)
        unit_find_endpoints(&run.units[i]);
    settle(&run, r);
    for (size_t i = 0; i < run.num_units; i++)
        cond_finish(&run.units[i]);
    tell_refused(r, in->view);
    forget(&run);
    return r;
}

static void free_service(struct compile_service *s)
{
    for (size_t i = 0; i < s->num_hosts; i++)
        free(s->hosts[i]);
    for (size_t i = 0; i < s->num_conditions; i++) {
        free(s->conditions[i].reason);
        free(s->conditions[i].message);
        free(s->conditions[i].label);
        free(s->conditions[i].value);
    }
    free(s->id);
    free(s->name);
    free(s->cluster);
    free(s->hosts);
    free(s->conditions);
}

static void free_cluster(struct compile_cluster *c)
{
    for (size_t i = 0; i < c->num_objects; i++) {
        free(c->objects[i].name);
        free(c->objects[i].value);
    }
    free(c->objects);
    free(c->name);
}

void compile_free(struct compile_result *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->num_clusters; i++)
        free_cluster(&r->clusters[i]);
    for (size_t i = 0; i < r->num_services; i++)
        free_service(&r->services[i]);
    free(r->clusters);
    free(r->services);
    free(r);
}
