/* See h2_sock.h. Holds nothing of its own. */
#include "gateway/upstream/h2_sock.h"

#include "gateway/http/h2_session.h"
#include "gateway/http/h2_stream.h"

enum io h2_sock_recv(struct sock *s, void *p, size_t cap, size_t *out_n)
{
    enum io io = h2_stream_read(s->stream, p, cap, out_n);

    s->readable = io == IO_DONE && h2_stream_can_read(s->stream);
    if (*out_n > 0)
        h2_session_wake(h2_stream_session(s->stream)); /* a window may be opened */
    return io;
}

enum io h2_sock_send(struct sock *s, struct iovec *iov, size_t num_iov, size_t *out_n)
{
    enum io io = h2_stream_write(s->stream, iov, num_iov, out_n);

    s->writable = io == IO_DONE && h2_stream_can_write(s->stream);
    h2_session_wake(h2_stream_session(s->stream));
    return io;
}

void h2_sock_close(struct sock *s, bool reset)
{
    struct h2_session *session = h2_stream_session(s->stream);

    h2_stream_close(s->stream, reset); /* which may free it */
    h2_session_wake(session);
}
