/*
 * The audit chain: each row's hash covers the hash before (audit_row.h). Whoever keeps a hash can
 * prove later that everything up to it is what it was. Compaction leaves the last hash of what
 * went. Called by commit.c, the API's lists and `check`; decides nothing about who may read what.
 */
#include <stdio.h>
#include <string.h>

#include "store/store_priv.h"

static const char cut_key[] = "audit/cut"; /* meta: "SEQ HASH" of the last row that went */

/* ---- writing ------------------------------------------------------------------------------------
 */

/* The row before the first one that is left: what compaction said, or the beginning. */
static bool load_cut(struct store *s, struct audit_end *out, struct err *e)
{
    char text[32 + STORE_HASH_HEX];
    long long seq = 0;
    int at = 0;

    memset(out->hash, '0', STORE_HASH_HEX);
    out->hash[STORE_HASH_HEX] = '\0';
    out->seq = 0;
    if (!store_recall(s, cut_key, text, sizeof(text), e))
        return false;
    if (text[0] == '\0')
        return true;
    if (sscanf(text, "%lld %n", &seq, &at) != 1 || seq < 1 ||
        strspn(text + at, "0123456789abcdef") != STORE_HASH_HEX ||
        text[at + STORE_HASH_HEX] != '\0')
        return err_set(e, "AuditBroken", "--store",
                       "The store %s does not say where its audit chain was cut.", s->path);
    out->seq = seq;
    memcpy(out->hash, text + at, STORE_HASH_HEX);
    return true;
}

static bool take_hash(struct store *s, sqlite3_stmt *row, int column, char out[STORE_HASH_HEX + 1],
                      struct err *e)
{
    if (sqlite3_column_bytes(row, column) != STORE_HASH_HEX)
        return err_set(e, "AuditBroken", "--store", "The store %s has a hash that is none.",
                       s->path);
    memcpy(out, sql_text(row, column), STORE_HASH_HEX + 1);
    return true;
}

bool audit_load(struct store *s, struct err *e)
{
    if (!load_cut(s, &s->audit, e))
        return false;
    sqlite3_stmt *q = sql_bind(s, SQL_AUDIT_LAST, e, "");
    bool failed;
    bool ok;

    if (!sql_next(s, q, &failed, e))
        return !failed;
    s->audit.seq = sqlite3_column_int64(q, 0);
    ok = take_hash(s, q, 1, s->audit.hash, e);
    sql_done(q);
    return ok;
}

bool audit_append(struct store *s, struct audit_end *end, const struct store_audit_row *row,
                  struct err *e)
{
    struct store_audit_row next = *row;
    char hash[STORE_HASH_HEX + 1];
    size_t size = STORE_ROW_BYTES + strlen(row->author) + strlen(row->action) +
                  strlen(row->tenant) + strlen(row->detail);

    next.seq = (uint64_t)end->seq + 1;
    next.prev = end->hash;
    audit_row_hash(&next, hash);
    if (!sql_run(s,
                 sql_bind(s, SQL_AUDIT_ADD, e, "iiittttti", (int64_t)next.seq, (int64_t)next.commit,
                          next.at_ms, next.author, next.action, next.tenant, next.detail, hash,
                          (int64_t)size),
                 e))
        return false;
    end->seq = (int64_t)next.seq;
    memcpy(end->hash, hash, sizeof(hash));
    return true;
}

bool audit_cut(struct store *s, int64_t last, struct err *e)
{
    char text[32 + STORE_HASH_HEX];
    char hash[STORE_HASH_HEX + 1];
    sqlite3_stmt *q = sql_bind(s, SQL_AUDIT_HASH, e, "i", last);
    bool failed;
    bool ok;

    if (!sql_next(s, q, &failed, e))
        return !failed; /* it went before */
    ok = take_hash(s, q, 0, hash, e);
    sql_done(q);
    if (!ok)
        return false;
    snprintf(text, sizeof(text), "%lld %s", (long long)last, hash);
    return store_remember(s, cut_key, text, e) &&
           sql_run(s, sql_bind(s, SQL_AUDIT_DELETE, e, "i", last), e);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

void store_audit_head(const struct store *s, char out[STORE_HASH_HEX + 1])
{
    OBJ_CHECK(s, STORE_MAGIC);
    memcpy(out, s->audit.hash, STORE_HASH_HEX + 1);
}

static struct store_audit_row row_of(sqlite3_stmt *q)
{
    return (struct store_audit_row){.seq = (uint64_t)sqlite3_column_int64(q, 0),
                                    .commit = (uint64_t)sqlite3_column_int64(q, 1),
                                    .at_ms = sqlite3_column_int64(q, 2),
                                    .author = sql_text(q, 3),
                                    .action = sql_text(q, 4),
                                    .tenant = sql_text(q, 5),
                                    .detail = sql_text(q, 6)};
}

/* NOLINTNEXTLINE(readability-function-size): seven parameters with the error, as in the header */
bool store_each_audit(struct store *s, const char *tenant, uint64_t before, size_t max,
                      store_audit_fn *fn, void *arg, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    sqlite3_stmt *q = sql_bind_page(s, SQL_EACH_AUDIT, SQL_EACH_AUDIT_OF, tenant, before, max, e);
    bool failed;

    while (sql_next(s, q, &failed, e)) {
        struct store_audit_row row = row_of(q);

        row.prev = sql_text(q, 7);
        row.hash = sql_text(q, 8);
        fn(arg, &row);
    }
    return !failed;
}

/* ---- verifying ----------------------------------------------------------------------------------
 */

struct walk {
    struct audit_end end;
    const char *head; /* NULL: not asked */
    bool found;
    uint64_t rows;
};

static bool step(const struct store *s, struct walk *w, sqlite3_stmt *q, struct err *e)
{
    struct store_audit_row row = row_of(q);
    char hash[STORE_HASH_HEX + 1];

    row.prev = w->end.hash;
    audit_row_hash(&row, hash);
    if ((int64_t)row.seq != w->end.seq + 1 || strcmp(hash, sql_text(q, 7)) != 0)
        return err_set(e, "AuditBroken", "--store",
                       "The audit of the store %s breaks at row %lld: it, or one before it, was "
                       "changed or removed since. What follows proves nothing.",
                       s->path, (long long)w->end.seq + 1);
    w->end.seq++;
    w->rows++;
    memcpy(w->end.hash, hash, sizeof(hash));
    w->found = w->found || (w->head != NULL && strcmp(w->head, hash) == 0);
    return true;
}

static bool walk(struct store *s, struct walk *w, struct err *e)
{
    sqlite3_stmt *q = sql_bind(s, SQL_AUDIT_CHAIN, e, "");
    bool failed;

    while (sql_next(s, q, &failed, e)) {
        if (!step(s, w, q, e)) {
            sql_done(q);
            return false;
        }
    }
    return !failed;
}

static bool missing(const struct store *s, const struct walk *w, int64_t cut, struct err *e)
{
    if (w->head == NULL || w->found)
        return true;
    if (cut == 0)
        return err_set(e, "AuditHead", "--head",
                       "The audit of the store %s never had this hash: it is not the chain that "
                       "the hash was taken from, or its end is missing.",
                       s->path);
    return err_set(e, "AuditCompacted", "--head",
                   "The audit of the store %s has no such hash in rows %lld to %lld. Rows up to "
                   "%lld are compacted away: a hash older than that can be told from a wrong one "
                   "no more.",
                   s->path, (long long)cut + 1, (long long)w->end.seq, (long long)cut);
}

bool store_audit_verify(struct store *s, const char *head, uint64_t *out_rows, struct err *e)
{
    OBJ_CHECK(s, STORE_MAGIC);
    struct walk w = {.head = head};
    int64_t cut;
    bool ok;

    *out_rows = 0;
    ok = sql_run(s, sql_bind(s, SQL_BEGIN_READ, e, ""), e) && load_cut(s, &w.end, e);
    cut = w.end.seq;
    w.found = head != NULL && strcmp(head, w.end.hash) == 0;
    ok = ok && walk(s, &w, e) && missing(s, &w, cut, e);
    sql_rollback(s); /* nothing was written */
    *out_rows = w.rows;
    return ok;
}
