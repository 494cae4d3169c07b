/* One public socket: opened, listened on, stopped, recognised. It never accepts. */
#ifndef GATEWAY_DOORMAN_LISTENER_H
#define GATEWAY_DOORMAN_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/doorman/listen_spec.h"

enum listener_open { LISTENER_BOUND, LISTENER_IN_USE, LISTENER_REFUSED };

/*
 * Bound to its device and address, not listening, exclusive (no SO_REUSEADDR while it does not
 * listen, so that nobody can slip in). join = false takes only what nobody holds; true joins the
 * shards that this doorman holds already (SO_REUSEPORT).
 */
MUST_USE enum listener_open listener_open(const struct listen_spec *spec, bool join, int *out_fd,
                                          struct err *e);

MUST_USE bool listener_share(int fd, struct err *e); /* from now on others may join */

/* Also from wherever somebody else brought it: shut down, or even connected. */
MUST_USE bool listener_listen(int fd, struct err *e);

/* Stops listening, stays bound: clients are refused. Nothing to do when it does not listen. */
void listener_shut(int fd);

MUST_USE bool listener_is_listening(int fd);

/* True when fd is a TCP listener (or could be one) of exactly this address, device and network. */
MUST_USE bool listener_verify(int fd, const struct listen_spec *spec, struct err *e);

/* What makes two descriptors the same socket, for its whole life; 0 = not a socket. */
uint64_t listener_cookie(int fd);

#endif
