/*
 * One HTTP/2 connection (RFC 9113), of either side, without its socket: bytes go in, bytes come
 * out, and each stream is read and written as a connection that carries one HTTP/1.1 message each
 * way (h2_stream.h). So routing, limits, forwarding rules and everything else exist once, and what
 * HTTP/2 could smuggle has to pass the strict parser. nghttp2 does frames, HPACK and flow control;
 * this is the only place that calls it.
 *
 * A window is opened only as what came is read: H2_STREAM_WINDOW bytes wait on a stream at the
 * most, H2_WINDOW on all streams of a connection, and H2_TX_MAX to be sent on each.
 *
 * Floods: nghttp2 counts resets, CONTINUATION frames and unread acknowledgements; frames that cost
 * us work and the peer nothing (empty DATA, PING, SETTINGS, what makes us reset a stream)
 * have a budget here. Beyond any of them the connection ends with ENHANCE_YOUR_CALM.
 */
#ifndef GATEWAY_HTTP_H2_SESSION_H
#define GATEWAY_HTTP_H2_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    H2_STREAM_WINDOW = 65535,
    H2_WINDOW = 1 << 20,
    H2_TX_MAX = 32768,
    H2_STREAMS_DEFAULT = 100,
    H2_RESETS_BURST = 200, /* streams that the client may reset, or have refused, at once */
    H2_RESETS_A_SECOND = 50,
    H2_CALM_BURST = 1000, /* frames that only cost work, likewise */
    H2_CALM_A_SECOND = 200,
    H2_CONTINUATIONS = 16 /* frames of a header section after its first */
};

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum h2_preface { H2_PREFACE_NOT, H2_PREFACE_PART, H2_PREFACE_WHOLE };
enum h2_preface h2_preface_find(const char *p, size_t n); /* at least one byte */

enum h2_role { H2_SERVER, H2_CLIENT };

struct h2_session;
struct h2_stream;

/* max_streams: of the peer's at one time (a server's limit; a client accepts none). */
struct h2_session *h2_session_new(enum h2_role role, uint32_t max_streams, int64_t now_ms);
/* No stream has an owner any more. NULL is fine. */
void h2_session_free(struct h2_session *s);

/*
 * Takes all n bytes. False: nothing more can be taken, what h2_session_output still gives (a GOAWAY
 * that says why) is the last.
 */
MUST_USE bool h2_session_feed(struct h2_session *s, const char *p, size_t n, int64_t now_ms);

/* Nothing more will come: messages that are not whole end here, the others go on. */
void h2_session_feed_end(struct h2_session *s);

/* Up to cap bytes for the peer; 0: nothing is to be sent now. */
size_t h2_session_output(struct h2_session *s, char *out, size_t cap);

/* Both sides are done: nothing will be read, nothing is to be sent. */
bool h2_session_is_over(const struct h2_session *s);

/* A server's end in order: first the notice, a round trip later the last word on new streams. */
void h2_session_notice(struct h2_session *s);
void h2_session_goaway(struct h2_session *s);

/*
 * Something is to be sent although nothing was fed: on_wake asks for a step of the connection.
 * Nothing is called before it is set.
 */
void h2_session_on_wake(struct h2_session *s, void (*on_wake)(void *arg), void *arg);
void h2_session_wake(struct h2_session *s);

/* How it comes to its end, as far as that is known. */
enum h2_end { H2_END_IN_ORDER, H2_END_ERROR, H2_END_FLOOD };
enum h2_end h2_session_end(const struct h2_session *s);

/*
 * The next stream that something has happened to since it was given last: new (a server's), to be
 * read, to be written, gone. NULL: none. Streams without an owner are not told of, except new ones.
 */
struct h2_stream *h2_session_news(struct h2_session *s);
bool h2_session_has_news(const struct h2_session *s);
void h2_session_tell_all(struct h2_session *s); /* every stream with an owner has news now */
struct h2_stream *h2_session_owned(struct h2_session *s); /* any that has an owner; NULL: none */
/* Streams on their way, those without an owner included. */
uint32_t h2_session_num_streams(const struct h2_session *s);

/* A client's: may one more be begun? Not beyond the peer's limit, nor after its GOAWAY. */
bool h2_session_has_room(const struct h2_session *s);
bool h2_session_is_going(const struct h2_session *s); /* the peer said GOAWAY, or it is over */
struct h2_stream *h2_session_open(struct h2_session *s, void *owner);

/*
 * Ends what has had no owner for longest_ms, or made no progress for patience_ms since: its reader
 * is too slow.
 */
void h2_session_tick(struct h2_session *s, int64_t now_ms, int64_t patience_ms, int64_t longest_ms);

#endif
