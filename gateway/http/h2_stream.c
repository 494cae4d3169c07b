/*
 * See h2_stream.h. The peer's message is written down as it is read: its head when that has come,
 * then chunks as large as the reader has room for, then the trailers. Ours is taken apart as it
 * comes (h1_split.h), its payload waits in a queue for nghttp2 to fetch it.
 */
#include "gateway/http/h2_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/obj.h"
#include "gateway/http/h2_priv.h"

enum {
    STREAM_MAGIC = 0x0b2a5701,
    QUEUE_SLACK = 16384, /* what was taken and not dropped yet */
    LEAD_MAX = 2 * H1_HEAD_MAX + H1_TRAILER_MAX,
    TX_TRAILERS_MAX = 2 * H1_TRAILER_MAX
};

void h2_queue_drop(struct h2_queue *q, size_t n)
{
    q->at += n;
    if (q->at == q->bytes.len) {
        buf_clear(&q->bytes);
        q->at = 0;
    } else if (q->at >= QUEUE_SLACK) {
        buf_drop(&q->bytes, q->at);
        q->at = 0;
    }
}

struct h2_stream *h2_stream_new(struct h2_session *s, int32_t id)
{
    struct h2_stream *st = xcalloc(1, sizeof *st);

    st->magic = STREAM_MAGIC;
    st->session = s;
    st->id = id;
    st->since_ms = st->left_ms = s->now_ms;
    buf_init(&st->lead, LEAD_MAX);
    buf_init(&st->rx.bytes, H2_STREAM_WINDOW + QUEUE_SLACK);
    buf_init(&st->trailers, H1_TRAILER_MAX);
    buf_init(&st->tx.bytes, H2_TX_MAX + QUEUE_SLACK);
    buf_init(&st->tx_trailers, TX_TRAILERS_MAX);
    h1_split_init(&st->split, s->role == H2_SERVER ? H1_RESPONSE : H1_REQUEST, &h2_submit_message,
                  st);
    TAILQ_INSERT_TAIL(&s->streams, st, link);
    s->num_streams++;
    return st;
}

/* ---- two streams with one message ------------------------------------------------------------ */

static void reset_with(struct h2_stream *st, uint32_t code)
{
    /* For want of memory only; then the session does not live long either. */
    (void)nghttp2_submit_rst_stream(st->session->ng, NGHTTP2_FLAG_NONE, st->id, code);
}

static bool may_end(const struct h2_stream *st)
{
    return st->tx_ended && st->follows == NULL;
}

/* nghttp2 asks again for what it was refused before. */
static void resume(struct h2_stream *st)
{
    if (!st->tx_deferred || (h2_queue_len(&st->tx) == 0 && !may_end(st)))
        return;
    st->tx_deferred = false;
    /* It fails only for a stream that is going: that is told elsewhere. */
    (void)nghttp2_session_resume_data(st->session->ng, st->id);
}

static void take_trailers(struct h2_stream *to, const struct h2_stream *from)
{
    struct str rest = buf_str(&from->trailers), line;

    while (rest.n > 0 && str_split(&rest, '\n', &line))
        ASSERT(buf_add(&to->tx_trailers, line.p, line.n - 1) && /* without its CR */
               buf_add_str(&to->tx_trailers, STR("\n")));
}

/* Whom it follows has ended, or never will. */
static void let_end(struct h2_stream *to)
{
    struct h2_stream *from = to->follows;

    to->follows = from->leads = NULL;
    if (from->rx_ended)
        take_trailers(to, from);
    if (to->gone || to->id == 0)
        return;
    resume(to);
    h2_session_wake(to->session);
}

/* It goes: who follows it ends, and whom it followed has nobody left who reads. */
static void part(struct h2_stream *st)
{
    struct h2_stream *from = st->follows;

    if (st->leads != NULL)
        let_end(st->leads);
    if (from == NULL)
        return;
    st->follows = from->leads = NULL;
    if (from->released && !from->gone) {
        reset_with(from, NGHTTP2_CANCEL);
        h2_session_wake(from->session);
    }
}

void h2_stream_follow(struct h2_stream *to, struct h2_stream *from)
{
    OBJ_CHECK(to, STREAM_MAGIC);
    OBJ_CHECK(from, STREAM_MAGIC);
    if (to->gone || from->chunked || from->leads != NULL || to->follows != NULL)
        return;
    if (from->rx_ended) {
        take_trailers(to, from);
    } else if (!from->gone) {
        to->follows = from;
        from->leads = to;
    }
}

static void forget_news(struct h2_stream *st)
{
    if (st->has_news)
        TAILQ_REMOVE(&st->session->news, st, news_link);
    st->has_news = false;
}

void h2_stream_free(struct h2_stream *st)
{
    OBJ_CHECK(st, STREAM_MAGIC);
    part(st);
    forget_news(st);
    TAILQ_REMOVE(&st->session->streams, st, link);
    if (!st->gone)
        st->session->num_streams--;
    h1_split_free(&st->split);
    buf_free(&st->lead);
    buf_free(&st->rx.bytes);
    buf_free(&st->trailers);
    buf_free(&st->tx.bytes);
    buf_free(&st->tx_trailers);
    OBJ_KILL(st);
}

void h2_stream_own(struct h2_stream *st, void *owner)
{
    OBJ_CHECK(st, STREAM_MAGIC);
    ASSERT(st->owner == NULL && !st->released);
    st->owner = owner;
    st->is_new = false;
}

void *h2_stream_owner(const struct h2_stream *st)
{
    return st->owner;
}

struct h2_session *h2_stream_session(const struct h2_stream *st)
{
    return st->session;
}

bool h2_stream_is_new(const struct h2_stream *st)
{
    return st->is_new;
}

bool h2_stream_is_too_large(const struct h2_stream *st)
{
    return st->too_large;
}

bool h2_stream_is_broken(const struct h2_stream *st)
{
    return st->gone && !(st->rx_ended && st->tx_sent);
}

bool h2_stream_is_whole(const struct h2_stream *st)
{
    return st->rx_ended;
}

bool h2_stream_is_untouched(const struct h2_stream *st)
{
    return st->untouched;
}

bool h2_stream_is_held(const struct h2_stream *st)
{
    return !st->gone && st->id != 0 &&
           nghttp2_session_get_stream_remote_window_size(st->session->ng, st->id) == 0;
}

void h2_stream_tell(struct h2_stream *st)
{
    if (st->has_news)
        return;
    st->has_news = true;
    TAILQ_INSERT_TAIL(&st->session->news, st, news_link);
}

void h2_stream_gone(struct h2_stream *st)
{
    OBJ_CHECK(st, STREAM_MAGIC);
    st->gone = true;
    st->session->num_streams--;
    part(st);
    if (st->owner == NULL)
        h2_stream_free(st);
    else
        h2_stream_tell(st);
}

/* ---- the peer's message ---------------------------------------------------------------------- */

static bool take_head(struct h2_stream *st, const struct h2_head *h, const struct h2_head_facts *f)
{
    bool is_request = h->section == H2_REQUEST_HEAD;

    if (!h2_head_write(h, f, &st->lead))
        return false;
    if (!is_request && h->status < 200)
        return true;
    st->head_done = true;
    st->chunked = h2_head_is_chunked(h, f);
    st->takes_body = st->chunked || (h->has_length && (is_request || !f->was_head));
    return true;
}

bool h2_stream_take_section(struct h2_stream *st, bool ends)
{
    const struct h2_head *h = &st->session->section;
    struct h2_head_facts f = {.ends = ends};

    if (h->section == H2_TRAILERS)
        return h2_head_write(h, &f, &st->trailers);
    if (h->section == H2_REQUEST_HEAD)
        st->was_head = st->split.was_head = str_eq(h2_head_method(h), STR("HEAD"));
    f.was_head = st->was_head;
    st->too_large = h->too_large && h->section == H2_REQUEST_HEAD;
    st->is_new = h->section == H2_REQUEST_HEAD;
    if (!st->too_large && !take_head(st, h, &f))
        return false;
    h2_stream_tell(st);
    return true;
}

bool h2_stream_take_data(struct h2_stream *st, struct str data)
{
    if (st->released || !st->takes_body)
        return nghttp2_session_consume(st->session->ng, st->id, data.n) == 0;
    h2_stream_tell(st);
    return buf_add_str(&st->rx.bytes, data); /* the window has room for it */
}

void h2_stream_take_end(struct h2_stream *st)
{
    st->rx_ended = true;
    if (st->leads != NULL)
        let_end(st->leads);
    h2_stream_tell(st);
}

static bool is_failed(const struct h2_stream *st)
{
    return st->gone && !st->rx_ended;
}

/* What comes next: false when nothing does. */
static bool next_part(struct h2_stream *st)
{
    size_t n = h2_queue_len(&st->rx);

    if (n > 0) {
        st->chunk_left = n;
        return !st->chunked || buf_add_fmt(&st->lead, "%zx\r\n", n);
    }
    if (!st->rx_ended || st->rx_finished)
        return false;
    st->rx_finished = true;
    return st->chunked && buf_add_str(&st->lead, STR("0\r\n")) &&
           buf_add_str(&st->lead, buf_str(&st->trailers)) && buf_add_str(&st->lead, STR("\r\n"));
}

static size_t give_lead(struct h2_stream *st, char *p, size_t cap)
{
    size_t n = st->lead.len < cap ? st->lead.len : cap;

    memcpy(p, st->lead.bytes, n);
    buf_drop(&st->lead, n);
    return n;
}

/* The window opens by what has been read; of a stream that is gone, the connection's alone. */
static void consume(struct h2_stream *st, size_t n)
{
    nghttp2_session *ng = st->session->ng;
    int error = st->gone ? nghttp2_session_consume_connection(ng, n)
                         : nghttp2_session_consume(ng, st->id, n);

    ASSERT(error != NGHTTP2_ERR_INVALID_STATE); /* for want of memory the window stays smaller */
}

static size_t give_payload(struct h2_stream *st, char *p, size_t cap)
{
    size_t n = st->chunk_left < cap ? st->chunk_left : cap;

    memcpy(p, h2_queue_first(&st->rx), n);
    h2_queue_drop(&st->rx, n);
    consume(st, n);
    st->chunk_left -= n;
    if (st->chunk_left == 0 && st->chunked)
        ASSERT(buf_add_str(&st->lead, STR("\r\n"))); /* it was empty */
    return n;
}

enum io h2_stream_read(struct h2_stream *st, void *p, size_t cap, size_t *out_n)
{
    size_t n = 0;

    OBJ_CHECK(st, STREAM_MAGIC);
    *out_n = 0;
    if (st->untouched)
        return IO_EOF;
    if (is_failed(st)) {
        errno = ECONNRESET;
        return IO_FAIL;
    }
    while (n < cap && (st->lead.len > 0 || st->chunk_left > 0 || next_part(st)))
        n += st->lead.len > 0 ? give_lead(st, (char *)p + n, cap - n)
                              : give_payload(st, (char *)p + n, cap - n);
    *out_n = n;
    if (n > 0)
        return IO_DONE;
    return st->rx_finished ? IO_EOF : IO_AGAIN;
}

bool h2_stream_can_read(const struct h2_stream *st)
{
    return st->untouched || is_failed(st) || st->rx_ended || st->lead.len > 0 ||
           h2_queue_len(&st->rx) > 0;
}

/* ---- ours ------------------------------------------------------------------------------------ */

static size_t vector_bytes(const struct iovec *iov, size_t num)
{
    size_t n = 0;

    for (size_t i = 0; i < num; i++)
        n += iov[i].iov_len;
    return n;
}

enum io h2_stream_write(struct h2_stream *st, const struct iovec *iov, size_t num, size_t *out_n)
{
    size_t room;

    OBJ_CHECK(st, STREAM_MAGIC);
    *out_n = 0;
    if (st->gone) {
        errno = EPIPE;
        return IO_FAIL;
    }
    room = H2_TX_MAX - h2_queue_len(&st->tx);
    st->starved = room == 0;
    if (st->starved)
        return IO_AGAIN;
    if (!h1_split_feed(&st->split, &st->session->scratch, iov, num, room, out_n)) {
        *out_n = 0;
        errno = EPROTO;
        return IO_FAIL;
    }
    st->tx_ended = st->tx_ended || st->split.state == H1_SPLIT_END;
    st->starved = *out_n < vector_bytes(iov, num);
    resume(st);
    return IO_DONE;
}

bool h2_stream_can_write(const struct h2_stream *st)
{
    return !st->starved;
}

ssize_t h2_stream_give_data(struct h2_stream *st, uint8_t *out, size_t cap, uint32_t *out_flags)
{
    size_t n = h2_queue_len(&st->tx);

    if (n > cap)
        n = cap;
    if (n > 0) {
        memcpy(out, h2_queue_first(&st->tx), n);
        h2_queue_drop(&st->tx, n);
        st->since_ms = st->session->now_ms;
    }
    if (may_end(st) && h2_queue_len(&st->tx) == 0) {
        *out_flags |= NGHTTP2_DATA_FLAG_EOF;
        st->tx_sent = true;
        if (st->tx_trailers.len > 0) {
            *out_flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            h2_submit_trailers(st);
        }
    } else if (n == 0) {
        st->tx_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (st->starved && h2_queue_len(&st->tx) <= H2_TX_MAX / 2) {
        st->starved = false;
        h2_stream_tell(st);
    }
    return (ssize_t)n;
}

void h2_stream_end_sent(struct h2_stream *st)
{
    st->end_sent = true;
    /* RFC 9113 section 8.1: the response is whole, the rest of the request is not wanted. */
    if (st->released && !st->rx_ended && st->session->role == H2_SERVER)
        reset_with(st, NGHTTP2_NO_ERROR);
}

/* What becomes of the stream that its owner has left, and that nghttp2 still has. */
static void leave(struct h2_stream *st, bool reset)
{
    bool whole = !reset && h1_split_close(&st->split);

    if (st->session->role == H2_CLIENT) {
        if (st->follows != NULL)
            let_end(st);
        if (whole && st->leads != NULL)
            return; /* its trailers may still come */
        if (!whole || !st->rx_ended)
            reset_with(st, NGHTTP2_CANCEL);
        return;
    }
    if (!whole) {
        reset_with(st, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    st->tx_ended = true;
    resume(st);
    if (st->end_sent)
        h2_stream_end_sent(st);
}

void h2_stream_close(struct h2_stream *st, bool reset)
{
    size_t unread = h2_queue_len(&st->rx);

    OBJ_CHECK(st, STREAM_MAGIC);
    st->owner = NULL;
    st->is_new = false;
    st->released = true;
    st->since_ms = st->left_ms = st->session->now_ms;
    forget_news(st);
    if (unread > 0) {
        consume(st, unread);
        h2_queue_drop(&st->rx, unread);
    }
    if (st->gone || st->id == 0)
        h2_stream_free(st);
    else
        leave(st, reset);
}
