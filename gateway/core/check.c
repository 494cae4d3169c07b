/*
 * Failed assertions and allocation that cannot fail. The report goes out with one write(2), so that
 * it is whole even when other threads log; then abort() leaves a core for whoever looks.
 */
#include "gateway/core/check.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void check_failed(const char *what, const char *file, int line)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "ASSERT %s:%d: %s\n", file, line, what);

    if (n > 0) {
        size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
        ssize_t ignored = write(STDERR_FILENO, text, len);

        (void)ignored; /* there is nobody left to tell */
    }
    abort();
}

static void *or_abort(void *p)
{
    if (p == NULL)
        check_failed("out of memory", __FILE__, __LINE__);
    return p;
}

void *xmalloc(size_t n)
{
    return or_abort(malloc(n != 0 ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
    return or_abort(calloc(n != 0 ? n : 1, size != 0 ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
    return or_abort(realloc(p, n != 0 ? n : 1));
}

char *xstrdup(const char *s)
{
    return xmemdup0(s, strlen(s));
}

char *xmemdup0(const void *p, size_t n)
{
    ASSERT(n < SIZE_MAX);
    char *copy = xmalloc(n + 1);

    if (n != 0)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

char *xasprintf(const char *fmt, ...)
{
    va_list ap;
    char *s = NULL;

    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        check_failed("out of memory", __FILE__, __LINE__);
    return s;
}
