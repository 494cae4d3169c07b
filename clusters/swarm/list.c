/*
 * Cuts the text of a JSON array into the texts of its elements by counting brackets outside
 * strings, 64 bytes at a time: lists of all tasks have tens of megabytes. It does not validate what
 * is inside an element: the strict decoder does that next. A text that ends early or goes on after
 * the array is an error of the whole. Called by decode.c.
 */
#include "clusters/swarm/list.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK = 64 };

static void skip_blanks(struct str *s)
{
    while (s->n && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) {
        s->p++;
        s->n--;
    }
}

static bool take(struct str *s, char c)
{
    skip_blanks(s);
    if (s->n == 0 || *s->p != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

/* Bytes of the string that begins at s.p with a quote, both quotes included; 0: it does not end. */
static size_t string_len(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

/* ---- brackets, a block at a time ---- */

/* A bit for each byte of a block, the first is the lowest. */
struct marks {
    uint64_t quotes, backslashes, opening, closing;
};

/* '[' and '{' differ by one bit, by the same as ']' and '}'. */
#ifdef __SSE2__
static struct marks mark(const char *block)
{
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i opening = _mm_set1_epi8('{'), closing = _mm_set1_epi8('}');
    const __m128i fold = _mm_set1_epi8('{' ^ '[');
    struct marks m = {0};

    for (unsigned at = 0; at < BLOCK; at += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + at));
        const __m128i folded = _mm_or_si128(bytes, fold);

#define BITS(of, byte) ((uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8((of), (byte))) << at)
        m.quotes |= BITS(bytes, quote);
        m.backslashes |= BITS(bytes, backslash);
        m.opening |= BITS(folded, opening);
        m.closing |= BITS(folded, closing);
#undef BITS
    }
    return m;
}
#else
static struct marks mark(const char *block)
{
    struct marks m = {0};

    for (unsigned at = 0; at < BLOCK; at++) {
        const char c = block[at];

        m.quotes |= (uint64_t)(c == '"') << at;
        m.backslashes |= (uint64_t)(c == '\\') << at;
        m.opening |= (uint64_t)((c | ('{' ^ '[')) == '{') << at;
        m.closing |= (uint64_t)((c | ('{' ^ '[')) == '}') << at;
    }
    return m;
}
#endif

/* Where the last block ended. */
struct place {
    bool escaping; /* behind a backslash that escapes */
    bool in_string;
    size_t depth;
};

/* The bytes behind a backslash that is not escaped itself. */
static uint64_t escaped(uint64_t backslashes, bool *escaping)
{
    uint64_t bits = *escaping ? 1 : 0;

    backslashes &= ~bits;
    *escaping = false;
    while (backslashes) {
        unsigned at = (unsigned)__builtin_ctzll(backslashes);

        *escaping = at == BLOCK - 1;
        if (*escaping)
            break;
        bits |= UINT64_C(2) << at;
        backslashes &= ~(UINT64_C(3) << at);
    }
    return bits;
}

/* From each quote, itself included, to the next: a running parity. */
static uint64_t strings(uint64_t quotes, bool *in_string)
{
    for (unsigned by = 1; by < BLOCK; by *= 2)
        quotes ^= quotes << by;
    if (*in_string)
        quotes = ~quotes;
    *in_string = quotes >> (BLOCK - 1);
    return quotes;
}

/* Bytes up to the bracket that closes the first one, itself included; 0: not in this block. */
static size_t closing_at(struct place *in, struct marks m)
{
    uint64_t outside, brackets;

    m.quotes &= ~escaped(m.backslashes, &in->escaping);
    outside = ~strings(m.quotes, &in->in_string);
    m.closing &= outside;
    brackets = (m.opening & outside) | m.closing;
    for (; brackets; brackets &= brackets - 1) {
        uint64_t lowest = brackets & -brackets;

        if (!(lowest & m.closing))
            in->depth++;
        else if (--in->depth == 0)
            return (size_t)__builtin_ctzll(lowest) + 1;
    }
    return 0;
}

/* Bytes of the array or object at s.p; 0: it does not end. */
static size_t nested_len(struct str s)
{
    struct place in = {0};
    char last[BLOCK] = {0};
    size_t at = 0, len = 0;

    for (; s.n - at >= BLOCK; at += BLOCK)
        if ((len = closing_at(&in, mark(s.p + at))))
            return at + len;
    memcpy(last, s.p + at, s.n - at);
    len = closing_at(&in, mark(last));
    return len ? at + len : 0;
}

/* Bytes of the element at s.p: up to a comma or closing bracket outside; 0: it does not end. */
static size_t element_len(struct str s)
{
    size_t i = 0;

    while (i < s.n) {
        struct str rest = {s.p + i, s.n - i};
        size_t step = 1;

        if (*rest.p == '{' || *rest.p == '[')
            return (step = nested_len(rest)) ? i + step : 0;
        if (*rest.p == ',' || *rest.p == ']' || *rest.p == '}')
            return i;
        if (*rest.p == '"' && (step = string_len(rest)) == 0)
            return 0;
        i += step;
    }
    return 0;
}

static bool no_array(struct list *l, struct err *e)
{
    l->ended = true;
    return err_set(e, "BadReply", "", "the reply is not a whole JSON array");
}

static bool end(struct list *l, struct err *e)
{
    l->ended = true;
    skip_blanks(&l->rest);
    return l->rest.n ? no_array(l, e) : false;
}

bool list_next(struct list *l, struct str *out_element, struct err *e)
{
    size_t len;

    if (l->ended)
        return false;
    if (!l->begun) {
        l->begun = true;
        if (!take(&l->rest, '['))
            return no_array(l, e);
        if (take(&l->rest, ']'))
            return end(l, e);
    } else {
        if (take(&l->rest, ']'))
            return end(l, e);
        if (!take(&l->rest, ','))
            return no_array(l, e);
    }
    skip_blanks(&l->rest);
    len = element_len(l->rest);
    if (len == 0)
        return no_array(l, e);
    *out_element = (struct str){l->rest.p, len};
    l->rest.p += len;
    l->rest.n -= len;
    return true;
}

bool list_member(struct list *l, struct str *out_key, struct str *out_value)
{
    size_t len;

    if (l->ended || !take(&l->rest, l->begun ? ',' : '{'))
        goto end;
    l->begun = true;
    skip_blanks(&l->rest);
    len = l->rest.n && *l->rest.p == '"' ? string_len(l->rest) : 0;
    if (len == 0)
        goto end;
    *out_key = (struct str){l->rest.p + 1, len - 2};
    l->rest = (struct str){l->rest.p + len, l->rest.n - len};
    if (!take(&l->rest, ':'))
        goto end;
    skip_blanks(&l->rest);
    len = element_len(l->rest);
    *out_value = (struct str){l->rest.p, len};
    l->rest = (struct str){l->rest.p + len, l->rest.n - len};
    if (len)
        return true;
end:
    l->ended = true;
    return false;
}
