/*
 * Where the frames of a WebSocket begin (RFC 6455 section 5.2), in bytes that pass by: looks at
 * their heads only and understands nothing else of them.
 */
#ifndef GATEWAY_HTTP_WS_FRAMES_H
#define GATEWAY_HTTP_WS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WS_HEAD_MAX = 14, WS_CLOSE_MAX = 8, WS_GOING_AWAY = 1001 };

struct ws_frames { /* of one direction; all zero: at its beginning */
    uint64_t left; /* bytes of the frame's payload still to come */
    uint8_t have;  /* bytes of its head that have come */
    uint8_t head[WS_HEAD_MAX];
    bool saw_close; /* a Close frame began: none comes after it */
};

static inline bool ws_frames_at_boundary(const struct ws_frames *f)
{
    return f->left == 0 && f->have == 0;
}

/* Takes n more bytes; with `stop` only up to the next boundary. Gives how many it took. */
size_t ws_frames_pass(struct ws_frames *f, const char *p, size_t n, bool stop);

/* A Close frame with that code and no words, masked as a client's must be. Gives its length. */
size_t ws_write_close(uint16_t code, const uint8_t *mask, char out[WS_CLOSE_MAX]); /* NULL: not */

#endif
