/*
 * A client that speaks HTTP/2: its connection stays a struct conn, in the states H2 and H2_IDLE,
 * and moves bytes between its socket and the session (http/h2_session.h). Each stream becomes a
 * struct conn with a virtual socket, which goes the way of any request; this file only carries.
 * While the client does not read, nothing more is read from it.
 *
 * What streams write between turns goes out together: they ask for a step of their carrier, which
 * the loop gives it once, at the end of the turn.
 */
#include "gateway/proxy/h2_client.h"

#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/http/h2_stream.h"
#include "gateway/table/table.h"
#include "gateway/upstream/h2_sock.h"
#include "gateway/upstream/h2_wire.h"

struct h2_client {
    struct h2_wire wire;
    int64_t noticed_ms; /* when it was told of the drain; 0: it was not */
    bool last_word;     /* the final GOAWAY was said */
    bool is_running;    /* a step is under way: what streams do goes out with it */
};

/* ---- streams --------------------------------------------------------------------------------- */

static void wake(void *arg)
{
    struct conn *carrier = arg;

    if (carrier->h2 != NULL && !carrier->h2->is_running)
        conn_yield(carrier);
}

static const struct sock_ops stream_ops = {
    .recv = h2_sock_recv, .send = h2_sock_send, .close = h2_sock_close};

static void open_stream(struct conn *carrier, struct h2_stream *st)
{
    struct conn *c = conn_new_stream(carrier, &stream_ops, st);

    metrics_add(&c->proxy->metrics->h2_streams, 1);
    h2_stream_own(st, c);
    c->sock.readable = h2_stream_can_read(st);
    if (h2_stream_is_too_large(st))
        reply_refuse(c, H1_HEAD_TOO_LARGE);
    conn_run(c);
}

static void tell_stream(struct h2_stream *st)
{
    struct conn *c = h2_stream_owner(st);

    if (h2_stream_is_broken(st)) {
        conn_close(c, CLOSE_CLIENT_RESET);
        return;
    }
    c->sock.readable = c->sock.readable || h2_stream_can_read(st);
    c->sock.writable = h2_stream_can_write(st);
    conn_run(c);
}

static void serve_news(struct conn *c)
{
    struct h2_stream *st;

    while ((st = h2_session_news(c->h2->wire.session)) != NULL) {
        if (h2_stream_is_new(st))
            open_stream(c, st);
        else
            tell_stream(st);
    }
}

/* ---- the connection -------------------------------------------------------------------------- */

static enum close_reason end_reason(const struct conn *c)
{
    switch (h2_session_end(c->h2->wire.session)) {
    case H2_END_ERROR:
        return CLOSE_H2_ERROR;
    case H2_END_FLOOD:
        return CLOSE_H2_FLOOD;
    case H2_END_IN_ORDER:
        break;
    }
    return c->proxy->draining ? CLOSE_DRAIN : CLOSE_CLIENT_EOF;
}

/* Nothing more is to be said: the client has time to read it (RFC 9113 section 5.4.1). */
static void leave(struct conn *c, enum close_reason why)
{
    if (c->client_eof || !sock_shutdown(&c->sock)) {
        conn_close(c, why);
        return;
    }
    h2_client_free(c, why);
    c->end_reason = why;
    conn_enter(c, CONN_LINGER);
}

/* After a step: the state it is in now, or its end. */
static void settle(struct conn *c)
{
    bool has_streams = h2_session_num_streams(c->h2->wire.session) > 0;

    if (h2_session_is_over(c->h2->wire.session) || (c->client_eof && !has_streams))
        leave(c, end_reason(c));
    else if (has_streams != (c->state == CONN_H2))
        conn_enter(c, has_streams ? CONN_H2 : CONN_H2_IDLE);
}

/* False: nothing more will come. */
static bool read_client(struct conn *c)
{
    enum io io = h2_wire_read(&c->h2->wire);

    if (io == IO_EOF) { /* it may still want what is under way */
        h2_session_feed_end(c->h2->wire.session);
        c->client_eof = true;
        c->sock.readable = false;
    }
    return io != IO_FAIL;
}

/* One round of reading, serving and writing. False: the connection has ended. */
static bool move(struct conn *c)
{
    bool ok = !h2_wire_can_read(&c->h2->wire) || read_client(c);
    enum io io;

    serve_news(c);
    io = h2_wire_write(&c->h2->wire);
    if (io == IO_FAIL || (!ok && h2_session_end(c->h2->wire.session) == H2_END_IN_ORDER)) {
        conn_close(c, CLOSE_CLIENT_RESET);
        return false;
    }
    if (!ok) {
        leave(c, end_reason(c));
        return false;
    }
    return true;
}

static bool has_more(struct conn *c)
{
    return h2_session_has_news(c->h2->wire.session) || h2_wire_can_read(&c->h2->wire);
}

bool h2_client_step(struct conn *c)
{
    bool more = true;

    c->h2->is_running = true;
    for (int i = 0; more && i < H2_WIRE_ROUNDS; i++) {
        if (!move(c))
            return false;
        more = has_more(c);
    }
    c->h2->is_running = false;
    if (more)
        conn_yield(c);
    settle(c);
    return false;
}

bool h2_client_begin(struct conn *c)
{
    struct proxy *p = c->proxy;
    uint32_t max = p->table != NULL ? table_settings(p->table)->h2_streams : 0;
    struct h2_client *h2 = xcalloc(1, sizeof *h2);
    bool ok;

    metrics_add(&p->metrics->h2_connections, 1);
    if (!h2_wire_init(&h2->wire, p->loop, &c->sock, H2_SERVER,
                      max != 0 ? max : H2_STREAMS_DEFAULT)) { /* no memory */
        free(h2);
        conn_close(c, CLOSE_SHED);
        return false;
    }
    c->h2 = h2;
    h2_session_on_wake(h2->wire.session, wake, c);
    conn_enter(c, CONN_H2_IDLE);
    ok = h2_wire_feed(&h2->wire, c->in, c->in_len);
    bufpool_put(&p->loop->bufs, &c->in);
    c->in_len = 0;
    if (p->draining)
        h2_client_drain(c);
    if (!ok) {
        (void)h2_wire_write(&h2->wire); /* what it says is the last */
        leave(c, end_reason(c));
    }
    return ok;
}

void h2_client_free(struct conn *c, enum close_reason why)
{
    struct h2_client *h2 = c->h2;
    struct h2_stream *st;

    if (h2 == NULL)
        return;
    while ((st = h2_session_owned(h2->wire.session)) != NULL)
        conn_abort(h2_stream_owner(st), why);
    c->h2 = NULL;
    h2_wire_free(&h2->wire);
    free(h2);
}

void h2_client_end(struct conn *c, enum close_reason why)
{
    h2_session_goaway(c->h2->wire.session);
    if (h2_wire_write(&c->h2->wire) == IO_DONE)
        leave(c, why);
    else
        conn_close(c, why);
}

void h2_client_finish(struct conn *c)
{
    h2_session_goaway(c->h2->wire.session);
    wake(c);
}

void h2_client_drain(struct conn *c)
{
    h2_session_notice(c->h2->wire.session);
    c->since_ms = c->h2->noticed_ms = loop_now_ms(c->proxy->loop);
    conn_yield(c);
}

static void tick_one(struct conn *c, int64_t now_ms)
{
    struct h2_client *h2 = c->h2;

    if (h2->wire.blocked_ms != 0 && now_ms - h2->wire.blocked_ms >= CONN_BODY_IDLE_MS) {
        conn_abort(c, CLOSE_CLIENT_SLOW);
        return;
    }
    h2_session_tick(h2->wire.session, now_ms, CONN_BODY_IDLE_MS, rate_longest_ms(c->proxy));
    if (h2->noticed_ms != 0 && !h2->last_word && now_ms - h2->noticed_ms >= CONN_DRAIN_IDLE_MS) {
        h2->last_word = true;
        h2_session_goaway(h2->wire.session);
    }
    conn_yield(c);
}

void h2_client_tick(struct proxy *p, int64_t now_ms)
{
    struct conn *next;

    for (struct conn *c = TAILQ_FIRST(&p->conns[CONN_H2]); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link); /* its streams are in other lists */
        tick_one(c, now_ms);
    }
}
