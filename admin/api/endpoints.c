/*
 * What the admin API offers: one row a resource. A new one is a row here and a handler in its own
 * file. Pure; called by api.c and by the test of the table.
 */
#include <string.h>

#include "admin/api/api_priv.h"

const struct api_endpoint api_endpoints[] = {
    {"GET", "/livez", true, api_get_live, "200 while the process serves"},
    {"GET", "/readyz", true, api_get_ready,
     "200 when the swarm is read, committed and published, else 503 and why"},
    {"GET", "/version", true, api_get_version, "the program and its version"},
    {"GET", "/v1", false, api_get_index, "this list"},
    {"GET", "/v1/clusters/{cluster}", false, api_get_cluster,
     "a service cluster: published or held, and why; epoch, revision, routes"},
    {"GET", "/v1/clusters/{cluster}/services", false, api_get_services,
     "the labelled services of a service cluster, and whether each is accepted"},
    {"GET", "/v1/clusters/{cluster}/services/{service}", false, api_get_service,
     "one service as seen: hosts, endpoints, last commit, conditions with label and reason"},
    {"GET", "/v1/clusters/{cluster}/gateways", false, api_get_gateways,
     "the gateways of a service cluster: what each has applied, refused, when it last spoke"},
    {"GET", "/v1/clusters/{cluster}/metrics", false, api_get_metrics,
     "the gateways' numbers for Prometheus, as they last reported them"},
};

const size_t api_num_endpoints = sizeof api_endpoints / sizeof api_endpoints[0];

const struct api_endpoint *api_find(const char *method, const struct target *t,
                                    struct str out_vars[TARGET_VARS_MAX], const char **out_allow)
{
    *out_allow = NULL;
    for (size_t i = 0; i < api_num_endpoints; i++) {
        if (!target_matches(t, api_endpoints[i].pattern, out_vars))
            continue;
        *out_allow = api_endpoints[i].method;
        if (strcmp(method, api_endpoints[i].method) == 0)
            return &api_endpoints[i];
    }
    return NULL;
}
