/*
 * See ring.h. The points are sorted by radix, because a pool of 4,096 endpoints has half a million
 * and its ring is made between two requests.
 */
#include "gateway/upstream/ring.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"
#include "gateway/core/siphash.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, HASH_BITS = 32 };

static void sort_by_digit(const uint64_t *from, uint64_t *to, uint32_t num, int shift)
{
    uint32_t before[DIGITS + 1] = {0};

    for (uint32_t i = 0; i < num; i++)
        before[(from[i] >> shift & (DIGITS - 1)) + 1]++;
    for (int d = 0; d < DIGITS; d++)
        before[d + 1] += before[d];
    for (uint32_t i = 0; i < num; i++)
        to[before[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

/* By hash. Points were put in by endpoint, and this keeps the order of equals. */
static void sort(uint64_t *points, uint32_t num)
{
    uint64_t *other = xmalloc(num * sizeof *other);
    uint64_t *from = points, *to = other;

    for (int shift = 32; shift < 32 + HASH_BITS; shift += DIGIT_BITS) {
        uint64_t *was = from;

        sort_by_digit(from, to, num, shift);
        from = to;
        to = was;
    }
    if (from != points)
        memcpy(points, from, num * sizeof *points);
    free(other);
}

static uint32_t num_points(uint32_t weight, uint32_t heaviest)
{
    uint32_t num = (uint32_t)((uint64_t)RING_POINTS * weight / heaviest);

    return num > 0 ? num : 1;
}

static uint64_t put_points(uint64_t *points, struct str identity, uint32_t which, uint32_t num)
{
    static const uint64_t zero[2] = {0, 0};
    uint64_t key[2] = {siphash_1_3(zero, identity), 0};

    for (uint32_t i = 0; i < num; i++) {
        key[1] = i;
        points[i] = siphash_1_3(key, STR("")) >> 32 << 32 | which;
    }
    return num;
}

struct ring *ring_new(uint32_t num, ring_identity_fn *identity, const void *arg)
{
    struct ring *r;
    uint32_t heaviest = 1, total = 0, weight;

    for (uint32_t i = 0; i < num; i++) {
        (void)identity(arg, i, &weight);
        heaviest = weight > heaviest ? weight : heaviest;
    }
    for (uint32_t i = 0; i < num; i++) {
        (void)identity(arg, i, &weight);
        total += num_points(weight, heaviest);
    }
    r = xmalloc(sizeof *r + total * sizeof r->points[0]);
    r->num = 0;
    for (uint32_t i = 0; i < num; i++) {
        struct str name = identity(arg, i, &weight);

        r->num += (uint32_t)put_points(r->points + r->num, name, i, num_points(weight, heaviest));
    }
    sort(r->points, r->num);
    return r;
}

uint32_t ring_find(const struct ring *r, uint64_t key)
{
    uint64_t at = key >> 32 << 32;
    uint32_t low = 0, high = r->num;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (r->points[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->num ? low : 0;
}
