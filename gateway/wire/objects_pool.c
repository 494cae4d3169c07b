/* The shape of pools: how endpoints are spoken to, chosen, watched and spared. */
#include <cjson/cJSON.h>

#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects_priv.h"

enum { IN_A_ROW_MAX = 100, HEALTH_MIN_MS = 100, QUEUE_MAX = 100000 };

/* ---- health ---- */

static const struct word health_words[] = {{"tcp", true}, {"http", true}, {NULL, false}};

static void init_health(void *object)
{
    struct pool_health *h = object;

    h->status_from = 200;
    h->status_to = 399;
    h->interval_ms = 5000;
    h->timeout_ms = 2000;
    h->healthy = 2;
    h->unhealthy = 3;
}

static bool check_health(const struct cJSON *value, void *object, struct err *e)
{
    static const char *const of_http[] = {"path", "host", "status_from", "status_to", NULL};
    struct pool_health *h = object;

    for (const char *const *name = of_http; !h->http && *name != NULL; name++) {
        if (!shape_has(value, *name))
            continue;
        err_set(e, "Contradiction", "", "\"%s\" is of the type \"http\"", *name);
        return json_err_in(e, "/%s", *name);
    }
    if (h->status_from > h->status_to)
        return err_set(e, "Contradiction", "/status_to", "%u is below status_from, %u",
                       (unsigned)h->status_to, (unsigned)h->status_from);
    if (h->path == NULL)
        h->path = xstrdup("/");
    return true;
}

static const struct field health_fields[] = {
    {.name = "type",
     AT(struct pool_health, http),
     WORD(health_words),
     NEEDED,
     SERVED,
     ABOUT("`http`: a GET is answered; `tcp`: a connect is enough")},
    {.name = "path",
     OWNED_AT(struct pool_health, path),
     TEXT(0, ROUTE_PATH_MAX, text_path),
     SERVED,
     UNSET("\"/\""),
     ABOUT("of the request")},
    {.name = "host",
     OWNED_AT(struct pool_health, host),
     TEXT(1, ROUTE_HOST_MAX + 1, text_host),
     SERVED,
     ABOUT("of the request; absent: the endpoint's address")},
    {.name = "port",
     AT(struct pool_health, port),
     NUMBER(1, 65535),
     SERVED,
     ABOUT("absent: the endpoint's")},
    {.name = "status_from",
     AT(struct pool_health, status_from),
     NUMBER(100, 599),
     SERVED,
     UNSET("200"),
     ABOUT("the lowest status that is healthy")},
    {.name = "status_to",
     AT(struct pool_health, status_to),
     NUMBER(100, 599),
     SERVED,
     UNSET("399"),
     ABOUT("the highest")},
    {.name = "interval_ms",
     AT(struct pool_health, interval_ms),
     NUMBER(HEALTH_MIN_MS, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("5000"),
     ABOUT("of one endpoint and gateway")},
    {.name = "timeout_ms",
     AT(struct pool_health, timeout_ms),
     NUMBER(10, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("2000")},
    {.name = "healthy",
     AT(struct pool_health, healthy),
     NUMBER(1, IN_A_ROW_MAX),
     SERVED,
     UNSET("2"),
     ABOUT("good answers in a row until it serves again")},
    {.name = "unhealthy",
     AT(struct pool_health, unhealthy),
     NUMBER(1, IN_A_ROW_MAX),
     SERVED,
     UNSET("3"),
     ABOUT("bad ones in a row until it is left out")},
};

static const struct shape shape_health = {.title = "pool.health",
                                          .about = "Active: one prober a gateway asks.",
                                          .size = sizeof(struct pool_health),
                                          .init = init_health,
                                          .check = check_health,
                                          FIELDS(health_fields)};

/* ---- passive ---- */

static bool failing_status(const cJSON *item, void *object, struct err *e)
{
    struct pool_passive *p = object;

    return shape_statuses(item, p->statuses, &p->num_statuses, e);
}

static void init_passive(void *object)
{
    struct pool_passive *p = object;

    p->fail_timeout_ms = 10000;
}

static const struct field passive_fields[] = {
    {.name = "max_fails",
     AT(struct pool_passive, max_fails),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT(
         "responses of these statuses within `fail_timeout_ms` until an endpoint is put aside; 0: "
         "a status puts nobody aside")},
    {.name = "fail_timeout_ms",
     AT(struct pool_passive, fail_timeout_ms),
     NUMBER(1, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("10000"),
     ABOUT("and for how long")},
    {.name = "statuses",
     OWN(failing_status, SHAPE_STATUSES_KIND, SHAPE_STATUSES_SCHEMA),
     SERVED,
     UNSET("[500,502,503,504]"),
     ABOUT("those that count")},
};

static const struct shape shape_passive = {
    .title = "pool.passive",
    .about = "What requests tell. Connect errors and resets put an endpoint aside in any case.",
    .size = sizeof(struct pool_passive),
    .init = init_passive,
    FIELDS(passive_fields)};

/* ---- limits ---- */

static void init_limits(void *object)
{
    struct pool_limits *l = object;

    l->queue_ms = 1000;
}

static const struct field limits_fields[] = {
    {.name = "in_flight",
     AT(struct pool_limits, in_flight),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("requests of the pool at one time; 0: no limit")},
    {.name = "endpoint_in_flight",
     AT(struct pool_limits, endpoint_in_flight),
     NUMBER(0, SHAPE_RATE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("of each endpoint; 0: no limit")},
    {.name = "queue",
     AT(struct pool_limits, queue),
     NUMBER(0, QUEUE_MAX),
     SERVED,
     UNSET("0"),
     ABOUT("requests that may wait for a place; what is over is answered 503 with `Retry-After`")},
    {.name = "queue_ms",
     AT(struct pool_limits, queue_ms),
     NUMBER(1, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("1000"),
     ABOUT("how long they may")},
};

static const struct shape shape_limits = {.title = "pool.limits",
                                          .about = "Of one gateway, all its workers together.",
                                          .size = sizeof(struct pool_limits),
                                          .init = init_limits,
                                          FIELDS(limits_fields)};

/* ---- hash ---- */

static bool check_hash(const struct cJSON *value, void *object, struct err *e)
{
    return shape_check_hash(value, object, e);
}

static const struct field hash_fields[] = {
    {.name = "by", AT(struct route_hash, by), WORD(shape_key_words), NEEDED, SERVED},
    {.name = "name",
     OWNED_AT(struct route_hash, name),
     TEXT(1, ROUTE_FIELD_NAME_MAX, text_token),
     SERVED,
     ABOUT("of the field or cookie; needed unless `by` is `client`")},
};

static const struct shape shape_hash = {.title = "pool.hash",
                                        .about = "What the balance `hash` hashes.",
                                        .size = sizeof(struct route_hash),
                                        .check = check_hash,
                                        FIELDS(hash_fields)};

/* ---- TLS to endpoints: not served as a whole, so there is no struct ---- */

static bool check_tls(const struct cJSON *value, void *object, struct err *e)
{
    (void)object;
    if (shape_has(value, "cert") != shape_has(value, "key"))
        return json_need(value, shape_has(value, "cert") ? "key" : "cert", e);
    return true;
}

static const struct field tls_fields[] = {
    {.name = "verify", FLAG, SERVED, UNSET("true"), ABOUT("the endpoint's certificate")},
    {.name = "ca",
     TEXT(1, SHAPE_TEXT_MAX, text_name),
     SERVED,
     ABOUT("name of the secret with the CA that signed it")},
    {.name = "server_name",
     TEXT(1, ROUTE_HOST_MAX + 1, text_host),
     SERVED,
     ABOUT("that it must have")},
    {.name = "cert",
     TEXT(1, SHAPE_TEXT_MAX, text_name),
     SERVED,
     ABOUT("name of the secret with the gateway's own")},
    {.name = "key",
     TEXT(1, SHAPE_TEXT_MAX, text_name),
     SERVED,
     ABOUT("name of the secret with its key")},
};

static const struct shape shape_tls = {
    .title = "pool.tls", .about = "Not built yet.", .check = check_tls, FIELDS(tls_fields)};

/* ---- the pool ---- */

static const struct word protocol_words[] = {
    {"http1", true}, {"h2c", true}, {"https", false}, {NULL, false}};

static const struct word balance_words[] = {
    {"round_robin", true}, {"least_requests", true}, {"hash", true}, {NULL, false}};

static bool check_pool(const struct cJSON *value, void *object, struct err *e)
{
    struct route_pool *p = object;

    if (p->tenant == NULL)
        p->tenant = xstrdup("");
    if (p->balance == POOL_HASH && p->hash == NULL) {
        p->hash = xcalloc(1, sizeof(*p->hash));
        p->hash->salt = xstrdup("");
    }
    if (p->hash != NULL && p->balance != POOL_HASH)
        return err_set(e, "Contradiction", "/hash", "only the balance \"hash\" hashes");
    (void)value;
    return true;
}

static const struct field pool_fields[] = {
    {.name = "tenant",
     OWNED_AT(struct route_pool, tenant),
     TEXT(0, SHAPE_TEXT_MAX, NULL),
     SERVED,
     UNSET("\"\"")},
    {.name = "protocol",
     AT(struct route_pool, protocol),
     WORD(protocol_words),
     SERVED,
     UNSET("\"http1\""),
     ABOUT("that its endpoints speak")},
    {.name = "balance",
     AT(struct route_pool, balance),
     WORD(balance_words),
     SERVED,
     UNSET("\"round_robin\""),
     ABOUT("how an endpoint is chosen")},
    {.name = "hash",
     OWNED_AT(struct route_pool, hash),
     PART(shape_hash),
     SERVED,
     UNSET("{\"by\":\"client\"}"),
     ABOUT("of the balance `hash` only")},
    {.name = "prefer_node",
     AT(struct route_pool, prefer_node),
     FLAG,
     SERVED,
     UNSET("false"),
     ABOUT("endpoints on the gateway's own node, while there are any")},
    {.name = "panic_percent",
     AT(struct route_pool, panic_percent),
     NUMBER(0, 100),
     SERVED,
     UNSET("0"),
     ABOUT("when no more than so many of 100 can be used, all are; 0: only when none can")},
    {.name = "slow_start_ms",
     AT(struct route_pool, slow_start_ms),
     NUMBER(0, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("0"),
     ABOUT("a new endpoint's share grows over so long")},
    {.name = "idle_ms",
     AT(struct route_pool, idle_ms),
     NUMBER(1, SHAPE_PERIOD_MAX_MS),
     SERVED,
     UNSET("30000"),
     ABOUT("an unused connection to an endpoint is kept so long")},
    {.name = "health",
     OWNED_AT(struct route_pool, health),
     PART(shape_health),
     SERVED,
     ABOUT("endpoints are asked; absent: they are not")},
    {.name = "passive",
     OWNED_AT(struct route_pool, passive),
     PART(shape_passive),
     SERVED,
     ABOUT("endpoints are judged by what they answer")},
    {.name = "limits",
     OWNED_AT(struct route_pool, limits),
     PART(shape_limits),
     SERVED,
     ABOUT("of a gateway, all workers together")},
    {.name = "tls", PART(shape_tls), ABOUT("of the protocol `https`")},
    {.name = "drain_ms",
     NUMBER(0, ROUTE_TIMEOUT_MAX_MS),
     ABOUT("what is in flight to an endpoint that drains ends by then")},
};

const struct shape shape_pool = {
    .title = "pool", .size = sizeof(struct route_pool), .check = check_pool, FIELDS(pool_fields)};

struct route_pool *objects_pool(const struct cJSON *value, struct err *e)
{
    struct route_pool *p = xcalloc(1, sizeof(*p));

    if (shape_read(&shape_pool, value, p, e))
        return p;
    route_pool_free(p);
    return NULL;
}
