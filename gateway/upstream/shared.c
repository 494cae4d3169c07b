/*
 * See shared.h. A chunk is made by whichever thread first needs it; of two that make one at the
 * same time, the second throws its own away.
 */
#include "gateway/upstream/shared.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/core/check.h"

typedef struct upstream_shared_endpoint *chunk_ptr;

struct upstream_shared {
    _Atomic chunk_ptr chunks[UPSTREAM_SHARED_CHUNKS];
};

struct upstream_shared *upstream_shared_new(void)
{
    return xcalloc(1, sizeof(struct upstream_shared));
}

void upstream_shared_free(struct upstream_shared *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < UPSTREAM_SHARED_CHUNKS; i++)
        free(atomic_load_explicit(&s->chunks[i], memory_order_acquire));
    free(s);
}

static chunk_ptr new_chunk(_Atomic chunk_ptr *at)
{
    const size_t bytes = UPSTREAM_SHARED_CHUNK * sizeof(struct upstream_shared_endpoint);
    chunk_ptr seen = NULL, made = aligned_alloc(_Alignof(struct upstream_shared_endpoint), bytes);

    ASSERT(made != NULL);
    memset(made, 0, bytes); /* zero is a valid state of every atomic in it */
    if (atomic_compare_exchange_strong_explicit(at, &seen, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    free(made);
    return seen;
}

struct upstream_shared_endpoint *upstream_shared_get(struct upstream_shared *s, uint32_t id)
{
    uint32_t at = id / UPSTREAM_SHARED_CHUNK;
    chunk_ptr chunk;

    ASSERT(at < UPSTREAM_SHARED_CHUNKS);
    chunk = atomic_load_explicit(&s->chunks[at], memory_order_acquire);
    if (chunk == NULL)
        chunk = new_chunk(&s->chunks[at]);
    return &chunk[id % UPSTREAM_SHARED_CHUNK];
}

void upstream_shared_clear(struct upstream_shared *s, uint32_t id)
{
    uint32_t at = id / UPSTREAM_SHARED_CHUNK;
    chunk_ptr chunk;

    ASSERT(at < UPSTREAM_SHARED_CHUNKS);
    chunk = atomic_load_explicit(&s->chunks[at], memory_order_acquire);
    if (chunk == NULL)
        return;
    atomic_store_explicit(&chunk[id % UPSTREAM_SHARED_CHUNK].failures, 0, memory_order_relaxed);
    atomic_store_explicit(&chunk[id % UPSTREAM_SHARED_CHUNK].ejected_until_ms, 0,
                          memory_order_relaxed);
}
