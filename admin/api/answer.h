/*
 * An answer being printed: pieces of JSON into a buffer that has a limit. Whoever prints does not
 * look at each step; what did not fit is answered with 503 at the end.
 */
#ifndef ADMIN_API_ANSWER_H
#define ADMIN_API_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/buf.h"
#include "gateway/core/errs.h"
#include "gateway/core/str.h"

struct compile_condition;
struct evhttp_request;

enum { ANSWER_MAX = 64 << 20 };

struct answer {
    struct buf b;
    bool fits;
};

void answer_open(struct answer *a);
void answer_free(struct answer *a);
void answer_add(struct answer *a, const char *json);
void answer_span(struct answer *a, struct str json);
void answer_text(struct answer *a, const char *before, const char *text); /* as a JSON string */
void answer_number(struct answer *a, const char *before, uint64_t n);
void answer_bool(struct answer *a, const char *before, bool value);
void answer_separator(struct answer *a); /* a comma, unless a list or an object has just begun */

/* One condition, after a separator. `observed` is the commit whose picture it was judged by. */
void answer_condition(struct answer *a, const struct compile_condition *c, uint64_t observed);

/* Sends it and releases it; for HEAD without the body. */
void answer_send(struct answer *a, struct evhttp_request *req, int status);

/*
 * problem+json (RFC 9457) with every fault, whose pointers lose the prefix `cut` ("" = none). The
 * connection stays: the request was read to its end.
 */
void answer_faults(struct evhttp_request *req, int status, const struct errs *faults,
                   const char *cut);
void answer_problem(struct evhttp_request *req, int status, const struct err *why);
void answer_header(struct evhttp_request *req, const char *name, const char *value);
void answer_header_number(struct evhttp_request *req, const char *name, uint64_t value);
void answer_etag(struct evhttp_request *req, uint64_t commit);

#endif
