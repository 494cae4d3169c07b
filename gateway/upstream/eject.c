/* See eject.h. No clock, no atomics: upstream.c brings both. */
#include "gateway/upstream/eject.h"

enum eject_standing eject_standing(int64_t until_ms, int64_t now_ms)
{
    if (until_ms == 0)
        return EJECT_FREE;
    return until_ms > now_ms ? EJECT_OUT : EJECT_DUE;
}

static int64_t back_off_ms(uint32_t failures)
{
    int64_t ms = EJECT_FIRST_MS;

    while (failures-- > 1 && ms < EJECT_LONGEST_MS)
        ms *= 2;
    return ms < EJECT_LONGEST_MS ? ms : EJECT_LONGEST_MS;
}

struct eject_state eject_after(struct eject_state s, struct eject_ticket t,
                               enum eject_outcome outcome, int64_t now_ms)
{
    bool knew = t.until_ms != 0; /* it was ejected when the attempt began */

    if (outcome == EJECT_ANSWERED)
        return knew ? (struct eject_state){0, 0} : s;
    if (t.probe || (!knew && s.until_ms == 0)) {
        s.failures += s.failures < UINT32_MAX;
        s.until_ms = now_ms + back_off_ms(s.failures);
    }
    return s;
}
