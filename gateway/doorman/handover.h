/* How a doorman that starts gets the sockets of the one that runs. */
#ifndef GATEWAY_DOORMAN_HANDOVER_H
#define GATEWAY_DOORMAN_HANDOVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/doorman/offer.h"

/*
 * Asks whoever answers at `path` under `uid`; blocks for seconds at most. True: *out holds what it
 * gave, and *out_sock the connection that handover_finish wants. False: nobody there (e->code
 * "NoDoorman"), or it would not or could not.
 */
MUST_USE bool handover_ask(const char *path, uid_t uid, struct offer *out, int *out_sock,
                           struct err *e);

/* After the successor is published: the old one lets go and sends its gateways here. Closes. */
void handover_finish(int *sock);

#endif
