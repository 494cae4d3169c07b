/*
 * Bearer tokens, derived from the identity: any coordinator that holds it can check them without a
 * row in any store. base64url without padding; 32 bytes of HMAC-SHA256 each.
 *
 *      sbc1.<cluster>.<generation>.<HMAC(token-key, "cluster" NUL name NUL generation)>
 *      sbb1.<HMAC(token-key, "bootstrap")>
 */
#ifndef ADMIN_AUTH_TOKEN_H
#define ADMIN_AUTH_TOKEN_H

#include "admin/auth/identity.h"
#include "clusters/publish/publish.h"

enum { TOKEN_MAX = 160, TOKEN_GENERATION = 1 };

MUST_USE bool token_cluster(const struct identity *id, const char *cluster, char out[TOKEN_MAX],
                            struct err *e);
void token_bootstrap(const struct identity *id, char out[TOKEN_MAX]);

/* The key under which documents are sealed into Swarm's store (clusters/replica). */
void token_replica_key(const struct identity *id, uint8_t out[IDENTITY_TOKEN_KEY]);

/* Constant time in the secret part. PUBLISH_OTHER_CLUSTER for a good token of another cluster. */
enum publish_access token_check_cluster(const struct identity *id, const char *cluster,
                                        struct str token);
MUST_USE bool token_check_bootstrap(const struct identity *id, struct str token);

#endif
