/*
 * The only file that knows how SQLite's statements and errors work: prepared once, bound, stepped,
 * reset; errors become codes and sentences that say the way back.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "store/store_priv.h"

static int errno_of(sqlite3_file *file)
{
    int number = 0;

    if (file == NULL || file->pMethods == NULL ||
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) != SQLITE_OK)
        return 0;
    return number;
}

/*
 * The system's reason for an I/O error. sqlite3_system_errno is not enough: it is read after
 * SQLite's own clean-up, which may have replaced it; the files remember theirs.
 */
static int system_error(sqlite3 *db)
{
    sqlite3_file *log = NULL;
    sqlite3_file *file = NULL;
    int number = 0;

    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK)
        number = errno_of(log);
    if (number == 0 &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK)
        number = errno_of(file);
    return number != 0 ? number : sqlite3_system_errno(db);
}

static const char *classify(int code, int os_error)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return "StoreFull";
    case SQLITE_READONLY:
        return "StoreReadOnly";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "StoreLocked";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "StoreCorrupt";
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        break;
    default:
        return "StoreFailed";
    }
    if (os_error == ENOSPC || os_error == EDQUOT || os_error == EFBIG)
        return "StoreFull";
    if (os_error == EACCES || os_error == EPERM || os_error == EROFS)
        return "StoreReadOnly";
    return "StoreFailed";
}

static const char *way_back(const char *class)
{
    if (strcmp(class, "StoreFull") == 0)
        return "Nothing was changed; free space on its file system (\"df -h\" shows it), no "
               "restart "
               "is needed.";
    if (strcmp(class, "StoreReadOnly") == 0)
        return "Let the coordinator's user write the file and its folder (chown, remount), no "
               "restart "
               "is needed.";
    if (strcmp(class, "StoreLocked") == 0)
        return "Another process has it open, a second coordinator or sqlite3: end that one "
               "(\"fuser -v\" on the file names it), no restart is needed.";
    if (strcmp(class, "StoreCorrupt") == 0)
        return "Restore a backup, or move the file and its -wal away: what the labels say is then "
               "read from the swarm anew. Nothing is deleted by itself.";
    return "Nothing was changed.";
}

bool sql_fail_errno(const char *path, const char *doing, struct err *e)
{
    int number = errno;
    const char *class = classify(SQLITE_IOERR, number);

    return err_set(e, class, "--store", "The store %s failed while %s: %s. %s", path, doing,
                   strerrordesc_np(number), way_back(class));
}

bool sql_fail(sqlite3 *db, const char *path, const char *doing, struct err *e)
{
    int code = sqlite3_extended_errcode(db);
    const char *class = classify(code, system_error(db));

    return err_set(e, class, "--store", "The store %s failed while %s: %s. %s", path, doing,
                   sqlite3_errmsg(db), way_back(class));
}

static sqlite3_stmt *prepared(struct store *s, enum sql_id id, struct err *e)
{
    sqlite3_stmt **slot = &s->statements[id];

    if (*slot == NULL && sqlite3_prepare_v3(s->db, sql_texts[id], -1, SQLITE_PREPARE_PERSISTENT,
                                            slot, NULL) != SQLITE_OK) {
        sql_fail(s->db, s->path, "preparing a statement", e);
        return NULL;
    }
    return *slot;
}

sqlite3_stmt *sql_bind(struct store *s, enum sql_id id, struct err *e, const char *types, ...)
{
    sqlite3_stmt *bound = prepared(s, id, e);
    int rc = SQLITE_OK;
    va_list ap;

    if (bound == NULL)
        return NULL;
    va_start(ap, types);
    for (int i = 0; types[i] != '\0' && rc == SQLITE_OK; i++)
        rc = types[i] == 'i'
                 ? sqlite3_bind_int64(bound, i + 1, va_arg(ap, int64_t))
                 : sqlite3_bind_text(bound, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
    va_end(ap);
    if (rc != SQLITE_OK) {
        sql_fail(s->db, s->path, "binding a value", e);
        sql_done(bound);
        return NULL;
    }
    return bound;
}

/* NOLINTNEXTLINE(readability-function-size): a struct for a page would have this one user */
sqlite3_stmt *sql_bind_page(struct store *s, enum sql_id all, enum sql_id of, const char *tenant,
                            uint64_t before, size_t max, struct err *e)
{
    int64_t below = before == 0 || before > INT64_MAX ? INT64_MAX : (int64_t)before;
    int64_t most = max > INT64_MAX ? INT64_MAX : (int64_t)max;

    if (tenant == NULL)
        return sql_bind(s, all, e, "ii", below, most);
    return sql_bind(s, of, e, "iit", below, most, tenant);
}

void sql_done(sqlite3_stmt *bound)
{
    if (bound == NULL)
        return;
    (void)sqlite3_reset(bound); /* repeats the error of the last step, which was reported then */
    (void)sqlite3_clear_bindings(bound);
}

bool sql_next(struct store *s, sqlite3_stmt *bound, bool *failed, struct err *e)
{
    int rc;

    *failed = bound == NULL; /* sql_bind has filled *e */
    if (*failed)
        return false;
    rc = sqlite3_step(bound);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE) {
        sql_fail(s->db, s->path, "running a statement", e);
        *failed = true;
    }
    sql_done(bound);
    return false;
}

bool sql_run(struct store *s, sqlite3_stmt *bound, struct err *e)
{
    bool failed;

    if (sql_next(s, bound, &failed, e))
        sql_done(bound); /* rows that nobody wanted */
    return !failed;
}

bool sql_number(struct store *s, sqlite3_stmt *bound, int64_t *out, struct err *e)
{
    bool failed;

    if (!sql_next(s, bound, &failed, e))
        return !failed;
    if (sqlite3_column_type(bound, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(bound, 0);
    sql_done(bound);
    return true;
}

const char *sql_text(sqlite3_stmt *row, int column)
{
    const char *t = (const char *)sqlite3_column_text(row, column);

    ASSERT(t != NULL); /* NOT NULL columns of a STRICT table; SQLite's allocator aborts like ours */
    return t;
}

void sql_rollback(struct store *s)
{
    struct err ignored; /* the error that led here is the one to tell */

    if (sqlite3_get_autocommit(s->db) != 0)
        return; /* SQLite has left the transaction by itself, as after SQLITE_FULL */
    if (!sql_run(s, sql_bind(s, SQL_ROLLBACK, &ignored, ""), &ignored))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* the last thing to try */
}

void sql_finalize_all(struct store *s)
{
    for (int i = 0; i < SQL__COUNT; i++)
        (void)sqlite3_finalize(s->statements[i]); /* repeats an error that was reported */
}

bool sql_word(struct store *s, const char *sql, const char *doing, char *out, size_t max,
              struct err *e)
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
        sql_fail(s->db, s->path, doing, e);
    (void)sqlite3_finalize(q); /* repeats the error of the step */
    return ok;
}
