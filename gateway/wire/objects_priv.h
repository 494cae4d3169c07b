/* Shapes and rules that more than one file of objects_*.c uses, see shape.h. */
#ifndef GATEWAY_WIRE_OBJECTS_PRIV_H
#define GATEWAY_WIRE_OBJECTS_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/wire/objects.h"
#include "gateway/wire/shape.h"

extern const struct shape shape_redirect; /* objects_action.c: what is done with a request */
extern const struct shape shape_respond;
extern const struct shape shape_rewrite;
extern const struct shape shape_request_headers;
extern const struct shape shape_response_headers;
extern const struct shape shape_sticky; /* objects_policy.c: under which conditions */
extern const struct shape shape_split;
extern const struct shape shape_route_limits;
extern const struct shape shape_route_timeouts;
extern const struct shape shape_retry;
extern const struct shape shape_route_tls;
extern const struct word shape_key_words[]; /* of enum route_key */

extern const struct word shape_tls_versions[];

#define SHAPE_STATUSES_KIND "0 to 16 of 400 to 599"
#define SHAPE_STATUSES_SCHEMA                                                             \
    "\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"integer\",\"minimum\":400," \
    "\"maximum\":599}"

/* Statuses of failures into uint16_t [ROUTE_STATUSES_MAX] and its count. */
MUST_USE bool shape_statuses(const struct cJSON *item, uint16_t *statuses, uint8_t *num,
                             struct err *e);

/* A burst is the rate unless it is given, and there is none without a rate. */
MUST_USE bool shape_check_rate(const struct cJSON *value, uint32_t per_second, uint32_t *burst,
                               struct err *e);

/* The rule of struct route_hash: a name, unless the client's address is meant. */
MUST_USE bool shape_check_hash(const struct cJSON *value, struct route_hash *hash, struct err *e);

#endif
