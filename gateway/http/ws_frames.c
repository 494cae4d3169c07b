/* See ws_frames.h. Payload costs a subtraction a block, a frame the bytes of its head. */
#include "gateway/http/ws_frames.h"

enum { OPCODE = 0x0f, CLOSE = 0x8, FIN = 0x80, MASKED = 0x80, LENGTH = 0x7f };

/* Of a head whose first two bytes have come. */
static size_t head_len(const uint8_t *head)
{
    unsigned length = head[1] & LENGTH;

    return 2U + (length < 126 ? 0U : length == 126 ? 2U : 8U) + ((head[1] & MASKED) != 0 ? 4U : 0U);
}

static uint64_t payload_len(const uint8_t *head)
{
    unsigned length = head[1] & LENGTH;
    uint64_t n = 0;

    if (length < 126)
        return length;
    for (unsigned i = 0; i < (length == 126 ? 2U : 8U); i++)
        n = n << 8 | head[2 + i];
    return n;
}

static void begin_payload(struct ws_frames *f, const uint8_t *head)
{
    f->left = payload_len(head);
    f->saw_close |= (head[0] & OPCODE) == CLOSE;
    f->have = 0;
}

/* A head, or a byte of one that comes in pieces. Gives how many bytes it took. */
static size_t take_head(struct ws_frames *f, const uint8_t *p, size_t n)
{
    size_t whole = n >= 2 ? head_len(p) : WS_HEAD_MAX;

    if (f->have == 0 && n >= whole) {
        begin_payload(f, p);
        return whole;
    }
    f->head[f->have++] = *p;
    if (f->have >= 2 && f->have >= head_len(f->head))
        begin_payload(f, f->head);
    return 1;
}

static size_t take_payload(struct ws_frames *f, size_t n)
{
    size_t some = f->left < n ? (size_t)f->left : n;

    f->left -= some;
    return some;
}

size_t ws_frames_pass(struct ws_frames *f, const char *p, size_t n, bool stop)
{
    size_t at = 0;

    while (at < n && !(stop && ws_frames_at_boundary(f))) {
        at += f->left > 0 ? take_payload(f, n - at) : take_head(f, (const uint8_t *)p + at, n - at);
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
