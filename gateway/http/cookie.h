/* The Cookie field of requests (RFC 6265 section 4.2.1). */
#ifndef GATEWAY_HTTP_COOKIE_H
#define GATEWAY_HTTP_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

/*
 * The value of the first cookie of that name in one field's value: what stands between "=" and ";",
 * blanks trimmed, quotes kept as a part of it (a semicolon ends a value inside quotes as well,
 * which is what the grammar says). Names are compared exactly. An empty value is a value. False:
 * there is none, and *out is untouched. What *out lends lives with field_value.
 */
MUST_USE bool http_cookie_find(struct str field_value, struct str name, struct str *out);

/* As route_request.field: the fields of a head one after the other. */
typedef bool (*http_next_field)(const void *head, struct str name, size_t *at, struct str *out);

/*
 * The same in all Cookie fields of a head, in their order. A client sends one (RFC 6265 section
 * 5.4), HTTP/2 may part it (RFC 9113 section 8.2.3): whoever sends several in HTTP/1.1 hides
 * nothing in the second, which services read as well.
 */
MUST_USE bool http_cookie_find_in(http_next_field next, const void *head, struct str name,
                                  struct str *out);

#endif
