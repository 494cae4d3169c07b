/*
 * Responses: the head (interim ones are passed on), then the body under backpressure: a block is
 * read only when the one before it has been taken by the client. Framing is checked on the way; a
 * response that breaks off ends the client's connection with a reset, so that nobody takes a part
 * for the whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/proxy/bulk.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/policy.h"
#include "gateway/proxy/tunnel.h"

/*
 * Checks out[from..out_len) against the framing. Bytes beyond the end of the response are cut off
 * and cost the endpoint its connection. False: malformed.
 */
static bool scan_chunked(struct conn *c, uint32_t from)
{
    struct exchange *x = c->x;
    uint32_t to = from; /* where payload goes when it is taken apart */
    enum h1_chunk_event ev = H1_CHUNK_DATA;

    while (from < x->out_len && !x->response_read) {
        struct str in = {c->out + from, x->out_len - from}, data = {c->out, 0};
        size_t used = 0;

        if (x->take_apart)
            ev = h1_chunked_next(x->response_chunks, in, &used, &data);
        else
            ev = h1_chunked_pass(x->response_chunks, in, &used);
        if (ev == H1_CHUNK_BAD)
            return false;
        x->response_read = ev == H1_CHUNK_END;
        from += (uint32_t)used;
        if (ev == H1_CHUNK_DATA) {
            memmove(c->out + to, data.p, data.n);
            to += (uint32_t)data.n;
        }
    }
    if (from < x->out_len)
        x->up_keeps = false;
    x->out_len = x->take_apart ? to : from;
    return true;
}

static bool scan_response(struct conn *c, uint32_t from)
{
    struct exchange *x = c->x;
    uint32_t got = x->out_len - from;

    switch (x->response_framing) {
    case H1_BODY_CHUNKED:
        return scan_chunked(c, from);
    case H1_BODY_UNTIL_CLOSE:
        return true;
    case H1_BODY_LENGTH:
        if (got > x->response_left) {
            x->up_keeps = false;
            got = (uint32_t)x->response_left;
        }
        x->response_left -= got;
        x->response_read = x->response_left == 0;
        break;
    default:
        if (got > 0)
            x->up_keeps = false;
        got = 0;
        x->response_read = true;
        break;
    }
    x->out_len = from + got;
    return true;
}

/* The end of the turn has sent what was handed to sock_send_late. */
static void on_response_sent(void *arg, const struct sendq_result *r)
{
    struct conn *c = arg;

    if (r->io == IO_FAIL) {
        if (c->state == CONN_TUNNEL)
            c->x->up->failure = ECONNRESET;
        conn_close(c, CLOSE_CLIENT_RESET);
        return;
    }
    if (r->rest.n > 0)
        ASSERT(buf_add_str(&c->x->to_client, r->rest)); /* nothing was added behind it meanwhile */
    conn_run(c);
}

bool response_send_head(struct conn *c, bool with_body)
{
    struct h1_out *out = &c->proxy->out;
    struct exchange *x = c->x;
    size_t n = 0, head_bytes = out->bytes, body = with_body ? x->out_len - x->out_sent : 0;

    if (x->to_client.len == 0 && c->sock.writable) {
        int num = h1_out_with(out, c->out + x->out_sent, &body);

        /* Not without: an answer of ours may follow, and be written behind what is left of it. */
        if (with_body && sock_send_late(&c->sock, out->iov, (size_t)num, on_response_sent, c)) {
            x->out_sent += (uint32_t)body;
            return true;
        }
        if (sock_send(&c->sock, out->iov, (size_t)num, &n) == IO_FAIL) {
            conn_close(c, CLOSE_CLIENT_RESET);
            return false;
        }
    }
    if (n < head_bytes)
        conn_keep_rest(&x->to_client, out, n);
    else
        x->out_sent += (uint32_t)(n - head_bytes);
    return true;
}

/* 100 Continue, 103 Early Hints. */
static void pass_interim(struct conn *c, const struct h1_head *h)
{
    struct exchange *x = c->x;
    uint32_t rest = x->out_len - h->len;

    if (++x->num_interim > CONN_INTERIM_MAX) {
        reply_send(c, REPLY_BAD_RESPONSE);
        return;
    }
    if (x->minor > 0) {
        h1_write_response(&c->proxy->out, h, c->out, &(struct h1_passing){0});
        if (!response_send_head(c, false))
            return;
    }
    memmove(c->out, c->out + h->len, rest);
    x->out_len = rest;
    conn_touch(c);
}

/* The block of the request goes back when nothing in it is needed any more. */
static void release_in(struct conn *c)
{
    struct exchange *x = c->x;

    x->intact = false;
    if (x->request_read && x->sent == x->body_end && c->in_len == x->body_end)
        exchange_release_in(c);
}

static enum h1_connection connection_field(const struct exchange *x)
{
    if (!x->keep)
        return H1_CONN_CLOSE;
    return x->minor == 0 ? H1_CONN_KEEP_ALIVE : H1_CONN_SILENT;
}

static void begin(struct conn *c, const struct h1_head *h)
{
    struct exchange *x = c->x;

    if (exchange_retries_status(c, h->status))
        return;
    x->response_framing = (uint8_t)h1_response_framing(h, x->was_head);
    x->bodiless = x->was_head || h->status == 204 || h->status == 304;
    x->response_left = h->content_length;
    x->up_keeps = h->keep_alive && x->response_framing != H1_BODY_UNTIL_CLOSE && !x->stray_body;
    x->take_apart = x->response_framing == H1_BODY_CHUNKED && x->minor == 0;
    x->keep = x->client_keeps && !c->proxy->draining && !x->take_apart && !conn_no_more(c) &&
              x->response_framing != H1_BODY_UNTIL_CLOSE;
    if (x->response_framing == H1_BODY_CHUNKED) {
        x->response_chunks = xmalloc(sizeof *x->response_chunks);
        h1_chunked_init(x->response_chunks);
    }
    if (!scan_response(c, h->len)) {
        reply_send(c, REPLY_BAD_RESPONSE);
        return;
    }
    x->out_sent = h->len;
    account_status(c, h->status, false);
    release_in(c);
    struct h1_passing how = policy_passing(c, connection_field(x));

    h1_write_response(&c->proxy->out, h, c->out, &how);
    if (!x->bodiless)
        exchange_keep_trailers(&c->sock, &x->up->sock);
    conn_enter(c, CONN_RESPONSE);
    (void)response_send_head(c, true); /* false: closed, which the next step sees */
}

static void take_head(struct conn *c)
{
    struct exchange *x = c->x;
    struct h1_head *h = x->partial != NULL ? x->partial : &c->proxy->response;

    if (x->partial == NULL)
        h1_head_init(h, H1_RESPONSE);
    switch (h1_head_parse(h, c->out, x->out_len)) {
    case H1_MORE:
        if (x->out_len == BUFPOOL_BYTES) {
            reply_send(c, REPLY_BAD_RESPONSE);
        } else if (x->partial == NULL) {
            x->partial = xmalloc(sizeof *x->partial);
            *x->partial = *h;
        }
        return;
    case H1_REFUSED:
        reply_send(c, REPLY_BAD_RESPONSE);
        return;
    case H1_DONE:
        break;
    }
    if (x->partial != NULL) {
        c->proxy->response = *x->partial;
        free(x->partial);
        x->partial = NULL;
        h = &c->proxy->response;
    }
    if (h->status == 101 || h->status >= 200)
        exchange_note_status(c, h->status);
    if (h->status == 101) {
        tunnel_begin(c, h);
    } else if (h->status < 200) {
        pass_interim(c, h);
        if (c->state == CONN_REQUEST && x->out_len > 0)
            take_head(c); /* at most CONN_INTERIM_MAX deep */
    } else {
        begin(c, h);
    }
}

/* It was handed over just now, and neither side has said a word. */
static bool nothing_to_do(const struct conn *c)
{
    const struct sock *up = &c->x->up->sock;

    return up->waits && !up->readable && !c->sock.readable && c->x->to_client.len == 0;
}

bool response_head_step(struct conn *c)
{
    struct exchange *x = c->x;
    size_t n;

    if (nothing_to_do(c))
        return false;
    if (conn_flush(&x->to_client, &c->sock) == IO_FAIL) {
        conn_close(c, CLOSE_CLIENT_RESET);
        return false;
    }
    if (!exchange_push(c))
        return true;
    conn_watch_client(c);
    /* Interim responses that the client has not taken: the endpoint waits, they are not heaped up.
     */
    if (c->state != CONN_REQUEST || !x->up->sock.readable || x->to_client.len > 0)
        return false;
    if (c->out == NULL)
        c->out = bufpool_get(&c->proxy->loop->bufs);
    switch (upstream_recv(x->up, c->out + x->out_len, BUFPOOL_BYTES - x->out_len, &n)) {
    case IO_DONE:
        x->answered = true;
        account_answered(c);
        if (upstreams_rule(&c->proxy->ups, x->up->endpoint) == NULL) /* else the status says it */
            upstreams_note(&c->proxy->ups, x->up->endpoint, &x->ticket, EJECT_ANSWERED);
        x->out_len += (uint32_t)n;
        take_head(c);
        return true;
    case IO_AGAIN:
        return false;
    case IO_EOF:
        exchange_broken(c, 0);
        return true;
    case IO_FAIL:
        break;
    }
    exchange_broken(c, errno);
    return true;
}

static bool finish(struct conn *c)
{
    struct exchange *x = c->x;
    bool all_sent = exchange_all_sent(x) && !x->up_deaf;

    metrics_add(&c->proxy->metrics->responses, 1);
    x->up->bodiless = x->bodiless;
    if (x->up_keeps && all_sent)
        upstream_release(x->up);
    else
        upstream_close(x->up);
    x->up = NULL;
    buf_free(&x->to_up);
    return conn_next(c, x->keep, CLOSE_DONE);
}

enum io response_send(struct conn *c)
{
    struct exchange *x = c->x;
    enum io io = conn_flush(&x->to_client, &c->sock);
    struct iovec iov;
    size_t n;

    if (io != IO_DONE)
        return io;
    if (x->out_sent == x->out_len) /* then the block may have been given back */
        return x->pipe_to_client != NULL ? bulk_flush_response(c) : IO_DONE;
    if (!c->sock.writable)
        return IO_AGAIN;
    iov = (struct iovec){c->out + x->out_sent, x->out_len - x->out_sent};
    if (sock_send_late(&c->sock, &iov, 1, on_response_sent, c)) {
        x->out_sent = x->out_len;
        conn_touch(c);
        return IO_AGAIN;
    }
    io = sock_send(&c->sock, &iov, 1, &n);
    if (io != IO_DONE)
        return io;
    x->out_sent += (uint32_t)n;
    conn_touch(c);
    return x->out_sent == x->out_len ? IO_DONE : IO_AGAIN;
}

/* Into a pipe or the block. */
static enum io read_some(struct conn *c)
{
    struct exchange *x = c->x;
    enum io io;
    size_t n;

    x->out_sent = x->out_len = 0;
    if (bulk_read_response(c, &io))
        return io;
    if (c->out == NULL)
        c->out = bufpool_get(&c->proxy->loop->bufs);
    io = upstream_recv(x->up, c->out, BUFPOOL_BYTES, &n);
    x->out_len = (uint32_t)n;
    bulk_note_block(x, n);
    return io;
}

/* False: nothing came, or the connection is gone. */
static bool read_response(struct conn *c)
{
    struct exchange *x = c->x;
    enum io io;

    if (!x->up->sock.readable)
        return false;
    io = read_some(c);
    if (io == IO_AGAIN)
        return false;
    if (io == IO_DONE) {
        conn_touch(c);
        if (scan_response(c, 0)) {
            return true;
        }
        conn_abort(c, CLOSE_RESPONSE_BAD);
    } else if (io == IO_EOF && x->response_framing == H1_BODY_UNTIL_CLOSE) {
        x->response_read = true;
        return true;
    } else {
        exchange_note_silence(c, io == IO_FAIL ? errno : 0);
        conn_abort(c, CLOSE_RESPONSE_BROKEN);
    }
    return false;
}

bool response_body_step(struct conn *c)
{
    struct exchange *x = c->x;
    int rounds = CONN_ROUNDS;

    if (c->sock.waits) /* on_response_sent comes back */
        return false;
    if (!exchange_all_sent(x) && !exchange_push(c))
        return false;
    for (; rounds > 0; rounds -= x->response_bulk ? BULK_ROUNDS : 1) {
        enum io io = response_send(c);

        if (io == IO_FAIL) {
            conn_close(c, CLOSE_CLIENT_RESET);
            return false;
        }
        if (io == IO_AGAIN)
            break;
        if (x->response_read)
            return finish(c);
        if (!read_response(c)) {
            if (c->state == CONN_RESPONSE && x->out_sent == x->out_len)
                bufpool_put(&c->proxy->loop->bufs, &c->out);
            break;
        }
    }
    if (rounds <= 0)
        conn_yield(c);
    conn_watch_client(c);
    return false;
}
