/*
 * Commits: objects, documents, change log, history, revisions and audit, one commit or several in
 * one transaction. Whatever fails on the way, the transaction is left and nothing has happened.
 * Called by the coordinator, through the writer's thread or directly.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_priv.h"

enum { REST_EVERY = 4096 /* commits between two looks at what no commit touches */ };

/* A cluster that a commit changes. */
struct touched {
    const char *name; /* borrowed from the changes */
    int64_t id;
    int64_t num_rows; /* added to its change log */
};

static const char *word(const char *text)
{
    return text != NULL ? text : "";
}

bool batch_differs(struct batch *b, struct err *e)
{
    if (b->made)
        return true;
    b->made = true;
    return sql_run(b->s,
                   sql_bind(b->s, SQL_COMMIT_ADD, e, "iittt", b->number, b->now_ms, b->rq->author,
                            b->rq->cause, word(b->rq->tenant)),
                   e);
}

/* ---- objects of tables --------------------------------------------------------------------------
 */

static bool cluster_id(struct store *s, const char *name, int64_t *out, struct err *e)
{
    *out = 0;
    if (!sql_number(s, sql_bind(s, SQL_CLUSTER_ID, e, "t", name), out, e))
        return false;
    if (*out != 0)
        return true;
    if (!sql_run(s, sql_bind(s, SQL_CLUSTER_ADD, e, "t", name), e))
        return false;
    *out = sqlite3_last_insert_rowid(s->db);
    return true;
}

/* NULL with *e. Lent until the next call. */
static struct touched *touch(struct batch *b, const char *name, struct err *e)
{
    int64_t id;

    if (b->num_clusters > 0 && strcmp(b->clusters[b->last].name, name) == 0)
        return &b->clusters[b->last];
    for (size_t i = 0; i < b->num_clusters; i++) {
        if (strcmp(b->clusters[i].name, name) == 0) {
            b->last = i;
            return &b->clusters[i];
        }
    }
    if (!cluster_id(b->s, name, &id, e))
        return NULL;
    b->clusters = xrealloc(b->clusters, (b->num_clusters + 1) * sizeof(*b->clusters));
    b->clusters[b->num_clusters] = (struct touched){name, id, 0};
    b->last = b->num_clusters++;
    return &b->clusters[b->last];
}

/* A row of the change log; an object that changes twice in a commit has one row, the last. */
static bool log_change(struct batch *b, struct touched *t, const struct store_change *change,
                       struct err *e)
{
    int64_t deleted = change->value == NULL ? 1 : 0;

    if (!batch_differs(b, e) || !sql_run(b->s,
                                         sql_bind(b->s, SQL_CHANGE_ADD, e, "iitti", t->id,
                                                  b->number, change->kind, change->name, deleted),
                                         e))
        return false;
    if (sqlite3_changes(b->s->db) > 0) {
        t->num_rows++;
        return true;
    }
    return sql_run(b->s,
                   sql_bind(b->s, SQL_CHANGE_AGAIN, e, "iitti", t->id, b->number, change->kind,
                            change->name, deleted),
                   e);
}

static bool apply_object(struct batch *b, const struct store_change *change, struct err *e)
{
    struct touched *t = touch(b, change->cluster, e);
    sqlite3_stmt *q;

    if (t == NULL)
        return false;
    if (change->value != NULL)
        q = sql_bind(b->s, SQL_OBJECT_SET, e, "ittti", t->id, change->kind, change->name,
                     change->value, b->number);
    else
        q = sql_bind(b->s, SQL_OBJECT_DELETE, e, "itt", t->id, change->kind, change->name);
    if (!sql_run(b->s, q, e))
        return false;
    if (sqlite3_changes(b->s->db) == 0)
        return true; /* it was so already */
    return log_change(b, t, change, e);
}

/* Revisions and the length of the log of those clusters that really changed. */
static bool finish_clusters(struct batch *b, struct err *e)
{
    for (size_t i = 0; i < b->num_clusters; i++) {
        const struct touched *t = &b->clusters[i];

        if (t->num_rows == 0)
            continue;
        if (!sql_run(b->s,
                     sql_bind(b->s, SQL_CLUSTER_TOUCH, e, "iii", t->id, b->number, t->num_rows),
                     e) ||
            !compact_cluster(b->s, t->id, e))
            return false;
    }
    return true;
}

/* ---- one commit ---------------------------------------------------------------------------------
 */

static bool audit(struct batch *b, struct err *e)
{
    const struct store_audit_row row = {
        .commit = b->rq->event ? 0 : (uint64_t)b->number,
        .at_ms = b->now_ms,
        .author = b->rq->author,
        .action = b->rq->cause,
        .tenant = word(b->rq->tenant),
        .detail = word(b->rq->diff_json),
    };

    return audit_append(b->s, &b->audit, &row, e);
}

static bool write_commit(struct batch *b, struct err *e)
{
    const struct store_commit_rq *rq = b->rq;

    for (size_t i = 0; i < rq->num_changes; i++)
        if (!apply_object(b, &rq->changes[i], e))
            return false;
    for (size_t i = 0; i < rq->num_docs; i++)
        if (!documents_apply(b, &rq->docs[i], e))
            return false;
    return finish_clusters(b, e) && (!b->made || audit(b, e));
}

/* Its answer is filled in; it holds once the whole batch is committed. */
static bool write_one(struct batch *b, struct store_commit_rq *rq, struct err *e)
{
    ASSERT(rq->after < INT64_MAX);
    b->rq = rq;
    b->number = (b->head > (int64_t)rq->after ? b->head : (int64_t)rq->after) + 1;
    b->made = rq->event;
    b->num_clusters = 0;
    if (rq->event)
        ASSERT(rq->num_changes == 0 && rq->num_docs == 0);
    if (rq->event ? !audit(b, e) : !write_commit(b, e))
        return false;
    if (b->made && !rq->event)
        b->head = b->number;
    rq->made = b->made;
    rq->number = (uint64_t)b->head;
    memcpy(rq->head, b->audit.hash, sizeof(rq->head));
    return true;
}

/* ---- the batch ----------------------------------------------------------------------------------
 */

static bool write_batch(struct batch *b, struct store_commit_rq *all, size_t num, bool *out_any,
                        struct err *e)
{
    int64_t before = b->head;

    for (size_t i = 0; i < num; i++) {
        if (!write_one(b, &all[i], e))
            return false;
        *out_any = *out_any || all[i].made;
    }
    if (!compact_logs(b->s, e))
        return false;
    return b->head / REST_EVERY == before / REST_EVERY || compact_rest(b->s, e);
}

static void refuse_all(const struct store *s, struct store_commit_rq *all, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        all[i].made = false;
        all[i].number = s->head;
        memcpy(all[i].head, s->audit.hash, sizeof(all[i].head));
    }
}

bool store_commit_batch(struct store *s, struct store_commit_rq *all, size_t num, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    struct batch b = {.s = s, .head = (int64_t)s->head, .now_ms = s->now_ms(), .audit = s->audit};
    bool any = false;
    bool ok = sql_run(s, sql_bind(s, SQL_BEGIN, e, ""), e) && write_batch(&b, all, num, &any, e);

    if (ok && any)
        ok = sql_run(s, sql_bind(s, SQL_COMMIT, e, ""), e);
    if (!ok || !any)
        sql_rollback(s);
    if (ok && any) {
        s->head = (uint64_t)b.head;
        s->audit = b.audit;
    } else {
        refuse_all(s, all, num);
    }
    free(b.clusters);
    return ok;
}

/* A struct for the two words of the audit would have one user: seven parameters with the error. */
/* NOLINTNEXTLINE(readability-function-size) */
bool store_commit(struct store *s, const struct store_change *changes, size_t num_changes,
                  const char *author, const char *cause, uint64_t *out_commit, struct err *e)
{
    struct store_commit_rq one = {
        .changes = changes, .num_changes = num_changes, .author = author, .cause = cause};
    bool ok = store_commit_batch(s, &one, 1, e);

    *out_commit = one.number;
    return ok;
}

bool store_audit_event(struct store *s, const char *author, const char *action, const char *tenant,
                       const char *detail, struct err *e)
{
    struct store_commit_rq one = {
        .event = true, .author = author, .cause = action, .tenant = tenant, .diff_json = detail};

    return store_commit_batch(s, &one, 1, e);
}
