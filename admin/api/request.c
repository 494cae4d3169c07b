/*
 * What a request says, judged: which document its path names, whose it is, its body. What is wrong
 * is answered here. Used by all handlers that take a path with variables or a body.
 */
#include <string.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "admin/api/api_priv.h"
#include "admin/api/jsontext.h"
#include "clusters/coordinator.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"

bool api_has_tenant(const struct coordinator *c, const char *tenant)
{
    struct write_document d;

    return strcmp(tenant, "default") == 0 || coordinator_document(c, INTENT_TENANT, "", tenant, &d);
}

static bool copy_name(struct str from, char *out, size_t max)
{
    if (from.n >= max || memchr(from.p, '\0', from.n) != NULL)
        return false;
    memcpy(out, from.p, from.n);
    out[from.n] = '\0';
    return true;
}

bool api_tenant_of(struct api_call *call, char out[API_CLUSTER_MAX + 1])
{
    out[0] = '\0';
    if (!api_is_tenants(call->row))
        return true;
    if (coordinator_name_ok(call->vars[0]) && copy_name(call->vars[0], out, API_CLUSTER_MAX + 1) &&
        api_has_tenant(call->coordinator, out))
        return true;
    api_not_found(call);
    return false;
}

/* Documents below /v1/tenants/{tenant}/ are that tenant's; the tenant itself is nobody's. */
static bool is_below_tenant(const struct surface_row *row)
{
    return str_starts(str_from(row->path), STR("/v1/tenants/{tenant}/"));
}

static struct str name_of(const struct api_call *call, enum intent_kind kind)
{
    if (kind == INTENT_OWNERSHIP)
        return STR("ownership");
    return call->vars[is_below_tenant(call->row) ? 1 : 0];
}

bool api_key_of(struct api_call *call, struct api_key *out)
{
    struct str name;
    struct err why = {0};

    ASSERT(intent_kind_from_name(call->row->kind, &out->kind));
    out->tenant[0] = '\0';
    if (is_below_tenant(call->row) && !api_tenant_of(call, out->tenant))
        return false;
    name = name_of(call, out->kind);
    if (copy_name(name, out->name, sizeof out->name))
        return true;
    if (strcmp(call->row->method, "PUT") != 0) {
        api_not_found(call);
        return false;
    }
    err_set(&why, "BadName", "", "a name has at most %d bytes", (int)INTENT_NAME_MAX);
    answer_problem(call->req, 400, &why);
    return false;
}

struct str api_path(const struct api_call *call)
{
    struct str uri = str_from(evhttp_request_get_uri(call->req));
    const char *query = memchr(uri.p, '?', uri.n);

    return (struct str){uri.p, query != NULL ? (size_t)(query - uri.p) : uri.n};
}

/* ---- bodies ------------------------------------------------------------------------------------
 */

static const char *input_header(struct evhttp_request *req, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(req), name);
}

bool api_headers_once(struct evhttp_request *req)
{
    static const char *const once[] = {"Authorization", "Content-Type",  "Content-Encoding",
                                       "If-Match",      "If-None-Match", "Last-Event-ID"};
    const struct evkeyvalq *all = evhttp_request_get_input_headers(req);
    const struct evkeyval *h;
    struct err why = {0};

    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        size_t num = 0;

        TAILQ_FOREACH(h, all, next)
        num += evutil_ascii_strcasecmp(h->key, once[i]) == 0;
        if (num <= 1)
            continue;
        err_set(&why, "DuplicateHeader", once[i], "this header comes %zu times", num);
        answer_problem(req, 400, &why);
        return false;
    }
    return true;
}

/* The media type without parameters is what the method takes; charset may be UTF-8 only. */
static bool is_type(const char *header, const char *type)
{
    struct str rest = str_from(header);
    struct str part;

    if (header == NULL || !str_split(&rest, ';', &part) ||
        !str_eq_nocase(str_trim(part), str_from(type)))
        return false;
    return rest.p == NULL || str_eq_nocase(str_trim(rest), STR("charset=utf-8"));
}

static bool has_right_type(struct api_call *call)
{
    bool patch = strcmp(call->row->method, "PATCH") == 0;
    const char *type = patch ? "application/merge-patch+json" : "application/json";
    struct err why = {0};

    if (is_type(input_header(call->req, "Content-Type"), type) &&
        input_header(call->req, "Content-Encoding") == NULL)
        return true;
    err_set(&why, "UnsupportedMediaType", "Content-Type", "this takes %s, as it is", type);
    answer_header(call->req, patch ? "Accept-Patch" : "Accept", type);
    answer_problem(call->req, 415, &why);
    return false;
}

bool api_body(struct api_call *call, struct str *out)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(call->req);
    const struct json_limits limits = {
        .bytes_max = call->row->op == SURFACE_APPLY_OP ? API_APPLY_MAX : API_BODY_MAX,
        .depth_max = API_DEPTH_MAX,
    };
    struct jsontext walk;
    struct err why = {0};

    if (!has_right_type(call))
        return false;
    *out = (struct str){(const char *)evbuffer_pullup(in, -1), evbuffer_get_length(in)};
    if (!json_check(*out, &limits, &why)) {
        answer_problem(call->req, strcmp(why.code, "TooLarge") == 0 ? 413 : 400, &why);
        return false;
    }
    if (jsontext_object(*out, &walk))
        return true;
    err_set(&why, "BadType", "", "the body must be an object");
    answer_problem(call->req, 400, &why);
    return false;
}
