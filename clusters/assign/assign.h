/*
 * assign: which service cluster a service belongs to. Pure. An explicit label wins and must name a
 * configured cluster; without one it is the default cluster; without that, none.
 */
#ifndef CLUSTERS_ASSIGN_ASSIGN_H
#define CLUSTERS_ASSIGN_ASSIGN_H

#include <stddef.h>

#include "gateway/core/err.h"

struct assign_config {
    const char *const *clusters; /* names of the configured service clusters */
    size_t num_clusters;
    const char *default_cluster; /* NULL: none */
};

/*
 * label: the service's own wish, NULL or "" = none. Answers the index in clusters, or -1 with *e:
 * UnknownCluster (the label names none of them) or NoCluster (no label, no usable default).
 */
long assign_cluster(const struct assign_config *config, const char *label, struct err *e);

#endif
