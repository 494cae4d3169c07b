/*
 * The queue of writes and their answers. A write is copied in, waits for the end of a turn, is
 * applied, batched and committed (write_apply.c, write_batch.c), may wait for gateways
 * (write_wait.c), and is answered once. Called by admin/api.
 */
#include <string.h>

#include "clusters/backlog.h"
#include "clusters/catalog.h"
#include "clusters/write_priv.h"
#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

struct write *write_new(struct coordinator *c, const struct write_request *rq)
{
    struct write *w = xcalloc(1, sizeof *w);

    w->owner = c;
    w->author = xstrdup(rq->author);
    w->cause = xstrdup(rq->cause);
    w->dry_run = rq->dry_run;
    w->durable = rq->durable;
    w->wait_ms = rq->wait_ms;
    w->done = rq->done;
    w->arg = rq->arg;
    w->faults = xcalloc(1, sizeof *w->faults);
    return w;
}

void write_add_op(struct write *w, const struct write_op *op, int64_t created_ms)
{
    size_t i = w->num_ops++;

    if ((i & (i - 1)) == 0) { /* at 0 and at each power of two */
        size_t room = i > 0 ? i * 2 : 1;

        w->ops = xrealloc(w->ops, room * sizeof w->ops[0]);
        w->created_ms = xrealloc(w->created_ms, room * sizeof w->created_ms[0]);
    }
    w->ops[i] = *op;
    w->ops[i].tenant = xstrdup(op->tenant);
    w->ops[i].name = xstrdup(op->name);
    w->ops[i].value = op->value != NULL ? xstrdup(op->value) : NULL;
    w->created_ms[i] = created_ms;
}

static void write_free(struct write *w)
{
    for (size_t i = 0; i < w->num_ops; i++) {
        free((char *)w->ops[i].tenant);
        free((char *)w->ops[i].name);
        free((char *)w->ops[i].value);
        if (w->before != NULL)
            free(w->before[i].value);
    }
    for (size_t i = 0; i < w->num_lost; i++)
        free(w->lost[i]);
    free(w->lost);
    if (w->rollback != NULL) {
        free(w->rollback->tenant);
        free(w->rollback->cluster);
    }
    free(w->rollback);
    free(w->ops);
    free(w->created_ms);
    free(w->before);
    free(w->effects);
    free(w->faults);
    free(w->author);
    free(w->cause);
    plan_delta_clear(&w->delta);
    w->owner->num_writes--;
    free(w);
}

struct write *write_enqueue(struct write *w, struct err *e)
{
    struct coordinator *c = w->owner;

    c->num_writes++;
    if (c->num_writes > WRITE_WAITING_MAX) {
        write_free(w);
        err_set(e, "Busy", "", "%d writes wait already", (int)WRITE_WAITING_MAX);
        return NULL;
    }
    w->stage = WRITE_QUEUED;
    TAILQ_INSERT_TAIL(&c->queued, w, next);
    coordinator_turn_soon(c);
    return w;
}

struct write *coordinator_write(struct coordinator *c, const struct write_request *rq,
                                struct err *e)
{
    struct write *w;

    if (!coordinator_may_commit(c, e) || (rq->durable && !coordinator_may_be_durable(c, e)))
        return NULL;
    if (rq->num_ops > WRITE_OPS_MAX) {
        err_set(e, "TooLarge", "", "one write can change %d documents, this one has %zu",
                (int)WRITE_OPS_MAX, rq->num_ops);
        return NULL;
    }
    w = write_new(c, rq);
    for (size_t i = 0; i < rq->num_ops; i++)
        write_add_op(w, &rq->ops[i], 0);
    return write_enqueue(w, e);
}

void coordinator_write_forget(struct write *w)
{
    w->done = NULL;
}

void write_refuse(struct write *w, int status, const char *code, const char *field,
                  const char *text)
{
    struct err why = {0};

    err_set(&why, code, field, "%s", text);
    errs_add(w->faults, &why);
    w->status = status;
}

void write_answer(struct write *w, const struct write_laggard *laggards, size_t num_laggards)
{
    const struct write_answer answer = {
        .status = w->status,
        .faults = w->faults,
        .commit = w->commit,
        .changed = w->changed,
        .head = w->head,
        .effects = w->status == 0 ? w->effects : NULL,
        .delta = &w->delta,
        .ops = w->ops,
        .num_ops = w->num_ops,
        .lost = (const char *const *)w->lost,
        .num_lost = w->num_lost,
        .waited = w->wait_ms > 0 && w->status == 0 && !w->dry_run,
        .applied = w->applied,
        .laggards = laggards,
        .num_laggards = num_laggards,
        .durable = w->in_swarm,
    };

    if (w->done != NULL)
        w->done(w->arg, &answer);
    write_free(w);
}

/* ---- audit --------------------------------------------------------------------------------------
 */

void audit_event_free(struct audit_event *e)
{
    free(e->author);
    free(e->action);
    free(e->tenant);
    free(e->detail);
    free(e);
}

void coordinator_audit(struct coordinator *c, const char *author, const char *action,
                       const char *tenant, const char *detail)
{
    struct audit_event *e;
    unsigned withheld;

    if (c->num_events >= AUDIT_WAITING_MAX) {
        if (quiet_may_say(&c->quiet_events, clock_mono_ms(), &withheld))
            log_warn("the audit lacks an event (%s by %s): %d wait for the store already", action,
                     author, (int)AUDIT_WAITING_MAX);
        return;
    }
    e = xcalloc(1, sizeof *e);
    e->author = xstrdup(author);
    e->action = xstrdup(action);
    e->tenant = xstrdup(tenant);
    e->detail = xstrdup(detail);
    STAILQ_INSERT_TAIL(&c->events, e, next);
    c->num_events++;
    coordinator_turn_soon(c);
}

struct store *coordinator_reader(const struct coordinator *c)
{
    return c->reader;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

bool coordinator_document(const struct coordinator *c, enum intent_kind kind, const char *tenant,
                          const char *name, struct write_document *out)
{
    const struct write_document *d = catalog_get(c->catalog, kind, tenant, name);

    if (d == NULL)
        return false;
    *out = *d;
    return true;
}

void coordinator_each_document(const struct coordinator *c, enum intent_kind kind,
                               const char *tenant, write_document_fn *fn, void *arg)
{
    catalog_each(c->catalog, kind, tenant, fn, arg);
}

const struct plan *coordinator_plan(const struct coordinator *c)
{
    return c->plan;
}

uint64_t coordinator_head(const struct coordinator *c)
{
    return c->head;
}

const char *coordinator_audit_head(const struct coordinator *c)
{
    return c->audit_head;
}

void coordinator_on_commit(struct coordinator *c, write_event_fn *fn, void *arg)
{
    c->on_commit = fn;
    c->on_commit_arg = arg;
}
