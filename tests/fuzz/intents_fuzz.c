/*
 * Any JSON as a document of any kind (the first byte picks it). A refusal names codes, places and
 * reasons; what is taken reads back as the same document, and its part of a table is what gateways
 * take; and the other way round, an object that a gateway takes is a document when it says where it
 * goes (gateway/wire is the one judge of both).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/intents/intents.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *tenant_of(enum intent_kind kind)
{
    return kind <= INTENT_TOKEN ? "" : "acme";
}

static struct intent *read_document(enum intent_kind kind, struct str text, struct errs *e)
{
    const char *name = kind == INTENT_OWNERSHIP ? "ownership" : "web";

    e->num = 0;
    return intent_read(kind, tenant_of(kind), name, 1, text, e);
}

static void check_refusals(const struct errs *e)
{
    ASSERT(e->num > 0);
    for (size_t i = 0; i < errs_kept(e); i++) {
        ASSERT(e->all[i].code != NULL && e->all[i].text[0] != '\0');
        ASSERT(e->all[i].field[0] == '\0' || e->all[i].field[0] == '/');
    }
}

static void check_again(const struct intent *i)
{
    struct errs e;
    struct intent *again = read_document(i->kind, str_from(i->value), &e);

    ASSERT(again != NULL && strcmp(again->value, i->value) == 0);
    intent_free(again);
}

/* ---- gateways take what is taken ---- */

/* Certificates and quotas of connections apart, which this build does not serve. */
static bool gateway_takes(enum intent_kind kind, const struct cJSON *v)
{
    struct route_settings s;
    struct route *r = kind == INTENT_ROUTE ? objects_route(v, NULL) : NULL;
    struct route_pool *p = kind == INTENT_POOL ? objects_pool(v, NULL) : NULL;
    struct route_endpoints *n = kind == INTENT_ENDPOINTS ? objects_endpoints(v, NULL) : NULL;
    struct route_tenant *t = kind == INTENT_TENANT ? objects_tenant(v, NULL) : NULL;
    bool ok = r != NULL || p != NULL || n != NULL || t != NULL ||
              (kind == INTENT_SETTINGS && objects_settings(v, &s, NULL));

    route_free(r);
    route_pool_free(p);
    route_endpoints_free(n);
    route_tenant_free(t);
    return ok;
}

static void check_table_value(enum intent_kind kind, const char *value)
{
    cJSON *tree = json_parse(str_from(value), &json_limits_frame, NULL);

    ASSERT(tree != NULL && gateway_takes(kind, tree));
    cJSON_Delete(tree);
}

static void check_route(const struct intent *i)
{
    bool keep[ROUTE_HOSTS_MAX];

    for (size_t k = 0; k < i->as.route.num_hosts; k++)
        keep[k] = true;
    char *value = intent_route_value(i, keep);

    check_table_value(i->kind, value);
    free(value);
}

static void check_document(const struct intent *i)
{
    check_again(i);
    if (i->kind == INTENT_ROUTE)
        check_route(i);
    if (i->kind == INTENT_POOL)
        check_table_value(i->kind, i->as.pool.table_value);
    if (i->kind == INTENT_ENDPOINTS || i->kind == INTENT_SETTINGS)
        check_table_value(i->kind, i->as.table_value);
    if (i->kind == INTENT_TENANT && i->as.tenant.table_value != NULL)
        check_table_value(i->kind, i->as.tenant.table_value);
}

/* ---- documents are what gateways take ---- */

/* What only one of the two has. */
static bool is_comparable(enum intent_kind kind, const cJSON *v)
{
    const cJSON *forward = json_get(v, "forward");

    if (json_get(v, "tenant") != NULL || json_get(v, "created_ms") != NULL)
        return false;
    for (const cJSON *f = cJSON_IsArray(forward) ? forward->child : NULL; f != NULL; f = f->next)
        if (strcmp(json_get(f, "pool")->valuestring, "p") != 0)
            return false;
    return kind == INTENT_ROUTE || kind == INTENT_POOL || kind == INTENT_ENDPOINTS;
}

static void check_object(enum intent_kind kind, struct str text)
{
    cJSON *v = json_parse(text, &json_limits_frame, NULL);
    struct errs e;
    struct buf b;

    if (v != NULL && gateway_takes(kind, v) && is_comparable(kind, v)) {
        const char *brace = memchr(text.p, '{', text.n);
        size_t before = (size_t)(brace + 1 - text.p);

        buf_init(&b, INTENT_VALUE_MAX * 2);
        ASSERT(buf_add(&b, text.p, before) && buf_add_str(&b, STR("\"cluster\":\"east\"")) &&
               (v->child == NULL || buf_add_str(&b, STR(","))) &&
               buf_add(&b, brace + 1, text.n - before));
        struct intent *i = read_document(kind, buf_str(&b), &e);

        ASSERT(i != NULL || b.len > INTENT_VALUE_MAX);
        intent_free(i);
        buf_free(&b);
    }
    cJSON_Delete(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct errs e;

    if (size == 0)
        return 0;
    enum intent_kind kind = (enum intent_kind)(data[0] % INTENT_KIND__COUNT);
    struct str text = {(const char *)data + 1, size - 1};
    struct intent *i = read_document(kind, text, &e);

    if (i != NULL)
        check_document(i);
    else
        check_refusals(&e);
    intent_free(i);
    check_object(kind, text);
    return 0;
}
