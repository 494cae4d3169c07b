/*
 * The shapes of a route's conditions: whom it keeps where, how much, how long, how often; and what
 * its hosts ask of TLS.
 */
#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

enum { AGE_MAX_S = 63072000, /* two years */ ATTEMPTS_MAX = 10 };

/* ---- whom ---- */

static const struct word sticky_words[] = {{"app_cookie", true}, {"cookie", true}, {NULL, false}};

static bool check_sticky(const struct cJSON *value, void *object, struct err *e)
{
    const struct route_sticky *s = object;

    if (s->by == ROUTE_STICKY_COOKIE || !shape_has(value, "ttl_s"))
        return true;
    return err_set(e, "Contradiction", "/ttl_s", "the application's own cookie has its own age");
}

static const struct field sticky_fields[] = {
    {.name = "by",
     AT(struct route_sticky, by),
     WORD(sticky_words),
     NEEDED,
     SERVED,
     ABOUT("`app_cookie`: the value of a cookie that the application sets; `cookie`: an opaque "
           "signed one of the gateway's")},
    {.name = "name",
     OWNED_AT(struct route_sticky, name),
     TEXT(1, SHAPE_TEXT_MAX, text_token),
     NEEDED,
     SERVED,
     ABOUT("of the cookie")},
    {.name = "ttl_s",
     AT(struct route_sticky, ttl_s),
     NUMBER(0, AGE_MAX_S),
     SERVED,
     UNSET("0"),
     ABOUT("`Max-Age` of the gateway's cookie; 0: until the browser ends")},
};

const struct shape shape_sticky = {.title = "route.sticky",
                                   .size = sizeof(struct route_sticky),
                                   .check = check_sticky,
                                   FIELDS(sticky_fields)};

const struct word shape_key_words[] = {
    {"client", true}, {"header", true}, {"cookie", true}, {NULL, false}};

bool shape_check_hash(const struct cJSON *value, struct route_hash *hash, struct err *e)
{
    if (hash->salt == NULL)
        hash->salt = xstrdup("");
    for (char *p = hash->name; hash->by == ROUTE_KEY_HEADER && p != NULL && *p != '\0'; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    if (hash->by != ROUTE_KEY_CLIENT)
        return json_need(value, "name", e);
    if (!shape_has(value, "name"))
        return true;
    return err_set(e, "Contradiction", "/name", "the client's address has no name");
}

static bool check_split(const struct cJSON *value, void *object, struct err *e)
{
    return shape_check_hash(value, object, e);
}

static const struct field split_fields[] = {
    {.name = "by",
     AT(struct route_hash, by),
     WORD(shape_key_words),
     NEEDED,
     SERVED,
     ABOUT("what stays the same of a user")},
    {.name = "name",
     OWNED_AT(struct route_hash, name),
     TEXT(1, ROUTE_FIELD_NAME_MAX, text_token),
     SERVED,
     ABOUT("of the field or cookie; needed unless `by` is `client`")},
    {.name = "salt",
     OWNED_AT(struct route_hash, salt),
     TEXT(0, SHAPE_TEXT_MAX, NULL),
     SERVED,
     UNSET("\"\""),
     ABOUT("another salt picks other users first")},
};

const struct shape shape_split = {.title = "route.split",
                                  .size = sizeof(struct route_hash),
                                  .check = check_split,
                                  FIELDS(split_fields)};

/* ---- how much ---- */

bool shape_check_rate(const struct cJSON *value, uint32_t per_second, uint32_t *burst,
                      struct err *e)
{
    if (*burst == 0)
        *burst = per_second;
    if (per_second != 0 || !shape_has(value, "burst"))
        return true;
    return err_set(e, "Contradiction", "/burst", "a burst is of a rate: requests_per_second");
}

static void init_limits(void *object)
{
    struct route_limits *l = object;

    l->body_bytes = -1;
    l->min_rate = -1;
}

static bool check_limits(const struct cJSON *value, void *object, struct err *e)
{
    struct route_limits *l = object;

    return shape_check_rate(value, l->per_second, &l->burst, e);
}

static const struct field limits_fields[] = {
    {.name = "body_bytes",
     AT(struct route_limits, body_bytes),
     NUMBER(0, SHAPE_BODY_MAX),
     SERVED,
     ABOUT("of a request; 413 beyond; absent: as the settings say")},
    {.name = "min_rate_bytes_s",
     AT(struct route_limits, min_rate),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     ABOUT("that a client sends or takes of a body; 0: however slow; absent: as the settings say")},
    {.name = "in_flight",
     AT(struct route_limits, in_flight),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("requests at one time; 503 beyond; 0: no limit")},
    {.name = "requests_per_second",
     AT(struct route_limits, per_second),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("429 beyond; 0: no limit")},
    {.name = "burst",
     AT(struct route_limits, burst),
     NUMBER(1, SHAPE_RATE_MAX),
     SERVED,
     ABOUT("requests at one time within the rate; absent: `requests_per_second`")},
};

const struct shape shape_route_limits = {.title = "route.limits",
                                         .about = "Of one gateway, all its workers together.",
                                         .size = sizeof(struct route_limits),
                                         .init = init_limits,
                                         .check = check_limits,
                                         FIELDS(limits_fields)};

/* ---- how long ---- */

static const struct field timeouts_fields[] = {
    {.name = "connect_ms",
     AT(struct route_timeouts, connect),
     NUMBER(1, ROUTE_TIMEOUT_MAX_MS),
     SERVED,
     UNSET("2000"),
     ABOUT("to an endpoint")},
    {.name = "body_idle_ms",
     AT(struct route_timeouts, body_idle),
     NUMBER(1, ROUTE_TIMEOUT_MAX_MS),
     SERVED,
     UNSET("60000"),
     ABOUT("no byte of the request's body for so long; 408")},
    {.name = "response_ms",
     AT(struct route_timeouts, response),
     NUMBER(1, ROUTE_TIMEOUT_MAX_MS),
     SERVED,
     UNSET("60000"),
     ABOUT("until the response's head; 504")},
    {.name = "response_idle_ms",
     AT(struct route_timeouts, response_idle),
     NUMBER(1, ROUTE_TIMEOUT_MAX_MS),
     SERVED,
     UNSET("60000"),
     ABOUT("no byte of the response for so long")},
    {.name = "total_ms",
     AT(struct route_timeouts, total),
     NUMBER(0, ROUTE_TIMEOUT_MAX_MS),
     SERVED,
     UNSET("0"),
     ABOUT("from the request's head to the response's last byte; 0: no limit")},
    {.name = "tunnel_idle_ms",
     AT(struct route_timeouts, tunnel_idle),
     NUMBER(1, ROUTE_TIMEOUT_MAX_MS),
     SERVED,
     UNSET("3600000"),
     ABOUT("no byte either way of a WebSocket or another upgrade")},
};

const struct shape shape_route_timeouts = {.title = "route.timeouts",
                                           .about = "In milliseconds.",
                                           .size = sizeof(struct route_timeouts),
                                           FIELDS(timeouts_fields)};

/* ---- how often ---- */

static bool retried_status(const cJSON *item, void *object, struct err *e)
{
    struct route_retry *r = object;

    return shape_statuses(item, r->statuses, &r->num_statuses, e);
}

static void init_retry(void *object)
{
    struct route_retry *r = object;

    r->attempts = 2;
}

static const struct field retry_fields[] = {
    {.name = "attempts",
     AT(struct route_retry, attempts),
     NUMBER(0, ATTEMPTS_MAX),
     SERVED,
     UNSET("2"),
     ABOUT("after the first, within the gateway's budget")},
    {.name = "statuses",
     OWN(retried_status, SHAPE_STATUSES_KIND, SHAPE_STATUSES_SCHEMA),
     SERVED,
     UNSET("[]"),
     ABOUT("responses that are retried; none by default")},
};

const struct shape shape_retry = {.title = "route.retry",
                                  .size = sizeof(struct route_retry),
                                  .init = init_retry,
                                  FIELDS(retry_fields)};

/* ---- TLS: not served as a whole (objects_route.c), so there is no struct ---- */

const struct word shape_tls_versions[] = {{"1.2", true}, {"1.3", true}, {NULL, false}};

static const struct word client_words[] = {
    {"none", true}, {"optional", true}, {"required", true}, {NULL, false}};

static const struct field hsts_fields[] = {
    {.name = "max_age_s", NUMBER(0, AGE_MAX_S), NEEDED, SERVED},
    {.name = "subdomains", FLAG, SERVED, UNSET("false")},
    {.name = "preload", FLAG, SERVED, UNSET("false")},
};

static const struct shape shape_hsts = {.title = "route.tls.hsts", FIELDS(hsts_fields)};

static bool check_tls(const struct cJSON *value, void *object, struct err *e)
{
    const char *client = "none";

    (void)object;
    if (!json_get_str(value, "client", &client, e))
        return false;
    bool asks = client[0] != 'n';

    if (asks)
        return json_need(value, "client_ca", e);
    if (!shape_has(value, "client_ca"))
        return true;
    return err_set(e, "Contradiction", "/client_ca", "no client is asked for its certificate");
}

static const struct field tls_fields[] = {
    {.name = "min", WORD(shape_tls_versions), SERVED, ABOUT("the lowest version")},
    {.name = "ciphers",
     TEXTS(1, SHAPE_CIPHERS_MAX, SHAPE_TEXT_MAX, text_token),
     SERVED,
     ABOUT("of TLS 1.2")},
    {.name = "client",
     WORD(client_words),
     SERVED,
     UNSET("\"none\""),
     ABOUT("certificates of clients")},
    {.name = "client_ca",
     TEXT(1, SHAPE_TEXT_MAX, text_name),
     SERVED,
     ABOUT("name of the secret with the CA that signs them")},
    {.name = "hsts", PART(shape_hsts), SERVED, ABOUT("`Strict-Transport-Security`")},
};

const struct shape shape_route_tls = {
    .title = "route.tls",
    .about = "Not built yet. Of routes of one host that disagree the oldest holds.",
    .check = check_tls,
    FIELDS(tls_fields)};
