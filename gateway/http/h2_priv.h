/* What h2_session.c (nghttp2's callbacks) and h2_stream.c (HTTP/1.1 on top) share. */
#ifndef GATEWAY_HTTP_H2_PRIV_H
#define GATEWAY_HTTP_H2_PRIV_H

#include <nghttp2/nghttp2.h>
#include <sys/queue.h>

#include "gateway/core/buf.h"
#include "gateway/http/h1_split.h"
#include "gateway/http/h2_head.h"
#include "gateway/http/h2_session.h"
#include "gateway/http/h2_stream.h"

enum { FRAME_HEAD_BYTES = 9, SETTING_BYTES = 6 }; /* RFC 9113 sections 4.1 and 6.5.1 */

/* Bytes that wait, from `at`: what was taken is dropped now and then, not each time. */
struct h2_queue {
    struct buf bytes;
    size_t at;
};

struct h2_stream {
    unsigned magic;
    struct h2_session *session;
    void *owner;
    int32_t id; /* 0: a client's that has not been sent */
    TAILQ_ENTRY(h2_stream) link;
    TAILQ_ENTRY(h2_stream) news_link;
    int64_t since_ms; /* without an owner: of the last progress */
    int64_t left_ms;  /* since when it has none */
    bool has_news;
    bool is_new;
    bool too_large;
    bool was_head;
    struct h2_stream *follows; /* whose end ours waits for; see h2_stream_follow */
    struct h2_stream *leads;   /* the other way round */
    bool released;             /* its owner has let go */
    bool gone;                 /* nghttp2 has forgotten it */
    bool untouched;

    /* the peer's message: lead (head, framing), then chunk_left bytes of payload, and again */
    struct buf lead;
    struct h2_queue rx;
    struct buf trailers;
    size_t chunk_left;
    bool head_done; /* the final head has come */
    bool chunked;
    bool takes_body;  /* else what comes is dropped: a response to HEAD */
    bool rx_ended;    /* the peer has sent its last frame */
    bool rx_finished; /* and everything was put into lead */

    /* ours */
    struct h1_split split;
    struct h2_queue tx;
    struct buf tx_trailers;
    bool tx_ended;    /* tx holds the end of it */
    bool tx_sent;     /* its last frame is on its way */
    bool end_sent;    /* and gone out */
    bool tx_deferred; /* nghttp2 waits to be told of more */
    bool starved;     /* the writer waits for room */
};

TAILQ_HEAD(h2_stream_list, h2_stream);

/* So many at once, so many a second. */
struct h2_budget {
    int64_t thousandths; /* that are left */
    int64_t filled_ms;
    int64_t burst, a_second;
};

struct h2_session {
    unsigned magic;
    enum h2_role role;
    nghttp2_session *ng;
    struct h2_stream_list streams;
    struct h2_stream_list news;
    uint32_t num_streams;
    void (*on_wake)(void *arg);
    void *arg;
    int64_t now_ms; /* as of the last call that said it */
    struct h2_budget calm, resets;
    bool flooded;
    bool is_wide;        /* its window has H2_WINDOW bytes */
    bool blamed;         /* our GOAWAY named an error */
    bool failed;         /* nghttp2 cannot go on */
    bool going;          /* the peer has said GOAWAY */
    const uint8_t *rest; /* what output could not give away: lent by ng, or the greeting */
    size_t rest_len;
    uint8_t greeting[FRAME_HEAD_BYTES + 3 * SETTING_BYTES]; /* a server's first frame */
    uint32_t max_streams;
    struct h2_head section; /* the one that is being received */
    size_t section_bytes;   /* of its fields, as RFC 9113 section 6.5.2 counts them */
    struct h1_head scratch;
};

/* h2_stream.c */
struct h2_stream *h2_stream_new(struct h2_session *s, int32_t id);
void h2_stream_free(struct h2_stream *st);
void h2_stream_tell(struct h2_stream *st); /* it has news */
void h2_stream_gone(struct h2_stream *st); /* nghttp2 forgets it; frees it when nobody owns it */
/* The section in the session has come whole; ends: nothing follows. False: reset the stream. */
MUST_USE bool h2_stream_take_section(struct h2_stream *st, bool ends);
MUST_USE bool h2_stream_take_data(struct h2_stream *st, struct str data);
void h2_stream_take_end(struct h2_stream *st);
void h2_stream_end_sent(struct h2_stream *st);
ssize_t h2_stream_give_data(struct h2_stream *st, uint8_t *out, size_t cap, uint32_t *out_flags);

/* Trailers wait to be sent, or may yet come from whom it follows. */
static inline bool h2_stream_may_trail(const struct h2_stream *st)
{
    return st->follows != NULL || st->tx_trailers.len > 0;
}

/* h2_submit.c */
extern const struct h1_split_to h2_submit_message; /* arg: the stream */
void h2_submit_trailers(struct h2_stream *st);

static inline size_t h2_queue_len(const struct h2_queue *q)
{
    return q->bytes.len - q->at;
}

static inline const char *h2_queue_first(const struct h2_queue *q)
{
    return q->bytes.bytes + q->at;
}

void h2_queue_drop(struct h2_queue *q, size_t n);

#endif
