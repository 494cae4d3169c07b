/*
 * The fence's labels: who writes, since when, and the head of what it wrote; with a MAC, because
 * whoever may label a config could otherwise point the head at an older state. And the rule of who
 * has the fence. Pure.
 *
 * The newest coordinator started by Swarm wins: who has never had the fence takes it at once,
 * unless its holder was started later than itself and is alive. Who had it and finds it with
 * another never takes it back.
 */
#ifndef CLUSTERS_REPLICA_FENCE_H
#define CLUSTERS_REPLICA_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "clusters/replica/chain.h"
#include "clusters/replica/seal.h"
#include "gateway/core/buf.h"
#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/core/str.h"

enum {
    FENCE_WORD_MAX = 64,      /* with its NUL */
    FENCE_UNMOVED_MS = 15000, /* a holder that has not moved the fence for so long is gone */
    FENCE_BEAT_MS = 5000      /* a holder moves it so often */
};

struct fence {
    char holder[FENCE_WORD_MAX]; /* for people */
    char store[FENCE_WORD_MAX];  /* the epoch of its store */
    /* The store that has all documents under the head: another one until what it found there was
     * taken over, or a coordinator that ends in between would pass for having it. */
    char wrote[FENCE_WORD_MAX];
    uint64_t term;      /* one more with each taking */
    int64_t started_ms; /* wall clock at which its holder's process began */
    uint64_t beat;      /* one more with each change */
    struct chain_head head;
};

enum { FENCE__LABELS = 8 };
extern const char *const fence_labels[FENCE__LABELS]; /* "signalbox.holder", … */

/* Appends the labels as a JSON object. */
MUST_USE bool fence_write(const struct seal_keys *k, const struct fence *f, struct buf *out);

/* values: of fence_labels, NULL where there is none. BadFence: not written with this identity. */
MUST_USE bool fence_read(const struct seal_keys *k, const char *const values[FENCE__LABELS],
                         struct fence *out, struct err *e);

/* What a coordinator may know of a fence that it looked at. */
struct fence_self {
    const char *store;
    int64_t started_ms;
    uint64_t term; /* under which we had it; 0: never */
};

enum fence_verdict {
    FENCE_TAKE,  /* move it on, as its holder from then on */
    FENCE_DEFER, /* a later coordinator has it and may be alive: look again */
    FENCE_OURS,
    FENCE_GONE /* we had it, another has it now */
};

/* unmoved_ms: for how long its version has been the same, as far as we saw. */
enum fence_verdict fence_judge(const struct fence *seen, const struct fence_self *self,
                               int64_t unmoved_ms);

#endif
