/*
 * Is a peer that acknowledges nothing dead, or is its application slow to read? TCP_USER_TIMEOUT
 * (tcp(7)) cannot tell: it counts a full receive window like a dead node. A node that lives answers
 * each probe of the full window, a dead one answers nothing at all. Pure; upstream.c polls.
 */
#ifndef GATEWAY_UPSTREAM_PATIENCE_H
#define GATEWAY_UPSTREAM_PATIENCE_H

#include "gateway/loop/sock.h"

enum {
    PATIENCE_DEAD_MS = 2000,  /* silent for so long although asked: dead */
    PATIENCE_DOUBT_MS = 1000, /* silent for so long: look again soon */
    PATIENCE_ASKED = 2        /* so many retransmissions or probes in a row without an answer */
};

enum patience {
    PATIENCE_OVER, /* everything is acknowledged */
    PATIENCE_KEEP,
    PATIENCE_DOUBT,
    PATIENCE_DEAD
};

enum patience patience_judge(const struct sock_flight *f);

#endif
