/*
 * Joins tokens and throttles. The identity is constant after auth_new and each throttle belongs to
 * one thread, so nothing here is locked. Made by the coordinator's main.
 */
#include "admin/auth/auth.h"

#include "admin/auth/throttle.h"
#include "admin/auth/token.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/obj.h"

enum { AUTH_MAGIC = 0x0a0711aa };

struct auth {
    unsigned magic;
    struct identity identity;
    struct throttle *stream;
    struct throttle *admin;
};

struct auth *auth_new(const char *identity_path, struct err *e)
{
    struct auth *a = xcalloc(1, sizeof *a);

    a->magic = AUTH_MAGIC;
    a->stream = throttle_new();
    a->admin = throttle_new();
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
    OBJ_KILL(a);
}

void auth_replica_key(const struct auth *a, uint8_t out[IDENTITY_TOKEN_KEY])
{
    token_replica_key(&a->identity, out);
}

static enum publish_access refused(struct throttle *t, const char *address)
{
    return throttle_failed(t, address, clock_mono_ms()) ? PUBLISH_THROTTLED : PUBLISH_UNKNOWN_TOKEN;
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

enum publish_access auth_admin(struct auth *a, struct str token, const char *address)
{
    OBJ_CHECK(a, AUTH_MAGIC);
    return token_check_bootstrap(&a->identity, token) ? PUBLISH_ALLOWED
                                                      : refused(a->admin, address);
}
