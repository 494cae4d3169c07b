/*
 * A non-blocking stream socket, watched edge-triggered: registered once, for reading, writing and
 * the peer's close together, never changed again. What the edges said is kept in flags; sock_recv
 * and sock_send clear them when the kernel has no more.
 *
 * A short read means drained (epoll(7)), unless the peer has closed or reset: then it is read up to
 * the end, or the error. Nor does it where the peer has sent out-of-band data, before which every
 * receive ends (tcp(7)); those bytes themselves are nobody's and left out.
 *
 * A socket may be virtual: a stream of a connection that carries many (HTTP/2). Its owner uses it
 * like any other; instead of the kernel the connection's struct sock_ops answers, sets the flags
 * and calls on_ready. Such a socket has no descriptor.
 */
#ifndef GATEWAY_LOOP_SOCK_H
#define GATEWAY_LOOP_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "gateway/core/result.h"
#include "gateway/loop/loop.h"
#include "gateway/loop/sendq.h"

struct pipe;
struct sock;

/* Each as the function of that name below; recv and send keep `readable` and `writable` true. */
struct sock_ops {
    enum io (*recv)(struct sock *s, void *p, size_t cap, size_t *out_n);
    enum io (*send)(struct sock *s, struct iovec *iov, size_t num_iov, size_t *out_n);
    void (*close)(struct sock *s, bool reset); /* what was sent still goes out, unless `reset` */
};

struct sock {
    int fd;        /* -1: closed, or virtual */
    bool readable; /* bytes, an end or an error may wait */
    bool writable; /* the last write was taken whole, or room was announced since */
    bool hung_up;  /* the peer has closed its side, or an error waits */
    bool urgent;   /* the peer has sent out-of-band data */
    bool waits;    /* what it sends waits for the end of the turn */
    void (*on_ready)(void *owner);
    void *owner;
    const struct sock_ops *ops; /* NULL: the kernel's, or closed */
    void *stream;               /* for them */
    struct loop *loop;          /* of one with a descriptor */
    struct sendq *sendq;        /* the loop's; NULL: it sends at once */
    uint64_t received;          /* bytes in its life, as is `sent` */
    uint64_t sent;
    struct loop_watch watch;
};

/* Takes the descriptor. Writable is assumed, so that nothing waits for an edge in order to write.
 */
MUST_USE bool sock_open(struct sock *s, struct loop *l, int fd, void (*on_ready)(void *),
                        void *owner);
void sock_open_virtual(struct sock *s, const struct sock_ops *ops, void *stream,
                       void (*on_ready)(void *), void *owner);
static inline bool sock_is_virtual(const struct sock *s)
{
    return s->ops != NULL;
}

void sock_close(struct sock *s); /* idempotent */
void sock_reset(struct sock *s); /* closes so that the peer sees a reset, not an end */

/* IO_DONE with *out_n >= 1, IO_AGAIN, IO_EOF, or IO_FAIL with errno. cap >= 1. */
MUST_USE enum io sock_recv(struct sock *s, void *p, size_t cap, size_t *out_n);
/* Nothing more is sent; the peer sees an end. False: it is gone, or the socket is virtual: closing
 * that loses nothing of what was sent, so that nobody has to end one side first. */
MUST_USE bool sock_shutdown(struct sock *s);

/* IO_DONE: *out_n bytes were taken, perhaps not all (then not writable); IO_AGAIN; IO_FAIL. */
MUST_USE enum io sock_send(struct sock *s, struct iovec *iov, size_t num_iov, size_t *out_n);

/*
 * The same at the end of the turn, together with others (sendq.h), when it is little: false, and it
 * has to be sent now. Until on_sent is told, nothing else is sent: IO_AGAIN. A socket that is
 * closed before tells nobody.
 */
MUST_USE bool sock_send_late(struct sock *s, const struct iovec *iov, size_t num_iov,
                             sendq_told *on_sent, void *arg);

/* One look at what may wait, which stays: nothing does, and no end either. */
MUST_USE bool sock_is_silent(const struct sock *s);

/*
 * Bulk from socket to socket through a pipe (pipepool.h), without a copy.
 *
 * sock_splice_in moves up to `max` bytes (>= 1) into an empty pipe: as sock_recv, but what was
 * moved says nothing of whether more waits: the socket stays readable.
 * sock_splice_out moves all that the pipe holds, or what the socket takes: as sock_send. The
 * process ignores SIGPIPE, which splice(2) cannot be told to leave out.
 */
MUST_USE enum io sock_splice_in(struct sock *s, struct pipe *p, size_t max, size_t *out_n);
MUST_USE enum io sock_splice_out(struct sock *s, struct pipe *p, size_t *out_n);

/* What is under way to the peer, as the kernel sees it (TCP_INFO). */
struct sock_flight {
    uint32_t unacked;      /* segments sent and not acknowledged */
    uint32_t unsent_bytes; /* taken from us and not sent yet */
    uint32_t retransmits;  /* in a row, unanswered */
    uint32_t probes;       /* of a full window, or of a silent peer: in a row, unanswered */
    uint32_t silent_ms;    /* since the peer last acknowledged anything, data or probe */
};
MUST_USE bool sock_flight(const struct sock *s, struct sock_flight *out); /* false: errno */

/* Bytes the peer's kernel has acknowledged over the socket's life; UINT64_MAX when unknown. */
uint64_t sock_acked_bytes(const struct sock *s);

#endif
