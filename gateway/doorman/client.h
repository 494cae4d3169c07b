/*
 * The gateway's side of the doorman, on the libevent base of the gateway's parent process.
 *
 * doorman_client_new starts to connect at once (call it only when a table is in force) and connects
 * again for ever, 50-500 ms apart, whenever the doorman goes, moves or is replaced. The listeners
 * that were received stay open and usable all that time: the client keeps its own copy of each
 * descriptor, offers them to the next doorman, and tells the owner only what really changed.
 *
 * About the sockets: they are non-blocking and shared with the doorman and other gateways. One may
 * not listen yet, or may stop for a while: epoll then says EPOLLHUP, accept4 says EINVAL. That is
 * no reason to close it or to poll in a circle: keep it registered edge-triggered
 * (EPOLLIN|EPOLLET), connections arrive as soon as the doorman listens. accept4 may say EAGAIN
 * after any event, because another gateway was faster. Never shutdown(), listen() or change options
 * on one of them. Before closing one that was withdrawn, accept until EAGAIN.
 *
 * No callback is called from inside doorman_client_new/_serving/_draining/_each/_free. Not from a
 * callback: doorman_client_free.
 */
#ifndef GATEWAY_DOORMAN_CLIENT_H
#define GATEWAY_DOORMAN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/doorman/protocol.h"

struct event_base;
struct doorman_client;

struct doorman_client_ops {
    /*
     * A listener to poll: its name as "http:0.0.0.0:8081#0" (stable, < DOORMAN_NAME_MAX), its kind,
     * which of how many shards it is, and the descriptor, which is borrowed until this call returns
     * (send it on with SCM_RIGHTS or duplicate it).
     */
    void (*added)(void *arg, const struct doorman_entry *entry, int fd);
    /* This one is no longer served by the doorman, or `added` follows with a new socket: let go. */
    void (*withdrawn)(void *arg, const char *name);
    /*
     * A whole list has been applied (added and withdrawn were called for what differs). complete =
     * the doorman has every listener that it was configured for. changed = something was added, so
     * that doorman_client_serving must be called again when all of them are polled; after a
     * reconnect without additions the client repeats "serving" by itself. May be NULL.
     */
    void (*listed)(void *arg, size_t num_listeners, bool complete, bool changed);
};

/*
 * `path` is copied; ops and arg are borrowed until free. The doorman must run under this process's
 * effective uid, or it is not listened to (logged).
 */
struct doorman_client *doorman_client_new(struct event_base *base, const char *path,
                                          const struct doorman_client_ops *ops, void *arg);

/* Every listener that `added` has given so far is being polled. Remembered while disconnected. */
void doorman_client_serving(struct doorman_client *c);

/*
 * No more new connections are accepted here (the end has begun, or the proxy died): the doorman no
 * longer counts this gateway. doorman_client_serving takes it back.
 */
void doorman_client_draining(struct doorman_client *c);

/* Calls fn for every listener held now: what a restarted proxy must be given. */
void doorman_client_each(struct doorman_client *c,
                         void (*fn)(void *arg, const struct doorman_entry *entry, int fd),
                         void *arg);

bool doorman_client_connected(const struct doorman_client *c); /* and a list has been received */
size_t doorman_client_num_listeners(const struct doorman_client *c);
/* The last list held every listener that the doorman was configured for. */
bool doorman_client_complete(const struct doorman_client *c);

/* Closes its copies without touching the sockets otherwise; NULL is fine. */
void doorman_client_free(struct doorman_client *c);

#endif
