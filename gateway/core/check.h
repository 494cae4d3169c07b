/*
 * Assertions on our own memory and states: on in release builds too, never used to judge input.
 * A failed ASSERT reports file, line and expression on stderr and aborts.
 */
#ifndef GATEWAY_CORE_CHECK_H
#define GATEWAY_CORE_CHECK_H

#include <stddef.h>

#define ASSERT(cond)                                 \
    do {                                             \
        if (__builtin_expect(!(cond), 0))            \
            check_failed(#cond, __FILE__, __LINE__); \
    } while (0)

/* A branch that only broken invariants can reach. */
#define WRONG(why) check_failed(why, __FILE__, __LINE__)

_Noreturn void check_failed(const char *what, const char *file, int line);

/*
 * Allocation of small long-lived objects: never NULL, aborts when memory is gone. Sizes that input
 * can influence go through buf or are capped before they come here. All are released with free().
 */
__attribute__((malloc)) void *xmalloc(size_t n);
__attribute__((malloc)) void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
__attribute__((malloc)) char *xstrdup(const char *s);
__attribute__((malloc)) char *xmemdup0(const void *p, size_t n); /* n bytes and a final NUL */
__attribute__((malloc, format(printf, 1, 2))) char *xasprintf(const char *fmt, ...);

#endif
