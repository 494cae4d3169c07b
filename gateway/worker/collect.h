/*
 * Text from every worker, written by each on its own thread, for whoever asks on the hub's thread
 * (/debug). A worker that is busy does not hold the answer up: at the deadline the others' is
 * given.
 */
#ifndef GATEWAY_WORKER_COLLECT_H
#define GATEWAY_WORKER_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/core/buf.h"
#include "gateway/loop/mailbox.h"

struct collection;
struct proxy;
struct worker;

struct collector {
    struct mailbox *home; /* the hub's */
    struct worker *const *workers;
    size_t num_workers;
    LIST_HEAD(, collection) under_way;
};

/* What one worker wrote. */
struct collected {
    bool answered; /* in time */
    bool whole;    /* `write` said so */
    struct buf text;
};

struct collect_request {
    /* On the worker's thread; false: its text was cut. `arg` is not to be used in here. */
    bool (*write)(struct proxy *p, size_t worker, const struct collect_request *rq,
                  struct buf *out);
    /* On the hub's thread, once, never from inside collect_start; the parts are lent. */
    void (*done)(void *arg, const struct collected *parts, size_t num);
    void *arg;
    int which; /* for `write`: what is asked for, and how much of it */
    size_t limit;
    int64_t deadline_ms; /* from now */
    size_t max_bytes;    /* of one worker's text */
};

void collector_init(struct collector *c, struct mailbox *home, struct worker *const *workers,
                    size_t num_workers);
void collector_free(struct collector *c); /* nobody is told any more; before the workers end */

/* The answer is good until `done`, for collect_cancel: who asked does not wait any more. */
struct collection *collect_start(struct collector *c, const struct collect_request *rq);
void collect_cancel(struct collection *what); /* `done` is not called; NULL is fine */

#endif
