/* Byte classes of RFC 9110 section 5.6 as one table; private to gateway/http and its tests. */
#ifndef GATEWAY_HTTP_H1_SYNTAX_H
#define GATEWAY_HTTP_H1_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
