/*
 * Documents as a whole: reading one, releasing it, and what a route of it is in a table. The kinds
 * differ in kinds.c, their fields are in shapes.c.
 */
#include "clusters/intents/intents.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clusters/intents/intents_priv.h"
#include "gateway/core/check.h"
#include "gateway/wire/json.h"
#include "gateway/wire/json_print.h"

static const struct json_limits limits = {.bytes_max = INTENT_VALUE_MAX, .depth_max = 16};

const char *intent_kind_name(enum intent_kind kind)
{
    ASSERT((unsigned)kind < INTENT_KIND__COUNT);
    return intent_rules[kind].name;
}

bool intent_kind_from_name(const char *name, enum intent_kind *out)
{
    for (unsigned i = 0; i < INTENT_KIND__COUNT; i++) {
        if (strcmp(name, intent_rules[i].name) == 0) {
            *out = (enum intent_kind)i;
            return true;
        }
    }
    return false;
}

bool intent_write_schema(enum intent_kind kind, struct buf *out)
{
    ASSERT((unsigned)kind < INTENT_KIND__COUNT);
    return shape_write_schema(intent_rules[kind].shape, out);
}

/* ---- the key ---- */

static bool judge_name(const char *what, const char *name, size_t max, struct errs *e)
{
    struct err why;
    char *same = NULL;
    size_t n = strlen(name);

    if (n == 0 || n > max)
        err_set(&why, "BadName", "", "the name of a %s has 1 to %zu bytes", what, max);
    else if (intent_text_name(str_from(name), &same, &why)) {
        free(same);
        return true;
    }
    return errs_add(e, &why);
}

static bool judge_key(enum intent_kind kind, const char *tenant, const char *name, struct errs *e)
{
    const struct intent_rule *rule = &intent_rules[kind];
    bool owned = rule->owner == OWNER_TENANT || (rule->owner == OWNER_EITHER && tenant[0] != '\0');
    bool ok = owned ? judge_name("tenant", tenant, INTENT_SHORT_MAX, e) : true;
    struct err why;

    ASSERT(owned || tenant[0] == '\0');
    if (kind == INTENT_OWNERSHIP && strcmp(name, "ownership") != 0) {
        err_set(&why, "BadName", "", "there is one ownership document, named \"ownership\"");
        return errs_add(e, &why);
    }
    size_t max = rule->short_name ? INTENT_SHORT_MAX : INTENT_NAME_MAX;

    return judge_name(rule->name, name, max, e) && ok;
}

/* ---- reading ---- */

static bool read_by_shape(struct intent *i, const cJSON *tree, struct errs *e)
{
    const struct intent_rule *rule = &intent_rules[i->kind];
    void *object = rule->free_object != NULL ? xcalloc(1, rule->shape->base->size) : NULL;
    bool ok = shape_read_all(rule->shape, tree, object, e);

    if (ok) {
        i->value = json_print(tree, NULL, 0);
        ok = rule->fill(i, tree, object, e);
    }
    if (object != NULL)
        rule->free_object(object);
    return ok;
}

static void read_metadata(struct intent *i, const cJSON *tree)
{
    const cJSON *labels = json_get(json_get(tree, "metadata"), "labels");

    if (labels == NULL)
        return;
    i->labels = xcalloc((size_t)cJSON_GetArraySize(labels) + 1, sizeof(*i->labels));
    for (const cJSON *l = labels->child; l != NULL; l = l->next)
        i->labels[i->num_labels++] =
            (struct intent_pair){xstrdup(l->string), xstrdup(l->valuestring)};
}

struct intent *intent_read(enum intent_kind kind, const char *tenant, const char *name,
                           int64_t created_ms, struct str value, struct errs *e)
{
    struct err why;
    size_t before = e->num;
    cJSON *tree;

    ASSERT((unsigned)kind < INTENT_KIND__COUNT && created_ms >= 0);
    if (!judge_key(kind, tenant, name, e))
        return NULL;
    tree = json_parse(value, &limits, &why);
    if (tree == NULL) {
        errs_add(e, &why);
        return NULL;
    }
    struct intent *i = xcalloc(1, sizeof(*i));

    i->kind = kind;
    i->tenant = xstrdup(tenant);
    i->name = xstrdup(name);
    i->created_ms = created_ms;
    if (read_by_shape(i, tree, e))
        read_metadata(i, tree);
    cJSON_Delete(tree);
    if (e->num == before)
        return i;
    intent_free(i);
    return NULL;
}

/* ---- releasing ---- */

static void free_texts(char **all, size_t num)
{
    for (size_t i = 0; i < num; i++)
        free(all[i]);
    free(all);
}

static void free_pairs(struct intent_pair *all, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        free(all[i].key);
        free(all[i].value);
    }
    free(all);
}

static void free_tenant(struct intent_tenant *t)
{
    free_texts(t->claims, t->num_claims);
    free_texts(t->clusters, t->num_clusters);
    free_pairs(t->labels, t->num_labels);
    free_texts(t->services, t->num_services);
    free(t->table_value);
}

static void free_members(struct intent *i)
{
    switch (i->kind) {
    case INTENT_CLUSTER:
        free_pairs(i->as.cluster.labels, i->as.cluster.num_labels);
        free_texts(i->as.cluster.tenants, i->as.cluster.num_tenants);
        return;
    case INTENT_TENANT:
        free_tenant(&i->as.tenant);
        return;
    case INTENT_ROUTE:
        free_texts(i->as.route.hosts, i->as.route.num_hosts);
        free(i->as.route.match);
        free_texts(i->as.route.pools, i->as.route.num_pools);
        return;
    case INTENT_POOL:
        free(i->as.pool.service);
        free(i->as.pool.network);
        free(i->as.pool.table_value);
        return;
    case INTENT_SETTINGS:
    case INTENT_ENDPOINTS:
    case INTENT_CERTIFICATE:
        free(i->as.table_value);
        return;
    case INTENT_PIN:
        free(i->as.pin.service);
        free_pairs(i->as.pin.labels, i->as.pin.num_labels);
        return;
    case INTENT_SERVICE:
        free_pairs(i->as.service.labels, i->as.service.num_labels);
        return;
    default: /* ownership and tokens own nothing */
        return;
    }
}

const char *intent_secret_member(size_t k)
{
    static const char *const members[INTENT_SECRETS] = {"cert", "key", "ca"};

    return members[k];
}

void intent_free(struct intent *i)
{
    if (i == NULL)
        return;
    free_members(i);
    free_pairs(i->labels, i->num_labels);
    for (size_t k = 0; k < INTENT_SECRETS; k++)
        free(i->secrets[k]);
    free(i->tenant);
    free(i->name);
    free(i->cluster);
    free(i->value);
    free(i);
}

/* ---- a route in a table ---- */

enum { ROUTE_PRINT_MAX = 4 << 20 }; /* a frame's: hosts and pools are bounded far below it */

static char *print_hosts(const struct intent_route *r, const bool *keep)
{
    struct buf b;

    buf_init(&b, ROUTE_PRINT_MAX);
    ASSERT(buf_add_str(&b, STR("[")));
    for (size_t i = 0; i < r->num_hosts; i++) {
        if (!keep[i])
            continue;
        ASSERT(b.len == 1 || buf_add_str(&b, STR(",")));
        ASSERT(buf_add_json(&b, str_from(r->hosts[i])));
    }
    ASSERT(buf_add_str(&b, STR("]")));
    return buf_take(&b);
}

/* NULL when the route forwards to no pool. */
static char *print_forward(const char *tenant, const cJSON *forward)
{
    struct buf b;

    if (forward == NULL)
        return NULL;
    buf_init(&b, ROUTE_PRINT_MAX);
    ASSERT(buf_add_str(&b, STR("[")));
    for (const cJSON *i = forward->child; i != NULL; i = i->next) {
        char *pool = intent_table_name(tenant, json_get(i, "pool")->valuestring);
        char *name = json_print_string(pool);
        const struct json_edit edit = {"pool", name};
        char *entry = json_print(i, &edit, 1);

        ASSERT(b.len == 1 || buf_add_str(&b, STR(",")));
        ASSERT(buf_add_str(&b, str_from(entry)));
        free(pool);
        free(name);
        free(entry);
    }
    ASSERT(buf_add_str(&b, STR("]")));
    return buf_take(&b);
}

char *intent_route_value(const struct intent *i, const bool *keep)
{
    ASSERT(i->kind == INTENT_ROUTE);
    cJSON *tree = json_parse(str_from(i->value), &limits, NULL);

    ASSERT(tree != NULL); /* we printed it */
    char *hosts = print_hosts(&i->as.route, keep);
    char *forward = print_forward(i->tenant, json_get(tree, "forward"));
    char *tenant = json_print_string(i->tenant);
    char *created = xasprintf("%lld", (long long)i->created_ms);
    const struct json_edit edits[] = {
        {"cluster", NULL},  {"metadata", NULL},   {"hosts", hosts},
        {"tenant", tenant}, {"forward", forward}, {"created_ms", created},
    };
    char *value = json_print(tree, edits, sizeof(edits) / sizeof(edits[0]));

    free(hosts);
    free(forward);
    free(tenant);
    free(created);
    cJSON_Delete(tree);
    return value;
}
