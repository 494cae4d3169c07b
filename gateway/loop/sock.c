/*
 * See sock.h. At most one system call a function; no policy, no buffers, no deadlines. Used by
 * client connections (gateway/proxy) and upstream connections (gateway/upstream).
 */
#include "gateway/loop/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "gateway/core/check.h"
#include "gateway/core/fd.h"
#include "gateway/loop/call.h"
#include "gateway/loop/fd_budget.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/pipepool.h"

enum { SOCK_JOIN_BYTES = 2048 };

static void on_event(void *arg, uint32_t events)
{
    struct sock *s = arg;
    struct sendq *q = s->sendq;

    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        s->hung_up = true;
    if (events & EPOLLPRI)
        s->urgent = true;
    if (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        s->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        s->writable = !s->waits;
    s->on_ready(s->owner);
    if (q != NULL && sendq_has_many(q))
        sendq_flush(q);
}

bool sock_open(struct sock *s, struct loop *l, int fd, void (*on_ready)(void *), void *owner)
{
    *s = (struct sock){.fd = fd, .writable = true, .on_ready = on_ready, .owner = owner, .loop = l};
    s->watch = (struct loop_watch){.on_event = on_event, .arg = s};
    if (loop_watch(l, fd, EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET, &s->watch)) {
        s->sendq = l->sendq;
        fd_budget_add(l->budget);
        return true;
    }
    fd_close(&s->fd);
    return false;
}

void sock_open_virtual(struct sock *s, const struct sock_ops *ops, void *stream,
                       void (*on_ready)(void *), void *owner)
{
    *s = (struct sock){.fd = -1,
                       .writable = true,
                       .on_ready = on_ready,
                       .owner = owner,
                       .ops = ops,
                       .stream = stream};
}

static void close_virtual(struct sock *s, bool reset)
{
    const struct sock_ops *ops = s->ops;

    s->ops = NULL;
    s->readable = s->writable = false;
    ops->close(s, reset);
}

void sock_close(struct sock *s)
{
    if (sock_is_virtual(s))
        close_virtual(s, false);
    if (s->fd < 0)
        return;
    loop_unwatch(s->loop, s->fd, &s->watch);
    if (s->waits)
        sendq_drop(s->sendq, s);
    s->waits = false;
    fd_close(&s->fd);
    fd_budget_drop(s->loop->budget);
    s->readable = s->writable = false;
}

void sock_reset(struct sock *s)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (sock_is_virtual(s))
        close_virtual(s, true);
    if (s->fd < 0)
        return;
    /* If this fails the peer sees an orderly end, which its framing or its time-out catches. */
    (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    sock_close(s);
}

bool sock_shutdown(struct sock *s)
{
    ASSERT(!s->waits); /* owners end a side when all has been sent */
    return !sock_is_virtual(s) && shutdown(s->fd, SHUT_WR) == 0;
}

enum io sock_recv(struct sock *s, void *p, size_t cap, size_t *out_n)
{
    ssize_t n;

    *out_n = 0;
    if (sock_is_virtual(s)) {
        enum io io = s->ops->recv(s, p, cap, out_n);

        s->received += *out_n;
        return io;
    }
    do
        n = call_recv(s->fd, p, cap);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        s->readable = (size_t)n == cap || s->hung_up || s->urgent;
        s->received += (uint64_t)n;
        *out_n = (size_t)n;
        return IO_DONE;
    }
    if (n == 0)
        return IO_EOF;
    s->readable = false;
    return errno == EAGAIN ? IO_AGAIN : IO_FAIL;
}

static size_t iov_bytes(const struct iovec *iov, size_t num_iov)
{
    size_t n = 0;

    for (size_t i = 0; i < num_iov; i++)
        n += iov[i].iov_len;
    return n;
}

/* Some hundred bytes are copied together faster than the kernel reads a vector. */
static ssize_t send_joined(int fd, const struct iovec *iov, size_t num_iov)
{
    char joined[SOCK_JOIN_BYTES];
    size_t at = 0;

    for (size_t i = 0; i < num_iov; i++) {
        memcpy(joined + at, iov[i].iov_base, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    return call_send(fd, joined, at);
}

static ssize_t send_vector(int fd, struct iovec *iov, size_t num_iov, size_t bytes)
{
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = num_iov};

    if (num_iov == 1)
        return call_send(fd, iov->iov_base, iov->iov_len);
    if (bytes <= SOCK_JOIN_BYTES)
        return send_joined(fd, iov, num_iov);
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static enum io send_virtual(struct sock *s, struct iovec *iov, size_t num_iov, size_t *out_n)
{
    enum io io = s->ops->send(s, iov, num_iov, out_n);

    s->sent += *out_n;
    return io;
}

enum io sock_send(struct sock *s, struct iovec *iov, size_t num_iov, size_t *out_n)
{
    size_t bytes = iov_bytes(iov, num_iov);
    ssize_t n;

    *out_n = 0;
    if (s->waits)
        return IO_AGAIN;
    if (sock_is_virtual(s))
        return send_virtual(s, iov, num_iov, out_n);
    do
        n = send_vector(s->fd, iov, num_iov, bytes);
    while (n < 0 && errno == EINTR);
    if (n >= 0) {
        *out_n = (size_t)n;
        s->writable = (size_t)n == bytes;
        s->sent += (uint64_t)n;
        return IO_DONE;
    }
    s->writable = false;
    return errno == EAGAIN ? IO_AGAIN : IO_FAIL;
}

bool sock_send_late(struct sock *s, const struct iovec *iov, size_t num_iov, sendq_told *on_sent,
                    void *arg)
{
    if (s->sendq == NULL || s->waits || !sendq_add(s->sendq, s, iov, num_iov, on_sent, arg))
        return false;
    s->waits = true;
    s->writable = false;
    return true;
}

bool sock_is_silent(const struct sock *s)
{
    char byte;

    return recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static ssize_t splice_once(int from, int to, size_t n)
{
    ssize_t moved;

    do
        moved = splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (moved < 0 && errno == EINTR);
    return moved;
}

/*
 * One call, although the kernel may have more than it moved: a second one could hear of an error,
 * which the socket tells once only, with bytes in hand. The pipe is empty, so that EAGAIN means the
 * socket.
 */
enum io sock_splice_in(struct sock *s, struct pipe *p, size_t max, size_t *out_n)
{
    ssize_t n;

    *out_n = 0;
    ASSERT(p->held == 0);
    n = splice_once(s->fd, p->in, max < PIPEPOOL_PIPE_BYTES ? max : PIPEPOOL_PIPE_BYTES);
    if (n > 0) {
        s->received += (uint64_t)n;
        p->held = *out_n = (size_t)n;
        return IO_DONE;
    }
    if (n == 0)
        return IO_EOF;
    if (errno != EAGAIN)
        return IO_FAIL;
    s->readable = false;
    return IO_AGAIN;
}

enum io sock_splice_out(struct sock *s, struct pipe *p, size_t *out_n)
{
    ssize_t n = splice_once(p->out, s->fd, p->held);

    *out_n = 0;
    if (n > 0) {
        s->writable = (size_t)n == p->held;
        s->sent += (uint64_t)n;
        p->held -= (size_t)n;
        *out_n = (size_t)n;
        return IO_DONE;
    }
    s->writable = false;
    return n < 0 && errno == EAGAIN ? IO_AGAIN : IO_FAIL;
}

/* How much of it the kernel filled in; 0: errno says why. */
static socklen_t get_info(const struct sock *s, struct tcp_info *ti)
{
    socklen_t len = sizeof *ti;

    memset(ti, 0, sizeof *ti);
    return getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, ti, &len) == 0 ? len : 0;
}

bool sock_flight(const struct sock *s, struct sock_flight *out)
{
    struct tcp_info ti;

    if (get_info(s, &ti) == 0)
        return false;
    *out = (struct sock_flight){.unacked = ti.tcpi_unacked,
                                .unsent_bytes = ti.tcpi_notsent_bytes,
                                .retransmits = ti.tcpi_retransmits,
                                .probes = ti.tcpi_probes,
                                .silent_ms = ti.tcpi_last_ack_recv};
    return true;
}

uint64_t sock_acked_bytes(const struct sock *s)
{
    struct tcp_info ti;

    if (get_info(s, &ti) < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof ti.tcpi_bytes_acked)
        return UINT64_MAX;
    return ti.tcpi_bytes_acked;
}
