/*
 * The shapes of what a route does: redirect, respond, rewrite, header fields. That one route has
 * one action is objects_route.c's to say.
 */
#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

/* ---- redirect ---- */

static void init_redirect(void *object)
{
    struct route_redirect *r = object;

    r->status = 302;
}

static bool check_redirect(const struct cJSON *value, void *object, struct err *e)
{
    const struct route_redirect *r = object;

    if (!shape_exclude(value, "path", "prefix", e))
        return false;
    if (r->status != 301 && r->status != 302 && r->status != 303 && r->status != 307 &&
        r->status != 308)
        return err_set(e, "OutOfRange", "/status", "%u is none of 301, 302, 303, 307, 308",
                       (unsigned)r->status);
    if (r->scheme == NULL && r->host == NULL && r->port == 0 && r->path == NULL &&
        r->prefix == NULL)
        return err_set(e, "MissingField", "",
                       "one of scheme, host, port, path and prefix is needed: a redirect to the "
                       "same place never ends");
    return true;
}

static const struct field redirect_fields[] = {
    {.name = "status",
     AT(struct route_redirect, status),
     NUMBER(301, 308),
     .kind = "301, 302, 303, 307, 308",
     SERVED,
     UNSET("302")},
    {.name = "scheme",
     OWNED_AT(struct route_redirect, scheme),
     TEXT(1, 5, text_scheme),
     .kind = "`\"http\"`, `\"https\"`",
     SERVED,
     ABOUT("these parts replace the request's; absent ones stay, one at least is needed")},
    {.name = "host",
     OWNED_AT(struct route_redirect, host),
     TEXT(1, ROUTE_HOST_MAX + 1, text_host),
     SERVED},
    {.name = "port",
     AT(struct route_redirect, port),
     NUMBER(1, 65535),
     SERVED,
     ABOUT("never a listener's own")},
    {.name = "path",
     OWNED_AT(struct route_redirect, path),
     TEXT(0, ROUTE_PATH_MAX, text_path),
     SERVED,
     ABOUT("the whole path")},
    {.name = "prefix",
     OWNED_AT(struct route_redirect, prefix),
     TEXT(0, ROUTE_PATH_MAX, text_path),
     SERVED,
     ABOUT("in the place of what the route's path matched; never beside `path`")},
    {.name = "drop_query", AT(struct route_redirect, drop_query), FLAG, SERVED, UNSET("false")},
};

const struct shape shape_redirect = {.title = "route.redirect",
                                     .size = sizeof(struct route_redirect),
                                     .init = init_redirect,
                                     .check = check_redirect,
                                     FIELDS(redirect_fields)};

/* ---- respond ---- */

static bool check_respond(const struct cJSON *value, void *object, struct err *e)
{
    struct route_respond *r = object;

    if (r->body == NULL)
        r->body = xstrdup("");
    if (r->content_type == NULL)
        r->content_type = xstrdup("text/plain; charset=utf-8");
    (void)value;
    /* RFC 9110 sections 15.3.5, 15.3.6, 15.4.5 */
    if (r->body[0] != '\0' && (r->status == 204 || r->status == 205 || r->status == 304))
        return err_set(e, "Contradiction", "/body", "a response of the status %u has no body",
                       (unsigned)r->status);
    return true;
}

static const struct field respond_fields[] = {
    {.name = "status", AT(struct route_respond, status), NUMBER(200, 599), NEEDED, SERVED},
    {.name = "content_type",
     OWNED_AT(struct route_respond, content_type),
     TEXT(1, SHAPE_TEXT_MAX, text_field_value),
     SERVED,
     UNSET("\"text/plain; charset=utf-8\"")},
    {.name = "body",
     OWNED_AT(struct route_respond, body),
     TEXT(0, ROUTE_BODY_MAX, text_any),
     SERVED,
     UNSET("\"\"")},
};

const struct shape shape_respond = {.title = "route.respond",
                                    .size = sizeof(struct route_respond),
                                    .check = check_respond,
                                    FIELDS(respond_fields)};

/* ---- rewrite ---- */

static bool check_rewrite(const struct cJSON *value, void *object, struct err *e)
{
    (void)object;
    return shape_exclude(value, "path", "prefix", e);
}

static const struct field rewrite_fields[] = {
    {.name = "host",
     OWNED_AT(struct route_rewrite, host),
     TEXT(1, ROUTE_HOST_MAX + 1, text_host),
     SERVED,
     ABOUT("the `Host` that the endpoint sees")},
    {.name = "path",
     OWNED_AT(struct route_rewrite, path),
     TEXT(0, ROUTE_PATH_MAX, text_path),
     SERVED,
     ABOUT("the whole path; the query stays")},
    {.name = "prefix",
     OWNED_AT(struct route_rewrite, prefix),
     TEXT(0, ROUTE_PATH_MAX, text_path),
     SERVED,
     ABOUT("in the place of what the route's path matched: `\"/\"` strips it; never beside "
           "`path`")},
};

const struct shape shape_rewrite = {.title = "route.rewrite",
                                    .size = sizeof(struct route_rewrite),
                                    .check = check_rewrite,
                                    FIELDS(rewrite_fields)};

/* ---- header fields ---- */

static bool check_header(const struct cJSON *value, void *object, struct err *e)
{
    struct route_field *f = object;

    (void)value;
    (void)e;
    if (f->value == NULL)
        f->value = xstrdup("");
    return true;
}

static const struct field header_fields[] = {
    {.name = "name",
     OWNED_AT(struct route_field, name),
     TEXT(1, ROUTE_FIELD_NAME_MAX, text_free_field),
     NEEDED,
     SERVED,
     ABOUT("lower-cased; none that frames, routes or says who the client is (`Host`, "
           "`Content-Length`, `Connection`, `X-Forwarded-*`, `Proxy-*` and their like)")},
    {.name = "value",
     OWNED_AT(struct route_field, value),
     TEXT(0, ROUTE_FIELD_VALUE_MAX, text_field_value),
     NEEDED,
     SERVED,
     ABOUT("no control bytes, no blanks around it")},
};

static const struct shape shape_header = {.title = "route.request_headers.set",
                                          .about =
                                              "Of `add` and of `route.response_headers` as well.",
                                          .size = sizeof(struct route_field),
                                          .check = check_header,
                                          FIELDS(header_fields)};

static const struct field fields_fields[] = {
    {.name = "remove",
     OWNED_AT(struct route_fields, removed),
     COUNT_AT(struct route_fields, num_removed),
     TEXTS(0, ROUTE_FIELDS_MAX, ROUTE_FIELD_NAME_MAX, text_free_field),
     SERVED,
     ABOUT("names, by the rule of `set`; done first")},
    {.name = "set",
     OWNED_AT(struct route_fields, set),
     COUNT_AT(struct route_fields, num_set),
     PARTS(0, ROUTE_FIELDS_MAX, shape_header),
     SERVED,
     ABOUT("replaces all of that name")},
    {.name = "add",
     OWNED_AT(struct route_fields, added),
     COUNT_AT(struct route_fields, num_added),
     PARTS(0, ROUTE_FIELDS_MAX, shape_header),
     SERVED,
     ABOUT("beside what is there")},
};

const struct shape shape_request_headers = {.title = "route.request_headers",
                                            .about = "`route.response_headers` is the same.",
                                            .size = sizeof(struct route_fields),
                                            FIELDS(fields_fields)};

const struct shape shape_response_headers = {
    .title = NULL, .size = sizeof(struct route_fields), FIELDS(fields_fields)};
