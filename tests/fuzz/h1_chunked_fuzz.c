/*
 * Chunked bodies in two different cuts: same payload, same end, same refusal. And what is passed on
 * as framing has no LF without a CR before it, as that would be the end of a line to others.
 */
#include <stdint.h>
#include <string.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/http/h1_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct buf payload;
    size_t used;
    enum h1_chunk_event ev;
    enum h1_refusal refusal;
};

static void check_framing(const char *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        ASSERT(p[i] != '\n' || (i > 0 && p[i - 1] == '\r'));
}

static void run(const char *p, size_t n, size_t step, struct outcome *o)
{
    static struct h1_chunked c;

    h1_chunked_init(&c);
    buf_init(&o->payload, 1 << 22);
    o->used = 0;
    o->ev = H1_CHUNK_MORE;
    while (o->used < n) {
        size_t piece = n - o->used < step ? n - o->used : step;
        struct str data;
        size_t took;

        o->ev = h1_chunked_next(&c, (struct str){p + o->used, piece}, &took, &data);
        ASSERT(took <= piece && data.n <= took);
        check_framing(p, o->used, o->used + took - data.n);
        o->used += took;
        if (o->ev == H1_CHUNK_DATA)
            ASSERT(buf_add_str(&o->payload, data));
        else if (o->ev != H1_CHUNK_MORE)
            break;
    }
    o->refusal = c.refusal;
    if (o->ev == H1_CHUNK_DATA)
        o->ev = H1_CHUNK_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome a;
    struct outcome b;

    if (size < 1)
        return 0;
    run((const char *)data + 1, size - 1, SIZE_MAX, &a);
    run((const char *)data + 1, size - 1, (size_t)data[0] + 1, &b);
    ASSERT(a.ev == b.ev && a.used == b.used && str_eq(buf_str(&a.payload), buf_str(&b.payload)));
    ASSERT(a.ev != H1_CHUNK_BAD || a.refusal == b.refusal);
    buf_free(&a.payload);
    buf_free(&b.payload);
    return 0;
}
