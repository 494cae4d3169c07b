/*
 * The admin listener of a gateway. Read-only and without authentication: it tells liveness,
 * readiness and counters, nothing about requests. Rarely asked, so a library does the HTTP.
 */
#include "gateway/worker/admin.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"

enum {
    ADMIN_MAGIC = 0x0ad31001,
    ADMIN_HEAD_MAX = 8192,
    ADMIN_BODY_MAX = 1024,
    ADMIN_TIMEOUT_S = 10,
    ADMIN_PAUSE_MS = 100,
    ADMIN_METRICS_MAX = 1 << 20
};

struct admin {
    unsigned magic;
    struct evhttp *http;
    struct admin_ops ops;
};

static void reply(struct evhttp_request *rq, int status, const char *type, struct str body)
{
    struct evbuffer *b = evbuffer_new();

    if (b == NULL || evbuffer_add(b, body.p, body.n) != 0 ||
        evhttp_add_header(evhttp_request_get_output_headers(rq), "Content-Type", type) != 0)
        evhttp_send_error(rq, HTTP_INTERNAL, "out of memory");
    else
        evhttp_send_reply(rq, status, NULL, b);
    if (b != NULL)
        evbuffer_free(b);
}

static void on_livez(struct evhttp_request *rq, void *arg)
{
    (void)arg;
    reply(rq, HTTP_OK, "text/plain", STR("alive\n"));
}

static void on_readyz(struct evhttp_request *rq, void *arg)
{
    struct admin *a;
    const char *why;

    OBJ_CAST(a, arg, ADMIN_MAGIC);
    why = a->ops.why_not_ready(a->ops.arg);
    if (why == NULL) {
        reply(rq, HTTP_OK, "text/plain", STR("ready\n"));
    } else {
        char *line = xasprintf("%s\n", why);

        reply(rq, HTTP_SERVUNAVAIL, "text/plain", str_from(line));
        free(line);
    }
}

static void on_metrics(struct evhttp_request *rq, void *arg)
{
    struct admin *a;
    struct buf b;

    OBJ_CAST(a, arg, ADMIN_MAGIC);
    buf_init(&b, ADMIN_METRICS_MAX);
    if (a->ops.write_metrics(a->ops.arg, &b))
        reply(rq, HTTP_OK, "text/plain; version=0.0.4", buf_str(&b));
    else
        evhttp_send_error(rq, HTTP_INTERNAL, "the metrics do not fit");
    buf_free(&b);
}

static void accept_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)evconnlistener_enable(arg); /* of what was enabled before; else the port stays deaf */
}

/* Out of descriptors: asked again at once, the listener would spin. */
static void on_accept_failed(struct evconnlistener *l, void *arg)
{
    (void)arg;
    struct timeval pause = {.tv_usec = ADMIN_PAUSE_MS * 1000};

    if (event_base_once(evconnlistener_get_base(l), -1, EV_TIMEOUT, accept_again, l, &pause) == 0 &&
        evconnlistener_disable(l) != 0)
        log_error("the admin listener cannot be paused");
}

struct admin *admin_new(struct event_base *base, int fd, const struct admin_ops *ops, struct err *e)
{
    struct admin *a = xcalloc(1, sizeof *a);
    struct evhttp_bound_socket *bound;

    a->magic = ADMIN_MAGIC;
    a->ops = *ops;
    a->http = evhttp_new(base);
    ASSERT(a->http != NULL);
    evhttp_set_allowed_methods(a->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(a->http, ADMIN_HEAD_MAX);
    evhttp_set_max_body_size(a->http, ADMIN_BODY_MAX);
    evhttp_set_timeout(a->http, ADMIN_TIMEOUT_S);
    ASSERT(evhttp_set_cb(a->http, "/livez", on_livez, a) == 0);
    ASSERT(evhttp_set_cb(a->http, "/readyz", on_readyz, a) == 0);
    ASSERT(evhttp_set_cb(a->http, "/metrics", on_metrics, a) == 0);
    bound = fd_set_nonblock(fd, true) ? evhttp_accept_socket_with_handle(a->http, fd) : NULL;
    if (bound == NULL) {
        fd_close(&fd);
        admin_free(a);
        err_set_errno(e, "NoAdmin", "--admin", "the admin listener cannot be served");
        return NULL;
    }
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_failed);
    return a;
}

void admin_free(struct admin *a)
{
    if (a == NULL)
        return;
    evhttp_free(a->http);
    OBJ_KILL(a);
}
