/* Byte classes of RFC 9110 section 5.6 as one table; private to gateway/http and its tests. */
#ifndef GATEWAY_HTTP_H1_SYNTAX_H
#define GATEWAY_HTTP_H1_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    H1_TOKEN = 1,  /* tchar */
    H1_VALUE = 2,  /* field-content: HTAB, SP, VCHAR, obs-text */
    H1_TARGET = 4, /* VCHAR without '#' */
    H1_HEX = 8,
    H1_DIGIT = 16
};

extern const uint8_t h1_class[256];

static inline bool h1_is(char c, int class)
{
    return (h1_class[(unsigned char)c] & class) != 0;
}

/* Are all n bytes of that class? */
static inline bool h1_all(const char *p, size_t n, int class)
{
    unsigned char seen = (unsigned char)class;

    for (size_t i = 0; i < n; i++)
        seen &= h1_class[(unsigned char)p[i]];
    return seen != 0;
}

/*
 * h1_all of H1_VALUE, eight bytes at a time: values are most of a head. Below SP there is only HTAB
 * to be allowed, above it only DEL to be refused; a word with any of these is looked at by the
 * byte.
 */
static inline bool h1_all_value(const char *p, size_t n)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones * 0x80;

    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word, del;

        memcpy(&word, p, 8);
        del = word ^ ones * 0x7f; /* where DEL was, a zero byte */
        if ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & tops &&
            !h1_all(p, 8, H1_VALUE))
            return false;
    }
    return h1_all(p, n, H1_VALUE);
}

#endif
