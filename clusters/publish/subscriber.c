/*
 * Streams without copies: frames go to the socket's buffer by reference, in steps of
 * PUBLISH_STEP_BYTES as it drains, so a thousand subscribers of a large table hold pointers, not
 * tables. Commits that come while a step is on its way are not queued but counted; when the socket
 * drains, one delta takes them all. Who lets PUBLISH_UNSENT_MAX of them pile up is cut: it comes
 * back and resumes. Called by publish.c.
 */
#include "clusters/publish/subscriber.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>

#include "clusters/publish/publish.h"
#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/core/log.h"
#include "gateway/core/obj.h"
#include "gateway/wire/frame.h"

enum { SUBSCRIBER_MAGIC = 0x5b5c21be };

static void move(struct subscriber *s, enum subscriber_state to)
{
    static const bool legal[SUBSCRIBER_STATE__COUNT][SUBSCRIBER_STATE__COUNT] = {
        [SUBSCRIBER_SENDING] = {[SUBSCRIBER_CURRENT] = true, [SUBSCRIBER_CLOSED] = true},
        [SUBSCRIBER_CURRENT] = {[SUBSCRIBER_SENDING] = true, [SUBSCRIBER_CLOSED] = true},
    };

    ASSERT(legal[s->state][to]);
    s->state = to;
}

static void close_stream(struct subscriber *s)
{
    if (s->state == SUBSCRIBER_CLOSED)
        return;
    move(s, SUBSCRIBER_CLOSED);
    ledger_batch_unref(&s->batch);
    s->on_closed(s->arg, s);
}

/*
 * libevent is about to free the connection. When the peer caused it, the request was taken off the
 * connection before and is ours to end; otherwise it goes with the connection.
 */
static void on_connection_closed(struct evhttp_connection *evcon, void *arg)
{
    struct subscriber *s;

    (void)evcon;
    OBJ_CAST(s, arg, SUBSCRIBER_MAGIC);
    s->evcon = NULL;
    if (evhttp_request_get_connection(s->req) == NULL)
        evhttp_send_reply_end(s->req);
    s->req = NULL;
    close_stream(s);
}

static size_t output_bytes(const struct subscriber *s)
{
    return evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(s->evcon)));
}

static void frame_sent(const void *data, size_t len, void *extra)
{
    (void)data;
    (void)len;
    ledger_frame_unref(extra);
}

static void add_frame(struct evbuffer *out, struct ledger_frame *f)
{
    ASSERT(evbuffer_add_reference(out, f->bytes, f->len, frame_sent, ledger_frame_ref(f)) == 0);
}

static void pump(struct subscriber *s);

static void on_drained(struct evhttp_connection *evcon, void *arg)
{
    struct subscriber *s;

    (void)evcon;
    OBJ_CAST(s, arg, SUBSCRIBER_MAGIC);
    if (s->state != SUBSCRIBER_CLOSED)
        pump(s);
}

/* One step of the batch: whole frames, at least one, about PUBLISH_STEP_BYTES. */
static void send_step(struct subscriber *s)
{
    struct evbuffer *out = evbuffer_new();

    ASSERT(out != NULL);
    while (s->next_frame < s->batch->num && evbuffer_get_length(out) < PUBLISH_STEP_BYTES)
        add_frame(out, s->batch->frames[s->next_frame++]);
    evhttp_send_reply_chunk_with_cb(s->req, out, on_drained, s);
    evbuffer_free(out);
    if (s->next_frame < s->batch->num)
        return;
    s->position = s->batch->revision;
    ledger_batch_unref(&s->batch);
    s->next_frame = 0;
}

/* True when there is something to send: the batch under way or what has changed since the last. */
static bool next_batch(struct subscriber *s)
{
    if (s->batch != NULL)
        return true;
    if (s->position == ledger_revision(s->ledger)) {
        if (s->state == SUBSCRIBER_SENDING)
            move(s, SUBSCRIBER_CURRENT);
        return false;
    }
    if (s->position < ledger_floor(s->ledger)) {
        log_info("a stream is too far behind to go on from revision %llu: closed, it resumes",
                 (unsigned long long)s->position);
        close_stream(s);
        return false;
    }
    s->batch = ledger_delta(s->ledger, s->position, false);
    s->lag_bytes = 0;
    if (s->state == SUBSCRIBER_CURRENT)
        move(s, SUBSCRIBER_SENDING);
    return true;
}

static void pump(struct subscriber *s)
{
    while (output_bytes(s) < PUBLISH_STEP_BYTES && next_batch(s))
        send_step(s);
}

struct subscriber *subscriber_new(struct ledger *ledger, struct evhttp_request *req, bool resume,
                                  uint64_t from)
{
    struct subscriber *s = xcalloc(1, sizeof *s);

    s->magic = SUBSCRIBER_MAGIC;
    s->state = SUBSCRIBER_SENDING;
    s->ledger = ledger;
    s->req = req;
    s->evcon = evhttp_request_get_connection(req);
    s->batch = resume ? ledger_delta(ledger, from, true) : ledger_snapshot(ledger);
    return s;
}

void subscriber_start(struct subscriber *s, const char *gateway, const char *node)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(s->req);

    s->gateway = xstrdup(gateway);
    s->node = xstrdup(node);
    ASSERT(evhttp_add_header(headers, "Content-Type", "application/x-ndjson") == 0 &&
           evhttp_add_header(headers, "Cache-Control", "no-store") == 0);
    evhttp_connection_set_closecb(s->evcon, on_connection_closed, s);
    evhttp_send_reply_start(s->req, 200, "OK");
    pump(s);
}

void subscriber_free(struct subscriber *s)
{
    if (s == NULL)
        return;
    OBJ_CHECK(s, SUBSCRIBER_MAGIC);
    if (s->evcon != NULL) {
        evhttp_connection_set_closecb(s->evcon, NULL, NULL);
        evhttp_connection_free(s->evcon); /* and the request */
    }
    ledger_batch_unref(&s->batch);
    free(s->gateway);
    free(s->node);
    OBJ_KILL(s);
}

void subscriber_commit(struct subscriber *s, size_t commit_bytes)
{
    OBJ_CHECK(s, SUBSCRIBER_MAGIC);
    if (s->state == SUBSCRIBER_CLOSED)
        return;
    pump(s);
    if (s->state == SUBSCRIBER_CLOSED || s->position == ledger_revision(s->ledger) ||
        (s->batch != NULL && s->batch->revision == ledger_revision(s->ledger)))
        return;
    s->lag_bytes += commit_bytes;
    if (s->lag_bytes + output_bytes(s) <= PUBLISH_UNSENT_MAX)
        return;
    log_warn("the stream of gateway \"%s\" does not read: cut with %zu bytes unsent", s->gateway,
             s->lag_bytes + output_bytes(s));
    close_stream(s);
}

void subscriber_end(struct subscriber *s)
{
    OBJ_CHECK(s, SUBSCRIBER_MAGIC);
    close_stream(s);
}

void subscriber_beat(struct subscriber *s)
{
    struct evbuffer *out;
    struct buf line;

    OBJ_CHECK(s, SUBSCRIBER_MAGIC);
    /* While bytes wait there is no silence to break. */
    if (s->state != SUBSCRIBER_CURRENT || output_bytes(s) > 0)
        return;
    out = evbuffer_new();
    buf_init(&line, FRAME_LINE_MAX);
    ASSERT(out != NULL && frame_write_beat(&line, s->position) &&
           evbuffer_add(out, line.bytes, line.len) == 0);
    evhttp_send_reply_chunk_with_cb(s->req, out, on_drained, s);
    evbuffer_free(out);
    buf_free(&line);
}
