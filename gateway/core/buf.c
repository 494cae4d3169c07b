/* A growing buffer with a hard cap; grows by doubling, so that n small adds cost O(n). */
#include "gateway/core/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

void buf_init(struct buf *b, size_t hard_cap)
{
    ASSERT(hard_cap < SIZE_MAX / 4);
    *b = (struct buf){.hard_cap = hard_cap};
}

void buf_free(struct buf *b)
{
    if (b->bytes == NULL) /* as is the rule where one is a part of something larger */
        return;
    free(b->bytes);
    *b = (struct buf){.hard_cap = b->hard_cap};
}

/* Room for n more bytes and the NUL. */
static bool reserve(struct buf *b, size_t n)
{
    if (n > b->hard_cap || b->len > b->hard_cap - n)
        return false;
    size_t want = b->len + n + 1;

    if (want <= b->cap)
        return true;
    size_t cap = b->cap != 0 ? b->cap : 64;

    while (cap < want)
        cap *= 2;
    if (cap > b->hard_cap + 1)
        cap = b->hard_cap + 1;
    char *bytes = realloc(b->bytes, cap);

    if (bytes == NULL)
        return false;
    b->bytes = bytes;
    b->cap = cap;
    return true;
}

bool buf_add(struct buf *b, const void *p, size_t n)
{
    if (!reserve(b, n))
        return false;
    if (n != 0)
        memcpy(b->bytes + b->len, p, n);
    b->len += n;
    b->bytes[b->len] = '\0';
    return true;
}

bool buf_add_str(struct buf *b, struct str s)
{
    return buf_add(b, s.p, s.n);
}

bool buf_add_fmt(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(b, (size_t)n))
        return false;
    va_start(ap, fmt);
    vsnprintf(b->bytes + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return true;
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629 section 4), or 0. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

    if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static bool add_json_char(struct buf *b, const unsigned char *p, size_t len)
{
    if (len == 0)
        return buf_add(b, "\xef\xbf\xbd", 3);
    if (len == 1 && (*p == '"' || *p == '\\')) {
        char two[2] = {'\\', (char)*p};

        return buf_add(b, two, 2);
    }
    if (len == 1 && (*p < 0x20 || *p == 0x7f))
        return buf_add_fmt(b, "\\u%04x", *p);
    return buf_add(b, p, len);
}

/* Of the bytes at the front that stand for themselves. */
static size_t plain_len(const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

bool buf_add_json(struct buf *b, struct str s)
{
    size_t start = b->len;
    bool ok = buf_add(b, "\"", 1);

    for (size_t i = 0; ok && i < s.n;) {
        size_t plain = plain_len(s.p + i, s.n - i);

        ok = buf_add(b, s.p + i, plain);
        i += plain;
        if (!ok || i == s.n)
            break;
        size_t len = utf8_len((const unsigned char *)s.p + i, s.n - i);

        ok = add_json_char(b, (const unsigned char *)s.p + i, len);
        i += len != 0 ? len : 1;
    }
    if (ok && buf_add(b, "\"", 1))
        return true;
    b->len = start;
    if (b->bytes != NULL)
        b->bytes[start] = '\0';
    return false;
}

void buf_drop(struct buf *b, size_t n)
{
    ASSERT(n <= b->len);
    if (n == 0)
        return;
    b->len -= n;
    memmove(b->bytes, b->bytes + n, b->len);
    b->bytes[b->len] = '\0';
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->bytes != NULL)
        b->bytes[0] = '\0';
}

char *buf_take(struct buf *b)
{
    char *bytes = b->bytes != NULL ? b->bytes : xstrdup("");

    *b = (struct buf){.hard_cap = b->hard_cap};
    return bytes;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->bytes != NULL ? b->bytes : "", b->len};
}
