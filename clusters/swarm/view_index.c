/*
 * Which tasks a service has. The arrays of a view are sorted by the tasks' own ids; whoever asks
 * for the five tasks of one service among fifty thousand must not walk them. Ids are kept, not
 * places: those move with each change. Called by the model and by who counts gateways.
 */
#include <stdlib.h>

#include "clusters/swarm/ids.h"
#include "clusters/swarm/view_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"

/* Id of a service -> struct ids of its tasks. */
struct view_index {
    struct map tasks;
    struct map others;
};

static void enter(struct map *of, const struct view_task *t)
{
    struct ids *ids = map_get(of, str_from(t->service_id));

    if (!ids) {
        ids = xcalloc(1, sizeof(*ids));
        (void)map_put(of, str_from(t->service_id), ids); /* there was none */
    }
    ids_add(ids, t->id);
}

static void leave(struct map *of, const struct view_task *t)
{
    struct ids *ids = map_get(of, str_from(t->service_id));

    ASSERT(ids);
    ids_remove(ids, t->id);
    if (ids->num > 0)
        return;
    ids_clear(ids);
    free(map_remove(of, str_from(t->service_id)));
}

void view_index_task(struct view *v, const struct view_task *entering)
{
    if (v->index)
        enter(&v->index->tasks, entering);
}

void view_index_other(struct view *v, const struct view_task *entering)
{
    if (v->index)
        enter(&v->index->others, entering);
}

void view_unindex_task(struct view *v, const struct view_task *leaving)
{
    if (v->index)
        leave(&v->index->tasks, leaving);
}

void view_unindex_other(struct view *v, const struct view_task *leaving)
{
    if (v->index)
        leave(&v->index->others, leaving);
}

void view_index(struct view *v)
{
    ASSERT(!v->index);
    v->index = xcalloc(1, sizeof(*v->index));
    for (size_t i = 0; i < v->num_tasks; i++)
        view_index_task(v, &v->tasks[i]);
    for (size_t i = 0; i < v->num_others; i++)
        view_index_other(v, &v->others[i]);
}

static void free_ids(void *p)
{
    ids_clear(p);
    free(p);
}

void view_index_free(struct view_index *index)
{
    if (!index)
        return;
    map_free(&index->tasks, free_ids);
    map_free(&index->others, free_ids);
    free(index);
}

/* ---- asking ---- */

struct found {
    const struct view_task **all;
    size_t num;
};

static void found_add(struct found *f, const struct view_task *t)
{
    if ((f->num & (f->num - 1)) == 0) /* a power of two, or none: it is full */
        f->all = xrealloc(f->all, (f->num ? f->num * 2 : 1) * sizeof(const struct view_task *));
    f->all[f->num++] = t;
}

static void walk(struct found *f, const struct view_task *tasks, size_t num, const char *service_id)
{
    for (size_t i = 0; i < num; i++)
        if (str_eq(str_from(tasks[i].service_id), str_from(service_id)))
            found_add(f, &tasks[i]);
}

static const struct ids *ids_of(const struct map *of, const char *service_id)
{
    static const struct ids none;
    const struct ids *ids = map_get(of, str_from(service_id));

    return ids ? ids : &none;
}

const struct view_task **view_tasks_of(const struct view *v, const char *service_id,
                                       bool others_too, size_t *num)
{
    struct found f = {0};

    if (v->index) {
        const struct ids *tasks = ids_of(&v->index->tasks, service_id);
        const struct ids *others = ids_of(&v->index->others, service_id);

        for (size_t i = 0; i < tasks->num; i++)
            found_add(&f, view_task(v, tasks->items[i]));
        for (size_t i = 0; i < others->num && others_too; i++)
            found_add(&f, view_other(v, others->items[i]));
    } else {
        walk(&f, v->tasks, v->num_tasks, service_id);
        walk(&f, v->others, others_too ? v->num_others : 0, service_id);
    }
    *num = f.num;
    return f.all;
}
