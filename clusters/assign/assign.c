/*
 * Service cluster of one service: explicit label, else the default, else none. Pure. Selectors and
 * the tenants that a cluster admits come with the clusters API. Called by clusters/compile.
 */
#include "clusters/assign/assign.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MAX = 160 };

static long find(const struct assign_config *config, const char *name)
{
    for (size_t i = 0; i < config->num_clusters; i++)
        if (strcmp(config->clusters[i], name) == 0)
            return (long)i;
    return -1;
}

/* "east, west" for a sentence, cut after LIST_MAX bytes. */
static void list_clusters(const struct assign_config *config, char out[LIST_MAX])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < config->num_clusters && len < LIST_MAX - 1; i++) {
        int n = snprintf(out + len, LIST_MAX - len, "%s%s", i > 0 ? ", " : "", config->clusters[i]);

        len += n > 0 ? (size_t)n : 0;
    }
}

long assign_cluster(const struct assign_config *config, const char *label, struct err *e)
{
    char known[LIST_MAX];
    long index;

    if (label != NULL && label[0] != '\0') {
        index = find(config, label);
        if (index >= 0)
            return index;
        list_clusters(config, known);
        err_set(e, "UnknownCluster", "com.docker.lb.service_cluster",
                "There is no service cluster \"%.64s\"; the service is routed by none. The "
                "clusters are: %s.",
                label, known[0] != '\0' ? known : "none");
        return -1;
    }
    index = config->default_cluster != NULL ? find(config, config->default_cluster) : -1;
    if (index < 0)
        err_set(e, "NoCluster", "com.docker.lb.service_cluster",
                "No default service cluster is configured and the service names none; add the "
                "label.");
    return index;
}
