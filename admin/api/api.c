/*
 * Serving the admin API: parse the target, find the row, check the token, run the handler. Runs on
 * the coordinator's main loop: a handler answers from memory, or hands a write to the coordinator
 * and answers when that is done. What there is, is in surface.c.
 */
#include "admin/api/api.h"

#include <string.h>

#include <event2/http.h>

#include "admin/api/api_priv.h"
#include "admin/auth/throttle.h"
#include "clusters/explain/explainer.h"
#include "clusters/publish/listener.h"
#include "clusters/publish/reply.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

enum { API_CONNECTIONS_MAX = 512, API_PENDING_MAX = 128 << 20 };

/* Requests of one token: a second's worth at once; refusals that are kept. */
static const struct throttle_rate operators_rate = {4000, 500};
static const struct throttle_rate tenants_rate = {200, 10000};
static const struct throttle_rate told_rate = {20, 500000};

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

char *api_author(const struct auth_caller *caller)
{
    if (caller->id[0] == '\0')
        return xstrdup("bootstrap");
    if (caller->tenant[0] == '\0')
        return xasprintf("token %s", caller->id);
    return xasprintf("token %s (%s)", caller->id, caller->tenant);
}

void api_audit(struct api *a, const struct auth_caller *caller, const char *action,
               const char *detail)
{
    char *author;

    if (throttle_spent(a->told, "", clock_mono_ms()))
        return;
    author = caller != NULL ? api_author(caller) : xstrdup("unknown");
    coordinator_audit(a->coordinator, author, action, caller != NULL ? caller->tenant : "", detail);
    free(author);
}

void api_not_found(struct api_call *call)
{
    struct err why = {0};

    err_set(&why, "NotFound", "",
            "there is no such thing, or it is not yours; GET /v1 lists the paths that there are");
    answer_problem(call->req, 404, &why);
}

static void refuse_token(struct api *a, struct evhttp_request *req, const char *address)
{
    unsigned withheld;
    struct buf detail;

    if (quiet_may_say(&a->quiet, clock_mono_ms(), &withheld)) {
        log_warn("admin: %s shows an unknown token (%u more before were not logged)", address,
                 withheld);
        buf_init(&detail, 512);
        if (buf_add_str(&detail, STR("{\"address\":")) &&
            buf_add_json(&detail, str_from(address)) && buf_add_str(&detail, STR("}")))
            api_audit(a, NULL, "unknown token", detail.bytes);
        buf_free(&detail);
    }
    reply_unauthorized(req, "signalbox admin");
}

/* True when a good token is shown; else the request has been answered. */
static bool may_enter(struct api *a, struct api_call *call)
{
    struct evhttp_request *req = call->req;
    struct err why = {0};
    char *address = NULL;
    uint16_t port = 0;
    struct str token;

    if (!reply_bearer(req, &token)) {
        reply_unauthorized(req, "signalbox admin");
        return false;
    }
    evhttp_connection_get_peer(evhttp_request_get_connection(req), &address, &port);
    switch (auth_admin(a->config.auth, a->coordinator, token, address, &call->caller)) {
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
    refuse_token(a, req, address);
    return false;
}

static struct throttle *rate_of(const struct api *a, const struct auth_caller *caller)
{
    return caller->tenant[0] == '\0' ? a->operators : a->tenants;
}

void api_charge(struct api *a, const struct auth_caller *caller, size_t requests)
{
    while (requests-- > 0 && !throttle_spent(rate_of(a, caller), caller->id, clock_mono_ms()))
        continue;
}

static bool within_rate(struct api *a, struct api_call *call)
{
    struct err why = {0};

    if (!throttle_spent(rate_of(a, &call->caller), call->caller.id, clock_mono_ms()))
        return true;
    err_set(&why, "TooManyRequests", "", "this token sends more requests than it may");
    answer_problem(call->req, 429, &why);
    return false;
}

/* True when this caller may do this; else answered. */
static bool may_do(struct api *a, struct api_call *call)
{
    int status = api_judge(call->row, &call->caller, call->vars[0]);
    struct err why = {0};
    struct buf detail;

    if (status == 0)
        return true;
    buf_init(&detail, 4096);
    if (buf_add_fmt(&detail, "{\"method\":\"%s\",\"path\":", call->row->method) &&
        buf_add_json(&detail, str_from(evhttp_request_get_uri(call->req))) &&
        buf_add_fmt(&detail, ",\"status\":%d}", status))
        api_audit(a, &call->caller, "refused", detail.bytes);
    buf_free(&detail);
    if (status == 404) {
        api_not_found(call);
        return false;
    }
    err_set(&why, "Forbidden", "", "the scopes of this token do not allow it");
    answer_problem(call->req, 403, &why);
    return false;
}

static bool only_known_params(struct api_call *call)
{
    const char *known[SURFACE_PARAMS + 1];
    size_t num = 0;
    struct err why = {0};

    for (size_t i = 0; i < SURFACE_PARAMS; i++) {
        if ((call->row->params & 1U << i) != 0)
            known[num++] = surface_params[i].name;
    }
    known[num] = NULL;
    if (target_only_params(&call->target, known, &why))
        return true;
    answer_problem(call->req, 400, &why);
    return false;
}

static void answer_other_method(struct api_call *call, const char *method,
                                const struct surface_row *path)
{
    char *allow = api_allow(path);

    if (strcmp(method, "OPTIONS") == 0) {
        answer_header(call->req, "Allow", allow);
        reply_empty(call->req);
    } else {
        reply_not_allowed(call->req, allow);
    }
    free(allow);
}

static void dispatch(struct api *a, struct api_call *call)
{
    const char *method = method_of(call->req);
    const struct surface_row *path;

    call->row = api_find(method, &call->target, call->vars, &path);
    if (call->row == NULL && path != NULL) {
        answer_other_method(call, method, path);
        return;
    }
    if (call->row == NULL) {
        api_not_found(call);
        return;
    }
    if (call->row->scopes != 0 &&
        (!may_enter(a, call) || !within_rate(a, call) || !may_do(a, call)))
        return;
    if (only_known_params(call))
        api_handler_of(call->row->op)(call);
}

static void on_request(void *arg, struct evhttp_request *req)
{
    struct api_call call = {.req = req};
    struct err why = {0};
    struct api *a;

    OBJ_CAST(a, arg, API_MAGIC);
    call.api = a;
    call.coordinator = a->coordinator;
    if (!target_parse(str_from(evhttp_request_get_uri(req)), &call.target, &why)) {
        reply_problem(req, 400, &why);
        return;
    }
    if (api_headers_once(req))
        dispatch(a, &call);
}

static void on_commit(void *arg, const struct write_event *event)
{
    struct api *a;

    OBJ_CAST(a, arg, API_MAGIC);
    explainer_follow(a->explainer, event->delta);
    watchers_commit(a->watchers, event);
}

struct api *api_new(struct event_base *base, const struct api_config *config, struct err *e)
{
    struct api *a = xcalloc(1, sizeof *a);
    const struct listener_config listen = {
        .listen = config->listen,
        .flag = "--admin",
        .connections_max = API_CONNECTIONS_MAX,
        .body_max = API_APPLY_MAX,
        .pending_max = API_PENDING_MAX,
        .on_request = on_request,
        .arg = a,
    };

    a->magic = API_MAGIC;
    a->config = *config;
    a->base = base;
    a->coordinator = config->coordinator;
    a->changes = changes_new();
    a->lists = lists_new(base);
    a->watchers = watchers_new(a);
    a->explainer = explainer_new();
    a->operators = throttle_new(&operators_rate);
    a->tenants = throttle_new(&tenants_rate);
    a->told = throttle_new(&told_rate);
    buf_init(&a->openapi, ANSWER_MAX);
    a->listener = listener_new(base, &listen, e);
    if (a->listener != NULL) {
        coordinator_on_commit(a->coordinator, on_commit, a);
        return a;
    }
    api_free(a);
    return NULL;
}

void api_free(struct api *a)
{
    if (a == NULL)
        return;
    OBJ_CHECK(a, API_MAGIC);
    coordinator_on_commit(a->coordinator, NULL, NULL);
    listener_free(a->listener); /* ends requests that wait: their writes are forgotten */
    watchers_free(a->watchers);
    explainer_free(a->explainer);
    lists_free(a->lists);
    changes_free(a->changes);
    throttle_free(a->operators);
    throttle_free(a->tenants);
    throttle_free(a->told);
    buf_free(&a->openapi);
    OBJ_KILL(a);
}

uint16_t api_port(const struct api *a)
{
    return listener_port(a->listener);
}
