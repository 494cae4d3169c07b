/*
 * A request on its way to an endpoint: route, choose, connect or reuse, send, and once more when an
 * attempt failed and the request may be repeated (retry.h). Head and body go out in one sendmsg
 * from where they were read. Responses are response.c's.
 */
#include <errno.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/retry.h"
#include "gateway/route/route.h"

/* The upstream connection of the exchange has news. */
static void on_upstream_ready(void *owner)
{
    struct conn *c = owner;

    if (c->state != CONN_DEAD)
        conn_run(c);
}

/*
 * A send failed. EPIPE: the endpoint had ended in order before. Any other error is one that the
 * socket tells once: the next read sees an end, although the endpoint may have read what was sent.
 */
static void note_deaf(struct exchange *x)
{
    x->up_reset = errno != EPIPE;
    x->up_deaf = true;
    x->up->sock.readable = true; /* what it said before, or its end, comes next */
}

/* NULL: an answer is on its way. */
static const struct table_route *find_route(struct conn *c)
{
    const struct h1_head *h = request_head(c);
    struct str host = h1_slice(c->in, h->host, h->host_len);
    char canonical[ROUTE_HOST_MAX + 1] = "*";
    const struct table_route *r = NULL;

    if (host.n > 0 && !route_host_of_request(host, canonical, NULL)) {
        reply_send(c, REPLY_BAD_HOST);
        return NULL;
    }
    if (c->proxy->table != NULL)
        r = table_match(c->proxy->table, str_from(canonical));
    if (r == NULL)
        reply_send(c, REPLY_NO_ROUTE);
    return r;
}

static void give_up(struct conn *c)
{
    static const enum reply replies[] = {
        [FAILED_NOT] = REPLY_NO_ENDPOINT,
        [FAILED_CONNECT] = REPLY_CONNECT_FAILED,
        [FAILED_CONNECT_TIMEOUT] = REPLY_CONNECT_TIMEOUT,
        [FAILED_BROKEN] = REPLY_BROKEN,
    };

    reply_send(c, replies[c->x->failure]);
}

static void send_request(struct conn *c)
{
    struct exchange *x = c->x;
    struct h1_out *out = &c->proxy->out;
    struct h1_forwarding fwd = {{c->peer, c->peer_len}, STR("http")};
    size_t n, head_bytes, body = x->body_end - x->head_len;
    int num;

    h1_write_request(out, request_head(c), c->in, &fwd);
    head_bytes = out->bytes;
    num = out->num;
    if (body > 0 && num < H1_OUT_IOV_MAX)
        out->iov[num++] = (struct iovec){c->in + x->head_len, body};
    x->up_sent_before = x->up->sent_bytes;
    x->reused = x->up->num_requests++ > 0;
    x->sent = x->head_len;
    if (sock_send(&x->up->sock, out->iov, (size_t)num, &n) == IO_FAIL) {
        note_deaf(x);
        return;
    }
    x->up->sent_bytes += n;
    if (n < head_bytes)
        conn_keep_rest(&x->to_up, out, n);
    else
        x->sent += (uint32_t)(n - head_bytes);
}

/*
 * An attempt on a new connection that came to nothing: this endpoint is not asked again. A refusal
 * takes no time, so it does not count among the attempts: many tasks may have gone at once.
 */
static void note_failure(struct conn *c, uint32_t endpoint, enum exchange_failure why)
{
    c->x->failure = (uint8_t)why;
    if (why == FAILED_CONNECT)
        c->x->attempts--;
    if (c->x->tried.num < BALANCE_TRIES)
        c->x->tried.ids[c->x->tried.num++] = endpoint;
}

static bool attempt(struct conn *c, const struct table_endpoint *ep)
{
    struct exchange *x = c->x;
    struct upstreams *ups = &c->proxy->ups;

    x->attempts++;
    if (!x->fresh_only)
        x->up = upstreams_take_idle(ups, ep->id, !x->idempotent);
    if (x->up != NULL) {
        upstream_own(x->up, on_upstream_ready, c);
        conn_enter(c, CONN_REQUEST);
        send_request(c);
        return true;
    }
    x->up = upstreams_connect(ups, ep->id);
    if (x->up == NULL) { /* not for want of descriptors: that says nothing about the endpoint */
        if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
            upstreams_suspect(ups, ep->id);
        note_failure(c, ep->id, FAILED_CONNECT);
        return false;
    }
    upstream_own(x->up, on_upstream_ready, c);
    conn_enter(c, CONN_CONNECT);
    return true;
}

void exchange_start(struct conn *c)
{
    struct proxy *p = c->proxy;

    while (c->x->attempts < RETRY_ATTEMPTS_MAX && c->x->tried.num < BALANCE_TRIES) {
        const struct table_route *r = find_route(c);
        const struct table_endpoint *ep;

        if (r == NULL)
            return;
        ep = balance_pick(p->table, r, &p->ups, &p->random, &c->x->tried);
        if (ep == NULL)
            break;
        if (attempt(c, ep))
            return;
    }
    give_up(c);
}

/* Forgets the attempt; the request itself is still whole. */
static void start_again(struct conn *c)
{
    struct exchange *x = c->x;

    metrics_add(&c->proxy->metrics->retries, 1);
    x->sent = 0;
    x->up_deaf = x->up_reset = false;
    bufpool_put(&c->proxy->loop->bufs, &c->out);
    exchange_start(c);
}

bool exchange_connect_step(struct conn *c)
{
    struct exchange *x = c->x;
    int failure = x->up->failure;
    uint32_t endpoint = x->up->endpoint;

    if (failure == 0) {
        if (x->up->state != UPSTREAM_BUSY)
            return false;
        conn_enter(c, CONN_REQUEST);
        send_request(c);
        return true;
    }
    conn_drop_upstream(c);
    note_failure(c, endpoint, failure == ETIMEDOUT ? FAILED_CONNECT_TIMEOUT : FAILED_CONNECT);
    start_again(c);
    return true;
}

void exchange_broken(struct conn *c, bool ended)
{
    struct exchange *x = c->x;
    struct retry_facts facts = {
        .attempts = x->attempts,
        .intact = x->intact,
        .answered = x->answered,
        .idempotent = x->idempotent,
        .may_be_seen = x->up->sent_bytes > x->up_sent_before &&
                       !(ended && !x->up_reset && upstream_saw_nothing(x->up, x->up_sent_before)),
    };
    uint32_t endpoint = x->up->endpoint;

    conn_drop_upstream(c);
    if (x->reused) { /* it was kept too long, which says nothing about the endpoint */
        x->failure = FAILED_BROKEN;
        x->fresh_only = true;
    } else {
        upstreams_suspect(&c->proxy->ups, endpoint);
        note_failure(c, endpoint, FAILED_BROKEN);
    }
    if (retry_allowed(&facts))
        start_again(c);
    else
        give_up(c);
}

/* Reads more of the body into the block; a full block whose bytes are all sent begins anew. */
static bool read_body(struct conn *c)
{
    struct exchange *x = c->x;
    size_t n;

    if (c->in_len == BUFPOOL_BYTES) {
        ASSERT(x->sent == c->in_len);
        c->in_len = x->head_len = x->body_end = x->sent = 0;
        x->intact = false;
        if (c->proxy->head_of == c)
            c->proxy->head_of = NULL;
    }
    switch (sock_recv(&c->sock, c->in + c->in_len, BUFPOOL_BYTES - c->in_len, &n)) {
    case IO_DONE:
        c->in_len += (uint32_t)n;
        conn_touch(c);
        upstream_be_patient(x->up); /* the body may be more than its window */
        if (request_scan_body(c))
            return true;
        if (c->state == CONN_REQUEST)
            reply_refuse(c, x->chunks->refusal);
        else
            conn_abort(c, CLOSE_BAD_BODY);
        return false;
    case IO_AGAIN:
        return true;
    case IO_EOF:
        conn_close(c, CLOSE_CLIENT_EOF_IN_BODY);
        return false;
    case IO_FAIL:
        break;
    }
    conn_close(c, CLOSE_CLIENT_RESET);
    return false;
}

/* IO_DONE: all that is here has been sent. */
static enum io send_body(struct conn *c)
{
    struct exchange *x = c->x;
    struct iovec iov = {c->in + x->sent, x->body_end - x->sent};
    enum io io = conn_flush(&x->to_up, &x->up->sock);
    size_t n;

    if (io != IO_DONE || x->sent == x->body_end)
        return io;
    if (!x->up->sock.writable)
        return IO_AGAIN;
    io = sock_send(&x->up->sock, &iov, 1, &n);
    if (io != IO_DONE)
        return io;
    x->up->sent_bytes += n;
    x->sent += (uint32_t)n;
    conn_touch(c);
    return x->sent == x->body_end ? IO_DONE : IO_AGAIN;
}

bool exchange_push(struct conn *c)
{
    struct exchange *x = c->x;

    for (int i = 0; i < CONN_ROUNDS; i++) {
        if (x->up_deaf)
            return true;
        switch (send_body(c)) {
        case IO_DONE:
            break;
        case IO_AGAIN:
            return true;
        default:
            note_deaf(x);
            return true;
        }
        if (x->request_read || !c->sock.readable)
            return true;
        if (!read_body(c))
            return false;
    }
    conn_yield(c);
    return true;
}
