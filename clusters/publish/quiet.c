/* A window that begins with its first warning. Called by the two HTTP listeners. */
#include "clusters/publish/quiet.h"

bool quiet_may_say(struct quiet *q, int64_t now_ms, unsigned *out_withheld)
{
    *out_withheld = 0;
    if (q->said == 0 || now_ms - q->since_ms >= QUIET_WINDOW_MS) {
        *out_withheld = q->withheld;
        *q = (struct quiet){.since_ms = now_ms};
    }
    if (q->said >= QUIET_MAX) {
        q->withheld++;
        return false;
    }
    q->said++;
    return true;
}
