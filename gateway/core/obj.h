/* Magic numbers: first member of an object, checked wherever a void pointer comes back. */
#ifndef GATEWAY_CORE_OBJ_H
#define GATEWAY_CORE_OBJ_H

#include "gateway/core/check.h"

#define OBJ_CHECK(p, m) ASSERT((p) != NULL && (p)->magic == (m))

#define OBJ_CAST(dst, src, m) \
    do {                      \
        (dst) = (src);        \
        OBJ_CHECK(dst, m);    \
    } while (0)

/* Frees the object and nulls the caller's pointer; a stale pointer elsewhere fails its next check.
 */
#define OBJ_KILL(p)     \
    do {                \
        (p)->magic = 0; \
        free(p);        \
        (p) = NULL;     \
    } while (0)

#endif
