/*
 * The state directory: the last good table on disk, so that a gateway that starts without its
 * coordinator serves. One file, DIR/table.ndjson, in the form of the stream: a snapshot with a
 * checksum (wire/checksum.h) before its commit, then the commits since, each with the digest of the
 * whole table. One without a checksum is a table as well, and takes longer to read. When the
 * commits outgrow the snapshot (and 1 MiB) the file is written anew beside the old one and renamed
 * over it.
 *
 * A disk that fails or is full never stops the follower: it says so once, goes on without, and
 * writes the whole table when that is possible again (journal_retry). A file whose fsync failed is
 * never trusted again. One process writes in a directory; another reads what it finds there and
 * takes over the writing when the first has ended (Swarm runs an old and a new gateway on one
 * volume while it replaces a task).
 */
#ifndef GATEWAY_FOLLOWER_JOURNAL_H
#define GATEWAY_FOLLOWER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "gateway/follower/holding.h"

struct journal;

/*
 * Sees the file while it is read, so that a large table can travel meanwhile: first the parts of
 * its snapshot, not yet known to be true, then the changes of each commit. value.p NULL = deleted.
 */
struct journal_reader {
    void (*part)(void *arg, enum route_kind kind, struct str name, struct str value);
    void *arg;
};

/* Creates nothing yet; dir and cluster are copied. */
struct journal *journal_new(const char *dir, const char *cluster);
void journal_free(struct journal *j);

/*
 * Fills an empty holding from the file. True: loaded, or there is none (holding->valid tells). What
 * follows the last complete commit is left out. False with *e: the file was altered, reordered, or
 * is another cluster's; the holding is empty, what the reader was shown is void, and the file stays
 * until a new table replaces it. reader may be NULL.
 */
MUST_USE bool journal_load(struct journal *j, struct holding *h,
                           const struct journal_reader *reader, struct err *e);

/* After a commit was taken over: append its changes, or (snapshot) write the whole table. */
void journal_commit(struct journal *j, const struct holding *h,
                    const struct holding_changes *changes, bool snapshot);

void journal_sync(struct journal *j); /* what was appended reaches the disk */

/* Call every few seconds: writes the whole table if the last try failed or the file went away. */
void journal_retry(struct journal *j, const struct holding *h);

/* Why a restart now would not find the newest table, one sentence; "" = it would. Lent. */
const char *journal_complaint(const struct journal *j);

#endif
