/*
 * Reading one document: GET and HEAD with strong entity tags (RFC 9110 sections 8.8 and 13).
 * Writing is in changes.c, listing in lists.c. Handlers of endpoints.c.
 */
#include <event2/http.h>

#include "admin/api/api_priv.h"
#include "admin/api/documents.h"
#include "admin/api/etag.h"
#include "clusters/publish/reply.h"

static const char *input_header(struct evhttp_request *req, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(req), name);
}

bool documents_preconditions(struct evhttp_request *req, struct documents_if *out)
{
    const char *match = input_header(req, "If-Match");
    const char *none = input_header(req, "If-None-Match");
    struct err why = {0};

    *out = (struct documents_if){.has_match = match != NULL, .has_none = none != NULL};
    if ((match == NULL || etag_parse(str_from(match), &out->match)) &&
        (none == NULL || etag_parse(str_from(none), &out->none)))
        return true;
    err_set(&why, "BadPrecondition", match != NULL ? "If-Match" : "If-None-Match",
            "If-Match and If-None-Match take * or entity tags in quotes");
    answer_problem(req, 400, &why);
    return false;
}

void documents_failed(struct evhttp_request *req, const struct write_document *now)
{
    struct err why = {0};

    err_set(&why, "PreconditionFailed", "", "the document is not in the state that was asked for");
    if (now != NULL)
        answer_etag(req, now->set_by);
    answer_problem(req, 412, &why);
}

/* True when the request's own conditions let it be shown; else answered. */
static bool may_show(struct api_call *call, const struct write_document *d)
{
    struct documents_if cond;

    if (!documents_preconditions(call->req, &cond))
        return false;
    if (cond.has_match && !etag_matches(&cond.match, d->set_by)) {
        documents_failed(call->req, d);
        return false;
    }
    if (!cond.has_none || !etag_matches_weakly(&cond.none, d->set_by))
        return true;
    answer_etag(call->req, d->set_by);
    evhttp_send_reply(call->req, 304, reply_phrase(304), NULL);
    return false;
}

static void send_document(struct api_call *call, const struct write_document *d)
{
    struct answer a;

    answer_open(&a);
    api_print_document(&a, call->api, d);
    api_print_document_end(&a);
    answer_send(&a, call->req, 200);
}

/* The switch stands somewhere before anybody has touched it; then it has no tag. */
static const struct write_document untouched = {
    .kind = INTENT_OWNERSHIP, .tenant = "", .name = "ownership", .value = "{\"claims\":\"open\"}"};

void api_get(struct api_call *call)
{
    struct write_document d;
    struct api_key key;

    if (!api_key_of(call, &key))
        return;
    if (coordinator_document(call->coordinator, key.kind, key.tenant, key.name, &d)) {
        if (!may_show(call, &d))
            return;
        answer_etag(call->req, d.set_by);
        send_document(call, &d);
    } else if (key.kind == INTENT_OWNERSHIP) {
        send_document(call, &untouched);
    } else {
        api_not_found(call);
    }
}
