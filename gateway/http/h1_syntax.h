/* Byte classes of RFC 9110 section 5.6 as one table; private to gateway/http and its tests. */
#ifndef GATEWAY_HTTP_H1_SYNTAX_H
#define GATEWAY_HTTP_H1_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "gateway/core/str.h"

enum {
    H1_TOKEN = 1,  /* tchar */
    H1_VALUE = 2,  /* field-content: HTAB, SP, VCHAR, obs-text */
    H1_TARGET = 4, /* VCHAR without '#' */
    H1_HEX = 8,
    H1_DIGIT = 16,
    H1_UNDERSCORE = 32
};

extern const uint8_t h1_class[256];

static inline bool h1_is(char c, int class)
{
    return (h1_class[(unsigned char)c] & class) != 0;
}

/* A bit for each of sixteen bytes that is a letter or hyphen; printable, blank or beyond ASCII. */
#ifdef __SSE2__
static inline unsigned h1_plain_of_16(const char *p)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i from_a =
        _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    const __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8('z' - 'a')), from_a);
    const __m128i hyphen = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(letter, hyphen));
}

static inline unsigned h1_text_of_16(const char *p)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

    return ~(unsigned)_mm_movemask_epi8(_mm_or_si128(low, del)) & 0xffff;
}
#endif

/*
 * How many letters and hyphens are at p, as far as whole words of its `room` bytes tell: names are
 * made of them. Words are read as little-endian, as everywhere we run.
 */
static inline size_t h1_plain_len(const char *p, size_t room)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones * 0x80, low7 = ones * 0x7f;
    size_t n = 0;

#ifdef __SSE2__
    for (; n + 16 <= room; n += 16) {
        unsigned plain = h1_plain_of_16(p + n);

        if (plain != 0xffff)
            return n + (size_t)__builtin_ctz(~plain);
    }
#endif
    for (; n + 8 <= room; n += 8) {
        uint64_t word, lower, hyphen, plain;

        memcpy(&word, p + n, 8);
        lower = (word | ones * 0x20) & low7;
        hyphen = word ^ ones * '-'; /* where one was, a zero byte */
        plain = (lower + ones * (0x80 - 'a')) & ~(lower + ones * (0x7f - 'z'));
        plain = (plain | ~((hyphen & low7) + low7)) & ~word & tops;
        if (plain != tops)
            return n + (size_t)__builtin_ctzll(plain ^ tops) / 8;
    }
    return n;
}

/*
 * How many tchars are at p, where a byte that is none must follow within `room`. *out_odd: classes
 * of those that are neither letters nor hyphens, perhaps of others too.
 */
static inline size_t h1_token_len(const char *p, size_t room, unsigned *out_odd)
{
    const uint8_t *at = (const uint8_t *)p + h1_plain_len(p, room);
    unsigned odd = 0;

    for (; (h1_class[*at] & H1_TOKEN) != 0; at++)
        odd |= h1_class[*at];
    *out_odd = odd;
    return (size_t)(at - (const uint8_t *)p);
}

/* Spaces and tabs off both ends. */
static inline struct str h1_trim(const char *p, size_t n)
{
    for (; n > 0 && (p[0] == ' ' || p[0] == '\t'); p++)
        n--;
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
        n--;
    return (struct str){p, n};
}

/* Are all n bytes of that class? */
static inline bool h1_all(const char *p, size_t n, int class)
{
    unsigned char seen = (unsigned char)class;

    for (size_t i = 0; i < n; i++)
        seen &= h1_class[(unsigned char)p[i]];
    return seen != 0;
}

/* How many bytes at p, of n, are printable, blank or beyond ASCII: H1_VALUE but for the tab. */
static inline size_t h1_text_len(const char *p, size_t n)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones * 0x80;
    size_t at = 0;

#ifdef __SSE2__
    for (; at + 16 <= n; at += 16) {
        unsigned text = h1_text_of_16(p + at);

        if (text != 0xffff)
            return at + (size_t)__builtin_ctz(~text);
    }
#endif
    for (; at + 8 <= n; at += 8) {
        uint64_t word, del, odd;

        memcpy(&word, p + at, 8);
        del = word ^ ones * 0x7f; /* where DEL was, a zero byte */
        /* Of what a borrow marks wrongly, a byte that is right stands below: the lowest counts. */
        odd = (((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & tops;
        if (odd != 0)
            return at + (size_t)__builtin_ctzll(odd) / 8;
    }
    while (at < n && p[at] != '\t' && h1_is(p[at], H1_VALUE))
        at++;
    return at;
}

/*
 * Are the eight bytes of H1_VALUE? Below SP there is only HTAB to be allowed, above it only DEL to
 * be refused; a word with any of these is looked at by the byte.
 */
static inline bool h1_word_is_value(const char *p)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones * 0x80;
    uint64_t word, del;

    memcpy(&word, p, 8);
    del = word ^ ones * 0x7f; /* where DEL was, a zero byte */
    return ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & tops) == 0 ||
           h1_all(p, 8, H1_VALUE);
}

/* h1_all of H1_VALUE, eight bytes at a time: values are most of a head. The last ones twice. */
static inline bool h1_all_value(const char *p, size_t n)
{
    if (n < 8)
        return h1_all(p, n, H1_VALUE);
    for (size_t i = 0; i + 8 < n; i += 8)
        if (!h1_word_is_value(p + i))
            return false;
    return h1_word_is_value(p + n - 8);
}

#endif
