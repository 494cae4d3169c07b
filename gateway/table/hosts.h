/*
 * Which routes stand where: a persistent tree from hosts over the segments of paths to lines of
 * routes. A copy shares everything with its original; changing one copies only the nodes on the way
 * (path copying), so that a change costs the depth of its path, whatever stands elsewhere. Private
 * to gateway/table.
 */
#ifndef GATEWAY_TABLE_HOSTS_H
#define GATEWAY_TABLE_HOSTS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "gateway/core/str.h"
#include "gateway/table/line.h"
#include "gateway/table/trie.h"

struct table_route;
struct version_route;

/* A host, or a segment of a path under it. */
struct hosts_node {
    _Atomic uint32_t refs;
    uint32_t name_len;
    struct line prefix;   /* of this path and all below it */
    struct line exact;    /* of this path */
    struct trie children; /* of struct hosts_node, by segment */
    char name[];
};

struct hosts {
    struct trie exact;     /* of struct hosts_node, by host; "*" is the default */
    struct trie wildcards; /* likewise, by what stands behind the "*." */
};

/* One line, and where it stands. */
struct hosts_place {
    struct str host; /* as routes write it */
    struct str path; /* route_path_prefix of it, unless exact */
    bool exact;
};

void hosts_init(struct hosts *h);
void hosts_copy(struct hosts *out, const struct hosts *h);
void hosts_free(struct hosts *h); /* empty again */

/* The place that a route has by its host of that index; lent by the route. */
struct hosts_place hosts_place_of(const struct version_route *r, size_t index);

/* Answers how many routes stand there now. */
size_t hosts_add(struct hosts *h, const struct hosts_place *p, struct version_route *r);
void hosts_remove(struct hosts *h, const struct hosts_place *p, const struct version_route *r);

struct line hosts_line(const struct hosts *h, const struct hosts_place *p); /* lent */

/* The most specific node for the host of a request: itself, the longest wildcard, "*", or NULL. */
const struct hosts_node *hosts_find(const struct hosts *h, struct str host);
const struct hosts_node *hosts_child(const struct hosts_node *n, struct str segment); /* or NULL */

/* Every route of a host's node, on whatever path. No order. */
void hosts_each_route(const struct hosts_node *n,
                      void (*fn)(void *arg, const struct table_route *r), void *arg);

/* Shows every line of more than one route, with its host; fn must not change anything. */
void hosts_each_shared(const struct hosts *h, void (*fn)(void *arg, struct line l, struct str host),
                       void *arg);

#endif
