/*
 * See bufpool.h. Used by proxy connections while they have bytes to hold; a connection without
 * bytes holds no block. Does not limit how many are out: connections do, two blocks each at most.
 */
#include "gateway/loop/bufpool.h"

#include <stdlib.h>

#include "gateway/core/check.h"

char *bufpool_get(struct bufpool *p)
{
    p->num_out++;
    if (p->num_kept > 0)
        return p->kept[--p->num_kept];
    return xmalloc(BUFPOOL_BYTES);
}

void bufpool_put(struct bufpool *p, char **block)
{
    if (*block == NULL)
        return;
    ASSERT(p->num_out > 0);
    p->num_out--;
    if (p->num_kept < BUFPOOL_KEEP)
        p->kept[p->num_kept++] = *block;
    else
        free(*block);
    *block = NULL;
}

void bufpool_free(struct bufpool *p)
{
    while (p->num_kept > 0)
        free(p->kept[--p->num_kept]);
}
