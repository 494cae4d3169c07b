/* The running doorman: gateways and a successor on the unix socket, and the rules over the slots.
 */
#ifndef GATEWAY_DOORMAN_SERVER_H
#define GATEWAY_DOORMAN_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/doorman/slots.h"

struct event_base;
struct server;

/*
 * Takes over from the doorman at `path` if there is one, binds what nobody holds, publishes itself.
 * A false return leaves the old doorman as it was. Slots that somebody else still holds stay
 * missing: gateways that offer them, or time, fill them. slots and path are borrowed; peers must
 * have `uid`.
 */
MUST_USE bool server_new(struct event_base *base, const char *path, uid_t uid, struct slots *slots,
                         struct server **out, struct err *e);

/* Closes everything without touching the public sockets; NULL is fine. */
void server_free(struct server *s);

#endif
