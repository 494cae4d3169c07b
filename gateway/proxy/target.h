/*
 * Other targets than the client's: what a rewrite forwards and where a redirect points. Pure: from
 * a route and pieces of a request to pieces of text.
 *
 * A path is forwarded byte for byte as it was received, so the part of it that a route's prefix
 * took may be spelled differently from the prefix ("/%61pp/x" is under "/app"): it is replaced as
 * it stands, and what follows stays as it stands (route_path_after).
 */
#ifndef GATEWAY_PROXY_TARGET_H
#define GATEWAY_PROXY_TARGET_H

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"
#include "gateway/http/h1_write.h"
#include "gateway/route/route.h"

/* Of the request, as received. */
struct target_request {
    struct str proto; /* "http" or "https" */
    struct str host;  /* the Host field, with its port; empty: there is none */
    struct str path;  /* begins with '/' */
    struct str query; /* with its '?'; empty: none */
};

/*
 * The target with its path replaced by new_path, or, when that is NULL, what `prefix` took of it by
 * new_prefix; both NULL: as it came. Lent by all of them.
 */
void target_replace(const struct target_request *q, const char *prefix, const char *new_path,
                    const char *new_prefix, struct h1_target *out);

/*
 * The value of Location (RFC 9110 section 10.2.2). A port of the client's stays only while neither
 * host nor scheme is another; the ports that a scheme implies are left out. A request without a
 * host gets a reference without one. False: out is full.
 */
MUST_USE bool target_add_location(const struct target_request *q, const char *prefix,
                                  const struct route_redirect *r, struct buf *out);

#endif
