/* See cohort.h. Does not know what a user is: a cookie, a field or an address, as a table says. */
#include "gateway/route/cohort.h"

#include "gateway/core/siphash.h"

uint64_t cohort_hash(struct str salt, struct str user)
{
    static const uint64_t zero[2] = {0, 0};
    const uint64_t key[2] = {siphash_1_3(zero, salt), 0};

    return siphash_1_3(key, user);
}

/* The pool at place i of the line. */
static size_t pool_at(size_t i, size_t num)
{
    return i < 2 && num > 1 ? 1 - i : i;
}

size_t cohort_choose(uint64_t hash, const uint32_t *weights, size_t num)
{
    uint64_t total = 0, even = 0, at;
    size_t i = 0;

    for (size_t k = 0; k < num; k++)
        total += weights[k];
    if (total == 0)
        even = 1;
    total += even * num;
    at = ((hash >> 32) * total) >> 32; /* 64 pools of a million are below 2^32 */
    for (; i + 1 < num; i++) {
        uint64_t part = weights[pool_at(i, num)] + even;

        if (at < part)
            break;
        at -= part;
    }
    return pool_at(i, num);
}
