/*
 * The target of an HTTP request ("/v1/clusters/east/stream?from=7"), decoded strictly: segments and
 * query parameters. Pure. Used by the stream listener and by the admin API.
 */
#ifndef CLUSTERS_PUBLISH_TARGET_H
#define CLUSTERS_PUBLISH_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    TARGET_BYTES_MAX = 2048,
    TARGET_SEGMENTS_MAX = 12,
    TARGET_PARAMS_MAX = 12,
    TARGET_VARS_MAX = 4
};

struct target_param {
    struct str key;
    struct str value;
};

struct target {
    char bytes[TARGET_BYTES_MAX + 1]; /* what the segments and parameters point into */
    size_t num_bytes;
    struct str segments[TARGET_SEGMENTS_MAX];
    size_t num_segments;
    struct target_param params[TARGET_PARAMS_MAX];
    size_t num_params;
};

/*
 * Takes origin-form only (RFC 9112 section 3.2.1). Refuses bad percent escapes, control bytes, '/'
 * and NUL behind an escape, empty and dot segments, fragments, a parameter that comes twice, and
 * whatever exceeds the caps. The result points into *out: it may not be copied.
 */
MUST_USE bool target_parse(struct str uri, struct target *out, struct err *e);

/* "/v1/clusters/{c}/stream": a segment in braces takes any segment, given in out_vars in order. */
MUST_USE bool target_matches(const struct target *t, const char *pattern,
                             struct str out_vars[TARGET_VARS_MAX]);

MUST_USE bool target_param(const struct target *t, const char *key, struct str *out);
/* False with the stray one when there is a parameter that is not in the NULL-ended list. */
MUST_USE bool target_only_params(const struct target *t, const char *const *known, struct err *e);

#endif
