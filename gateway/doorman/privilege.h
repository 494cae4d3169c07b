/* From "root with a few capabilities" to "the cluster's uid with none", in two steps. */
#ifndef GATEWAY_DOORMAN_PRIVILEGE_H
#define GATEWAY_DOORMAN_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

/*
 * Becomes uid and gid when that is possible (root with SETUID and SETGID; (uid_t)-1 = stay), keeps
 * only what binding to a port below 1024 needs, and can never gain anything again.
 */
MUST_USE bool privilege_become(uid_t uid, gid_t gid, struct err *e);

/* The last capability goes: when every socket is there. */
MUST_USE bool privilege_clear(struct err *e);

#endif
