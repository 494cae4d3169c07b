/*
 * Apply: a set of documents as one write, all or nothing; what carries the set's labels and is not
 * in it any more can be pruned. Faults point into the body, document by document. Handler of
 * endpoints.c.
 */
#include <string.h>

#include "admin/api/change.h"
#include "admin/api/jsontext.h"
#include "admin/api/labels.h"
#include "clusters/coordinator.h"
#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/wire/json.h"

/* What may be in a set: of a tenant, and of none. */
static const enum intent_kind tenants_kinds[] = {INTENT_ROUTE, INTENT_POOL, INTENT_ENDPOINTS,
                                                 INTENT_CERTIFICATE, INTENT_PIN};
static const enum intent_kind operators_kinds[] = {INTENT_CLUSTER, INTENT_TENANT, INTENT_SETTINGS};

enum {
    TENANTS_KINDS = sizeof tenants_kinds / sizeof tenants_kinds[0],
    OPERATORS_KINDS = sizeof operators_kinds / sizeof operators_kinds[0],
    KIND_MAX = 32,
    PRUNE_TEXT_MAX = 1100
};

struct prune {
    bool wanted;
    bool kinds[INTENT_KIND__COUNT];
    char tenant[API_CLUSTER_MAX + 1];
    char text[PRUNE_TEXT_MAX]; /* what the selector points into */
    struct selector selector;
};

struct set {
    struct change *c;
    struct change_refusal *why;
    struct map keys; /* of the documents in it */
    struct prune prune;
};

static bool is_operators(const struct set *s)
{
    return !api_is_tenants(s->c->row);
}

static bool is_among(enum intent_kind kind, const enum intent_kind *all, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        if (all[i] == kind)
            return true;
    }
    return false;
}

static bool fault(struct set *s, const char *code, const char *pointer, const char *text)
{
    struct err e = {0};

    err_set(&e, code, pointer, "%s", text);
    return change_refuse(s->why, 400, &e);
}

static bool fault_in(struct set *s, size_t at, const char *code, const char *member,
                     const char *text)
{
    char pointer[ERR_FIELD_MAX];

    (void)snprintf(pointer, sizeof pointer, "/documents/%zu%s", at, member);
    return fault(s, code, pointer, text);
}

/* ---- documents ---------------------------------------------------------------------------------
 */

struct item {
    struct str kind, tenant, name, value;
};

static bool take_item(struct set *s, size_t at, struct str text, struct item *out)
{
    static const struct {
        const char *key;
        size_t place;
    } members[] = {
        {"\"kind\"", offsetof(struct item, kind)},
        {"\"tenant\"", offsetof(struct item, tenant)},
        {"\"name\"", offsetof(struct item, name)},
        {"\"value\"", offsetof(struct item, value)},
    };
    static const char *const known[] = {"kind", "tenant", "name", "value", NULL};
    char where[32];
    struct jsontext w;
    struct str key, value;
    size_t m;

    (void)snprintf(where, sizeof where, "/documents/%zu", at); /* fits */
    if (!jsontext_object(text, &w))
        return fault_in(s, at, "BadType", "", "a document of a set is an object");
    while (jsontext_member(&w, &key, &value)) {
        for (m = 0; m < 4 && !str_eq(key, str_from(members[m].key)); m++)
            continue;
        if (m == 4)
            return change_refuse_member(s->why, where, key, known);
        *(struct str *)((char *)out + members[m].place) = value;
    }
    return true;
}

/* The words for what may be in the set; the operator's come last. */
static const char *nearest_kind(const struct set *s, const char *word)
{
    const char *known[TENANTS_KINDS + OPERATORS_KINDS + 1];
    size_t num = 0;

    for (size_t i = 0; i < TENANTS_KINDS; i++)
        known[num++] = intent_kind_name(tenants_kinds[i]);
    for (size_t i = 0; i < OPERATORS_KINDS && is_operators(s); i++)
        known[num++] = intent_kind_name(operators_kinds[i]);
    known[num] = NULL;
    return json_nearest(word, known);
}

static bool is_kind(const struct set *s, struct str text, char word[KIND_MAX],
                    enum intent_kind *out)
{
    return jsontext_copy(text, word, KIND_MAX) && intent_kind_from_name(word, out) &&
           (is_among(*out, tenants_kinds, TENANTS_KINDS) ||
            (is_operators(s) && is_among(*out, operators_kinds, OPERATORS_KINDS)));
}

static bool read_kind(struct set *s, size_t at, struct str text, enum intent_kind *out)
{
    char word[KIND_MAX] = "";
    const char *near;
    char *why;

    if (is_kind(s, text, word, out))
        return true;
    near = nearest_kind(s, word);
    why = xasprintf("a set has %s%s%s%s",
                    is_operators(s) ? "routes, pools, endpoints, certificates, pins, clusters, "
                                      "tenants and settings"
                                    : "routes, pools, endpoints, certificates and pins",
                    near != NULL ? "; the nearest is \"" : "", near != NULL ? near : "",
                    near != NULL ? "\"" : "");
    (void)fault_in(s, at, "BadKind", "/kind", why);
    free(why);
    return false;
}

static bool read_tenant(struct set *s, size_t at, const struct item *i, enum intent_kind kind,
                        char out[API_CLUSTER_MAX + 1])
{
    bool of_none = is_among(kind, operators_kinds, OPERATORS_KINDS);

    memcpy(out, of_none ? "" : s->c->key.tenant, of_none ? 1 : sizeof s->c->key.tenant);
    if (i->tenant.p == NULL)
        return of_none || out[0] != '\0' ||
               fault_in(s, at, "MissingField", "/tenant", "this document needs a tenant");
    if (!jsontext_copy(i->tenant, out, API_CLUSTER_MAX + 1) ||
        (of_none ? out[0] != '\0' : !coordinator_name_ok(str_from(out))))
        return fault_in(s, at, "BadTenant", "/tenant", "this is no tenant of such a document");
    if (!is_operators(s) && strcmp(out, s->c->key.tenant) != 0)
        return fault_in(s, at, "Mismatch", "/tenant", "the URL names another tenant");
    return true;
}

/* One key of the set's map. */
static bool is_new(struct set *s, enum intent_kind kind, const char *tenant, const char *name)
{
    char *key = xasprintf("%s/%s/%s", intent_kind_name(kind), tenant, name);
    bool is_first = map_put(&s->keys, str_from(key), s) == NULL;

    free(key);
    return is_first;
}

static bool has(const struct set *s, enum intent_kind kind, const char *tenant, const char *name)
{
    char *key = xasprintf("%s/%s/%s", intent_kind_name(kind), tenant, name);
    bool is_there = map_get(&s->keys, str_from(key)) != NULL;

    free(key);
    return is_there;
}

static bool add_item(struct set *s, size_t at, struct str text)
{
    struct item i = {.kind = {NULL, 0}};
    char tenant[API_CLUSTER_MAX + 1];
    char name[INTENT_NAME_MAX + 1];
    enum intent_kind kind = INTENT_KIND__COUNT;
    struct write_op op;
    char *value;

    if (!take_item(s, at, text, &i) || !read_kind(s, at, i.kind, &kind) ||
        !read_tenant(s, at, &i, kind, tenant))
        return false;
    if (!jsontext_copy(i.name, name, sizeof name))
        return fault_in(s, at, "BadName", "/name", "a document has a name");
    if (i.value.p == NULL)
        return fault_in(s, at, "MissingField", "/value", "a document has a value; null removes it");
    if (!is_new(s, kind, tenant, name))
        return fault_in(s, at, "Duplicate", "", "this document is in the set twice");
    value = jsontext_is_null(i.value) ? NULL : str_dup(i.value);
    op = (struct write_op){.kind = kind, .tenant = tenant, .name = name, .value = value};
    if (s->c->num_ops < CHANGE_OPS_MAX)
        change_add_op(s->c, &op);
    free(value);
    return true;
}

/* What would be told of the value alone, had the set no other faults. */
static void judge_value(struct set *s, size_t at, struct str text)
{
    struct errs *faults = xcalloc(1, sizeof *faults);
    enum intent_kind kind = INTENT_KIND__COUNT;
    char word[KIND_MAX];
    struct str k, value;

    if (jsontext_get(text, "kind", &k) && jsontext_get(text, "value", &value) &&
        !jsontext_is_null(value) && is_kind(s, k, word, &kind))
        intent_free(intent_read(kind,
                                is_among(kind, operators_kinds, OPERATORS_KINDS) ? "" : "default",
                                "name", 0, value, faults));
    for (size_t i = 0; i < errs_kept(faults); i++) {
        struct err e = faults->all[i];

        (void)snprintf(e.field, sizeof e.field, "/documents/%zu/value%.*s", at, ERR_FIELD_MAX - 40,
                       faults->all[i].field); /* cut: a hint */
        (void)change_refuse(s->why, 400, &e);
    }
    free(faults);
}

/* All faults are told at once, those of values as well, which the coordinator judges else. */
static void judge_values(struct set *s, struct str list)
{
    struct jsontext w;
    struct str one;

    if (errs_none(&s->why->faults) || !jsontext_array(list, &w))
        return;
    for (size_t at = 0; jsontext_element(&w, &one) && errs_kept(&s->why->faults) < ERRS_MAX; at++)
        judge_value(s, at, one);
}

static bool add_items(struct set *s, struct str list)
{
    struct jsontext w;
    struct str one;
    size_t at = 0;

    if (list.p == NULL || !jsontext_array(list, &w))
        return fault(s, "MissingField", "/documents", "a set has a list of documents");
    for (; jsontext_element(&w, &one); at++) {
        if (at == CHANGE_OPS_MAX)
            return fault(s, "TooMany", "/documents", "the set has too many documents");
        (void)add_item(s, at, one);
    }
    judge_values(s, list);
    return errs_none(&s->why->faults);
}

/* Documents of tenants that are neither there nor in the set have no place. */
static bool have_tenants(struct set *s)
{
    for (size_t i = 0; i < s->c->num_ops; i++) {
        const char *tenant = s->c->ops[i].tenant;

        if (tenant[0] != '\0' && !has(s, INTENT_TENANT, "", tenant) &&
            !api_has_tenant(s->c->api->coordinator, tenant))
            (void)fault_in(s, i, "UnknownTenant", "/tenant", "there is no such tenant");
    }
    return errs_none(&s->why->faults);
}

/* ---- prune -------------------------------------------------------------------------------------
 */

static bool read_prune_kinds(struct set *s, struct str list)
{
    struct jsontext w;
    struct str one;
    char word[32];
    enum intent_kind kind;

    if (!jsontext_array(list, &w))
        return fault(s, "BadType", "/prune/kinds", "kinds is a list of words");
    memset(s->prune.kinds, 0, sizeof s->prune.kinds);
    while (jsontext_element(&w, &one)) {
        if (!jsontext_copy(one, word, sizeof word) || !intent_kind_from_name(word, &kind) ||
            !is_among(kind, tenants_kinds, TENANTS_KINDS))
            return fault(
                s, "BadKind", "/prune/kinds",
                "routes, pools, endpoints, certificates and pins can be pruned: \"route\", "
                "\"pool\" and so on");
        s->prune.kinds[kind] = true;
    }
    return true;
}

static bool read_prune_member(struct set *s, struct str key, struct str value)
{
    const char *const known[] = {"selector", "kinds", is_operators(s) ? "tenant" : NULL, NULL};
    struct prune *p = &s->prune;
    struct err e = {0};

    if (str_eq(key, STR("\"kinds\"")))
        return read_prune_kinds(s, value);
    if (str_eq(key, STR("\"tenant\"")) && is_operators(s))
        return (jsontext_copy(value, p->tenant, sizeof p->tenant) &&
                api_has_tenant(s->c->api->coordinator, p->tenant)) ||
               fault(s, "UnknownTenant", "/prune/tenant", "there is no such tenant");
    if (!str_eq(key, STR("\"selector\"")))
        return change_refuse_member(s->why, "/prune", key, known);
    p->wanted = true;
    if (!jsontext_copy(value, p->text, sizeof p->text))
        return fault(s, "BadSelector", "/prune/selector", "a selector is a short string");
    return selector_parse(str_from(p->text), &p->selector, &e) ||
           fault(s, e.code, "/prune/selector", e.text);
}

static bool read_prune(struct set *s, struct str value)
{
    struct jsontext w;
    struct str key, member;

    memcpy(s->prune.tenant, s->c->key.tenant, sizeof s->prune.tenant);
    for (size_t i = 0; i < TENANTS_KINDS; i++)
        s->prune.kinds[tenants_kinds[i]] = true;
    if (!jsontext_object(value, &w))
        return fault(s, "BadType", "/prune", "prune is an object");
    while (jsontext_member(&w, &key, &member)) {
        if (!read_prune_member(s, key, member))
            return false;
    }
    if (!s->prune.wanted)
        return fault(s, "MissingField", "/prune/selector",
                     "prune needs a selector; \"\" selects everything");
    return s->prune.tenant[0] != '\0' ||
           fault(s, "MissingField", "/prune/tenant", "prune needs a tenant");
}

static bool prune_one(void *arg, const struct write_document *d)
{
    struct set *s = arg;
    const struct write_op op = {.kind = d->kind,
                                .tenant = d->tenant,
                                .name = d->name,
                                .when = WRITE_IF_AT,
                                .at = d->set_by};

    if (labels_selected(&s->prune.selector, d->value) && !has(s, d->kind, d->tenant, d->name) &&
        s->c->num_ops < CHANGE_OPS_MAX)
        change_add_op(s->c, &op);
    return true;
}

static void prune(struct set *s)
{
    s->c->derived = true;
    for (size_t i = 0; i < TENANTS_KINDS; i++) {
        if (s->prune.kinds[tenants_kinds[i]])
            coordinator_each_document(s->c->api->coordinator, tenants_kinds[i], s->prune.tenant,
                                      prune_one, s);
    }
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static bool read_set(struct set *s)
{
    static const char *const known[] = {"documents", "prune", NULL};
    struct str documents = {NULL, 0};
    struct str to_prune = {NULL, 0};
    struct jsontext w;
    struct str key, value;

    ASSERT(jsontext_object(buf_str(&s->c->body), &w));
    while (jsontext_member(&w, &key, &value)) {
        if (str_eq(key, STR("\"documents\"")))
            documents = value;
        else if (str_eq(key, STR("\"prune\"")))
            to_prune = value;
        else
            return change_refuse_member(s->why, "", key, known);
    }
    if (!add_items(s, documents) || !have_tenants(s))
        return false;
    if (to_prune.p == NULL || jsontext_is_null(to_prune))
        return true;
    if (!read_prune(s, to_prune))
        return false;
    prune(s);
    return true;
}

static bool build_apply(struct change *c, struct change_refusal *why)
{
    struct set s = {.c = c, .why = why};
    bool ok;

    map_init(&s.keys);
    ok = read_set(&s);
    map_free(&s.keys, NULL);
    return ok;
}

void api_apply(struct api_call *call)
{
    static const struct change_kind kind = {build_apply, change_show_write};
    struct api_key key = {.kind = INTENT_TENANT};

    if (api_tenant_of(call, key.tenant))
        change_begin(call, &kind, &key, true);
}
