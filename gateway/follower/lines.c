/*
 * The line cutter under everything the follower reads: the table file, the coordinator's stream,
 * the journal, the proxy's answers. It knows newlines and a cap; what a line means is the caller's.
 * No I/O. Used by table_file.c, session.c and proxy_link.c.
 */
#include "gateway/follower/lines.h"

#include <string.h>

#include "gateway/core/check.h"

void lines_init(struct lines *l, size_t line_max)
{
    *l = (struct lines){.line_max = line_max};
    buf_init(&l->partial, line_max);
}

void lines_free(struct lines *l)
{
    buf_free(&l->partial);
}

void lines_reset(struct lines *l)
{
    buf_clear(&l->partial);
    l->fed = (struct str){NULL, 0};
    l->skipping = false;
    l->lent = false;
}

void lines_feed(struct lines *l, struct str bytes)
{
    ASSERT(l->fed.n == 0);
    l->fed = bytes;
}

static struct str cut(struct lines *l, size_t n, size_t skip)
{
    struct str part = {l->fed.p, n};
    l->fed.p += n + skip;
    l->fed.n -= n + skip;
    return part;
}

/* No newline in what was fed: keep it for later, or begin to skip. */
static enum lines_result keep_rest(struct lines *l)
{
    if (l->fed.n == 0)
        return LINES_MORE;
    struct str rest = cut(l, l->fed.n, 0);
    if (l->skipping || buf_add_str(&l->partial, rest))
        return LINES_MORE;
    buf_clear(&l->partial);
    l->skipping = true;
    return LINES_TOO_LONG;
}

/* The end of a line whose excess was reported already. */
static void end_skipping(struct lines *l)
{
    const char *newline = l->skipping && l->fed.n > 0 ? memchr(l->fed.p, '\n', l->fed.n) : NULL;
    if (newline == NULL)
        return;
    cut(l, (size_t)(newline - l->fed.p), 1);
    l->skipping = false;
}

enum lines_result lines_next(struct lines *l, struct str *out_line)
{
    if (l->lent) {
        buf_clear(&l->partial);
        l->lent = false;
    }
    end_skipping(l);
    const char *newline = l->fed.n > 0 ? memchr(l->fed.p, '\n', l->fed.n) : NULL;
    if (newline == NULL)
        return keep_rest(l);
    struct str part = cut(l, (size_t)(newline - l->fed.p), 1);
    if (part.n > l->line_max - l->partial.len) {
        buf_clear(&l->partial);
        return LINES_TOO_LONG;
    }
    if (l->partial.len == 0) {
        *out_line = part;
        return LINES_LINE;
    }
    l->lent = true;
    if (!buf_add_str(&l->partial, part))
        WRONG("a line within its cap does not fit the buffer of that cap");
    *out_line = buf_str(&l->partial);
    return LINES_LINE;
}
