/*
 * The other end of a stream of h2_session.h: it is read and written as HTTP/1.1, and has an owner
 * until h2_stream_close.
 */
#ifndef GATEWAY_HTTP_H2_STREAM_H
#define GATEWAY_HTTP_H2_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "gateway/core/result.h"

struct h2_session;
struct h2_stream;

/* A server's new stream comes without one. */
void h2_stream_own(struct h2_stream *st, void *owner);
void *h2_stream_owner(const struct h2_stream *st);
struct h2_session *h2_stream_session(const struct h2_stream *st);

bool h2_stream_is_new(const struct h2_stream *st);       /* until it has an owner */
bool h2_stream_is_too_large(const struct h2_stream *st); /* its head: to be answered with 431 */
/* The peer has reset it, or it ended with the connection, before its response was complete. */
bool h2_stream_is_broken(const struct h2_stream *st);
/* The last byte of the peer's message has come, if not been read. */
bool h2_stream_is_whole(const struct h2_stream *st);
/* Its peer has opened no window for what it has to say; that of the connection is another. */
bool h2_stream_is_held(const struct h2_stream *st);
/* A client's: the peer says that it has not looked at the request. */
bool h2_stream_is_untouched(const struct h2_stream *st);

/*
 * The message of the peer. IO_DONE with *out_n >= 1; IO_AGAIN; IO_EOF after its last byte, and of
 * an untouched request; IO_FAIL with ECONNRESET.
 */
MUST_USE enum io h2_stream_read(struct h2_stream *st, void *p, size_t cap, size_t *out_n);
bool h2_stream_can_read(const struct h2_stream *st); /* h2_stream_read would not say IO_AGAIN */

/*
 * Our message. IO_DONE: *out_n bytes were taken, perhaps not all; IO_AGAIN; IO_FAIL with EPIPE, or
 * with EPROTO when it is no message that could be passed on.
 */
MUST_USE enum io h2_stream_write(struct h2_stream *st, const struct iovec *iov, size_t num,
                                 size_t *out_n);
bool h2_stream_can_write(const struct h2_stream *st);

/*
 * What is written to `to` is what is read from `from`, and it has a length: HTTP/1.1 has no place
 * for trailers then. So `to` ends when `from` has, and takes its trailers along; when `from` is
 * gone before, without them. Either may be closed meanwhile. To be called before anything is
 * written: with a head that says a length of 0, `to` would end at once.
 */
void h2_stream_follow(struct h2_stream *to, struct h2_stream *from);

/*
 * The owner lets go. What it wrote still goes out when it is a whole message (a body that ends with
 * the connection is whole now) and `reset` is false; else the peer sees the stream reset.
 */
void h2_stream_close(struct h2_stream *st, bool reset);

#endif
