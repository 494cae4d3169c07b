/*
 * One cluster's table as it is sent: the frames of all objects, shared by whoever sends them, in
 * the order of the commits that set them; tombstones for what was deleted; the digest of it all.
 * Answers with batches: a snapshot, or what changed since a revision. No I/O, no clock; one thread.
 */
#ifndef CLUSTERS_PUBLISH_LEDGER_H
#define CLUSTERS_PUBLISH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/publish/publish.h"
#include "gateway/core/err.h"
#include "gateway/route/route.h"

enum { LEDGER_TOMBSTONES_MAX = 16384 };

/* Whole frames with their newlines, immutable, counted. */
struct ledger_frame {
    size_t refs;
    size_t len;
    char bytes[];
};

/* An ordered list of frames that ends with a commit; immutable, counted. */
struct ledger_batch {
    size_t refs;
    uint64_t from;     /* the revision it builds on; 0 for a snapshot */
    uint64_t revision; /* the revision that its commit makes */
    size_t num;
    size_t bytes; /* of all frames */
    struct ledger_frame *frames[];
};

struct ledger;

struct ledger *ledger_new(const char *cluster, const char *epoch); /* both copied */
void ledger_free(struct ledger *l);                                /* batches given live on */

/* Filling, in any order; then ledger_open once. An object that cannot be framed is refused. */
MUST_USE bool ledger_load_set(struct ledger *l, enum route_kind kind, const char *name,
                              const char *value, uint64_t commit, struct err *e);
void ledger_load_delete(struct ledger *l, enum route_kind kind, const char *name, uint64_t commit);
void ledger_open(struct ledger *l, uint64_t revision, uint64_t floor);
bool ledger_is_open(const struct ledger *l);
void ledger_set_epoch(struct ledger *l, const char *epoch); /* at any time */
const char *ledger_epoch(const struct ledger *l);

/*
 * Applies one commit; `revision` must be above the last. An object that cannot be framed keeps its
 * predecessor; the first such is told in *e and false is answered, all others are applied.
 */
MUST_USE bool ledger_apply(struct ledger *l, uint64_t revision,
                           const struct publish_change *changes, size_t num, struct err *e);

uint64_t ledger_revision(const struct ledger *l);
uint64_t ledger_floor(const struct ledger *l); /* resume needs a revision above it */
bool ledger_can_resume(const struct ledger *l, uint64_t from);

/*
 * Batches, each a reference for the caller. The snapshot begins with its hello; a delta with one
 * when `hello`. The same batch is given to all who ask for the same one between two commits.
 */
struct ledger_batch *ledger_snapshot(struct ledger *l);
struct ledger_batch *ledger_delta(struct ledger *l, uint64_t from, bool hello);

struct ledger_frame *ledger_frame_ref(struct ledger_frame *f);
void ledger_frame_unref(struct ledger_frame *f);
void ledger_batch_unref(struct ledger_batch **b); /* NULL inside is fine; nulls the caller's */

#endif
