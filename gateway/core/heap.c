/* See heap.h. Decides nothing about what is in the heap; called by whoever has made it grow. */
#include "gateway/core/heap.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

enum { HUGE_PAGE = 2 << 20, LEAST = 8 << 20 };

static char *settled; /* whole huge pages up to here; NULL: not looked at yet */

void heap_settle(void)
{
    const int before = errno;
    char *end = sbrk(0);
    const size_t beyond = (uintptr_t)end % HUGE_PAGE;

    if (settled == NULL || end < settled) { /* free() may give a part of it back */
        settled = end - beyond + HUGE_PAGE; /* what stands below may not be the heap's */
        return;
    }
    end -= beyond;
    if (end - settled < LEAST)
        return;
    /* The first is for kernels that know the second not: they come to it in time. Both may fail. */
    (void)madvise(settled, (size_t)(end - settled), MADV_HUGEPAGE);
    (void)madvise(settled, (size_t)(end - settled), MADV_COLLAPSE);
    settled = end;
    errno = before;
}
