/*
 * The shape of routes: which requests are theirs, and where the parts are that say what is done
 * with them (objects_action.c) and under which conditions (objects_policy.c). Whether a pool exists
 * or a host is taken is gateway/table's to say.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

enum { METHOD_MAX = 32 };

/* ---- matches ---- */

#define CONDITION(rule, value_rule, what)                                     \
    {.name = "name",                                                          \
     OWNED_AT(struct route_condition, name),                                  \
     TEXT(1, ROUTE_FIELD_NAME_MAX, rule),                                     \
     NEEDED,                                                                  \
     SERVED,                                                                  \
     ABOUT(what)},                                                            \
    {                                                                         \
        .name = "value", OWNED_AT(struct route_condition, value),             \
        TEXT(0, ROUTE_FIELD_VALUE_MAX, value_rule), SERVED,                   \
        ABOUT("compared exactly; without it, it is enough that there is one") \
    }

static const struct field header_fields[] = {
    CONDITION(text_field_name, text_field_value,
              "of the field, in any case; its first line counts"),
};
static const struct field query_fields[] = {
    CONDITION(NULL, NULL, "of the parameter, exactly; its first value counts, percent-decoded"),
};
static const struct field cookie_fields[] = {
    CONDITION(text_token, text_field_value,
              "of the cookie, exactly; its first value in all Cookie fields counts"),
};

static const struct shape shape_header = {
    .title = "route.match.headers", .size = sizeof(struct route_condition), FIELDS(header_fields)};
static const struct shape shape_query = {
    .title = "route.match.queries", .size = sizeof(struct route_condition), FIELDS(query_fields)};
static const struct shape shape_cookie = {
    .title = "route.match.cookies", .size = sizeof(struct route_condition), FIELDS(cookie_fields)};

static const struct field match_fields[] = {
    {.name = "methods",
     OWNED_AT(struct route_match, methods),
     COUNT_AT(struct route_match, num_methods),
     TEXTS(0, ROUTE_MATCHES_MAX, METHOD_MAX, text_token),
     SERVED,
     ABOUT("any of them; none: all")},
    {.name = "headers",
     OWNED_AT(struct route_match, headers.all),
     COUNT_AT(struct route_match, headers.num),
     PARTS(0, ROUTE_MATCHES_MAX, shape_header),
     SERVED,
     ABOUT("all of them")},
    {.name = "queries",
     OWNED_AT(struct route_match, queries.all),
     COUNT_AT(struct route_match, queries.num),
     PARTS(0, ROUTE_MATCHES_MAX, shape_query),
     SERVED,
     ABOUT("all of them")},
    {.name = "cookies",
     OWNED_AT(struct route_match, cookies.all),
     COUNT_AT(struct route_match, cookies.num),
     PARTS(0, ROUTE_MATCHES_MAX, shape_cookie),
     SERVED,
     ABOUT("all of them")},
};

static const struct shape shape_match = {.title = "route.match",
                                         .about = "What a request must have besides host and path.",
                                         .size = sizeof(struct route_match),
                                         FIELDS(match_fields)};

/* ---- forward ---- */

static void init_forward(void *object)
{
    struct route_forward *f = object;

    f->weight = 1;
}

static const struct field forward_fields[] = {
    {.name = "pool",
     OWNED_AT(struct route_forward, pool),
     TEXT(1, ROUTE_NAME_MAX, text_name),
     NEEDED,
     SERVED,
     ABOUT("name of a pool, which need not exist (yet); none twice")},
    {.name = "weight",
     AT(struct route_forward, weight),
     NUMBER(0, ROUTE_WEIGHT_MAX),
     SERVED,
     UNSET("1"),
     ABOUT("its share; 0 takes nothing while another has weight")},
};

static const struct shape shape_forward = {.title = "route.forward",
                                           .size = sizeof(struct route_forward),
                                           .init = init_forward,
                                           FIELDS(forward_fields)};

/* ---- the route ---- */

static const struct word path_types[] = {{"prefix", true}, {"exact", true}, {NULL, false}};

static void init_route(void *object)
{
    struct route *r = object;

    r->created_ms = INT64_MAX;
}

static bool check_hosts(struct route *r, struct err *e)
{
    struct map seen;
    bool ok = true;

    if (r->num_hosts < 2) /* nearly every route, of which there may be very many */
        return true;
    map_init(&seen);
    for (size_t i = 0; i < r->num_hosts && ok; i++) {
        if (map_put(&seen, str_from(r->hosts[i]), r) == NULL)
            continue;
        err_set(e, "DuplicateHost", "", "the host \"%s\" comes twice", r->hosts[i]);
        ok = json_err_in(e, "/hosts/%zu", i);
    }
    map_free(&seen, NULL);
    return ok;
}

static bool check_pools(const struct route *r, struct err *e)
{
    for (size_t i = 0; i < r->num_forward; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(r->forward[i].pool, r->forward[j].pool) != 0)
                continue;
            err_set(e, "DuplicatePool", "/pool", "the pool \"%.64s\" comes twice",
                    r->forward[i].pool);
            return json_err_in(e, "/forward/%zu", i);
        }
    }
    return true;
}

/* Exactly one; and what speaks of forwarding stands beside "forward" only. */
static bool check_action(const cJSON *value, struct route *r, struct err *e)
{
    static const char *const of_forward[] = {"rewrite", "request_headers", "sticky", "split",
                                             "retry",   "passthrough",     NULL};

    if (!shape_exclude(value, "forward", "redirect", e) ||
        !shape_exclude(value, "forward", "respond", e) ||
        !shape_exclude(value, "redirect", "respond", e))
        return false;
    r->action = r->redirect != NULL  ? ROUTE_REDIRECT
                : r->respond != NULL ? ROUTE_RESPOND
                                     : ROUTE_FORWARD;
    if (r->action == ROUTE_FORWARD)
        return json_need(value, "forward", e);
    for (const char *const *name = of_forward; *name != NULL; name++)
        if (!shape_exclude(value, r->redirect != NULL ? "redirect" : "respond", *name, e))
            return false;
    return true;
}

/* An exact path leaves nothing behind its prefix that could be kept. */
static bool check_prefix(const struct route *r, struct err *e)
{
    bool redirect = r->redirect != NULL && r->redirect->prefix != NULL;
    bool rewrite = r->rewrite != NULL && r->rewrite->prefix != NULL;

    if (!r->path_exact || (!redirect && !rewrite))
        return true;
    return err_set(e, "Contradiction", redirect ? "/redirect/prefix" : "/rewrite/prefix",
                   "only a path of the type \"prefix\" has a prefix to replace");
}

static bool check_route(const struct cJSON *value, void *object, struct err *e)
{
    struct route *r = object;

    if (!check_hosts(r, e) || !check_action(value, r, e) || !check_pools(r, e) ||
        !check_prefix(r, e))
        return false;
    if (r->tenant == NULL)
        r->tenant = xstrdup("");
    if (r->path == NULL)
        r->path = xstrdup("/");
    return true;
}

static const struct field route_fields[] = {
    {.name = "tenant",
     OWNED_AT(struct route, tenant),
     TEXT(0, SHAPE_TEXT_MAX, NULL),
     SERVED,
     UNSET("\"\""),
     ABOUT("whose it is: the quotas of the `tenant` object of that name apply")},
    {.name = "created_ms",
     AT(struct route, created_ms),
     NUMBER(0, INT64_MAX),
     SERVED,
     ABOUT("Unix time; of routes that are equal otherwise the oldest wins, one that does not say "
           "is the youngest")},
    {.name = "hosts",
     OWNED_AT(struct route, hosts),
     COUNT_AT(struct route, num_hosts),
     TEXTS(1, ROUTE_HOSTS_MAX, SHAPE_HOST_MAX, text_host_pattern),
     NEEDED,
     SERVED,
     ABOUT("made canonical (lower case, no final dot); `\"*.shop.example\"` has one or more labels "
           "in the place of the star; `\"*\"`: requests of any other host; none twice")},
    {.name = "path",
     OWNED_AT(struct route, path),
     TEXT(0, ROUTE_PATH_MAX, text_path_pattern),
     SERVED,
     UNSET("\"/\""),
     ABOUT("made canonical")},
    {.name = "path_type",
     AT(struct route, path_exact),
     WORD(path_types),
     SERVED,
     UNSET("\"prefix\""),
     ABOUT("a prefix goes by whole segments: `/app` has `/app` and `/app/x`, never "
           "`/application`")},
    {.name = "match",
     OWNED_AT(struct route, match),
     PART(shape_match),
     SERVED,
     ABOUT("what a request must have besides host and path")},
    {.name = "forward",
     OWNED_AT(struct route, forward),
     COUNT_AT(struct route, num_forward),
     PARTS(1, ROUTE_FORWARD_MAX, shape_forward),
     SERVED,
     ABOUT("the pools that serve it")},
    {.name = "redirect",
     OWNED_AT(struct route, redirect),
     PART(shape_redirect),
     SERVED,
     ABOUT("answers with a `Location`")},
    {.name = "respond",
     OWNED_AT(struct route, respond),
     PART(shape_respond),
     SERVED,
     ABOUT("answers by itself")},
    {.name = "rewrite",
     OWNED_AT(struct route, rewrite),
     PART(shape_rewrite),
     SERVED,
     ABOUT("of what is forwarded")},
    {.name = "request_headers",
     OWNED_AT(struct route, request_fields),
     PART(shape_request_headers),
     SERVED,
     ABOUT("fields of what is forwarded")},
    {.name = "response_headers",
     OWNED_AT(struct route, response_fields),
     PART(shape_response_headers),
     SERVED,
     ABOUT("fields of what comes back")},
    {.name = "sticky",
     OWNED_AT(struct route, sticky),
     PART(shape_sticky),
     SERVED,
     ABOUT("keeps a user at an endpoint")},
    {.name = "split",
     OWNED_AT(struct route, split),
     PART(shape_split),
     SERVED,
     ABOUT("keeps a user in a pool of `forward`, whatever the weights become")},
    {.name = "limits",
     OWNED_AT(struct route, limits),
     PART(shape_route_limits),
     SERVED,
     ABOUT("of a gateway, all workers together")},
    {.name = "timeouts",
     OWNED_AT(struct route, timeouts),
     PART(shape_route_timeouts),
     SERVED,
     ABOUT("how long each step may take")},
    {.name = "retry",
     OWNED_AT(struct route, retry),
     PART(shape_retry),
     SERVED,
     ABOUT("on other endpoints, when a request may be repeated")},
    {.name = "passthrough",
     FLAG,
     UNSET("false"),
     ABOUT("TLS goes to the pool as it comes, chosen by its SNI")},
    {.name = "https_only", FLAG, UNSET("false"), ABOUT("clear text is redirected to https")},
    {.name = "tls", PART(shape_route_tls), ABOUT("policy of the route's hosts")},
};

const struct shape shape_route = {
    .title = "route",
    .about = "Exactly one of `forward`, `redirect` and `respond`. `rewrite`, `request_headers`, "
             "`sticky`, `split`, `retry` and `passthrough` stand beside `forward` only.",
    .size = sizeof(struct route),
    .init = init_route,
    .check = check_route,
    FIELDS(route_fields)};

struct route *objects_route(const struct cJSON *value, struct err *e)
{
    struct route *r = xcalloc(1, sizeof(*r));

    if (shape_read(&shape_route, value, r, e))
        return r;
    route_free(r);
    return NULL;
}
