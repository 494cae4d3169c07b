/* Conditional requests on documents (RFC 9110 section 13); for documents.c and the writes. */
#ifndef ADMIN_API_DOCUMENTS_H
#define ADMIN_API_DOCUMENTS_H

#include <stdbool.h>

#include "admin/api/etag.h"
#include "gateway/core/result.h"

struct evhttp_request;
struct write_document;

struct documents_if {
    bool has_match;
    bool has_none;
    struct etag_list match;
    struct etag_list none;
};

/* What If-Match and If-None-Match say; false: answered with 400. */
MUST_USE bool documents_preconditions(struct evhttp_request *req, struct documents_if *out);

/* 412, with the tag of what there is (NULL: nothing). */
void documents_failed(struct evhttp_request *req, const struct write_document *now);

#endif
