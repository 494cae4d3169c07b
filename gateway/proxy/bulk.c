/*
 * Bulk: bodies of which nobody has to see the bytes, because a length or the connection's end
 * delimits them, move from socket to socket through a pipe (gateway/loop/pipepool.h). Chunked ones
 * are checked and so copied, and what is small costs less to copy than to move.
 *
 * A direction holds its pipe only while there are bytes in it, and reads only when there are none:
 * so what a reader has not taken is never more than one pipe. Without a pipe to be had, or where
 * the kernel refuses, exchange.c and response.c copy as ever, and may come here again any time.
 */
#include "gateway/proxy/bulk.h"

#include <errno.h>

#include "gateway/proxy/conn.h"

static size_t at_most(uint64_t left)
{
    return left < PIPEPOOL_PIPE_BYTES ? (size_t)left : PIPEPOOL_PIPE_BYTES;
}

/* splice(2) moves nothing past out-of-band data. */
static bool can_splice(const struct sock *s)
{
    return !sock_is_virtual(s) && !s->urgent;
}

/* NULL: none is to be had, or an end is no socket of the kernel's, or not to be had this way. */
static struct pipe *get_pipe(struct conn *c)
{
    bool can = can_splice(&c->sock) && can_splice(&c->x->up->sock);

    return can ? pipepool_get(&c->proxy->loop->pipes) : NULL;
}

/* Keeps a pipe that holds something. False: the kernel will not, so copy. */
static bool keep(struct conn *c, struct pipe *pipe, enum io io, struct pipe **kept)
{
    struct pipepool *pool = &c->proxy->loop->pipes;

    if (io == IO_DONE) {
        metrics_add(&c->proxy->metrics->spliced_bytes, pipe->held);
        *kept = pipe;
        return true;
    }
    pool->refused |= io == IO_FAIL && (errno == EINVAL || errno == EPERM || errno == ENOSYS);
    pipepool_put(pool, &pipe); /* it is empty: errno stays */
    return !pool->refused;
}

bool bulk_read_request(struct conn *c, enum io *out_io)
{
    struct exchange *x = c->x;
    struct pipe *pipe;
    size_t n;

    x->bulk |= x->framing == H1_BODY_LENGTH && x->left >= BULK_MIN;
    pipe = x->bulk ? get_pipe(c) : NULL;
    if (pipe == NULL)
        return false;
    *out_io = sock_splice_in(&c->sock, pipe, at_most(x->left), &n);
    if (*out_io == IO_DONE)
        exchange_release_in(c);
    x->left -= n;
    return keep(c, pipe, *out_io, &x->pipe_to_up);
}

bool bulk_read_response(struct conn *c, enum io *out_io)
{
    struct exchange *x = c->x;
    bool has_length = x->response_framing == H1_BODY_LENGTH;
    struct pipe *pipe;
    size_t n;

    x->response_bulk |= has_length && x->response_left >= BULK_MIN;
    pipe = x->response_bulk ? get_pipe(c) : NULL;
    if (pipe == NULL)
        return false;
    *out_io = upstream_splice(x->up, pipe, has_length ? at_most(x->response_left) : SIZE_MAX, &n);
    if (*out_io == IO_DONE)
        bufpool_put(&c->proxy->loop->bufs, &c->out);
    if (has_length)
        x->response_left -= n;
    if (has_length && x->response_left == 0) /* bytes behind it cost the connection, as ever */
        x->up->sock.readable = !sock_is_silent(&x->up->sock);
    return keep(c, pipe, *out_io, &x->pipe_to_client);
}

void bulk_note_block(struct exchange *x, size_t n)
{
    x->response_bulk |= x->response_framing == H1_BODY_UNTIL_CLOSE && n == BUFPOOL_BYTES;
}

static enum io flush(struct conn *c, struct pipe **pipe, struct sock *to, size_t *out_n)
{
    enum io io;

    *out_n = 0;
    if (!to->writable)
        return IO_AGAIN;
    io = sock_splice_out(to, *pipe, out_n);
    if (io != IO_DONE)
        return io;
    conn_touch(c);
    if ((*pipe)->held > 0)
        return IO_AGAIN;
    pipepool_put(&c->proxy->loop->pipes, pipe);
    return IO_DONE;
}

enum io bulk_flush_request(struct conn *c)
{
    size_t n;
    enum io io = flush(c, &c->x->pipe_to_up, &c->x->up->sock, &n);

    c->x->up->sent_bytes += n;
    return io;
}

enum io bulk_flush_response(struct conn *c)
{
    size_t n;

    return flush(c, &c->x->pipe_to_client, &c->sock, &n);
}
