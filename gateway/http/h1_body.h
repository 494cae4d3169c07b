/*
 * Scanner of chunked bodies (RFC 9112 section 7.1), for forwarding them as they are and for taking
 * them apart. Strict: CR LF only, at most 16 hex digits that fit in 63 bits, extensions of at most
 * 128 bytes a chunk, and at most 4 KiB more of them than of payload, trailers of at most 8 KiB
 * without framing, routing or forwarding fields.
 */
#ifndef GATEWAY_HTTP_H1_BODY_H
#define GATEWAY_HTTP_H1_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/http/h1_head.h"

enum {
    H1_CHUNK_EXT_MAX = 128,
    H1_CHUNK_EXCESS_MAX = 4096,
    H1_TRAILER_MAX = 8192,
    H1_TRAILER_LINE_MAX = 4096
};

struct h1_chunked {   /* all zero = at the start of a body */
    uint64_t left;    /* bytes of the chunk still to come */
    uint64_t payload; /* bytes of all chunks whose size has come */
    uint8_t state;    /* private */
    uint8_t num_digits;
    uint16_t ext_bytes;    /* of this chunk */
    uint16_t excess_bytes; /* of all extensions, beyond the payload */
    uint16_t trailer_bytes;
    uint16_t line_len;
    void (*on_trailer)(void *arg, struct str line); /* a good trailer field; NULL: nobody asks */
    void *arg;
    enum h1_refusal refusal;
    char line[H1_TRAILER_LINE_MAX]; /* the trailer line being collected */
};

void h1_chunked_init(struct h1_chunked *c); /* cheap: does not touch line[] */

enum h1_chunk_event {
    H1_CHUNK_MORE, /* everything was consumed, the body goes on */
    H1_CHUNK_DATA, /* *out_data is a piece of payload inside the bytes just consumed */
    H1_CHUNK_END,  /* the body, trailers included, ended at *out_consumed */
    H1_CHUNK_BAD   /* c->refusal says why */
};

/* One step: consumes framing up to and including the next run of payload. */
enum h1_chunk_event h1_chunked_next(struct h1_chunked *c, struct str in, size_t *out_consumed,
                                    struct str *out_data);

/* For forwarding framing and payload as they are: checks all of `in` (MORE, END or BAD). */
enum h1_chunk_event h1_chunked_pass(struct h1_chunked *c, struct str in, size_t *out_consumed);

#endif
