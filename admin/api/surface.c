/*
 * The rows of the admin API. A new resource is a row here, a handler in endpoints.c's list and,
 * when it says something new, a schema in schemas.c. Data only, so that the command line can link
 * it.
 */
#include "admin/api/surface.h"

#define OPERATOR SURFACE_OPERATOR
#define READERS (SURFACE_OPERATOR | SURFACE_TENANT_ADMIN | SURFACE_TENANT_READ)
#define WRITERS (SURFACE_OPERATOR | SURFACE_TENANT_ADMIN)
#define ANYONE (READERS | SURFACE_METRICS)

/* One document: read, set, changed, removed. `who` may read, `writers` may write. */
#define ONE(path, who, writers, kind, schema, a_thing, noun, example) \
    {SURFACE_GET_OP,                                                  \
     "GET",                                                           \
     path,                                                            \
     who,                                                             \
     0,                                                               \
     SURFACE_200 | SURFACE_ETAG,                                      \
     kind,                                                            \
     "",                                                              \
     schema,                                                          \
     "reads " a_thing ", with its status",                            \
     "get",                                                           \
     noun,                                                            \
     ""},                                                             \
        CHANGES(path, writers, kind, schema, a_thing, noun, example)

#define CHANGES(path, writers, kind, schema, a_thing, noun, example)                               \
    {SURFACE_PUT_OP, "PUT",                                                                        \
     path,           writers,                                                                      \
     SURFACE_WRITE,  SURFACE_200 | SURFACE_201 | SURFACE_ETAG,                                     \
     kind,           schema,                                                                       \
     schema,         "makes or replaces " a_thing ", whole; the same again changes nothing",       \
     "apply",        noun,                                                                         \
     example},                                                                                     \
        {SURFACE_PATCH_OP,                                                                         \
         "PATCH",                                                                                  \
         path,                                                                                     \
         writers,                                                                                  \
         SURFACE_WRITE,                                                                            \
         SURFACE_200 | SURFACE_ETAG,                                                               \
         kind,                                                                                     \
         "Patch",                                                                                  \
         schema,                                                                                   \
         "changes some members of " a_thing ": JSON Merge Patch, RFC 7396",                        \
         "patch",                                                                                  \
         noun,                                                                                     \
         "{\"metadata\":{\"labels\":{\"team\":\"shop\"}}}"},                                       \
    {                                                                                              \
        SURFACE_DELETE_OP, "DELETE", path, writers, SURFACE_WRITE, SURFACE_200, kind, "", "Write", \
            "removes " a_thing, "delete", noun, ""                                                 \
    }

/* The documents of a tenant. */
#define DOCUMENTS(plural, kind, schema, a_thing, example)                                      \
    {SURFACE_LIST_OP,                                                                          \
     "GET",                                                                                    \
     "/v1/tenants/{tenant}/" plural,                                                           \
     READERS,                                                                                  \
     SURFACE_PAGED | SURFACE_SELECTOR,                                                         \
     SURFACE_200,                                                                              \
     kind,                                                                                     \
     "",                                                                                       \
     schema "List",                                                                            \
     "lists the " plural " of a tenant by name",                                               \
     "get",                                                                                    \
     plural,                                                                                   \
     ""},                                                                                      \
        ONE("/v1/tenants/{tenant}/" plural "/{name}", READERS, WRITERS, kind, schema, a_thing, \
            kind, example)

#define ROUTE_EXAMPLE                                                       \
    "{\"cluster\":\"us-east\",\"hosts\":[\"shop.example\"],\"path\":\"/\"," \
    "\"forward\":[{\"pool\":\"web\",\"weight\":1}]}"
#define POOL_EXAMPLE                                   \
    "{\"cluster\":\"us-east\",\"protocol\":\"http1\"," \
    "\"service\":{\"name\":\"shop_web\",\"port\":8080}}"
#define ENDPOINTS_EXAMPLE \
    "{\"cluster\":\"us-east\",\"endpoints\":[{\"address\":\"10.0.1.5\",\"port\":8080}]}"
#define CERTIFICATE_EXAMPLE                                                        \
    "{\"cluster\":\"us-east\",\"hosts\":[\"shop.example\"],\"cert\":\"shop.crt\"," \
    "\"key\":\"shop.key\"}"
#define PIN_EXAMPLE                             \
    "{\"service\":\"shop_web\",\"commit\":812," \
    "\"labels\":{\"com.docker.lb.hosts\":\"shop.example\"}}"
#define TENANT_EXAMPLE                                                     \
    "{\"hosts\":[\"shop.example\",\"*.shop.example\"],"                    \
    "\"services\":{\"labels\":{\"com.docker.stack.namespace\":\"shop\"}}," \
    "\"quotas\":{\"routes\":100}}"
#define APPLY_EXAMPLE                                                                     \
    "{\"documents\":[{\"kind\":\"route\",\"name\":\"web\",\"value\":" ROUTE_EXAMPLE "}]," \
    "\"prune\":{\"selector\":\"team=shop\"}}"
#define EXPLAIN_EXAMPLE                                                                          \
    "{\"cluster\":\"us-east\",\"scheme\":\"http\",\"host\":\"shop.example\",\"method\":\"GET\"," \
    "\"path\":\"/cart\"}"

const struct surface_row surface_rows[] = {
    /* ---- the coordinator itself ---- */
    {SURFACE_LIVE_OP, "GET", "/livez", 0, 0, SURFACE_200, "", "", "Live",
     "200 while the process serves", "", "", ""},
    {SURFACE_READY_OP, "GET", "/readyz", 0, 0, SURFACE_200, "", "", "Ready",
     "200 when the swarm is read, committed and published, else 503 and why", "", "", ""},
    {SURFACE_VERSION_OP, "GET", "/version", 0, 0, SURFACE_200, "", "", "Version",
     "the program and its version", "version", "", ""},
    {SURFACE_INDEX_OP, "GET", "/v1", ANYONE, 0, SURFACE_200, "", "", "Index", "this list", "", "",
     ""},
    {SURFACE_OPENAPI_OP, "GET", "/v1/openapi.json", ANYONE, 0, SURFACE_200, "", "", "Any",
     "this API in the words of OpenAPI 3.1", "", "", ""},

    /* ---- service clusters ---- */
    {SURFACE_LIST_OP, "GET", "/v1/clusters", OPERATOR, SURFACE_PAGED | SURFACE_SELECTOR,
     SURFACE_200, "cluster", "", "ClusterList",
     "lists the service clusters by name; commit 0: one of the command line, without a document",
     "get", "clusters", ""},
    {SURFACE_CLUSTER_OP, "GET", "/v1/clusters/{cluster}", OPERATOR, 0, SURFACE_200, "cluster", "",
     "ClusterState",
     "a service cluster: published or held, and why; epoch, revision, routes; its document", "get",
     "cluster", ""},
    CHANGES("/v1/clusters/{cluster}", OPERATOR, "cluster", "Cluster", "a service cluster",
            "cluster", "{\"services\":{\"labels\":{\"region\":\"us-east\"}}}"),
    ONE("/v1/clusters/{cluster}/settings", OPERATOR, OPERATOR, "settings", "Settings",
        "the settings of a cluster's gateways", "settings", "{\"idle_timeout_s\":60}"),
    {SURFACE_CLUSTER_SERVICES_OP, "GET", "/v1/clusters/{cluster}/services", OPERATOR, 0,
     SURFACE_200, "", "", "ClusterServices",
     "the labelled services of a service cluster, and whether each is accepted", "", "", ""},
    {SURFACE_CLUSTER_SERVICE_OP, "GET", "/v1/clusters/{cluster}/services/{service}", OPERATOR, 0,
     SURFACE_200, "", "", "ClusterService",
     "one service as seen: hosts, endpoints, last commit, conditions with label and reason", "", "",
     ""},
    {SURFACE_CLUSTER_GATEWAYS_OP, "GET", "/v1/clusters/{cluster}/gateways", OPERATOR, 0,
     SURFACE_200, "", "", "ClusterGateways",
     "the gateways of a service cluster: what each has applied, refused, when it last spoke", "",
     "", ""},
    {SURFACE_CLUSTER_METRICS_OP, "GET", "/v1/clusters/{cluster}/metrics",
     SURFACE_OPERATOR | SURFACE_METRICS, 0, SURFACE_200, "", "", "Text",
     "the gateways' numbers for Prometheus, as they last reported them", "get", "metrics", ""},
    {SURFACE_ROLLBACK_OP, "POST", "/v1/clusters/{cluster}/rollback", OPERATOR, SURFACE_WRITE,
     SURFACE_200, "", "Rollback", "Write",
     "puts what all tenants have in a cluster back to what it was at a commit", "rollback",
     "cluster", "{\"to\":811}"},
    {SURFACE_GATEWAYS_OP, "GET", "/v1/gateways", OPERATOR, 0, SURFACE_200, "", "", "Gateways",
     "all gateways: commit, lag, refusals", "gateways", "", ""},

    /* ---- tenants ---- */
    {SURFACE_LIST_OP, "GET", "/v1/tenants", OPERATOR, SURFACE_PAGED | SURFACE_SELECTOR, SURFACE_200,
     "tenant", "", "TenantList", "lists the tenants by name", "get", "tenants", ""},
    ONE("/v1/tenants/{tenant}", READERS, OPERATOR, "tenant", "Tenant", "a tenant", "tenant",
        TENANT_EXAMPLE),
    ONE("/v1/ownership", OPERATOR, OPERATOR, "ownership", "Ownership",
        "the switch that says whether hosts need claims", "ownership", "{\"claims\":\"enforced\"}"),

    /* ---- tokens ---- */
    {SURFACE_LIST_OP, "GET", "/v1/tokens", OPERATOR, SURFACE_PAGED, SURFACE_200, "token", "",
     "TokenList", "lists the operator's tokens", "token", "tokens", ""},
    {SURFACE_TOKEN_NEW_OP, "POST", "/v1/tokens", OPERATOR, SURFACE_WRITE, SURFACE_201, "token",
     "TokenRequest", "NewToken", "makes a token of the operator's; its secret is shown once",
     "token", "new", "{\"scopes\":[\"metrics\"],\"expires_s\":86400}"},
    {SURFACE_GET_OP, "GET", "/v1/tokens/{token}", OPERATOR, 0, SURFACE_200 | SURFACE_ETAG, "token",
     "", "Token", "reads what is known of a token; never its secret", "get", "token", ""},
    {SURFACE_DELETE_OP, "DELETE", "/v1/tokens/{token}", OPERATOR, SURFACE_WRITE, SURFACE_200,
     "token", "", "Write", "revokes a token, at once", "delete", "token", ""},
    {SURFACE_LIST_OP, "GET", "/v1/tenants/{tenant}/tokens", WRITERS, SURFACE_PAGED, SURFACE_200,
     "token", "", "TokenList", "lists the tokens of a tenant", "token", "tokens", ""},
    {SURFACE_TOKEN_NEW_OP, "POST", "/v1/tenants/{tenant}/tokens", WRITERS, SURFACE_WRITE,
     SURFACE_201, "token", "TokenRequest", "NewToken",
     "makes a token of a tenant; its secret is shown once", "token", "new",
     "{\"scopes\":[\"tenant-read\"]}"},
    {SURFACE_GET_OP, "GET", "/v1/tenants/{tenant}/tokens/{token}", WRITERS, 0,
     SURFACE_200 | SURFACE_ETAG, "token", "", "Token",
     "reads what is known of a token; never its secret", "get", "token", ""},
    {SURFACE_DELETE_OP, "DELETE", "/v1/tenants/{tenant}/tokens/{token}", WRITERS, SURFACE_WRITE,
     SURFACE_200, "token", "", "Write", "revokes a token, at once", "delete", "token", ""},

    /* ---- what a tenant asks for ---- */
    {SURFACE_LIST_OP, "GET", "/v1/tenants/{tenant}/routes", READERS,
     SURFACE_PAGED | SURFACE_SELECTOR | SURFACE_HOST, SURFACE_200, "route", "", "RouteList",
     "lists the routes of a tenant by name", "get", "routes", ""},
    ONE("/v1/tenants/{tenant}/routes/{name}", READERS, WRITERS, "route", "Route", "a route",
        "route", ROUTE_EXAMPLE),
    DOCUMENTS("pools", "pool", "Pool", "a pool", POOL_EXAMPLE),
    DOCUMENTS("endpoints", "endpoints", "Endpoints",
              "the static endpoints of the pool of that name", ENDPOINTS_EXAMPLE),
    DOCUMENTS("certificates", "certificate", "Certificate", "a certificate", CERTIFICATE_EXAMPLE),
    DOCUMENTS("pins", "pin", "Pin", "a pin, which holds a service's labels as they were",
              PIN_EXAMPLE),
    {SURFACE_SECRETS_OP, "GET", "/v1/tenants/{tenant}/secrets", READERS, 0, SURFACE_200, "", "",
     "Secrets",
     "the secrets that a tenant's certificates and services name: what Swarm says of them, and "
     "where",
     "get", "secrets", ""},
    {SURFACE_SECRETS_OP, "GET", "/v1/secrets", OPERATOR, 0, SURFACE_200, "", "", "Secrets",
     "Swarm's secrets and those that are named: what Swarm says of them, and where", "get",
     "secrets", ""},
    {SURFACE_SERVICES_OP, "GET", "/v1/tenants/{tenant}/services", READERS, 0, SURFACE_200, "", "",
     "Services", "a tenant's services as seen in the swarm, with conditions", "get", "services",
     ""},
    {SURFACE_SERVICE_OP, "GET", "/v1/tenants/{tenant}/services/{service}", READERS, 0, SURFACE_200,
     "", "", "Service", "one service as seen, with what is wrong with it", "describe", "service",
     ""},
    {SURFACE_SERVICES_OP, "GET", "/v1/services", OPERATOR, 0, SURFACE_200, "", "", "Services",
     "all services with labels of ours as seen in the swarm, with conditions", "get", "services",
     ""},
    {SURFACE_SERVICE_OP, "GET", "/v1/services/{service}", OPERATOR, 0, SURFACE_200, "", "",
     "Service", "one service as seen, whosever it is", "describe", "service", ""},
    {SURFACE_APPLY_OP, "POST", "/v1/tenants/{tenant}/apply", WRITERS, SURFACE_WRITE, SURFACE_200,
     "", "Apply", "Write", "sets a whole set of a tenant's documents, all or nothing", "apply", "",
     APPLY_EXAMPLE},
    {SURFACE_APPLY_OP, "POST", "/v1/apply", OPERATOR, SURFACE_WRITE, SURFACE_200, "", "Apply",
     "Write", "sets documents of any tenant and of none, all or nothing", "apply", "",
     APPLY_EXAMPLE},
    {SURFACE_ROLLBACK_OP, "POST", "/v1/tenants/{tenant}/rollback", WRITERS, SURFACE_WRITE,
     SURFACE_200, "", "Rollback", "Write",
     "puts what a tenant asked for back to what it was at a commit", "rollback", "",
     "{\"to\":811}"},

    /* ---- what happened, what would happen ---- */
    {SURFACE_COMMITS_OP, "GET", "/v1/commits", OPERATOR, SURFACE_PAGED, SURFACE_200, "", "",
     "Commits", "commits, the newest first", "history", "", ""},
    {SURFACE_COMMIT_OP, "GET", "/v1/commits/{commit}", OPERATOR, 0, SURFACE_200, "", "", "Commit",
     "one commit with its diff", "get", "commit", ""},
    {SURFACE_COMMITS_OP, "GET", "/v1/tenants/{tenant}/commits", READERS,
     SURFACE_PAGED | SURFACE_KIND | SURFACE_NAME, SURFACE_200, "", "", "Commits",
     "commits that changed documents of a tenant, the newest first; of one document, too",
     "history", "", ""},
    {SURFACE_COMMIT_OP, "GET", "/v1/tenants/{tenant}/commits/{commit}", READERS, 0, SURFACE_200, "",
     "", "Commit", "one commit with what it changed of a tenant", "get", "commit", ""},
    {SURFACE_AUDIT_OP, "GET", "/v1/audit", OPERATOR, SURFACE_PAGED, SURFACE_200, "", "", "Audit",
     "the audit chain, the newest row first", "audit", "", ""},
    {SURFACE_AUDIT_OP, "GET", "/v1/tenants/{tenant}/audit", READERS, SURFACE_PAGED, SURFACE_200, "",
     "", "Audit", "the rows of the audit chain that are a tenant's", "audit", "", ""},
    {SURFACE_EXPLAIN_OP, "POST", "/v1/explain", OPERATOR, 0, SURFACE_200, "", "Explain",
     "Explanation", "which route a request takes, and why no other", "explain", "",
     EXPLAIN_EXAMPLE},
    {SURFACE_EXPLAIN_OP, "POST", "/v1/tenants/{tenant}/explain", READERS, 0, SURFACE_200, "",
     "Explain", "Explanation", "which route of a tenant a request takes, and why no other",
     "explain", "", EXPLAIN_EXAMPLE},
    {SURFACE_WATCH_OP, "GET", "/v1/watch", OPERATOR, 0, SURFACE_200, "", "", "Events",
     "commits as they come: server-sent events, resumed by Last-Event-ID", "watch", "", ""},
    {SURFACE_WATCH_OP, "GET", "/v1/tenants/{tenant}/watch", READERS, 0, SURFACE_200, "", "",
     "Events", "commits that change documents of a tenant, as they come: server-sent events",
     "watch", "", ""},
};

const size_t surface_num_rows = sizeof surface_rows / sizeof surface_rows[0];

const struct surface_param surface_params[SURFACE_PARAMS] = {
    {"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":100}",
     "how many at most"},
    {"cursor", "{\"type\":\"string\",\"maxLength\":128}",
     "where to go on: from the Link of the page before"},
    {"selector", "{\"type\":\"string\",\"maxLength\":1024}",
     "labels that metadata.labels must have: k=v,k2!=v2,k3,!k4"},
    {"host", "{\"type\":\"string\",\"maxLength\":255}",
     "only routes that have this host or a wildcard above it"},
    {"dryRun", "{\"type\":\"string\",\"enum\":[\"all\"]}",
     "judge and plan, change nothing, say what would change"},
    {"wait", "{\"type\":\"string\",\"enum\":[\"applied\"]}",
     "answer when every live gateway has it, or 202 with those that have not"},
    {"timeout", "{\"type\":\"string\",\"pattern\":\"^[1-9][0-9]{0,4}(ms|s)$\",\"default\":\"5s\"}",
     "how long to wait, at most 30s"},
    {"durable", "{\"type\":\"string\",\"enum\":[\"swarm\",\"local\"]}",
     "swarm: answer when it is in Swarm's own store as well; local: when it is on this node; "
     "absent: "
     "as the coordinator was started"},
    {"kind", "{\"type\":\"string\",\"maxLength\":32}", "only commits that changed this kind"},
    {"name", "{\"type\":\"string\",\"maxLength\":128}", "only commits that changed this name"},
};

const struct surface_var surface_vars[] = {
    {"cluster", "name of a service cluster"},
    {"tenant", "name of a tenant"},
    {"name", "name of the document"},
    {"service", "name or id of a Swarm service"},
    {"token", "id of a token, the part between its two dots"},
    {"commit", "number of a commit"},
    {NULL, NULL},
};

const char *const surface_scope_names[SURFACE_SCOPES] = {"operator", "tenant-admin", "tenant-read",
                                                         "metrics"};

const char *surface_op_name(enum surface_op op)
{
    static const char *const names[SURFACE_OP__COUNT] = {
#define X(sym) #sym,
        SURFACE_OPS(X)
#undef X
    };

    return op < SURFACE_OP__COUNT ? names[op] : "";
}
