/*
 * What the follower may not ask of the kernel once it runs. Its filter names what is forbidden, not
 * what is allowed: libcurl and the resolver open files and sockets as they please. SECURITY.md says
 * what that leaves.
 */
#ifndef GATEWAY_FOLLOWER_CONFINE_H
#define GATEWAY_FOLLOWER_CONFINE_H

#include <stdbool.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

/* Before there are threads, for good: no new program, no other process, no listening. */
MUST_USE bool follower_confine(struct err *e);

#endif
