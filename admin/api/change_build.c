/*
 * Writes of one document: PUT, PATCH, DELETE, the ownership switch, rollback. Handlers of
 * endpoints.c. What the caller's entity tags ask for becomes a condition of the op, which the
 * coordinator judges when its turn comes: whoever was faster has won.
 */
#include <string.h>

#include "admin/api/change.h"
#include "admin/api/jsontext.h"
#include "admin/api/patch.h"
#include "clusters/compile/plan.h"
#include "gateway/core/check.h"

/* ---- conditions --------------------------------------------------------------------------------
 */

static bool not_met(struct change_refusal *why)
{
    struct err e = {0};

    err_set(&e, "PreconditionFailed", "", "the document is not in the state that was asked for");
    return change_refuse(why, 412, &e);
}

static bool missing(struct change_refusal *why)
{
    struct err e = {0};

    err_set(&e, "NotFound", "", "there is no such document");
    return change_refuse(why, 404, &e);
}

/* The op's condition from If-Match and If-None-Match; `now` NULL: there is no document. */
static bool conditions(const struct change *c, const struct write_document *now,
                       struct write_op *op, struct change_refusal *why)
{
    const struct documents_if *cond = &c->cond;

    if (cond->has_match && (now == NULL || !etag_matches(&cond->match, now->set_by)))
        return not_met(why);
    if (cond->has_none && now != NULL && etag_matches_weakly(&cond->none, now->set_by))
        return not_met(why);
    if (!cond->has_match && !cond->has_none)
        return true;
    op->when = now == NULL                          ? WRITE_IF_ABSENT
               : cond->has_match && cond->match.any ? WRITE_IF_PRESENT
                                                    : WRITE_IF_AT;
    op->at = now != NULL ? now->set_by : 0;
    return true;
}

static const struct write_document *present(const struct change *c, struct write_document *out)
{
    return coordinator_document(c->api->coordinator, c->key.kind, c->key.tenant, c->key.name, out)
               ? out
               : NULL;
}

static struct write_op op_of(const struct change *c)
{
    return (struct write_op){.kind = c->key.kind, .tenant = c->key.tenant, .name = c->key.name};
}

/* ---- the body of a PUT --------------------------------------------------------------------------
 */

static bool says(struct str value, const char *member, const char *what, struct change_refusal *why)
{
    char text[INTENT_NAME_MAX + 1];
    struct err e = {0};

    if (jsontext_copy(value, text, sizeof text) && strcmp(text, what) == 0)
        return true;
    err_set(&e, "Mismatch", member, "the URL says \"%s\"", what);
    return change_refuse(why, 400, &e);
}

/* A document as GET shows it may be sent back: what the URL says must agree, the status is ours. */
static bool is_shown_only(const struct change *c, struct str key, struct str value, bool *out,
                          struct change_refusal *why)
{
    *out = true;
    if (str_eq(key, STR("\"status\"")))
        return true;
    if (str_eq(key, STR("\"kind\"")))
        return says(value, "/kind", intent_kind_name(c->key.kind), why);
    if (str_eq(key, STR("\"name\"")))
        return says(value, "/name", c->key.name, why);
    if (str_eq(key, STR("\"tenant\"")) && c->key.tenant[0] != '\0')
        return says(value, "/tenant", c->key.tenant, why);
    *out = false;
    return true;
}

static bool take_value(const struct change *c, struct str body, struct buf *out,
                       struct change_refusal *why)
{
    struct jsontext w;
    struct str key, value;
    bool first = true;
    bool shown;

    ASSERT(jsontext_object(body, &w) && buf_add_str(out, STR("{")));
    while (jsontext_member(&w, &key, &value)) {
        if (!is_shown_only(c, key, value, &shown, why))
            return false;
        if (shown)
            continue;
        ASSERT((first || buf_add_str(out, STR(","))) && buf_add_str(out, key) &&
               buf_add_str(out, STR(":")) && buf_add_str(out, value));
        first = false;
    }
    ASSERT(buf_add_str(out, STR("}"))); /* no larger than the body */
    return true;
}

/* ---- ownership ---------------------------------------------------------------------------------
 */

struct switching {
    struct buf hosts;     /* of "default", a list's inside */
    struct buf withdrawn; /* likewise, objects */
    bool fits;
};

static void add_item(struct switching *s, struct buf *list, const char *before, const char *text)
{
    s->fits = s->fits && (list->len == 0 || buf_add_str(list, STR(","))) &&
              buf_add_str(list, str_from(before)) && buf_add_json(list, str_from(text));
}

static void sort_holding(void *arg, const struct plan_holding *h)
{
    struct switching *s = arg;

    if (h->claimed)
        return;
    if (!h->elsewhere && (h->tenant[0] == '\0' || strcmp(h->tenant, "default") == 0)) {
        add_item(s, &s->hosts, "", h->host);
        return;
    }
    add_item(s, &s->withdrawn, "{\"tenant\":", h->tenant);
    s->fits = s->fits && buf_add_str(&s->withdrawn, STR(",\"host\":")) &&
              buf_add_json(&s->withdrawn, str_from(h->host)) &&
              buf_add_str(&s->withdrawn, STR("}"));
}

/* The document of "default" with these hosts as well. */
static bool claim_for_default(struct change *c, struct switching *s)
{
    struct write_document now;
    bool there = coordinator_document(c->api->coordinator, INTENT_TENANT, "", "default", &now);
    struct str old = STR("{}");
    struct str list = STR("[]");
    struct buf patch, value;
    bool ok;

    if (there)
        old = str_from(now.value);
    if (jsontext_get(old, "hosts", &list) && list.n > 2)
        s->fits = s->fits && buf_add_str(&s->hosts, STR(",")) &&
                  buf_add(&s->hosts, list.p + 1, list.n - 2);
    buf_init(&patch, API_APPLY_MAX);
    buf_init(&value, API_APPLY_MAX);
    ok = s->fits && buf_add_str(&patch, STR("{\"hosts\":[")) &&
         buf_add_str(&patch, buf_str(&s->hosts)) && buf_add_str(&patch, STR("]}")) &&
         patch_merge(old, buf_str(&patch), &value);
    if (ok)
        change_add_op(c, &(struct write_op){.kind = INTENT_TENANT,
                                            .tenant = "",
                                            .name = "default",
                                            .value = value.bytes,
                                            .when = there ? WRITE_IF_AT : WRITE_IF_ABSENT,
                                            .at = there ? now.set_by : 0});
    buf_free(&patch);
    buf_free(&value);
    return ok;
}

/* What serves now without a claim: "default" claims its own, but for what another tenant claims;
 * the rest is named. */
static bool switch_to_enforced(struct change *c, struct change_refusal *why)
{
    struct switching s = {.fits = true};
    struct err e = {0};
    bool ok;

    buf_init(&s.hosts, API_APPLY_MAX / 2);
    buf_init(&s.withdrawn, API_APPLY_MAX / 2);
    plan_each_holding(coordinator_plan(c->api->coordinator), sort_holding, &s);
    ok = s.fits && buf_add_str(&c->extra, STR(",\"claimed\":[")) &&
         buf_add_str(&c->extra, buf_str(&s.hosts)) &&
         buf_add_str(&c->extra, STR("],\"withdrawn\":[")) &&
         buf_add_str(&c->extra, buf_str(&s.withdrawn)) && buf_add_str(&c->extra, STR("]"));
    if (ok && s.hosts.len > 0) {
        c->derived = true;
        ok = claim_for_default(c, &s);
    }
    buf_free(&s.hosts);
    buf_free(&s.withdrawn);
    if (ok)
        return true;
    err_set(&e, "TooLarge", "", "too many hosts are served without a claim");
    return change_refuse(why, 413, &e);
}

static bool says_enforced(struct str value)
{
    struct str claims;

    return jsontext_get(value, "claims", &claims) && str_eq(claims, STR("\"enforced\""));
}

static bool add_set(struct change *c, struct write_op *op, struct str value,
                    const struct write_document *now, struct change_refusal *why)
{
    char *text = str_dup(value);
    bool was = now != NULL && says_enforced(str_from(now->value));

    op->value = text;
    change_add_op(c, op);
    free(text);
    return c->key.kind != INTENT_OWNERSHIP || was || !says_enforced(value) ||
           switch_to_enforced(c, why);
}

/* ---- the builders ------------------------------------------------------------------------------
 */

static bool build_put(struct change *c, struct change_refusal *why)
{
    struct write_document doc;
    const struct write_document *now = present(c, &doc);
    struct write_op op = op_of(c);
    struct buf value;
    bool ok;

    buf_init(&value, API_APPLY_MAX);
    ok = conditions(c, now, &op, why) && take_value(c, buf_str(&c->body), &value, why) &&
         add_set(c, &op, buf_str(&value), now, why);
    buf_free(&value);
    return ok;
}

static bool merged(const struct write_document *now, struct str patch, struct buf *out,
                   struct change_refusal *why)
{
    struct err e = {0};

    if (patch_merge(str_from(now->value), patch, out))
        return true;
    err_set(&e, "TooLarge", "", "the patched document would be too large, or nested too deep");
    return change_refuse(why, 413, &e);
}

/* On what is stored, and judged as a whole; when it changed meanwhile, on what it is then. */
static bool build_patch(struct change *c, struct change_refusal *why)
{
    struct write_document doc;
    const struct write_document *now = present(c, &doc);
    struct write_op op = op_of(c);
    struct buf value, patch;
    bool ok;

    if (now == NULL)
        return c->cond.has_match ? not_met(why) : missing(why);
    if (!conditions(c, now, &op, why))
        return false;
    c->derived = !c->cond.has_match && !c->cond.has_none;
    op.when = WRITE_IF_AT;
    op.at = now->set_by;
    buf_init(&patch, API_APPLY_MAX);
    buf_init(&value, 2 * API_BODY_MAX);
    ok = take_value(c, buf_str(&c->body), &patch, why) &&
         merged(now, buf_str(&patch), &value, why) && add_set(c, &op, buf_str(&value), now, why);
    buf_free(&patch);
    buf_free(&value);
    return ok;
}

static bool build_delete(struct change *c, struct change_refusal *why)
{
    struct write_document doc;
    const struct write_document *now = present(c, &doc);
    struct write_op op = op_of(c);

    if (now == NULL)
        return c->cond.has_match ? not_met(why) : missing(why);
    op.when = WRITE_IF_PRESENT;
    c->derived = !c->cond.has_match && !c->cond.has_none; /* gone meanwhile: 404, not 412 */
    if (!conditions(c, now, &op, why))
        return false;
    change_add_op(c, &op);
    return true;
}

static bool build_rollback(struct change *c, struct change_refusal *why)
{
    static const char *const known[] = {"to", NULL};
    struct str to = {NULL, 0};
    struct jsontext w;
    struct str key, value;
    struct err e = {0};

    ASSERT(jsontext_object(buf_str(&c->body), &w));
    while (jsontext_member(&w, &key, &value)) {
        if (!str_eq(key, STR("\"to\"")))
            return change_refuse_member(why, "", key, known);
        to = value;
    }
    if (to.p == NULL || !str_to_u64(to, UINT64_MAX, &c->rollback_to)) {
        err_set(&e, "BadType", "/to", "\"to\" is the number of the commit to go back to");
        return change_refuse(why, 400, &e);
    }
    if (c->rollback_to <= coordinator_head(c->api->coordinator))
        return true;
    err_set(&e, "NoSuchCommit", "/to", "there has been no such commit yet");
    return change_refuse(why, 422, &e);
}

/* ---- handlers ----------------------------------------------------------------------------------
 */

static void begin(struct api_call *call, const struct change_kind *kind, bool has_body)
{
    struct api_key key;

    if (api_key_of(call, &key))
        change_begin(call, kind, &key, has_body);
}

void api_put(struct api_call *call)
{
    static const struct change_kind kind = {build_put, change_show_document};

    begin(call, &kind, true);
}

void api_patch(struct api_call *call)
{
    static const struct change_kind kind = {build_patch, change_show_document};

    begin(call, &kind, true);
}

void api_delete(struct api_call *call)
{
    static const struct change_kind kind = {build_delete, change_show_write};

    begin(call, &kind, false);
}

void api_rollback(struct api_call *call)
{
    static const struct change_kind kind = {build_rollback, change_show_write};
    bool of_tenant = api_is_tenants(call->row);
    struct api_key key = {.kind = of_tenant ? INTENT_TENANT : INTENT_CLUSTER};

    if (of_tenant ? api_tenant_of(call, key.tenant) : api_named_cluster(call, key.name))
        change_begin(call, &kind, &key, true);
}
