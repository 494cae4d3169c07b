/*
 * Making a token: the secret is made here, shown in the answer and kept nowhere; the document has
 * its hash. Handler of endpoints.c.
 */
#include <inttypes.h>
#include <string.h>

#include <event2/http.h>

#include "admin/api/change.h"
#include "admin/api/jsontext.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"

enum { EXPIRES_MAX_S = 10 * 366 * 86400 };

struct wish {
    struct str scopes;
    struct str about;
    uint64_t expires_s; /* 0: never */
};

static bool take_member(struct str key, struct str value, struct wish *w,
                        struct change_refusal *why)
{
    static const char *const known[] = {"scopes", "expires_s", "about", NULL};
    struct err e = {0};

    if (str_eq(key, STR("\"scopes\""))) {
        w->scopes = value;
    } else if (str_eq(key, STR("\"about\""))) {
        w->about = value;
    } else if (!str_eq(key, STR("\"expires_s\""))) {
        return change_refuse_member(why, "", key, known);
    } else if (!str_to_u64(value, EXPIRES_MAX_S, &w->expires_s) || w->expires_s == 0) {
        err_set(&e, "OutOfRange", "/expires_s", "it is 1 to %d seconds from now", EXPIRES_MAX_S);
        return change_refuse(why, 400, &e);
    }
    return true;
}

static bool read_wish(struct str body, struct wish *out, struct change_refusal *why)
{
    struct jsontext w;
    struct str key, value;
    struct err e = {0};

    ASSERT(jsontext_object(body, &w));
    while (jsontext_member(&w, &key, &value))
        (void)take_member(key, value, out, why);
    if (out->scopes.p == NULL) {
        err_set(&e, "MissingField", "/scopes", "a token needs \"scopes\"");
        (void)change_refuse(why, 400, &e);
    }
    return errs_none(&why->faults);
}

/* Nobody makes a token that lives longer than his own. */
static bool outlives(const struct change *c, int64_t expires_ms, struct change_refusal *why)
{
    struct err e = {0};

    if (c->caller.expires_ms == 0 || (expires_ms != 0 && expires_ms <= c->caller.expires_ms))
        return false;
    err_set(&e, "Forbidden", "/expires_s",
            "a token may not outlive the one that makes it: at most %" PRId64 " seconds",
            (c->caller.expires_ms - clock_wall_ms()) / 1000);
    (void)change_refuse(why, 403, &e);
    return true;
}

static char *value_of(const struct wish *w, int64_t expires_ms, const char *hash)
{
    struct buf b;

    buf_init(&b, 2 * API_BODY_MAX);
    ASSERT(buf_add_fmt(&b, "{\"hash\":\"%s\",\"scopes\":", hash) && buf_add_str(&b, w->scopes) &&
           (expires_ms == 0 || buf_add_fmt(&b, ",\"expires_ms\":%" PRId64, expires_ms)) &&
           (w->about.p == NULL ||
            (buf_add_str(&b, STR(",\"about\":")) && buf_add_str(&b, w->about))) &&
           buf_add_str(&b, STR("}")));
    return buf_take(&b);
}

/* What is wrong with the document itself is said before who may make it. */
static bool judge(const struct change *c, const char *value, struct change_refusal *why)
{
    struct intent *i =
        intent_read(INTENT_TOKEN, c->key.tenant, c->key.name, 0, str_from(value), &why->faults);

    if (i == NULL)
        why->status = errs_has(&why->faults, "NoMemory") ? 503 : 422;
    intent_free(i);
    return i != NULL;
}

static bool build_token(struct change *c, struct change_refusal *why)
{
    struct wish w = {.expires_s = 0};
    char hash[TOKENS_HASH_HEX + 1];
    char id[TOKENS_ID + 1];
    int64_t expires_ms;
    char *value;
    bool ok;

    if (!read_wish(buf_str(&c->body), &w, why))
        return false;
    expires_ms = w.expires_s != 0 ? clock_wall_ms() + (int64_t)w.expires_s * 1000 : 0;
    tokens_make(c->secret, id, hash);
    memcpy(c->key.name, id, sizeof id);
    value = value_of(&w, expires_ms, hash);
    ok = judge(c, value, why) && !outlives(c, expires_ms, why);
    if (ok)
        change_add_op(c, &(struct write_op){.kind = INTENT_TOKEN,
                                            .tenant = c->key.tenant,
                                            .name = id,
                                            .value = value,
                                            .when = WRITE_IF_ABSENT});
    free(value);
    return ok;
}

static void show_token(struct change *c, const struct write_answer *a)
{
    struct write_document d;
    struct answer out;
    char *location;

    if (c->dry_run ||
        !coordinator_document(c->api->coordinator, INTENT_TOKEN, c->key.tenant, c->key.name, &d)) {
        change_show_write(c, a);
        return;
    }
    answer_open(&out);
    api_print_document(&out, c->api, &d);
    answer_add(&out, ",\"write\":{");
    change_print_outcome(&out, c, a);
    answer_text(&out, "}},\"token\":", c->secret);
    answer_add(&out, "}");
    location = xasprintf("%s/%s", strchr(c->cause, '/'), c->key.name);
    answer_header(c->req, "Location", location);
    free(location);
    answer_etag(c->req, d.set_by);
    answer_send(&out, c->req, change_headers(c, a, 201));
}

void api_new_token(struct api_call *call)
{
    static const struct change_kind kind = {build_token, show_token};
    struct api_key key = {.kind = INTENT_TOKEN};

    if (api_tenant_of(call, key.tenant))
        change_begin(call, &kind, &key, true);
}
