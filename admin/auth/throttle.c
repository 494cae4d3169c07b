/*
 * Buckets by address, the least recently failing one forgotten first when there are too many.
 * Called by auth.c, one throttle for each listener's thread.
 */
#include "admin/auth/throttle.h"

#include <sys/queue.h>

#include "gateway/core/check.h"
#include "gateway/core/map.h"
#include "gateway/core/obj.h"
#include "gateway/core/str.h"

enum { THROTTLE_MAGIC = 0x7407713e };

struct bucket {
    char *address;
    int left;
    int64_t refilled_ms;
    TAILQ_ENTRY(bucket) by_use;
};

TAILQ_HEAD(bucket_list, bucket);

struct throttle {
    unsigned magic;
    struct map buckets;
    struct bucket_list by_use; /* least recent first */
};

struct throttle *throttle_new(void)
{
    struct throttle *t = xcalloc(1, sizeof *t);

    t->magic = THROTTLE_MAGIC;
    map_init(&t->buckets);
    TAILQ_INIT(&t->by_use);
    return t;
}

static void forget(struct throttle *t, struct bucket *b)
{
    ASSERT(map_remove(&t->buckets, str_from(b->address)) == b);
    TAILQ_REMOVE(&t->by_use, b, by_use);
    free(b->address);
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

static struct bucket *bucket_of(struct throttle *t, const char *address, int64_t now_ms)
{
    struct bucket *b = map_get(&t->buckets, str_from(address));

    if (b != NULL) {
        TAILQ_REMOVE(&t->by_use, b, by_use);
        TAILQ_INSERT_TAIL(&t->by_use, b, by_use);
        return b;
    }
    if (t->buckets.len >= THROTTLE_ADDRESSES_MAX)
        forget(t, TAILQ_FIRST(&t->by_use));
    b = xcalloc(1, sizeof *b);
    b->address = xstrdup(address);
    b->left = THROTTLE_BURST;
    b->refilled_ms = now_ms;
    ASSERT(map_put(&t->buckets, str_from(address), b) == NULL);
    TAILQ_INSERT_TAIL(&t->by_use, b, by_use);
    return b;
}

bool throttle_failed(struct throttle *t, const char *address, int64_t now_ms)
{
    struct bucket *b = bucket_of(t, address, now_ms);
    int64_t gained = (now_ms - b->refilled_ms) / THROTTLE_REFILL_MS;

    if (gained > 0) {
        b->left = gained > THROTTLE_BURST - b->left ? THROTTLE_BURST : b->left + (int)gained;
        b->refilled_ms += gained * THROTTLE_REFILL_MS;
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
