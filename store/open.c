/*
 * Opening and closing: the lock, the file, the checks that keep us from harming a file that is not
 * ours, is newer than we are or is damaged, the settings of the connection, the copy that is made
 * before a migration, the epoch. Readers, which have no lock, come in by a shorter way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/core/check.h"
#include "gateway/core/clock.h"
#include "gateway/core/fd.h"
#include "gateway/core/log.h"
#include "store/migrate.h"
#include "store/store_priv.h"

enum {
    BUSY_TIMEOUT_MS = 250, /* the caller tries again */
    LOG_ROWS_MAX = 100000,
    COMMITS_MAX = 1000000,
    HISTORY_ROWS_MAX = 200000,
    AUDIT_ROWS_MAX = 1000000,
    TEXT_MAX = 160,
    CHECK_MS = 2000,    /* the check at the start takes no longer: a gigabyte would take minutes */
    CHECK_STEPS = 10000 /* of SQLite's machine between two looks at the clock */
};

static const int64_t day_ms = (int64_t)24 * 3600 * 1000;
static const int64_t logs_bytes_max = (int64_t)256 << 20; /* of history, and of audit */

/* Makes an empty file readable by nobody else, with better reasons than SQLite gives. */
static bool make_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        fd_close(&fd);
        return true;
    }
    switch (errno) {
    case EEXIST:
        return true;
    case ENOENT:
    case ENOTDIR:
        return err_set(e, "StoreNoDirectory", "--store",
                       "The folder of the store %s is not there: make it, or mount the volume.",
                       path);
    case EACCES:
    case EPERM:
    case EROFS:
        return err_set_errno(e, "StoreReadOnly", "--store",
                             "The store %s cannot be made: let the coordinator's user write its "
                             "folder",
                             path);
    case ENOSPC:
    case EDQUOT:
        return err_set_errno(e, "StoreFull", "--store",
                             "The store %s cannot be made: free space on its file system", path);
    default:
        return err_set_errno(e, "StoreFailed", "--store", "The store %s cannot be made", path);
    }
}

/* What SQLite would take for a new store, and delete: an empty file beside a log that is not. */
static bool check_size(const char *path, struct err *e)
{
    char *wal = xasprintf("%s-wal", path);
    struct stat file;
    struct stat log;
    bool ok = true;

    if (stat(path, &file) != 0)
        ok = err_set_errno(e, "StoreFailed", "--store", "The store %s cannot be looked at", path);
    else if (S_ISDIR(file.st_mode))
        ok = err_set(e, "StoreNoFile", "--store",
                     "The store %s is a folder: name a file in it, for example %s/signalbox.db.",
                     path, path);
    else if (!S_ISREG(file.st_mode))
        ok = err_set(e, "StoreNoFile", "--store", "The store %s is no regular file.", path);
    else if (file.st_size == 0 && stat(wal, &log) == 0 && log.st_size > 0)
        ok = err_set(e, "StoreCorrupt", "--store",
                     "The store %s is empty, but its -wal is not. Restore a backup, or move both "
                     "away: what the labels say is then read from the swarm anew.",
                     path);
    free(wal);
    return ok;
}

static bool ask(struct store *s, const char *sql, char out[TEXT_MAX], struct err *e)
{
    return sql_word(s, sql, "it was opened", out, TEXT_MAX, e);
}

static bool ask_number(struct store *s, const char *sql, int64_t *out, struct err *e)
{
    char text[TEXT_MAX];

    if (!ask(s, sql, text, e))
        return false;
    *out = strtoll(text, NULL, 10); /* SQLite prints integers */
    return true;
}

static bool set_up(struct store *s, struct err *e)
{
    int keep = 1;

    if (sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS) != SQLITE_OK ||
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        /* The -wal (empty after a clean end) and the -shm stay, so that a start on a full disk has
         * what it needs. */
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep) != SQLITE_OK ||
        sqlite3_exec(s->db,
                     "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                     "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
                     "PRAGMA journal_size_limit = 67108864",
                     NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(s->db, s->path, "it was opened", e);
    return true;
}

/* For who reads only: it neither writes nor, as the last one to leave, tidies up. */
static bool set_reading(struct store *s, struct err *e)
{
    if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK ||
        sqlite3_exec(s->db, "PRAGMA query_only = ON", NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(s->db, s->path, "it was opened", e);
    return true;
}

static bool connect_file(struct store *s, bool reading, struct err *e)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

    /* It opens read-only what cannot be written; the locks that we take would fail without reason.
     */
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK) {
        if (s->db == NULL) /* no memory even for the handle */
            return err_set(e, "StoreFailed", "--store", "The store %s: out of memory.", s->path);
        if (sqlite3_system_errno(s->db) == ENOENT)
            return err_set(e, "StoreMissing", "--store", "There is no store at %s.", s->path);
        return sql_fail(s->db, s->path, "it was opened", e);
    }
    if (!reading && sqlite3_db_readonly(s->db, "main") != 0)
        return err_set(
            e, "StoreReadOnly", "--store",
            "The store %s cannot be written: let the coordinator's user write it and its "
            "folder (chown, remount), no restart is needed.",
            s->path);
    return set_up(s, e) && (!reading || set_reading(s, e));
}

static int on_progress(void *arg)
{
    const struct store *s = arg;

    return clock_mono_ms() >= s->check_until_ms;
}

/* A page here and there that cannot be read shows later; a start that takes minutes shows now. */
static bool check_pages(struct store *s, struct err *e)
{
    char text[TEXT_MAX];
    struct err why = {0};
    bool ok;
    bool late;

    s->check_until_ms = clock_mono_ms() + CHECK_MS;
    sqlite3_progress_handler(s->db, CHECK_STEPS, on_progress, s);
    ok = ask(s, "PRAGMA quick_check(1)", text, &why);
    late = !ok && (sqlite3_errcode(s->db) & 0xff) == SQLITE_INTERRUPT;
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    if (late) {
        log_warn("the store %s is large, its check was ended after %d ms", s->path, (int)CHECK_MS);
        return true;
    }
    if (!ok) {
        *e = why;
        return false;
    }
    return strcmp(text, "ok") == 0 ||
           err_set(e, "StoreCorrupt", "--store",
                   "The store %s is damaged (%.60s). Restore a backup, or move the file and its "
                   "-wal away: what the labels say is then read from the swarm anew.",
                   s->path, text);
}

bool store_is_ours(struct store *s, struct err *e)
{
    int64_t id;
    int64_t version;
    int64_t num_tables;

    if (!ask_number(s, "PRAGMA application_id", &id, e) ||
        !ask_number(s, "PRAGMA user_version", &version, e) ||
        !ask_number(s, "SELECT count(*) FROM sqlite_schema", &num_tables, e))
        return false;
    if (id != STORE_APPLICATION_ID && (id != 0 || num_tables > 0))
        return err_set(e, "StoreForeign", "--store",
                       "%s is a database of some other program; name another file.", s->path);
    if (version > (int64_t)store_num_migrations)
        return err_set(e, "StoreNewer", "--store",
                       "The store %s has schema %lld, this program knows up to %zu: run the newer "
                       "program again, or give this one another file (labels are read anew).",
                       s->path, (long long)version, store_num_migrations);
    s->marked = id == STORE_APPLICATION_ID;
    s->schema = (int)version;
    return true;
}

/* What the migration replaces, should somebody want the older program back. */
static bool keep_before_migration(struct store *s, struct err *e)
{
    if (s->schema == 0 || s->schema == (int)store_num_migrations)
        return true;
    char *to = xasprintf("%s.before-schema-%zu", s->path, store_num_migrations);
    bool ok = store_copy(s->db, s->path, to, e);

    if (ok)
        log_info("the store %s is brought from schema %d to %zu; as it was it is kept in %s",
                 s->path, s->schema, store_num_migrations, to);
    free(to);
    return ok;
}

static bool prepare_file(struct store *s, struct err *e)
{
    char text[TEXT_MAX];
    char sql[64];

    if (!ask(s, "PRAGMA journal_mode = WAL", text, e))
        return false;
    if (strcmp(text, "wal") != 0)
        return err_set(e, "StoreFailed", "--store",
                       "The store %s is on a file system that cannot do write-ahead logging (mode "
                       "%s): put it on a local one.",
                       s->path, text);
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
    /* Not again: a full disk would refuse it, and the store could be read. */
    if (!s->marked && sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sql_fail(s->db, s->path, "it was marked as ours", e);
    return keep_before_migration(s, e) && store_migrate(s->db, s->path, e);
}

/* A log that is not cut because there is no room is a longer log, not a reason not to start. */
static bool compact(struct store *s, struct err *e)
{
    struct err why = {0};

    if (compact_all(s, &why))
        return true;
    if (strcmp(why.code, "StoreFull") == 0) {
        log_warn("the change log is not cut: %s", why.text);
        return true;
    }
    *e = why;
    return false;
}

bool store_load(struct store *s, struct err *e)
{
    int64_t head = 0;

    if (!meta_load_epoch(s, e) || !sql_number(s, sql_bind(s, SQL_HEAD, e, ""), &head, e))
        return false;
    s->head = (uint64_t)head;
    return audit_load(s, e);
}

struct store *store_attach(const char *path, bool reading, struct err *e)
{
    struct store *s = xcalloc(1, sizeof(*s));

    s->magic = STORE_MAGIC;
    s->path = xstrdup(path);
    s->lock = -1;
    s->log_rows_max = LOG_ROWS_MAX;
    s->log_age_max_ms = 7 * day_ms;
    s->commits_max = COMMITS_MAX;
    s->history_max = (struct log_limits){HISTORY_ROWS_MAX, logs_bytes_max, 90 * day_ms};
    s->audit_max = (struct log_limits){AUDIT_ROWS_MAX, logs_bytes_max, 400 * day_ms};
    s->now_ms = clock_wall_ms;
    if (connect_file(s, reading, e))
        return s;
    store_close(s);
    return NULL;
}

struct store *store_open(const char *path, struct err *e)
{
    int lock;

    if (!make_file(path, e) || !check_size(path, e) || (lock = lock_take(path, e)) < 0)
        return NULL;
    struct store *s = store_attach(path, false, e);

    if (s == NULL) {
        fd_close(&lock);
        return NULL;
    }
    s->lock = lock;
    if (store_is_ours(s, e) && check_pages(s, e) && prepare_file(s, e) && store_load(s, e) &&
        compact(s, e))
        return s;
    store_close(s);
    return NULL;
}

struct store *store_open_reader(const char *path, struct err *e)
{
    struct store *s = store_attach(path, true, e);

    if (s == NULL)
        return NULL;
    if (!store_is_ours(s, e))
        goto refused;
    if (s->schema != (int)store_num_migrations) {
        err_set(e, "StoreFailed", "--store", "The store %s has schema %d, not yet %zu.", path,
                s->schema, store_num_migrations);
        goto refused;
    }
    if (store_load(s, e))
        return s;
refused:
    store_close(s);
    return NULL;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    OBJ_CHECK(s, STORE_MAGIC);
    sql_finalize_all(s);
    /* Fails only with statements that are still open, and there are none. */
    int rc = sqlite3_close(s->db);

    ASSERT(rc == SQLITE_OK);
    fd_close(&s->lock);
    free(s->path);
    OBJ_KILL(s);
}
