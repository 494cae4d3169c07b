/*
 * See ring.h. A pool of 4,096 endpoints has half a million points, and its ring is made between two
 * requests: so it takes a few passes over them and no comparison sort.
 */
#include "gateway/upstream/ring.h"

#include <stdlib.h>

#include "gateway/core/check.h"
#include "gateway/core/siphash.h"

enum { BUCKET_BITS_MAX = 16 };

/*
 * By hash: hashes are spread evenly, so that as many buckets as points leave each of them with one
 * or two, which the last pass puts in order. Equals stay in the order in which they came.
 */
static void sort(uint64_t *points, uint32_t num)
{
    unsigned bits = 1;
    uint64_t *sorted = xmalloc(num * sizeof *sorted);
    uint32_t *begins;

    while (bits < BUCKET_BITS_MAX && 1U << bits < num)
        bits++;
    begins = xcalloc((1U << bits) + 1, sizeof *begins);
    for (uint32_t i = 0; i < num; i++)
        begins[(points[i] >> (64 - bits)) + 1]++;
    for (uint32_t b = 1; b <= 1U << bits; b++)
        begins[b] += begins[b - 1];
    for (uint32_t i = 0; i < num; i++)
        sorted[begins[points[i] >> (64 - bits)]++] = points[i];
    for (uint32_t i = 0; i < num; i++) {
        uint32_t at = i;

        for (; at > 0 && points[at - 1] > sorted[i]; at--)
            points[at] = points[at - 1];
        points[at] = sorted[i];
    }
    free(begins);
    free(sorted);
}

static uint32_t num_points(uint32_t weight, uint32_t heaviest)
{
    uint32_t num = (uint32_t)((uint64_t)RING_POINTS * weight / heaviest);

    return num > 0 ? num : 1;
}

/* splitmix64's last step: spreads neighbours. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

static void put_points(uint64_t *points, struct str identity, uint32_t which, uint32_t num)
{
    static const uint64_t zero[2] = {0, 0};
    uint64_t from = siphash_1_3(zero, identity);

    for (uint32_t i = 0; i < num; i++)
        points[i] = mix(from + i * 0x9e3779b97f4a7c15U) >> 32 << 32 | which;
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
        uint32_t points = num_points(weight, heaviest);

        put_points(r->points + r->num, name, i, points);
        r->num += points;
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
