/*
 * Brings a database up to the newest schema, one numbered step after the other, each in a
 * transaction together with its number: a crash leaves whole steps. Whether the file is ours and
 * not newer than this program is checked by store.c before.
 */
#include "store/migrate.h"

#include <stdio.h>

#include <sqlite3.h>

#include "gateway/core/check.h"
#include "store/store_priv.h"

static bool version(sqlite3 *db, int *out)
{
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &q, NULL) == SQLITE_OK &&
              sqlite3_step(q) == SQLITE_ROW;

    if (ok)
        *out = sqlite3_column_int(q, 0);
    (void)sqlite3_finalize(q); /* repeats the error of the step */
    return ok;
}

static bool run_step(sqlite3 *db, const struct store_migration *m)
{
    char number[64];

    snprintf(number, sizeof(number), "PRAGMA user_version = %d", m->number);
    return sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(db, m->sql, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(db, number, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

bool store_migrate(sqlite3 *db, const char *path, struct err *e)
{
    int done = 0;
    char doing[128];

    if (!version(db, &done))
        return sql_fail(db, path, "its schema's number was read", e);
    for (size_t i = 0; i < store_num_migrations; i++) {
        const struct store_migration *m = &store_migrations[i];

        ASSERT(m->number == (int)i + 1);
        if (m->number <= done || run_step(db, m))
            continue;
        snprintf(doing, sizeof(doing), "its schema was brought to step %s", m->name);
        sql_fail(db, path, doing, e);
        if (sqlite3_get_autocommit(db) == 0)
            (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* the first error is told */
        return false;
    }
    return true;
}
