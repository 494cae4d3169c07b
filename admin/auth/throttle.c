/*
 * Buckets by name, the least recently used one forgotten first when there are too many. Called by
 * auth.c, one throttle for each listener's thread, and by admin/api.
 */
#include "admin/auth/throttle.h"

#include <sys/queue.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"
#include "gateway/core/str.h"

enum { THROTTLE_MAGIC = 0x7407713e };

struct bucket {
    char *name;
    int left;
    int64_t refilled_us;
    TAILQ_ENTRY(bucket) by_use;
};

TAILQ_HEAD(bucket_list, bucket);

struct throttle {
    unsigned magic;
    struct throttle_rate rate;
    struct map buckets;
    struct bucket_list by_use; /* least recent first */
};

struct throttle *throttle_new(const struct throttle_rate *rate)
{
    struct throttle *t = xcalloc(1, sizeof *t);

    ASSERT(rate->burst > 0 && rate->refill_us > 0);
    t->rate = *rate;
    t->magic = THROTTLE_MAGIC;
    map_init(&t->buckets);
    TAILQ_INIT(&t->by_use);
    return t;
}

static void forget(struct throttle *t, struct bucket *b)
{
    ASSERT(map_remove(&t->buckets, str_from(b->name)) == b);
    TAILQ_REMOVE(&t->by_use, b, by_use);
    free(b->name);
    free(b);
}

void throttle_free(struct throttle *t)
{
    struct bucket *b;

    if (t == NULL)
        return;
    OBJ_CHECK(t, THROTTLE_MAGIC);
    while ((b = TAILQ_FIRST(&t->by_use)) != NULL)
        forget(t, b);
    map_free(&t->buckets, NULL);
    OBJ_KILL(t);
}

static struct bucket *bucket_of(struct throttle *t, const char *name, int64_t now_ms)
{
    struct bucket *b = map_get(&t->buckets, str_from(name));

    if (b != NULL) {
        TAILQ_REMOVE(&t->by_use, b, by_use);
        TAILQ_INSERT_TAIL(&t->by_use, b, by_use);
        return b;
    }
    if (t->buckets.len >= THROTTLE_ADDRESSES_MAX)
        forget(t, TAILQ_FIRST(&t->by_use));
    b = xcalloc(1, sizeof *b);
    b->name = xstrdup(name);
    b->left = t->rate.burst;
    b->refilled_us = now_ms * 1000;
    ASSERT(map_put(&t->buckets, str_from(name), b) == NULL);
    TAILQ_INSERT_TAIL(&t->by_use, b, by_use);
    return b;
}

bool throttle_spent(struct throttle *t, const char *name, int64_t now_ms)
{
    struct bucket *b = bucket_of(t, name, now_ms);
    int64_t gained = (now_ms * 1000 - b->refilled_us) / t->rate.refill_us;

    if (gained > 0) {
        b->left = gained > t->rate.burst - b->left ? t->rate.burst : b->left + (int)gained;
        b->refilled_us += gained * t->rate.refill_us;
    }
    if (b->left == 0)
        return true;
    b->left--;
    return false;
}

size_t throttle_len(const struct throttle *t)
{
    return t->buckets.len;
}
