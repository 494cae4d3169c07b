/* What the handlers of the admin API share; for admin/api and its tests. */
#ifndef ADMIN_API_API_PRIV_H
#define ADMIN_API_API_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/api/answer.h"
#include "admin/api/api.h"
#include "admin/api/surface.h"
#include "admin/auth/auth.h"
#include "clusters/intents/intents.h"
#include "clusters/publish/quiet.h"
#include "clusters/publish/target.h"
#include "clusters/write.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct changes;
struct coordinator;
struct event_base;
struct evhttp_request;
struct explainer;
struct listener;
struct lists;
struct throttle;
struct watchers;

enum {
    API_MAGIC = 0x0a914101,
    API_CLUSTER_MAX = 63,
    API_BODY_MAX = 1 << 20,
    API_APPLY_MAX = 16 << 20,
    API_DEPTH_MAX = 32
};

struct api {
    unsigned magic;
    struct api_config config;
    struct event_base *base;
    struct listener *listener;
    struct coordinator *coordinator;
    struct changes *changes;   /* writes under way */
    struct lists *lists;       /* listings that somebody is reading */
    struct watchers *watchers; /* who follows commits */
    struct explainer *explainer;
    struct buf openapi; /* printed when it is first asked for */
    struct throttle *operators;
    struct throttle *tenants;
    struct throttle *told; /* refusals that go into the audit chain */
    struct quiet quiet;    /* about bad tokens */
};

/* One request on its way through a handler, which answers it, now or later. */
struct api_call {
    struct api *api;
    struct evhttp_request *req;
    const struct coordinator *coordinator;
    const struct surface_row *row;
    struct target target;
    struct str vars[TARGET_VARS_MAX];
    struct auth_caller caller;
};

/*
 * The row of that method and target, with its variables; NULL when there is none. *out_path is then
 * a row of the same path, for its other methods, or NULL: there is no such path.
 */
const struct surface_row *api_find(const char *method, const struct target *t,
                                   struct str out_vars[TARGET_VARS_MAX],
                                   const struct surface_row **out_path);
/* "GET, HEAD, PUT, OPTIONS": all methods of a row's path. free(). */
char *api_allow(const struct surface_row *row);
typedef void api_handler(struct api_call *call);
api_handler *api_handler_of(enum surface_op op);
/* May the caller do what the row says with that path? 0, 403, or 404: it must not know. */
int api_judge(const struct surface_row *row, const struct auth_caller *caller, struct str tenant);
bool api_is_tenants(const struct surface_row *row); /* its path begins /v1/tenants/{tenant} */

api_handler api_get_index, api_get_live, api_get_ready, api_get_version, api_get_openapi;
api_handler api_get_cluster, api_get_cluster_services, api_get_cluster_service;
api_handler api_get_cluster_gateways, api_get_metrics, api_get_gateways;
api_handler api_list, api_get, api_put, api_patch, api_delete;
api_handler api_new_token, api_apply, api_rollback, api_explain, api_watch;
api_handler api_get_services, api_get_service, api_get_secrets;
api_handler api_get_commits, api_get_commit, api_get_audit;

/* ---- what a request says -----------------------------------------------------------------------
 */

/* The cluster that the URL names; false: answered with 404. */
MUST_USE bool api_named_cluster(struct api_call *call, char out[API_CLUSTER_MAX + 1]);

/* The key of the document that the URL names. Lists have an empty name. */
struct api_key {
    enum intent_kind kind;
    char tenant[API_CLUSTER_MAX + 1];
    char name[INTENT_NAME_MAX + 1];
};
/* False: answered with 404, also when the path's tenant is not there. */
MUST_USE bool api_key_of(struct api_call *call, struct api_key *out);
/* Is there such a tenant? "default" always is. */
MUST_USE bool api_has_tenant(const struct coordinator *c, const char *tenant);
/* The tenant of the path, or "" when it has none; false: answered with 404. */
MUST_USE bool api_tenant_of(struct api_call *call, char out[API_CLUSTER_MAX + 1]);

/* The body, judged as JSON, an object, in the media type that the method takes; lent until the
 * request is answered. False: answered with 400, 413 or 415. */
MUST_USE bool api_body(struct api_call *call, struct str *out);
/* False: a header that means one thing came twice, which was answered (400). */
MUST_USE bool api_headers_once(struct evhttp_request *req);

/* The URL without its query; lent. */
struct str api_path(const struct api_call *call);

/* "bootstrap", "token <id>", "token <id> (<tenant>)": as commits have their authors. free(). */
char *api_author(const struct auth_caller *caller);
void api_not_found(struct api_call *call);
/* What a request cost beyond a usual one counts against its token's rate, as so many more. */
void api_charge(struct api *a, const struct auth_caller *caller, size_t requests);
/* A refusal into the audit chain, within a rate. */
void api_audit(struct api *a, const struct auth_caller *caller, const char *action,
               const char *detail);

/* ---- status ------------------------------------------------------------------------------------
 */

/* Prints a document's members, its key and "status" with its conditions; not yet the final "}}". */
void api_print_document(struct answer *a, const struct api *api, const struct write_document *d);
void api_print_document_end(struct answer *a);
struct compile_service;
/* The condition Programmed of a service that is routed: by how many gateways. */
void api_print_service_programmed(struct answer *a, const struct api *api,
                                  const struct compile_service *s);

/* ---- changes.c ---------------------------------------------------------------------------------
 */

struct changes *changes_new(void);
void changes_free(struct changes *c); /* all have been forgotten */

/* ---- lists.c -----------------------------------------------------------------------------------
 */

struct lists *lists_new(struct event_base *base);
void lists_free(struct lists *l);

/* ---- watch.c -----------------------------------------------------------------------------------
 */

struct watchers *watchers_new(struct api *api);
void watchers_free(struct watchers *w); /* after the listener */
void watchers_commit(struct watchers *w, const struct write_event *event);

#endif
