/*
 * Documents: the part of a commit that changes them and keeps what was before, all of them as they
 * are, and as they were after an earlier commit (walking back by what each commit replaced). Knows
 * nothing of what a document means. Called by commit.c and whoever loads or rolls back.
 */
#include <string.h>

#include "store/store_priv.h"

/* A document that stands in the way of its change; `row` is on it while there is one. */
struct before {
    sqlite3_stmt *row;
    const char *value; /* NULL: there is none; lent by the row */
    int64_t created_ms;
    int64_t size;
};

static bool find(struct store *s, const struct store_doc_change *change, struct before *out,
                 struct err *e)
{
    bool failed;

    *out = (struct before){
        .row = sql_bind(s, SQL_DOC_GET, e, "ttt", change->tenant, change->kind, change->name)};
    if (!sql_next(s, out->row, &failed, e)) {
        out->row = NULL;
        return !failed;
    }
    out->value = sql_text(out->row, 0);
    out->size = sqlite3_column_bytes(out->row, 0);
    out->created_ms = sqlite3_column_int64(out->row, 1);
    return true;
}

static bool same(const struct before *was, const struct store_doc_change *change)
{
    if (was->value == NULL || change->value == NULL)
        return was->value == change->value;
    return was->created_ms == change->created_ms && strcmp(was->value, change->value) == 0;
}

static bool keep_history(struct batch *b, const struct store_doc_change *change,
                         const struct before *was, struct err *e)
{
    return sql_run(b->s,
                   sql_bind(b->s, SQL_HISTORY_ADD, e, "ittttii", b->number, change->tenant,
                            change->kind, change->name, was->value, was->created_ms,
                            was->size + STORE_ROW_BYTES),
                   e);
}

static bool put(struct batch *b, const struct store_doc_change *change, struct err *e)
{
    sqlite3_stmt *q;

    if (change->value != NULL)
        q = sql_bind(b->s, SQL_DOC_SET, e, "ttttii", change->tenant, change->kind, change->name,
                     change->value, change->created_ms, b->number);
    else
        q = sql_bind(b->s, SQL_DOC_DELETE, e, "ttt", change->tenant, change->kind, change->name);
    return sql_run(b->s, q, e);
}

bool documents_apply(struct batch *b, const struct store_doc_change *change, struct err *e)
{
    struct before was;
    bool ok;

    if (!find(b->s, change, &was, e))
        return false;
    bool unchanged = same(&was, change);

    ok = unchanged || (batch_differs(b, e) && keep_history(b, change, &was, e));
    sql_done(was.row); /* before the row that it lends is written over */
    return ok && (unchanged || put(b, change, e));
}

bool store_each_doc(struct store *s, store_doc_fn *fn, void *arg, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind(s, SQL_EACH_DOC, e, "");
    bool failed;

    while (sql_next(s, q, &failed, e)) {
        const struct store_doc d = {.tenant = sql_text(q, 0),
                                    .kind = sql_text(q, 1),
                                    .name = sql_text(q, 2),
                                    .value = sql_text(q, 3),
                                    .set_by = (uint64_t)sqlite3_column_int64(q, 4),
                                    .created_ms = sqlite3_column_int64(q, 5)};

        fn(arg, &d);
    }
    return !failed;
}

static bool reaches(struct store *s, uint64_t at, struct err *e)
{
    int64_t floor = 0;

    if (!meta_number(s, history_floor_key, &floor, e))
        return false;
    return at >= (uint64_t)floor ||
           err_set(
               e, "Compacted", "",
               "The history of documents goes back to commit %llu, not to %llu: what was before "
               "is compacted away.",
               (unsigned long long)floor, (unsigned long long)at);
}

static bool each_then(struct store *s, uint64_t at, const char *tenant, store_doc_then_fn *fn,
                      void *arg, struct err *e)
{
    sqlite3_stmt *q = sql_bind(s, SQL_DOCS_AT, e, "it", (int64_t)at, tenant);
    bool failed;

    while (sql_next(s, q, &failed, e)) {
        const struct store_doc now = {.tenant = sql_text(q, 0),
                                      .kind = sql_text(q, 1),
                                      .name = sql_text(q, 2),
                                      .value = (const char *)sqlite3_column_text(q, 3),
                                      .set_by = (uint64_t)sqlite3_column_int64(q, 4),
                                      .created_ms = sqlite3_column_int64(q, 5)};

        fn(arg, &now, (const char *)sqlite3_column_text(q, 6), sqlite3_column_int64(q, 7));
    }
    return !failed;
}

/* In one transaction, so that nothing is compacted away between the question and the answer. */
/* NOLINTNEXTLINE(readability-function-size): seven parameters with the error, as in the header */
bool store_docs_at(struct store *s, uint64_t at, const char *tenant, store_doc_then_fn *fn,
                   void *arg, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    if (at > INT64_MAX)
        at = INT64_MAX;
    bool ok = sql_run(s, sql_bind(s, SQL_BEGIN_READ, e, ""), e) && reaches(s, at, e) &&
              each_then(s, at, tenant, fn, arg, e);

    sql_rollback(s); /* nothing was written */
    return ok;
}
