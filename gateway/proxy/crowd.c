/*
 * See crowd.h. A slot is one number: 40 bits of the key and 24 of its count, so that both change in
 * one compare-and-swap; a count of zero is a free slot, whatever key is left in it.
 */
#include "gateway/proxy/crowd.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>

#include "gateway/core/check.h"

enum { COUNT_BITS = 24 };

struct crowd {
    uint64_t secret[2];
    _Atomic uint64_t slots[CROWD_SLOTS];
};

struct crowd *crowd_new(void)
{
    struct crowd *w = xcalloc(1, sizeof *w); /* pages that nobody touches cost nothing */

    if (getrandom(w->secret, sizeof w->secret, 0) != sizeof w->secret)
        w->secret[0] = w->secret[1] = 0x9e3779b97f4a7c15U; /* at boot: guessed, not wrong */
    return w;
}

void crowd_free(struct crowd *w)
{
    free(w);
}

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9U;
    h = (h ^ h >> 27) * 0x94d049bb133111ebU;
    return h ^ h >> 31;
}

uint64_t crowd_key(const struct crowd *w, char kind, struct str of)
{
    uint64_t h = w->secret[0] ^ (unsigned char)kind;

    for (size_t i = 0; i < of.n; i++)
        h = mix(h + w->secret[1] + (unsigned char)of.p[i]);
    return mix(h);
}

static uint64_t tag_of(uint64_t slot)
{
    return slot >> COUNT_BITS;
}

static uint32_t count_of(uint64_t slot)
{
    return (uint32_t)(slot & CROWD_LIMIT_MAX);
}

/* The slot of that tag, else a free one; false: there is neither. */
static bool find(struct crowd *w, uint64_t key, size_t *out_at, uint64_t *out_seen)
{
    bool found = false;

    for (size_t i = 0; i < CROWD_PROBES; i++) {
        size_t at = (key + i) % CROWD_SLOTS;
        uint64_t seen = atomic_load_explicit(&w->slots[at], memory_order_relaxed);
        bool mine = count_of(seen) > 0 && tag_of(seen) == key >> COUNT_BITS;

        if (mine || (count_of(seen) == 0 && !found)) {
            *out_at = at;
            *out_seen = seen;
            found = true;
        }
        if (mine)
            break;
    }
    return found;
}

bool crowd_enter(struct crowd *w, uint64_t key, uint32_t limit, uint32_t *out_place)
{
    size_t at = 0;
    uint64_t seen = 0;

    *out_place = 0;
    if (limit == 0)
        return true;
    if (limit > CROWD_LIMIT_MAX)
        limit = CROWD_LIMIT_MAX;
    while (find(w, key, &at, &seen)) {
        if (count_of(seen) >= limit)
            return false;
        if (atomic_compare_exchange_weak_explicit(
                &w->slots[at], &seen, key >> COUNT_BITS << COUNT_BITS | (count_of(seen) + 1),
                memory_order_relaxed, memory_order_relaxed)) {
            *out_place = (uint32_t)at + 1;
            return true;
        }
    }
    return true;
}

void crowd_leave(struct crowd *w, uint32_t *place)
{
    if (*place != 0)
        atomic_fetch_sub_explicit(&w->slots[*place - 1], 1, memory_order_relaxed);
    *place = 0;
}
