/*
 * The shapes of documents. Those that become objects of a table are the table's shapes without what
 * the document's key says (tenant, age) and with where they go; the others are here in full. What
 * the shapes cannot say is judged in kinds.c.
 */
#include <string.h>

#include "clusters/intents/intents_priv.h"
#include "gateway/core/check.h"

enum {
    LABEL_MAX = 256,           /* bytes of a label that selects */
    SEEN_LABEL_MAX = 64 << 10, /* of a service's own */
    SEEN_LABELS_MAX = 256,
    GLOBS_MAX = 64,
    MEMBERS_MAX = 1024, /* clusters of a tenant, tenants of a cluster */
    QUOTA_MAX = 100000000
};

/* ---- rules for strings ---- */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

/* As Swarm has it for services; so a name stands in a path and beside "/" as it is. */
bool intent_text_name(struct str text, char **out, struct err *e)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_name_byte(text.p[i]) || (i == 0 && strchr("._-", text.p[0]) != NULL))
            return err_set(
                e, "BadName", "",
                "a name begins with a letter or digit and goes on with those or \"._-\"");
    *out = str_dup(text);
    return true;
}

bool intent_text_glob(struct str text, char **out, struct err *e)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_name_byte(text.p[i]) && text.p[i] != '*')
            return err_set(e, "BadValue", "", "a pattern has letters, digits, \"._-\" and \"*\"");
    *out = str_dup(text);
    return true;
}

enum intent_scope intent_scope_from_name(const char *name)
{
    static const struct {
        const char *name;
        enum intent_scope scope;
    } all[] = {
        {"operator", INTENT_SCOPE_OPERATOR},
        {"tenant-admin", INTENT_SCOPE_TENANT_ADMIN},
        {"tenant-read", INTENT_SCOPE_TENANT_READ},
        {"metrics", INTENT_SCOPE_METRICS},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].scope;
    return (enum intent_scope)0;
}

bool intent_text_scope(struct str text, char **out, struct err *e)
{
    char *name = str_dup(text);

    if (intent_scope_from_name(name) != 0) {
        *out = name;
        return true;
    }
    free(name);
    return err_set(
        e, "BadValue", "",
        "\"%.*s\" is none of \"operator\", \"tenant-admin\", \"tenant-read\", \"metrics\"",
        STR_ARG(text));
}

bool intent_text_hash(struct str text, char **out, struct err *e)
{
    size_t n = 0;

    while (n < text.n &&
           ((text.p[n] >= '0' && text.p[n] <= '9') || (text.p[n] >= 'a' && text.p[n] <= 'f')))
        n++;
    if (n != text.n || n != INTENT_TOKEN_HASH_HEX)
        return err_set(e, "BadValue", "", "%d lower-case hexadecimal digits are needed here",
                       INTENT_TOKEN_HASH_HEX);
    *out = str_dup(text);
    return true;
}

/* ---- what several kinds have ---- */

static const struct field metadata_fields[] = {
    {.name = "labels",
     PAIRS(0, INTENT_LABELS_MAX, LABEL_MAX, NULL),
     SERVED,
     ABOUT("what lists select by")},
};
static const struct shape shape_metadata = {.title = "metadata", FIELDS(metadata_fields)};

#define METADATA                                                                            \
    {                                                                                       \
        .name = "metadata", PART(shape_metadata), SERVED, ABOUT("for people and selectors") \
    }
#define CLUSTER                                                                         \
    {                                                                                   \
        .name = "cluster", TEXT(1, INTENT_SHORT_MAX, intent_text_name), NEEDED, SERVED, \
        ABOUT("the service cluster whose gateways serve it")                            \
    }
#define SELECTOR_LABELS                                                         \
    {                                                                           \
        .name = "labels", PAIRS(0, INTENT_LABELS_MAX, LABEL_MAX, NULL), SERVED, \
        ABOUT("a service must have all of them")                                \
    }

/* ---- clusters ---- */

static const struct field cluster_services_fields[] = {SELECTOR_LABELS};
static const struct shape shape_cluster_services = {.title = "cluster.services",
                                                    FIELDS(cluster_services_fields)};

static const struct field cluster_fields[] = {
    {.name = "services",
     PART(shape_cluster_services),
     SERVED,
     ABOUT("services without a cluster of their own that are this one's; of several clusters the "
           "first by name has them")},
    {.name = "default",
     FLAG,
     SERVED,
     UNSET("false"),
     ABOUT("of services that no cluster selects; of several clusters the first by name")},
    {.name = "tenants",
     TEXTS(0, MEMBERS_MAX, INTENT_SHORT_MAX, intent_text_name),
     SERVED,
     ABOUT("who may have routes in it; absent: all")},
    METADATA,
};
const struct shape intent_shape_cluster = {.title = "cluster", FIELDS(cluster_fields)};

/* ---- tenants ---- */

static const struct field tenant_services_fields[] = {
    SELECTOR_LABELS,
    {.name = "names",
     TEXTS(0, GLOBS_MAX, INTENT_NAME_MAX, intent_text_glob),
     SERVED,
     ABOUT("and a name that fits one of these; `*` stands for any bytes")},
};
static const struct shape shape_tenant_services = {.title = "tenant.services",
                                                   FIELDS(tenant_services_fields)};

#define QUOTA(what, sentence)                                         \
    {                                                                 \
        .name = (what), NUMBER(0, QUOTA_MAX), SERVED, ABOUT(sentence) \
    }

static const struct field quotas_fields[] = {
    QUOTA("routes", "documents and services with routes together; absent: no limit"),
    QUOTA("hosts", "distinct ones"),
    QUOTA("certificates", "documents"),
    QUOTA("endpoints", "in `endpoints` documents"),
    QUOTA("in_flight", "requests at one time, of each gateway; 0 or absent: no limit"),
    QUOTA("per_second", "requests, of each gateway; 0 or absent: no limit"),
    {.name = "burst",
     NUMBER(1, QUOTA_MAX),
     SERVED,
     ABOUT("requests at one time within the rate; absent: `per_second`")},
    QUOTA("connections", "of clients whose first request is this tenant's, of each gateway; 0 or "
                         "absent: no limit"),
};
static const struct shape shape_quotas = {.title = "tenant.quotas", FIELDS(quotas_fields)};

static const struct field tenant_fields[] = {
    {.name = "hosts",
     TEXTS(0, INTENT_CLAIMS_MAX, SHAPE_HOST_MAX, text_host_pattern),
     SERVED,
     ABOUT("that are its own: exact, `\"*.shop.example\"` or `\"*\"`; none twice")},
    {.name = "clusters",
     TEXTS(0, MEMBERS_MAX, INTENT_SHORT_MAX, intent_text_name),
     SERVED,
     ABOUT("where it may have routes; absent: everywhere")},
    {.name = "services",
     PART(shape_tenant_services),
     SERVED,
     ABOUT("which Swarm services are its; absent or empty: none")},
    {.name = "quotas", PART(shape_quotas), SERVED, ABOUT("what it may have at most")},
    METADATA,
};
const struct shape intent_shape_tenant = {.title = "tenant", FIELDS(tenant_fields)};

/* ---- ownership, tokens ---- */

static const struct word claims_words[] = {{"open", true}, {"enforced", true}, {NULL, false}};

static const struct field ownership_fields[] = {
    {.name = "claims",
     WORD(claims_words),
     NEEDED,
     SERVED,
     ABOUT("`open`: a host is whose route was there first; `enforced`: whose claim it is")},
};
const struct shape intent_shape_ownership = {.title = "ownership", FIELDS(ownership_fields)};

static const struct field token_fields[] = {
    {.name = "hash",
     TEXT(INTENT_TOKEN_HASH_HEX, INTENT_TOKEN_HASH_HEX, intent_text_hash),
     NEEDED,
     SERVED,
     ABOUT("SHA-256 of the secret, which is nowhere")},
    {.name = "scopes",
     TEXTS(1, 4, SHAPE_TEXT_MAX, intent_text_scope),
     NEEDED,
     SERVED,
     ABOUT("`operator`, `metrics`; of a tenant's: `tenant-admin`, `tenant-read`, `metrics`")},
    {.name = "expires_ms", NUMBER(0, INT64_MAX), SERVED, UNSET("0"), ABOUT("Unix time; 0: never")},
    {.name = "about", TEXT(0, SHAPE_TEXT_MAX, NULL), SERVED, ABOUT("for people")},
};
const struct shape intent_shape_token = {.title = "token", FIELDS(token_fields)};

/* ---- what becomes objects of a table ---- */

static const char *const keyed[] = {"tenant", "created_ms", NULL};

const struct shape intent_shape_settings = {.title = "settings", .base = &shape_settings};

static const struct field route_fields[] = {CLUSTER, METADATA};
const struct shape intent_shape_route = {
    .title = "route", .base = &shape_route, .without = keyed, FIELDS(route_fields)};

static const struct field pool_service_fields[] = {
    {.name = "name",
     TEXT(1, INTENT_NAME_MAX, intent_text_name),
     NEEDED,
     SERVED,
     ABOUT("of a Swarm service of this tenant")},
    {.name = "port", NUMBER(1, 65535), NEEDED, SERVED, ABOUT("that its tasks listen on")},
    {.name = "network",
     TEXT(1, SHAPE_TEXT_MAX, text_name),
     SERVED,
     ABOUT("on which they are reached; absent: as for labels")},
};
static const struct shape shape_pool_service = {.title = "pool.service",
                                                FIELDS(pool_service_fields)};

static const struct field pool_fields[] = {
    CLUSTER,
    {.name = "service",
     PART(shape_pool_service),
     SERVED,
     ABOUT("its tasks are the endpoints; absent: an `endpoints` document of the pool's name gives "
           "them")},
    METADATA,
};
const struct shape intent_shape_pool = {
    .title = "pool", .base = &shape_pool, .without = keyed, FIELDS(pool_fields)};

static const struct field endpoints_fields[] = {CLUSTER, METADATA};
const struct shape intent_shape_endpoints = {
    .title = "endpoints", .base = &shape_endpoints, .without = keyed, FIELDS(endpoints_fields)};

static const struct field certificate_fields[] = {CLUSTER, METADATA};
const struct shape intent_shape_certificate = {.title = "certificate",
                                               .base = &shape_certificate,
                                               .without = keyed,
                                               FIELDS(certificate_fields)};

/* ---- what services had ---- */

#define SEEN_LABELS(sentence)                                                                  \
    {                                                                                          \
        .name = "labels", PAIRS(0, SEEN_LABELS_MAX, SEEN_LABEL_MAX, text_any), NEEDED, SERVED, \
        ABOUT(sentence)                                                                        \
    }

static const struct field pin_fields[] = {
    {.name = "service",
     TEXT(1, INTENT_NAME_MAX, intent_text_name),
     SERVED,
     ABOUT("its name, which is the pin's")},
    {.name = "commit", NUMBER(0, INT64_MAX), NEEDED, SERVED, ABOUT("whose state it holds")},
    SEEN_LABELS("in place of the service's own; none: it is not routed"),
    METADATA,
};
const struct shape intent_shape_pin = {.title = "pin", FIELDS(pin_fields)};

static const struct field service_fields[] = {SEEN_LABELS("of ours, as last seen")};
const struct shape intent_shape_service = {.title = "service", FIELDS(service_fields)};
