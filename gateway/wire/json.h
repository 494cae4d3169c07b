/*
 * The strict JSON decoder: the only door through which foreign JSON enters (frames, API bodies,
 * Docker's replies). cJSON does the parsing; before and after it we refuse what it would let pass:
 * \u0000, duplicate keys, invalid UTF-8, trailing bytes, excess depth, numbers that are no exact
 * int64 (when asked for as integers). Keys are looked up case-sensitively.
 */
#ifndef GATEWAY_WIRE_JSON_H
#define GATEWAY_WIRE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct cJSON;

struct json_limits {
    size_t bytes_max;
    int depth_max;
    bool duplicates_allowed; /* never for what we define ourselves; see json_parse */
};

extern const struct json_limits json_limits_frame; /* 4 MiB, depth 16 */
extern const struct json_limits json_limits_docker; /* 256 MiB, depth 64 */

/* NULL with *e set, or a tree for cJSON_Delete. */
struct cJSON *json_parse(struct str text, const struct json_limits *limits, struct err *e);

/*
 * Typed look-ups in an object. `at` names the place for the error ("/value/hosts"). A missing key
 * gives true and leaves *out alone, unless the name says need. A key of another type is an error.
 */
MUST_USE bool json_get_str(const struct cJSON *o, const char *key, const char **out, struct err *e);
MUST_USE bool json_get_int(const struct cJSON *o, const char *key, int64_t min, int64_t max,
                           int64_t *out, struct err *e);
MUST_USE bool json_get_bool(const struct cJSON *o, const char *key, bool *out, struct err *e);
MUST_USE bool json_get_array(const struct cJSON *o, const char *key, const struct cJSON **out,
                             struct err *e);
MUST_USE bool json_get_object(const struct cJSON *o, const char *key, const struct cJSON **out,
                              struct err *e);
/* False, with the stray key and the nearest known name, when o has a key not in the NULL-ended list. */
MUST_USE bool json_only_keys(const struct cJSON *o, const char *const *known, struct err *e);

#endif
