/*
 * What a cluster's table in the store still differs in from the plan: for each object that may
 * differ, its committed value. It is filled from the store at the start and from the plan's deltas
 * later, and is emptied by a commit; what waits because a cluster is held, or because the store
 * took nothing, waits here. Pure but for its own memory.
 */
#ifndef CLUSTERS_BACKLOG_H
#define CLUSTERS_BACKLOG_H

#include <stddef.h>

#include "gateway/core/map.h"
#include "gateway/route/route.h"

struct backlog {
    struct map objects; /* "kind NUL name" -> struct backlog_object */
    size_t num_routes;  /* of those with a committed value */
};

struct backlog_object {
    char *before; /* NULL: it is not in the store */
};

/* One object of the committed table that the plan may not have, or have otherwise. */
void backlog_note(struct backlog *b, enum route_kind kind, const char *name, const char *before);
void backlog_clear(struct backlog *b);

/* In no order; fn changes nothing. */
typedef void backlog_fn(void *arg, enum route_kind kind, const char *name, const char *before);
void backlog_each(const struct backlog *b, backlog_fn *fn, void *arg);

#endif
