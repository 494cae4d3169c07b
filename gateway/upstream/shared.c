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
    _Atomic uint32_t num_ejected;
    _Atomic uint32_t num_unhealthy;
    _Atomic uint64_t changes;
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

static _Atomic chunk_ptr *chunk_of(struct upstream_shared *s, uint32_t id)
{
    ASSERT(id / UPSTREAM_SHARED_CHUNK < UPSTREAM_SHARED_CHUNKS);
    return &s->chunks[id / UPSTREAM_SHARED_CHUNK];
}

struct upstream_shared_endpoint *upstream_shared_get(struct upstream_shared *s, uint32_t id)
{
    _Atomic chunk_ptr *at = chunk_of(s, id);
    chunk_ptr chunk = atomic_load_explicit(at, memory_order_acquire);

    if (chunk == NULL)
        chunk = new_chunk(at);
    return &chunk[id % UPSTREAM_SHARED_CHUNK];
}

struct upstream_shared_endpoint *upstream_shared_find(struct upstream_shared *s, uint32_t id)
{
    chunk_ptr chunk = atomic_load_explicit(chunk_of(s, id), memory_order_acquire);

    return chunk != NULL ? &chunk[id % UPSTREAM_SHARED_CHUNK] : NULL;
}

static void note_change(struct upstream_shared *s)
{
    atomic_fetch_add_explicit(&s->changes, 1, memory_order_relaxed);
}

bool upstream_shared_eject(struct upstream_shared *s, struct upstream_shared_endpoint *e,
                           int64_t seen_until_ms, struct eject_state next)
{
    if (!atomic_compare_exchange_strong_explicit(&e->ejected_until_ms, &seen_until_ms,
                                                 next.until_ms, memory_order_relaxed,
                                                 memory_order_relaxed))
        return false;
    atomic_store_explicit(&e->failures, next.failures, memory_order_relaxed);
    if ((seen_until_ms == 0) == (next.until_ms == 0))
        return true;
    if (next.until_ms != 0)
        atomic_fetch_add_explicit(&s->num_ejected, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&s->num_ejected, 1, memory_order_relaxed);
    note_change(s);
    return true;
}

uint32_t upstream_shared_num_ejected(struct upstream_shared *s)
{
    return atomic_load_explicit(&s->num_ejected, memory_order_relaxed);
}

void upstream_shared_set_unhealthy(struct upstream_shared *s, struct upstream_shared_endpoint *e,
                                   bool unhealthy)
{
    if (atomic_exchange_explicit(&e->unhealthy, unhealthy, memory_order_relaxed) == unhealthy)
        return;
    if (unhealthy)
        atomic_fetch_add_explicit(&s->num_unhealthy, 1, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&s->num_unhealthy, 1, memory_order_relaxed);
    note_change(s);
}

uint32_t upstream_shared_num_unhealthy(struct upstream_shared *s)
{
    return atomic_load_explicit(&s->num_unhealthy, memory_order_relaxed);
}

void upstream_shared_warm(struct upstream_shared *s, struct upstream_shared_endpoint *e,
                          int64_t now_ms)
{
    atomic_store_explicit(&e->warm_from_ms, now_ms, memory_order_relaxed);
    note_change(s);
}

uint64_t upstream_shared_changes(const struct upstream_shared *s)
{
    return atomic_load_explicit(&s->changes, memory_order_relaxed);
}

void upstream_shared_clear(struct upstream_shared *s, uint32_t id)
{
    struct upstream_shared_endpoint *e = upstream_shared_find(s, id);

    if (e == NULL)
        return;
    ASSERT(atomic_load_explicit(&e->in_flight, memory_order_relaxed) == 0);
    /* Nobody else writes it any more: every worker has forgotten the id. */
    ASSERT(upstream_shared_eject(s, e,
                                 atomic_load_explicit(&e->ejected_until_ms, memory_order_relaxed),
                                 (struct eject_state){0, 0}));
    upstream_shared_set_unhealthy(s, e, false);
    atomic_store_explicit(&e->window, 0, memory_order_relaxed);
    atomic_store_explicit(&e->warm_from_ms, 0, memory_order_relaxed);
}
