/*
 * The coordinator's state in one SQLite file (WAL, synchronous=FULL, foreign keys, STRICT tables).
 * Speaks rows; knows no Docker, no HTTP and no route structs: kinds and values are opaque text.
 * One thread uses a store.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"

struct store;

enum { STORE_EPOCH_MAX = 64 }; /* with its NUL */

/* One difference between the objects in force and those wanted. */
struct store_change {
    const char *cluster;
    const char *kind;
    const char *name;
    const char *value; /* NULL = delete */
};

/*
 * Opens or creates the file and brings its schema up (numbered migrations, each in a transaction).
 * A new store gets a new epoch, "<unix ms>-<16 hex digits>". NULL with *e, whose sentence says the
 * way back. Codes, here and below: StoreNewer (made by a newer program), StoreForeign (somebody
 * else's SQLite file), StoreCorrupt, StoreLocked (another process has it), StoreReadOnly,
 * StoreFull, StoreNoDirectory, StoreNoFile, StoreFailed (anything else).
 */
struct store *store_open(const char *path, struct err *e);
void store_close(struct store *s);

const char *store_epoch(const struct store *s); /* lent */

/*
 * The epoch of a cluster: the store's own, or the later one that it was given since, because its
 * gateways held one that was later than the store's. store_renew_epoch takes one after `after_ms`
 * (unix ms) and keeps it: durable when it returns true.
 */
MUST_USE bool store_epoch_of(struct store *s, const char *cluster, char out[STORE_EPOCH_MAX],
                             struct err *e);
MUST_USE bool store_renew_epoch(struct store *s, const char *cluster, uint64_t after_ms,
                                char out[STORE_EPOCH_MAX], struct err *e);

/* A word under a name, for the next start. *out is "" when there is none; longer ones are refused.
 */
MUST_USE bool store_recall(struct store *s, const char *key, char *out, size_t max, struct err *e);
MUST_USE bool store_remember(struct store *s, const char *key, const char *value, struct err *e);
uint64_t store_head(const struct store *s); /* number of the last commit, 0 = none */

/*
 * One transaction: the objects, a change-log row each, the next commit number, author and cause.
 * A change that changes nothing (same value, or delete of what is not there) is left out; when
 * none is left there is no commit and *out_commit = head. On false nothing happened, and the same
 * call may be made again; only when the disk could never sync it, the next process may find the
 * whole commit there. When it returns true the commit survives kill -9 and loss of power.
 */
MUST_USE bool store_commit(struct store *s, const struct store_change *changes, size_t num_changes,
                           const char *author, const char *cause, uint64_t *out_commit,
                           struct err *e);

/*
 * Every object of a cluster, by kind, then name, with the commit that last set it. Strings live for
 * the call; the callback may not call the store.
 */
typedef void store_object_fn(void *arg, const char *kind, const char *name, const char *value,
                             uint64_t commit);
MUST_USE bool store_each_object(struct store *s, const char *cluster, store_object_fn *fn,
                                void *arg, struct err *e);

/* The change log of a cluster in commit order, those after commit `after`. */
typedef void store_change_fn(void *arg, uint64_t commit, const char *kind, const char *name,
                             bool deleted);
MUST_USE bool store_each_change(struct store *s, const char *cluster, uint64_t after,
                                store_change_fn *fn, void *arg, struct err *e);

/* A cluster's revision: the last commit that changed its table; 0 = none. */
MUST_USE bool store_revision(struct store *s, const char *cluster, uint64_t *out, struct err *e);

/*
 * The commit up to which (and with which) the cluster's change log was compacted away; 0 = nothing
 * was. Who holds revision R of the cluster can be brought up to date by changes when R >= floor.
 */
MUST_USE bool store_log_floor(struct store *s, const char *cluster, uint64_t *out, struct err *e);

#endif
