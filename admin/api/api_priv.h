/* The table of endpoints and what its handlers share; for admin/api and its tests. */
#ifndef ADMIN_API_API_PRIV_H
#define ADMIN_API_API_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "clusters/publish/target.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct coordinator;
struct evhttp_request;

/* One request on its way through a handler, which answers it. */
struct api_call {
    struct evhttp_request *req;
    const struct coordinator *coordinator;
    struct target target;
    struct str vars[TARGET_VARS_MAX];
};

struct api_endpoint {
    const char *method;
    const char *pattern;
    bool open; /* needs no token */
    void (*run)(struct api_call *call);
    const char *doc; /* one sentence, shown by GET /v1 */
};

extern const struct api_endpoint api_endpoints[];
extern const size_t api_num_endpoints;

/*
 * The endpoint of that method and target, with its variables; NULL when there is none. *out_allow
 * is then the method that the path does have, or NULL when there is no such path.
 */
const struct api_endpoint *api_find(const char *method, const struct target *t,
                                    struct str out_vars[TARGET_VARS_MAX], const char **out_allow);

void api_get_index(struct api_call *call);
void api_get_live(struct api_call *call);
void api_get_ready(struct api_call *call);
void api_get_version(struct api_call *call);
void api_get_cluster(struct api_call *call);
void api_get_services(struct api_call *call);
void api_get_service(struct api_call *call);
void api_get_gateways(struct api_call *call);
void api_get_metrics(struct api_call *call);

enum { API_CLUSTER_MAX = 63 };

/* The cluster that the URL names; false: answered with 404. */
MUST_USE bool api_named_cluster(struct api_call *call, char out[API_CLUSTER_MAX + 1]);

#endif
