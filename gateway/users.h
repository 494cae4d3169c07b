/*
 * The users of a gateway's processes. Apart from each other they cannot signal, trace or read one
 * another, and the proxy cannot read what belongs to the follower.
 */
#ifndef GATEWAY_USERS_H
#define GATEWAY_USERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct users {
    bool apart; /* else all run as the one who started the gateway */
    uid_t parent, follower, proxy;
};

/* "65101:65111:65121", parent, follower, proxy; none of them root, no two the same. */
MUST_USE bool users_parse(const char *text, struct users *out, struct err *e);

/*
 * What --users says (NULL: nothing) and what this process may do. When they cannot be apart it
 * warns, once, and all are one: that is how a gateway runs without root.
 */
MUST_USE bool users_choose(const char *text, struct users *out, struct err *e);

#endif
