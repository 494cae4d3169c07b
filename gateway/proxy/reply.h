/* Answers that the gateway makes itself; private to gateway/proxy. */
#ifndef GATEWAY_PROXY_REPLY_H
#define GATEWAY_PROXY_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/http/h1_head.h"
#include "gateway/proxy/reply_reason.h"

struct conn;

void reply_act(struct conn *c); /* its route redirects or responds */
void reply_send(struct conn *c, enum reply which);
void reply_come_again(struct conn *c, enum reply which, uint32_t retry_after_s);
void reply_refuse(struct conn *c, enum h1_refusal why);
bool reply_step(struct conn *c);
bool reply_linger_step(struct conn *c);

#endif
