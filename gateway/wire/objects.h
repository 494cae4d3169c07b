/*
 * From a frame's JSON value to the structs of gateway/route, strictly: unknown fields are refused
 * ("UnknownField") with the nearest known name; fields and words that the schema has but this build
 * does not serve yet are refused with code "Unsupported" once their value was found right. Each
 * answers NULL (or false) with *e set; e->field is a JSON pointer into the value. The value comes
 * from json_parse. docs/table.md is the reference for users, made from the same tables
 * (objects_priv.h).
 */
#ifndef GATEWAY_WIRE_OBJECTS_H
#define GATEWAY_WIRE_OBJECTS_H

#include "gateway/core/err.h"
#include "gateway/route/route.h"

struct buf;
struct cJSON;

struct route *objects_route(const struct cJSON *value, struct err *e);
struct route_pool *objects_pool(const struct cJSON *value, struct err *e);
struct route_endpoints *objects_endpoints(const struct cJSON *value, struct err *e);
/*
 * The same from the bytes of a value, which nobody need have judged, when they are those of a plain
 * object as clusters/compile writes it (objects_plain.c) and nothing in them is refused; NULL: ask
 * objects_route or objects_endpoints. Such a route is packed.
 */
struct route *objects_route_plain(struct str value);
struct route_endpoints *objects_endpoints_plain(struct str value);
struct route_tenant *objects_tenant(const struct cJSON *value, struct err *e);
/* Never true: what is right is refused as Unsupported. */
MUST_USE bool objects_certificate(const struct cJSON *value, struct err *e);
MUST_USE bool objects_settings(const struct cJSON *value, struct route_settings *out,
                               struct err *e);

/* The schema as Markdown, a table for each object and each one nested in it; false: out is full. */
MUST_USE bool objects_write_reference(struct buf *out);

#endif
