/* See h1_split.h. Keeps a part of a head and nothing else; payload goes through untouched. */
#include "gateway/http/h1_split.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

void h1_split_init(struct h1_split *s, enum h1_kind kind, const struct h1_split_to *to, void *arg)
{
    *s = (struct h1_split){.kind = kind, .to = to, .arg = arg};
    buf_init(&s->head, H1_HEAD_MAX);
}

void h1_split_free(struct h1_split *s)
{
    buf_free(&s->head);
    free(s->chunks);
    s->chunks = NULL;
}

static void begin_body(struct h1_split *s, const struct h1_head *h)
{
    s->state = s->framing == H1_BODY_NONE ? H1_SPLIT_END : H1_SPLIT_BODY;
    s->left = h->content_length;
    if (s->framing != H1_BODY_CHUNKED)
        return;
    s->chunks = xmalloc(sizeof *s->chunks);
    h1_chunked_init(s->chunks);
    s->chunks->on_trailer = s->to->on_trailer;
    s->chunks->arg = s->arg;
}

static bool take_head(struct h1_split *s, const struct h1_head *h)
{
    bool is_interim = s->kind == H1_RESPONSE && h->status < 200, ok;

    s->framing = s->kind == H1_RESPONSE ? (uint8_t)h1_response_framing(h, s->was_head) : h->framing;
    ok = s->to->on_head(s->arg, h, s->head.bytes, !is_interim && s->framing == H1_BODY_NONE);
    if (!is_interim)
        begin_body(s, h);
    buf_free(&s->head);
    return ok;
}

/* The head is collected: it comes in the pieces of a vector. *h goes on from piece to piece. */
static bool feed_head(struct h1_split *s, struct h1_head *h, struct str in, size_t *out_used)
{
    size_t before = s->head.len, room = H1_HEAD_MAX - before;

    *out_used = in.n < room ? in.n : room;
    if (!buf_add(&s->head, in.p, *out_used))
        return false;
    switch (h1_head_parse(h, s->head.bytes, s->head.len)) {
    case H1_MORE:
        return true; /* never of H1_HEAD_MAX bytes */
    case H1_REFUSED:
        return false;
    case H1_DONE:
        break;
    }
    *out_used = h->len - before;
    if (!take_head(s, h))
        return false;
    h1_head_init(h, s->kind); /* an interim one is followed by another */
    return true;
}

static bool feed_chunks(struct h1_split *s, struct str in, size_t *out_used)
{
    struct str data;

    switch (h1_chunked_next(s->chunks, in, out_used, &data)) {
    case H1_CHUNK_DATA:
        return s->to->on_data(s->arg, data);
    case H1_CHUNK_END:
        s->state = H1_SPLIT_END;
        return true;
    case H1_CHUNK_MORE:
        return true;
    case H1_CHUNK_BAD:
        break;
    }
    return false;
}

static bool feed_body(struct h1_split *s, struct str in, size_t *out_used)
{
    if (s->framing == H1_BODY_CHUNKED)
        return feed_chunks(s, in, out_used);
    if (s->framing == H1_BODY_LENGTH && in.n > s->left)
        in.n = (size_t)s->left;
    *out_used = in.n;
    if (!s->to->on_data(s->arg, in))
        return false;
    if (s->framing == H1_BODY_LENGTH) {
        s->left -= in.n;
        if (s->left == 0)
            s->state = H1_SPLIT_END;
    }
    return true;
}

static bool feed_piece(struct h1_split *s, struct h1_head *h, struct str in)
{
    while (in.n > 0) {
        size_t used = 0;
        bool ok = s->state == H1_SPLIT_HEAD   ? feed_head(s, h, in, &used)
                  : s->state == H1_SPLIT_BODY ? feed_body(s, in, &used)
                                              : false;

        if (!ok) {
            s->state = H1_SPLIT_BAD;
            return false;
        }
        in.p += used;
        in.n -= used;
    }
    return true;
}

bool h1_split_feed(struct h1_split *s, struct h1_head *scratch, const struct iovec *iov, size_t num,
                   size_t limit, size_t *out_n)
{
    *out_n = 0;
    if (s->state == H1_SPLIT_HEAD)
        h1_head_init(scratch, s->kind);
    for (size_t i = 0; i < num; i++) {
        struct str in = {iov[i].iov_base, iov[i].iov_len};

        if (s->state != H1_SPLIT_HEAD && in.n > limit)
            in.n = limit;
        if (!feed_piece(s, scratch, in))
            return false;
        *out_n += in.n;
        limit -= in.n < limit ? in.n : limit;
        if (in.n < iov[i].iov_len)
            break;
    }
    return true;
}

bool h1_split_close(struct h1_split *s)
{
    if (s->state == H1_SPLIT_BODY && s->framing == H1_BODY_UNTIL_CLOSE)
        s->state = H1_SPLIT_END;
    return s->state == H1_SPLIT_END;
}
