/*
 * Something that the hub has done by several workers: each does it on its own thread between two
 * turns of its loop, in the order in which the hub sent it, and when the last one is back the hub
 * is told. The errand is lent to the workers until then.
 */
#ifndef GATEWAY_WORKER_ERRAND_H
#define GATEWAY_WORKER_ERRAND_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/loop/mailbox.h"

struct worker;
struct errand;

/* One worker's part in it. */
struct errand_leg {
    struct mail mail;
    struct errand *errand;
    struct worker *worker;
    bool back; /* the hub's thread may read what this worker did */
};

/* Embedded in what it is about; `arg` is that. */
struct errand {
    void (*obey)(void *arg, struct worker *w); /* on each worker's thread */
    void (*done)(void *arg);                   /* on the hub's; may free arg */
    void *arg;
    struct mailbox *home;
    size_t num_legs, num_back;
    struct errand_leg *legs;
};

/* Sends it out; home is the hub's mailbox. At least one worker. */
void errand_send(struct errand *e, struct mailbox *home, struct worker *const *workers, size_t num);

#endif
