/*
 * Copies of a store as one moment has it, made by SQLite's backup API in steps from inside one read
 * transaction: a coordinator that has the store goes on writing, and the copy does not begin again
 * with each of its commits. A copy is written beside its name, fsynced, and renamed into place, so
 * that the name has a whole copy or what was there before.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/core/fd.h"
#include "store/store_priv.h"

enum { STEP_PAGES = 256 };

static bool sync_file(const char *path, int flags, const char *doing, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        sql_fail_errno(path, doing, e);
    fd_close(&fd);
    return ok;
}

bool store_sync_folder(const char *path, struct err *e)
{
    char *copy = xstrdup(path);
    bool ok = sync_file(dirname(copy), O_DIRECTORY, "its folder was synced", e);

    free(copy);
    return ok;
}

bool store_drop_beside(const char *path, struct err *e)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    bool ok = true;

    for (size_t i = 0; ok && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char *name = xasprintf("%s%s", path, suffixes[i]);

        ok = unlink(name) == 0 || errno == ENOENT || sql_fail_errno(name, "it was removed", e);
        free(name);
    }
    return ok;
}

/* Nobody sees it before it is whole: no journal is needed. */
static sqlite3 *make(const char *to, struct err *e)
{
    sqlite3 *db = NULL;

    if (!store_drop_beside(to, e))
        return NULL;
    int fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        sql_fail_errno(to, "it was made", e);
        return NULL;
    }
    fd_close(&fd);
    if (sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL) ==
            SQLITE_OK &&
        sqlite3_exec(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL) ==
            SQLITE_OK)
        return db;
    sql_fail(db, to, "it was made", e);
    (void)sqlite3_close(db); /* nothing is open in it */
    return NULL;
}

static bool copy_pages(sqlite3 *from, const char *path, sqlite3 *db, const char *to, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(db, "main", from, "main");
    int rc;

    if (b == NULL)
        return sql_fail(db, to, "a copy was begun", e);
    do
        rc = sqlite3_backup_step(b, STEP_PAGES);
    while (rc == SQLITE_OK);
    bool failed_there = sqlite3_backup_finish(b) != SQLITE_OK && sqlite3_errcode(db) != SQLITE_OK;

    if (rc == SQLITE_DONE && !failed_there)
        return true;
    return failed_there ? sql_fail(db, to, "a copy was written", e)
                        : sql_fail(from, path, "it was copied", e);
}

static bool write_copy(sqlite3 *from, const char *path, const char *to, struct err *e)
{
    sqlite3 *db = make(to, e);
    bool ok;

    if (db == NULL)
        return false;
    ok = copy_pages(from, path, db, to, e);
    /* The pages say that there is a log; a backup is one file. */
    if (ok && sqlite3_exec(db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        ok = sql_fail(db, to, "a copy was finished", e);
    (void)sqlite3_close(db); /* nothing is open in it */
    return ok && sync_file(to, 0, "a copy was synced", e);
}

/* The read transaction begins with the first read; it holds this moment for all steps. */
static bool copy_moment(sqlite3 *from, const char *path, const char *to, struct err *e)
{
    bool ok = true;

    if (sqlite3_exec(from, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) !=
        SQLITE_OK)
        ok = sql_fail(from, path, "it was read", e);
    ok = ok && write_copy(from, path, to, e);
    (void)sqlite3_exec(from, "ROLLBACK", NULL, NULL, NULL); /* nothing was written */
    return ok;
}

static bool put_in_place(const char *partial, const char *to, struct err *e)
{
    if (rename(partial, to) != 0)
        return sql_fail_errno(to, "a copy was put in its place", e);
    return store_sync_folder(to, e);
}

bool store_copy(sqlite3 *from, const char *path, const char *to, struct err *e)
{
    char *partial = xasprintf("%s.partial", to);
    bool ok = copy_moment(from, path, partial, e) && put_in_place(partial, to, e);

    if (!ok)
        (void)unlink(partial); /* it may never have been there */
    free(partial);
    return ok;
}

bool store_backup(const char *path, const char *to, struct err *e)
{
    struct store *s = store_attach(path, true, e);
    struct store_findings found;
    char *unchecked = xasprintf("%s.unchecked", to);
    bool ok = s != NULL && store_is_ours(s, e) && store_copy(s->db, path, unchecked, e) &&
              store_check(unchecked, &found, e) && put_in_place(unchecked, to, e);

    if (!ok)
        (void)unlink(unchecked); /* the same */
    store_close(s);
    free(unchecked);
    return ok;
}
