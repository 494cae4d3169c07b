/*
 * Heads of both kinds, whole and in two pieces: same answer; what is accepted and written out again
 * parses as one head with the same method, path and framing (nothing smuggled).
 */
#include <stdint.h>
#include <string.h>

#include "gateway/core/buf.h"
#include "gateway/core/check.h"
#include "gateway/http/h1_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reparse_request(const struct h1_head *h, const char *base, bool upgrade)
{
    static struct h1_out out;
    static struct h1_head again;
    const struct h1_forwarding fwd = {
        .client_ip = STR("10.0.0.1"), .proto = STR("http"), .upgrade = upgrade};
    struct buf b;

    if (str_eq(h1_method(h, base), STR("CONNECT")))
        return; /* never forwarded */
    h1_write_request(&out, h, base, &fwd);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < out.num; i++)
        ASSERT(buf_add(&b, out.iov[i].iov_base, out.iov[i].iov_len));
    h1_head_init(&again, H1_REQUEST);
    enum h1_parse r = h1_head_parse(&again, b.bytes, b.len);

    if (r == H1_DONE) {
        ASSERT(again.len == b.len);
        ASSERT(str_eq(h1_method(h, base), h1_method(&again, b.bytes)));
        ASSERT(again.has_upgrade == upgrade);
        ASSERT(again.framing == h->framing && again.content_length == h->content_length);
    } else { /* only because our fields made it larger, or because HTTP/1.0 had no Host */
        ASSERT(h->host_len == 0 || again.refusal == H1_HEAD_TOO_LARGE ||
               again.refusal == H1_TOO_MANY_FIELDS || again.refusal == H1_LINE_TOO_LONG);
    }
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h1_head h;
    static struct h1_head pieces;

    if (size < 2)
        return 0;
    enum h1_kind kind = (data[0] & 1) != 0 ? H1_RESPONSE : H1_REQUEST;
    size_t n = size - 2;
    size_t cut = n != 0 ? data[1] * n / 255 : 0;
    char *base = xmemdup0(data + 2, n);

    h1_head_init(&h, kind);
    h1_head_init(&pieces, kind);
    enum h1_parse r = h1_head_parse(&h, base, n);
    enum h1_parse r2 = h1_head_parse(&pieces, base, cut);

    if (r2 == H1_MORE)
        r2 = h1_head_parse(&pieces, base, n);
    ASSERT(r == r2);
    if (r == H1_REFUSED)
        ASSERT(h.refusal == pieces.refusal && h1_refusal_text(h.refusal) != NULL);
    if (r == H1_DONE) {
        ASSERT(h.len <= n && h.len == pieces.len && h.num_fields == pieces.num_fields);
        if (kind == H1_REQUEST)
            reparse_request(&h, base, h1_may_upgrade(&h, base));
    }
    free(base);
    return 0;
}
