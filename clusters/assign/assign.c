/*
 * Service cluster of one service: explicit label, else a selector, else the default, else none.
 * Pure. Which tenants a cluster admits is not judged here. Called by clusters/compile.
 */
#include "clusters/assign/assign.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MAX = 160 };

static long find(const struct assign_config *config, const char *name)
{
    for (size_t i = 0; i < config->num_clusters; i++)
        if (strcmp(config->clusters[i].name, name) == 0)
            return (long)i;
    return -1;
}

/* "east, west" for a sentence, cut after LIST_MAX bytes. */
static void list_clusters(const struct assign_config *config, char out[LIST_MAX])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < config->num_clusters && len < LIST_MAX - 1; i++) {
        int n = snprintf(out + len, LIST_MAX - len, "%s%s", i > 0 ? ", " : "",
                         config->clusters[i].name);

        len += n > 0 ? (size_t)n : 0;
    }
}

static const char *value_of(const struct assign_label *labels, size_t num, const char *key)
{
    size_t low = 0;
    size_t high = num;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(labels[mid].key, key);

        if (order == 0)
            return labels[mid].value;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

bool assign_selects(const struct assign_label *selector, size_t num_selector,
                    const struct assign_label *labels, size_t num_labels)
{
    for (size_t i = 0; i < num_selector; i++) {
        const char *value = value_of(labels, num_labels, selector[i].key);

        if (value == NULL || strcmp(value, selector[i].value) != 0)
            return false;
    }
    return num_selector > 0;
}

static long select_cluster(const struct assign_config *config, const struct assign_service *service)
{
    for (size_t i = 0; i < config->num_clusters; i++)
        if (assign_selects(config->clusters[i].selector, config->clusters[i].num_selector,
                           service->labels, service->num_labels))
            return (long)i;
    return config->default_cluster != NULL ? find(config, config->default_cluster) : -1;
}

long assign_cluster(const struct assign_config *config, const struct assign_service *service,
                    struct err *e)
{
    char known[LIST_MAX];
    long index;

    if (service->wish != NULL && service->wish[0] != '\0') {
        index = find(config, service->wish);
        if (index >= 0)
            return index;
        list_clusters(config, known);
        err_set(e, "UnknownCluster", "com.docker.lb.service_cluster",
                "There is no service cluster \"%.64s\"; the service is routed by none. The "
                "clusters are: %s.",
                service->wish, known[0] != '\0' ? known : "none");
        return -1;
    }
    index = select_cluster(config, service);
    if (index < 0)
        err_set(e, "NoCluster", "com.docker.lb.service_cluster",
                "No default service cluster is configured and the service names none; add the "
                "label.");
    return index;
}
