/*
 * The coordinator's state in one SQLite file (WAL, synchronous=FULL, foreign keys, STRICT tables).
 * Speaks rows; knows no Docker, no HTTP and no route structs: kinds and values are opaque text.
 * One thread at a time uses a store; one process at a time has it (a lock on PATH-lock), while
 * others may read the file.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/core/err.h"
#include "gateway/core/result.h"
#include "store/audit_row.h"

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
 * Opens or creates the file and brings its schema up (numbered migrations, each in a transaction;
 * a store that is there is copied to PATH.before-schema-<number> first).
 * A new store gets a new epoch, "<unix ms>-<16 hex digits>". NULL with *e, whose sentence says the
 * way back. Codes, here and below: StoreNewer (made by a newer program), StoreForeign (somebody
 * else's SQLite file), StoreCorrupt, StoreLocked (another process has it), StoreReadOnly,
 * StoreFull, StoreNoDirectory, StoreNoFile, StoreMissing (of what is only read: there is none),
 * StoreFailed (anything else).
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
uint64_t
store_head(const struct store *s); /* the last commit's number, 0 = none; not of a reader */

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

/* ---- documents, batches, history, audit -------------------------------------------------------
 *
 * A document is opaque JSON under (tenant, kind, name). Documents and objects change together, in
 * commits; a batch is several commits in one transaction.
 */

struct store_doc_change {
    const char *tenant;
    const char *kind;
    const char *name;
    const char *value;  /* NULL = delete */
    int64_t created_ms; /* of its first write */
};

struct store_commit_rq {
    bool event; /* no commit but an event: nothing but its row of the audit, see below */
    const struct store_change *changes; /* of tables, as in store_commit */
    size_t num_changes;
    const struct store_doc_change *docs;
    size_t num_docs;
    const char *author;
    const char *cause;
    const char *tenant;    /* whose audit shows it; "" = operators only */
    const char *diff_json; /* what the audit row keeps; "" = nothing */
    uint64_t after;        /* its number is above this one too, see clusters/replica; 0 = any */
    /* out: */
    uint64_t number;               /* its commit; the head before it when nothing differed */
    bool made;                     /* something differed, or it is an event */
    char head[STORE_HASH_HEX + 1]; /* of the audit chain after it */
};

/* All of them, in order, or none: one transaction, one fsync. As store_commit otherwise. */
MUST_USE bool store_commit_batch(struct store *s, struct store_commit_rq *all, size_t num,
                                 struct err *e);

struct store_doc {
    const char *tenant;
    const char *kind;
    const char *name;
    const char *value;
    uint64_t set_by;
    int64_t created_ms;
};
typedef void store_doc_fn(void *arg, const struct store_doc *d); /* lent; may not call the store */
/* Every document, by tenant, kind and name. */
MUST_USE bool store_each_doc(struct store *s, store_doc_fn *fn, void *arg, struct err *e);

/*
 * The documents as they were after commit `at` (tenant NULL: all): for each document that is, or
 * was then, different from now: what it is now (value NULL: gone) and its value then (NULL: it was
 * not there). Code Compacted when the history does not reach back to it.
 */
typedef void store_doc_then_fn(void *arg, const struct store_doc *now, const char *then,
                               int64_t created_ms_then);
MUST_USE bool store_docs_at(struct store *s, uint64_t at, const char *tenant, store_doc_then_fn *fn,
                            void *arg, struct err *e);

struct store_commit_row {
    uint64_t number;
    int64_t at_ms;
    const char *author;
    const char *cause;
    const char *tenant;
    const char *diff_json;
    const char *hash; /* of its audit row; this and the next are "" when that is compacted away */
    const char *prev;
};
typedef void store_commit_fn(void *arg, const struct store_commit_row *row);
/* Newest first, those below `before` (0: all), at most `max`; tenant NULL: all. */
MUST_USE bool store_each_commit(struct store *s, const char *tenant, uint64_t before, size_t max,
                                store_commit_fn *fn, void *arg, struct err *e);

/*
 * Audit: a row for each commit and for each event that is none (a refused token, a read of a
 * secret's metadata…): hash = SHA-256 over the predecessor's hash and the row's own fields, each
 * with its length; the first row's predecessor is 64 zeros. The chain outlives compaction: rows
 * that go leave their last hash behind.
 */
typedef void store_audit_fn(void *arg, const struct store_audit_row *row);
MUST_USE bool store_audit_event(struct store *s, const char *author, const char *action,
                                const char *tenant, const char *detail, struct err *e);
/* Newest first, those below `before` (0: all), at most `max`; tenant NULL: all. */
MUST_USE bool store_each_audit(struct store *s, const char *tenant, uint64_t before, size_t max,
                               store_audit_fn *fn, void *arg, struct err *e);
void store_audit_head(const struct store *s, char out[STORE_HASH_HEX + 1]); /* not of a reader */
/*
 * Walks the whole chain. False with code AuditBroken and the row at which it breaks; or, when
 * `head` (NULL: not asked) is not among its hashes, AuditHead, or AuditCompacted when rows were
 * compacted away, to one of which it may belong. *out_rows: how many were verified.
 */
MUST_USE bool store_audit_verify(struct store *s, const char *head, uint64_t *out_rows,
                                 struct err *e);

/*
 * What Swarm says of its secrets, as last seen, beside commits: never what is in them. `set` is
 * added or replaced, by id; `gone` are ids. One transaction; false: nothing happened.
 */
struct store_secret {
    const char *id;
    const char *name;
    uint64_t version;
    const char *created_at;
    const char *updated_at;
    const char *labels; /* JSON */
    const char *tenant; /* this and the next are "" when no label says it */
    const char *expires;
};
MUST_USE bool store_keep_secrets(struct store *s, const struct store_secret *set, size_t num_set,
                                 const char *const *gone, size_t num_gone, struct err *e);
typedef void store_secret_fn(void *arg, const struct store_secret *x); /* lent, as store_doc_fn */
MUST_USE bool store_each_secret(struct store *s, store_secret_fn *fn, void *arg, struct err *e);

/*
 * A second connection to a store that is open, for lists and history: never blocks the writer, nor
 * waits for it. Only the functions that read may be called on it; each sees one commit's state.
 */
struct store *store_open_reader(const char *path, struct err *e);

/* ---- whole files: may be called while a coordinator has the store, but for store_restore
 * -------*/

/*
 * Copies one commit's state to `to`, which is replaced when it is there: written beside it,
 * checked, fsynced, renamed.
 */
MUST_USE bool store_backup(const char *path, const char *to, struct err *e);
/*
 * Checks `from` and puts a copy in the place of `path`, with an epoch later than any in either; the
 * old files are kept as PATH.before-<unix ms>[-wal]. StoreLocked while a coordinator has the store.
 */
MUST_USE bool store_restore(const char *from, const char *path, struct err *e);
/* Pages, foreign keys, schema, the audit chain; changes nothing. */
struct store_findings {
    int schema;
    uint64_t head;
    uint64_t documents;
    uint64_t audit_rows;
    char audit_head[STORE_HASH_HEX + 1];
};
MUST_USE bool store_check(const char *path, struct store_findings *out, struct err *e);

#endif
