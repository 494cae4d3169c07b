/*
 * The follower: brings a cluster's table to its proxy. One of two sources feeds it, a table file or
 * the coordinator's stream (with a state directory under it); acks and nacks come back.
 */
#ifndef GATEWAY_FOLLOWER_FOLLOWER_H
#define GATEWAY_FOLLOWER_FOLLOWER_H

#include <stdbool.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct follower_config {
    int frames_fd;           /* stream socket to the proxy; becomes the follower's */
    const char *table;       /* a table file; NULL: follow the coordinator */
    const char *coordinator; /* http://HOST:PORT */
    const char *cluster;
    const char *token_file;
    const char *state;   /* directory for the last good table; NULL: none is kept */
    const char *gateway; /* id under which it reports */
    const char *node;
    bool accept_older_epoch;
};

/*
 * Runs until the proxy closes the frames socket or SIGTERM or SIGINT comes (both true). False with
 * *e when it cannot start.
 */
MUST_USE bool follower_run(const struct follower_config *config, struct err *e);

#endif
