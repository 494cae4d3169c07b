/* One process that the parent of a gateway keeps alive: when it runs, and when it may run again. */
#ifndef GATEWAY_CHILD_H
#define GATEWAY_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    const char *name;    /* for the log */
    bool running;        /* it was asked for and has not ended */
    pid_t pid;           /* 0: not known yet, or not running */
    int64_t started_ms;  /* monotonic */
    int64_t back_off_ms; /* wait before the next start; 0: none so far */
};

enum { CHILD_BACK_OFF_MIN_MS = 100, CHILD_BACK_OFF_MAX_MS = 5000, CHILD_STEADY_MS = 10000 };

/* Wait before the next start of a child that lived so long: 100 ms doubling to 5 s. */
int64_t child_back_off(int64_t previous_ms, int64_t lived_ms);

/* It was asked for. */
void child_begins(struct child *c);

/* Notes that it is gone, logs how (a status of waitpid(2)), gives the wait before the next start.
 */
int64_t child_ended(struct child *c, int status);

#endif
