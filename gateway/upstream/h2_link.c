/*
 * See h2_link.h. The connection itself is a struct upstream_conn that carries: connects, probes and
 * patience are those of any other. A link that has ended is kept until the last stream on it was
 * closed, because what came whole may still be read.
 */
#include "gateway/upstream/h2_link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gateway/core/check.h"
#include "gateway/core/obj.h"
#include "gateway/http/h2_stream.h"
#include "gateway/upstream/h2_sock.h"
#include "gateway/upstream/h2_wire.h"

enum { LINK_MAGIC = 0x0b57a303, LINK_STREAMS_MAX = 100 };

struct h2_link {
    unsigned magic;
    struct upstreams *all;
    struct upstream_conn *carrier; /* NULL: it has ended */
    struct h2_wire wire;
    struct upstream_list waiting; /* streams, for the end of the connect */
    bool takes;                   /* new streams: it is in its endpoint's list */
    bool is_running;              /* a step is under way: what streams do goes out with it */
    int64_t idle_ms;              /* since when it has no streams; 0: it has */
    struct loop_task task;
    struct loop_grave grave;
    TAILQ_ENTRY(h2_link) link;        /* the worker's */
    TAILQ_ENTRY(h2_link) at_endpoint; /* while it takes */
};

static void wake(void *arg)
{
    struct h2_link *l = arg;

    if (!l->is_running && l->carrier != NULL)
        loop_later(l->all->loop, &l->task);
}

/* ---- the virtual sockets --------------------------------------------------------------------- */

static enum io stream_send(struct sock *s, struct iovec *iov, size_t num_iov, size_t *out_n)
{
    struct upstream_conn *c = s->owner;

    if (c->over->carrier != NULL)
        return h2_sock_send(s, iov, num_iov, out_n);
    *out_n = 0;
    s->writable = false;
    errno = EPIPE;
    return IO_FAIL;
}

static void bury_when_empty(struct h2_link *l)
{
    if (l->carrier == NULL && h2_session_owned(l->wire.session) == NULL)
        loop_bury(l->all->loop, &l->grave);
}

static void stream_close(struct sock *s, bool reset)
{
    struct upstream_conn *c = s->owner;
    struct h2_link *l = c->over;

    if (c->state == UPSTREAM_CONNECTING)
        TAILQ_REMOVE(&l->waiting, c, idle_link);
    h2_sock_close(s, reset);
    bury_when_empty(l);
}

static const struct sock_ops stream_ops = {
    .recv = h2_sock_recv, .send = stream_send, .close = stream_close};

static struct upstream_conn *open_stream(struct h2_link *l, bool connected)
{
    struct upstream_conn *c = upstream_new_stream(l, l->all, l->carrier->endpoint, connected);
    struct h2_stream *st = h2_session_open(l->wire.session, c);

    sock_open_virtual(&c->sock, &stream_ops, st, NULL, c); /* told by its on_ready */
    if (!connected)
        TAILQ_INSERT_TAIL(&l->waiting, c, idle_link);
    l->idle_ms = 0;
    return c;
}

static void stop_taking(struct h2_link *l)
{
    if (!l->takes)
        return;
    l->takes = false;
    TAILQ_REMOVE(&l->all->endpoints[l->carrier->endpoint]->links, l, at_endpoint);
}

static void serve_news(struct h2_link *l)
{
    struct h2_stream *st;

    while ((st = h2_session_news(l->wire.session)) != NULL) {
        struct upstream_conn *c = h2_stream_owner(st);

        if (c->state != UPSTREAM_BUSY)
            continue;
        c->sock.readable = c->sock.readable || c->failure != 0 || h2_stream_can_read(st);
        c->sock.writable = h2_stream_can_write(st);
        if (h2_stream_is_untouched(st))
            stop_taking(l); /* whatever it was refused for, the next try is for another link */
        c->on_ready(c->owner);
    }
}

/* ---- its end --------------------------------------------------------------------------------- */

static void bury(void *dead)
{
    struct h2_link *l;

    OBJ_CAST(l, dead, LINK_MAGIC);
    h2_wire_free(&l->wire);
    OBJ_KILL(l);
}

/* What has not come whole never will. */
static void fail_streams(struct h2_link *l, int error)
{
    struct upstream_conn *c;
    struct h2_stream *st;

    while ((c = TAILQ_FIRST(&l->waiting)) != NULL)
        upstream_end_connect(c, error); /* which closes it */
    h2_session_tell_all(l->wire.session);
    while ((st = h2_session_news(l->wire.session)) != NULL) {
        c = h2_stream_owner(st);
        if (!h2_stream_is_whole(st) && !h2_stream_is_untouched(st))
            c->failure = error;
        c->sock.readable = true;
        c->on_ready(c->owner);
    }
}

/* error 0: in order, nobody is on it. */
static void end(struct h2_link *l, int error)
{
    struct upstream_conn *carrier = l->carrier;

    stop_taking(l);
    if (error == 0 && carrier->state == UPSTREAM_BUSY) {
        h2_session_goaway(l->wire.session);
        (void)h2_wire_write(&l->wire);
    }
    l->carrier = NULL;
    TAILQ_REMOVE(&l->all->links, l, link);
    loop_forget(l->all->loop, &l->task);
    upstream_close(carrier);
    if (h2_session_owned(l->wire.session) == NULL)
        loop_bury(l->all->loop, &l->grave);
    else
        fail_streams(l, error); /* the last one buries it */
}

/* ---- its life -------------------------------------------------------------------------------- */

static int read_carrier(struct h2_link *l)
{
    if (l->carrier->failure != 0)
        return l->carrier->failure;
    switch (h2_wire_read(&l->wire)) {
    case IO_EOF:
        return ECONNRESET;
    case IO_FAIL:
        return errno;
    default:
        return 0;
    }
}

/* One round of reading, serving and writing. False: it has ended. */
static bool move(struct h2_link *l)
{
    int error = 0;

    if (h2_wire_can_read(&l->wire) || l->carrier->failure != 0)
        error = read_carrier(l);
    serve_news(l);
    if (h2_wire_write(&l->wire) == IO_FAIL && error == 0)
        error = errno;
    if (error != 0)
        end(l, error);
    return error == 0;
}

static void settle(struct h2_link *l)
{
    struct h2_session *s = l->wire.session;
    bool has_streams = h2_session_num_streams(s) > 0;

    if (h2_session_is_going(s))
        stop_taking(l);
    if (h2_session_is_over(s))
        end(l, ECONNRESET);
    else if (!has_streams && !l->takes)
        end(l, 0);
    else if (has_streams)
        l->idle_ms = 0;
    else if (l->idle_ms == 0)
        l->idle_ms = loop_now_ms(l->all->loop);
}

static void step(void *arg)
{
    struct h2_link *l;
    bool more = true;

    OBJ_CAST(l, arg, LINK_MAGIC);
    if (l->carrier->state != UPSTREAM_BUSY)
        return;
    l->is_running = true;
    for (int i = 0; more && i < H2_WIRE_ROUNDS; i++) {
        if (!move(l))
            return;
        more = h2_session_has_news(l->wire.session) || h2_wire_can_read(&l->wire);
    }
    l->is_running = false;
    if (more)
        wake(l);
    settle(l);
}

static void on_carrier_ready(void *owner)
{
    struct h2_link *l;
    struct upstream_conn *c;

    OBJ_CAST(l, owner, LINK_MAGIC);
    if (l->carrier->state == UPSTREAM_CONNECTING) {
        end(l, l->carrier->failure);
        return;
    }
    while ((c = TAILQ_FIRST(&l->waiting)) != NULL) {
        TAILQ_REMOVE(&l->waiting, c, idle_link);
        upstream_end_connect(c, 0);
    }
    step(l);
}

static struct h2_link *open_link(struct upstreams *u, struct upstream_endpoint *e, uint32_t id)
{
    struct h2_link *l = xcalloc(1, sizeof *l);

    l->carrier = upstream_dial(u, e, id, true);
    if (l->carrier == NULL) {
        free(l);
        return NULL;
    }
    if (!h2_wire_init(&l->wire, u->loop, &l->carrier->sock, H2_CLIENT, LINK_STREAMS_MAX)) {
        upstream_close(l->carrier);
        free(l);
        errno = ENOMEM;
        return NULL;
    }
    l->magic = LINK_MAGIC;
    l->all = u;
    l->takes = true;
    TAILQ_INIT(&l->waiting);
    h2_session_on_wake(l->wire.session, wake, l);
    l->task = (struct loop_task){.run = step, .arg = l};
    l->grave = (struct loop_grave){.bury = bury, .dead = l};
    upstream_own(l->carrier, on_carrier_ready, l);
    TAILQ_INSERT_TAIL(&u->links, l, link);
    TAILQ_INSERT_TAIL(&e->links, l, at_endpoint);
    return l;
}

/* ---- what upstream.c asks for ---------------------------------------------------------------- */

/* Its end may wait in the socket although its event has not come yet. */
static bool has_closed(const struct h2_link *l)
{
    char byte;

    return l->carrier->sock.hung_up ||
           recv(l->carrier->sock.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

struct upstream_conn *h2_link_take(struct upstreams *u, struct upstream_endpoint *e, bool warm)
{
    struct h2_link *l;

    TAILQ_FOREACH(l, &e->links, at_endpoint)
    {
        if (l->carrier->state != UPSTREAM_BUSY || !h2_session_has_room(l->wire.session) ||
            (warm && has_closed(l)))
            continue;
        metrics_add(&u->metrics->reuses, 1);
        return open_stream(l, true);
    }
    return NULL;
}

struct upstream_conn *h2_link_connect(struct upstreams *u, struct upstream_endpoint *e, uint32_t id)
{
    struct h2_link *l;
    struct upstream_conn *c = h2_link_take(u, e, true); /* what failed on it said nothing of it */

    if (c != NULL)
        return c;
    TAILQ_FOREACH(l, &e->links, at_endpoint)
    {
        if (l->carrier->state == UPSTREAM_CONNECTING && h2_session_has_room(l->wire.session))
            return open_stream(l, false);
    }
    l = open_link(u, e, id);
    return l != NULL ? open_stream(l, false) : NULL;
}

struct upstream_conn *h2_link_carrier(const struct h2_link *l)
{
    return l->carrier;
}

void h2_links_retire(struct upstream_endpoint *e)
{
    struct h2_link *l;

    while ((l = TAILQ_FIRST(&e->links)) != NULL) {
        stop_taking(l);
        wake(l); /* it ends there, when nobody is on it */
    }
}

static int64_t idle_max(const struct h2_link *l)
{
    const struct table_pool *pool = l->all->endpoints[l->carrier->endpoint]->pool;

    return pool != NULL && pool->spec->idle_ms != 0 ? pool->spec->idle_ms : UPSTREAM_IDLE_MS;
}

void h2_links_tick(struct upstreams *u, int64_t now_ms)
{
    struct h2_link *l, *next;

    for (l = TAILQ_FIRST(&u->links); l != NULL; l = next) {
        next = TAILQ_NEXT(l, link);
        if (l->idle_ms != 0 && now_ms - l->idle_ms >= idle_max(l))
            end(l, 0);
    }
}

void h2_links_free(struct upstreams *u)
{
    struct h2_link *l;

    while ((l = TAILQ_FIRST(&u->links)) != NULL)
        end(l, ECONNABORTED);
}
