/*
 * From a request's method and target to the row that answers it, who may, and the list of handlers.
 * Pure; called by api.c and by the tests of the surface.
 */
#include <string.h>

#include "admin/api/api_priv.h"
#include "gateway/core/check.h"

_Static_assert((int)SURFACE_OPERATOR == (int)INTENT_SCOPE_OPERATOR &&
                   (int)SURFACE_TENANT_ADMIN == (int)INTENT_SCOPE_TENANT_ADMIN &&
                   (int)SURFACE_TENANT_READ == (int)INTENT_SCOPE_TENANT_READ &&
                   (int)SURFACE_METRICS == (int)INTENT_SCOPE_METRICS,
               "a token's scopes are the surface's");

api_handler *api_handler_of(enum surface_op op)
{
    static api_handler *const handlers[SURFACE_OP__COUNT] = {
        [SURFACE_LIVE_OP] = api_get_live,
        [SURFACE_READY_OP] = api_get_ready,
        [SURFACE_VERSION_OP] = api_get_version,
        [SURFACE_INDEX_OP] = api_get_index,
        [SURFACE_OPENAPI_OP] = api_get_openapi,
        [SURFACE_CLUSTER_OP] = api_get_cluster,
        [SURFACE_CLUSTER_SERVICES_OP] = api_get_cluster_services,
        [SURFACE_CLUSTER_SERVICE_OP] = api_get_cluster_service,
        [SURFACE_CLUSTER_GATEWAYS_OP] = api_get_cluster_gateways,
        [SURFACE_CLUSTER_METRICS_OP] = api_get_metrics,
        [SURFACE_LIST_OP] = api_list,
        [SURFACE_GET_OP] = api_get,
        [SURFACE_PUT_OP] = api_put,
        [SURFACE_PATCH_OP] = api_patch,
        [SURFACE_DELETE_OP] = api_delete,
        [SURFACE_TOKEN_NEW_OP] = api_new_token,
        [SURFACE_SERVICES_OP] = api_get_services,
        [SURFACE_SERVICE_OP] = api_get_service,
        [SURFACE_SECRETS_OP] = api_get_secrets,
        [SURFACE_GATEWAYS_OP] = api_get_gateways,
        [SURFACE_COMMITS_OP] = api_get_commits,
        [SURFACE_COMMIT_OP] = api_get_commit,
        [SURFACE_AUDIT_OP] = api_get_audit,
        [SURFACE_APPLY_OP] = api_apply,
        [SURFACE_EXPLAIN_OP] = api_explain,
        [SURFACE_ROLLBACK_OP] = api_rollback,
        [SURFACE_WATCH_OP] = api_watch,
    };

    ASSERT(op < SURFACE_OP__COUNT && handlers[op] != NULL);
    return handlers[op];
}

static bool takes(const struct surface_row *row, const char *method)
{
    return strcmp(row->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(row->method, "GET") == 0);
}

const struct surface_row *api_find(const char *method, const struct target *t,
                                   struct str out_vars[TARGET_VARS_MAX],
                                   const struct surface_row **out_path)
{
    *out_path = NULL;
    for (size_t i = 0; i < surface_num_rows; i++) {
        if (!target_matches(t, surface_rows[i].path, out_vars))
            continue;
        *out_path = &surface_rows[i];
        if (takes(&surface_rows[i], method))
            return &surface_rows[i];
    }
    return NULL;
}

char *api_allow(const struct surface_row *row)
{
    struct buf b;

    buf_init(&b, 256);
    for (size_t i = 0; i < surface_num_rows; i++) {
        const struct surface_row *r = &surface_rows[i];

        if (strcmp(r->path, row->path) == 0)
            ASSERT(buf_add_fmt(&b, "%s%s, ", r->method,
                               strcmp(r->method, "GET") == 0 ? ", HEAD" : ""));
    }
    ASSERT(buf_add_str(&b, STR("OPTIONS")));
    return buf_take(&b);
}

bool api_is_tenants(const struct surface_row *row)
{
    return str_starts(str_from(row->path), STR("/v1/tenants/{tenant}"));
}

int api_judge(const struct surface_row *row, const struct auth_caller *caller, struct str tenant)
{
    bool everybodys = (row->scopes & SURFACE_TENANT_READ) != 0 && !api_is_tenants(row);

    if (caller->tenant[0] != '\0' && !everybodys &&
        !(api_is_tenants(row) && str_eq(tenant, str_from(caller->tenant))))
        return 404;
    return (row->scopes & caller->scopes) != 0 ? 0 : 403;
}
