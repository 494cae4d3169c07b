/* What both HTTP listeners of the coordinator answer with: problem+json (RFC 9457) and JSON. */
#ifndef CLUSTERS_PUBLISH_REPLY_H
#define CLUSTERS_PUBLISH_REPLY_H

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct evhttp_request;

void reply_json(struct evhttp_request *req, int status, const struct buf *body);
void reply_text(struct evhttp_request *req, const char *type, const struct buf *body); /* 200 */
void reply_empty(struct evhttp_request *req);                                          /* 204 */
void reply_body(struct evhttp_request *req, int status, const char *type, const struct buf *body);

/* `why` gives title (its code), detail and field; the status must be one of 4xx or 5xx. */
void reply_problem(struct evhttp_request *req, int status, const struct err *why);
/* The body alone, into a buffer with room for some kilobytes, and the words of a status. */
void reply_write_problem(struct buf *b, int status, const struct err *why);
const char *reply_phrase(int status);
void reply_unauthorized(struct evhttp_request *req, const char *realm);
void reply_not_allowed(struct evhttp_request *req, const char *allow); /* 405 with Allow */
/* With Retry-After: 429 or 503. */
void reply_later(struct evhttp_request *req, int status, int seconds, const struct err *why);

/* The token of "Authorization: Bearer <token>" (RFC 6750); false when there is none. */
MUST_USE bool reply_bearer(struct evhttp_request *req, struct str *out);

#endif
