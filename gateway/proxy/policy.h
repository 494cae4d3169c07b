/*
 * What a route does to the heads that pass: rewrites and header fields. What is given is lent until
 * the next head of this worker is asked for. Private to gateway/proxy.
 */
#ifndef GATEWAY_PROXY_POLICY_H
#define GATEWAY_PROXY_POLICY_H

#include "gateway/http/h1_write.h"
#include "gateway/proxy/target.h"
#include "gateway/route/route.h"

struct conn;
struct proxy;

/* Whose request it is, as text: behind a trusted peer who it says, else the peer. */
void policy_find_client(struct conn *c, const struct h1_head *request);
struct str policy_client(const struct conn *c);
struct target_request policy_target_of(const struct conn *c, const struct h1_head *request);
const struct h1_changes *policy_changes(struct proxy *p, const struct route_fields *f);
struct h1_forwarding policy_forwarding(struct conn *c, const struct h1_head *request);
struct h1_passing policy_passing(struct conn *c, enum h1_connection connection);

#endif
