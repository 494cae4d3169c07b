/*
 * assign: which service cluster a service belongs to. Pure. An explicit label wins and must name a
 * cluster that is there; without one it is the first, by name, whose selector takes the service;
 * else the default cluster; without that, none.
 */
#ifndef CLUSTERS_ASSIGN_ASSIGN_H
#define CLUSTERS_ASSIGN_ASSIGN_H

#include <stddef.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct assign_label {
    const char *key;
    const char *value;
};

struct assign_cluster {
    const char *name;
    /* The labels that a service must have, all of them; none: it takes no service by itself. */
    const struct assign_label *selector;
    size_t num_selector;
};

struct assign_config {
    const struct assign_cluster *clusters; /* the first that fits is taken: sorted by name */
    size_t num_clusters;
    const char *default_cluster; /* NULL: none */
};

/* What the service says: any labels, sorted by key. */
struct assign_service {
    const char *wish; /* NULL or "" = none */
    const struct assign_label *labels;
    size_t num_labels;
};

/*
 * Answers the index in clusters, or -1 with *e: UnknownCluster (the label names none of them) or
 * NoCluster (no label, no selector that fits, no usable default).
 */
long assign_cluster(const struct assign_config *config, const struct assign_service *service,
                    struct err *e);

/* Does the service have all labels of the selector? An empty selector takes nothing. */
MUST_USE bool assign_selects(const struct assign_label *selector, size_t num_selector,
                             const struct assign_label *labels, size_t num_labels);

#endif
