/* See patience.h. */
#include "gateway/upstream/patience.h"

enum patience patience_judge(const struct sock_flight *f)
{
    uint32_t asked = f->unacked > 0 ? f->retransmits : f->probes;

    if (f->unacked == 0 && f->unsent_bytes == 0)
        return PATIENCE_OVER;
    if (asked == 0 || f->silent_ms < PATIENCE_DOUBT_MS)
        return PATIENCE_KEEP;
    return asked >= PATIENCE_ASKED && f->silent_ms >= PATIENCE_DEAD_MS ? PATIENCE_DEAD
                                                                       : PATIENCE_DOUBT;
}
