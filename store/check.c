/*
 * Everything that can be said of a store's file without knowing what its documents mean: pages and
 * indexes, foreign keys, the schema's number, the audit chain. Reads only; a coordinator may have
 * the store meanwhile. Called by `check`, and of each backup before it gets its name.
 */
#include <stdio.h>
#include <string.h>

#include "store/migrate.h"
#include "store/store_priv.h"

/* "ok", no row at all, or the first complaint, cut. */
static bool ask_all(struct store *s, const char *sql, char *out, size_t max, struct err *e)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);

    out[0] = '\0';
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        snprintf(out, max, "%s", (const char *)sqlite3_column_text(q, 0));
    bool ok = rc == SQLITE_ROW || rc == SQLITE_DONE;

    if (!ok)
        sql_fail(s->db, s->path, "it was checked", e);
    (void)sqlite3_finalize(q); /* repeats the error of the step */
    return ok;
}

static bool whole(struct store *s, struct err *e)
{
    char text[80];

    if (!ask_all(s, "PRAGMA integrity_check(1)", text, sizeof(text), e))
        return false;
    if (strcmp(text, "ok") != 0)
        return err_set(e, "StoreCorrupt", "--store",
                       "The store %s is damaged (%s). Restore a backup.", s->path, text);
    if (!ask_all(s, "PRAGMA foreign_key_check", text, sizeof(text), e))
        return false;
    return text[0] == '\0' ||
           err_set(e, "StoreCorrupt", "--store",
                   "The store %s is damaged: a row of %s refers to one that is not there. Restore "
                   "a backup.",
                   s->path, text);
}

static bool number(struct store *s, const char *sql, uint64_t *out, struct err *e)
{
    char text[32];
    unsigned long long n = 0;

    if (!ask_all(s, sql, text, sizeof(text), e))
        return false;
    (void)sscanf(text, "%llu", &n); /* "" when there is none: 0 */
    *out = n;
    return true;
}

static bool look(struct store *s, struct store_findings *out, struct err *e)
{
    if (!store_is_ours(s, e))
        return false;
    if (!s->marked || s->schema == 0)
        return err_set(e, "StoreForeign", "--store",
                       "%s is empty: no store was ever made in it, or its -wal is missing.",
                       s->path);
    out->schema = s->schema;
    if (!whole(s, e) || !number(s, "SELECT max(number) FROM commits", &out->head, e))
        return false;
    if (s->schema < 2) /* from before documents and audit */
        return true;
    if (!number(s, "SELECT count(*) FROM documents", &out->documents, e) ||
        !store_audit_verify(s, NULL, &out->audit_rows, e) || !audit_load(s, e))
        return false;
    store_audit_head(s, out->audit_head);
    return true;
}

bool store_check(const char *path, struct store_findings *out, struct err *e)
{
    struct store *s = store_attach(path, true, e);
    bool ok;

    memset(out, 0, sizeof(*out));
    if (s == NULL)
        return false;
    ok = look(s, out, e);
    store_close(s);
    return ok;
}
