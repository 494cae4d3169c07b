/*
 * Warnings that a stranger can cause: so many a minute, then a count. Memory of its owner; one
 * thread, time is given.
 */
#ifndef CLUSTERS_PUBLISH_QUIET_H
#define CLUSTERS_PUBLISH_QUIET_H

#include <stdbool.h>
#include <stdint.h>

enum { QUIET_WINDOW_MS = 60000, QUIET_MAX = 10 };

/* All zero at the start. */
struct quiet {
    int64_t since_ms;
    unsigned said;
    unsigned withheld;
};

/* May one more be said? *out_withheld: how many were not, in the minute before; tell it with it. */
bool quiet_may_say(struct quiet *q, int64_t now_ms, unsigned *out_withheld);

#endif
