/*
 * The chunked scanner: one enum of states, a byte at a time through framing, whole runs through
 * payload. Knows nothing of buffers or sockets.
 */
#include "gateway/http/h1_body.h"

#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/h1_syntax.h"

enum chunked_state {
    AT_SIZE,       /* first digit, or more of them */
    AT_EXT,        /* after ';' or a blank, up to CR */
    AT_SIZE_LF,    /* the LF after the size line's CR */
    AT_DATA,       /* `left` bytes of payload */
    AT_DATA_CR,    /* CR after the payload */
    AT_DATA_LF,    /* LF after it */
    AT_TRAILER,    /* a trailer line, collected in line[] */
    AT_TRAILER_LF, /* its LF */
    AT_END
};

void h1_chunked_init(struct h1_chunked *c)
{
    memset(c, 0, offsetof(struct h1_chunked, line));
}

static enum h1_chunk_event bad(struct h1_chunked *c, enum h1_refusal why)
{
    c->refusal = why;
    return H1_CHUNK_BAD;
}

static uint64_t hex_value(char c)
{
    if (c <= '9')
        return (uint64_t)(c - '0');
    return (uint64_t)((c | 0x20) - 'a') + 10;
}

static bool size_byte(struct h1_chunked *c, char b)
{
    if (h1_is(b, H1_HEX)) {
        if (c->num_digits == 16 || c->left >> 59 != 0)
            return false;
        c->num_digits++;
        c->left = c->left << 4 | hex_value(b);
        return true;
    }
    if (c->num_digits == 0)
        return false;
    if (b == '\r')
        c->state = AT_SIZE_LF;
    else if (b == ';')
        c->state = AT_EXT;
    else
        return false;
    return true;
}

/* Extensions are checked byte by byte and counted, never read. */
static bool ext_byte(struct h1_chunked *c, char b)
{
    if (b == '\r') {
        c->state = AT_SIZE_LF;
        return true;
    }
    return ++c->ext_bytes <= H1_CHUNK_EXT_MAX && h1_is(b, H1_VALUE) && (unsigned char)b < 0x80;
}

/* A trailer must be a well-formed field and none of those that we read, replace or drop. */
static bool trailer_line_ok(const struct h1_chunked *c)
{
    const char *colon = memchr(c->line, ':', c->line_len);

    if (colon == NULL || colon == c->line)
        return false;
    size_t name_len = (size_t)(colon - c->line);

    return h1_all(c->line, name_len, H1_TOKEN) &&
           h1_all(colon + 1, c->line_len - name_len - 1, H1_VALUE) &&
           memchr(c->line, '_', name_len) == NULL &&
           h1_field_find((struct str){c->line, name_len}) == H1_OTHER;
}

static bool take_trailer(struct h1_chunked *c)
{
    if (!trailer_line_ok(c))
        return false;
    if (c->on_trailer != NULL)
        c->on_trailer(c->arg, (struct str){c->line, c->line_len});
    return true;
}

/*
 * What has been scanned goes on to the other side before its line is whole. So a byte that ends the
 * line for somebody else, a lone LF above all, is refused where it stands.
 */
static bool trailer_byte(struct h1_chunked *c, char b)
{
    if (++c->trailer_bytes > H1_TRAILER_MAX)
        return false;
    if (b == '\r') {
        c->state = AT_TRAILER_LF;
        return c->line_len == 0 || take_trailer(c);
    }
    if (c->line_len == H1_TRAILER_LINE_MAX || !h1_is(b, c->line_len == 0 ? H1_TOKEN : H1_VALUE))
        return false;
    c->line[c->line_len++] = b;
    return true;
}

/* A size line is complete. Extensions are work that nobody has asked for: payload pays for them. */
static bool size_lf(struct h1_chunked *c, char b)
{
    uint32_t excess = (uint32_t)c->excess_bytes + c->ext_bytes;

    excess -= c->left < excess ? (uint32_t)c->left : excess;
    if (b != '\n' || excess > H1_CHUNK_EXCESS_MAX)
        return false;
    c->excess_bytes = (uint16_t)excess;
    c->payload += c->left;
    c->num_digits = 0;
    c->ext_bytes = 0;
    c->state = c->left != 0 ? AT_DATA : AT_TRAILER;
    return true;
}

static bool trailer_lf(struct h1_chunked *c, char b)
{
    if (b != '\n')
        return false;
    c->state = c->line_len == 0 ? AT_END : AT_TRAILER;
    c->line_len = 0;
    return true;
}

/* One byte of framing; false = malformed. */
static bool framing_byte(struct h1_chunked *c, char b)
{
    switch ((enum chunked_state)c->state) {
    case AT_SIZE:
        return size_byte(c, b);
    case AT_EXT:
        return ext_byte(c, b);
    case AT_SIZE_LF:
        return size_lf(c, b);
    case AT_DATA_CR:
        c->state = AT_DATA_LF;
        return b == '\r';
    case AT_DATA_LF:
        c->state = AT_SIZE;
        return b == '\n';
    case AT_TRAILER:
        return trailer_byte(c, b);
    case AT_TRAILER_LF:
        return trailer_lf(c, b);
    case AT_DATA:
    case AT_END:
        break;
    }
    WRONG("no framing in this state");
}

enum h1_chunk_event h1_chunked_next(struct h1_chunked *c, struct str in, size_t *out_consumed,
                                    struct str *out_data)
{
    size_t i = 0;

    *out_data = (struct str){NULL, 0};
    while (i < in.n && c->state != AT_DATA && c->state != AT_END) {
        bool trailer = c->state == AT_TRAILER || c->state == AT_TRAILER_LF;

        if (!framing_byte(c, in.p[i])) {
            *out_consumed = i;
            return bad(c, trailer ? H1_BAD_TRAILER : H1_BAD_CHUNK);
        }
        i++;
    }
    if (c->state == AT_DATA && i < in.n) {
        size_t run = in.n - i;

        if (c->left < run)
            run = (size_t)c->left;
        *out_data = (struct str){in.p + i, run};
        c->left -= run;
        if (c->left == 0)
            c->state = AT_DATA_CR;
        *out_consumed = i + run;
        return H1_CHUNK_DATA;
    }
    *out_consumed = i;
    return c->state == AT_END ? H1_CHUNK_END : H1_CHUNK_MORE;
}

enum h1_chunk_event h1_chunked_pass(struct h1_chunked *c, struct str in, size_t *out_consumed)
{
    size_t done = 0;

    for (;;) {
        struct str data;
        size_t n;
        struct str rest = {in.p + done, in.n - done};
        enum h1_chunk_event ev = h1_chunked_next(c, rest, &n, &data);

        done += n;
        if (ev != H1_CHUNK_DATA) {
            *out_consumed = done;
            return ev;
        }
    }
}
