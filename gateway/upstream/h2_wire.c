/* See h2_wire.h. Knows no streams and no policy. */
#include "gateway/upstream/h2_wire.h"

#include <errno.h>

bool h2_wire_init(struct h2_wire *w, struct loop *l, struct sock *s, enum h2_role role,
                  uint32_t max_streams)
{
    *w = (struct h2_wire){.loop = l, .sock = s};
    w->session = h2_session_new(role, max_streams, loop_now_ms(l));
    return w->session != NULL;
}

void h2_wire_free(struct h2_wire *w)
{
    bufpool_put(&w->loop->bufs, &w->out);
    h2_session_free(w->session);
    w->session = NULL;
}

bool h2_wire_can_read(const struct h2_wire *w)
{
    return w->sock->readable && w->out == NULL;
}

bool h2_wire_feed(struct h2_wire *w, const char *p, size_t n)
{
    return h2_session_feed(w->session, p, n, loop_now_ms(w->loop));
}

enum io h2_wire_read(struct h2_wire *w)
{
    char *in = bufpool_get(&w->loop->bufs);
    size_t n;
    enum io io = sock_recv(w->sock, in, BUFPOOL_BYTES, &n);

    if (io == IO_DONE) {
        if (!h2_wire_feed(w, in, n)) {
            errno = EPROTO;
            io = IO_FAIL;
        }
    }
    bufpool_put(&w->loop->bufs, &in);
    return io;
}

static enum io send_block(struct h2_wire *w)
{
    struct iovec iov = {w->out + w->out_sent, w->out_len - w->out_sent};
    size_t n;
    enum io io;

    if (!w->sock->writable)
        return IO_AGAIN;
    io = sock_send(w->sock, &iov, 1, &n);
    w->out_sent += (uint32_t)n;
    return io == IO_DONE && w->out_sent < w->out_len ? IO_AGAIN : io;
}

enum io h2_wire_write(struct h2_wire *w)
{
    for (;;) {
        enum io io;

        if (w->out == NULL) {
            w->out = bufpool_get(&w->loop->bufs);
            w->out_len = (uint32_t)h2_session_output(w->session, w->out, BUFPOOL_BYTES);
            w->out_sent = 0;
        }
        io = w->out_len > 0 ? send_block(w) : IO_DONE;
        if (io == IO_AGAIN && w->blocked_ms == 0)
            w->blocked_ms = loop_now_ms(w->loop);
        if (io != IO_DONE)
            return io;
        w->blocked_ms = 0;
        bufpool_put(&w->loop->bufs, &w->out);
        if (w->out_len < BUFPOOL_BYTES)
            return IO_DONE;
    }
}
