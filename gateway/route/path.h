/*
 * The one rule of paths, for routing and for forwarding:
 *
 * - A path is forwarded byte for byte as it was received.
 * - It is compared in its canonical form: escapes of unreserved bytes are undone ("%7Euser" is
 *   "~user"), the digits of the others are in upper case (RFC 3986 sections 6.2.2.1 and 6.2.2.2).
 *   Letters keep their case, nothing else is changed.
 * - Only a literal "/" parts segments. "%2F", ";" and "\" are bytes like any other, and "//" holds
 *   an empty segment.
 * - Refused with 400: a dot segment ("." or ".."), however it is spelled, "%00", and a "%" without
 *   two hexadecimal digits. An endpoint would resolve the first to another path than the one that
 *   was routed, cut the path at the second and guess at the third. Because some endpoints take
 *   "%2F", "\", "%5C" for "/" and drop what follows a ";" before they resolve, a dot segment ends
 *   (and, but for ";", begins) at these as well: "/app/..;/admin" is refused.
 */
#ifndef GATEWAY_ROUTE_PATH_H
#define GATEWAY_ROUTE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum { ROUTE_SEGMENTS_MAX = 32 /* of a route's path: it costs memory by segments */ };

/* Of a request, without the query: one pass, no copy. False: refuse it with 400. "*" is fine. */
MUST_USE bool route_path_allowed(struct str path);

/*
 * Of a route: its canonical form, of at most path.n bytes and a NUL. Refused ("BadPath"): what
 * route_path_allowed refuses, a first byte that is no "/", bytes that are not visible ASCII, "?",
 * "#", more than ROUTE_SEGMENTS_MAX segments. out may be touched on false.
 */
MUST_USE bool route_path_canonical(struct str path, char *out, struct err *e);

/*
 * Canonical form of a segment, or of any part of an allowed path, in at most segment.n bytes. A
 * segment without "%" is its own canonical form.
 */
size_t route_segment_canonical(struct str segment, char *out);

/*
 * Cuts the first segment off a path or what is left of it: "/a/b" leaves "/b", "/a" leaves "",
 * which has no more. False: there was none.
 */
MUST_USE bool route_path_next(struct str *rest, struct str *out_segment);

/* A route's prefix without the final "/" that makes no difference: "/app/" is "/app", "/" is "". */
struct str route_path_prefix(const char *canonical);

/*
 * What comes in an allowed path after a route's canonical prefix, as it was received: "" or a rest
 * that begins with "/". False: the prefix is not the beginning of the path by whole segments.
 */
MUST_USE bool route_path_after(struct str path, const char *prefix, struct str *out_rest);

#endif
