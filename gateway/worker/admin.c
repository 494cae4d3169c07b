/*
 * The admin listener of a gateway. Read-only and without authentication, for the loopback: it tells
 * liveness, readiness and numbers, and of connections their addresses, hosts and routes, nothing of
 * what was said on them (SECURITY.md). Rarely asked, so a library does the HTTP.
 */
#include "gateway/worker/admin.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/proxy/describe.h"
#include "gateway/worker/collect.h"
#include "gateway/worker/frames.h"
#include "gateway/worker/worker.h"

enum {
    ADMIN_MAGIC = 0x0ad31001,
    INQUIRY_MAGIC = 0x0ad31002,
    ADMIN_HEAD_MAX = 8192,
    ADMIN_BODY_MAX = 1024,
    ADMIN_READY_MAX = 4096,
    ADMIN_TIMEOUT_S = 10,
    ADMIN_PAUSE_MS = 100,
    ADMIN_METRICS_MAX = 16 << 20,
    ADMIN_DEBUG_DEADLINE_MS = 500,
    ADMIN_DEBUG_PART_MAX = 1 << 20, /* bytes from one worker */
    ADMIN_DEBUG_LIMIT = 100,
    ADMIN_DEBUG_LIMIT_MAX = 1000,
    ADMIN_INQUIRIES_MAX = 4 /* at a time */
};

/* Somebody waits for /debug/connections. */
struct inquiry {
    unsigned magic;
    struct admin *admin;
    struct evhttp_request *rq;
    struct collection *collection;
    size_t limit;
};

struct admin {
    unsigned magic;
    struct evhttp *http;
    struct admin_ops ops;
    size_t num_inquiries;
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

/* An old table is served all the same: that it is old, or kept nowhere, is said and no more. */
static void reply_ready(const struct admin *a, struct evhttp_request *rq)
{
    const struct frames_status *s = a->ops.status(a->ops.arg);
    int64_t age_ms = s->age_ms + clock_mono_ms() - s->heard_ms;
    struct buf b;
    bool ok;

    buf_init(&b, ADMIN_READY_MAX);
    ok = buf_add_str(&b, STR("ready"));
    if (s->stale)
        ok = ok && buf_add_fmt(&b, "; the table is %lld s old: the coordinator is not heard from",
                               (long long)(age_ms / 1000));
    if (s->complaint[0] != '\0')
        ok = ok && buf_add_fmt(&b, "; %s", s->complaint);
    ASSERT(ok && buf_add_str(&b, STR("\n"))); /* a complaint is shorter */
    reply(rq, HTTP_OK, "text/plain", buf_str(&b));
    buf_free(&b);
}

static void on_readyz(struct evhttp_request *rq, void *arg)
{
    struct admin *a;
    const char *why;

    OBJ_CAST(a, arg, ADMIN_MAGIC);
    why = a->ops.why_not_ready(a->ops.arg);
    if (why == NULL) {
        reply_ready(a, rq);
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

/* ---- /debug/connections ---------------------------------------------------------------------- */

static struct str first_line(struct str *rest)
{
    struct str line = {0};

    return rest->n > 0 && str_split(rest, '\n', &line) ? line : (struct str){0};
}

/* How many lines of each worker are shown: as many of one as of the other while both have some. */
static void share_out(struct str *const rest, size_t num, size_t limit, struct buf *out, bool *fits)
{
    bool first = true, any = true;

    while (any && *fits) {
        any = false;
        for (size_t i = 0; i < num && limit > 0 && *fits; i++) {
            struct str line = first_line(&rest[i]);

            if (line.n == 0)
                continue;
            *fits = (first || buf_add_str(out, STR(",\n"))) && buf_add_str(out, line);
            first = false;
            any = true;
            limit--;
        }
    }
}

static size_t count_lines(struct str s)
{
    size_t num = 0;

    while (first_line(&s).n > 0)
        num++;
    return num;
}

static bool write_answer(struct buf *out, const struct collected *parts, size_t num, size_t limit)
{
    struct str rest[WORKERS_MAX];
    size_t left_out = 0, silent = 0;
    bool fits = buf_add_str(out, STR("{\"workers\":[")), first = true, cut = false;

    for (size_t i = 0; i < num; i++) {
        struct str head;

        rest[i] = buf_str(&parts[i].text);
        head = first_line(&rest[i]);
        silent += parts[i].answered ? 0 : 1;
        cut = cut || (parts[i].answered && !parts[i].whole);
        if (head.n == 0)
            continue;
        fits = fits && (first || buf_add_str(out, STR(",\n"))) && buf_add_str(out, head);
        first = false;
    }
    fits = fits && buf_add_str(out, STR("],\n\"connections\":[\n"));
    share_out(rest, num, limit, out, &fits);
    for (size_t i = 0; i < num; i++)
        left_out += count_lines(rest[i]);
    return fits && buf_add_fmt(out, "],\n\"limit\":%zu,\"more\":%s,\"silent_workers\":%zu}\n",
                               limit, left_out > 0 || cut ? "true" : "false", silent);
}

static void end_inquiry(struct inquiry *q)
{
    q->admin->num_inquiries--;
    OBJ_KILL(q);
}

static void on_collected(void *arg, const struct collected *parts, size_t num)
{
    struct inquiry *q;
    struct evhttp_request *rq;
    struct buf b;

    OBJ_CAST(q, arg, INQUIRY_MAGIC);
    rq = q->rq;
    evhttp_connection_set_closecb(evhttp_request_get_connection(rq), NULL, NULL);
    buf_init(&b, (size_t)ADMIN_DEBUG_PART_MAX * (num + 1));
    if (write_answer(&b, parts, num, q->limit))
        reply(rq, HTTP_OK, "application/json", buf_str(&b));
    else
        evhttp_send_error(rq, HTTP_INTERNAL, "the connections do not fit");
    buf_free(&b);
    end_inquiry(q);
}

/* Who asked has gone. libevent frees the request, unless it has taken it off the connection. */
static void on_asker_gone(struct evhttp_connection *conn, void *arg)
{
    (void)conn;
    struct inquiry *q;

    OBJ_CAST(q, arg, INQUIRY_MAGIC);
    collect_cancel(q->collection);
    if (evhttp_request_get_connection(q->rq) == NULL)
        evhttp_request_free(q->rq);
    end_inquiry(q);
}

static bool write_connections(struct proxy *p, size_t worker, const struct collect_request *rq,
                              struct buf *out)
{
    /* One more than is shown says that there are more. */
    return describe_connections(p, worker, rq->which, rq->limit + 1, out);
}

/* False: answered. */
static bool read_query(struct evhttp_request *rq, struct collect_request *out)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(rq));
    struct str rest = str_from(query), part, name, value;
    uint64_t limit = ADMIN_DEBUG_LIMIT;
    bool ok = true;

    out->which = DESCRIBE_ALL;
    while (ok && rest.n > 0 && str_split(&rest, '&', &part)) {
        value = part;
        if (!str_split(&value, '=', &name) || value.p == NULL)
            ok = false;
        else if (str_eq(name, STR("limit")))
            ok = str_to_u64(value, ADMIN_DEBUG_LIMIT_MAX, &limit) && limit > 0;
        else
            ok = str_eq(name, STR("state")) && describe_state(value, &out->which);
    }
    out->limit = (size_t)limit;
    if (!ok)
        evhttp_send_error(rq, HTTP_BADREQUEST,
                          "limit is a number from 1 to 1000, state a state of connections");
    return ok;
}

static void on_connections(struct evhttp_request *rq, void *arg)
{
    struct collect_request ask = {.write = write_connections,
                                  .done = on_collected,
                                  .deadline_ms = ADMIN_DEBUG_DEADLINE_MS,
                                  .max_bytes = ADMIN_DEBUG_PART_MAX};
    struct inquiry *q;
    struct admin *a;

    OBJ_CAST(a, arg, ADMIN_MAGIC);
    if (!read_query(rq, &ask))
        return;
    if (a->num_inquiries == ADMIN_INQUIRIES_MAX) {
        evhttp_send_error(rq, HTTP_SERVUNAVAIL, "others are asking: try again");
        return;
    }
    q = xcalloc(1, sizeof *q);
    q->magic = INQUIRY_MAGIC;
    q->admin = a;
    q->rq = rq;
    q->limit = ask.limit;
    a->num_inquiries++;
    ask.arg = q;
    evhttp_connection_set_closecb(evhttp_request_get_connection(rq), on_asker_gone, q);
    q->collection = a->ops.collect(a->ops.arg, &ask);
}

/* ---- the listener ---------------------------------------------------------------------------- */

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
    ASSERT(evhttp_set_cb(a->http, "/debug/connections", on_connections, a) == 0);
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
