/*
 * Writing through the coordinator: every change that somebody asks for is one write, judged,
 * planned, committed and answered as a whole. Runs on the coordinator's loop.
 *
 * Writes that come within a turn share one transaction and one fsync (group commit), each with a
 * commit number of its own. While a batch is with the writer thread, later writes wait for it:
 * each is judged against what all earlier ones left. A batch that the store does not take is
 * undone.
 */
#ifndef CLUSTERS_WRITE_H
#define CLUSTERS_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clusters/compile/plan.h"
#include "clusters/intents/intents.h"
#include "gateway/core/errs.h"

struct coordinator;
struct write;

enum {
    WRITE_OPS_MAX = 10000,    /* of one write */
    WRITE_WAITING_MAX = 1024, /* writes that wait or are under way; more: 503 */
    WRITE_HEAD_HEX = 64
};

enum write_if { WRITE_ALWAYS, WRITE_IF_ABSENT, WRITE_IF_PRESENT, WRITE_IF_AT };

struct write_op {
    enum intent_kind kind;
    const char *tenant;
    const char *name;
    const char *value;  /* NULL: delete */
    enum write_if when; /* If-None-Match: *, If-Match: *, If-Match: "<commit>" */
    uint64_t at;        /* WRITE_IF_AT: the commit that set it last */
};

/* What became of one op. */
enum write_effect { WRITE_CREATED, WRITE_CHANGED, WRITE_UNCHANGED, WRITE_DELETED };

struct write_laggard {
    const char *cluster;
    const char *gateway;
    const char *node;
    const char *state; /* "live", "silent", "unknown" */
    uint64_t applied;
    const char *refusals_json; /* of this gateway, "[]" = none */
};

struct write_answer {
    /* 0: done (or, dry run, would be); else the HTTP status that says why not: 400, 403, 404, 409,
     * 412, 413, 422, 503, 507; then `faults`, whose fields are pointers "/<op>/<pointer>". */
    int status;
    const struct errs *faults;
    uint64_t commit; /* that it became; the present head when it changed nothing */
    bool changed;
    const char *head;                 /* of the audit chain after it, hex */
    const enum write_effect *effects; /* one an op; NULL unless status is 0 */
    const struct plan_delta *delta;   /* what it changes, or would, in the tables; never NULL */
    /* The ops as they were done: of a rollback, what was made of history. */
    const struct write_op *ops;
    size_t num_ops;
    const char *const *lost; /* of a rollback: services of then that are not there any more */
    size_t num_lost;
    /* ?wait=applied: */
    bool waited;
    bool applied; /* every live gateway of the changed clusters has it */
    const struct write_laggard *laggards;
    size_t num_laggards;
    bool durable; /* it is in Swarm's store as well */
};

/* The answer is lent for the call. Never called from within coordinator_write. */
typedef void write_done_fn(void *arg, const struct write_answer *a);

struct write_request {
    const struct write_op *ops; /* copied */
    size_t num_ops;
    const char *author; /* "token <id> (<tenant>)" */
    const char *cause;  /* "PUT /v1/tenants/acme/routes/web" */
    bool dry_run;       /* planned, judged, answered, undone */
    int64_t wait_ms;    /* 0: answer after the commit; else when applied, or after so long */
    bool durable;       /* answer after it is in Swarm's store */
    write_done_fn *done;
    void *arg;
};

/* NULL with *e: too much waits (503), there are too many ops (413), or Swarm's store will not have
 * it and the caller asks for that (NotReplicated, TooMuch). */
struct write *coordinator_write(struct coordinator *c, const struct write_request *rq,
                                struct err *e);
/* Nobody waits for the answer any more: `done` is not called; the write itself goes on. */
void coordinator_write_forget(struct write *w);

/*
 * Rollback: the documents of a tenant (cluster NULL), or those of all tenants in a cluster (tenant
 * NULL), as they were at commit `to`; services whose labels differ are held by pins. Answers like a
 * write; 410 when the history does not reach so far (code Compacted).
 */
struct write *coordinator_rollback(struct coordinator *c, const char *tenant, const char *cluster,
                                   uint64_t to, const struct write_request *rq, struct err *e);

/* ---- reading documents ----------------------------------------------------------------------- */

struct write_document {
    enum intent_kind kind;
    const char *tenant;
    const char *name;
    const char *value; /* canonical */
    uint64_t set_by;   /* commit: the strong ETag */
    int64_t created_ms;
};

/* Lent until the next turn. False: there is none. */
MUST_USE bool coordinator_document(const struct coordinator *c, enum intent_kind kind,
                                   const char *tenant, const char *name,
                                   struct write_document *out);
/* Of one kind, by tenant and name; tenant NULL: of all. Stops when fn gives false. */
typedef bool write_document_fn(void *arg, const struct write_document *d);
void coordinator_each_document(const struct coordinator *c, enum intent_kind kind,
                               const char *tenant, write_document_fn *fn, void *arg);

/* The plan, for conditions, services, objects and explain; lent for the turn. */
const struct plan *coordinator_plan(const struct coordinator *c);
uint64_t coordinator_head(const struct coordinator *c); /* last commit of the store */
const char *
coordinator_audit_head(const struct coordinator *c); /* hex, "" before the store opens */

/* Commits and audit, for lists: a connection that only reads; NULL while the store is not open. */
struct store;
struct store *coordinator_reader(const struct coordinator *c);

/*
 * An event for the audit chain that is no commit, such as a refused token; `detail` is JSON. It
 * goes with the next batch; of too many that wait (a store that takes nothing) the newest are left
 * out, which is logged.
 */
void coordinator_audit(struct coordinator *c, const char *author, const char *action,
                       const char *tenant, const char *detail);

/* After each commit, in order, for /v1/watch: on the coordinator's loop. */
struct write_event {
    uint64_t commit;
    int64_t at_ms;
    const char *author;
    const char *cause;
    const struct write_op *ops; /* documents that changed; INTENT_SERVICE ones too */
    size_t num_ops;
    const struct plan_delta *delta;
};
typedef void write_event_fn(void *arg, const struct write_event *e);
void coordinator_on_commit(struct coordinator *c, write_event_fn *fn, void *arg);

#endif
