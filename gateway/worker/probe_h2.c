/* See probe_h2.h. Frames and streams are http/h2_session.h's; what an answer means, the prober's.
 */
#include "gateway/worker/probe_h2.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/http/h2_stream.h"
#include "gateway/upstream/h2_wire.h"

/* What a peer may say before its answer is there: it is given up after that. */
enum { BLOCKS_MAX = 64 };

struct probe_h2 {
    struct h2_wire wire;
    struct h2_stream *stream;
    unsigned num_blocks;
};

struct probe_h2 *probe_h2_new(struct loop *l, struct sock *s)
{
    struct probe_h2 *p = xcalloc(1, sizeof *p);

    if (!h2_wire_init(&p->wire, l, s, H2_CLIENT, 1)) {
        free(p);
        return NULL;
    }
    p->stream = h2_session_open(p->wire.session, p);
    return p;
}

void probe_h2_free(struct probe_h2 *p)
{
    if (p == NULL)
        return;
    h2_stream_close(p->stream, true);
    h2_wire_free(&p->wire);
    free(p);
}

static enum io flush(struct probe_h2 *p)
{
    return h2_wire_write(&p->wire) == IO_FAIL ? IO_FAIL : IO_DONE; /* the rest goes out later */
}

enum io probe_h2_send(struct probe_h2 *p, const char *bytes, size_t n, size_t *out_n)
{
    const struct iovec iov = {(void *)(uintptr_t)bytes, n};
    enum io io = h2_stream_write(p->stream, &iov, 1, out_n);

    return io == IO_DONE ? flush(p) : io;
}

/* One block of the peer's into the session. */
static enum io read_block(struct probe_h2 *p)
{
    enum io io;

    if (!h2_wire_can_read(&p->wire))
        return IO_AGAIN;
    io = h2_wire_read(&p->wire);
    while (h2_session_news(p->wire.session) != NULL) /* there is one stream, which is read anyway */
        continue;
    if (io == IO_DONE && ++p->num_blocks > BLOCKS_MAX) {
        errno = EPROTO;
        return IO_FAIL;
    }
    return io;
}

enum io probe_h2_recv(struct probe_h2 *p, char *out, size_t cap, size_t *out_n)
{
    enum io io;

    do {
        io = h2_stream_read(p->stream, out, cap, out_n);
        if (io == IO_AGAIN)
            io = flush(p); /* an acknowledgement, an opened window */
        if (io == IO_DONE && *out_n == 0)
            io = read_block(p);
        else
            return io;
    } while (io == IO_DONE);
    return io;
}
