/* One process that the parent of a gateway keeps alive: start, back-off, end. */
#ifndef GATEWAY_CHILD_H
#define GATEWAY_CHILD_H

#include <stdint.h>
#include <sys/types.h>

struct child {
    const char *name;    /* for the log */
    pid_t pid;           /* 0: not running */
    int64_t started_ms;  /* monotonic */
    int64_t back_off_ms; /* wait before the next start; 0: none so far */
};

enum { CHILD_BACK_OFF_MIN_MS = 100, CHILD_BACK_OFF_MAX_MS = 5000, CHILD_STEADY_MS = 10000 };

/* Wait before the next start of a child that lived so long: 100 ms doubling to 5 s. */
int64_t child_back_off(int64_t previous_ms, int64_t lived_ms);

/*
 * fork(2) for a child that dies with this process. In the child (answer 0): signals are unblocked,
 * SIGINT and SIGHUP are ignored (the parent says when to end), and every descriptor but 0, 1, 2 and
 * those to keep is closed. -1: cannot fork, logged.
 */
pid_t child_fork(struct child *c, const int *keep_fds, int num_keep);

/* Notes that it is gone, logs how, and gives the wait before the next start. */
int64_t child_ended(struct child *c, int status);

#endif
