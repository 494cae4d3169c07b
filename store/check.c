/*
 * Everything that can be said of a store's file without knowing what its documents mean: pages and
 * indexes, foreign keys, the schema's number, the audit chain. Reads only; a coordinator may have
 * the store meanwhile. Called by `check`, and of each backup before it gets its name.
 */
#include <stdio.h>
#include <string.h>

#include "store/migrate.h"
#include "store/store_priv.h"

static bool whole(struct store *s, struct err *e)
{
    char text[80];

    if (!sql_word(s, "PRAGMA integrity_check(1)", "it was checked", text, sizeof(text), e))
        return false;
    if (strcmp(text, "ok") != 0)
        return err_set(e, "StoreCorrupt", "--store",
                       "The store %s is damaged (%s). Restore a backup.", s->path, text);
    if (!sql_word(s, "PRAGMA foreign_key_check", "it was checked", text, sizeof(text), e))
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

    if (!sql_word(s, sql, "it was checked", text, sizeof(text), e))
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
