/*
 * Frames of HTTP/2 from a peer, of either side. What a stream gives as HTTP/1.1 is one message at
 * the most, whatever the frames were: nothing is smuggled past the head parser. Whatever comes, the
 * session takes answers, gives output and ends.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/http/h1_body.h"
#include "gateway/http/h1_head.h"
#include "gateway/http/h2_session.h"
#include "gateway/http/h2_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS = 8, MESSAGE_MAX = 1 << 20 };

struct reader {
    struct h2_stream *stream; /* NULL: free */
    struct buf message;
};

static struct reader readers[STREAMS];

/* How much of it is the body that the head announces. */
static size_t body_len(const struct h1_head *h, const char *p, size_t n)
{
    static struct h1_chunked chunks;
    size_t used = 0;

    if (h->framing == H1_BODY_LENGTH)
        return n < h->content_length ? n : (size_t)h->content_length;
    if (h->framing != H1_BODY_CHUNKED)
        return 0;
    h1_chunked_init(&chunks);
    if (h1_chunked_pass(&chunks, (struct str){p, n}, &used) == H1_CHUNK_BAD)
        ASSERT(chunks.refusal == H1_BAD_TRAILER); /* the framing is ours */
    return chunks.refusal == H1_BAD_TRAILER ? n : used;
}

static void judge(enum h1_kind kind, const struct buf *b)
{
    static struct h1_head h;
    size_t at = 0;

    while (at < b->len) {
        h1_head_init(&h, kind);
        if (h1_head_parse(&h, b->bytes + at, b->len - at) != H1_DONE)
            return; /* refused before anything is forwarded */
        at += h.len;
        if (kind == H1_REQUEST || h.status >= 200) {
            ASSERT(at + body_len(&h, b->bytes + at, b->len - at) == b->len);
            return;
        }
    }
}

static void answer(struct h2_stream *st, uint8_t choice)
{
    static char plain[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    static char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "2\r\nok\r\n0\r\nx: y\r\n\r\n";
    struct iovec iov = {plain, sizeof plain - 1};
    size_t n;

    if ((choice & 1) != 0)
        iov = (struct iovec){chunked, sizeof chunked - 1};
    if ((choice & 2) == 0)
        (void)!h2_stream_write(st, &iov, 1, &n);
    h2_stream_close(st, (choice & 4) != 0);
}

static void read_stream(struct reader *r, enum h1_kind kind, uint8_t choice)
{
    char block[512];
    size_t n;
    enum io io;

    while ((io = h2_stream_read(r->stream, block, sizeof block, &n)) == IO_DONE)
        if (!buf_add(&r->message, block, n))
            break;
    if (io == IO_AGAIN && !h2_stream_is_broken(r->stream))
        return;
    if (io == IO_EOF && !h2_stream_is_untouched(r->stream))
        judge(kind, &r->message);
    answer(r->stream, choice);
    r->stream = NULL;
    buf_clear(&r->message);
}

static void serve(struct h2_session *s, enum h1_kind kind, uint8_t choice)
{
    struct h2_stream *st;

    while ((st = h2_session_news(s)) != NULL) {
        struct reader *r = h2_stream_owner(st);

        for (int i = 0; r == NULL && i < STREAMS; i++)
            if (readers[i].stream == NULL)
                r = &readers[i];
        if (r != NULL && h2_stream_is_new(st)) {
            r->stream = st;
            h2_stream_own(st, r);
        }
        if (r == NULL)
            h2_stream_close(st, true);
        else
            read_stream(r, kind, choice);
    }
}

static void ask(struct h2_session *s)
{
    static char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                head[] = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";

    for (int i = 0; i < 2; i++) {
        struct iovec iov = {i == 0 ? get : head, i == 0 ? sizeof get - 1 : sizeof head - 1};
        size_t n;

        readers[i].stream = h2_session_open(s, &readers[i]);
        ASSERT(h2_stream_write(readers[i].stream, &iov, 1, &n) == IO_DONE);
    }
}

static void drain(struct h2_session *s)
{
    char block[4096];

    for (int i = 0; i < 64 && h2_session_output(s, block, sizeof block) > 0; i++)
        continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = H2_PREFACE;
    enum h2_role role;
    struct h2_session *s;
    struct h2_stream *st;
    bool ok = true;

    if (size < 2)
        return 0;
    role = (data[0] & 1) != 0 ? H2_CLIENT : H2_SERVER;
    s = h2_session_new(role, 4, 1000);
    ASSERT(s != NULL);
    for (int i = 0; i < STREAMS; i++)
        buf_init(&readers[i].message, MESSAGE_MAX);
    if (role == H2_CLIENT)
        ask(s);
    else
        ok = h2_session_feed(s, preface, sizeof preface - 1, 1000);
    drain(s);
    for (size_t at = 2, step = (size_t)data[1] + 1; ok && at < size; at += step) {
        size_t n = size - at < step ? size - at : step;

        ok = h2_session_feed(s, (const char *)data + at, n, 1000 + (int64_t)at);
        serve(s, role == H2_CLIENT ? H1_RESPONSE : H1_REQUEST, data[0] >> 1);
        if ((data[0] & 32) == 0)
            drain(s);
    }
    drain(s);
    while ((st = h2_session_owned(s)) != NULL)
        h2_stream_close(st, true);
    h2_session_free(s);
    for (int i = 0; i < STREAMS; i++) {
        readers[i].stream = NULL;
        buf_free(&readers[i].message);
    }
    return 0;
}
