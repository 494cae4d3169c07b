/* When a connection has been in a state for too long; timeouts.h. Private to gateway/proxy. */
#ifndef GATEWAY_PROXY_DEADLINE_H
#define GATEWAY_PROXY_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct proxy;

bool deadline_tick(struct proxy *p, int64_t now_ms); /* true: short deadlines are pending */
void deadline_begin(struct conn *c);                 /* its route is known */
void deadline_wait(struct conn *c);                  /* until x->wait_until_ms */
void deadline_entered(struct conn *c);               /* a state, with timeouts of its own */

#endif
