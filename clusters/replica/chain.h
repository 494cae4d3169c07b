/*
 * Which objects make up the last complete state. Batches are a chain by their predecessors' hashes;
 * a snapshot's parts are one too, whose first link is the batch that it stands for. A head says
 * where both end. Everything that does not lead to the head is rubbish: what a crash left, an old
 * snapshot half removed, what a fenced coordinator still wrote. Pure.
 */
#ifndef CLUSTERS_REPLICA_CHAIN_H
#define CLUSTERS_REPLICA_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/replica/seal.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"

/* Zeroed: there is nothing yet. */
struct chain_head {
    uint64_t commit;         /* the last one that is in Swarm */
    uint64_t seq;            /* the last batch, or that for which the snapshot stands */
    uint8_t hash[SEAL_HASH]; /* of it */
    bool has_snapshot;
    uint64_t snapshot_seq;
    uint8_t snapshot_hash[SEAL_HASH]; /* of its last part */
};

struct chain_object { /* one that opened */
    struct seal_place place;
    uint8_t hash[SEAL_HASH];
};

enum { CHAIN_OBJECTS_MAX = 512 }; /* more is not ours any more */

struct chain { /* indexes, in the order in which they are read */
    size_t parts[SEAL_PARTS_MAX];
    size_t num_parts;
    size_t batches[CHAIN_OBJECTS_MAX];
    size_t num_batches;
};

/* Incomplete, with the name of an object that is not there. */
MUST_USE bool chain_follow(const char *prefix, const struct chain_object *all, size_t num,
                           const struct chain_head *head, struct chain *out, struct err *e);

/*
 * Where nothing says what the head is (somebody removed the fence): the newest complete state that
 * the objects give, by term, then batch. Zeroed when they give none.
 */
void chain_pick(const struct chain_object *all, size_t num, struct chain_head *out);

/* The highest term of any object; 0: there is none. */
uint64_t chain_term(const struct chain_object *all, size_t num);

#endif
