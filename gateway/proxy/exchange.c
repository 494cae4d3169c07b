/*
 * A request on its way to an endpoint: route, choose, connect or reuse, send, and once more when an
 * attempt failed and the request may be repeated (retry.h). Head and body go out in one sendmsg
 * from where they were read. Responses are response.c's.
 */
#include "gateway/proxy/exchange.h"

#include <errno.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/h2_stream.h"
#include "gateway/proxy/bulk.h"
#include "gateway/proxy/conn.h"
#include "gateway/proxy/deadline.h"
#include "gateway/proxy/policy.h"
#include "gateway/proxy/retry.h"
#include "gateway/route/path.h"
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
    x->up_error = errno != EPIPE ? errno : 0;
    x->up_deaf = true;
    x->up->sock.readable = true; /* what it said before, or its end, comes next */
}

static uint64_t body_limit(const struct proxy *p, const struct route *r)
{
    int64_t bytes = r->limits != NULL && r->limits->body_bytes >= 0
                        ? r->limits->body_bytes
                        : table_settings(p->table)->body_bytes;

    return bytes >= 0 ? (uint64_t)bytes : UINT64_MAX;
}

/* Is the body one that the route takes? False: 413 is on its way. */
static bool take_body(struct conn *c)
{
    c->x->body_max = body_limit(c->proxy, c->x->route->route);
    if (!request_is_too_large(c))
        return true;
    reply_send(c, REPLY_BODY_TOO_LARGE);
    return false;
}

/* Sets x->route. False: an answer is on its way. */
static bool find_route(struct conn *c)
{
    static const enum reply misses[] = {
        [TABLE_MISS_HOST] = REPLY_NO_ROUTE,
        [TABLE_MISS_PATH] = REPLY_NO_PATH,
    };
    struct exchange *x = c->x;
    const struct table_host *host;
    struct route_request q;
    enum table_miss why;

    request_view(c, &q);
    if (!request_host(c, &host)) {
        reply_send(c, REPLY_BAD_HOST);
        return false;
    }
    if (!route_path_allowed(q.path)) {
        reply_send(c, REPLY_BAD_PATH);
        return false;
    }
    x->route = table_match_at(host, &q, &why);
    if (x->route == NULL) {
        reply_send(c, misses[why]);
        return false;
    }
    x->pin = pin_use(c->proxy->pin);
    account_routed(c, x->route);
    return take_body(c);
}

static void give_up(struct conn *c)
{
    static const enum reply replies[] = {
        [FAILED_NOT] = REPLY_NO_ENDPOINT,
        [FAILED_CONNECT] = REPLY_CONNECT_FAILED,
        [FAILED_CONNECT_TIMEOUT] = REPLY_CONNECT_TIMEOUT,
        [FAILED_BROKEN] = REPLY_BROKEN,
        [FAILED_STATUS] = REPLY_BROKEN,
    };

    reply_send(c, replies[c->x->failure]);
}

/* The end of the turn has sent what was handed to sock_send_late. */
static void on_request_sent(void *arg, const struct sendq_result *r)
{
    struct conn *c = arg;
    struct exchange *x = c->x;

    if (r->io == IO_FAIL)
        note_deaf(x);
    else if (r->rest.n > 0)
        ASSERT(buf_add_str(&x->to_up, r->rest)); /* nothing was added behind it meanwhile */
    x->up->sent_bytes += r->n;
    if (r->io != IO_DONE || r->rest.n > 0 || !exchange_all_sent(x) || c->state != CONN_REQUEST)
        conn_run(c);
}

/*
 * What may not be repeated goes out at once on a kept connection: the endpoint may just be ending
 * it, and a moment ago it had not (upstreams_take_idle).
 */
static bool may_wait(const struct exchange *x)
{
    return x->idempotent || !x->reused;
}

/*
 * Where both sides speak HTTP/2. Before the head is written: a length of 0 would end the message
 * with it.
 */
void exchange_keep_trailers(struct sock *to, struct sock *from)
{
    if (sock_is_virtual(to) && sock_is_virtual(from))
        h2_stream_follow(to->stream, from->stream);
}

static void send_request(struct conn *c)
{
    struct exchange *x = c->x;
    struct h1_out *out = &c->proxy->out;
    const struct h1_head *h = request_head(c);
    const struct h1_forwarding fwd = policy_forwarding(c, h);
    size_t n, head_bytes, body = x->body_end - x->head_len;
    int num;

    h1_write_request(out, h, c->in, &fwd);
    head_bytes = out->bytes;
    num = h1_out_with(out, c->in + x->head_len, &body);
    x->up_sent_before = x->up->sent_bytes;
    x->reused = x->up->num_requests++ > 0;
    x->sent = x->head_len;
    exchange_keep_trailers(&x->up->sock, &c->sock);
    if (may_wait(x) && sock_send_late(&x->up->sock, out->iov, (size_t)num, on_request_sent, c)) {
        x->sent += (uint32_t)body;
        return;
    }
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

static void leave_out(struct exchange *x, uint32_t endpoint, bool stale)
{
    if (x->tried.num == BALANCER_TRIES)
        return;
    x->tried.stale |= (uint16_t)(stale ? 1U << x->tried.num : 0);
    x->tried.ids[x->tried.num++] = endpoint;
}

/*
 * An attempt on a new connection that came to nothing: this endpoint is not asked again. A refusal
 * takes no time, so it does not count among the attempts: many tasks may have gone at once.
 */
static void note_failure(struct conn *c, uint32_t endpoint, enum exchange_failure why)
{
    static const enum eject_outcome outcomes[] = {
        [FAILED_CONNECT] = EJECT_REFUSED,
        [FAILED_CONNECT_TIMEOUT] = EJECT_TIMED_OUT,
        [FAILED_BROKEN] = EJECT_BROKE,
    };
    struct exchange *x = c->x;

    x->failure = (uint8_t)why;
    account_failed(c);
    if (why == FAILED_CONNECT)
        x->attempts--;
    leave_out(x, endpoint, false);
    upstreams_note(&c->proxy->ups, endpoint, &x->ticket, outcomes[why]);
}

/* For want of something of ours: that says nothing about the endpoint. */
static bool is_our_want(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL;
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
    x->up = upstreams_connect(ups, ep);
    if (x->up == NULL && is_our_want(errno)) {
        x->failure = FAILED_CONNECT;
        leave_out(x, ep->id, false);
        return false;
    }
    if (x->up == NULL) {
        note_failure(c, ep->id, FAILED_CONNECT);
        return false;
    }
    if (x->times != NULL && x->times->connect != 0)
        upstream_wait_for(x->up, x->times->connect);
    upstream_own(x->up, on_upstream_ready, c);
    account_connecting(c);
    conn_enter(c, CONN_CONNECT);
    return true;
}

static unsigned most_attempts(const struct exchange *x)
{
    return retry_attempts(x->route->route->retry);
}

/* The first attempt is free, each other one needs a share of the budget. */
static bool may_attempt(struct conn *c)
{
    struct proxy *p = c->proxy;
    struct exchange *x = c->x;

    if (x->failure == FAILED_NOT)
        return true;
    if (x->attempts >= most_attempts(x) || most_attempts(x) == 1 || x->tried.num == BALANCER_TRIES)
        return false;
    if (!retry_budget_spend(&p->budget, loop_now_ms(p->loop))) {
        metrics_add(&p->metrics->retries_denied, 1);
        return false;
    }
    metrics_add(&p->metrics->retries, 1);
    return true;
}

static void choose(struct conn *c, struct balance_choice *out)
{
    struct proxy *p = c->proxy;
    const struct balance_query q = {
        .table = p->table,
        .route = c->x->route,
        .ups = &p->ups,
        .recall = &p->recall,
        .random = &p->random,
        .tried = &c->x->tried,
        .client = policy_client(c),
        .field = request_field,
        .head = c,
    };

    balance_pick(&q, out);
}

/* False: it came to nothing at once. */
static bool attempt_choice(struct conn *c, const struct balance_choice *choice)
{
    struct exchange *x = c->x;

    x->ticket = choice->ticket;
    x->binds = choice->binds;
    x->sticky = choice->name;
    account_chosen(c, x->route, choice->endpoint);
    return attempt(c, choice->endpoint);
}

/* True: there is no more to be done now. False: the attempt came to nothing at once. */
static bool try_choice(struct conn *c, const struct balance_choice *choice)
{
    if (choice->endpoint == NULL && choice->full) {
        admission_wait(c, choice->pool);
        return true;
    }
    if (choice->endpoint != NULL && !admission_to_pool(c, choice->pool))
        return true;
    if (choice->endpoint != NULL && may_attempt(c))
        return attempt_choice(c, choice);
    account_chosen(c, c->x->route, NULL);
    give_up(c);
    return true;
}

/* Endpoint after endpoint, until one is being asked or nobody is left. */
static void try_endpoints(struct conn *c)
{
    struct upstreams *ups = &c->proxy->ups;
    bool done;

    do {
        struct balance_choice choice;

        choose(c, &choice);
        done = try_choice(c, &choice);
        upstreams_let_go(ups); /* what came to nothing holds no place */
    } while (!done);
}

void exchange_go_on(struct conn *c)
{
    try_endpoints(c);
}

bool exchange_wait_step(struct conn *c)
{
    conn_watch_client(c);
    return false;
}

void exchange_start(struct conn *c)
{
    if (!find_route(c))
        return;
    deadline_begin(c);
    rate_begin(c);
    if (!admission_begin(c))
        return;
    if (c->x->route->route->action == ROUTE_FORWARD)
        try_endpoints(c);
    else
        reply_act(c);
}

/* Forgets the attempt; the request itself is still whole. */
static void start_again(struct conn *c)
{
    struct exchange *x = c->x;

    x->sent = 0;
    x->up_deaf = false;
    x->up_error = 0;
    bufpool_put(&c->proxy->loop->bufs, &c->out);
    try_endpoints(c);
}

bool exchange_connect_step(struct conn *c)
{
    struct exchange *x = c->x;
    int failure = x->up->failure;
    uint32_t endpoint = x->up->endpoint;

    if (failure == 0) {
        if (x->up->state != UPSTREAM_BUSY)
            return false;
        account_connected(c);
        conn_enter(c, CONN_REQUEST);
        send_request(c);
        return true;
    }
    conn_drop_upstream(c);
    note_failure(c, endpoint, failure == ETIMEDOUT ? FAILED_CONNECT_TIMEOUT : FAILED_CONNECT);
    start_again(c);
    return true;
}

/* The node says nothing at all: its endpoint is put aside although the connection was an old one.
 */
static bool is_silent_node(int error)
{
    return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
}

void exchange_note_silence(struct conn *c, int error)
{
    if (is_silent_node(error))
        upstreams_note(&c->proxy->ups, c->x->up->endpoint, &c->x->ticket, EJECT_TIMED_OUT);
}

void exchange_broken(struct conn *c, int error)
{
    struct exchange *x = c->x;
    int cause = error != 0 ? error : x->up_error;
    struct retry_facts facts = {
        .attempts = x->attempts,
        .most = most_attempts(x),
        .intact = x->intact,
        .answered = x->answered,
        .idempotent = x->idempotent,
        .may_be_seen = x->up->sent_bytes > x->up_sent_before &&
                       !(cause == 0 && upstream_saw_nothing(x->up, x->up_sent_before)),
    };
    uint32_t endpoint = x->up->endpoint;
    bool silent = is_silent_node(cause);

    exchange_note_silence(c, cause);
    conn_drop_upstream(c);
    if (!x->reused && !x->answered && !silent) {
        note_failure(c, endpoint, FAILED_BROKEN);
    } else { /* one kept too long, or a part of a head: nothing against the endpoint */
        x->failure = FAILED_BROKEN;
        account_failed(c);
        x->fresh_only = x->fresh_only || x->reused;
        leave_out(x, endpoint, x->reused && !silent);
    }
    if (retry_allowed(&facts))
        start_again(c);
    else
        give_up(c);
}

/* Whose response is dropped gets no other request on that connection: its body may be long. */
static void drop_response(struct conn *c)
{
    struct exchange *x = c->x;

    account_failed(c);
    conn_drop_upstream(c);
    bufpool_put(&c->proxy->loop->bufs, &c->out);
    x->out_len = 0;
    x->sent = 0;
    x->up_deaf = false;
    x->up_error = 0;
    x->answered = false;
    x->account.answered_us = 0;
}

/*
 * The next endpoint is chosen before the response is dropped: when there is none, or the budget is
 * used up, the client gets what there is.
 */
static bool retry_status(struct conn *c, unsigned status)
{
    struct exchange *x = c->x;
    uint8_t failure = x->failure;
    struct balance_choice choice;
    bool done;

    x->failure = FAILED_STATUS;
    leave_out(x, x->up->endpoint, false);
    choose(c, &choice);
    if (choice.endpoint == NULL || !may_attempt(c)) {
        upstreams_let_go(&c->proxy->ups);
        x->failure = failure;
        return false;
    }
    x->retried_status = (uint16_t)status;
    drop_response(c);
    done = !admission_to_pool(c, choice.pool) || attempt_choice(c, &choice);
    upstreams_let_go(&c->proxy->ups);
    if (!done)
        try_endpoints(c);
    return true;
}

void exchange_note_status(struct conn *c, unsigned status)
{
    struct upstreams *ups = &c->proxy->ups;
    uint32_t endpoint = c->x->up->endpoint;
    const struct pool_passive *rule = upstreams_rule(ups, endpoint);

    if (rule != NULL)
        upstreams_note_status(ups, endpoint, &c->x->ticket, rule, status);
}

bool exchange_retries_status(struct conn *c, unsigned status)
{
    struct exchange *x = c->x;
    struct retry_facts facts = {
        .attempts = x->attempts,
        .most = most_attempts(x),
        .intact = x->intact,
        .answered = x->num_interim > 0, /* the client has seen something */
        .idempotent = x->idempotent,
        .may_be_seen = true,
    };

    return retry_is_of_status(x->route->route->retry, status) && retry_allowed(&facts) &&
           retry_status(c, status);
}

/* What came of the body is not passed on, and neither is what follows. */
static void refuse_body(struct conn *c)
{
    if (c->state != CONN_REQUEST) /* the response has begun: there is no other way to say it */
        conn_abort(c, CLOSE_BAD_BODY);
    else if (request_is_too_large(c))
        reply_send(c, REPLY_BODY_TOO_LARGE);
    else
        reply_refuse(c, c->x->chunks->refusal);
}

void exchange_release_in(struct conn *c)
{
    struct exchange *x = c->x;

    ASSERT(x->sent == c->in_len);
    x->intact = false;
    bufpool_put(&c->proxy->loop->bufs, &c->in);
    c->in_len = x->head_len = x->body_end = x->sent = 0;
    if (c->proxy->head_of == c)
        c->proxy->head_of = NULL;
}

bool exchange_all_sent(const struct exchange *x)
{
    return x->request_read && x->sent == x->body_end && x->to_up.len == 0 &&
           x->pipe_to_up == NULL && !(x->up != NULL && x->up->sock.waits);
}

bool exchange_waits_for_body(const struct exchange *x)
{
    return !x->request_read && x->sent == x->body_end && x->to_up.len == 0 && x->pipe_to_up == NULL;
}

bool exchange_waits_for_reader(const struct exchange *x)
{
    return x->to_client.len > 0 || x->out_sent < x->out_len || x->pipe_to_client != NULL;
}

/* Into a pipe or the block; a full block whose bytes are all sent begins anew. */
static enum io read_some(struct conn *c)
{
    enum io io;
    size_t n;

    if (bulk_read_request(c, &io))
        return io;
    if (c->in_len == BUFPOOL_BYTES)
        exchange_release_in(c);
    if (c->in == NULL)
        c->in = bufpool_get(&c->proxy->loop->bufs);
    io = sock_recv(&c->sock, c->in + c->in_len, BUFPOOL_BYTES - c->in_len, &n);
    c->in_len += (uint32_t)n;
    return io;
}

static bool read_body(struct conn *c)
{
    struct exchange *x = c->x;

    switch (read_some(c)) {
    case IO_DONE:
        conn_touch(c);
        upstream_be_patient(x->up); /* the body may be more than its window */
        if (!request_scan_body(c) || request_is_too_large(c)) {
            refuse_body(c);
            return false;
        }
        return true;
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

enum io exchange_send(struct conn *c, uint32_t end)
{
    struct exchange *x = c->x;
    struct iovec iov;
    size_t waited = x->to_up.len;
    enum io io = conn_flush(&x->to_up, &x->up->sock);
    size_t n;

    x->up->sent_bytes += waited - x->to_up.len;
    if (io != IO_DONE)
        return io;
    if (x->sent == end) /* then the block may have been given back */
        return x->pipe_to_up != NULL ? bulk_flush_request(c) : IO_DONE;
    if (!x->up->sock.writable)
        return IO_AGAIN;
    iov = (struct iovec){c->in + x->sent, end - x->sent};
    if (sock_send_late(&x->up->sock, &iov, 1, on_request_sent, c)) {
        x->sent = end;
        conn_touch(c);
        return IO_AGAIN;
    }
    io = sock_send(&x->up->sock, &iov, 1, &n);
    if (io != IO_DONE)
        return io;
    x->up->sent_bytes += n;
    x->sent += (uint32_t)n;
    conn_touch(c);
    return x->sent == end ? IO_DONE : IO_AGAIN;
}

bool exchange_push(struct conn *c)
{
    struct exchange *x = c->x;

    for (int i = 0; i < CONN_ROUNDS; i += x->bulk ? BULK_ROUNDS : 1) {
        if (x->up_deaf)
            return true;
        switch (exchange_send(c, x->body_end)) {
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
