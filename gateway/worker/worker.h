/*
 * One worker of the proxy: a thread with its loop, its listeners, its proxy and its counters. The
 * hub makes it, gives it errands and ends it; what several workers share is the table in force,
 * upstream_shared, and what errands lend.
 *
 *     WAITING (no table) --> SERVING --> DRAINING --> DRAINED
 */
#ifndef GATEWAY_WORKER_WORKER_H
#define GATEWAY_WORKER_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/loop/mailbox.h"
#include "gateway/observe/metrics.h"

struct access_log;
struct crowd;
struct fd_budget;
struct listen_socket;
struct pool_series;
struct proxy;
struct table;
struct table_delta;
struct upstream_shared;
struct worker;

enum { WORKERS_MAX = 64 };

struct worker_setup {
    unsigned index; /* below WORKERS_MAX */
    struct upstream_shared *shared;
    struct crowd *crowd;
    struct fd_budget *budget;
    size_t num_pipes; /* for bulk (gateway/loop/pipepool.h); made by worker_new */
    struct mailbox *hub;
    struct worker *const *all; /* by index, this one too; complete before the first is started */
    struct access_log *log;    /* NULL: none */
    struct pool_series *series;
    const char *node; /* id; NULL: not known */
    /* Both are called on the hub's thread. */
    void (*on_forgotten)(void *arg, const uint32_t *ids, size_t num);
    void (*on_drained)(void *arg);
    void *arg;
};

struct worker *worker_new(const struct worker_setup *setup, struct err *e); /* NULL with *e */
MUST_USE bool worker_start(struct worker *w, struct err *e);
void worker_end(struct worker *w); /* waits for its thread; not started is fine */
void worker_free(
    struct worker *w); /* after its end, when the hub's mailbox is empty; NULL is fine */

unsigned worker_index(const struct worker *w);
struct mailbox *worker_mailbox(struct worker *w);
struct metrics *worker_metrics(struct worker *w); /* any thread reads them */
struct proxy *worker_proxy(struct worker *w);

/* On the worker's own thread only: what errands do. */
void worker_adopt(struct worker *w, const struct table *t, const struct table_delta *d);
/* A reference of its own; false: it cannot be served, as was logged. */
MUST_USE bool worker_listen(struct worker *w, const char *name, struct listen_socket *s);
void worker_forget(struct worker *w, const char *name);
void worker_drain(struct worker *w);

#endif
