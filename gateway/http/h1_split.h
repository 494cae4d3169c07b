/*
 * Takes a message apart that this program wrote as HTTP/1.1: head by head, then the payload without
 * its framing, then the trailers. For a side that frames differently (h2_stream.h). What it is fed
 * was written by us, yet it is parsed as strictly as what comes from outside: a field that would
 * mean another message there never gets that far.
 */
#ifndef GATEWAY_HTTP_H1_SPLIT_H
#define GATEWAY_HTTP_H1_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "gateway/core/buf.h"
#include "gateway/http/h1_body.h"
#include "gateway/http/h1_head.h"

struct h1_split_to {
    /* Each interim head and the final one. The bytes at base are the receiver's until it returns:
     * it may change them. bodiless: the message ends with this head. False: it cannot be used. */
    bool (*on_head)(void *arg, const struct h1_head *h, char *base, bool bodiless);
    bool (*on_data)(void *arg, struct str data);
    void (*on_trailer)(void *arg, struct str line); /* "Name: value" */
};

enum h1_split_state { H1_SPLIT_HEAD, H1_SPLIT_BODY, H1_SPLIT_END, H1_SPLIT_BAD };

struct h1_split {
    enum h1_split_state state;
    enum h1_kind kind;
    bool was_head; /* a response: its request was HEAD; set by the caller */
    uint8_t framing;
    uint64_t left;
    struct h1_chunked *chunks;
    struct buf head; /* one that has not come whole */
    const struct h1_split_to *to;
    void *arg;
};

void h1_split_init(struct h1_split *s, enum h1_kind kind, const struct h1_split_to *to, void *arg);
void h1_split_free(struct h1_split *s);

/*
 * Takes up to `limit` bytes of the vector (all of a head, however long). `scratch` is used during
 * the call only. False: malformed, or more than one message.
 */
MUST_USE bool h1_split_feed(struct h1_split *s, struct h1_head *scratch, const struct iovec *iov,
                            size_t num, size_t limit, size_t *out_n);

/* The writer has closed. True: the message is whole, a body that ends by this included. */
MUST_USE bool h1_split_close(struct h1_split *s);

#endif
