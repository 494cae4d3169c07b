/*
 * Inside clusters/swarm only: a view's index of tasks by service (view_index.c), which is kept up
 * by whoever changes a sealed view (view_edit.c). All of these do nothing without an index.
 */
#ifndef CLUSTERS_SWARM_VIEW_PRIV_H
#define CLUSTERS_SWARM_VIEW_PRIV_H

#include <string.h>

#include "clusters/swarm/view.h"

void view_index_task(struct view *v, const struct view_task *entering);
void view_index_other(struct view *v, const struct view_task *entering);
void view_unindex_task(struct view *v, const struct view_task *leaving);
void view_unindex_other(struct view *v, const struct view_task *leaving);
void view_index_free(struct view_index *index);

/* Every element of a view begins with its id: sorting and searching use that. */
static inline const char *view_id_of(const void *element)
{
    char *id;

    memcpy(&id, element, sizeof(id));
    return id;
}

static inline int view_by_id(const void *a, const void *b)
{
    return strcmp(view_id_of(a), view_id_of(b));
}

#endif
