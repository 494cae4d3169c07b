/*
 * Client connections: their states, how they run and how they end. What happens in a state is in
 * request.c, exchange.c, response.c and reply.c, how long one lasts in deadline.c; this file only
 * says which runs.
 * Connections are freed by the loop when the turn ends, never from inside a callback.
 */
#include "gateway/proxy/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/proxy/deadline.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/h2_client.h"
#include "gateway/proxy/quota.h"
#include "gateway/proxy/tunnel.h"
#include "gateway/table/table.h"

enum { CONN_MAGIC = 0x0c099001 };

#define TO(s) (1U << CONN_##s)
static const struct {
    const char *name;
    unsigned may_go_to;
    bool (*step)(struct conn *c); /* true: take another step */
} states[CONN__COUNT] = {
    [CONN_IDLE] = {"idle",
                   TO(HEAD) | TO(WAIT) | TO(CONNECT) | TO(REQUEST) | TO(REPLY) | TO(H2_IDLE) |
                       TO(DEAD),
                   request_step},
    [CONN_HEAD] = {"head",
                   TO(WAIT) | TO(CONNECT) | TO(REQUEST) | TO(REPLY) | TO(H2_IDLE) | TO(DEAD),
                   request_step},
    [CONN_WAIT] = {"wait", TO(CONNECT) | TO(REQUEST) | TO(REPLY) | TO(DEAD), exchange_wait_step},
    [CONN_CONNECT] = {"connect", TO(WAIT) | TO(CONNECT) | TO(REQUEST) | TO(REPLY) | TO(DEAD),
                      exchange_connect_step},
    [CONN_REQUEST] = {"request",
                      TO(WAIT) | TO(CONNECT) | TO(REQUEST) | TO(RESPONSE) | TO(TUNNEL) | TO(REPLY) |
                          TO(DEAD),
                      response_head_step},
    [CONN_RESPONSE] = {"response", TO(RESPONSE) | TO(IDLE) | TO(LINGER) | TO(DEAD),
                       response_body_step},
    [CONN_TUNNEL] = {"tunnel", TO(TUNNEL) | TO(DEAD), tunnel_step},
    [CONN_REPLY] = {"reply", TO(IDLE) | TO(LINGER) | TO(DEAD), reply_step},
    [CONN_LINGER] = {"linger", TO(DEAD), reply_linger_step},
    [CONN_H2_IDLE] = {"h2_idle", TO(H2) | TO(LINGER) | TO(DEAD), h2_client_step},
    [CONN_H2] = {"h2", TO(H2_IDLE) | TO(LINGER) | TO(DEAD), h2_client_step},
    [CONN_DEAD] = {"dead", 0, NULL},
};
#undef TO

const char *conn_state_name(enum conn_state s)
{
    return states[s].name;
}

const char *close_reason_label(enum close_reason why)
{
    static const char *const labels[CLOSE__COUNT] = {
#define X(sym, label, text) [CLOSE_##sym] = (label),
        CLOSE_REASONS(X)
#undef X
    };

    return labels[why];
}

const char *close_reason_text(enum close_reason why)
{
    static const char *const texts[CLOSE__COUNT] = {
#define X(sym, label, text) [CLOSE_##sym] = (text),
        CLOSE_REASONS(X)
#undef X
    };

    return texts[why];
}

void conn_enter(struct conn *c, enum conn_state next)
{
    struct conn_list *lists = c->proxy->conns;

    OBJ_CHECK(c, CONN_MAGIC);
    ASSERT(states[c->state].may_go_to & (1U << next));
    TAILQ_REMOVE(&lists[c->state], c, link);
    c->proxy->num_in[c->state]--;
    c->state = next;
    c->since_ms = loop_now_ms(c->proxy->loop);
    TAILQ_INSERT_TAIL(&lists[next], c, link);
    c->proxy->num_in[next]++;
    if (c->x != NULL && c->x->times != NULL)
        deadline_entered(c);
}

void conn_touch(struct conn *c)
{
    if (loop_now_ms(c->proxy->loop) - c->since_ms >= LOOP_TICK_SLOW_MS)
        conn_enter(c, c->state);
    else if (c->x->times != NULL)
        c->x->progress_ms = loop_now_ms(c->proxy->loop);
}

void conn_requeue(struct conn *c)
{
    struct conn_list *list = &c->proxy->conns[c->state];

    TAILQ_REMOVE(list, c, link);
    c->since_ms = loop_now_ms(c->proxy->loop);
    TAILQ_INSERT_TAIL(list, c, link);
}

/* A step may have ended it after it found that there is more: the turn that comes has no c. */
void conn_yield(struct conn *c)
{
    if (c->state == CONN_DEAD)
        return;
    loop_later(c->proxy->loop, &c->task);
}

void conn_run(struct conn *c)
{
    for (int i = 0; i < CONN_STEPS; i++)
        if (c->state == CONN_DEAD || !states[c->state].step(c))
            return;
    conn_yield(c);
}

static void on_ready(void *owner)
{
    struct conn *c;

    OBJ_CAST(c, owner, CONN_MAGIC);
    if (c->state != CONN_DEAD)
        conn_run(c);
}

static void bury(void *dead)
{
    struct conn *c;

    OBJ_CAST(c, dead, CONN_MAGIC);
    TAILQ_REMOVE(&c->proxy->conns[CONN_DEAD], c, link);
    c->proxy->num_in[CONN_DEAD]--;
    OBJ_KILL(c);
}

void conn_set_peer(struct conn *c, const uint8_t address[16])
{
    c->peer_len = trust_write(address, c->peer);
    c->trusted = c->proxy->table != NULL && trust_has(table_settings(c->proxy->table), address);
}

/*
 * An IPv6 client has a /64 at least: it is one client. Not counted: who speaks for others.
 */
bool conn_count_client(struct conn *c)
{
    struct proxy *p = c->proxy;
    struct str of = {c->peer, c->peer_len};
    uint32_t limit;
    uint8_t six[16];

    if (p->crowd == NULL || p->table == NULL)
        return true;
    crowd_leave(p->crowd, &c->in_client);
    limit = table_settings(p->table)->client_connections;
    if (limit == 0 || c->trusted)
        return true;
    if (inet_pton(AF_INET6, c->peer, six) == 1)
        of = (struct str){(const char *)six, 8};
    return crowd_enter(p->crowd, crowd_key(p->crowd, 'c', of), limit, &c->in_client);
}

static void find_peer(struct conn *c, const struct sockaddr_storage *peer)
{
    uint8_t address[16];

    if (trust_address_of(peer, address))
        conn_set_peer(c, address);
    else
        c->peer_len = (uint8_t)snprintf(c->peer, sizeof c->peer, "unknown"); /* RFC 7239 6.2 */
    c->awaits_proxy = c->trusted && table_settings(c->proxy->table)->proxy_protocol;
}

static void join(struct proxy *p, struct conn *c)
{
    c->magic = CONN_MAGIC;
    c->proxy = p;
    c->since_ms = loop_now_ms(p->loop);
    c->task = (struct loop_task){.run = on_ready, .arg = c};
    c->grave = (struct loop_grave){.bury = bury, .dead = c};
    account_open(c);
    TAILQ_INSERT_TAIL(&p->conns[CONN_IDLE], c, link);
    p->num_in[CONN_IDLE]++;
}

struct conn *conn_new(struct proxy *p, int fd, const struct sockaddr_storage *peer)
{
    struct conn *c = xcalloc(1, sizeof *c);

    if (!sock_open(&c->sock, p->loop, fd, on_ready, c)) {
        free(c);
        return NULL;
    }
    join(p, c);
    find_peer(c, peer);
    metrics_add(&p->num_conns, 1);
    return c;
}

struct conn *conn_new_stream(struct conn *carrier, const struct sock_ops *ops, void *stream)
{
    struct conn *c = xcalloc(1, sizeof *c);

    sock_open_virtual(&c->sock, ops, stream, on_ready, c);
    c->carrier = carrier;
    memcpy(c->peer, carrier->peer, sizeof c->peer);
    c->peer_len = carrier->peer_len;
    c->trusted = carrier->trusted;
    join(carrier->proxy, c);
    metrics_add(&c->proxy->num_streams, 1);
    return c;
}

static struct exchange *take_exchange(struct proxy *p)
{
    return p->num_spare > 0 ? p->spare[--p->num_spare] : xmalloc(sizeof(struct exchange));
}

static void give_exchange(struct proxy *p, struct exchange *x)
{
    if (p->num_spare < CONN_SPARE_MAX)
        p->spare[p->num_spare++] = x;
    else
        free(x);
}

void conn_free_spare(struct proxy *p)
{
    while (p->num_spare > 0)
        free(p->spare[--p->num_spare]);
}

void conn_begin_exchange(struct conn *c)
{
    if (c->x != NULL)
        return;
    c->x = take_exchange(c->proxy);
    memset(c->x, 0, sizeof *c->x);
    buf_init(&c->x->to_up, CONN_PENDING_MAX);
    buf_init(&c->x->to_client, CONN_PENDING_MAX);
    account_begin(c);
}

void conn_drop_upstream(struct conn *c)
{
    if (c->x->up != NULL)
        upstream_close(c->x->up);
    c->x->up = NULL;
    buf_free(&c->x->to_up);
    pipepool_put(&c->proxy->loop->pipes, &c->x->pipe_to_up);
}

/* What few exchanges have. */
static void free_parts(struct exchange *x)
{
    free(x->chunks);
    free(x->response_chunks);
    free(x->partial);
    free(x->ws);
}

static void forget_exchange(struct conn *c)
{
    struct exchange *x = c->x;

    if (x == NULL)
        return;
    conn_drop_upstream(c);
    buf_free(&x->to_client);
    pipepool_put(&c->proxy->loop->pipes, &x->pipe_to_client);
    if (x->chunks != NULL || x->response_chunks != NULL || x->partial != NULL || x->ws != NULL)
        free_parts(x);
    admission_end(c);
    wheel_remove(&c->proxy->wheel, &x->timer);
    rate_end(c);
    pin_drop(&x->pin);
    give_exchange(c->proxy, x);
    c->x = NULL;
    if (c->proxy->head_of == c)
        c->proxy->head_of = NULL;
    bufpool_put(&c->proxy->loop->bufs, &c->out);
}

static void forget_everything(struct conn *c)
{
    forget_exchange(c);
    free(c->partial);
    c->partial = NULL;
    bufpool_put(&c->proxy->loop->bufs, &c->in);
    c->in_len = 0;
}

static void die(struct conn *c, enum close_reason why)
{
    struct proxy *p = c->proxy;

    log_debug("client=%s state=%s closed: %s", c->peer, states[c->state].name,
              close_reason_text(why));
    if (c->carrier == NULL)
        metrics_add(&p->closed[why], 1);
    if (p->crowd != NULL) {
        crowd_leave(p->crowd, &c->in_client);
        crowd_leave(p->crowd, &c->in_listener);
    }
    quota_disconnect(&c->in_tenant);
    account_end(c, why);
    h2_client_free(c, why);
    forget_everything(c);
    conn_enter(c, CONN_DEAD);
    metrics_add(c->carrier == NULL ? &p->num_conns : &p->num_streams, (uint64_t)-1);
    loop_forget(p->loop, &c->task);
    loop_bury(p->loop, &c->grave);
}

void conn_close(struct conn *c, enum close_reason why)
{
    if (c->state == CONN_DEAD)
        return;
    sock_close(&c->sock);
    die(c, why);
}

void conn_abort(struct conn *c, enum close_reason why)
{
    if (c->state == CONN_DEAD)
        return;
    sock_reset(&c->sock);
    die(c, why);
}

void conn_linger(struct conn *c, enum close_reason why)
{
    bool all_read = c->x->request_read && c->in_len == c->x->body_end && !c->sock.readable;

    if ((c->client_eof && !c->sock.readable) || all_read || !sock_shutdown(&c->sock)) {
        conn_close(c, why);
        return;
    }
    account_end(c, why);
    forget_everything(c);
    c->end_reason = why;
    conn_enter(c, CONN_LINGER);
}

bool conn_no_more(const struct conn *c)
{
    return c->client_eof && c->in_len == c->x->body_end;
}

bool conn_next(struct conn *c, bool keep, enum close_reason why)
{
    struct exchange *x = c->x;

    if (!keep || !x->request_read || conn_no_more(c)) {
        conn_linger(c, why);
        return c->state != CONN_DEAD;
    }
    ASSERT(c->in_len >= x->body_end && x->up == NULL);
    account_end(c, why);
    c->in_len -= x->body_end;
    if (c->in_len > 0)
        memmove(c->in, c->in + x->body_end, c->in_len);
    else
        bufpool_put(&c->proxy->loop->bufs, &c->in);
    c->in_fresh = c->in_len > 0;
    forget_exchange(c);
    conn_enter(c, CONN_IDLE);
    return c->in_fresh || c->sock.readable;
}

enum io conn_flush(struct buf *b, struct sock *s)
{
    struct iovec iov = {.iov_base = b->bytes, .iov_len = b->len};
    size_t n;
    enum io io;

    if (s->waits)
        return IO_AGAIN;
    if (b->len == 0)
        return IO_DONE;
    if (!s->writable)
        return IO_AGAIN;
    io = sock_send(s, &iov, 1, &n);
    if (io != IO_DONE)
        return io;
    buf_drop(b, n);
    if (b->len > 0)
        return IO_AGAIN;
    buf_free(b);
    return IO_DONE;
}

void conn_keep_rest(struct buf *b, const struct h1_out *out, size_t sent)
{
    for (int i = 0; i < out->num; i++) {
        size_t n = out->iov[i].iov_len;
        size_t skip = sent < n ? sent : n;

        sent -= skip;
        /* Heads of one block and what we add to them: always below the buffer's cap. */
        ASSERT(buf_add(b, (const char *)out->iov[i].iov_base + skip, n - skip));
    }
}

void conn_watch_client(struct conn *c)
{
    char *room;
    size_t n;

    if (c->state == CONN_DEAD || !c->sock.readable || !c->x->request_read)
        return;
    if (c->in == NULL)
        c->in = bufpool_get(&c->proxy->loop->bufs);
    if (c->in_len == BUFPOOL_BYTES)
        return; /* it sends more requests than we hold: they wait in the socket */
    room = c->in + c->in_len;
    switch (sock_recv(&c->sock, room, BUFPOOL_BYTES - c->in_len, &n)) {
    case IO_DONE:
        c->in_len += (uint32_t)n;
        break;
    case IO_AGAIN:
        break;
    case IO_EOF: /* half-closed: it still wants its response */
        c->client_eof = true;
        c->sock.readable = false;
        break;
    case IO_FAIL:
        conn_close(c, CLOSE_CLIENT_RESET);
        break;
    }
}
