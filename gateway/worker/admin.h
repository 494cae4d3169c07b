/* /livez, /readyz, /metrics and /debug/connections of the proxy, by evhttp on the hub's loop. */
#ifndef GATEWAY_WORKER_ADMIN_H
#define GATEWAY_WORKER_ADMIN_H

#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct admin;
struct collect_request;
struct collection;
struct event_base;
struct frames_status;

struct admin_ops {
    /* NULL: ready; else one sentence that says what is missing. */
    const char *(*why_not_ready)(void *arg);
    bool (*write_metrics)(void *arg, struct buf *b);
    const struct frames_status *(*status)(void *arg); /* of the follower */
    struct collection *(*collect)(void *arg, const struct collect_request *rq); /* collect.h */
    void *arg;
};

/* Takes the listening descriptor. NULL with *e. */
struct admin *admin_new(struct event_base *base, int fd, const struct admin_ops *ops,
                        struct err *e);
void admin_free(struct admin *a); /* NULL is fine */

#endif
