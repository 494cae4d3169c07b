/*
 * The difference of two tables, by comparing bytes: values are canonical. Knows no store; the
 * coordinator gathers the old table with diff_table_add and commits what comes out.
 */
#include "clusters/compile/diff.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

static int compare(const void *a, const void *b)
{
    const struct compile_object *x = a;
    const struct compile_object *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->name, y->name);
}

bool diff_table_add(struct compile_cluster *table, const char *kind, const char *name,
                    const char *value)
{
    struct compile_object object;

    if (!route_kind_from_name(kind, &object.kind))
        return false;
    /* A power of two objects: the array is full; the struct is shared and keeps no capacity. */
    if ((table->num_objects & (table->num_objects - 1)) == 0)
        table->objects = xrealloc(
            table->objects, (table->num_objects > 0 ? table->num_objects : 1) * 2 * sizeof(object));
    object.name = xstrdup(name);
    object.value = xstrdup(value);
    table->objects[table->num_objects++] = object;
    return true;
}

void diff_table_sort(struct compile_cluster *table)
{
    if (table->num_objects > 0)
        qsort(table->objects, table->num_objects, sizeof(*table->objects), compare);
}

void diff_table_clear(struct compile_cluster *table)
{
    for (size_t i = 0; i < table->num_objects; i++) {
        free(table->objects[i].name);
        free(table->objects[i].value);
    }
    free(table->objects);
    free(table->name);
    *table = (struct compile_cluster){0};
}

static struct diff_change removed(const struct compile_object *o)
{
    return (struct diff_change){o->kind, o->name, NULL};
}

static struct diff_change wanted(const struct compile_object *o)
{
    return (struct diff_change){o->kind, o->name, o->value};
}

/* Both are sorted: a merge. */
static size_t merge(const struct compile_cluster *old, const struct compile_cluster *now,
                    struct diff_change *changes)
{
    size_t num = 0;
    size_t i = 0;
    size_t j = 0;

    while (i < old->num_objects && j < now->num_objects) {
        const struct compile_object *a = &old->objects[i];
        const struct compile_object *b = &now->objects[j];
        int order = compare(a, b);

        if (order < 0)
            changes[num++] = removed(a);
        else if (order > 0 || strcmp(a->value, b->value) != 0)
            changes[num++] = wanted(b);
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
    for (; i < old->num_objects; i++)
        changes[num++] = removed(&old->objects[i]);
    for (; j < now->num_objects; j++)
        changes[num++] = wanted(&now->objects[j]);
    return num;
}

size_t diff_tables(const struct compile_cluster *old, const struct compile_cluster *now,
                   struct diff_change **out)
{
    struct diff_change *changes =
        xcalloc(old->num_objects + now->num_objects + 1, sizeof(*changes));
    size_t num = merge(old, now, changes);

    if (num == 0) {
        free(changes);
        changes = NULL;
    }
    *out = changes;
    return num;
}
