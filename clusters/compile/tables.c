/*
 * The tables of the clusters: objects by name, and what a settle changed of them. An object that
 * was deleted and set again with the same bytes did not change.
 */
#include <stdlib.h>
#include <string.h>

#include "clusters/assign/assign.h"
#include "clusters/compile/plan_priv.h"
#include "gateway/core/check.h"

/* An object that this settle set or deleted, as it was before. */
struct touch {
    struct table *table;
    enum route_kind kind;
    char *name;
    char *before; /* NULL: was not there */
};

struct table *table_find(const struct plan *p, const char *name)
{
    return map_get(&p->tables, str_from(name));
}

struct table *table_get(struct plan *p, const char *name)
{
    struct table *t = table_find(p, name);

    if (t == NULL) {
        t = xcalloc(1, sizeof(*t));
        t->name = xstrdup(name);
        map_put(&p->tables, str_from(name), t);
    }
    return t;
}

struct table *table_there(const struct plan *p, const char *name)
{
    struct table *t = table_find(p, name);

    return t != NULL && t->there ? t : NULL;
}

void table_free(void *table)
{
    struct table *t = table;

    for (int k = 0; k < ROUTE_KIND__COUNT; k++)
        map_free(&t->objects[k], free);
    map_free(&t->tenants, free);
    guards_free(t->guards);
    free(t->name);
    free(t);
}

/* ---- which are there ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct table *const *)a)->name, (*(struct table *const *)b)->name);
}

/* A document that says "default" comes before what plan_clusters said. */
static const struct table *find_default(const struct plan *p)
{
    for (size_t i = 0; i < p->num_there; i++)
        if (p->there[i]->doc != NULL && p->there[i]->doc->is_default)
            return p->there[i];
    return p->default_name != NULL ? table_there(p, p->default_name) : NULL;
}

/* As clusters/assign wants them; lent by the documents until one of them changes. */
static void list_for_assign(struct plan *p)
{
    size_t num = 0;
    struct assign_label *next;

    for (size_t i = 0; i < p->num_there; i++)
        num += p->there[i]->doc != NULL ? p->there[i]->doc->num_labels : 0;
    free(p->assigns);
    free(p->assign_labels);
    p->assigns = xcalloc(p->num_there + 1, sizeof(*p->assigns));
    p->assign_labels = next = xcalloc(num + 1, sizeof(*next));
    for (size_t i = 0; i < p->num_there; i++) {
        const struct intent_cluster *doc = p->there[i]->doc;

        p->assigns[i].name = p->there[i]->name;
        p->assigns[i].selector = next;
        p->assigns[i].num_selector = doc != NULL ? doc->num_labels : 0;
        for (size_t k = 0; k < p->assigns[i].num_selector; k++)
            *next++ = (struct assign_label){doc->labels[k].key, doc->labels[k].value};
    }
}

void tables_review(struct plan *p)
{
    size_t pos = 0;
    struct str key;
    void *found;

    free(p->there);
    p->there = xcalloc(p->tables.len + 1, sizeof(struct table *));
    p->num_there = 0;
    while (map_next(&p->tables, &pos, &key, &found)) {
        struct table *t = found;

        t->there = t->configured || t->doc != NULL;
        if (t->there)
            p->there[p->num_there++] = t;
    }
    qsort(p->there, p->num_there, sizeof(struct table *), compare_names);
    p->by_default = find_default(p);
    list_for_assign(p);
}

/* After a settle nothing of a cluster that is gone is left in its table, and nobody points at it.
 */
void tables_sweep(struct plan *p)
{
    size_t pos = 0;
    struct str key;
    void *found;

    while (map_next(&p->tables, &pos, &key, &found)) {
        struct table *t = found;

        if (t->there)
            continue;
        for (int k = 0; k < ROUTE_KIND__COUNT; k++)
            ASSERT(t->objects[k].len == 0);
        (void)map_remove(&p->tables, key);
        table_free(t);
    }
}

/* ---- objects ---- */

/* Takes `before`, or frees it when an earlier touch knows better. */
static void touch(struct plan *p, struct table *t, enum route_kind kind, const char *name,
                  char *before)
{
    char *text = xasprintf("%d %zu %s%s", kind, strlen(t->name), t->name, name);
    struct touch *known = map_get(&p->touched, str_from(text));

    if (known != NULL) {
        free(before);
    } else {
        known = xcalloc(1, sizeof(*known));
        *known = (struct touch){t, kind, xstrdup(name), before};
        map_put(&p->touched, str_from(text), known);
    }
    free(text);
}

void table_set(struct plan *p, struct table *t, enum route_kind kind, const char *name,
               char *owned_value)
{
    struct map *objects = &t->objects[kind];
    char *before = owned_value != NULL ? map_put(objects, str_from(name), owned_value)
                                       : map_remove(objects, str_from(name));

    if (before != NULL || owned_value != NULL)
        touch(p, t, kind, name, before);
}

static int compare_changes(const void *a, const void *b)
{
    const struct plan_change *x = a;
    const struct plan_change *y = b;
    int c = strcmp(x->cluster, y->cluster);

    if (c != 0)
        return c;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool is_changed(const char *before, const char *after)
{
    if (before == NULL || after == NULL)
        return before != after;
    return strcmp(before, after) != 0;
}

void tables_take_delta(struct plan *p, struct plan_delta *out)
{
    size_t pos = 0;
    struct str key;
    void *found;

    *out = (struct plan_delta){.changes = xcalloc(p->touched.len + 1, sizeof(*out->changes))};
    while (map_next(&p->touched, &pos, &key, &found)) {
        struct touch *t = found;
        const char *after = map_get(&t->table->objects[t->kind], str_from(t->name));

        if (is_changed(t->before, after)) {
            out->changes[out->num++] =
                (struct plan_change){xstrdup(t->table->name), t->kind, t->name, t->before,
                                     after != NULL ? xstrdup(after) : NULL};
        } else {
            free(t->name);
            free(t->before);
        }
    }
    map_free(&p->touched, free);
    qsort(out->changes, out->num, sizeof(*out->changes), compare_changes);
}

void plan_delta_clear(struct plan_delta *d)
{
    for (size_t i = 0; i < d->num; i++) {
        free(d->changes[i].cluster);
        free(d->changes[i].name);
        free(d->changes[i].before);
        free(d->changes[i].after);
    }
    free(d->changes);
    *d = (struct plan_delta){0};
}

/* ---- what others read ---- */

struct object {
    const char *name;
    const char *value;
};

static int compare_objects(const void *a, const void *b)
{
    return strcmp(((const struct object *)a)->name, ((const struct object *)b)->name);
}

static void each_of(const struct map *objects, enum route_kind kind, plan_object_fn *fn, void *arg)
{
    struct object *sorted = xcalloc(objects->len + 1, sizeof(*sorted));
    size_t pos = 0;
    size_t num = 0;
    struct str name;
    void *value;

    while (map_next(objects, &pos, &name, &value))
        sorted[num++] = (struct object){name.p, value}; /* keys of a map end in a NUL */
    qsort(sorted, num, sizeof(*sorted), compare_objects);
    for (size_t i = 0; i < num; i++)
        fn(arg, kind, sorted[i].name, sorted[i].value);
    free(sorted);
}

void plan_each_object(const struct plan *p, const char *cluster, plan_object_fn *fn, void *arg)
{
    const struct table *t = table_find(p, cluster);

    for (int k = 0; t != NULL && k < ROUTE_KIND__COUNT; k++)
        each_of(&t->objects[k], (enum route_kind)k, fn, arg);
}

const char *plan_object(const struct plan *p, const char *cluster, enum route_kind kind,
                        const char *name)
{
    const struct table *t = table_find(p, cluster);

    return t != NULL ? map_get(&t->objects[kind], str_from(name)) : NULL;
}

size_t plan_num_routes(const struct plan *p, const char *cluster)
{
    const struct table *t = table_find(p, cluster);

    return t != NULL ? t->objects[ROUTE_KIND_ROUTE].len : 0;
}

const char *plan_cluster_name(const struct plan *p, size_t i)
{
    return i < p->num_there ? p->there[i]->name : NULL;
}
