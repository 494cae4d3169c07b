/*
 * The strict JSON decoder: the only door through which foreign JSON enters (frames, API bodies,
 * Docker's replies). Our own scan judges the text first: it refuses \u0000, lone surrogates,
 * duplicate keys, invalid UTF-8, raw control bytes, trailing bytes and excess depth; only then does
 * cJSON build the tree. Keys are looked up case-sensitively. Integers are read from the text, not
 * from cJSON's doubles, so that every int64 is exact.
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
    int depth_max; /* at most JSON_DEPTH_MAX */
};

enum { JSON_DEPTH_MAX = 256 };

extern const struct json_limits json_limits_frame;  /* 4 MiB, depth 16 */
extern const struct json_limits json_limits_docker; /* 256 MiB, depth 64 */

/*
 * For readers of what we write ourselves: the rest of a string behind its opening quote, when it is
 * printable ASCII without escapes; cuts it and the closing quote off *rest.
 */
MUST_USE bool json_cut_plain(struct str *rest, struct str *out);

/* NULL with *e set, or a tree for cJSON_Delete. Codes: BadJson, TooLarge, TooDeep, DuplicateKey;
 * NoMemory: nothing is wrong with the text, there was no room for its tree. */
struct cJSON *json_parse(struct str text, const struct json_limits *limits, struct err *e);

/* Judges the text as json_parse does and builds nothing. */
MUST_USE bool json_check(struct str text, const struct json_limits *limits, struct err *e);

/*
 * As json_parse; *out_span becomes the exact bytes of the value of the first key `key` that is a
 * member of an object at `depth` (1 = the outermost), or {NULL, 0}.
 */
struct cJSON *json_parse_span(struct str text, const struct json_limits *limits, const char *key,
                              int depth, struct str *out_span, struct err *e);

/* The member of that exact name, or NULL; also NULL when o is NULL or no object. Lent. */
const struct cJSON *json_get(const struct cJSON *o, const char *key);

/*
 * Typed look-ups in an object. A key that is missing or null gives true and leaves *out alone. A
 * value of another type, or an integer outside min..max or not written as a plain integer, is
 * refused with field "/key".
 */
MUST_USE bool json_get_str(const struct cJSON *o, const char *key, const char **out, struct err *e);
MUST_USE bool json_get_int(const struct cJSON *o, const char *key, int64_t min, int64_t max,
                           int64_t *out, struct err *e);
/* As json_get_int over all of uint64, for revisions and Docker's version counters. */
MUST_USE bool json_get_u64(const struct cJSON *o, const char *key, uint64_t *out, struct err *e);
MUST_USE bool json_get_bool(const struct cJSON *o, const char *key, bool *out, struct err *e);
MUST_USE bool json_get_array(const struct cJSON *o, const char *key, const struct cJSON **out,
                             struct err *e);
MUST_USE bool json_get_object(const struct cJSON *o, const char *key, const struct cJSON **out,
                              struct err *e);

/* True when the key is there and not null; else refused with code "MissingField". */
MUST_USE bool json_need(const struct cJSON *o, const char *key, struct err *e);

/* One number node as an exact integer; false when it is none or lies outside min..max. */
MUST_USE bool json_int(const struct cJSON *number, int64_t min, int64_t max, int64_t *out);

/* False, with the stray key and the nearest known name, when o has a key not in the NULL-ended
 * list. */
MUST_USE bool json_only_keys(const struct cJSON *o, const char *const *known, struct err *e);

/* The refusal of one such key; false, for `return json_refuse_key(...)`. */
bool json_refuse_key(const char *key, const char *const *known, struct err *e);

/* A name as a part of a JSON pointer, with its "/" (RFC 6901 section 3); cut to fit. */
void json_pointer(const char *name, char out[ERR_FIELD_MAX]);

/* The known name nearest to `key` in edit distance, or NULL when none is near. */
const char *json_nearest(const char *key, const char *const *known);

/* Puts `parent` ("/endpoints/3") in front of e->field; false, for `return json_err_in(...)`. */
bool json_err_in(struct err *e, const char *parent_fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
