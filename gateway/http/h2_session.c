/*
 * See h2_session.h: nghttp2's callbacks, its options, and the budgets against floods. nghttp2 calls
 * back from inside of feed and output only, and nothing in here calls out: owners are told by
 * h2_session_news, when nghttp2 is not on the stack.
 */
#include "gateway/http/h2_session.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/obj.h"
#include "gateway/http/h2_priv.h"

enum {
    SESSION_MAGIC = 0x0b2a5702,
    SECTION_MAX = 4 * H1_HEAD_MAX, /* beyond, a head is not even answered */
    INVALID_COST = 20,             /* frames: what makes us reset a stream */
    SETTING_ID_BYTES = 2           /* RFC 9113 section 6.5.1 */
};

enum h2_preface h2_preface_find(const char *p, size_t n)
{
    const struct str whole = STR(H2_PREFACE);

    if (memcmp(p, whole.p, n < whole.n ? n : whole.n) != 0)
        return H2_PREFACE_NOT;
    return n < whole.n ? H2_PREFACE_PART : H2_PREFACE_WHOLE;
}

/* ---- budgets --------------------------------------------------------------------------------- */

static void budget_init(struct h2_budget *b, int64_t burst, int64_t a_second, int64_t now_ms)
{
    *b = (struct h2_budget){burst * 1000, now_ms, burst, a_second};
}

static bool budget_spend(struct h2_budget *b, int64_t num, int64_t now_ms)
{
    b->thousandths += (now_ms - b->filled_ms) * b->a_second;
    b->filled_ms = now_ms;
    if (b->thousandths > b->burst * 1000)
        b->thousandths = b->burst * 1000;
    b->thousandths -= num * 1000;
    return b->thousandths >= 0;
}

static void end_flood(struct h2_session *s)
{
    s->flooded = true;
    if (nghttp2_session_terminate_session(s->ng, NGHTTP2_ENHANCE_YOUR_CALM) != 0)
        s->failed = true;
}

static void spend(struct h2_session *s, struct h2_budget *b, int64_t num)
{
    if (s->role == H2_SERVER && !s->flooded && !budget_spend(b, num, s->now_ms))
        end_flood(s);
}

/* ---- nghttp2's callbacks --------------------------------------------------------------------- */

static void reset_stream(struct h2_session *s, int32_t id, uint32_t code)
{
    if (nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, id, code) != 0)
        s->failed = true;
}

static struct h2_stream *stream_of(struct h2_session *s, int32_t id)
{
    return nghttp2_session_get_stream_user_data(s->ng, id);
}

static enum h2_section section_of(const struct h2_session *s, const struct h2_stream *st)
{
    if (st->head_done)
        return H2_TRAILERS;
    return s->role == H2_SERVER ? H2_REQUEST_HEAD : H2_RESPONSE_HEAD;
}

/* RFC 9113 section 5.1.2: the others go on, and what was refused may be sent again. */
static int refuse_stream(struct h2_session *s, int32_t id)
{
    reset_stream(s, id, NGHTTP2_REFUSED_STREAM);
    spend(s, &s->resets, 1);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
    struct h2_session *s = arg;
    struct h2_stream *st = stream_of(s, f->hd.stream_id);

    if (st == NULL && s->role == H2_SERVER && f->headers.cat == NGHTTP2_HCAT_REQUEST) {
        if (s->num_streams >= s->max_streams)
            return refuse_stream(s, f->hd.stream_id);
        st = h2_stream_new(s, f->hd.stream_id);
        if (nghttp2_session_set_stream_user_data(ng, st->id, st) != 0) {
            h2_stream_free(st);
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }
    if (st == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    h2_head_end(&s->section);
    h2_head_begin(&s->section, section_of(s, st));
    s->section_bytes = 0;
    return 0;
}

static struct str text_of(nghttp2_rcbuf *b)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(b);

    return (struct str){(const char *)v.base, v.len};
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *f, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    struct h2_session *s = arg;
    struct str n = text_of(name), v = text_of(value);

    (void)ng;
    (void)f;
    (void)flags;
    s->section_bytes += n.n + v.n + 32;
    if (s->section_bytes > SECTION_MAX) /* from here on it is only decoded */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    h2_head_add(&s->section, n, v);
    return 0;
}

/* nghttp2 would leave such a field out: the request is refused instead. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *f, nghttp2_rcbuf *name,
                             nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    (void)ng;
    (void)f;
    (void)name;
    (void)value;
    (void)flags;
    (void)arg;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* The window of the connection is for those who send bodies: it is opened at the first byte. */
static bool widen(struct h2_session *s)
{
    if (s->is_wide)
        return true;
    s->is_wide = true;
    return nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0, H2_WINDOW) == 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                         void *arg)
{
    struct h2_session *s = arg;
    struct h2_stream *st = stream_of(s, id);

    (void)flags;
    if (!widen(s))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (st == NULL)
        return nghttp2_session_consume(ng, id, n);
    return h2_stream_take_data(st, (struct str){(const char *)p, n}) ? 0
                                                                     : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void take_headers(struct h2_session *s, const nghttp2_frame *f)
{
    struct h2_stream *st = stream_of(s, f->hd.stream_id);
    bool ends = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (st != NULL && !h2_stream_take_section(st, ends))
        reset_stream(s, f->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    else if (st != NULL && ends)
        h2_stream_take_end(st);
    h2_head_end(&s->section);
}

static void take_data_frame(struct h2_session *s, const nghttp2_frame *f)
{
    struct h2_stream *st = stream_of(s, f->hd.stream_id);

    if ((f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && st != NULL)
        h2_stream_take_end(st);
    else if (f->hd.length == f->data.padlen)
        spend(s, &s->calm, 1);
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
    struct h2_session *s = arg;

    (void)ng;
    switch (f->hd.type) {
    case NGHTTP2_HEADERS:
        take_headers(s, f);
        break;
    case NGHTTP2_DATA:
        take_data_frame(s, f);
        break;
    case NGHTTP2_RST_STREAM:
        spend(s, &s->resets, 1);
        break;
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS:
        spend(s, &s->calm, 1);
        break;
    case NGHTTP2_GOAWAY:
        s->going = true;
        break;
    default:
        break;
    }
    return 0;
}

/* What comes of it is a stream that we reset, at the peer's will. */
static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *f, int error, void *arg)
{
    struct h2_session *s = arg;

    (void)ng;
    (void)f;
    (void)error;
    spend(s, &s->calm, INVALID_COST);
    return 0;
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *f, void *arg)
{
    struct h2_session *s = arg;
    struct h2_stream *st;

    (void)ng;
    if (f->hd.type == NGHTTP2_GOAWAY)
        s->blamed = f->goaway.error_code != NGHTTP2_NO_ERROR;
    if ((f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA) ||
        (f->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    st = stream_of(s, f->hd.stream_id);
    if (st != NULL)
        h2_stream_end_sent(st);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
    struct h2_session *s = arg;
    struct h2_stream *st = stream_of(s, id);

    (void)ng;
    if (st == NULL)
        return 0;
    st->untouched = s->role == H2_CLIENT && code == NGHTTP2_REFUSED_STREAM && !st->head_done;
    if (code != NGHTTP2_NO_ERROR)
        st->tx_sent = false;
    h2_stream_gone(st);
    return 0;
}

/* ---- making and ending ----------------------------------------------------------------------- */

static nghttp2_session_callbacks *new_callbacks(void)
{
    nghttp2_session_callbacks *cb;

    if (nghttp2_session_callbacks_new(&cb) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    return cb;
}

static nghttp2_option *new_options(void)
{
    nghttp2_option *o;

    if (nghttp2_option_new(&o) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_continuations(o, H2_CONTINUATIONS);
    /* Ours are stricter, and say ENHANCE_YOUR_CALM. */
    nghttp2_option_set_stream_reset_rate_limit(o, 2 * H2_RESETS_BURST, 2 * H2_RESETS_A_SECOND);
    return o;
}

static bool make(struct h2_session *s)
{
    nghttp2_session_callbacks *cb = new_callbacks();
    nghttp2_option *o = new_options();
    bool ok = cb != NULL && o != NULL &&
              (s->role == H2_SERVER ? nghttp2_session_server_new2(&s->ng, cb, s, o)
                                    : nghttp2_session_client_new2(&s->ng, cb, s, o)) == 0;

    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(o);
    return ok;
}

/*
 * nghttp2 takes a stream beyond the limit that it knows for an error of the connection. So it is
 * told of none, and its first frame is made here, to tell the peer of ours.
 */
static bool say_server_settings(struct h2_session *s)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, INT32_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H1_HEAD_MAX},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    const size_t num = sizeof entries / sizeof entries[0];
    uint8_t *limit = s->greeting + FRAME_HEAD_BYTES + SETTING_ID_BYTES;
    const uint8_t *frame;

    _Static_assert(sizeof s->greeting ==
                       FRAME_HEAD_BYTES + sizeof entries / sizeof entries[0] * SETTING_BYTES,
                   "the greeting is this frame");
    if (nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, entries, num) != 0 ||
        nghttp2_session_mem_send(s->ng, &frame) != (ssize_t)sizeof s->greeting)
        return false;
    memcpy(s->greeting, frame, sizeof s->greeting);
    for (int i = 0; i < 4; i++)
        limit[i] = (uint8_t)(s->max_streams >> (24 - 8 * i));
    s->rest = s->greeting;
    s->rest_len = sizeof s->greeting;
    return true;
}

static bool say_client_settings(struct h2_session *s)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H1_HEAD_MAX},
    };

    return nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, entries,
                                   sizeof entries / sizeof entries[0]) == 0;
}

struct h2_session *h2_session_new(enum h2_role role, uint32_t max_streams, int64_t now_ms)
{
    struct h2_session *s = xcalloc(1, sizeof *s);

    s->magic = SESSION_MAGIC;
    s->role = role;
    s->max_streams = max_streams;
    s->now_ms = now_ms;
    TAILQ_INIT(&s->streams);
    TAILQ_INIT(&s->news);
    budget_init(&s->calm, H2_CALM_BURST, H2_CALM_A_SECOND, now_ms);
    budget_init(&s->resets, H2_RESETS_BURST, H2_RESETS_A_SECOND, now_ms);
    if (make(s) && (role == H2_SERVER ? say_server_settings(s) : say_client_settings(s)))
        return s;
    h2_session_free(s);
    return NULL;
}

void h2_session_free(struct h2_session *s)
{
    struct h2_stream *st;

    if (s == NULL)
        return;
    OBJ_CHECK(s, SESSION_MAGIC);
    while ((st = TAILQ_FIRST(&s->streams)) != NULL) {
        ASSERT(st->owner == NULL);
        h2_stream_free(st);
    }
    h2_head_end(&s->section);
    nghttp2_session_del(s->ng);
    OBJ_KILL(s);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

bool h2_session_feed(struct h2_session *s, const char *p, size_t n, int64_t now_ms)
{
    ssize_t taken;

    OBJ_CHECK(s, SESSION_MAGIC);
    s->now_ms = now_ms;
    taken = nghttp2_session_mem_recv(s->ng, (const uint8_t *)p, n);
    if (taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
        end_flood(s);
    else if (taken < 0)
        s->failed = true;
    return !s->failed && !s->flooded;
}

void h2_session_feed_end(struct h2_session *s)
{
    struct h2_stream *st;

    OBJ_CHECK(s, SESSION_MAGIC);
    TAILQ_FOREACH(st, &s->streams, link)
    {
        if (!st->rx_ended && st->id != 0)
            reset_stream(s, st->id, NGHTTP2_CANCEL);
    }
}

enum h2_end h2_session_end(const struct h2_session *s)
{
    if (s->flooded)
        return H2_END_FLOOD;
    return s->failed || s->blamed ? H2_END_ERROR : H2_END_IN_ORDER;
}

size_t h2_session_output(struct h2_session *s, char *out, size_t cap)
{
    size_t len = 0;

    OBJ_CHECK(s, SESSION_MAGIC);
    while (len < cap) {
        size_t n = s->rest_len < cap - len ? s->rest_len : cap - len;

        if (s->rest_len == 0) {
            ssize_t more = nghttp2_session_mem_send(s->ng, &s->rest);

            s->failed = s->failed || more < 0;
            if (more <= 0)
                break;
            s->rest_len = (size_t)more;
            continue;
        }
        memcpy(out + len, s->rest, n);
        s->rest += n;
        s->rest_len -= n;
        len += n;
    }
    return len;
}

bool h2_session_is_over(const struct h2_session *s)
{
    return s->rest_len == 0 && (s->failed || (nghttp2_session_want_read(s->ng) == 0 &&
                                              nghttp2_session_want_write(s->ng) == 0));
}

void h2_session_notice(struct h2_session *s)
{
    if (nghttp2_submit_shutdown_notice(s->ng) != 0)
        s->failed = true;
}

void h2_session_goaway(struct h2_session *s)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(s->ng);

    if (nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0) != 0)
        s->failed = true;
}

void h2_session_on_wake(struct h2_session *s, void (*on_wake)(void *arg), void *arg)
{
    s->on_wake = on_wake;
    s->arg = arg;
}

void h2_session_wake(struct h2_session *s)
{
    if (s->on_wake != NULL)
        s->on_wake(s->arg);
}

/* ---- streams --------------------------------------------------------------------------------- */

struct h2_stream *h2_session_news(struct h2_session *s)
{
    struct h2_stream *st;

    OBJ_CHECK(s, SESSION_MAGIC);
    while ((st = TAILQ_FIRST(&s->news)) != NULL) {
        TAILQ_REMOVE(&s->news, st, news_link);
        st->has_news = false;
        if (st->owner != NULL || st->is_new)
            return st;
    }
    return NULL;
}

bool h2_session_has_news(const struct h2_session *s)
{
    return !TAILQ_EMPTY(&s->news);
}

void h2_session_tell_all(struct h2_session *s)
{
    struct h2_stream *st;

    TAILQ_FOREACH(st, &s->streams, link)
    {
        if (st->owner != NULL)
            h2_stream_tell(st);
    }
}

struct h2_stream *h2_session_owned(struct h2_session *s)
{
    struct h2_stream *st;

    TAILQ_FOREACH(st, &s->streams, link)
    {
        if (st->owner != NULL)
            return st;
    }
    return NULL;
}

uint32_t h2_session_num_streams(const struct h2_session *s)
{
    return s->num_streams;
}

bool h2_session_is_going(const struct h2_session *s)
{
    return s->going || s->failed || nghttp2_session_check_request_allowed(s->ng) == 0;
}

bool h2_session_has_room(const struct h2_session *s)
{
    uint32_t theirs =
        nghttp2_session_get_remote_settings(s->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    return !h2_session_is_going(s) && s->num_streams < s->max_streams && s->num_streams < theirs;
}

struct h2_stream *h2_session_open(struct h2_session *s, void *owner)
{
    struct h2_stream *st = h2_stream_new(s, 0);

    h2_stream_own(st, owner);
    return st;
}

void h2_session_tick(struct h2_session *s, int64_t now_ms, int64_t patience_ms, int64_t longest_ms)
{
    struct h2_stream *st;

    s->now_ms = now_ms;
    TAILQ_FOREACH(st, &s->streams, link)
    {
        if (st->owner != NULL ||
            (now_ms - st->since_ms < patience_ms && now_ms - st->left_ms < longest_ms))
            continue;
        reset_stream(s, st->id, NGHTTP2_CANCEL);
        st->since_ms = st->left_ms = now_ms;
    }
}
