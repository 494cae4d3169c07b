/*
 * Fixed blocks of 16 KiB for bytes in flight. The last one given back is the next one taken, so
 * that the warm ones are used; a bounded number is kept, the rest goes back to the allocator.
 */
#ifndef GATEWAY_LOOP_BUFPOOL_H
#define GATEWAY_LOOP_BUFPOOL_H

#include <stddef.h>

enum { BUFPOOL_BYTES = 16384, BUFPOOL_KEEP = 128 };

struct bufpool {
    char *kept[BUFPOOL_KEEP];
    size_t num_kept;
    size_t num_out; /* taken and not given back */
};

char *bufpool_get(struct bufpool *p);              /* BUFPOOL_BYTES, not zeroed */
void bufpool_put(struct bufpool *p, char **block); /* nulls the caller's pointer; NULL is fine */
void bufpool_free(struct bufpool *p);              /* the kept ones */

#endif
