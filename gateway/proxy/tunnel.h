/* What becomes of a connection after a 101: see tunnel.c. */
#ifndef GATEWAY_PROXY_TUNNEL_H
#define GATEWAY_PROXY_TUNNEL_H

#include <stdbool.h>

struct conn;
struct h1_head;

void tunnel_begin(struct conn *c, const struct h1_head *h); /* a 101; h is in c->out */
bool tunnel_step(struct conn *c);

#endif
