/*
 * The client connections of one worker as text, for /debug/connections. It tells hosts, routes and
 * addresses, never a target, a query, a field or a body.
 */
#ifndef GATEWAY_PROXY_DESCRIBE_H
#define GATEWAY_PROXY_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/buf.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct conn;
struct proxy;

/* Of its upstream connection: "10.0.0.7:80", "[fd00::1]:80"; "" while there is none. Lent by it. */
const char *describe_endpoint(const struct conn *c);

enum { DESCRIBE_ALL = -1 };

/* The state of that name, for `state` below. */
MUST_USE bool describe_state(struct str name, int *out_state);

/*
 * On the worker's thread. One line, a JSON object: the worker and how many connections are in each
 * state; then a line for each connection, those that carry a request first, longest in its state
 * first, at most `limit`. False: `out` is full, the last line is missing.
 */
MUST_USE bool describe_connections(struct proxy *p, size_t worker, int state, size_t limit,
                                   struct buf *out);

#endif
