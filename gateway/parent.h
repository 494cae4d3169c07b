/*
 * The parent process of a gateway: starts the proxy and the follower, keeps them alive, gives them
 * their sockets, passes signals on. Nothing of the users' traffic comes here.
 */
#ifndef GATEWAY_PARENT_H
#define GATEWAY_PARENT_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/sockets.h"
#include "gateway/users.h"

struct parent_config {
    struct sockets *listeners;        /* own ones; the parent closes them when it drains */
    int admin_fd;                     /* -1: none */
    const char *id;                   /* of this gateway, for logs */
    const char *node;                 /* id of its Swarm node, for pools that prefer it */
    unsigned num_workers;             /* threads of the proxy */
    const char *doorman;              /* socket; NULL: none */
    const char *follower;             /* path of the program */
    const char *const *follower_argv; /* after --frames-fd N; NULL-ended */
    /* Once, as the follower's user: can it read what it needs? False with a sentence: no start. */
    bool (*prepare_follower)(void *config, struct err *e);
    void *flags; /* for prepare_follower */
    struct users users;
    int64_t stop_grace_ms;
};

/*
 * Runs until the gateway was told to end, with no capability left. The exit status: 0 after a clean
 * drain, 2 when it cannot start, else 1.
 */
int parent_run(const struct parent_config *config);

#endif
