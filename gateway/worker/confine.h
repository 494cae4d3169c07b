/*
 * What the proxy process may still ask of the kernel once its threads run: a seccomp filter for
 * every thread, made for the worst day, when somebody else's code runs in here. SECURITY.md says
 * what it denies, and what that leaves.
 *
 * seccomp(2) sees the number of a descriptor, not its kind, so listeners get numbers of their own:
 * the highest ones. On these the filter leaves accepting and polling; a listener belongs to the
 * host's network, and whoever could connect or shut it down would leave the gateway's.
 */
#ifndef GATEWAY_WORKER_CONFINE_H
#define GATEWAY_WORKER_CONFINE_H

#include <stdbool.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

/* 1 of so many descriptors is kept for listeners, within these bounds. */
enum { CONFINE_SHARE = 8, CONFINE_LISTENERS_MIN = 4, CONFINE_LISTENERS_MAX = 1024 };

/*
 * Once, before anything is counted: lowers the process's limit of open files, so that all that is
 * not a listener stays below the numbers kept for listeners.
 */
MUST_USE bool confine_reserve(struct err *e);

/*
 * Moves the descriptor of a listener up to where the filter guards it; without confine_reserve it
 * stays. False with errno: there is no room, nothing has changed. Of one thread only, and what
 * needs setsockopt(2) or F_SETFL comes before.
 */
MUST_USE bool confine_listener(int *fd);

/* All threads, those to come included, for good. False: the process is as free as before. */
MUST_USE bool confine_enter(struct err *e);

#endif
