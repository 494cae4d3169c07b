/* Who may do what at the coordinator's two listeners: the identity with a throttle for each. */
#ifndef ADMIN_AUTH_AUTH_H
#define ADMIN_AUTH_AUTH_H

#include "admin/auth/identity.h"
#include "clusters/publish/publish.h"

struct auth;

struct auth *auth_new(const char *identity_path, struct err *e);
void auth_free(struct auth *a); /* NULL is fine */

/* The key that seals documents in Swarm's store. */
void auth_replica_key(const struct auth *a, uint8_t out[IDENTITY_TOKEN_KEY]);

/* The stream's access callback (publish.h); called on the publisher's thread only. */
enum publish_access auth_stream(void *arg, const char *cluster, struct str token,
                                const char *address);
/* The admin API's; called on the main loop only. Never PUBLISH_OTHER_CLUSTER. */
enum publish_access auth_admin(struct auth *a, struct str token, const char *address);

#endif
