/*
 * Walks back from a head to the snapshot under it, link by link. It reads what was opened before
 * (seal.c), fetches nothing and decides nothing about tables. Called by load.c and the tests'
 * model.
 */
#include "clusters/replica/chain.h"

#include <string.h>

enum { NONE = -1 };

static bool same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, SEAL_HASH) == 0;
}

static int find(const struct chain_object *all, size_t num, const uint8_t hash[SEAL_HASH])
{
    for (size_t i = 0; i < num; i++)
        if (same(all[i].hash, hash))
            return (int)i;
    return NONE;
}

static bool missing(const char *prefix, const struct seal_named *what, const uint8_t *hash,
                    struct err *e)
{
    char name[SEAL_NAME_MAX];

    seal_name(prefix, what, hash, name);
    return err_set(e, "Incomplete", name,
                   "the config %s is missing: what is replicated in Swarm is not complete", name);
}

/* The parts of the snapshot that ends with `hash`; *out_base becomes the link under the first. */
static bool walk_parts(const char *prefix, const struct chain_object *all, size_t num,
                       const struct chain_head *head, struct chain *out, struct err *e)
{
    const uint8_t *hash = head->snapshot_hash;
    int at = find(all, num, hash);
    size_t left;

    if (at == NONE || !all[at].place.last || all[at].place.kind != SEAL_SNAPSHOT ||
        all[at].place.seq != head->snapshot_seq)
        return missing(prefix, &(struct seal_named){SEAL_SNAPSHOT, head->snapshot_seq, 0}, hash, e);
    left = out->num_parts = (size_t)all[at].place.part + 1;
    for (;;) {
        out->parts[--left] = (size_t)at;
        if (!left)
            return true;
        hash = all[at].place.prev;
        at = find(all, num, hash);
        if (at == NONE || all[at].place.kind != SEAL_SNAPSHOT || all[at].place.part != left - 1 ||
            all[at].place.seq != head->snapshot_seq)
            return missing(
                prefix,
                &(struct seal_named){SEAL_SNAPSHOT, head->snapshot_seq, (uint16_t)(left - 1)}, hash,
                e);
    }
}

static void turn_round(size_t *list, size_t num)
{
    for (size_t i = 0; i < num / 2; i++) {
        size_t other = list[num - 1 - i];

        list[num - 1 - i] = list[i];
        list[i] = other;
    }
}

/* The batches behind base_seq, down to the link `base`. */
static bool walk_batches(const char *prefix, const struct chain_object *all, size_t num,
                         const struct chain_head *head, struct chain *out, struct err *e)
{
    static const uint8_t zero[SEAL_HASH];
    const uint8_t *base = out->num_parts ? all[out->parts[0]].place.prev : zero;
    uint64_t base_seq = head->has_snapshot ? head->snapshot_seq : 0;
    const uint8_t *hash = head->hash;

    for (uint64_t seq = head->seq; seq > base_seq; seq--) {
        int at = find(all, num, hash);

        if (at == NONE || all[at].place.kind != SEAL_BATCH || all[at].place.seq != seq ||
            out->num_batches == CHAIN_OBJECTS_MAX)
            return missing(prefix, &(struct seal_named){SEAL_BATCH, seq, 0}, hash, e);
        out->batches[out->num_batches++] = (size_t)at;
        hash = all[at].place.prev;
    }
    if (head->seq < base_seq || !same(hash, base))
        return err_set(e, "Incomplete", "", "the batches in Swarm do not follow its snapshot");
    turn_round(out->batches, out->num_batches);
    return true;
}

bool chain_follow(const char *prefix, const struct chain_object *all, size_t num,
                  const struct chain_head *head, struct chain *out, struct err *e)
{
    memset(out, 0, sizeof(*out));
    return (!head->has_snapshot || walk_parts(prefix, all, num, head, out, e)) &&
           walk_batches(prefix, all, num, head, out, e);
}

uint64_t chain_term(const struct chain_object *all, size_t num)
{
    uint64_t term = 0;

    for (size_t i = 0; i < num; i++)
        if (all[i].place.term > term)
            term = all[i].place.term;
    return term;
}

/* ---- without a head ------------------------------------------------------------------------- */

struct candidate {
    struct chain_head head;
    uint64_t term; /* of its newest object */
};

static bool is_newer(const struct candidate *a, const struct candidate *b)
{
    if (a->term != b->term)
        return a->term > b->term;
    if (a->head.seq != b->head.seq)
        return a->head.seq > b->head.seq;
    return a->head.has_snapshot &&
           (!b->head.has_snapshot || a->head.snapshot_seq > b->head.snapshot_seq);
}

static void consider(const struct chain_object *all, size_t num, const struct candidate *c,
                     struct candidate *best)
{
    struct chain chain;

    if (chain_follow("", all, num, &c->head, &chain, NULL) && is_newer(c, best))
        *best = *c;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* With this snapshot, or none (NULL): each batch as the end of the log, or no batch at all. */
static void try_snapshot(const struct chain_object *all, size_t num,
                         const struct chain_object *last_part, struct candidate *best)
{
    struct candidate bare = {0};
    struct chain chain = {0};

    if (last_part) {
        bare.head.has_snapshot = true;
        bare.head.seq = bare.head.snapshot_seq = last_part->place.seq;
        bare.head.commit = last_part->place.commit;
        memcpy(bare.head.snapshot_hash, last_part->hash, SEAL_HASH);
        bare.term = last_part->place.term;
        if (!walk_parts("", all, num, &bare.head, &chain, NULL))
            return;
        memcpy(bare.head.hash, all[chain.parts[0]].place.prev, SEAL_HASH);
        consider(all, num, &bare, best);
    }
    for (size_t i = 0; i < num; i++) {
        struct candidate c = bare;

        if (all[i].place.kind != SEAL_BATCH)
            continue;
        c.head.seq = all[i].place.seq;
        c.head.commit = later(bare.head.commit, all[i].place.commit);
        c.term = later(bare.term, all[i].place.term);
        memcpy(c.head.hash, all[i].hash, SEAL_HASH);
        consider(all, num, &c, best);
    }
}

void chain_pick(const struct chain_object *all, size_t num, struct chain_head *out)
{
    struct candidate best = {0};

    try_snapshot(all, num, NULL, &best);
    for (size_t i = 0; i < num; i++)
        if (all[i].place.kind == SEAL_SNAPSHOT && all[i].place.last)
            try_snapshot(all, num, &all[i], &best);
    *out = best.head;
}
