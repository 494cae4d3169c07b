/*
 * Serving the admin API: parse the target, find the endpoint, check the token, run the handler.
 * Runs on the coordinator's main loop, so a handler answers at once from memory and never waits.
 * Which resources there are is in endpoints.c.
 */
#include "admin/api/api.h"

#include <event2/http.h>

#include "admin/api/api_priv.h"
#include "admin/auth/auth.h"
#include "clusters/publish/listener.h"
#include "clusters/publish/quiet.h"
#include "clusters/publish/reply.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

enum { API_MAGIC = 0x0a914101, API_CONNECTIONS_MAX = 512, API_BODY_MAX = 64 << 10 };

struct api {
    unsigned magic;
    struct listener *listener;
    const struct coordinator *coordinator;
    struct auth *auth;
    struct quiet quiet; /* about bad tokens */
};

static const char *method_of(struct evhttp_request *req)
{
    static const struct {
        enum evhttp_cmd_type type;
        const char *name;
    } methods[] = {
        {EVHTTP_REQ_GET, "GET"},     {EVHTTP_REQ_HEAD, "HEAD"},     {EVHTTP_REQ_POST, "POST"},
        {EVHTTP_REQ_PUT, "PUT"},     {EVHTTP_REQ_DELETE, "DELETE"}, {EVHTTP_REQ_OPTIONS, "OPTIONS"},
        {EVHTTP_REQ_PATCH, "PATCH"},
    };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].type == evhttp_request_get_command(req))
            return methods[i].name;
    }
    return "";
}

/* True when the bootstrap token is shown; else the request has been answered. */
static bool may_enter(struct api *a, struct evhttp_request *req)
{
    struct err why = {0};
    char *address = NULL;
    uint16_t port = 0;
    unsigned withheld;
    struct str token;

    if (!reply_bearer(req, &token)) {
        reply_unauthorized(req, "signalbox admin");
        return false;
    }
    evhttp_connection_get_peer(evhttp_request_get_connection(req), &address, &port);
    switch (auth_admin(a->auth, token, address)) {
    case PUBLISH_ALLOWED:
        listener_trust(a->listener, req);
        return true;
    case PUBLISH_THROTTLED:
        err_set(&why, "TooManyFailures", "", "too many bad tokens came from your address");
        reply_later(req, 429, 60, &why);
        return false;
    case PUBLISH_UNKNOWN_TOKEN:
    case PUBLISH_OTHER_CLUSTER:
        break;
    }
    if (quiet_may_say(&a->quiet, clock_mono_ms(), &withheld))
        log_warn("admin: %s shows an unknown token (%u more before were not logged)", address,
                 withheld);
    reply_unauthorized(req, "signalbox admin");
    return false;
}

static void dispatch(struct api *a, struct api_call *call)
{
    static const char *const no_params[] = {NULL};
    const char *allow;
    const struct api_endpoint *ep =
        api_find(method_of(call->req), &call->target, call->vars, &allow);
    struct err why = {0};

    if (ep == NULL && allow != NULL) {
        reply_not_allowed(call->req, allow);
        return;
    }
    if (ep == NULL) {
        err_set(&why, "NotFound", "", "there is no such resource; GET /v1 lists them");
        reply_problem(call->req, 404, &why);
        return;
    }
    if (!ep->open && !may_enter(a, call->req))
        return;
    if (!target_only_params(&call->target, no_params, &why)) {
        reply_problem(call->req, 400, &why);
        return;
    }
    ep->run(call);
}

static void on_request(void *arg, struct evhttp_request *req)
{
    struct api_call call = {.req = req};
    struct err why = {0};
    struct api *a;

    OBJ_CAST(a, arg, API_MAGIC);
    call.coordinator = a->coordinator;
    if (!target_parse(str_from(evhttp_request_get_uri(req)), &call.target, &why)) {
        reply_problem(req, 400, &why);
        return;
    }
    dispatch(a, &call);
}

struct api *api_new(struct event_base *base, const struct api_config *config, struct err *e)
{
    struct api *a = xcalloc(1, sizeof *a);
    const struct listener_config listen = {
        .listen = config->listen,
        .flag = "--admin",
        .connections_max = API_CONNECTIONS_MAX,
        .body_max = API_BODY_MAX,
        .on_request = on_request,
        .arg = a,
    };

    a->magic = API_MAGIC;
    a->coordinator = config->coordinator;
    a->auth = config->auth;
    a->listener = listener_new(base, &listen, e);
    if (a->listener != NULL)
        return a;
    OBJ_KILL(a);
    return NULL;
}

void api_free(struct api *a)
{
    if (a == NULL)
        return;
    OBJ_CHECK(a, API_MAGIC);
    listener_free(a->listener);
    OBJ_KILL(a);
}

uint16_t api_port(const struct api *a)
{
    return listener_port(a->listener);
}
