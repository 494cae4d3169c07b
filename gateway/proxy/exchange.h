/*
 * A request on its way to an endpoint (exchange.c): what the other files of this folder ask of it.
 * The exchange itself is in conn.h.
 */
#ifndef GATEWAY_PROXY_EXCHANGE_H
#define GATEWAY_PROXY_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/result.h"

struct conn;
struct exchange;

/* Why an attempt on an endpoint failed; the last one decides the answer. */
enum exchange_failure {
    FAILED_NOT,
    FAILED_CONNECT,
    FAILED_CONNECT_TIMEOUT,
    FAILED_BROKEN,
    FAILED_STATUS /* one that its route retries */
};

void exchange_start(struct conn *c);
void exchange_go_on(struct conn *c); /* WAIT: perhaps it can be placed now */
bool exchange_wait_step(struct conn *c);
bool exchange_connect_step(struct conn *c);
/* What can be sent of the request. False: the connection went to another state. */
MUST_USE bool exchange_push(struct conn *c);
/* Before the response head was whole; error 0: the endpoint ended in order. */
void exchange_broken(struct conn *c, int error);
MUST_USE enum io exchange_send(struct conn *c, uint32_t end); /* in[sent..end), what waits before */
void exchange_release_in(struct conn *c); /* nothing in the client's block is needed any more */
bool exchange_all_sent(const struct exchange *x); /* the whole request is with the endpoint */
void exchange_note_status(struct conn *c, unsigned status); /* the head of a last response came */
bool exchange_retries_status(struct conn *c, unsigned status); /* true: asks another endpoint */
void exchange_note_silence(struct conn *c, int error); /* a node that is dead is not asked again */

#endif
