/*
 * The listening sockets of a worker: kept when they are given, polled when a table is in force,
 * accepted from in bursts. A listener that somebody shut down stays: it wakes up when it listens
 * again.
 */
#ifndef GATEWAY_WORKER_LISTENERS_H
#define GATEWAY_WORKER_LISTENERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/core/result.h"
#include "gateway/loop/loop.h"
#include "gateway/observe/metrics.h"

struct fd_budget;
struct listener;
struct proxy;

enum { LISTENERS_BURST = 32, LISTENERS_MAX = 1024, LISTENERS_WARN_MS = 10000 };

/*
 * A listening socket, held by as many workers as poll it and closed when the last one lets go: one
 * number for all of them, because a descriptor must not be duplicated in the proxy's filter.
 */
struct listen_socket {
    _Atomic uint32_t refs;
    int fd;
    bool no_delay; /* accepted sockets inherit TCP_NODELAY */
    struct fd_budget *budget;
};

/* Takes the descriptor; NULL with errno, and it is closed. The budget may be NULL. */
struct listen_socket *listen_socket_new(int fd, struct fd_budget *budget);
void listen_socket_ref(struct listen_socket *s);
void listen_socket_unref(struct listen_socket **s); /* NULL inside is fine */

struct listeners {
    unsigned magic;
    struct loop *loop;
    struct proxy *proxy;
    struct metrics *metrics;
    TAILQ_HEAD(, listener) all;
    size_t num, num_polled;
    bool polling; /* new ones are polled at once */
};

void listeners_init(struct listeners *ls, struct loop *l, struct proxy *p, struct metrics *m);
void listeners_free(struct listeners *ls);
/* With a reference of its own; false: there are too many. */
MUST_USE bool listeners_add(struct listeners *ls, const char *name, struct listen_socket *s);
void listeners_forget(struct listeners *ls, const char *name);
void listeners_poll(struct listeners *ls); /* from now on */
void listeners_stop(struct listeners *ls); /* accepts what waits, then closes all */

#endif
