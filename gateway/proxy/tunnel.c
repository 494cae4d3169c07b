/*
 * Tunnels: after a 101 whatever one side says is relayed to the other, a block at a time in each
 * direction. The next block is read when the one before it has been taken; a direction in which
 * nothing is under way holds no block. Either side may end alone: that is passed on, and the tunnel
 * ends with the second one.
 */
#include "gateway/proxy/tunnel.h"

#include <errno.h>

#include "gateway/core/check.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/policy.h"
#include "gateway/proxy/websocket.h"

void tunnel_begin(struct conn *c, const struct h1_head *h)
{
    struct exchange *x = c->x;

    if (!x->upgrade || !h->has_upgrade) { /* nobody asked for it, or it does not say for what */
        reply_send(c, REPLY_BAD_RESPONSE);
        return;
    }
    metrics_add(&c->proxy->metrics->tunnels, 1);
    account_status(c, h->status, true);
    x->intact = false;
    x->out_sent = h->len;
    if (c->proxy->head_of == c)
        c->proxy->head_of = NULL;
    upstream_carries_tunnel(x->up);
    websocket_begin(c, h);
    struct h1_passing how = policy_passing(c, H1_CONN_UPGRADE);

    h1_write_response(&c->proxy->out, h, c->out, &how);
    conn_enter(c, CONN_TUNNEL);
    (void)response_send_head(c, true); /* false: closed, which the next step sees */
}

/* The endpoint is to see a reset as well: no end in order has come. */
static void client_is_gone(struct conn *c)
{
    c->x->up->failure = ECONNRESET;
    conn_close(c, CLOSE_CLIENT_RESET);
}

/* Nothing of the client is under way: its block goes back, its end goes on. */
static void rest_to_endpoint(struct conn *c)
{
    struct exchange *x = c->x;

    c->in_len = x->head_len = x->body_end = x->sent = 0;
    bufpool_put(&c->proxy->loop->bufs, &c->in);
    if (!c->client_eof || x->up_shut)
        return;
    x->up_shut = true;
    if (!x->up_deaf && !sock_shutdown(&x->up->sock))
        x->up_deaf = true; /* it has reset the connection, which the next read tells */
}

static void rest_to_client(struct conn *c)
{
    struct exchange *x = c->x;

    x->out_len = x->out_sent = 0;
    bufpool_put(&c->proxy->loop->bufs, &c->out);
    if (!x->response_read || x->client_shut)
        return;
    x->client_shut = true;
    if (!sock_shutdown(&c->sock))
        client_is_gone(c);
}

/* True: a block came. */
static bool read_client(struct conn *c)
{
    size_t n;

    if (c->client_eof || !c->sock.readable)
        return false;
    if (c->in == NULL)
        c->in = bufpool_get(&c->proxy->loop->bufs);
    switch (sock_recv(&c->sock, c->in, BUFPOOL_BYTES, &n)) {
    case IO_DONE:
        c->in_len = websocket_from_client(c, c->in, (uint32_t)n);
        c->x->sent = 0;
        conn_touch(c);
        return true;
    case IO_AGAIN:
        return false;
    case IO_EOF:
        c->client_eof = true;
        c->sock.readable = false;
        return false;
    case IO_FAIL:
        break;
    }
    client_is_gone(c);
    return false;
}

static bool read_endpoint(struct conn *c)
{
    struct exchange *x = c->x;
    size_t n;

    if (x->response_read || !x->up->sock.readable)
        return false;
    if (c->out == NULL)
        c->out = bufpool_get(&c->proxy->loop->bufs);
    switch (upstream_recv(x->up, c->out, BUFPOOL_BYTES, &n)) {
    case IO_DONE:
        x->out_len = websocket_from_endpoint(c, c->out, (uint32_t)n);
        x->out_sent = 0;
        conn_touch(c);
        return true;
    case IO_AGAIN:
        return false;
    case IO_EOF:
        if (x->up_error == 0) {
            x->response_read = true;
            return false;
        }
        break; /* the error was told to a write before */
    case IO_FAIL:
        break;
    }
    conn_abort(c, CLOSE_TUNNEL_BROKEN);
    return false;
}

/* The endpoint takes no more: what the client says is lost, what it said before is still read. */
static void go_deaf(struct exchange *x)
{
    x->up_error = errno != EPIPE ? errno : 0;
    x->up_deaf = true;
    if (!x->response_read)
        x->up->sock.readable = true;
}

/* True: it could go on at once. */
static bool relay_to_endpoint(struct conn *c)
{
    struct exchange *x = c->x;

    for (int i = 0; i < CONN_ROUNDS; i++) {
        enum io io = x->up_deaf ? IO_DONE : exchange_send(c, c->in_len);

        if (io == IO_AGAIN)
            return false;
        if (io != IO_DONE)
            go_deaf(x);
        if (websocket_tells_endpoint(c))
            continue;
        if (!read_client(c)) {
            if (c->state == CONN_TUNNEL)
                rest_to_endpoint(c);
            return false;
        }
        if (!x->up_deaf)
            upstream_be_patient(x->up);
    }
    return true;
}

static bool relay_to_client(struct conn *c)
{
    for (int i = 0; i < CONN_ROUNDS; i++) {
        enum io io = response_send(c);

        if (io == IO_AGAIN)
            return false;
        if (io != IO_DONE) {
            client_is_gone(c);
            return false;
        }
        if (websocket_tells_client(c))
            continue;
        if (!read_endpoint(c)) {
            if (c->state == CONN_TUNNEL)
                rest_to_client(c);
            return false;
        }
    }
    return true;
}

bool tunnel_step(struct conn *c)
{
    bool more = relay_to_endpoint(c);

    if (c->state != CONN_TUNNEL)
        return false;
    if (relay_to_client(c) || more)
        conn_yield(c);
    if (c->state == CONN_TUNNEL && c->x->up_shut && c->x->client_shut)
        conn_close(c, CLOSE_TUNNEL_DONE);
    if (c->state == CONN_TUNNEL && websocket_is_over(c))
        conn_close(c, CLOSE_DRAIN);
    return false;
}
