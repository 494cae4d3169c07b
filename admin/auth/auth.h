/*
 * Who may do what at the coordinator's two listeners: tokens that are derived from the identity,
 * tokens that are documents, and a throttle for each listener.
 */
#ifndef ADMIN_AUTH_AUTH_H
#define ADMIN_AUTH_AUTH_H

#include "admin/auth/identity.h"
#include "admin/auth/tokens.h"
#include "clusters/publish/publish.h"

struct auth;
struct coordinator;

struct auth *auth_new(const char *identity_path, struct err *e);
void auth_free(struct auth *a); /* NULL is fine */

/* The key that seals documents in Swarm's store. */
void auth_replica_key(const struct auth *a, uint8_t out[IDENTITY_TOKEN_KEY]);

/* The stream's access callback (publish.h); called on the publisher's thread only. */
enum publish_access auth_stream(void *arg, const char *cluster, struct str token,
                                const char *address);

/* Who showed a token at the admin API. */
struct auth_caller {
    char tenant[TOKENS_TENANT_MAX + 1]; /* "": the operator */
    char id[TOKENS_ID + 1];             /* "": the bootstrap token */
    unsigned scopes;                    /* enum intent_scope */
    int64_t expires_ms;                 /* 0: never */
};

/*
 * The admin API's; called on the main loop only. Never PUBLISH_OTHER_CLUSTER. The bootstrap token
 * is the operator's; the others are looked up among the coordinator's documents.
 */
enum publish_access auth_admin(struct auth *a, const struct coordinator *c, struct str token,
                               const char *address, struct auth_caller *out);
int64_t auth_last_used(const struct auth *a, const char *token_id); /* as tokens_last_used */

#endif
