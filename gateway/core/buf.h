/*
 * A growing byte buffer that cannot be had without a maximum. Zeroed memory after buf_init; every
 * failure leaves it as it was. `bytes` is followed by a NUL that is not counted in `len`.
 */
#ifndef GATEWAY_CORE_BUF_H
#define GATEWAY_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/core/result.h"
#include "gateway/core/str.h"

struct buf {
    char *bytes; /* NULL until the first byte; owned */
    size_t len;
    size_t cap;
    size_t hard_cap; /* most bytes it may ever hold */
};

void buf_init(struct buf *b, size_t hard_cap); /* allocates nothing */
void buf_free(struct buf *b);                  /* back to the state after buf_init */
MUST_USE bool buf_add(struct buf *b, const void *p, size_t n); /* false: full, b unchanged */
MUST_USE bool buf_add_str(struct buf *b, struct str s);
MUST_USE bool buf_add_fmt(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The string as a JSON string with its quotes; bytes that are not UTF-8 come out as U+FFFD. */
MUST_USE bool buf_add_json(struct buf *b, struct str s);
void buf_drop(struct buf *b, size_t n); /* forget the first n bytes */
void buf_clear(struct buf *b);          /* len = 0, memory kept */
char *buf_take(struct buf *b);          /* gives the NUL-terminated bytes ("" when empty); free() */
struct str buf_str(const struct buf *b);

#endif
