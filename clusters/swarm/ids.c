/*
 * Sets of service ids, for what changed and what has to be read again: a sorted array, because they
 * hold a handful. Called by docker.c and observe.c.
 */
#include "clusters/swarm/ids.h"

#include <string.h>

#include "gateway/core/check.h"

/* Where id is, or where it belongs. */
static size_t place(const struct ids *s, const char *id)
{
    size_t low = 0, high = s->num;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(s->items[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ids_has(const struct ids *s, const char *id)
{
    size_t at = place(s, id);

    return at < s->num && strcmp(s->items[at], id) == 0;
}

void ids_add(struct ids *s, const char *id)
{
    size_t at = place(s, id);

    if (at < s->num && strcmp(s->items[at], id) == 0)
        return;
    s->items = xrealloc(s->items, (s->num + 1) * sizeof(*s->items));
    memmove(s->items + at + 1, s->items + at, (s->num - at) * sizeof(*s->items));
    s->items[at] = xstrdup(id);
    s->num++;
}

void ids_remove(struct ids *s, const char *id)
{
    size_t at = place(s, id);

    if (at == s->num || strcmp(s->items[at], id) != 0)
        return;
    free(s->items[at]);
    s->num--;
    memmove(s->items + at, s->items + at + 1, (s->num - at) * sizeof(*s->items));
}

void ids_add_all(struct ids *s, const struct ids *others)
{
    for (size_t i = 0; i < others->num; i++)
        ids_add(s, others->items[i]);
}

void ids_clear(struct ids *s)
{
    for (size_t i = 0; i < s->num; i++)
        free(s->items[i]);
    free(s->items);
    s->items = NULL;
    s->num = 0;
}
