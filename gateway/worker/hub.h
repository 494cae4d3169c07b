/*
 * The proxy process of a gateway, as its main thread: the hub speaks with the parent (control.h),
 * the follower (frames.h) and whoever asks the admin listener; the users' traffic is the workers'.
 *
 *     WAITING (no table in all workers) --> SERVING --> DRAINING --> ENDED
 */
#ifndef GATEWAY_WORKER_HUB_H
#define GATEWAY_WORKER_HUB_H

#include <stdbool.h>
#include <stddef.h>

struct hub_config {
    int control_fd;       /* SOCK_SEQPACKET, see control.h; its end ends the proxy */
    int admin_fd;         /* a listening socket for /livez, /readyz, /metrics; -1: none */
    const char *id;       /* of this gateway, for logs; NULL is fine */
    const char *node;     /* its Swarm node's id, for prefer_node; NULL: not known */
    unsigned num_workers; /* 1 to WORKERS_MAX */
    size_t num_listeners; /* own ones of the parent: not ready before so many are polled */
    bool doorman;         /* nor before the doorman's list was whole once and is polled */
};

/* Runs until drained, or until the parent is gone. The answer is the process's exit status. */
int hub_run(const struct hub_config *config);

#endif
