/* See ws_frames.h. Payload costs a subtraction a block, a frame the bytes of its head. */
#include "gateway/http/ws_frames.h"

enum { OPCODE = 0x0f, CLOSE = 0x8, FIN = 0x80, MASKED = 0x80, LENGTH = 0x7f };

static unsigned head_len(const struct ws_frames *f)
{
    unsigned length = f->head[1] & LENGTH;

    return 2 +
           (length == 126   ? 2U
            : length == 127 ? 8U
                            : 0U) +
           ((f->head[1] & MASKED) != 0 ? 4U : 0U);
}

static uint64_t payload_len(const struct ws_frames *f)
{
    unsigned length = f->head[1] & LENGTH, bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    uint64_t n = bytes == 0 ? length : 0;

    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | f->head[2 + i];
    return n;
}

static void take_head_byte(struct ws_frames *f, char byte)
{
    f->head[f->have++] = (uint8_t)byte;
    if (f->have < 2 || f->have < head_len(f))
        return;
    f->left = payload_len(f);
    f->saw_close |= (f->head[0] & OPCODE) == CLOSE;
    f->have = 0;
}

size_t ws_frames_pass(struct ws_frames *f, const char *p, size_t n, bool stop)
{
    size_t at = 0;

    while (at < n && !(stop && ws_frames_at_boundary(f))) {
        if (f->left > 0) {
            size_t some = f->left < n - at ? (size_t)f->left : n - at;

            f->left -= some;
            at += some;
        } else {
            take_head_byte(f, p[at++]);
        }
    }
    return at;
}

size_t ws_write_close(uint16_t code, const uint8_t *mask, char out[WS_CLOSE_MAX])
{
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t n = 0;

    out[n++] = (char)(FIN | CLOSE);
    out[n++] = (char)((mask != NULL ? MASKED : 0) | 2);
    for (size_t i = 0; mask != NULL && i < 4; i++)
        out[n++] = (char)mask[i];
    for (size_t i = 0; i < sizeof payload; i++)
        out[n++] = (char)(payload[i] ^ (mask != NULL ? mask[i] : 0));
    return n;
}
