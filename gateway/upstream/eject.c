/* See eject.h. No clock, no atomics: admit.c brings both. */
#include "gateway/upstream/eject.h"

enum eject_standing eject_standing(int64_t until_ms, int64_t now_ms)
{
    if (until_ms == 0)
        return EJECT_FREE;
    return until_ms > now_ms ? EJECT_OUT : EJECT_DUE;
}

static int64_t back_off_ms(uint32_t failures, int64_t first_ms)
{
    int64_t longest = first_ms > EJECT_LONGEST_MS ? first_ms : EJECT_LONGEST_MS;
    int64_t ms = first_ms;

    while (failures-- > 1 && ms < longest)
        ms *= 2;
    return ms < longest ? ms : longest;
}

static struct eject_state eject(struct eject_state s, struct eject_ticket t, int64_t first_ms,
                                int64_t now_ms)
{
    if (t.probe || (t.until_ms == 0 && s.until_ms == 0)) {
        s.failures += s.failures < UINT32_MAX;
        s.until_ms = now_ms + back_off_ms(s.failures, first_ms);
    }
    return s;
}

struct eject_state eject_after(struct eject_state s, struct eject_ticket t,
                               enum eject_outcome outcome, int64_t now_ms)
{
    if (outcome == EJECT_ANSWERED) /* it was ejected when the attempt began: lifted */
        return t.until_ms != 0 ? (struct eject_state){0, 0} : s;
    return eject(s, t, EJECT_FIRST_MS, now_ms);
}

struct eject_state eject_after_statuses(struct eject_state s, struct eject_ticket t,
                                        uint32_t first_ms, int64_t now_ms)
{
    return eject(s, t, first_ms, now_ms);
}

bool eject_is_too_many(struct eject_window *w, uint32_t max_fails, uint32_t within_ms,
                       int64_t now_ms)
{
    if (w->fails == 0 || now_ms - w->since_ms > within_ms)
        *w = (struct eject_window){.since_ms = now_ms};
    if (++w->fails < max_fails)
        return false;
    *w = (struct eject_window){0};
    return true;
}
