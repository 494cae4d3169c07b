/*
 * Joins tokens and throttles. The identity is constant after auth_new and each throttle belongs to
 * one thread, so nothing here is locked. Made by the coordinator's main.
 */
#include "admin/auth/auth.h"

#include <stdio.h>
#include <string.h>

#include "admin/auth/throttle.h"
#include "admin/auth/token.h"
#include "clusters/intents/intents.h"
#include "clusters/write.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/obj.h"

enum { AUTH_MAGIC = 0x0a0711aa };

struct auth {
    unsigned magic;
    struct identity identity;
    struct throttle *stream;
    struct throttle *admin;
    struct tokens *tokens;
};

static const struct throttle_rate strangers = {THROTTLE_BURST, THROTTLE_REFILL_MS * 1000};

struct auth *auth_new(const char *identity_path, struct err *e)
{
    struct auth *a = xcalloc(1, sizeof *a);

    a->magic = AUTH_MAGIC;
    a->stream = throttle_new(&strangers);
    a->admin = throttle_new(&strangers);
    a->tokens = tokens_new();
    if (identity_load(identity_path, &a->identity, e))
        return a;
    auth_free(a);
    return NULL;
}

void auth_free(struct auth *a)
{
    if (a == NULL)
        return;
    OBJ_CHECK(a, AUTH_MAGIC);
    identity_wipe(&a->identity);
    throttle_free(a->stream);
    throttle_free(a->admin);
    tokens_free(a->tokens);
    OBJ_KILL(a);
}

void auth_replica_key(const struct auth *a, uint8_t out[IDENTITY_TOKEN_KEY])
{
    token_replica_key(&a->identity, out);
}

static enum publish_access refused(struct throttle *t, const char *address)
{
    return throttle_spent(t, address, clock_mono_ms()) ? PUBLISH_THROTTLED : PUBLISH_UNKNOWN_TOKEN;
}

enum publish_access auth_stream(void *arg, const char *cluster, struct str token,
                                const char *address)
{
    struct auth *a;
    enum publish_access access;

    OBJ_CAST(a, arg, AUTH_MAGIC);
    access = token_check_cluster(&a->identity, cluster, token);
    return access == PUBLISH_UNKNOWN_TOKEN ? refused(a->stream, address) : access;
}

/* ---- tokens that are documents -----------------------------------------------------------------
 */

struct search {
    const char *id;
    const char *tenant; /* found */
};

static bool has_id(void *arg, const struct write_document *d)
{
    struct search *s = arg;

    if (strcmp(d->name, s->id) == 0)
        s->tenant = d->tenant;
    return s->tenant == NULL;
}

static bool read_token(const struct write_document *d, struct tokens_found *out)
{
    struct errs faults = {.num = 0};
    struct intent *i =
        intent_read(INTENT_TOKEN, d->tenant, d->name, d->created_ms, str_from(d->value), &faults);

    if (i == NULL || strlen(d->tenant) > TOKENS_TENANT_MAX) {
        intent_free(i);
        return false;
    }
    snprintf(out->tenant, sizeof out->tenant, "%s", d->tenant);
    snprintf(out->hash, sizeof out->hash, "%s", i->as.token.hash);
    out->scopes = i->as.token.scopes;
    out->expires_ms = i->as.token.expires_ms;
    intent_free(i);
    return true;
}

static bool find_token(void *arg, const char *id, const char *tenant, struct tokens_found *out)
{
    const struct coordinator *c = arg;
    struct search s = {.id = id, .tenant = tenant};
    struct write_document d;

    if (tenant == NULL)
        coordinator_each_document(c, INTENT_TOKEN, NULL, has_id, &s);
    return s.tenant != NULL && coordinator_document(c, INTENT_TOKEN, s.tenant, id, &d) &&
           read_token(&d, out);
}

enum publish_access auth_admin(struct auth *a, const struct coordinator *c, struct str token,
                               const char *address, struct auth_caller *out)
{
    struct tokens_found found;

    OBJ_CHECK(a, AUTH_MAGIC);
    *out = (struct auth_caller){.scopes = INTENT_SCOPE_OPERATOR};
    if (token_check_bootstrap(&a->identity, token))
        return PUBLISH_ALLOWED;
    if (!tokens_check(a->tokens, token, clock_wall_ms(), find_token, (void *)c, &found))
        return refused(a->admin, address);
    memcpy(out->id, found.id, sizeof out->id);
    out->scopes = found.scopes;
    out->expires_ms = found.expires_ms;
    snprintf(out->tenant, sizeof out->tenant, "%s", found.tenant);
    return PUBLISH_ALLOWED;
}

int64_t auth_last_used(const struct auth *a, const char *token_id)
{
    return tokens_last_used(a->tokens, token_id);
}
