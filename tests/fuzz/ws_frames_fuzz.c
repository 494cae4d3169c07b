/*
 * A cut, then what passes by: pieces of that size end in the state that single bytes end in, and
 * whoever asks to stop is stopped at the first boundary that these find.
 */
#include <stdint.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/http/ws_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What stays in `head` of one that has ended is of no use. */
static bool is_same(const struct ws_frames *a, const struct ws_frames *b)
{
    return a->left == b->left && a->have == b->have && a->saw_close == b->saw_close &&
           memcmp(a->head, b->head, a->have) == 0;
}

/* One piece; *slow takes its bytes one by one. */
static void check_piece(struct ws_frames *fast, struct ws_frames *slow, const char *p, size_t n)
{
    struct ws_frames stopped = *fast;
    size_t first = ws_frames_at_boundary(fast) ? 0 : n;

    for (size_t i = 0; i < n; i++) {
        ASSERT(ws_frames_pass(slow, p + i, 1, false) == 1);
        if (first == n && ws_frames_at_boundary(slow))
            first = i + 1;
    }
    ASSERT(ws_frames_pass(fast, p, n, false) == n);
    ASSERT(is_same(fast, slow));
    ASSERT(ws_frames_pass(&stopped, p, n, true) == first);
    ASSERT(first == n || ws_frames_at_boundary(&stopped));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_frames fast = {0}, slow = {0};
    size_t step;

    if (size == 0)
        return 0;
    step = data[0] + 1U;
    for (size_t at = 1; at < size; at += step)
        check_piece(&fast, &slow, (const char *)data + at, step < size - at ? step : size - at);
    return 0;
}
