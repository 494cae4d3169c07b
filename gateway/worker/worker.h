/*
 * The proxy process of a gateway: one worker with its loop, its listeners, its table. Forked by the
 * parent (gateway/parent.c), which speaks to it by control.h.
 */
#ifndef GATEWAY_WORKER_WORKER_H
#define GATEWAY_WORKER_WORKER_H

#include <stddef.h>

struct worker_config {
    int control_fd;       /* SOCK_SEQPACKET, see control.h; its end ends the worker */
    int admin_fd;         /* a listening socket for /livez, /readyz, /metrics; -1: none */
    const char *id;       /* of this gateway, for logs; NULL is fine */
    size_t num_listeners; /* not ready before so many are polled; 0 counts as 1 */
};

/* Runs until drained, or until the parent is gone. The answer is the process's exit status. */
int worker_run(const struct worker_config *config);

#endif
