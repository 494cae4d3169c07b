/*
 * From a row of admin/api/surface.h and what is known to the path and query of a request. Pure.
 */
#ifndef ADMIN_CLI_URI_H
#define ADMIN_CLI_URI_H

#include <stdbool.h>

#include "admin/api/surface.h"
#include "gateway/core/buf.h"
#include "gateway/core/result.h"

enum { URI_MAX = 8192 };

/* What a path's variables are; NULL = not known. */
struct uri_place {
    const char *tenant;
    const char *cluster;
    const char *name; /* of what is asked for: the path's last variable */
};

/*
 * The row that does `method` with `noun`, singular or plural; for GET with a name the single thing.
 * With a tenant that of the tenant is preferred. NULL: there is none whose variables are all known.
 */
const struct surface_row *uri_find(const char *method, const char *noun,
                                   const struct uri_place *at);
/* The row of an operation that stands alone; the tenant's when there is a tenant. */
const struct surface_row *uri_find_op(enum surface_op op, const struct uri_place *at);
bool uri_knows_noun(const char *noun);

/* False: too long. */
MUST_USE bool uri_path(const struct surface_row *row, const struct uri_place *at, struct buf *out);
/* Appends "?key=value" or "&key=value", percent-encoded (RFC 3986 section 2.1). */
MUST_USE bool uri_query(struct buf *out, const char *key, const char *value);

#endif
