/*
 * What the files of the write path share: write.c (the queue and the answers), write_apply.c (one
 * write into the plan and out of it again), write_batch.c (to the store and back),
 * write_harm.c (what it would take from other tenants), write_diff.c (what the audit says of it),
 * write_wait.c (who waits for gateways or for Swarm), write_rollback.c (a write made from history).
 */
#ifndef CLUSTERS_WRITE_PRIV_H
#define CLUSTERS_WRITE_PRIV_H

#include <sys/queue.h>

#include "clusters/coordinator_priv.h"
#include "clusters/write.h"
#include "gateway/core/map.h"
#include "store/store.h"

/* A document as a batch would leave it. */
struct staged {
    bool deleted;
    char *value;
    int64_t created_ms;
};

/* What an op found, so that it can be taken back. */
struct write_before {
    bool planned;       /* the plan has the op's document, or has lost the one before */
    char *value;        /* of the document before; NULL: there was none */
    int64_t created_ms; /* of it; of a new one the time it was made */
    bool was_staged;    /* an earlier write of this batch left it so */
};

enum { AUDIT_WAITING_MAX = 1024 };

/* One that waits to be chained. */
struct audit_event {
    STAILQ_ENTRY(audit_event) next;
    char *author;
    char *action;
    char *tenant;
    char *detail;
};

void audit_event_free(struct audit_event *e);

enum write_stage { WRITE_QUEUED, WRITE_BATCHED, WRITE_WAITING };

/* What a rollback goes back to; exactly one of the names is not NULL. */
struct rollback {
    char *tenant;
    char *cluster;
    uint64_t to;
    bool waited; /* for what was observed before it */
};

struct write {
    TAILQ_ENTRY(write) next; /* in one of the coordinator's lists, by stage */
    struct coordinator *owner;
    enum write_stage stage;
    struct write_op *ops; /* with strings of their own; values canonical once it was applied */
    size_t num_ops;
    int64_t *created_ms;       /* of each op's document when it is new; 0: now */
    struct rollback *rollback; /* the ops are made of history at its turn; NULL: they are there */
    char **lost;               /* of a rollback */
    size_t num_lost;
    char *author;
    char *cause;
    bool dry_run;
    bool restored; /* from Swarm's store: not judged, it was once */
    bool durable;
    bool held; /* judged, and in the batch only to be answered after it */
    int64_t wait_ms;
    write_done_fn *done; /* NULL: forgotten */
    void *arg;
    /* what became of it */
    int status;
    struct errs *faults;
    enum write_effect *effects;
    struct write_before *before;
    struct plan_delta delta;
    uint64_t commit;
    bool changed;
    char head[STORE_HASH_HEX + 1];
    bool applied;
    bool in_swarm;
    int64_t deadline_ms; /* monotonic, of WRITE_WAITING */
};

/* ---- write.c ---- */
struct write *write_new(struct coordinator *c, const struct write_request *rq);
/* Copied; created_ms 0: a new document is made now. */
void write_add_op(struct write *w, const struct write_op *op, int64_t created_ms);
struct write *write_enqueue(struct write *w, struct err *e); /* NULL: it was full, w is freed */
/* Tells who waits, unless nobody does, and frees it; it is in no list any more. */
void write_answer(struct write *w, const struct write_laggard *laggards, size_t num_laggards);
void write_refuse(struct write *w, int status, const char *code, const char *field,
                  const char *text);

/* ---- write_apply.c ---- */
/*
 * Into the plan: true with effects and delta, or false with status and faults, and the plan and the
 * staged documents as before.
 */
MUST_USE bool write_apply(struct write *w);
void write_undo(struct write *w);    /* the plan and the staged documents as before write_apply */
void write_unjudge(struct write *w); /* as it was before write_apply, after write_undo */
void write_staged_clear(struct map *staged);
/* A key of maps of documents: "kind NUL tenant NUL name". free(). */
char *write_key(enum intent_kind kind, const char *tenant, const char *name, struct str *out);

/* ---- write_harm.c ---- */
/*
 * A tenant's write takes no host that another tenant is served by, however old the document is that
 * it changes or brings back. After plan_settle; false with a fault for each. What an operator does
 * to tenants, claims and clusters may.
 */
MUST_USE bool write_harms_nobody(const struct write *w, struct errs *faults);

/* ---- write_rollback.c ---- */
/* May it be made of history now? Labels that were observed before it are documents first, and so
 * are the writes before it. */
MUST_USE bool write_rollback_is_due(struct write *w);
MUST_USE bool write_rollback_make(struct write *w); /* its ops; false: refused, with the status */

/* ---- write_diff.c ---- */
/* w NULL: what was observed, rq's services against the documents in force. free(). */
char *write_diff(const struct coordinator *c, const struct write *w,
                 const struct store_commit_rq *rq, const struct plan_delta *delta);

/* ---- write_wait.c ---- */
void write_wait_begin(struct write *w); /* takes it; answers at once when nothing is to wait for */
void write_wait_review(struct coordinator *c, const struct cluster *cl); /* NULL: all, and time */

#endif
