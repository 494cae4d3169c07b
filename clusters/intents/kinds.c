/*
 * From the tree of a document that is right by its shape to the struct of its kind, and the rules
 * that no shape can say. What a document means beside others is clusters/compile/plan.h's to judge.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/intents/intents_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/json.h"
#include "gateway/wire/json_print.h"
#include "gateway/wire/objects.h"

/* ---- parts of trees: their types are known to be right ---- */

static size_t array_size(const cJSON *array)
{
    return array != NULL ? (size_t)cJSON_GetArraySize(array) : 0;
}

static char **texts(const cJSON *array, size_t *out_num)
{
    char **all = xcalloc(array_size(array) + 1, sizeof(*all));
    size_t n = 0;

    for (const cJSON *i = array != NULL ? array->child : NULL; i != NULL; i = i->next)
        all[n++] = xstrdup(i->valuestring);
    *out_num = n;
    return all;
}

static struct intent_pair *pairs(const cJSON *object, size_t *out_num)
{
    struct intent_pair *all = xcalloc(array_size(object) + 1, sizeof(*all));
    size_t n = 0;

    for (const cJSON *i = object != NULL ? object->child : NULL; i != NULL; i = i->next)
        all[n++] = (struct intent_pair){xstrdup(i->string), xstrdup(i->valuestring)};
    *out_num = n;
    return all;
}

static const char *text(const cJSON *object, const char *name)
{
    const cJSON *item = json_get(object, name);

    return item != NULL ? item->valuestring : NULL;
}

static int64_t number(const cJSON *object, const char *name, int64_t absent)
{
    int64_t v = absent;
    const cJSON *item = json_get(object, name);

    ASSERT(item == NULL || json_int(item, INT64_MIN, INT64_MAX, &v));
    return v;
}

/* What a table has of a document; the tenant is a member of routes, pools and certificates. */
static char *table_value(const struct intent *i, const cJSON *tree, bool with_tenant)
{
    char *tenant = json_print_string(i->tenant);
    const struct json_edit edits[] = {
        {"cluster", NULL}, {"metadata", NULL}, {"service", NULL}, {"tenant", tenant}};
    char *value = json_print(tree, edits, with_tenant ? 4 : 3);

    free(tenant);
    return value;
}

/* ---- clusters and tenants ---- */

static bool fill_cluster(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    struct intent_cluster *c = &i->as.cluster;
    const cJSON *tenants = json_get(tree, "tenants");

    (void)object;
    (void)e;
    c->labels = pairs(json_get(json_get(tree, "services"), "labels"), &c->num_labels);
    c->is_default = cJSON_IsTrue(json_get(tree, "default"));
    c->any_tenant = tenants == NULL;
    c->tenants = texts(tenants, &c->num_tenants);
    return true;
}

/* Canonical, none twice. */
static bool fill_claims(struct intent_tenant *t, const cJSON *hosts, struct errs *e)
{
    struct map seen;
    struct err why;
    size_t before = e->num;

    map_init(&seen);
    t->claims = xcalloc(array_size(hosts) + 1, sizeof(*t->claims));
    for (const cJSON *i = hosts != NULL ? hosts->child : NULL; i != NULL; i = i->next) {
        char **claim = &t->claims[t->num_claims];

        ASSERT(text_host_pattern(str_from(i->valuestring), claim, &why));
        if (map_put(&seen, str_from(*claim), t) != NULL) {
            err_set(&why, "DuplicateHost", "", "the host \"%s\" comes twice", *claim);
            (void)json_err_in(&why, "/hosts/%zu", t->num_claims);
            errs_add(e, &why);
        }
        t->num_claims++;
    }
    map_free(&seen, NULL);
    return e->num == before;
}

/* The quotas that gateways keep, by the names that a table has for them. */
static char *tenant_table_value(const cJSON *quotas)
{
    static const struct {
        const char *ours;
        const char *theirs;
    } all[] = {{"burst", "burst"},
               {"connections", "connections"},
               {"in_flight", "in_flight"},
               {"per_second", "requests_per_second"}};
    struct buf b;

    buf_init(&b, 256);
    ASSERT(buf_add_str(&b, STR("{")));
    for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
        int64_t v = number(quotas, all[k].ours, 0);

        if (v != 0)
            ASSERT(buf_add_fmt(&b, "%s\"%s\":%lld", b.len > 1 ? "," : "", all[k].theirs,
                               (long long)v));
    }
    ASSERT(buf_add_str(&b, STR("}")));
    if (b.len > 2)
        return buf_take(&b);
    buf_free(&b);
    return NULL;
}

static bool fill_quotas(struct intent_tenant *t, const cJSON *quotas, struct errs *e)
{
    struct err why;

    t->quotas = (struct intent_quotas){
        .routes = number(quotas, "routes", -1),
        .hosts = number(quotas, "hosts", -1),
        .certificates = number(quotas, "certificates", -1),
        .endpoints = number(quotas, "endpoints", -1),
    };
    t->table_value = tenant_table_value(quotas);
    if (json_get(quotas, "burst") == NULL || number(quotas, "per_second", 0) != 0)
        return true;
    err_set(&why, "Contradiction", "/quotas/burst", "a burst is of a rate: per_second");
    return errs_add(e, &why);
}

static bool fill_tenant(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    struct intent_tenant *t = &i->as.tenant;
    const cJSON *clusters = json_get(tree, "clusters");
    const cJSON *services = json_get(tree, "services");

    (void)object;
    t->any_cluster = clusters == NULL;
    t->clusters = texts(clusters, &t->num_clusters);
    t->labels = pairs(json_get(services, "labels"), &t->num_labels);
    t->services = texts(json_get(services, "names"), &t->num_services);
    bool claims = fill_claims(t, json_get(tree, "hosts"), e);

    return fill_quotas(t, json_get(tree, "quotas"), e) && claims;
}

static bool fill_ownership(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    (void)object;
    (void)e;
    i->as.enforced = strcmp(text(tree, "claims"), "enforced") == 0;
    return true;
}

/* ---- tokens ---- */

static bool fill_token(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    const unsigned of_tenant =
        INTENT_SCOPE_TENANT_ADMIN | INTENT_SCOPE_TENANT_READ | INTENT_SCOPE_METRICS;
    unsigned allowed =
        i->tenant[0] != '\0' ? of_tenant : INTENT_SCOPE_OPERATOR | INTENT_SCOPE_METRICS;
    struct intent_token *t = &i->as.token;
    size_t before = e->num;
    size_t n = 0;

    (void)object;
    memcpy(t->hash, text(tree, "hash"), sizeof(t->hash));
    t->expires_ms = number(tree, "expires_ms", 0);
    for (const cJSON *s = json_get(tree, "scopes")->child; s != NULL; s = s->next, n++) {
        unsigned scope = (unsigned)intent_scope_from_name(s->valuestring);
        struct err why;

        t->scopes |= scope;
        if ((scope & allowed) != 0)
            continue;
        err_set(&why, "Contradiction", "", "\"%s\" is no scope of %s token", s->valuestring,
                i->tenant[0] != '\0' ? "a tenant's" : "an operator's");
        (void)json_err_in(&why, "/scopes/%zu", n);
        errs_add(e, &why);
    }
    return e->num == before;
}

/* ---- what becomes objects of a table ---- */

/*
 * What a cluster without settings has, one with settings has as well, unless they say otherwise: in
 * a table the word for it has to be there, as soon as there are any (docs/table.md).
 */
static bool fill_settings(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    static const struct json_edit as_without = {"info_headers", "true"};

    (void)object;
    (void)e;
    i->cluster = xstrdup(i->name);
    i->as.table_value = json_get(tree, as_without.name) != NULL ? xstrdup(i->value)
                                                                : json_print(tree, &as_without, 1);
    return true;
}

/* A pool is named like a document: so its name in the table can be no other tenant's. */
static bool judge_pools(const struct route *r, struct errs *e)
{
    size_t before = e->num;

    for (size_t n = 0; n < r->num_forward; n++) {
        struct err why;
        char *name = NULL;
        struct str pool = str_from(r->forward[n].pool);

        if (pool.n > INTENT_NAME_MAX)
            err_set(&why, "TooLarge", "/pool", "%zu bytes, more than %d", pool.n, INTENT_NAME_MAX);
        else if (intent_text_name(pool, &name, &why))
            why.code = NULL;
        else
            (void)json_err_in(&why, "/pool");
        free(name);
        if (why.code == NULL)
            continue;
        (void)json_err_in(&why, "/forward/%zu", n);
        errs_add(e, &why);
    }
    return e->num == before;
}

static bool fill_route(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    const struct route *r = object;
    struct intent_route *to = &i->as.route;

    i->cluster = xstrdup(text(tree, "cluster"));
    to->hosts = xcalloc(r->num_hosts + 1, sizeof(*to->hosts));
    for (; to->num_hosts < r->num_hosts; to->num_hosts++)
        to->hosts[to->num_hosts] = xstrdup(r->hosts[to->num_hosts]);
    to->match = intent_match(r);
    to->pools = xcalloc(r->num_forward + 1, sizeof(*to->pools));
    for (; to->num_pools < r->num_forward; to->num_pools++)
        to->pools[to->num_pools] = xstrdup(r->forward[to->num_pools].pool);
    return judge_pools(r, e);
}

static bool fill_pool(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    struct intent_pool *p = &i->as.pool;
    const cJSON *service = json_get(tree, "service");

    (void)object;
    (void)e;
    i->cluster = xstrdup(text(tree, "cluster"));
    p->table_value = table_value(i, tree, true);
    if (service == NULL)
        return true;
    p->service = xstrdup(text(service, "name"));
    p->port = (uint16_t)number(service, "port", 0);
    p->network = text(service, "network") != NULL ? xstrdup(text(service, "network")) : NULL;
    return true;
}

static bool fill_endpoints(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    const struct route_endpoints *all = object;

    (void)e;
    i->cluster = xstrdup(text(tree, "cluster"));
    i->num_endpoints = all->num;
    i->as.table_value = table_value(i, tree, false);
    return true;
}

static bool fill_certificate(struct intent *i, const struct cJSON *tree, void *object,
                             struct errs *e)
{
    (void)object;
    (void)e;
    i->cluster = xstrdup(text(tree, "cluster"));
    i->as.table_value = table_value(i, tree, true);
    for (size_t k = 0; k < INTENT_SECRETS; k++) {
        const char *name = text(tree, intent_secret_member(k));

        i->secrets[k] = name != NULL && name[0] != '\0' ? xstrdup(name) : NULL;
    }
    return true;
}

/* ---- what services had ---- */

static bool fill_pin(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    struct intent_pin *p = &i->as.pin;
    const char *service = text(tree, "service");
    struct err why;

    (void)object;
    p->service = xstrdup(i->name);
    p->commit = (uint64_t)number(tree, "commit", 0);
    p->labels = pairs(json_get(tree, "labels"), &p->num_labels);
    if (service == NULL || strcmp(service, i->name) == 0)
        return true;
    err_set(&why, "Contradiction", "/service", "the pin is of \"%s\"", i->name);
    return errs_add(e, &why);
}

static bool fill_service(struct intent *i, const struct cJSON *tree, void *object, struct errs *e)
{
    struct intent_service *s = &i->as.service;

    (void)object;
    (void)e;
    s->labels = pairs(json_get(tree, "labels"), &s->num_labels);
    return true;
}

/* ---- the kinds ---- */

static void free_route(void *object)
{
    route_free(object);
}

static void free_pool(void *object)
{
    route_pool_free(object);
}

static void free_endpoints(void *object)
{
    route_endpoints_free(object);
}

const struct intent_rule intent_rules[INTENT_KIND__COUNT] = {
    [INTENT_CLUSTER] = {"cluster", OWNER_NOBODY, &intent_shape_cluster, true, fill_cluster, NULL},
    [INTENT_TENANT] = {"tenant", OWNER_NOBODY, &intent_shape_tenant, true, fill_tenant, NULL},
    [INTENT_OWNERSHIP] = {"ownership", OWNER_NOBODY, &intent_shape_ownership, true, fill_ownership,
                          NULL},
    [INTENT_SETTINGS] = {"settings", OWNER_NOBODY, &intent_shape_settings, true, fill_settings,
                         free},
    [INTENT_TOKEN] = {"token", OWNER_EITHER, &intent_shape_token, false, fill_token, NULL},
    [INTENT_ROUTE] = {"route", OWNER_TENANT, &intent_shape_route, false, fill_route, free_route},
    [INTENT_POOL] = {"pool", OWNER_TENANT, &intent_shape_pool, false, fill_pool, free_pool},
    [INTENT_ENDPOINTS] = {"endpoints", OWNER_TENANT, &intent_shape_endpoints, false, fill_endpoints,
                          free_endpoints},
    [INTENT_CERTIFICATE] = {"certificate", OWNER_TENANT, &intent_shape_certificate, false,
                            fill_certificate, NULL},
    [INTENT_PIN] = {"pin", OWNER_TENANT, &intent_shape_pin, false, fill_pin, NULL},
    [INTENT_SERVICE] = {"service", OWNER_TENANT, &intent_shape_service, false, fill_service, NULL},
};
